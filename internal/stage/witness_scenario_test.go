//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"ingest/internal/schema"
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
