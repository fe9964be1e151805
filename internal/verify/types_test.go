//go:build unix

package verify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/verify"
)

// cell is one value at both ends. source is an expression of Postgres. The
// target has an expression of Databricks, or the rescued text if the column
// cannot hold the value.
type cell struct{ source, target, rescued string }

// typed is a column of a type with values.
type typed struct {
	name, typ string
	cells     []cell
}

func plain(source, target string) cell   { return cell{source, target, ""} }
func rescue(source, rescued string) cell { return cell{source, "NULL", rescued} }

// allTypes has every type with its own rule, and some types that are stored as
// text. Every column has at least two values, so that a test can change one.
var allTypes = []typed{
	{"bool_", "boolean", []cell{plain("true", "TRUE"), plain("false", "FALSE")}},
	{"int2_", "smallint", []cell{plain("-32768", "-32768"), plain("7", "7")}},
	{"int4_", "integer", []cell{plain("2147483647", "2147483647"), plain("0", "0")}},
	{"int8_", "bigint", []cell{plain("'-9223372036854775808'", "CAST('-9223372036854775808' AS BIGINT)"), plain("1", "1")}},
	{"oid_", "oid", []cell{plain("4294967295", "4294967295"), plain("1", "1")}},
	{"float4_", "real", []cell{plain("0.1", "CAST('0.1' AS FLOAT)"), plain("'NaN'", "CAST('NaN' AS FLOAT)"),
		plain("'1e-45'", "CAST('1.4E-45' AS FLOAT)"), plain("'-Infinity'", "CAST('-Infinity' AS FLOAT)")}},
	{"float8_", "double precision",
		[]cell{plain("0.1", "0.1D"), plain("'NaN'", "CAST('NaN' AS DOUBLE)"), plain("'Infinity'", "CAST('Infinity' AS DOUBLE)"),
			plain("5e-324", "CAST('4.9E-324' AS DOUBLE)"), plain("1e20", "1E20D"),
			plain("-1.7976931348623157e308", "CAST('-1.7976931348623157E308' AS DOUBLE)"), plain("-2.75", "-2.75D")}},
	{"zeros", "double precision", []cell{plain("'-0'", "-0.0D"), plain("5", "5D"), plain("1e300", "1E300D"), plain("1e-300", "1E-300D")}},
	{"numeric_", "numeric(10,2)", []cell{plain("1234.50", "1234.50"), plain("-0.01", "-0.01"), rescue("'NaN'", "NaN")}},
	{"numeric38_", "numeric(38,6)", []cell{plain("12345678901234567890123456789012.345678", "12345678901234567890123456789012.345678"),
		plain("-99999999999999999999999999999999.999999", "-99999999999999999999999999999999.999999")}},
	{"numeric_negative", "numeric(5,-2)", []cell{plain("123400", "123400"), plain("0", "0")}},
	{"numeric_fraction", "numeric(3,5)", []cell{plain("0.00123", "0.00123"), plain("-0.00999", "-0.00999")}},
	{"numeric_free", "numeric", []cell{plain("1.10", "'1.10'"), plain("'NaN'", "'NaN'"), plain("'-Infinity'", "'-Infinity'"),
		plain("1e40", "'1"+strings.Repeat("0", 40)+"'")}},
	{"money_", "money", []cell{plain("'-$1,234.56'", "-1234.56"), plain("'$0.05'", "0.05")}},
	{"text_", "text", []cell{plain(`E'it''s\n\\ ü € 𝄞'`, `'it\'s\n\\ ü € 𝄞'`), plain("''", "''"), plain("'NULL'", "'NULL'")}},
	{"varchar_", "varchar(10)", []cell{plain("'ab '", "'ab '"), plain("'x'", "'x'")}},
	{"char_", "char(4)", []cell{plain("'ab'", "'ab  '"), plain("'abcd'", "'abcd'")}},
	{"bytea_", "bytea", []cell{plain(`'\x00ff10'`, "X'00FF10'"), plain("''", "X''")}},
	{"date_", "date", []cell{plain("'2024-02-29'", "DATE '2024-02-29'"), plain("'0001-01-01'", "DATE '0001-01-01'"),
		plain("'9999-12-31'", "DATE '9999-12-31'"),
		rescue("'infinity'", "infinity"), rescue("'0044-03-15 BC'", "0044-03-15 BC"), rescue("'10000-01-01'", "10000-01-01")}},
	{"timestamp_", "timestamp", []cell{plain("'2024-02-29 23:59:59.999999'", "TIMESTAMP_NTZ '2024-02-29 23:59:59.999999'"),
		plain("'1969-12-31 23:59:59.5'", "TIMESTAMP_NTZ '1969-12-31 23:59:59.5'"),
		rescue("'-infinity'", "-infinity"), rescue("'0001-12-31 00:00:00 BC'", "0001-12-31 00:00:00 BC")}},
	{"timestamptz_", "timestamptz", []cell{plain("'2024-02-29 23:59:59.000001+02'", "TIMESTAMP '2024-02-29 21:59:59.000001'"),
		plain("'1900-01-01 00:00:00+00'", "TIMESTAMP '1900-01-01 00:00:00'"),
		rescue("'infinity'", "infinity")}},
	{"time_", "time", []cell{plain("'24:00:00'", "'24:00:00'"), plain("'01:02:03.000004'", "'01:02:03.000004'")}},
	{"timetz_", "timetz", []cell{plain("'01:02:03+05:30'", "'01:02:03+05:30'"), plain("'00:00:00+00'", "'00:00:00+00'")}},
	{"interval_", "interval", []cell{plain("'1 year 2 months 3 days 04:05:06.789'", "'P1Y2M3DT4H5M6.789S'"), plain("'0'", "'PT0S'")}},
	{"uuid_", "uuid", []cell{plain("'00112233-4455-6677-8899-AABBCCDDEEFF'", "'00112233-4455-6677-8899-aabbccddeeff'"),
		plain("'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000000'")}},
	{"json_", "json", []cell{plain(`'{"a" : 1,  "a":2}'`, `'{"a" : 1,  "a":2}'`), plain("'null'", "'null'")}},
	{"jsonb_", "jsonb", []cell{plain(`'{"b":1,"a":[1.0]}'`, `'{"a": [1.0], "b": 1}'`), plain("'null'", "'null'")}},
	{"enum_", "mood", []cell{plain("'sad'", "'sad'"), plain("'so so'", "'so so'")}},
	{"domain_", "positive", []cell{plain("3", "3"), plain("4", "4")}},
	{"inet_", "inet", []cell{plain("'10.0.0.1'", "'10.0.0.1'"), plain("'10.0.0.0/8'", "'10.0.0.0/8'")}},
	{"pair_", "pair", []cell{plain("ROW(NULL, NULL)", "'(,)'"), plain("ROW(1, 'a b')", `'(1,"a b")'`)}},
	{"int4s", "integer[]", []cell{plain("'{1,NULL,-3}'", "array(1, NULL, -3)"), plain("'{}'", "CAST(array() AS ARRAY<INT>)"),
		rescue("'{{1,2},{3,4}}'", "{{1,2},{3,4}}"), rescue("'[0:1]={1,2}'", "[0:1]={1,2}")}},
	{"texts", "text[]", []cell{plain(`ARRAY['a,b', '"\', NULL, 'NULL', '', '{x}']`, `array('a,b', '"\\', NULL, 'NULL', '', '{x}')`),
		plain("'{b}'", "array('b')")}},
	{"bools", "boolean[]", []cell{plain("'{t,f,NULL}'", "array(TRUE, FALSE, NULL)"), plain("'{f}'", "array(FALSE)")}},
	{"float8s", "double precision[]", []cell{
		plain("'{0.1,NaN,Infinity,1e-7}'", "array(0.1D, CAST('NaN' AS DOUBLE), CAST('Infinity' AS DOUBLE), 1E-7D)"), plain("'{2}'", "array(2D)"),
	}},
	{"numerics", "numeric(10,2)[]",
		[]cell{plain("'{1.5,NULL,-0.05}'", "array(1.50, NULL, -0.05)"), rescue("'{1,NaN}'", "{1.00,NaN}"), plain("'{7}'", "array(7.00)")}},
	{"dates", "date[]", []cell{plain("'{2024-02-29,NULL}'", "array(DATE '2024-02-29', NULL)"), rescue("'{infinity}'", "{infinity}"),
		plain("'{1970-01-01}'", "array(DATE '1970-01-01')")}},
	{"timestamptzs", "timestamptz[]", []cell{plain(`'{"2024-02-29 23:59:59.5+00"}'`, "array(TIMESTAMP '2024-02-29 23:59:59.5')"),
		plain("'{1970-01-01}'", "array(TIMESTAMP '1970-01-01 00:00:00')")}},
	{"byteas", "bytea[]", []cell{plain(`ARRAY['\x00ff'::bytea, NULL]`, "array(X'00FF', NULL)"), plain(`ARRAY[''::bytea]`, "array(X'')")}},
	{"uuids", "uuid[]", []cell{plain("'{00112233-4455-6677-8899-AABBCCDDEEFF}'", "array('00112233-4455-6677-8899-aabbccddeeff')"),
		plain("'{}'", "CAST(array() AS ARRAY<STRING>)")}},
	{"moneys", "money[]", []cell{plain(`'{"-$1,234.56"}'`, "array(-1234.56)"), plain("'{$1}'", "array(1.00)")}},
	{"matrices", "matrix[]", []cell{plain(`'{"{1,NULL}","{}",NULL}'`, "array(array(1, NULL), CAST(array() AS ARRAY<INT>), NULL)"),
		plain(`'{"{1}"}'`, "array(array(1))"),
		rescue(`'{"{1}","{{1},{2}}"}'`, `{"{1}","{{1},{2}}"}`)}},
	{"pairs", "pair[]",
		[]cell{plain("ARRAY[ROW(1, 'a b')::pair, NULL]", `array('(1,"a b")', NULL)`), plain("ARRAY[ROW(NULL, NULL)::pair]", "array('(,)')")}},
	{"hstore_", "hstore", []cell{plain(`'b=>1, "a, b"=>NULL, long=>"NULL"'`, "map('long', 'NULL', 'b', '1', 'a, b', NULL)"),
		plain("''", "CAST(map() AS MAP<STRING,STRING>)"),
		plain(`hstore('é"\', '"\=>,😀')`, `map('é"\\', '"\\=>,😀')`)}},
	{"hstores", "hstore[]", []cell{plain("ARRAY['a=>1,b=>2'::hstore, NULL, '']",
		"array(map('b', '2', 'a', '1'), NULL, CAST(map() AS MAP<STRING,STRING>))"), plain("ARRAY['x=>NULL'::hstore]", "array(map('x', NULL))")}},
	{"enums", "mood[]", []cell{plain("'{sad,\"so so\"}'", "array('sad', 'so so')"), plain("'{sad}'", "array('sad')")}},
}

