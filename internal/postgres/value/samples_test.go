//go:build unix

package value

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
)

// planes has characters of every non-empty Unicode plane, and characters that quoting and JSON may get
// wrong.
const planes = "aé\u0301ß€漢\uffff😀\U00020000\U00030000\U000e0001\U000f0000\U0010ffff \t\r\n\x01\x7f\u0085\u2028'\"\\{},;NULL"

func nines(whole, fraction int) string {
	return strings.Repeat("9", whole) + "." + strings.Repeat("9", fraction)
}

// Only types without an extension: the server has no others.
var setup = `
CREATE TYPE public.mood AS ENUM ('well', 'so, so', '{"bad"}', '');
CREATE TYPE public.pair AS (a int, b text);
CREATE DOMAIN public.price AS numeric(10,2);
CREATE DOMAIN public.dear AS public.price CHECK (VALUE > 100);
CREATE DOMAIN public.matrix AS int[];
CREATE DOMAIN public.small AS int2;`

var samples = []sample{
	{sql: "bool", fits: []string{"t", "f"}},
	{sql: "int2", fits: []string{"0", "-1", "32767", "-32768"}},
	{sql: "int4", fits: []string{"0", "-1", "2147483647", "-2147483648"}},
	{sql: "int8", fits: []string{"0", "-1", "9223372036854775807", "-9223372036854775808", "1000000000000000000"}},
	{sql: "oid", fits: []string{"0", "1", "2147483648", "4294967295"}},
	{sql: "xid", fits: []string{"0", "3", "4294967295"}},
	{sql: "cid", fits: []string{"0", "4294967295"}},
	{sql: "float4", fits: []string{"0", "-0", "1", "0.1", "-1.5", "1e-45", "1.1754942e-38", "1.17549435e-38", "3.4028235e38", "-3.4028235e38",
		"16777217", "1e6", "1e15", "123456.7", "NaN", "Infinity", "-Infinity"}},
	{sql: "float8", fits: []string{"0", "-0", "1", "0.1", "-1.5", "5e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
		"1.7976931348623157e308", "-1.7976931348623157e308", "9007199254740993", "1e15", "1e16", "1e22", "1e23", "0.1234567890123456789",
		"123456789.123456789", "4.35", "NaN", "Infinity", "-Infinity"}},
	{sql: "numeric(10,2)",
		fits: []string{"0", "0.01", "-0.01", "1", "1.5", "10000", "9999.99", "10000.01", "99999999.99",
			"-99999999.99", "12345678.9", "100000"},
		rescued: []string{"NaN"}},
	{sql: "numeric(18,0)", fits: []string{"0", "999999999999999999", "-999999999999999999", "100000000000000000"}},
	{sql: "numeric(18,18)", fits: []string{"0", "0." + strings.Repeat("9", 18), "-0.000000000000000001", "0.1", "0.0001", "0.00001"}},
	{sql: "numeric(19,0)", fits: []string{"9999999999999999999", "-9999999999999999999", "0", "1"}},
	{sql: "numeric(19,19)", fits: []string{"0." + strings.Repeat("9", 19), "-0.0000000000000000001"}},
	{sql: "numeric(38,0)", fits: []string{strings.Repeat("9", 38), "-" + strings.Repeat("9", 38), "0", "-1", "1" + strings.Repeat("0", 37),
		"18446744073709551616", "18446744073709551615", "9223372036854775808"}, rescued: []string{"NaN"}},
	{sql: "numeric(38,18)", fits: []string{nines(20, 18), "-" + nines(20, 18), "0.000000000000000001", "-1", "1.5", "1234567890123456789.5"}},
	{sql: "numeric(38,38)", fits: []string{"0." + strings.Repeat("9", 38), "-0." + strings.Repeat("9", 38), "0",
		"0." + strings.Repeat("0", 37) + "1", "0.5"}},
	{sql: "numeric(37,37)", fits: []string{"0." + strings.Repeat("9", 37), "0." + strings.Repeat("0", 36) + "1"}},
	{sql: "numeric(39,0)", fits: []string{strings.Repeat("9", 39), "NaN", "-1", "0"}},
	{sql: "numeric(1000,500)", fits: []string{nines(500, 500), "0"}},
	{sql: "numeric",
		fits: []string{"0", "0.0", "0.000", "-0.10", "1.500", "1e100", "-1e-100", "NaN", "Infinity", "-Infinity", "10000", "100000000",
			"1e131071", "1e-16383", nines(131072, 16383), "-" + nines(40, 40), "0.0001", "0.00010", "0.00001", "1000000.000001"}},
	{sql: "numeric", via: "numeric(38,18)", target: schema.Type{Kind: schema.Decimal, Precision: 38, Scale: 18},
		fits: []string{"0", "0.1", "-0.000000000000000001", nines(20, 18), "5", "1234567890.0000000001"},
		rescued: []string{"NaN", "Infinity", "-Infinity", "0.0000000000000000001", "100000000000000000000", "-100000000000000000000",
			"1e131071", "1e-16383", "1e1000", "0.1000000000000000001"}},
	{sql: "numeric", via: "numeric(38,18)", target: schema.Type{Kind: schema.Decimal, Precision: 5, Scale: 2},
		fits:    []string{"0.1", "999.99", "-999.99", "7"},
		rescued: []string{"999.991", "1000", "-1000", "0.001", "0.0001", "1e10", "12345678901234567890"}},
	{sql: "money", fits: []string{"0", "0.01", "-0.01", "1234.5", "-1", "999.99", "1000", "92233720368547758.07", "-92233720368547758.08"}},
	{sql: "text", fits: []string{"", " ", "NULL", planes, strings.Repeat("0123456789abcdef", 1<<16)}},
	{sql: "varchar(5)", fits: []string{"", "a", "漢字漢字漢"}},
	{sql: "char(5)", fits: []string{"", "a", "a b", "漢"}},
	{sql: "name", fits: []string{"", "pg_class", strings.Repeat("x", 63)}},
	{sql: `"char"`, fits: []string{"", "a"}},
	{sql: "public.mood", fits: []string{"well", "so, so", `{"bad"}`, ""}},
	{sql: "public.pair", fits: []string{"(1,a)", "(,)", `(1,"a ""quoted"", \\ thing")`}},
	{sql: "public.price", fits: []string{"0", "-99999999.99"}, rescued: []string{"NaN"}},
	{sql: "public.dear", fits: []string{"100.01", "99999999.99"}, rescued: []string{"NaN"}},
	{sql: "public.small", fits: []string{"-32768"}},
	{sql: "json", fits: []string{"null", ` {"a" : 1, "a":2} `, `"\u0000\ud83d\ude00"`, `[1e400]`}},
	{sql: "jsonb", fits: []string{"null", `{"b": 1, "a": [true, "é😀\n"]}`, `""`, "1.50", `{"a": "` + strings.Repeat("x", 1<<20) + `"}`}},
	{sql: "xml", fits: []string{"<a>1</a>", ""}},
	{sql: "jsonpath", fits: []string{"$.a[*] ? (@ > 1)"}},
	{sql: "bytea", fits: []string{"", `\x00`, `\x00ff5c78`, `\x` + strings.Repeat("00ff", 1<<19)}},
	{sql: "uuid", fits: []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}},
	{sql: "date", fits: []string{"0001-01-01", "9999-12-31", "1970-01-01", "1969-12-31", "2000-02-29", "1900-02-28", "1900-03-01",
		"2024-02-29", "1582-10-10"},
		rescued: []string{"infinity", "-infinity", "0001-12-31 BC", "0001-01-01 BC", "0044-03-15 BC", "4713-01-01 BC", "0005-02-29 BC",
			"10000-01-01", "12345-06-07", "294277-01-01", "5874897-12-31"}},
	{sql: "timestamp", fits: []string{"0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999",
		"2024-02-29 12:34:56.7", "2024-02-29 12:34:56.000001", "2024-02-29 24:00:00", "2024-06-30 23:59:60",
		"2000-01-01", "1999-12-31 23:59:59.5"},
		rescued: []string{"infinity", "-infinity", "0001-12-31 23:59:59.999999 BC", "4713-01-01 00:00:00 BC", "10000-01-01 00:00:00",
			"294276-12-31 23:59:59.999999", "9999-12-31 24:00:00", "0044-03-15 12:00:00.5 BC"}},
	{sql: "timestamptz",
		fits: []string{"0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "1970-01-01 00:00:00Z", "2024-02-29 12:34:56.7+05:45",
			"0001-01-01 01:00:00+01", "2024-03-31 02:30:00 Europe/Berlin", "1800-01-01 00:00:00 Europe/Amsterdam"},
		rescued: []string{"infinity", "-infinity", "0001-01-01 00:59:59+01", "10000-01-01 00:00:00+00", "9999-12-31 23:00:00-01",
			"294276-12-31 23:59:59.999999+00", "4713-01-01 00:00:00+00 BC", "0044-03-15 12:00:00.123456+00 BC"}},
	{sql: "time", fits: []string{"00:00:00", "24:00:00", "23:59:59.999999"}},
	{sql: "timetz", fits: []string{"00:00:00+15:59", "24:00:00-15:59:59", "12:00:00.5+05:45"}},
	{sql: "interval",
		fits: []string{"0", "1 year 2 mons 3 days 04:05:06.789", "-1 year +2 days -00:00:00.000001", "1 mon -1 day", "178000000 years",
			"-178000000 years", "-00:00:01"}},
	{sql: "inet", fits: []string{"10.1.2.3", "10.1.2.3/8", "::1/128"}},
	{sql: "cidr", fits: []string{"10.0.0.0/8"}},
	{sql: "macaddr", fits: []string{"08:00:2b:01:02:03"}},
	{sql: "macaddr8", fits: []string{"08:00:2b:01:02:03:04:05"}},
	{sql: "bit(3)", fits: []string{"101"}},
	{sql: "varbit", fits: []string{"", "1010101"}},
	{sql: "tsvector", fits: []string{"'a':1A 'b c'"}},
	{sql: "tsquery", fits: []string{"'a' & !'b'"}},
	{sql: "pg_lsn", fits: []string{"16/B374D848"}},
	{sql: "txid_snapshot", fits: []string{"10:20:10,14"}},
	{sql: "point", fits: []string{"(1,-0.1)", "(NaN,Infinity)"}},
	{sql: "box", fits: []string{"(1,2),(-3,4.5)"}},
	{sql: "path", fits: []string{"[(0,0),(1,1)]", "((0,0),(1,1))"}},
	{sql: "polygon", fits: []string{"((0,0),(1,1),(1,0))"}},
	{sql: "circle", fits: []string{"<(0,0),1.5>"}},
	{sql: "int4range", fits: []string{"empty", "[1,5)", "(,)"}},
	{sql: "tstzrange", fits: []string{`["2024-01-01 00:00:00+02",infinity]`}},
	{sql: "nummultirange", fits: []string{"{}", "{[1.50,2],(3,)}"}},
	{sql: "regclass", fits: []string{"pg_class", "information_schema.tables", "99999"}},
	{sql: "int2vector", fits: []string{"", "1 2 3"}},
	{sql: "oidvector", fits: []string{"1 4294967295"}},
}

