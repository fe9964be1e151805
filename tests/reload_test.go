//go:build cgo && unix

package tests

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// With reload = "auto", cdc loads in full what needs it, in the same run, and ends
// with 0. With "report", it says so and leaves it.
func TestTablesThatNeedAFullLoadAreLoadedByCDC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'a')`, `CREATE TABLE o (id int PRIMARY KEY)`)
	w.must("full-load")
	report := slices.Clone(w.env)
	w.exec(`ALTER TABLE t ADD n serial`, `INSERT INTO t VALUES (2, 'b')`, `INSERT INTO o VALUES (1)`)
	if r := w.must("cdc", "--output", "json"); !strings.Contains(r.stdout, `"reload_needed"`) {
		t.Errorf("%s", r)
	}
	w.want(3, "status", "--exit-code")
	w.env = append(slices.Clone(report), "INGEST_LOAD_RELOAD=auto")
	if r := w.must("cdc", "--dry-run", "--sql"); !strings.Contains(r.stdout, "CREATE OR REPLACE TABLE") {
		t.Errorf("the plan does not show the full load: %s", r)
	}
	w.must("cdc") // what was marked before
	w.fullyEqual("marked before")
	w.exec(`ALTER TABLE t ADD m serial`, `INSERT INTO t VALUES (3, 'c')`)
	if r := w.must("cdc", "--output", "json"); strings.Contains(r.stdout, `"reload_needed"`) {
		t.Errorf("%s", r)
	}
	w.must("status", "--exit-code")
	w.fullyEqual("marked in the same run")

	w.exec(`ALTER TABLE t ADD k serial`, `INSERT INTO t VALUES (4, 'd')`)
	w.must("cdc", "--stage-only")
	w.must("load")
	w.fullyEqual("staged, and loaded by another run")

	w.env = report
	w.exec(`ALTER TABLE t ADD l serial`, `INSERT INTO t VALUES (5, 'e')`)
	w.must("cdc")
	w.env = append(slices.Clone(report), "INGEST_LOAD_RELOAD=auto")
	follow := w.start("cdc", "--follow", "--stage-every", "100ms", "--load-every", "100ms")
	w.eventually("the table is loaded in full", func() bool { return w.run("status", "--exit-code").code == 0 })
	follow.signal(os.Interrupt)
	if r := follow.wait(); r.code != 0 {
		t.Errorf("%s", r)
	}
	w.fullyEqual("loaded by a following run")
	if n := len(w.fullLoadsOf("o")); n != 1 {
		t.Errorf("a table that needs none was loaded in full %d times", n)
	}
}

// A change that could not be decoded fails no run that loads its table in full.
func TestChangeThatCannotBeDecodedIsLoadedByCDC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE DOMAIN odd AS int`, `CREATE TABLE t (id int PRIMARY KEY, v odd)`, `INSERT INTO t VALUES (1, 1)`)
	w.must("full-load")
	w.env = append(w.env, "INGEST_LOAD_RELOAD=auto")
	output := func(function string) {
		w.exec(`SET allow_system_table_mods = on`, `UPDATE pg_type SET typoutput = '`+function+`' WHERE typname = 'odd'`,
			`RESET allow_system_table_mods`)
	}
	output("date_out")
	w.exec(`INSERT INTO t VALUES (2, 2)`)
	output("int4out")
	w.exec(`INSERT INTO t VALUES (3, 3)`)
	w.must("cdc")
	w.fullyEqual("after")
}

// fullLoadsOf lists the entries that say that a table's snapshot is complete.
func (w *world) fullLoadsOf(table string) (numbers []int64) {
	w.t.Helper()
	for _, e := range w.entries() {
		if e.Done != nil && e.Done.Table.Name == table {
			numbers = append(numbers, e.Number)
		}
	}
	return numbers
}
