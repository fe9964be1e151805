//go:build cgo && unix

package tests

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oldDays are days around the one on which the Gregorian calendar began, and two
// that a DATE does not hold.
var oldDays = []string{"0001-01-01", "0044-03-15", "1000-02-28", "1582-10-04", "1582-10-10", "1582-10-14", "1582-10-15", "1899-12-31",
	"9999-12-31", "-infinity", "0044-03-15 BC"}

// insertOldDays inserts a row for each day, in every way that a column can have it.
func (w *world) insertOldDays(from int) {
	w.t.Helper()
	for i, day := range oldDays {
		at := day + " 13:14:15.123456"
		if before, bc := strings.CutSuffix(day, " BC"); bc {
			at = before + " 13:14:15.123456 BC"
		} else if day == "-infinity" {
			at = day
		}
		w.exec(fmt.Sprintf(`INSERT INTO old VALUES (%d, '%[2]s', '%[3]s', '%[3]s', ARRAY['%[2]s'::date, NULL], ARRAY['%[3]s'::timestamptz], '%[2]s', '%[2]s', jsonb_build_object('d', '%[2]s'::date))`, from+i, day, at))
	}
}

// TestOldDays takes days of before 1582-10-15 through segments into a table, where
// the warehouse reads files of an unknown writer as ones of the Julian calendar.
// What a footer says suffices without the option, and the option for segments that
// were staged before footers said it.
func TestOldDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE old (id int PRIMARY KEY, d date, at timestamp, moment timestamptz, days date[], moments timestamptz[], text date, masked date, doc jsonb)`)
	config := w.config("[mask]\nkey = \"0123456789abcdef0123456789abcdef\"\n[tables.\"public.old\"]\njson = \"variant\"\ntype = { text = \"STRING\" }\nmask = { masked = \"hmac-sha256\" }\n")
	w.insertOldDays(100)
	w.must("full-load", "--stage-only", "--config", config)
	w.insertOldDays(200)
	w.must("cdc", "--stage-only", "--config", config)
	names, _ := w.segments()
	if len(names) != 2 {
		t.Fatalf("%d segments, want one of the snapshot and one of the changes: %v", len(names), names)
	}
	const shown = "CAST(d AS STRING), CAST(at AS STRING), CAST(moment AS STRING), CAST(days AS STRING), CAST(moments AS STRING), text, masked IS NOT NULL"
	for _, name := range names {
		if diff := cmp.Diff(wantOldDays(), w.rowsOf("SELECT "+shown+" FROM read_files('"+w.target.Files().Path(path.Dir(name))+
			"', format => 'parquet') ORDER BY id")); diff != "" {
			t.Errorf("%s by its footer alone (-want +got):\n%s", name, diff)
		}
		w.forgetWriter(name)
		if got := w.rowsOf("SELECT " + shown + " FROM read_files('" + w.target.Files().Path(path.Dir(name)) +
			"', format => 'parquet') ORDER BY id"); got[0][0] != "0001-01-03" {
			t.Fatalf("%s still says who wrote it: %v", name, got[0])
		}
	}
	w.must("load", "--config", config)
	for _, from := range []int{100, 200} {
		rows := w.rowsOf(fmt.Sprintf("SELECT "+shown+" FROM %s WHERE id >= %d AND id < %d ORDER BY id", w.target.Table("old"), from, from+100))
		if diff := cmp.Diff(wantOldDays(), rows); diff != "" {
			t.Errorf("rows from %d by the option alone (-want +got):\n%s", from, diff)
		}
	}
	for _, how := range []string{"", "--full", "--sample=100%"} {
		w.must(strings.Fields("verify " + how + " --config " + config)...)
	}
}

// wantOldDays are the rows of either insertOldDays.
func wantOldDays() [][]any {
	var want [][]any
	for _, day := range oldDays {
		if at := day + " 13:14:15.123456"; !strings.ContainsAny(day, "if ") {
			want = append(want, []any{day, at, at, "[" + day + ", null]", "[" + at + "]", day, true})
		} else {
			want = append(want, []any{nil, nil, nil, nil, nil, day, true})
		}
	}
	return want
}

func (w *world) rowsOf(sql string) [][]any {
	w.t.Helper()
	return w.sql(sql).Rows
}

// forgetWriter takes the version of Spark out of a segment's footer, as it was
// before segments had one. The file stays as long as it is.
func (w *world) forgetWriter(name string) {
	w.t.Helper()
	file := filepath.Join(w.root(), name)
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	key, other := []byte("org.apache.spark.version"), []byte("org.example.anyone.wrote")
	if bytes.Count(data, key) != 1 || len(key) != len(other) {
		w.t.Fatalf("%s has the key %d times", name, bytes.Count(data, key))
	}
	if err := os.WriteFile(file, bytes.Replace(data, key, other, 1), 0o600); err != nil {
		w.t.Fatal(err)
	}
}
