//go:build cgo && unix

package extensions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/tests/roundtrip"
)

// contrib is a database of a server that has hstore, citext and ltree.
func contrib(t *testing.T) string {
	t.Helper()
	url := pgtest.NewDatabase(t)
	need(t, url, "run scripts/need-postgres, or install postgresql-contrib", "hstore", "citext", "ltree")
	return url
}

// contribSetup installs them in a schema, of a quoted name, and makes domains.
func contribSetup(schema string) string {
	return strings.ReplaceAll(`
CREATE SCHEMA IF NOT EXISTS @schema;
CREATE EXTENSION hstore SCHEMA @schema;
CREATE EXTENSION citext SCHEMA @schema;
CREATE EXTENSION ltree SCHEMA @schema;
CREATE DOMAIN tags AS @schema.hstore;
CREATE DOMAIN email AS @schema.citext CHECK (VALUE <> 'nobody');
CREATE DOMAIN branch AS @schema.ltree;
CREATE DOMAIN tag_list AS @schema.hstore[];`, "@schema", schema)
}

func contribColumns(schema string) []roundtrip.Column {
	const awkward = `"\"\\ =>, {}'
\t😀NULL"`
	tags := []string{"", "a=>1", "a=>NULL", `a=>"NULL",b=>""`, `""=>""`, `""=>NULL`, awkward + "=>" + awkward,
		`"=>"=>", ", "a\\"=>"\\"`, "B=>1,a=>2,bb=>3,b=>4"}
	names := []string{"", "MiXeD", "mixed", "ÉCOLE", "NULL", ` "\' {},`}
	paths := []string{"", "Top", "Top.Science.Astronomy", "a_1.B",
		"=(SELECT string_agg('label' || i, '.') FROM generate_series(1, 2000) i)::" + schema + ".ltree"}
	large := "=(SELECT " + schema + ".hstore(array_agg('k' || i), array_agg(nullif(md5(i::text), md5('7')))) FROM generate_series(1, 2000) i)"
	columns := []roundtrip.Column{
		{SQL: schema + ".hstore", Want: "map<string,string>", Values: append(slices.Clip(tags), large)},
		{SQL: schema + ".citext", Want: "string", Values: append(slices.Clip(names),
			"=(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 5000) i)")},
		{SQL: schema + ".ltree", Want: "string", Values: paths},
		{SQL: schema + ".lquery", Want: "string", Values: []string{"*", "*.!a|b@*.c{1,2}.d%"}},
		{SQL: schema + ".ltxtquery", Want: "string", Values: []string{"a & !b@* | (c & d%)"}},
		{SQL: "tags", Want: "map<string,string>", Values: tags},
		{SQL: "email", Want: "string", Values: names},
		{SQL: "branch", Want: "string", Values: paths},
	}
	return append(withArrays(columns), roundtrip.Column{
		SQL: "tag_list", Want: "array<map<string,string>>", Values: []string{"{}", `{"a=>NULL",NULL,""}`}, Rescued: []string{"{{a=>1},{b=>2}}"},
	})
}

func TestContrib(t *testing.T) {
	t.Run("with a key", func(t *testing.T) {
		moved(t, contrib(t), contribSetup(`"Ext 1"`), contribColumns(`"Ext 1"`))
	})
	t.Run("without a key", func(t *testing.T) {
		keyless(t, contrib(t), contribSetup("public"), contribColumns("public"))
	})
}

func TestContribKeys(t *testing.T) {
	// For Postgres, keys that differ only in case are equal; its changes distinguish them.
	t.Run("ext.citext", func(t *testing.T) {
		keyed(t, contrib(t), contribSetup("ext"), roundtrip.Column{SQL: "ext.citext", Values: []string{"MiXeD", "b", "É", "stays", "gone"}}, 5,
			"UPDATE public.every SET c0 = 'mixed' WHERE id = 1",
			"BEGIN; DELETE FROM public.every WHERE id = 2; INSERT INTO public.every VALUES (20, 'B'); COMMIT",
			"BEGIN; UPDATE public.every SET c0 = 'é' WHERE id = 3; UPDATE public.every SET c0 = 'É', id = 30 WHERE id = 3; COMMIT",
			"UPDATE public.every SET id = 40 WHERE id = 4",
			"DELETE FROM public.every WHERE id = 5; INSERT INTO public.every VALUES (50, 'Gone')",
			"DELETE FROM public.every WHERE id = 50; INSERT INTO public.every VALUES (51, 'gone')")
	})
	for _, c := range []roundtrip.Column{
		{SQL: "ext.hstore", Values: []string{`a=>1,b=>NULL`, `""=>""`, "", "zz=>1"}},
		{SQL: "ext.ltree", Values: []string{"a.B", "a.b", "", "zz"}},
		{SQL: "public.branch", Values: []string{"a.B", "a.b", "", "zz"}},
	} {
		t.Run(c.SQL, func(t *testing.T) {
			keyed(t, contrib(t), contribSetup("ext"), c, 4, keyChanges(c)...)
		})
	}
}

// keyChanges change a row, remove one, remove one and bring it back, and give
// the last row's key another value and a new row that key.
func keyChanges(c roundtrip.Column) []string {
	value := func(n int) string { return roundtrip.Literal(c.Values[n-1]) + "::public.key_type" }
	changes := []string{
		"CREATE DOMAIN public.key_type AS " + c.SQL,
		"UPDATE public.every SET id = 10 WHERE id = 1",
		fmt.Sprintf("DELETE FROM public.every WHERE id = 2; INSERT INTO public.every VALUES (20, %s)", value(2)),
		"DELETE FROM public.every WHERE id = 3",
		fmt.Sprintf("UPDATE public.every SET c0 = %s WHERE id = 4; INSERT INTO public.every VALUES (40, %s)", value(3), value(4)),
	}
	return changes
}
