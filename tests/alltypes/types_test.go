//go:build cgo && unix

package alltypes

import (
	"fmt"
	"strings"
)

// setup makes types of a user's own, and those of extensions in a schema that
// is on nobody's search path.
const setup = `
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
-- A stand-in for pgvector, which a server need not have: the catalog and the
-- texts are as its own.
CREATE TYPE ext.vector;
CREATE FUNCTION ext.vector_in(cstring) RETURNS ext.vector LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION ext.vector_out(ext.vector) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE ext.vector (INPUT = ext.vector_in, OUTPUT = ext.vector_out, LIKE = text);
CREATE FUNCTION ext.vector_to_reals(ext.vector) RETURNS real[] LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT translate($1::text, '[]', '{}')::real[] $$;
CREATE CAST (ext.vector AS real[]) WITH FUNCTION ext.vector_to_reals;
CREATE EXTENSION tcn SCHEMA ext;
UPDATE pg_extension SET extname = 'vector' WHERE extname = 'tcn';
ALTER EXTENSION vector ADD TYPE ext.vector;
CREATE DOMAIN embedding_vector AS ext.vector;
CREATE TYPE mood AS ENUM ('well', 'so, so', '{"bad"}', 'it''s', '');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nest AS (p pair, list int[], day date);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN dear AS price CHECK (VALUE > 100);
CREATE DOMAIN label AS varchar(20);
CREATE DOMAIN day AS date;
CREATE DOMAIN flag AS boolean;
CREATE DOMAIN matrix AS int[];
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN couple AS pair;
CREATE DOMAIN stay AS daterange;
CREATE DOMAIN tags AS ext.hstore;
CREATE DOMAIN ident AS uuid;
CREATE DOMAIN blob AS bytea;
CREATE DOMAIN doc AS jsonb;
CREATE TYPE opaque;
CREATE FUNCTION opaque_in(cstring) RETURNS opaque LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION opaque_out(opaque) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE opaque (INPUT = opaque_in, OUTPUT = opaque_out, LIKE = text);`

// typed is a column of a type. Values and rescued are what it gets besides
// NULL: literals, or expressions after "=".
type typed struct {
	sql     string
	want    string   // the type in Databricks
	values  []string // which the target holds
	rescued []string // which it does not
}

const megabyte = 1 << 20

// planes has characters of every Unicode plane, and what quoting, JSON and
// lines may trip over.
var planes = func() string {
	var b strings.Builder
	for plane := range rune(17) {
		b.WriteRune(plane<<16 + 0x4e2d)
		b.WriteRune(plane<<16 + 0xfffd)
	}
	return b.String() + "aé\u0301\u00a0 \t\r\n\v\f\x01\x7f\u0085\u2028\ufeff'\"`$\\\\\\n{}[]()<>,;:=>NULL"
}()

// quotedPlanes is planes inside double quotes.
var quotedPlanes = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(planes) + `"`

func nines(whole, fraction int) string {
	return strings.Repeat("9", whole) + "." + strings.Repeat("9", fraction)
}

var long = fmt.Sprintf("=(SELECT string_agg(md5(i::text) || E' \"\\\\\\'', '') FROM generate_series(1, %d) i)", megabyte/36)