var listSamples = []sample{
	{sql: "int4[]", fits: []string{"{}", "{1}", "{1,NULL,-2147483648}", "{NULL}", "[1:2]={1,2}"},
		rescued: []string{"{{1,2},{3,4}}", "{{{1}}}", "[0:1]={1,2}", "[-5:-4]={1,2}", "[2:2]={NULL}", "[1:1][3:4]={{1,2}}"}},
	{sql: "int2[]", fits: []string{"{32767,-32768}"}},
	{sql: "int8[]", fits: []string{"{9223372036854775807,-9223372036854775808}"}},
	{sql: "bool[]", fits: []string{"{t,f,NULL,t,t,t,t,t,t,f,t}"}},
	{sql: "float4[]", fits: []string{"{NaN,Infinity,-Infinity,1e-45,-0}"}},
	{sql: "float8[]", fits: []string{"{NaN,Infinity,-Infinity,5e-324,0.1}"}},
	{sql: "numeric(10,2)[]", fits: []string{"{1.5,NULL,-99999999.99}"}, rescued: []string{"{1,NaN,2}", "{NaN}"}},
	{sql: "numeric[]", fits: []string{"{1.500,NaN,Infinity,1e100}"}},
	{sql: "money[]", fits: []string{`{"$1,234.50",-1,NULL}`}},
	{sql: "text[]", fits: []string{"{}", `{""}`, "{NULL}", `{"NULL","null",NULL}`, `{a,"b c","d,e","f}","{g","\"","\\","\\\\\"",""," "}`,
		`{"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(planes) + `",x}`, `{"{1,2}","[1:2]={}"}`,
		`{"` + strings.Repeat("long, ", 200_000) + `"}`},
		rescued: []string{`{{"a","b"},{"c",NULL}}`, `[3:3]={"x"}`}},
	{sql: "varchar(3)[]", fits: []string{`{abc,"","a b"}`}},
	{sql: "char(3)[]", fits: []string{`{a,"",abc}`}},
	{sql: "public.mood[]", fits: []string{`{well,"so, so","{\"bad\"}","",NULL}`}},
	{sql: "public.pair[]", fits: []string{`{"(1,\"a,b\")",NULL,"(,)"}`}},
	{sql: "public.price[]", fits: []string{"{1.5,NULL}"}, rescued: []string{"{NaN}"}},
	{sql: "public.matrix", fits: []string{"{1,NULL}"}, rescued: []string{"{{1},{2}}"}},
	{sql: "public.matrix[]", fits: []string{`{"{1,NULL}","{}",NULL}`, "{}"}, rescued: []string{`{"{1}","{{1},{2}}"}`, `{"{1}","[0:0]={1}"}`}},
	{sql: "bytea[]", fits: []string{`{"\\x00ff","\\x",NULL}`}},
	{sql: "uuid[]", fits: []string{"{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"}},
	{sql: "date[]", fits: []string{"{0001-01-01,NULL,9999-12-31}"}, rescued: []string{"{2024-01-01,infinity}",
		`{"0044-03-15 BC"}`, "{10000-01-01}"}},
	{sql: "timestamp[]", fits: []string{`{"2024-01-01 00:00:00.5",NULL}`}, rescued: []string{"{-infinity}"}},
	{sql: "timestamptz[]", fits: []string{`{"2024-01-01 00:00:00+02"}`}, rescued: []string{"{infinity}", `{"9999-12-31 23:00:00-01"}`}},
	{sql: "json[]", fits: []string{`{"{\"a\": [1, \"x\"]}",null}`}},
	{sql: "jsonb[]", fits: []string{`{"{\"a\": [1, \"x\"]}"}`}},
	{sql: "interval[]", fits: []string{`{"1 day",NULL}`}},
	{sql: "box[]", fits: []string{`{(1,2),(3,4);NULL;(0,0),(1,1)}`, "{}"}, rescued: []string{`[0:0]={(1,2),(3,4)}`}},
	{sql: "point[]", fits: []string{`{"(1,2)"}`}},
	{sql: "int4range[]", fits: []string{`{"[1,5)",empty}`}},
	{sql: "int2vector[]", fits: []string{`{"1 2","",NULL}`}},
}

