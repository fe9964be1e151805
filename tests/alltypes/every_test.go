//go:build cgo && unix

package alltypes

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/tests/roundtrip"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newRun makes a source on the process's server, or on one of PostgreSQL 15,
// the first with numeric scales below zero and above the precision.
func newRun(t *testing.T, identity string, columns []roundtrip.Column) *roundtrip.Run {
	t.Helper()
	return roundtrip.New(t, pgtest.NewDatabaseSince(t, 15), setup, identity, columns)
}

func TestEveryTypeArrivesAsPostgresPrintsIt(t *testing.T) {
	r := newRun(t, "ALTER TABLE every ADD PRIMARY KEY (id)", slices.Concat(scalars(), domains(), arrays()))
	r.Load()
	r.Change()
	r.CDC()
	r.CheckTypes()
	r.CheckSegments()
	r.CheckVerified(3 * r.Rows)
}

// A row without a key is identified by all its values, which its delete has to
// have too.
func TestRowsOfEveryTypeWithoutAKey(t *testing.T) {
	r := newRun(t, "ALTER TABLE every REPLICA IDENTITY FULL", slices.Concat(scalars(), domains(), arrays()))
	r.Load()
	r.Change()
	r.Exec(fmt.Sprintf("DELETE FROM public.every WHERE id %% 2 = 1 AND id < %d", roundtrip.Updated))
	r.CDC()
	r.CheckVerified(3*r.Rows - 2*(r.Rows/2))
}

// A key of every type that can be one.
func TestKeysOfEveryType(t *testing.T) {
	for _, c := range []roundtrip.Column{
		{SQL: "ext.hstore", Values: []string{"", `a=>1,b=>NULL,"c\"d"=>""`, "bb=>1,a=>2"}},
		{SQL: "ext.citext", Values: []string{"A", "b"}},
		{SQL: "bytea", Values: []string{`\x`, `\x00ff`}},
		{SQL: "interval", Values: []string{"1 day", "-1 mon"}},
		{SQL: "inet", Values: []string{"10.0.0.1", "::1"}},
		{SQL: "real", Values: []string{"NaN", "-0", "1e-45"}},
		{SQL: "int4[]", Values: []string{"{1,NULL}", "{}"}, Rescued: []string{"{{1},{2}}", "[0:0]={1}"}},
		{SQL: "numeric(10,2)", Values: []string{"1.5"}, Rescued: []string{"NaN"}},
		{SQL: "timestamptz", Values: []string{"2024-01-01 00:00:00+00"}, Rescued: []string{"infinity", "-infinity"}},
		{SQL: "pair", Values: []string{"(1,a)", "(,)"}},
		{SQL: "mood", Values: []string{"well", "it's", ""}},
	} {
		t.Run(c.SQL, func(t *testing.T) {
			r := newRun(t, "DELETE FROM every WHERE num_nulls(c0) = 1; ALTER TABLE every ADD PRIMARY KEY (c0)", []roundtrip.Column{c})
			r.Load()
			r.Exec("UPDATE public.every SET id = -id; DELETE FROM public.every WHERE id = -1; INSERT INTO public.every VALUES (7, " +
				roundtrip.Literal(c.Values[0]) + ")")
			r.Exec("UPDATE public.every SET id = 8 WHERE id = -2")
			r.CDC()
			r.CheckVerified(len(c.Values) + len(c.Rescued))
		})
	}
}
