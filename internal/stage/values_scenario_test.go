//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Large values that an update does not change are not sent. The log has them
// already, unless the row was outside the publication's filter before: then the
// table is marked. A column that is NULL for everything misses nothing. Row
// filters need PostgreSQL 15.
func TestLargeValuesThatAreNotSent(t *testing.T) {
	const definition = ` (id int, v int, big text, PRIMARY KEY (id, v))`
	cases := map[string]struct {
		change    string
		unchanged []string // by change
		marked    bool
	}{
		"same":     {`UPDATE same SET v = v`, []string{`update ["big"]`}, false},
		"moved":    {`UPDATE moved SET v = 1`, []string{"delete ", `insert ["big"]`}, false},
		"filtered": {`UPDATE filtered SET v = 1`, []string{`insert ["big"]`}, true},
		"masked":   {`UPDATE masked SET v = 1`, []string{"insert "}, false},
	}
	var ddl, names []string
	for name := range cases {
		names = append(names, name)
		ddl = append(ddl, `CREATE TABLE `+name+definition, `ALTER TABLE `+name+` ALTER big SET STORAGE EXTERNAL`,
			`INSERT INTO `+name+` VALUES (1, 0, repeat('z', 5000))`)
	}
	b := newBenchAt(t, pgtest.NewDatabaseSince(t, 15), ddl...)
	s := b.stager()
	s.Shape = &shape.Rules{Sections: []shape.Section{{Label: "[tables.masked]", Exact: true,
		Matches: func(n schema.TableName) bool { return n.Name == "masked" },
		Options: shape.Options{Masks: map[string]schema.Mask{"big": {Kind: schema.MaskNull}}}}}}
	b.origin(s, names...)
	b.exec(`ALTER PUBLICATION ` + pubs.All + ` SET TABLE same, moved, filtered WHERE (v > 0), masked WHERE (v > 0)`)
	b.snapshot(s, names...)
	for _, name := range names {
		b.exec(cases[name].change)
	}
	b.drain(s)
	state := s.Ledger.State()
	for name, c := range cases {
		_, changes := b.log(state, name)
		var got []string
		for _, r := range changes {
			got = append(got, r["_op"]+" "+r["_unchanged"])
		}
		if strings.Join(got, ", ") != strings.Join(c.unchanged, ", ") {
			t.Errorf("%s: the changes are %q, want %q", name, got, c.unchanged)
		}
		m := state.Tables[public(name)].Reload
		if (m != nil) != c.marked || m != nil && !strings.Contains(m.Reason, "large values that it did not change were not sent") {
			t.Errorf("%s: the mark is %+v, want one: %v", name, m, c.marked)
		}
	}
}