const typeRows = 8 // one more than the most values, so that each column has a NULL

// typesBed fills both ends with all types. Row i has each column's value i, or
// NULL if the column has fewer values.
func typesBed(t *testing.T) *bed {
	var columns []string
	for _, c := range allTypes {
		columns = append(columns, c.name+" "+c.typ)
	}
	url := pgtest.NewDatabaseSince(t, 15) // the first version with numeric scales below zero and above the precision
	b := newBedAt(t, url, "CREATE EXTENSION hstore; CREATE DOMAIN matrix AS int[]; CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE TYPE pair AS (a int, b text);"+
		"CREATE TABLE types (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")")
	b.create("types")
	var tuples []string
	for i := range typeRows {
		source, target, rescued := []string{fmt.Sprint(i)}, []string{fmt.Sprint(i)}, map[string]string{}
		for _, c := range allTypes {
			v := plain("NULL", "NULL")
			if i < len(c.cells) {
				v = c.cells[i]
			}
			source, target = append(source, v.source), append(target, v.target)
			if v.rescued != "" {
				rescued[c.name] = v.rescued
			}
		}
		texts := "NULL"
		if len(rescued) > 0 {
			text, _ := json.Marshal(rescued)
			texts = databricks.Literal(string(text))
		}
		b.source("INSERT INTO types VALUES (" + strings.Join(source, ", ") + ")")
		tuples = append(tuples, strings.Join(target, ", ")+", "+meta(i, texts))
	}
	for _, tuple := range tuples {
		b.log("types", tuple)
	}
	return b
}

