//go:build cgo && unix

package alltypes

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/tests/roundtrip"
)

// setup makes types of a user's own, and those of extensions in a schema that
// is on no search path.
const setup = `
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
-- A stand-in for pgvector, which a server need not have: the catalog and the
-- texts are as its own. The real one is in tests/extensions.
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

func scalars() []roundtrip.Column {
	return []roundtrip.Column{
		{SQL: "boolean", Want: "boolean", Values: []string{"t", "f"}},
		{SQL: "smallint", Want: "smallint", Values: []string{"0", "-1", "32767", "-32768"}},
		{SQL: "integer", Want: "int", Values: []string{"0", "-1", "2147483647", "-2147483648"}},
		{SQL: "bigint", Want: "bigint", Values: []string{"0", "-1", "9223372036854775807", "-9223372036854775808"}},
		{SQL: "oid", Want: "bigint", Values: []string{"0", "1", "2147483648", "4294967295"}},
		{SQL: "xid", Want: "bigint", Values: []string{"0", "3", "4294967295"}},
		{SQL: "cid", Want: "bigint", Values: []string{"0", "4294967295"}},
		{SQL: "xid8", Want: "string", Values: []string{"0", "18446744073709551615"}},
		{SQL: "real", Want: "float", Values: []string{"0", "-0", "0.1", "-1.5", "1e-45", "1.1754942e-38", "1.17549435e-38", "3.4028235e38",
			"-3.4028235e38", "16777217", "NaN", "Infinity", "-Infinity"}},
		{SQL: "double precision", Want: "double",
			Values: []string{"0", "-0", "0.1", "5e-324", "2.2250738585072009e-308", "2.2250738585072014e-308", "1.7976931348623157e308",
				"-1.7976931348623157e308", "9007199254740993", "1e22", "1e23", "NaN", "Infinity", "-Infinity"}},
		{SQL: "numeric(10,2)", Want: "decimal(10,2)", Values: []string{"0", "-0.01", nines(8, 2), "-" + nines(8, 2),
			"1.5"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(18,0)", Want: "decimal(18,0)", Values: []string{strings.Repeat("9", 18), "-1", "0"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(38,10)", Want: "decimal(38,10)", Values: []string{nines(28, 10), "-" + nines(28, 10), "0.0000000001",
			"0"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(38,38)", Want: "decimal(38,38)", Values: []string{nines(0, 38), "-" + nines(0, 38), "1e-38"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(5,-2)", Want: "decimal(7,0)", Values: []string{"9999900", "-9999900", "100", "0"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(3,5)", Want: "decimal(5,5)", Values: []string{"0.00999", "-0.00001"}, Rescued: []string{"NaN"}},
		{SQL: "numeric(39,0)", Want: "string", Values: []string{strings.Repeat("9", 39), "NaN", "-1"}},
		{SQL: "numeric(1000,500)", Want: "string", Values: []string{nines(500, 500), "NaN"}},
		{SQL: "numeric", Want: "string", Values: []string{"0", "1.10", "1.1000", "-0.00", "NaN", "Infinity", "-Infinity", "1e-1000",
			"=('1' || repeat('0', 131071))::numeric + ('0.' || repeat('0', 16382) || '1')::numeric"}},
		{SQL: "money", Want: "decimal(19,2)", Values: []string{"$0.00", "-$0.01", "$1,234,567.89",
			"92233720368547758.07", "-92233720368547758.08"}},
		{SQL: "text", Want: "string", Values: []string{"", "ordinary", planes, "NULL", " ", `\`, `\N`, long}},
		{SQL: "varchar(5)", Want: "string", Values: []string{"", "ab ", "😀😀😀😀😀"}},
		{SQL: "char(5)", Want: "string", Values: []string{"", "ab", "😀é  ", "abcde"}},
		{SQL: "name", Want: "string", Values: []string{"", "pg_class", strings.Repeat("é", 31)}},
		{SQL: `"char"`, Want: "string", Values: []string{"a", "", `\`, "é"}},
		{SQL: "ext.citext", Want: "string", Values: []string{"", "MiXeD", planes}},
		{SQL: "mood", Want: "string", Values: []string{"well", "so, so", `{"bad"}`, "it's", ""}},
		{SQL: "xml", Want: "string", Values: []string{"", "<a b='1'>é &amp; <![CDATA[x]]></a>",
			`<?xml version="1.0" encoding="UTF-8"?><a/>`, "just text"}},
		{SQL: "bytea", Want: "binary", Values: []string{`\x`, `\x00`, `\x00ff5c7839`,
			fmt.Sprintf("=decode(repeat('00ff5c27', %d), 'hex')", megabyte/4)}},
		{SQL: "date", Want: "date",
			Values:  []string{"0001-01-01", "1582-10-04", "1582-10-15", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31"},
			Rescued: []string{"infinity", "-infinity", "0001-12-31 BC", "4713-01-01 BC", "10000-01-01", "5874897-12-31"}},
		{SQL: "timestamp", Want: "timestamp_ntz", Values: []string{"0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01",
			"2024-06-30 23:59:60", "2024-02-29 24:00:00", "9999-12-31 23:59:59.999999"},
			Rescued: []string{"infinity", "-infinity", "0001-12-31 23:59:59.999999 BC", "4713-01-01 00:00:00 BC", "10000-01-01 00:00:00",
				"294276-12-31 23:59:59.999999", "9999-12-31 24:00:00"}},
		{SQL: "timestamp(3)", Want: "timestamp_ntz", Values: []string{"2024-01-01 00:00:00.1235"}},
		{SQL: "timestamptz", Want: "timestamp", Values: []string{"0001-01-01 00:00:00+00", "1800-01-01 00:00:00 Europe/Amsterdam",
			"2024-03-31 02:30:00 Europe/Berlin", "2024-01-01 00:00:00.000001-15:59:59", "9999-12-31 23:59:59.999999+00"},
			Rescued: []string{"infinity", "-infinity", "0001-01-01 00:59:59+01", "9999-12-31 23:00:00-01", "294276-12-31 23:59:59.999999+00",
				"4713-01-01 00:00:00+00 BC"}},
		{SQL: "time", Want: "string", Values: []string{"00:00:00", "24:00:00", "23:59:59.999999", "12:00"}},
		{SQL: "timetz", Want: "string", Values: []string{"00:00:00+15:59:59", "24:00:00-15:59:59", "12:00:00.5+05:45", "00:00:00Z"}},
		{SQL: "interval", Want: "string", Values: []string{"0", "1 year 2 mons 3 days 04:05:06.789", "1 year -2 mons 3 days -04:05:06.000001",
			"-1 day", "-00:00:00.000001", "178000000 years", "-178000000 years",
			"2147483647 days", "2562047788:00:54.775807"}},
		{SQL: "interval day to second(0)", Want: "string", Values: []string{"1 day 01:02:03.6"}},
		{SQL: "uuid", Want: "string", Values: []string{"00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
			"{a0eebc999c0b4ef8bb6d6bb9bd380a11}"}},
		{SQL: "json", Want: "string", Values: []string{"null", `{"b" : 1,  "a":[1.0, "x"], "b":2}`, "\n[ ]\t", `"\u00e9\n\"\\"`, "1e400"}},
		{SQL: "jsonb", Want: "string", Values: []string{"null", `{"b" : 1,  "a":[1.00, "x", {}], "b":2}`, `"é😀\"\\\n"`, "1e400",
			"=to_jsonb(" + strings.TrimPrefix(long, "=") + ")"}},
		{SQL: "inet", Want: "string", Values: []string{"10.1.2.3", "10.1.2.3/8", "0.0.0.0/0", "::1/128", "::ffff:1.2.3.4", "2001:db8::1/64"}},
		{SQL: "cidr", Want: "string", Values: []string{"10.0.0.0/8", "1.2.3.4/32", "2001:db8::/32", "::/0"}},
		{SQL: "macaddr", Want: "string", Values: []string{"08-00-2B-01-02-03", "ff:ff:ff:ff:ff:ff"}},
		{SQL: "macaddr8", Want: "string", Values: []string{"08:00:2b:01:02:03:04:05"}},
		{SQL: "bit(3)", Want: "string", Values: []string{"101", "000"}},
		{SQL: "varbit", Want: "string", Values: []string{"", "1010101", fmt.Sprintf("=repeat('01', %d)::varbit", megabyte/2)}},
		{SQL: "tsvector", Want: "string", Values: []string{"", "'a':1A,3B 'b c' 'it''s':2 '\\\\\\\\x'"}},
		{SQL: "tsquery", Want: "string", Values: []string{"", "'a' & !('b c' | 'd':*AB) <2> 'e'"}},
		{SQL: "pg_lsn", Want: "string", Values: []string{"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"}},
		{SQL: "txid_snapshot", Want: "string", Values: []string{"10:20:10,14", "1:1:"}},
		{SQL: "pg_snapshot", Want: "string", Values: []string{"10:20:10,14"}},
		{SQL: "tid", Want: "string", Values: []string{"(0,1)", "(4294967295,65535)"}},
		{SQL: "jsonpath", Want: "string", Values: []string{"$", `$."a b"[*] ? (@.x > 1 && @.y like_regex "^é")`}},
		{SQL: "ext.ltree", Want: "string", Values: []string{"", "Top.Science.Astronomy"}},
		{SQL: "ext.lquery", Want: "string", Values: []string{"*.a|b@*.!c{1,2}"}},
		{SQL: "point", Want: "string", Values: []string{"(1,-0.1)", "(NaN,Infinity)", "(-0,5e-324)"}},
		{SQL: "line", Want: "string", Values: []string{"{1,-2,0.5}"}},
		{SQL: "lseg", Want: "string", Values: []string{"[(0,0),(1,1e300)]"}},
		{SQL: "box", Want: "string", Values: []string{"(1,2),(-3,4.5)"}},
		{SQL: "path", Want: "string", Values: []string{"[(0,0),(1,1)]", "((0,0),(1,1),(2,0))"}},
		{SQL: "polygon", Want: "string", Values: []string{"((0,0),(1,1),(1,0))"}},
		{SQL: "circle", Want: "string", Values: []string{"<(0,-0),1.5>"}},
		{SQL: "int4range", Want: "string", Values: []string{"empty", "[1,5]", "(,)", "[,-2147483648)"}},
		{SQL: "numrange", Want: "string", Values: []string{"[1.10,1.1000]", "(-Infinity,NaN)"}},
		{SQL: "tsrange", Want: "string", Values: []string{`["0044-03-15 12:00:00 BC",infinity]`}},
		{SQL: "tstzrange", Want: "string", Values: []string{`("2024-01-01 00:00:00+02",)`}},
		{SQL: "span", Want: "string", Values: []string{"[-0,1e-320)", "empty"}},
		{SQL: "nummultirange", Want: "string", Values: []string{"{}", "{[1.50,2],(3,)}"}},
		{SQL: "datemultirange", Want: "string", Values: []string{"{[2024-01-01,infinity]}"}},
		{SQL: "pair", Want: "string", Values: []string{"(,)", `(1,"a ""b"" \\ , ()")`, `(-2147483648,"")`}},
		{SQL: "nest", Want: "string", Values: []string{`("(1,x)","{1,NULL}",infinity)`, "(,,)"}},
		{SQL: "regclass", Want: "string", Values: []string{"pg_catalog.pg_class", "information_schema.tables", "public.every", "99999", "-"}},
		{SQL: "regtype", Want: "string", Values: []string{"int4", "public.pair", "ext.hstore", "-"}},
		{SQL: "regproc", Want: "string", Values: []string{"now", "0"}},
		{SQL: "regnamespace", Want: "string", Values: []string{"pg_catalog", "ext"}},
		{SQL: "int2vector", Want: "string", Values: []string{"", "1 -2 32767"}},
		{SQL: "oidvector", Want: "string", Values: []string{"1 4294967295"}},
		{SQL: "opaque", Want: "string", Values: []string{"", planes}},
		{SQL: "ext.vector", Want: "array<float>", Values: []string{"[1,2.5,-3]", "[1e-45,3.4028235e+38,-0,0.1]"}},
		{SQL: "ext.hstore", Want: "map<string,string>",
			Values: []string{"", "a=>1", `b=>NULL, a=>"NULL", ""=>""`, quotedPlanes + "=>" + quotedPlanes, `"=>"=>", ", "\"\\"=>"{}"`,
				"=(SELECT ext.hstore(array_agg(i::text), array_agg(md5(i::text))) FROM generate_series(1, 20000) i)",
				"=ext.hstore('k', " + strings.TrimPrefix(long, "=") + ")"}},
	}
}

func domains() []roundtrip.Column {
	return []roundtrip.Column{
		{SQL: "price", Want: "decimal(10,2)", Values: []string{"1.5", "-" + nines(8, 2)}, Rescued: []string{"NaN"}},
		{SQL: "dear", Want: "decimal(10,2)", Values: []string{"100.01"}, Rescued: []string{"NaN"}},
		{SQL: "label", Want: "string", Values: []string{"", "a b"}},
		{SQL: "day", Want: "date", Values: []string{"2024-02-29"}, Rescued: []string{"infinity", "0044-03-15 BC"}},
		{SQL: "flag", Want: "boolean", Values: []string{"t", "f"}},
		{SQL: "matrix", Want: "array<int>", Values: []string{"{}", "{1,NULL}"}, Rescued: []string{"{{1},{2}}", "[0:0]={1}"}},
		{SQL: "feeling", Want: "string", Values: []string{"so, so", ""}},
		{SQL: "couple", Want: "string", Values: []string{`(1,"a b")`, "(,)"}},
		{SQL: "stay", Want: "string", Values: []string{"[2024-01-01,2024-02-01)", "empty"}},
		{SQL: "tags", Want: "map<string,string>", Values: []string{"a=>1,b=>NULL", ""}},
		{SQL: "embedding_vector", Want: "array<float>", Values: []string{"[1]"}},
		{SQL: "ident", Want: "string", Values: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
		{SQL: "blob", Want: "binary", Values: []string{`\x00ff`}},
		{SQL: "doc", Want: "string", Values: []string{`{"a":1}`}},
		{SQL: "price[]", Want: "array<decimal(10,2)>", Values: []string{"{1.5,NULL}"}, Rescued: []string{"{1,NaN}"}},
		{SQL: "feeling[]", Want: "array<string>", Values: []string{`{well,"so, so","",NULL}`}},
		{SQL: "matrix[]", Want: "array<array<int>>", Values: []string{`{"{1,NULL}","{}",NULL}`,
			"{}"}, Rescued: []string{`{"{1}","{{1},{2}}"}`, `{"[0:0]={1}"}`}},
		{SQL: "tags[]", Want: "array<map<string,string>>", Values: []string{`{"a=>1",NULL}`}},
	}
}

// arrays has an array of every type in scalars, of its own values, and what is
// peculiar to arrays.
func arrays() []roundtrip.Column {
	out := []roundtrip.Column{
		{SQL: "int4[]", Want: "array<int>", Values: []string{"{}", "{1}", "{1,NULL,-2147483648}", "{NULL}", "[1:2]={1,2}"},
			Rescued: []string{"{{1,2},{3,NULL}}", "{{{1}},{{2}}}", "[0:1]={1,2}", "[-5:-4]={1,2}", "[2:2]={NULL}", "[1:1][3:4]={{1,2}}"}},
		{SQL: "int4[3][3]", Want: "array<int>", Values: []string{"{1,2}"}, Rescued: []string{"{{1,2},{3,4}}"}},
		{SQL: "text[]", Want: "array<string>",
			Values: []string{"{}", `{""}`, "{NULL}", `{"NULL","null",NULL}`, `{a,"b c","d,e","f}","{g","\"","\\","\\\\\"",""," "}`,
				"{" + quotedPlanes + ",x}", `{"{1,2}","[1:2]={}"}`, "=array_fill(" + strings.TrimPrefix(long, "=") + ", ARRAY[2])",
				"=(SELECT array_agg(md5(i::text)) FROM generate_series(1, 30000) i)"},
			Rescued: []string{`{{"a","b"},{"c",NULL}}`, `{{{"x y"}}}`, `[3:3]={"x"}`}},
		{SQL: "real[]", Want: "array<float>", Values: []string{"{NaN,Infinity,-Infinity,1e-45,-0,0.1,NULL}"}},
		{SQL: "double precision[]", Want: "array<double>", Values: []string{"{NaN,Infinity,-Infinity,5e-324,0.1}"}},
		{SQL: "box[]", Want: "array<string>", Values: []string{"{(1,2),(3,4);NULL;(0,0),(1,1)}", "{}"}, Rescued: []string{"[0:0]={(1,2),(3,4)}",
			"{{(1,2),(3,4)};{(1,2),(3,4)}}"}},
		{
			SQL: "date[]", Want: "array<date>", Values: []string{"{0001-01-01,NULL,9999-12-31}"},
			Rescued: []string{"{2024-01-01,infinity}", `{"0044-03-15 BC"}`},
		},
		{SQL: "timestamptz[]", Want: "array<timestamp>", Values: []string{`{"2024-01-01 00:00:00+02",NULL}`}, Rescued: []string{"{infinity}",
			`{"9999-12-31 23:00:00-01"}`}},
		{SQL: "ext.hstore[]", Want: "array<map<string,string>>", Values: []string{`{"\"a\"=>\"\\\"\"",NULL,""}`,
			"{}"}, Rescued: []string{`{{"a=>1"},{"b=>2"}}`}},
	}
	for _, s := range scalars() {
		a := roundtrip.Column{SQL: s.SQL + "[]", Want: "array<" + s.Want + ">"}
		for _, v := range s.Values {
			if expr, ok := strings.CutPrefix(v, "="); ok {
				v = "=ARRAY[" + expr + ", NULL]::" + a.SQL
			} else {
				v = "=ARRAY[" + roundtrip.Literal(v) + "::" + s.SQL + ", NULL]"
			}
			a.Values = append(a.Values, v)
		}
		for _, v := range s.Rescued {
			a.Rescued = append(a.Rescued, "=ARRAY["+roundtrip.Literal(s.Values[0])+"::"+s.SQL+", "+roundtrip.Literal(v)+"::"+s.SQL+"]")
		}
		out = append(out, a)
	}
	return out
}
