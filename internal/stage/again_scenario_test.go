//go:build unix

package stage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A table that was made again needs a full load for that reason alone. What its
// columns were in the former table does not count, also not in a later entry.
func TestTableThatWasMadeAgainHasOneReason(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v int)`, `INSERT INTO t VALUES (1, 1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`DROP TABLE t`, `CREATE TABLE t (id int PRIMARY KEY, v text, c int DEFAULT 5)`)
	b.publish("t")
	b.exec(`INSERT INTO t VALUES (1, 'a', 1)`)
	reasons := func(marks []ledger.ReloadMark) (list []string) {
		for _, m := range marks {
			list = append(list, m.Reason)
		}
		return list
	}
	if got := reasons(b.drain(b.stager()).Reload); len(got) != 1 || !strings.Contains(got[0], "again") {
		t.Errorf("the reasons are %q, want that it was made again", got)
	}
	b.exec(`ALTER TABLE t ADD d int DEFAULT 6`, `INSERT INTO t VALUES (2, 'b', 2, 2)`)
	if got := reasons(b.drain(b.stager()).Reload); len(got) > 0 {
		t.Errorf("the reasons of the next entry are %q, want none", got)
	}
}

// A snapshot says of each column how many of its values were rescued.
func TestRescuedValuesOfASnapshot(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, n numeric(5, 2), m numeric(5, 2))`, `CREATE TABLE u (id int PRIMARY KEY)`,
		`INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN 'NaN' ELSE '1' END::numeric, 1 FROM generate_series(1, 5000) i`, `INSERT INTO u VALUES (1)`)
	s := b.stager()
	b.origin(s, "t", "u")
	results := b.snapshot(s, "t", "u")
	if got := results[0].Done.Rescued; len(got) != 1 || got["n"] != 2500 {
		t.Errorf("rescued are %v, want 2,500 of n", got)
	}
	if results[0].Ranges < 2 {
		t.Errorf("the table was read in %d ranges: the test shows nothing", results[0].Ranges)
	}
	if got := results[1].Done.Rescued; got != nil {
		t.Errorf("rescued of a table without such values are %v", got)
	}
}

// A column is born with a change that cannot be decoded. The next change of the
// table has the birth: rows from before it have the default.
func TestBirthOfAChangeThatCannotBeDecoded(t *testing.T) {
	b := newBench(t, `CREATE DOMAIN odd AS int`, `CREATE TABLE t (id int PRIMARY KEY, v odd)`, `INSERT INTO t VALUES (1, 1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	output := func(function string) {
		b.exec(`SET allow_system_table_mods = on`,
			`UPDATE pg_type SET typoutput = '`+function+`' WHERE typname = 'odd'`, `RESET allow_system_table_mods`)
	}
	b.exec(`ALTER TABLE t ADD c int DEFAULT 7`)
	output("date_out")
	b.exec(`INSERT INTO t VALUES (2, 2, 2)`)
	output("int4out")
	b.exec(`ALTER TABLE t ADD d int`, `INSERT INTO t VALUES (3, 3, 3, 3)`)
	if r := b.drain(s); len(r.Failed) != 1 {
		t.Fatalf("failed are %v, want the second row", r.Failed)
	}
	var born []string
	rows := int64(0)
	for _, c := range s.Ledger.State().Tables[public("t")].Changes {
		for _, birth := range c.Births {
			born = append(born, birth.Column+" "+string(birth.Value))
		}
		rows += c.Rows[schema.OpInsert]
	}
	if rows != 1 || !slices.Equal(born, []string{"c 7"}) {
		t.Errorf("%d rows are staged, and born are %q; want 1, and c with 7", rows, born)
	}
}