// scaleSamples have scales that PostgreSQL supports since 15: below zero, and above the precision.
var scaleSamples = []sample{
	{sql: "numeric(5,-3)", fits: []string{"99999000", "-12000", "0", "1499"}, rescued: []string{"NaN"}},
	{sql: "numeric(3,5)", fits: []string{"0.00999", "-0.00001", "0"}},
}

func TestRoundTripOfScales(t *testing.T) {
	conn := connect(t, pgtest.NewDatabaseSince(t, 15))
	for _, s := range scaleSamples {
		t.Run(s.sql, func(t *testing.T) { s.check(t, conn) })
	}
}

func TestRoundTrip(t *testing.T) {
	conn := connect(t, pgtest.NewDatabase(t))
	exec(t, conn, setup)
	for _, s := range append(samples, listSamples...) {
		name := s.sql
		if s.target.Kind != schema.Invalid {
			name += " as " + s.target.String()
		}
		t.Run(name, func(t *testing.T) { s.check(t, conn) })
	}
}

// After a retype the table keeps its type, and the source sends another: only the text path is used
// then, and what the type cannot hold is rescued.
func TestRetypedColumn(t *testing.T) {
	list := func(elem schema.Type) schema.Type { return schema.Type{Kind: schema.List, Elem: &elem} }
	decimal := schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}
	conn := connect(t, pgtest.NewDatabase(t))
	exec(t, conn, setup)
	for _, s := range []sample{
		{sql: "int8", target: schema.Type{
			Kind: schema.Int32,
		}, fits: []string{"2147483647", "-2147483648"}, rescued: []string{"2147483648", "-2147483649"}},
		{sql: "int8", target: schema.Type{Kind: schema.Int16}, fits: []string{"32767", "-32768"}, rescued: []string{"32768", "-32769"}},
		{sql: "int4", target: schema.Type{Kind: schema.Int64}, fits: []string{"2147483647"}},
		{sql: "oid", target: schema.Type{Kind: schema.Int32}, fits: []string{"1"}, rescued: []string{"4294967295"}},
		{sql: "text", target: schema.Type{Kind: schema.Int64}, fits: []string{"1", "-9223372036854775808"},
			rescued: []string{"", "x", "+1", " 1", "1e3", "1.5", "9223372036854775808", "-9223372036854775809", "99999999999999999999", "-"}},
		{sql: "numeric(10,2)", target: schema.Type{
			Kind: schema.Int32,
		}, fits: []string{"12", "-7", "1000000"}, rescued: []string{"12.5", "NaN", "99999999.99"}},
		{sql: "text", via: "bool", target: schema.Type{Kind: schema.Bool}, fits: []string{"t", "f"}, rescued: []string{"true", "", "1"}},
		{sql: "text", via: "float8", target: schema.Type{Kind: schema.Float64},
			fits: []string{"1.5", "NaN", "-Infinity", "1e300", "0.1", "-0", "12e-1", "0001"},
			rescued: []string{"", "inf", "nan", "0x1p2", "1_000", "1e400", "1e", "1e+", "e5", ".5", " 1", "1e999999999999999999",
				"0.12345678901234567890"}},
		{sql: "numeric", via: "float8", target: schema.Type{Kind: schema.Float64},
			fits:    []string{"0.10", "123456789012345", "1e22", "-0.00000000000000000000000012", "0", "0.00"},
			rescued: []string{"0.1000000000000000000001", "9007199254740993", "1e400", "1e-400"}},
		{sql: "float8", target: schema.Type{Kind: schema.Float32}, fits: []string{"0.1", "16777216", "1.5", "NaN", "Infinity"},
			rescued: []string{"16777217", "0.123456789", "1e39", "1e-50"}},
		{sql: "float4", target: schema.Type{Kind: schema.Float64}, fits: []string{"0.1", "3.4028235e38"}},
		{sql: "text", via: "numeric(10,2)", target: decimal, fits: []string{"1.5", "-0.010", "00001", "5."},
			rescued: []string{"", ".", ".5", "-", "--1", "1e2", "1.2.3", "1.234", "$1.00", "100000000", "Infinity", "NaN"}},
		{sql: "money", target: decimal, fits: []string{"99999999.99"}, rescued: []string{"100000000"}},
		{sql: "text", target: schema.Type{Kind: schema.Date}, fits: []string{"2024-02-29", "9999-12-31"},
			rescued: []string{"", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "0000-01-01", "24-01-01",
				"2024-1-1", "2024-01-01 00:00:00",
				"2024/01/01", "20240101", "2024-01-01 AD", "99999999-01-01", "-2024-01-01"}},
		{sql: "timestamp", target: schema.Type{Kind: schema.Date}, rescued: []string{"2024-01-01 00:00:00"}},
		{sql: "timestamptz", target: schema.Type{Kind: schema.Timestamp}, rescued: []string{"2024-01-01 00:00:00+00"}},
		{sql: "timestamp", target: schema.Type{Kind: schema.TimestampUTC}, rescued: []string{"2024-01-01 00:00:00"}},
		{sql: "text", via: "timestamptz", target: schema.Type{Kind: schema.TimestampUTC}, fits: []string{"2024-01-01 00:00:00+00"},
			rescued: []string{"2024-01-01 24:00:00+00", "2024-01-01 00:60:00+00", "2024-01-01 00:00:00.+00", "2024-01-01 00:00:00.1234567+00",
				"2024-01-01 00:00:00+0", "2024-01-01 00:00:00+00:", "2024-01-01 00:00:00+00 ", "2024-01-01T00:00:00+00", "2024-01-01 00:00:00Z"}},
		{sql: "text", target: schema.Type{Kind: schema.Binary}, rescued: []string{`\x00`, "abc"}},
		{sql: "bytea", target: schema.Type{Kind: schema.String}, fits: []string{`\x00ff`}},
		{sql: "jsonb", target: schema.Type{Kind: schema.Int32}, fits: []string{"1"}, rescued: []string{`"1"`}},
		{sql: "text", target: list(schema.Type{Kind: schema.Int32}), rescued: []string{"{1}", "{}"}},
		{sql: "int4[]", target: schema.Type{Kind: schema.String}, fits: []string{"{1,NULL}", "[0:0]={1}"}},
		{sql: "int8[]", target: list(schema.Type{Kind: schema.Int32}), fits: []string{"{1,NULL}"}, rescued: []string{"{1,2147483648}"}},
		{sql: "text[]", target: list(schema.Type{Kind: schema.Int32}), fits: []string{"{1,NULL}"}, rescued: []string{"{1,x}", `{1,""}`}},
	} {
		t.Run(s.sql+" to "+s.target.String(), func(t *testing.T) { s.check(t, conn) })
	}
}
