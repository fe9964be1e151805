//go:build unix

package stage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

// A following run gets the message of a new column before any look at the
// catalog. The message's handling must detect that the table was rewritten.
func TestMessageOfANewColumnOfATableThatWasRewritten(t *testing.T) {
	for name, c := range map[string]struct {
		change []string
		marked bool
	}{
		"default dropped and rewritten": {
			[]string{`ALTER TABLE t ADD c int DEFAULT 7`, `ALTER TABLE t ALTER c DROP DEFAULT`, `VACUUM FULL t`}, true,
		},
		"the column alone": {[]string{`ALTER TABLE t ADD c int`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`, `VACUUM FULL t`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(append(c.change, `INSERT INTO t VALUES (2, 2)`)...)
			b.drain(s)
			m := s.Ledger.State().Tables[schema.TableName{Schema: "public", Name: "t"}].Reload
			if (m != nil) != c.marked || m != nil && !strings.Contains(m.Reason, "was written as a whole since") {
				t.Errorf("the mark is %+v", m)
			}
		})
	}
}

// A message of new columns bears those whose default older rows have. Of a
// column without a default, older rows have NULL in the log already.
func TestMessageOfNewColumns(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t ADD c int`, `ALTER TABLE t ADD d int DEFAULT 5`, `INSERT INTO t VALUES (2, 2, 2)`)
	b.drain(s)
	table := s.Ledger.State().Tables[public("t")]
	if len(table.Changes) != 1 || table.Reload != nil {
		t.Fatalf("changes %+v, mark %+v", table.Changes, table.Reload)
	}
	var born []string
	for _, birth := range table.Changes[0].Births {
		born = append(born, birth.Column+" "+string(birth.Value))
	}
	if !slices.Equal(born, []string{"d 5"}) {
		t.Errorf("born are %q, want d with 5", born)
	}
}
