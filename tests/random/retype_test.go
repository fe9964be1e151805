//go:build cgo && unix

package random

import (
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/schema"
)

// retypings are changes of type. Those that keep all values, where the target's
// column holds them too or is widened, leave no mark.
var retypings = []struct {
	from, to, using string
	kept            bool
}{
	{from: "smallint", to: "integer", kept: true},
	{from: "integer", to: "bigint", kept: true},
	{from: "real", to: "double precision", kept: true},
	{from: "varchar(20)", to: "text", kept: true},
	{from: "text", to: "varchar(20)", using: "left(%s, 20)"},
	{from: "label", to: "text", kept: true},
	{from: "price", to: "numeric(10,2)", kept: true},
	{from: "numeric(10,2)", to: "numeric(12,2)", kept: true},
	{from: "numeric(10,2)", to: "numeric(14,4)", kept: true},
	{from: "numeric(10,2)", to: "numeric"},
	{from: "integer", to: "text"},
	{from: "text", to: "integer", using: "length(%s)"},
	{from: "char(5)", to: "text"},
	{from: "mood", to: "text"},
	{from: "json", to: "jsonb"},
	{from: "timestamp", to: "timestamptz"},
	{from: "date", to: "timestamp"},
	{from: "integer[]", to: "bigint[]"},
	{from: "text", to: "text[]", using: "ARRAY[%s]"},
}

func (w *world) retype(t *table) bool {
	w.t.Helper()
	for _, n := range w.rnd.Perm(len(retypings)) {
		r := retypings[n]
		i := slices.IndexFunc(t.columns, func(c column) bool {
			// Without its default, a column that is not loaded yet does not show
			// that it has had one.
			return c.kind.sql == r.from && !c.kind.large && !t.needs(c.name) && (c.known || !c.filled)
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
		t.writtenWhole()
		switch {
		case !r.kept && c.known && filled:
			t.must = append(t.must, cause{c.name, what, true})
		case !r.kept:
			t.allow(what)
		}
		return true
	}
	return false
}
