//go:build cgo && unix

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// check, a plan and a full load name all collisions of a table at once, in the same words. The lines
// that they give, put together under one section, fix the table.
func TestAllCollisionsOfATable(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec(`CREATE TABLE t (id int PRIMARY KEY, "Name" text, name text, "NAME" text, _op text, "_Entry" int, "${x}" int)`,
		"INSERT INTO t VALUES (1, 'a', 'b', 'c', 'd', 2, 3)", "CREATE TABLE kept (id int PRIMARY KEY, _snapshot int, _end_lsn int)")
	collisions := []struct{ what, line string }{
		{`columns "Name" and "name" differ only in case`, `rename."name" = "name_2"`},
		{`columns "Name" and "NAME" differ only in case`, `rename."NAME" = "NAME_3"`},
		{`column "_op" has the name of a metadata column`, `rename."_op" = "op"`},
		{`column "_Entry" has the name of a metadata column`, `rename."_Entry" = "Entry"`},
		{`the name of column "${x}" holds ${…}`, `rename."${x}" = "x"`},
	}
	const section = ` under [tables."public.t"]`
	_, checked, _ := b.run("check", "--output", "json")
	var check struct{ Findings []finding.Finding }
	if err := json.Unmarshal([]byte(checked), &check); err != nil {
		t.Fatal(err)
	}
	var ofTable []finding.Finding
	for _, f := range check.Findings {
		if f.Subject == "public.t" && f.Level == finding.Problem {
			ofTable = append(ofTable, f)
		}
	}
	if len(ofTable) != len(collisions) {
		t.Fatalf("check found %d problems, want %d: %+v", len(ofTable), len(collisions), ofTable)
	}
	lines := ""
	for i, c := range collisions {
		if f := ofTable[i]; !strings.HasPrefix(f.What, c.what) || !strings.Contains(f.Remedy, c.line+section) {
			t.Errorf("check: %+v, want %q with %q", f, c.what, c.line)
		}
		lines += c.line + "\n"
	}
	for args, code := range map[string]failure.Kind{
		"full-load --tables t": failure.Source, "full-load --tables t --dry-run": failure.Source, "plan": failure.Tables,
	} {
		stdout, _ := b.fails(code, "table public.t: ", "", strings.Fields(args+" --output json")...)
		var result struct {
			Tables []struct{ Table, Error, Hint string }
		}
		if err := json.Unmarshal([]byte(stdout), &result); err != nil {
			t.Fatalf("%v in %s", err, stdout)
		}
		text, hint := "", ""
		for _, one := range result.Tables {
			if one.Table == "public.t" {
				text, hint = one.Error, one.Hint
			}
		}
		for _, f := range ofTable {
			if !strings.Contains(text, f.What) || !strings.Contains(hint, f.Remedy) {
				t.Errorf("%v lacks %q with %q in\n%s\n%s", args, f.What, f.Remedy, text, hint)
			}
		}
	}
	b.env["INGEST_LOAD_CURRENT"] = "table"
	b.finds(failure.Source, finding.Problem, "public.kept",
		`column "_snapshot" has the name of a metadata column of the tables beside the log`,
		`rename."_snapshot" = "snapshot" under [tables."public.kept"]`)
	b.finds(failure.Source, finding.Problem, "public.kept", `column "_end_lsn" has the name of`, `rename."_end_lsn" = "end_lsn"`)
	b.configure("[tables.\"public.t\"]\n" + lines +
		"[tables.\"public.kept\"]\nrename._snapshot = \"snapshot\"\nrename._end_lsn = \"end_lsn\"\n")
	b.works("full-load")
	b.works("verify", "--full")
	if n := b.rows("t_current"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// A full load that would give several tables one target names all of them.
func TestAllTablesOfOneTarget(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE artist (id int PRIMARY KEY)", "CREATE TABLE album (id int PRIMARY KEY)", "CREATE SCHEMA shop",
		`CREATE TABLE shop."Artist" (id int PRIMARY KEY)`, "CREATE TABLE shop.album (id int PRIMARY KEY)")
	b.env["INGEST_SOURCE_SCHEMAS"] = "public,shop"
	for _, what := range []string{"tables public.artist and shop.Artist would both become",
		"tables public.album and shop.album would both become"} {
		b.fails(failure.Usage, what, `load.table_name = "{schema}_{table}"`, "full-load")
	}
	b.noSlot()
}