func TestAllTypesAreEqual(t *testing.T) {
	b := typesBed(t)
	for _, full := range []bool{false, true} {
		r := b.verify("types", full)
		if r.Verdict != verify.Equal || r.SourceRows != typeRows || r.TargetRows != typeRows {
			t.Errorf("full %t: %s %s, rows %d and %d\n%s", full, r.Verdict, r.Reason, r.SourceRows, r.TargetRows, strings.Join(lines(r), "\n"))
		}
	}
}

// Every column: a value changes to NULL, to another value, and from NULL to a
// value.
func TestAChangedCellOfEveryTypeIsNamed(t *testing.T) {
	b := typesBed(t)
	table := b.lake.client.Table("types").String()
	const last = typeRows - 1
	for _, c := range allTypes {
		set := func(first, second, third string) {
			b.target(fmt.Sprintf("UPDATE %s SET %s = CASE id WHEN 0 THEN %s WHEN 1 THEN %s ELSE %s END WHERE id IN (0, 1, %d)", table,
				databricks.Quote(c.name), first, second, third, last))
		}
		value, other := c.cells[0].target, c.cells[1].target
		set("NULL", value, value)
		r := b.verify("types", true)
		var keys []string
		for _, d := range r.Differences {
			if d.Column != c.name || d.Kind != "cell" {
				t.Errorf("%s: %+v", c.name, d)
			}
			keys = append(keys, d.Key)
		}
		if diff := cmp.Diff([]string{"id=0", "id=1", fmt.Sprintf("id=%d", last)}, keys); diff != "" || r.Differing != 3 {
			t.Errorf("%s: %d differing (-want +got):\n%s", c.name, r.Differing, diff)
		}
		if r := b.verify("types", false); r.Verdict != verify.Different || len(r.Differences) == 0 || r.Differences[0].Column != c.name {
			t.Errorf("%s by aggregates: %s %v", c.name, r.Verdict, lines(r))
		}
		set(value, other, "NULL")
	}
	if r := b.verify("types", true); r.Verdict != verify.Equal {
		t.Errorf("after all: %v", lines(r))
	}
}
