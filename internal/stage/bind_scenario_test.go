//go:build unix

package stage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
)

// shaped gives the stager options for all tables, like a run of this version.
func shaped(s *stage.Stager, o shape.Options) *stage.Stager {
	s.Shape = &shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: o}}}
	return s
}

// lost checks that public.t has exactly one mark and that none of its changes
// were staged.
func (b *bench) lost(s *stage.Stager, r stage.DrainResult, reason string) {
	b.t.Helper()
	if len(r.Reload) != 1 || r.Reload[0].Table != public("t") || !strings.Contains(r.Reload[0].Reason, reason) {
		b.t.Errorf("marks %+v, want one of t: %s", r.Reload, reason)
	}
	if _, changes := b.log(s.Ledger.State(), "t"); len(changes) > 0 {
		b.t.Errorf("staged are %v", changes)
	}
}

// The loaded table is renamed and another table takes its name. Further changes
// of the renamed table do not belong to the other one.
func TestChangesOfATableWhoseNameIsAnothers(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t RENAME TO former`, `ALTER TABLE u RENAME TO t`, `INSERT INTO former VALUES (7)`)
	b.lost(s, b.drain(s), "another table has its name now, and the one that was loaded is called public.former")
}

// A hidden column is renamed. Its values are not shown under the new name, and
// the table needs a full load.
func TestChangesOfAHiddenColumnThatWasRenamed(t *testing.T) {
	for name, o := range map[string]shape.Options{
		"masked":   {Masks: map[string]schema.Mask{"pin": {Kind: schema.MaskFixed, Fixed: "x"}}},
		"left out": {Exclude: []string{"pin"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, pin text)`, `INSERT INTO t VALUES (1, '1234')`)
			s := shaped(b.stager(), o)
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (2, '2345')`)
			b.drain(s)
			for _, r := range first(b.log(s.Ledger.State(), "t")) {
				if pin := r["pin"]; name == "masked" && pin != "x" || name == "left out" && pin != "" {
					t.Errorf("%s: a row with %v", name, r)
				}
			}
			s = shaped(b.stager(), o)
			b.exec(`ALTER TABLE t RENAME pin TO code`, `INSERT INTO t VALUES (3, '3456')`)
			r := b.drain(s)
			if len(r.Reload) != 1 || !strings.Contains(r.Reload[0].Reason, `column "code" may be`) || r.Rows != 0 {
				t.Errorf("staged %d rows, marks %+v", r.Rows, r.Reload)
			}
		})
	}
}

// first returns all rows of a log.
func first(snapshot, changes []row) []row { return append(snapshot, changes...) }

// A mask without a key cannot be applied to the table's columns. That table
// needs a full load. Other tables are not affected.
func TestColumnsThatCannotBeTreated(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, n int)`, `CREATE TABLE o (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "o")
	b.snapshot(s, "t", "o")
	s = b.stager()
	s.Shape = &shape.Rules{Sections: []shape.Section{{Matches: func(n schema.TableName) bool { return n == public("t") },
		Options: shape.Options{Masks: map[string]schema.Mask{"n": {Kind: schema.MaskHMAC}}}}}}
	b.exec(`INSERT INTO t VALUES (2, 2)`, `INSERT INTO o VALUES (2)`)
	r := b.drain(s)
	if len(r.Failed) != 1 || r.Failed[public("t")] == nil {
		t.Errorf("failed are %v", r.Failed)
	}
	b.lost(s, r, "a change could not be decoded")
	b.same(s, "o", "id")
}

// A numeric column gets more digits. Its column in the target gets them too.
func TestColumnThatGetsMoreDigits(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, n numeric(5, 2))`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t ALTER n TYPE numeric(9, 2)`, `INSERT INTO t VALUES (1, 1234567.25)`)
	b.drain(s)
	if _, changes := b.log(s.Ledger.State(), "t"); len(changes) != 1 || changes[0]["n"] != "1234567.25" {
		t.Errorf("staged are %v", changes)
	}
	if got := s.Ledger.State().Tables[public("t")].Columns[1].Type.String(); got != "DECIMAL(9,2)" {
		t.Errorf("the column became %s", got)
	}
}

// If the publication does not publish via the root, changes of a partition
// arrive under the partition's name. They are skipped, and the root needs a
// full load.
func TestChangesUnderAPartitionsOwnName(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`,
		`CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER PUBLICATION `+pubName+` SET (publish_via_partition_root = false)`, `INSERT INTO t VALUES (1)`, `TRUNCATE t_1`)
	b.lost(s, b.drain(s), "changes of partition public.t_1 came under its own name")
	if other := s.Ledger.State().Tables[public("t_1")]; other != nil {
		t.Errorf("the partition is a table of its own: %+v", other)
	}
}

