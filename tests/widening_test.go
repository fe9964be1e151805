//go:build cgo && unix

package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse"
)

// says whether a request carries a statement with the text.
func says(r *http.Request, text string) bool {
	if !strings.HasPrefix(r.URL.Path, "/sql/") {
		return false
	}
	data, err := body(r)
	return err == nil && bytes.Contains(data, []byte(text))
}

// widenings counts the statements so far that change a column's type.
func (w *world) widenings() int {
	n := 0
	for _, s := range w.server.Statements() {
		if strings.Contains(s, "ALTER COLUMN") {
			n++
		}
	}
	return n
}

// types lists the types of a target's columns n and f.
func (w *world) types(table string) []string {
	w.t.Helper()
	var out []string
	for _, r := range w.sql("DESCRIBE TABLE " + w.target.Table(table).String()).Rows {
		if name := fmt.Sprint(r[0]); name == "n" || name == "f" {
			out = append(out, fmt.Sprint(r[1]))
		}
	}
	return out
}

// loses runs a command which gets no answer to the first request that at
// chooses.
func (w *world) loses(at func(int64, *http.Request) bool, args ...string) {
	w.t.Helper()
	done := false
	w.on(func(n int64, r *http.Request) *lakehouse.Fault {
		if done || !at(n, r) {
			return nil
		}
		done = true
		return &lakehouse.Fault{Kind: lakehouse.LoseResponse}
	})
	defer w.on(nil)
	if r := w.run(args...); !done {
		w.t.Fatalf("%s\nno request lost its answer", r)
	}
}

// TestWideningIsDoneOnceWhateverHappens widens two columns of a table each time
// that the load is killed, or loses an answer, at one of the statements for it;
// then rebuilds the tables from the ledger and from the source.
func TestWideningIsDoneOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	const lost = moment(-1) // the answer, and no run is killed
	rounds := []struct {
		statement string
		when      moment
	}{
		{"delta.enableTypeWidening", beforeRequest}, {"delta.enableTypeWidening", afterRequest},
		{"ALTER COLUMN `n` TYPE BIGINT", beforeRequest}, {"ALTER COLUMN `n` TYPE BIGINT", afterRequest}, {"ALTER COLUMN `n` TYPE BIGINT", lost},
		{"ALTER COLUMN `f` TYPE DOUBLE", afterRequest}, {"CAST(`n` AS BIGINT)", beforeRequest},
	}
	var tables, setup []string
	for i := range rounds {
		tables = append(tables, fmt.Sprintf("w%02d", i))
		setup = append(setup, fmt.Sprintf(`CREATE TABLE %s (id int PRIMARY KEY, n int, f real)`, tables[i]),
			fmt.Sprintf(`INSERT INTO %s VALUES (1, 1, 0.1)`, tables[i]))
	}
	w := newWorld(t, setup...)
	w.must("full-load")
	want := []string{"bigint", "double"}
	for i, table := range tables {
		w.exec(
			fmt.Sprintf(`INSERT INTO %s VALUES (2, 2, 0.2)`, table),
			fmt.Sprintf(`ALTER TABLE %s ALTER n TYPE bigint, ALTER f TYPE double precision`, table),
			fmt.Sprintf(`UPDATE %s SET n = 5000000000, f = 0.3 WHERE id = 2`, table),
			fmt.Sprintf(`INSERT INTO %s VALUES (3, NULL, 'NaN')`, table))
		at := func(_ int64, r *http.Request) bool { return says(r, rounds[i].statement) }
		if when := rounds[i].when; when != lost {
			if !w.killedAt(at, when, "cdc") {
				t.Fatalf("%s: no statement has %q", table, rounds[i].statement)
			}
			w.again("cdc")
		} else {
			w.loses(at, "cdc")
			w.must("cdc")
		}
		if got := w.types(table); !slices.Equal(got, want) {
			t.Errorf("%s, after %v: columns of types %q, want %q", table, rounds[i], got, want)
		}
	}
	w.must("verify", "--full")
	n := w.widenings()
	w.must("cdc")
	if now := w.widenings(); now != n {
		t.Errorf("%d statements widen columns that are wide", now-n)
	}

	w.sql("DELETE FROM " + w.target.Table("w00").String() + " WHERE id = 2")
	w.must("load", "--repair", "--tables", "w00") // begins with the narrow snapshot
	if now := w.widenings(); now != n+2 {
		t.Errorf("a repair widens %d columns, want 2", now-n)
	}
	w.must("verify", "--full")

	// What was staged before the snapshot, and after it, with the wide types
	// that it has.
	n = w.widenings()
	w.exec(`INSERT INTO w00 VALUES (4, 4, 0.4)`)
	w.must("full-load")
	w.exec(`INSERT INTO w00 VALUES (5, 6000000000, 0.5)`)
	w.must("cdc")
	w.must("verify", "--full")
	if now := w.widenings(); now != n {
		t.Errorf("%d statements widen columns that the snapshot has wide", now-n)
	}
}

// TestStagedBeforeASnapshotThatIsWider: a snapshot is begun, read and done with
// the wide type while staging is still before the change of type.
func TestStagedBeforeASnapshotThatIsWider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE w (id int PRIMARY KEY, n int, f real)`, `INSERT INTO w VALUES (1, 1, 0.1)`)
	w.must("full-load")
	w.exec(`INSERT INTO w VALUES (2, 2, 0.2)`, `ALTER TABLE w ALTER n TYPE bigint, ALTER f TYPE double precision`,
		`INSERT INTO w VALUES (3, 5000000000, 0.3)`)
	w.must("full-load", "--tables", "w")
	w.exec(`UPDATE w SET f = 0.4 WHERE id = 3`)
	w.must("cdc")
	w.must("verify", "--full")
	if got, want := w.types("w"), []string{"bigint", "double"}; !slices.Equal(got, want) {
		t.Errorf("columns of types %q, want %q", got, want)
	}
	if n := w.widenings(); n != 0 {
		t.Errorf("%d columns were widened, and the snapshot has them wide", n)
	}
}
