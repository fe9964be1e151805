//go:build cgo && unix

package random

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// moods are the enum's values at first.
var moods = []string{"well", "so, so", "it's"}

// setup makes what columns' types are of.
var setup = []string{
	`SET search_path = public`,
	`CREATE SCHEMA ext`,
	`CREATE EXTENSION citext SCHEMA ext`,
	`CREATE EXTENSION hstore SCHEMA ext`,
	`CREATE TYPE mood AS ENUM ('well', 'so, so', 'it''s')`,
	`CREATE TYPE pair AS (a int, b text)`,
	`CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE <> 13)`,
	`CREATE DOMAIN label AS varchar(30)`,
	`CREATE DOMAIN day AS date`,
	`CREATE DOMAIN score AS integer DEFAULT 7`,
	`CREATE FUNCTION volatile() RETURNS integer VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN 5; END'`,
}

func (w *world) setUp() {
	w.t.Helper()
	for _, sql := range setup {
		w.must(sql)
	}
}

// kind is a type of columns.
type kind struct {
	sql    string
	values []string // as text; %d takes a random number
	key    bool     // keys may have it
	large  bool     // some values are stored out of line
}

// numbers is how many values a %d makes: few, so that keys meet.
const numbers = 60

var kinds = []*kind{
	{sql: "boolean", values: []string{"t", "f"}},
	{sql: "smallint", values: []string{"%d", "-32768", "32767"}, key: true},
	{sql: "integer", values: []string{"%d", "-%d", "2147483647", "-2147483648"}, key: true},
	{sql: "bigint", values: []string{"%d", "-9223372036854775808", "9223372036854775807"}, key: true},
	{sql: "oid", values: []string{"%d", "4294967295"}},
	{sql: "real", values: []string{"%d.1", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "-0"}},
	{sql: "double precision", values: []string{"%d.1", "NaN", "-Infinity", "5e-324", "1.7976931348623157e308", "0.30000000000000004", "-0"}},
	{sql: "numeric(10,2)", values: []string{"%d.25", "-99999999.99", "NaN", "0"}, key: true},
	{sql: "numeric(38,0)", values: []string{"%d", "99999999999999999999999999999999999999"}, key: true},
	{sql: "numeric(5,-2)", values: []string{"%d00", "9999900"}},
	{sql: "numeric", values: []string{"%d", "%d.10", "1e-30", "NaN", "123456789012345678901234567890.123456789012345678901234567890"}},
	{sql: "numeric(45,3)", values: []string{"%d.123", "999999999999999999999999999999999999999999.999"}},
	{sql: "money", values: []string{"%d.25", "-92233720368547758.08"}},
	{sql: "text", values: []string{"v%d", "", "NULL", `\N`, "a\nb\t\"c'", "é😀"}, key: true},
	{sql: "varchar(20)", values: []string{"v%d", "", "ab  ", "é😀"}, key: true},
	{sql: "char(5)", values: []string{"c%d", "", "é"}, key: true},
	{sql: "name", values: []string{"n%d", ""}},
	{sql: "ext.citext", values: []string{"c%d", "C%d", ""}, key: true},
	{sql: "mood", values: []string{""}}, // world.moods
	{sql: "json", values: []string{"{\"b\" : %d}", "null", "[1.0,  2]"}},
	{sql: "jsonb", values: []string{"{\"b\" : %d}", "null", "[1.0,  2]"}},
	{sql: "xml", values: []string{"<a>%d</a>", "text"}},
	{sql: "uuid", values: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380%03d"}, key: true},
	{sql: "bytea", values: []string{`\x%02d`, `\x`, `\x00ff`}, key: true},
	{sql: "date", values: []string{"=DATE '2024-01-01' + %d", "infinity", "-infinity", "0044-03-15 BC", "0001-01-01",
		"9999-12-31", "10000-01-01"}, key: true},
	{sql: "timestamp", values: []string{"=TIMESTAMP '2024-01-01 12:00:00.000001' + %d * INTERVAL '1 hour'", "infinity", "0001-01-01 00:00:00",
		"1969-12-31 23:59:59.999999", "12024-01-01 00:00:00"}, key: true},
	{sql: "timestamptz", values: []string{"=TIMESTAMPTZ '2024-03-31 00:00:00.5+02' + %d * INTERVAL '1 hour'", "-infinity",
		"1800-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"}, key: true},
	{sql: "time", values: []string{"12:00:%02d", "24:00:00", "00:00:00.000001"}},
	{sql: "timetz", values: []string{"12:00:%02d+05:45", "24:00:00-15:59:59"}},
	{sql: "interval", values: []string{"%d days", "1 year -2 mons 3 days -04:05:06.000001", "0"}},
	{sql: "inet", values: []string{"10.0.0.%d", "10.1.2.3/8", "::1"}, key: true},
	{sql: "cidr", values: []string{"10.0.%d.0/24", "::/0"}},
	{sql: "macaddr", values: []string{"08:00:2b:01:02:%02d"}},
	{sql: "bit(3)", values: []string{"101", "000"}},
	{sql: "varbit", values: []string{"", "1010101"}},
	{sql: "tsvector", values: []string{"'a%d':1A,3B 'b c'", ""}},
	{sql: "pg_lsn", values: []string{"0/%d", "FFFFFFFF/FFFFFFFF"}},
	{sql: "point", values: []string{"(%d,-0.1)", "(NaN,Infinity)"}},
	{sql: "int4range", values: []string{"[-1,%d]", "empty", "(,)"}},
	{sql: "datemultirange", values: []string{"{[2024-01-01,infinity]}", "{}"}},
	{sql: "numeric(12,2)", values: []string{"%d.25", "9999999999.99"}, key: true},
	{sql: "numeric(14,4)", values: []string{"%d.2525"}},
	{sql: "bigint[]", values: []string{"{%d,NULL,9223372036854775807}"}},
	{sql: "pair", values: []string{`(%d,"a ""b"" , ()")`, "(,)"}},
	{sql: "price", values: []string{"%d.5", "NaN"}},
	{sql: "label", values: []string{"l%d", ""}, key: true},
	{sql: "score", values: []string{"%d"}},
	{sql: "day", values: []string{"2024-02-29", "infinity"}},
	{sql: "integer[]", values: []string{"{%d,NULL,-1}", "{}", "{{1,2},{3,4}}", "[0:1]={1,2}"}},
	{sql: "text[]", values: []string{`{v%d,"a \"b\", {c}",NULL,"NULL",""}`, "{}", `{{"a"},{"b"}}`}},
	{sql: "numeric(10,2)[]", values: []string{"{%d.5,NULL}", "{NaN}"}},
	{sql: "real[]", values: []string{"{%d.1,NaN,-Infinity,NULL}"}},
	{sql: "boolean[]", values: []string{"{t,f,NULL}"}},
	{sql: "bytea[]", values: []string{`{"\\x00ff","\\x",NULL}`}},
	{sql: "mood[]", values: []string{`{well,"so, so",NULL}`}},
	{sql: "timestamptz[]", values: []string{`{"2024-01-01 00:00:00.000001+00",NULL}`, "{infinity}"}},
	{sql: "ext.hstore", values: []string{`a=>%d, "b c"=>NULL, "\""=>"}"`, ""}},
	{sql: "text", values: []string{"=repeat('x', 3000) || '%d'", "=repeat('y', 2500) || '%d'", "small %d"}, large: true},
	{sql: "bytea", values: []string{"=decode(repeat('00ff5c27', 800), 'hex') || '%d'::bytea", `\x%02d`}, large: true},
	{sql: "jsonb", values: []string{"=to_jsonb(repeat('z', 2800) || '%d')"}, large: true},
	{sql: "text[]", values: []string{"=ARRAY[repeat('w', 2600), NULL, '%d']", "{}"}, large: true},
}

// kindOf finds a kind by its type.
func kindOf(sql string) *kind {
	for _, k := range kinds {
		if k.sql == sql {
			return k
		}
	}
	panic("no kind " + sql)
}

// value is a random value as an SQL expression.
func (w *world) value(k *kind) string {
	text := k.values[0]
	if w.chance(2) {
		text = oneOf(w, k.values)
	}
	if k.sql == "mood" {
		text = oneOf(w, w.moods)
	}
	if strings.Contains(text, "%") {
		text = fmt.Sprintf(text, w.rnd.IntN(numbers))
	}
	if expr, ok := strings.CutPrefix(text, "="); ok {
		return "(" + expr + ")::" + k.sql
	}
	return schema.QuotePostgresLiteral(text) + "::" + k.sql
}

func keyKinds() []*kind {
	var out []*kind
	for _, k := range kinds {
		if k.key {
			out = append(out, k)
		}
	}
	return out
}