// A changes entry records the leaves of a partitioned table if a new one was
// created as a partition. It records no leaves of other tables.
func TestLeavesThatAreNoted(t *testing.T) {
	for name, c := range map[string]struct {
		ddl, then []string
		want      int
	}{
		"a partition is made": {[]string{`CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`,
			`CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10)`, `INSERT INTO t VALUES (1)`},
			[]string{`CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (10) TO (20)`, `INSERT INTO t VALUES (11)`}, 2},
		"the first one is made": {[]string{`CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`},
			[]string{`CREATE TABLE t_1 PARTITION OF t DEFAULT`, `INSERT INTO t VALUES (11)`}, 1},
		"a plain table that was empty": {[]string{`CREATE TABLE t (id int PRIMARY KEY)`}, []string{`INSERT INTO t VALUES (1)`}, 0},
		"a plain table with rows": {[]string{`CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`},
			[]string{`INSERT INTO t VALUES (2)`}, 0},
		"the table is gone by now": {
			[]string{`CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE t_1 PARTITION OF t DEFAULT`},
			[]string{`INSERT INTO t VALUES (1)`, `DROP TABLE t`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.ddl...)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(c.then...)
			if r := b.drain(s); r.Rows != 1 {
				t.Errorf("staged %d rows", r.Rows)
			}
			state := s.Ledger.State().Tables[public("t")]
			if len(state.Partitions) != c.want || !slices.IsSorted(state.Partitions) {
				t.Errorf("partitions %v, want %d", state.Partitions, c.want)
			}
		})
	}
}

// A column name with bytes that stand for no character costs its table a full
// load. Other tables are not affected.
func TestColumnWithAnIllegibleName(t *testing.T) {
	at := pgtest.NewDatabase(t)
	admin := newBenchAt(t, at)
	name := admin.source.Facts.Database + "_win1252"
	admin.exec(`CREATE DATABASE ` + name + ` ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0`)
	b := newBenchAt(t, strings.Replace(at, "/"+admin.source.Facts.Database, "/"+name, 1), `CREATE TABLE t (id int PRIMARY KEY)`,
		`CREATE TABLE o (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "o")
	b.snapshot(s, "t", "o")
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER TABLE t ADD %I int', convert_from(decode('6e9d', 'hex'), getdatabaseencoding())); END $$`,
		`INSERT INTO t VALUES (1)`, `INSERT INTO o VALUES (1)`)
	b.lost(s, b.drain(s), "has bytes that stand for no character")
	b.same(s, "o", "id")
	b.exec(`SELECT pg_drop_replication_slot('` + b.slot() + `')`)
}

// A snapshot of the table is taken while earlier changes are not staged yet.
// Those changes are not compared with the snapshot's columns.
func TestColumnsOfBeforeASnapshot(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, n int)`, `INSERT INTO t VALUES (1, 1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (2, 2)`, `ALTER TABLE t DROP n`, `ALTER TABLE t ADD n text`, `INSERT INTO t VALUES (3, 'three')`,
		`ALTER TABLE t DROP n`, `ALTER TABLE t ADD n int`)
	b.snapshot(b.stager(), "t")
	b.exec(`ALTER TABLE t ADD m int`, `INSERT INTO t VALUES (4, 4, 4)`)
	r := b.drain(b.stager())
	if len(r.Reload) != 0 {
		t.Errorf("marks %+v: the snapshot has it all", r.Reload)
	}
	b.same(b.stager(), "t", "id")
}

// Rows of a table are skipped while a snapshot of it is being read. Rows that
// commit after the snapshot's fence are not in it. So the table needs another
// snapshot when this one is complete.
func TestRowsLeftOutBehindASnapshotThatIsBeingRead(t *testing.T) {
	for name, unfit := range map[string][]string{
		"a column's name":                {`ALTER TABLE t ADD _op text`},
		"a value that cannot be decoded": {`SET allow_system_table_mods = on`, `UPDATE pg_type SET typoutput = 'date_out' WHERE typname = 'odd'`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE DOMAIN odd AS int`, `CREATE TABLE t (id int PRIMARY KEY, v odd)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(append(unfit, `INSERT INTO t VALUES (1, 1)`)...)
			b.volume.onAppend = func(kind string) {
				if kind == string(ledger.KindDone) {
					b.volume.onAppend = nil
					execOn(t, b.another(), `INSERT INTO t VALUES (2, 2)`)
					b.drain(s)
				}
			}
			reload := shaped(b.stager(), shape.Options{Rename: map[string]string{"_op": "op"}})
			b.snapshot(reload, "t")
			if m := reload.Ledger.State().Tables[public("t")].Reload; m == nil {
				t.Error("nothing says that a row is in neither the snapshot nor the log")
			}
		})
	}
}

// A table that is renamed continues under its name in the ledger if no other
// table has taken that name.
func TestTableIsRenamedAndGoesOn(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t RENAME TO u`, `INSERT INTO u VALUES (1)`)
	if r := b.drain(s); len(r.Reload) != 0 || r.Tables[public("t")][schema.OpInsert] != 1 {
		t.Errorf("staged %v, marks %+v", r.Tables, r.Reload)
	}
}

