//go:build cgo && unix

package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/verify"
)

// A name that goes to another table, and what of the source it takes. {t} stands
// for the table.
var replacements = []struct {
	name   string
	change []string
	after  []string // changes of whatever has the names then
	// needs are the tables whose names belong to other ones, {t} if nil; others
	// are those that need nothing.
	needs, others []string
}{
	{
		name: "swapped", after: []string{`INSERT INTO {t} VALUES (3, 'after')`, `INSERT INTO {t}_old VALUES (4, 'not of {t}')`},
		change: []string{`CREATE TABLE {t}_new (id int PRIMARY KEY, v text)`, `INSERT INTO {t}_new VALUES (2, 'new')`,
			`BEGIN; ALTER TABLE {t} RENAME TO {t}_old; ALTER TABLE {t}_new RENAME TO {t}; COMMIT`},
	},
	{
		name: "exchanged", needs: []string{"{t}", "{t}_b"}, after: []string{`UPDATE {t} SET v = 'after'`, `DELETE FROM {t}_b`},
		change: []string{`BEGIN; ALTER TABLE {t} RENAME TO {t}_x; ALTER TABLE {t}_b RENAME TO {t}; ALTER TABLE {t}_x RENAME TO {t}_b; COMMIT`},
	},
	{
		name: "rotated", needs: []string{"{t}", "{t}_b", "{t}_c"},
		after: []string{`UPDATE {t} SET v = 'after'`, `INSERT INTO {t}_b VALUES (8)`, `TRUNCATE {t}_c`},
		change: []string{`ALTER TABLE {t} RENAME TO {t}_x`, `ALTER TABLE {t}_b RENAME TO {t}`, `ALTER TABLE {t}_c RENAME TO {t}_b`,
			`ALTER TABLE {t}_x RENAME TO {t}_c`},
	},
	{
		name: "moved to another schema", after: []string{`INSERT INTO {t} VALUES (3, 'after')`, `UPDATE archive.{t} SET v = 'not of public.{t}'`},
		change: []string{`ALTER TABLE {t} SET SCHEMA archive`, `CREATE TABLE {t} (id int PRIMARY KEY, v text)`},
	},
	{
		name:  "became a partition of what has its name",
		after: []string{`INSERT INTO {t} VALUES (3, 'after')`, `INSERT INTO {t}_1 VALUES (4, 'of the partition')`},
		change: []string{`ALTER TABLE {t} RENAME TO {t}_1`, `CREATE TABLE {t} (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)`,
			`ALTER TABLE {t} ATTACH PARTITION {t}_1 FOR VALUES FROM (0) TO (100)`},
	},
	{
		name: "made again", after: []string{`INSERT INTO {t} VALUES (3, 'after')`},
		change: []string{`DROP TABLE {t}`, `CREATE TABLE {t} (id int PRIMARY KEY, v text)`},
	},
	{
		name: "renamed", needs: []string{}, others: []string{"{t}"}, after: []string{`INSERT INTO {t}_now VALUES (3, 'after')`},
		change: []string{`ALTER TABLE {t} RENAME TO {t}_now`},
	},
	{
		name: "renamed, and a view has its name", needs: []string{}, others: []string{"{t}"},
		after:  []string{`INSERT INTO {t} VALUES (3, 'after')`},
		change: []string{`ALTER TABLE {t} RENAME TO {t}_data`, `CREATE VIEW {t} AS SELECT * FROM {t}_data`},
	},
	{
		name: "exchanged and back", needs: []string{}, others: []string{"{t}", "{t}_b"},
		after: []string{`UPDATE {t} SET v = 'after'`, `UPDATE {t}_b SET v = 'after b'`},
		change: []string{`ALTER TABLE {t} RENAME TO {t}_x`, `ALTER TABLE {t}_b RENAME TO {t}`, `UPDATE {t} SET v = 'of {t}_b'`,
			`ALTER TABLE {t} RENAME TO {t}_b`, `ALTER TABLE {t}_x RENAME TO {t}`},
	},
}

// newReplacing makes a world with the tables of replacements, loaded and replaced.
func newReplacing(t *testing.T) (w *changing, needs, others []string) {
	w = &changing{world: newWorld(t, `CREATE SCHEMA archive`)}
	setup := []string{`CREATE TABLE {t} (id int PRIMARY KEY, v text)`, `INSERT INTO {t} VALUES (1, '{t}')`}
	for i := range replacements {
		w.each(i, 0, setup...)
		for _, more := range []string{"_b", "_c"} {
			if !strings.Contains(strings.Join(replacements[i].change, ""), "{t}"+more) {
				continue
			}
			w.each(i, 0, strings.ReplaceAll(setup[0], "{t}", "{t}"+more), strings.ReplaceAll(setup[1], "{t}", "{t}"+more))
		}
	}
	w.must("full-load")
	for i, r := range replacements {
		w.each(i, 0, `INSERT INTO {t} VALUES (11, 'before')`)
		w.each(i, 0, r.change...)
		w.each(i, 0, r.after...)
		if r.needs == nil {
			r.needs = []string{"{t}"}
		}
		for _, n := range r.needs {
			needs = append(needs, w.fill(n, i, 0))
		}
		for _, n := range r.others {
			others = append(others, w.fill(n, i, 0))
		}
	}
	return w, needs, others
}

