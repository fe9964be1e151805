//go:build cgo && unix

package random

import (
	"fmt"
	"slices"

	"ingest/internal/schema"
)

// marking is what a change of type leaves.
type marking int

const (
	unmarked marking = iota // all values keep their text, and the target holds them
	marked                  // values change, and nobody sends them
	either
)

// retypings are changes of type. Where a column of the target is widened, there
// is nothing to mark; before that was done, there was.
var retypings = []struct {
	from, to, using string
	leaves          marking
}{
	{from: "smallint", to: "integer", leaves: either},
	{from: "integer", to: "bigint", leaves: either},
	{from: "real", to: "double precision", leaves: either},
	{from: "varchar(20)", to: "text", leaves: unmarked},
	{from: "text", to: "varchar(20)", using: "left(%s, 20)", leaves: either},
	{from: "label", to: "text", leaves: unmarked},
	{from: "price", to: "numeric(10,2)", leaves: unmarked},
	{from: "numeric(10,2)", to: "numeric(12,2)", leaves: unmarked},
	{from: "numeric(10,2)", to: "numeric(14,4)", leaves: marked},
	{from: "numeric(10,2)", to: "numeric", leaves: either},
	{from: "integer", to: "text", leaves: either},
	{from: "text", to: "integer", using: "length(%s)", leaves: marked},
	{from: "char(5)", to: "text", leaves: marked},
	{from: "mood", to: "text", leaves: either},
	{from: "json", to: "jsonb", leaves: marked},
	{from: "timestamp", to: "timestamptz", leaves: marked},
	{from: "date", to: "timestamp", leaves: marked},
	{from: "integer[]", to: "bigint[]", leaves: either},
	{from: "text", to: "text[]", using: "ARRAY[%s]", leaves: marked},
}

func (w *world) retype(t *table) bool {
	w.t.Helper()
	for _, n := range w.rnd.Perm(len(retypings)) {
		r := retypings[n]
		i := slices.IndexFunc(t.columns, func(c column) bool {
			return c.kind.sql == r.from && !c.kind.large && !t.needs(c.name)
		})
		if i < 0 {
			continue
		}
		c := &t.columns[i]
		what := "column " + c.name + " changed from " + r.from + " to " + r.to
		name := schema.QuotePostgres(c.name)
		sql := "ALTER " + name + " TYPE " + r.to
		if r.using != "" {
			sql += " USING " + fmt.Sprintf(r.using, name)
		}
		filled := w.ask("SELECT count("+name+")::text FROM "+t.sql()) != "0"
		if c.filled {
			w.must(t.alterSQL("ALTER %s DROP DEFAULT", name))
		}
		w.must(t.alterSQL("%s", sql))
		c.kind = kindOf(r.to)
		switch {
		case r.leaves == marked && c.known && filled:
			t.must = append(t.must, cause{c.name, what, true})
		case r.leaves != unmarked:
			t.allow(what)
		}
		return true
	}
	return false
}
