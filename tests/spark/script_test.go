//go:build cgo && unix

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLog(t *testing.T) {
	const log = "-- 2026-01-01T00:00:00.000Z\nSELECT ';\n\n', 1\n;\n\n-- 2026-01-01T00:00:01.000Z\nSELECT\n-- a comment\ncurrent_timestamp()\n;\n\n"
	got, err := parseLog(log)
	if err != nil {
		t.Fatal(err)
	}
	want := []event{{SQL: "SELECT ';\n\n', 1"}, {SQL: "SELECT\n-- a comment\n" + moment}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "SELECT 1\n;\n\n", log[:len(log)-1]} {
		if _, err := parseLog(broken); err == nil {
			t.Errorf("%q is taken for a log", broken)
		}
	}
}

func TestRecorded(t *testing.T) {
	files := []string{"d/TestBronze-1.jsonl", "d/TestCorpus-numbers-1.jsonl"}
	if err := recorded(files, []string{"c/numbers.sql"}); err != nil {
		t.Error(err)
	}
	for _, corpus := range [][]string{nil, {"c/numbers.sql", "c/texts.sql"}} {
		if recorded(files, corpus) == nil {
			t.Errorf("%v counts as recorded", corpus)
		}
	}
}