// reload gives the tables that status says need a full load, with the reasons.
func (w *changing) reload() map[string]string {
	w.t.Helper()
	r := w.run("status", "--output", "json")
	var status replicate.Status
	if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
		w.t.Fatalf("%s: %v", r, err)
	}
	out := map[string]string{}
	for _, t := range status.Tables {
		if t.State == "reload needed" {
			name := strings.TrimPrefix(t.Table, "public.")
			out[name] = t.Reload
			if want := "ingest full-load --tables " + t.Table; !strings.Contains(t.Remedy, want) {
				w.t.Errorf("the remedy of %s is %q, want %q", t.Table, t.Remedy, want)
			}
		}
	}
	return out
}

// TestNameThatBelongsToAnotherTable: every command compares the table that has a loaded table's name with the loaded one. No
// changes of the former table go into the target. A full load of that name fixes it.
func TestNameThatBelongsToAnotherTable(t *testing.T) {
	t.Parallel()
	w, needs, others := newReplacing(t)
	marked := func(when string) {
		t.Helper()
		reasons := w.reload()
		for _, n := range needs {
			if !strings.Contains(reasons[n], "another table has its name now") && !strings.Contains(reasons[n], "was dropped and made again") {
				t.Errorf("%s: status says of %s: %q", when, n, reasons[n])
			}
		}
		for _, n := range others {
			if reasons[n] != "" {
				t.Errorf("%s: status says of %s: %q", when, n, reasons[n])
			}
		}
	}
	marked("before any run")
	check := w.must("check")
	for line := range strings.Lines(check.stdout) {
		if f := strings.Fields(line); slices.ContainsFunc(needs, func(n string) bool { return strings.Contains(line, "public."+n+": ready") }) {
			t.Errorf("check says %q", f)
		}
	}
	w.must("cdc")
	marked("after cdc")
	w.must("cdc", "--snapshot-new")
	marked("after cdc --snapshot-new")
	for _, n := range needs {
		got := w.sql("SELECT count(*) FROM " + w.target.Table(n).String() + " WHERE v LIKE 'not of %' OR v LIKE 'after%'").Rows[0][0]
		if got != "0" && got != int64(0) {
			t.Errorf("the log of %s has %v changes of a table that is not called so", n, got)
		}
	}
	for name, result := range w.verified(3) {
		if want := map[bool]verify.Verdict{true: verify.NotVerified, false: verify.Equal}[slices.Contains(needs, name)]; result.Verdict != want {
			t.Errorf("verify says of %s: %q (%s) %v", name, result.Verdict, result.Reason, result.Differences)
		}
	}
	w.must("full-load", "--tables", strings.Join(needs, ","))
	w.must("cdc", "--snapshot-new")
	if reasons := w.reload(); len(reasons) > 0 {
		t.Errorf("after the full load: %v", reasons)
	}
	for _, n := range needs {
		if r := w.must("verify", "--full", "--tables", n); !strings.Contains(r.stdout, "equal") {
			t.Errorf("%s", r)
		}
	}
}

// TestNewTableUnderTheNameOfOneThatIsLoadedAsAnother: a table was renamed and
// loaded under its new name, so its changes go there; the old name is free for
// another table, which nothing has loaded.
func TestNewTableUnderTheNameOfOneThatIsLoadedAsAnother(t *testing.T) {
	t.Parallel()
	w := &changing{world: newWorld(t, `CREATE TABLE a (id int PRIMARY KEY, v text)`, `INSERT INTO a VALUES (1, 'a')`)}
	w.must("full-load")
	w.exec(`ALTER TABLE a RENAME TO b`)
	w.must("full-load", "--tables", "b")
	w.exec(`CREATE TABLE a (id int PRIMARY KEY, v text)`, `INSERT INTO a VALUES (2, 'another')`, `INSERT INTO b VALUES (3, 'b')`)
	if got := w.reload()["a"]; got != "another table has its name now, and the one that was loaded is called public.b" {
		t.Errorf("status says of a: %q", got)
	}
	w.must("cdc")
	if got := w.verified(3); got["a"].Verdict != verify.NotVerified || got["b"].Verdict != verify.Equal {
		t.Errorf("verify says %+v", got)
	}
	w.must("full-load", "--repair") // finds it by itself
	w.exec(`UPDATE a SET v = 'changed'`)
	w.must("cdc")
	if got := w.verified(0); got["a"].Verdict != verify.Equal || got["b"].Verdict != verify.Equal {
		t.Errorf("verify says %+v", got)
	}
}