// Covers why a table's changes come from another relation than the loaded one.
func TestChangesOfAnotherRelation(t *testing.T) {
	for name, c := range map[string]struct {
		then []string
		want string
	}{
		"made again": {[]string{`DROP TABLE t`, `CREATE TABLE t (id int PRIMARY KEY, c int DEFAULT 1)`,
			`ALTER PUBLICATION ` + pubName + ` ADD TABLE t`, `INSERT INTO t VALUES (1)`}, "the table was dropped and made again"},
		"made again, and renamed": {[]string{`DROP TABLE t`, `CREATE TABLE t (id int PRIMARY KEY)`, `ALTER PUBLICATION ` + pubName +
			` ADD TABLE t`, `INSERT INTO t VALUES (1)`, `ALTER TABLE t RENAME TO v`}, "the table was dropped and made again"},
		"the other has its name": {[]string{`ALTER TABLE t RENAME TO former`, `ALTER TABLE u RENAME TO t`, `INSERT INTO t VALUES (1)`},
			"another table has its name now, and the one that was loaded is called public.former"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
			s := b.stager()
			b.origin(s, "t", "u")
			b.snapshot(s, "t")
			b.exec(c.then...)
			if r := b.drain(s); len(r.Reload) != 1 || r.Reload[0].Table != public("t") || !strings.Contains(r.Reload[0].Reason, c.want) {
				t.Errorf("marks %+v, want one of t: %s", r.Reload, c.want)
			}
		})
	}
}

// A table that the ledger does not know is staged with the columns that it
// gets. A table without a snapshot needs no mark when another table takes its
// name.
func TestTablesWithoutASnapshot(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "u")
	b.exec(`INSERT INTO t VALUES (1)`, `ALTER TABLE t ADD c int`, `INSERT INTO t VALUES (2, 2)`)
	if r := b.drain(s); r.Rows != 2 || len(r.Reload) != 0 {
		t.Errorf("staged %d rows, marks %+v", r.Rows, r.Reload)
	}
	b.exec(`ALTER TABLE t RENAME TO former`, `ALTER TABLE u RENAME TO t`, `INSERT INTO former VALUES (3)`)
	if r := b.drain(s); r.Rows != 0 || len(r.Reload) != 0 {
		t.Errorf("staged %d rows, marks %+v", r.Rows, r.Reload)
	}
}

// A message has known and unknown columns. Their numbers come from the catalog,
// as far as the catalog still has the columns. The table is marked only for
// columns that may have changed rows.
func TestNumbersOfTheColumnsOfAMessage(t *testing.T) {
	for name, c := range map[string]struct {
		then   []string
		want   []int16
		reason string
	}{
		"one is new": {[]string{`ALTER TABLE t ADD w text`, `INSERT INTO t VALUES (2, 2, 'w')`}, []int16{1, 2, 3}, ""},
		"one is wider, of a table that was rewritten": {
			[]string{`VACUUM FULL t`, `ALTER TABLE t ALTER v TYPE bigint`, `INSERT INTO t VALUES (2, 2)`}, []int16{1, 2}, "",
		},
		"one is new, and one is renamed by now": {
			[]string{`ALTER TABLE t ADD w text`, `INSERT INTO t VALUES (2, 2, 'w')`, `ALTER TABLE t RENAME v TO y`}, []int16{1, 2, 3}, "",
		},
		"one was made again": {[]string{`ALTER TABLE t DROP v`, `ALTER TABLE t ADD v bigint`,
			`INSERT INTO t VALUES (2, 2)`}, []int16{1, 3}, `column "v" was dropped and added again`},
		"one is new, and gets another type": {[]string{`ALTER TABLE t ADD w int`, `INSERT INTO t VALUES (2, 2, 2)`,
			`ALTER TABLE t ALTER w TYPE text`, `INSERT INTO t VALUES (3, 3, 'w')`}, []int16{1, 2, 3}, `column "w" changed its type`},
		"one is new, with a default, behind one that was dropped": {[]string{`ALTER TABLE t ADD x int`, `ALTER TABLE t DROP x`,
			`ALTER TABLE t ADD w int DEFAULT 5`, `INSERT INTO t VALUES (2, 2, 2)`}, []int16{1, 2, 4}, `column "w" was added with a default`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v int)`, `INSERT INTO t VALUES (1, 1)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(c.then...)
			r := b.drain(s)
			if len(r.Reload) > 0 != (c.reason != "") || c.reason != "" && !strings.Contains(r.Reload[0].Reason, c.reason) {
				t.Errorf("marks %+v, want %q", r.Reload, c.reason)
			}
			var numbers []int16
			for _, column := range s.Ledger.State().Tables[public("t")].Columns {
				numbers = append(numbers, column.Number)
			}
			if !slices.Equal(numbers, c.want) {
				t.Errorf("the columns have the numbers %v, want %v", numbers, c.want)
			}
		})
	}
}