func scalars() []typed {
	return []typed{
		{sql: "boolean", want: "boolean", values: []string{"t", "f"}},
		{sql: "smallint", want: "smallint", values: []string{"0", "-1", "32767", "-32768"}},
		{sql: "integer", want: "int", values: []string{"0", "-1", "2147483647", "-2147483648"}},
		{sql: "bigint", want: "bigint", values: []string{"0", "-1", "9223372036854775807", "-9223372036854775808"}},
		{sql: "oid", want: "bigint", values: []string{"0", "1", "2147483648", "4294967295"}},
		{sql: "xid", want: "bigint", values: []string{"0", "3", "4294967295"}},
		{sql: "cid", want: "bigint", values: []string{"0", "4294967295"}},
		{sql: "xid8", want: "string", values: []string{"0", "18446744073709551615"}},
		{sql: "real", want: "float", values: []string{"0", "-0", "0.1", "-1.5", "1e-45", "1.1754942e-38", "1.17549435e-38", "3.4028235e38", "-3.4028235e38", "16777217", "NaN", "Infinity", "-Infinity"}},
		{sql: "double precision", want: "double", values: []string{"0", "-0", "0.1", "5e-324", "2.2250738585072009e-308", "2.2250738585072014e-308", "1.7976931348623157e308",
			"-1.7976931348623157e308", "9007199254740993", "1e22", "1e23", "NaN", "Infinity", "-Infinity"}},
		{sql: "numeric(10,2)", want: "decimal(10,2)", values: []string{"0", "-0.01", nines(8, 2), "-" + nines(8, 2), "1.5"}, rescued: []string{"NaN"}},
		{sql: "numeric(18,0)", want: "decimal(18,0)", values: []string{strings.Repeat("9", 18), "-1", "0"}, rescued: []string{"NaN"}},
		{sql: "numeric(38,10)", want: "decimal(38,10)", values: []string{nines(28, 10), "-" + nines(28, 10), "0.0000000001", "0"}, rescued: []string{"NaN"}},
		{sql: "numeric(38,38)", want: "decimal(38,38)", values: []string{nines(0, 38), "-" + nines(0, 38), "1e-38"}, rescued: []string{"NaN"}},
		{sql: "numeric(5,-2)", want: "decimal(7,0)", values: []string{"9999900", "-9999900", "100", "0"}, rescued: []string{"NaN"}},
		{sql: "numeric(3,5)", want: "decimal(5,5)", values: []string{"0.00999", "-0.00001"}, rescued: []string{"NaN"}},
		{sql: "numeric(39,0)", want: "string", values: []string{strings.Repeat("9", 39), "NaN", "-1"}},
		{sql: "numeric(1000,500)", want: "string", values: []string{nines(500, 500), "NaN"}},
		{sql: "numeric", want: "string", values: []string{"0", "1.10", "1.1000", "-0.00", "NaN", "Infinity", "-Infinity", "1e-1000", "=('1' || repeat('0', 131071))::numeric + ('0.' || repeat('0', 16382) || '1')::numeric"}},
		{sql: "money", want: "decimal(19,2)", values: []string{"$0.00", "-$0.01", "$1,234,567.89", "92233720368547758.07", "-92233720368547758.08"}},
		{sql: "text", want: "string", values: []string{"", "ordinary", planes, "NULL", " ", `\`, `\N`, long}},
		{sql: "varchar(5)", want: "string", values: []string{"", "ab ", "😀😀😀😀😀"}},
		{sql: "char(5)", want: "string", values: []string{"", "ab", "😀é  ", "abcde"}},
		{sql: "name", want: "string", values: []string{"", "pg_class", strings.Repeat("é", 31)}},
		{sql: `"char"`, want: "string", values: []string{"a", "", `\`, "é"}},
		{sql: "ext.citext", want: "string", values: []string{"", "MiXeD", planes}},
		{sql: "mood", want: "string", values: []string{"well", "so, so", `{"bad"}`, "it's", ""}},
		{sql: "xml", want: "string", values: []string{"", "<a b='1'>é &amp; <![CDATA[x]]></a>", `<?xml version="1.0" encoding="UTF-8"?><a/>`, "just text"}},
		{sql: "bytea", want: "binary", values: []string{`\x`, `\x00`, `\x00ff5c7839`, fmt.Sprintf("=decode(repeat('00ff5c27', %d), 'hex')", megabyte/4)}},
		{sql: "date", want: "date", values: []string{"0001-01-01", "1582-10-04", "1582-10-15", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31"},
			rescued: []string{"infinity", "-infinity", "0001-12-31 BC", "4713-01-01 BC", "10000-01-01", "5874897-12-31"}},
		{sql: "timestamp", want: "timestamp_ntz", values: []string{"0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01", "2024-06-30 23:59:60", "2024-02-29 24:00:00", "9999-12-31 23:59:59.999999"},
			rescued: []string{"infinity", "-infinity", "0001-12-31 23:59:59.999999 BC", "4713-01-01 00:00:00 BC", "10000-01-01 00:00:00", "294276-12-31 23:59:59.999999", "9999-12-31 24:00:00"}},
		{sql: "timestamp(3)", want: "timestamp_ntz", values: []string{"2024-01-01 00:00:00.1235"}},
		{sql: "timestamptz", want: "timestamp", values: []string{"0001-01-01 00:00:00+00", "1800-01-01 00:00:00 Europe/Amsterdam", "2024-03-31 02:30:00 Europe/Berlin", "2024-01-01 00:00:00.000001-15:59:59", "9999-12-31 23:59:59.999999+00"},
			rescued: []string{"infinity", "-infinity", "0001-01-01 00:59:59+01", "9999-12-31 23:00:00-01", "294276-12-31 23:59:59.999999+00", "4713-01-01 00:00:00+00 BC"}},
		{sql: "time", want: "string", values: []string{"00:00:00", "24:00:00", "23:59:59.999999", "12:00"}},
		{sql: "timetz", want: "string", values: []string{"00:00:00+15:59:59", "24:00:00-15:59:59", "12:00:00.5+05:45", "00:00:00Z"}},
		{sql: "interval", want: "string", values: []string{"0", "1 year 2 mons 3 days 04:05:06.789", "1 year -2 mons 3 days -04:05:06.000001", "-1 day", "-00:00:00.000001", "178000000 years", "-178000000 years",
			"2147483647 days", "2562047788:00:54.775807"}},
		{sql: "interval day to second(0)", want: "string", values: []string{"1 day 01:02:03.6"}},
		{sql: "uuid", want: "string", values: []string{"00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}"}},
		{sql: "json", want: "string", values: []string{"null", `{"b" : 1,  "a":[1.0, "x"], "b":2}`, "\n[ ]\t", `"\u00e9\n\"\\"`, "1e400"}},
		{sql: "jsonb", want: "string", values: []string{"null", `{"b" : 1,  "a":[1.00, "x", {}], "b":2}`, `"é😀\"\\\n"`, "1e400", "=to_jsonb(" + strings.TrimPrefix(long, "=") + ")"}},
		{sql: "inet", want: "string", values: []string{"10.1.2.3", "10.1.2.3/8", "0.0.0.0/0", "::1/128", "::ffff:1.2.3.4", "2001:db8::1/64"}},
		{sql: "cidr", want: "string", values: []string{"10.0.0.0/8", "1.2.3.4/32", "2001:db8::/32", "::/0"}},
		{sql: "macaddr", want: "string", values: []string{"08-00-2B-01-02-03", "ff:ff:ff:ff:ff:ff"}},
		{sql: "macaddr8", want: "string", values: []string{"08:00:2b:01:02:03:04:05"}},
		{sql: "bit(3)", want: "string", values: []string{"101", "000"}},
		{sql: "varbit", want: "string", values: []string{"", "1010101", fmt.Sprintf("=repeat('01', %d)::varbit", megabyte/2)}},
		{sql: "tsvector", want: "string", values: []string{"", "'a':1A,3B 'b c' 'it''s':2 '\\\\\\\\x'"}},
		{sql: "tsquery", want: "string", values: []string{"", "'a' & !('b c' | 'd':*AB) <2> 'e'"}},
		{sql: "pg_lsn", want: "string", values: []string{"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"}},
		{sql: "txid_snapshot", want: "string", values: []string{"10:20:10,14", "1:1:"}},
		{sql: "pg_snapshot", want: "string", values: []string{"10:20:10,14"}},
		{sql: "tid", want: "string", values: []string{"(0,1)", "(4294967295,65535)"}},
		{sql: "jsonpath", want: "string", values: []string{"$", `$."a b"[*] ? (@.x > 1 && @.y like_regex "^é")`}},
		{sql: "ext.ltree", want: "string", values: []string{"", "Top.Science.Astronomy"}},
		{sql: "ext.lquery", want: "string", values: []string{"*.a|b@*.!c{1,2}"}},
		{sql: "point", want: "string", values: []string{"(1,-0.1)", "(NaN,Infinity)", "(-0,5e-324)"}},
		{sql: "line", want: "string", values: []string{"{1,-2,0.5}"}},
		{sql: "lseg", want: "string", values: []string{"[(0,0),(1,1e300)]"}},
		{sql: "box", want: "string", values: []string{"(1,2),(-3,4.5)"}},
		{sql: "path", want: "string", values: []string{"[(0,0),(1,1)]", "((0,0),(1,1),(2,0))"}},
		{sql: "polygon", want: "string", values: []string{"((0,0),(1,1),(1,0))"}},
		{sql: "circle", want: "string", values: []string{"<(0,-0),1.5>"}},
		{sql: "int4range", want: "string", values: []string{"empty", "[1,5]", "(,)", "[,-2147483648)"}},
		{sql: "numrange", want: "string", values: []string{"[1.10,1.1000]", "(-Infinity,NaN)"}},
		{sql: "tsrange", want: "string", values: []string{`["0044-03-15 12:00:00 BC",infinity]`}},
		{sql: "tstzrange", want: "string", values: []string{`("2024-01-01 00:00:00+02",)`}},
		{sql: "span", want: "string", values: []string{"[-0,1e-320)", "empty"}},
		{sql: "nummultirange", want: "string", values: []string{"{}", "{[1.50,2],(3,)}"}},
		{sql: "datemultirange", want: "string", values: []string{"{[2024-01-01,infinity]}"}},
		{sql: "pair", want: "string", values: []string{"(,)", `(1,"a ""b"" \\ , ()")`, `(-2147483648,"")`}},
		{sql: "nest", want: "string", values: []string{`("(1,x)","{1,NULL}",infinity)`, "(,,)"}},
		{sql: "regclass", want: "string", values: []string{"pg_catalog.pg_class", "information_schema.tables", "public.every", "99999", "-"}},
		{sql: "regtype", want: "string", values: []string{"int4", "public.pair", "ext.hstore", "-"}},
		{sql: "regproc", want: "string", values: []string{"now", "0"}},
		{sql: "regnamespace", want: "string", values: []string{"pg_catalog", "ext"}},
		{sql: "int2vector", want: "string", values: []string{"", "1 -2 32767"}},
		{sql: "oidvector", want: "string", values: []string{"1 4294967295"}},
		{sql: "opaque", want: "string", values: []string{"", planes}},
		{sql: "ext.vector", want: "array<float>", values: []string{"[1,2.5,-3]", "[1e-45,3.4028235e+38,-0,0.1]"}},
		{sql: "ext.hstore", want: "map<string,string>", values: []string{"", "a=>1", `b=>NULL, a=>"NULL", ""=>""`, quotedPlanes + "=>" + quotedPlanes, `"=>"=>", ", "\"\\"=>"{}"`,
			"=(SELECT ext.hstore(array_agg(i::text), array_agg(md5(i::text))) FROM generate_series(1, 20000) i)", "=ext.hstore('k', " + strings.TrimPrefix(long, "=") + ")"}},
	}
}

func domains() []typed {
	return []typed{
		{sql: "price", want: "decimal(10,2)", values: []string{"1.5", "-" + nines(8, 2)}, rescued: []string{"NaN"}},
		{sql: "dear", want: "decimal(10,2)", values: []string{"100.01"}, rescued: []string{"NaN"}},
		{sql: "label", want: "string", values: []string{"", "a b"}},
		{sql: "day", want: "date", values: []string{"2024-02-29"}, rescued: []string{"infinity", "0044-03-15 BC"}},
		{sql: "flag", want: "boolean", values: []string{"t", "f"}},
		{sql: "matrix", want: "array<int>", values: []string{"{}", "{1,NULL}"}, rescued: []string{"{{1},{2}}", "[0:0]={1}"}},
		{sql: "feeling", want: "string", values: []string{"so, so", ""}},
		{sql: "couple", want: "string", values: []string{`(1,"a b")`, "(,)"}},
		{sql: "stay", want: "string", values: []string{"[2024-01-01,2024-02-01)", "empty"}},
		{sql: "tags", want: "map<string,string>", values: []string{"a=>1,b=>NULL", ""}},
		{sql: "embedding_vector", want: "array<float>", values: []string{"[1]"}},
		{sql: "ident", want: "string", values: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
		{sql: "blob", want: "binary", values: []string{`\x00ff`}},
		{sql: "doc", want: "string", values: []string{`{"a":1}`}},
		{sql: "price[]", want: "array<decimal(10,2)>", values: []string{"{1.5,NULL}"}, rescued: []string{"{1,NaN}"}},
		{sql: "feeling[]", want: "array<string>", values: []string{`{well,"so, so","",NULL}`}},
		{sql: "matrix[]", want: "array<array<int>>", values: []string{`{"{1,NULL}","{}",NULL}`, "{}"}, rescued: []string{`{"{1}","{{1},{2}}"}`, `{"[0:0]={1}"}`}},
		{sql: "tags[]", want: "array<map<string,string>>", values: []string{`{"a=>1",NULL}`}},
	}
}

// arrays has an array of every type in scalars, of its own values, and what is
// peculiar to arrays.
func arrays() []typed {
	out := []typed{
		{sql: "int4[]", want: "array<int>", values: []string{"{}", "{1}", "{1,NULL,-2147483648}", "{NULL}", "[1:2]={1,2}"},
			rescued: []string{"{{1,2},{3,NULL}}", "{{{1}},{{2}}}", "[0:1]={1,2}", "[-5:-4]={1,2}", "[2:2]={NULL}", "[1:1][3:4]={{1,2}}"}},
		{sql: "int4[3][3]", want: "array<int>", values: []string{"{1,2}"}, rescued: []string{"{{1,2},{3,4}}"}},
		{sql: "text[]", want: "array<string>", values: []string{"{}", `{""}`, "{NULL}", `{"NULL","null",NULL}`, `{a,"b c","d,e","f}","{g","\"","\\","\\\\\"",""," "}`,
			"{" + quotedPlanes + ",x}", `{"{1,2}","[1:2]={}"}`, "=array_fill(" + strings.TrimPrefix(long, "=") + ", ARRAY[2])", "=(SELECT array_agg(md5(i::text)) FROM generate_series(1, 30000) i)"},
			rescued: []string{`{{"a","b"},{"c",NULL}}`, `{{{"x y"}}}`, `[3:3]={"x"}`}},
		{sql: "real[]", want: "array<float>", values: []string{"{NaN,Infinity,-Infinity,1e-45,-0,0.1,NULL}"}},
		{sql: "double precision[]", want: "array<double>", values: []string{"{NaN,Infinity,-Infinity,5e-324,0.1}"}},
		{sql: "box[]", want: "array<string>", values: []string{"{(1,2),(3,4);NULL;(0,0),(1,1)}", "{}"}, rescued: []string{"[0:0]={(1,2),(3,4)}", "{{(1,2),(3,4)};{(1,2),(3,4)}}"}},
		{sql: "date[]", want: "array<date>", values: []string{"{0001-01-01,NULL,9999-12-31}"}, rescued: []string{"{2024-01-01,infinity}", `{"0044-03-15 BC"}`}},
		{sql: "timestamptz[]", want: "array<timestamp>", values: []string{`{"2024-01-01 00:00:00+02",NULL}`}, rescued: []string{"{infinity}", `{"9999-12-31 23:00:00-01"}`}},
		{sql: "ext.hstore[]", want: "array<map<string,string>>", values: []string{`{"\"a\"=>\"\\\"\"",NULL,""}`, "{}"}, rescued: []string{`{{"a=>1"},{"b=>2"}}`}},
	}
	for _, s := range scalars() {
		a := typed{sql: s.sql + "[]", want: "array<" + s.want + ">"}
		for _, v := range s.values {
			if expr, ok := strings.CutPrefix(v, "="); ok {
				v = "=ARRAY[" + expr + ", NULL]::" + a.sql
			} else {
				v = "=ARRAY[" + literal(v) + "::" + s.sql + ", NULL]"
			}
			a.values = append(a.values, v)
		}
		for _, v := range s.rescued {
			a.rescued = append(a.rescued, "=ARRAY["+literal(s.values[0])+"::"+s.sql+", "+literal(v)+"::"+s.sql+"]")
		}
		out = append(out, a)
	}
	return out
}
