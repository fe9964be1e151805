//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A renamed table is loaded under its new name. Commits between the begin and
// the end of the snapshot are not in the snapshot, so they must be in the log
// under the new name.
func TestTableIsLoadedUnderItsNewNameWhileItChanges(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t RENAME TO u`, `INSERT INTO u VALUES (2)`)
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindDone) {
			b.volume.onAppend = nil
			b.exec(`INSERT INTO u VALUES (3)`)
			b.drain(b.stager())
		}
	}
	b.snapshot(s, "u")
	b.exec(`INSERT INTO u VALUES (4)`)
	b.drain(s)
	b.same(s, "u", "id")
}

// Two tables exchange their names. Then one is loaded under its new name before
// any change since the other's load is read. The other table's changes continue
// under its new name, and the loaded table needs no full load.
func TestNameIsLoadedAgainWhileTheLoadBeforeIsWatched(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`,
		`INSERT INTO u VALUES (10)`)
	s := b.stager()
	b.origin(s, "t", "u")
	b.snapshot(s, "t", "u")
	b.exec(`INSERT INTO u VALUES (11)`, `ALTER TABLE t RENAME TO x`, `ALTER TABLE u RENAME TO t`, `ALTER TABLE x RENAME TO u`,
		`INSERT INTO t VALUES (12)`, `INSERT INTO u VALUES (2)`)
	b.snapshot(s, "u")
	b.exec(`INSERT INTO u VALUES (3)`, `INSERT INTO t VALUES (13)`)
	b.drain(s)
	marked := map[string]string{}
	for _, table := range s.Ledger.State().Sorted() {
		if table.Reload != nil {
			marked[table.Table.Name] = table.Reload.Reason
		}
	}
	if diff := cmp.Diff(map[string]string{"t": "another table has its name now, and the one that was loaded is called public.u"},
		marked); diff != "" {
		t.Errorf("need a full load (-want +got):\n%s", diff)
	}
	b.same(s, "u", "id")
}

// A run collects changes for a table while a load of the table under another
// name begins. The run decides again which table they belong to.
func TestLoadUnderANewNameBeginsWhileChangesAreCollected(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t RENAME TO u`, `INSERT INTO u VALUES (2)`)
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindChanges) {
			b.volume.onAppend = nil
			b.snapshot(b.stager(), "u")
		}
	}
	b.drain(s)
	b.exec(`INSERT INTO u VALUES (3)`)
	b.drain(s)
	b.same(s, "u", "id")
	if old := s.Ledger.State().Tables[schema.TableName{Schema: "public", Name: "t"}]; len(old.Changes) > 0 {
		t.Errorf("changes went into the log under the former name: %+v", old.Changes)
	}
}

// A snapshot is of the table that has the name now, even if another table had
// it when the catalog was read. The locks and the copy use the name.
func TestSnapshotOfATableThatLostItsName(t *testing.T) {
	for kind, ddl := range map[string][]string{
		"plain":       {`CREATE TABLE t (id int PRIMARY KEY)`},
		"partitioned": {`CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE t_1 PARTITION OF t DEFAULT`},
	} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, append(ddl, `CREATE TABLE other (id int PRIMARY KEY)`)...)
			s := b.stager()
			b.origin(s, "t", "other")
			relations := b.relations("t")
			b.exec(`ALTER TABLE t RENAME TO former`, `ALTER TABLE other RENAME TO t`)
			results, err := s.SnapshotTables(t.Context(), relations)
			if err != nil || len(results) != 1 || results[0].Err == nil ||
				!strings.Contains(results[0].Err.Error(), "public.t was renamed to public.former meanwhile") {
				t.Errorf("a snapshot of t: %+v, %v", results, err)
			}
		})
	}
}

// Changes from before another table took the name are staged, because the table
// had its name then.
func TestChangesOfBeforeTheNameWasTaken(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`, `ALTER TABLE t RENAME TO old`, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO old VALUES (2)`)
	if r := b.drain(s); r.Rows != 1 || len(r.Reload) != 1 {
		t.Errorf("staged %d rows, marks %v; want the row of before, and one mark", r.Rows, r.Reload)
	}
}
