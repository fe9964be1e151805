//go:build cgo

package warehouse

import (
	"strings"
	"testing"
)

// Spark 4.1's results of to_json(parse_json(…)), and of CAST(parse_json(…) AS STRING) if that differs.
var variants = []struct{ text, json, str string }{
	{"1", "1", ""}, {"-0", "0", ""}, {"0.0", "0", ""}, {"-0.0", "0", ""}, {"-0.00", "0", ""}, {"0.000", "0", ""},
	{"1.0", "1", ""}, {"1.10", "1.1", ""}, {"100.00", "100", ""}, {"-1.50", "-1.5", ""}, {"0.10", "0.1", ""}, {"1234567.0", "1234567", ""},
	{"0.0000001", "0.0000001", ""},
	{"1e50", "1.0E50", ""}, {"1E50", "1.0E50", ""}, {"1e2", "100.0", ""}, {"1.5e2", "150.0", ""}, {"10.0e1", "100.0", ""},
	{"1e-2", "0.01", ""}, {"5e-1", "0.5", ""},
	{"0e0", "0.0", ""}, {"0E10", "0.0", ""}, {"1e0", "1.0", ""}, {"1e7", "1.0E7", ""}, {"1e-7", "1.0E-7", ""}, {"1e16", "1.0E16", ""},
	{"3.4028235e38", "3.4028235E38", ""},
	{"1.7976931348623157e308", "1.7976931348623157E308", ""}, {"4.9e-324", "4.9E-324", ""}, {"5e-324", "4.9E-324", ""},
	{"1e400", `"Infinity"`, "Infinity"}, {"-1e400", `"-Infinity"`, "-Infinity"},
	{"9223372036854775807", "9223372036854775807", ""}, {"9223372036854775808", "9223372036854775808", ""},
	{"-9223372036854775809", "-9223372036854775809", ""},
	{"123456789012345678.123456789", "123456789012345678.123456789", ""}, {"1000000000000000000000.0", "1000000000000000000000", ""},
	{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678", ""},
	{"123456789012345678901234567890123456789", "1.2345678901234568E38", ""},
	{"1234567890123456789012345678901234567.8", "1234567890123456789012345678901234567.8", ""},
	{"1234567890123456789012345678901234567.89", "1.2345678901234568E36", ""},
	{"0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678", ""},
	{"0.123456789012345678901234567890123456789", "0.12345678901234568", ""},
	{"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001", ""},
	{"0.000000000000000000000000000000000000001", "1.0E-39", ""},
	{"99999999999999999999999999999999999999.0", "1.0E38", ""}, {"100000000000000000000000000000000000000", "1.0E38", ""},
	{`"a"`, `"a"`, "a"}, {`"1.0"`, `"1.0"`, "1.0"}, {"true", "true", ""}, {"null", "null", "NULL"}, {"[]", "[]", ""}, {"{}", "{}", ""},
	{`"é\u00e9\u0000\n\t\"/\/\b\f\u007f\u2028😀\ud83d\ude00"`, "\"éé\\u0000\\n\\t\\\"//\\b\\f\u007f\u2028😀😀\"",
		"éé\x00\n\t\"//\b\f\u007f\u2028😀😀"},
	{`"\u0001\u001f\u001a/<>&"`, `"\u0001\u001F\u001A/<>&"`, "\x01\x1f\x1a/<>&"}, {`"\ud800"`, `"?"`, "?"}, {`"\ud800\u0041"`, `"?A"`, "?A"},
	{`[1.0,2e0,null,{"b":1.50,"a":[true]}]`, `[1,2.0,null,{"a":[true],"b":1.5}]`, ""},
	{`{"b":1,"a":2,"B":3,"":4,"a a":5}`, `{"":4,"B":3,"a":2,"a a":5,"b":1}`, ""},
	{`{"\uffff":1,"😀":2,"é":3,"ab":4,"a":5}`, "{\"a\":5,\"ab\":4,\"é\":3,\"😀\":2,\"\uffff\":1}", ""},
	{"  { \"a\" :\t1 , \"b\":[ ] }\n", `{"a":1,"b":[]}`, ""},
	{"1 2", "1", ""}, {"[1]x", "[1]", ""}, {`"a"x`, `"a"`, "a"}, {`{"a":1}}`, `{"a":1}`, ""},
	{strings.Repeat("[", 1000) + strings.Repeat("]", 1000), strings.Repeat("[", 1000) + strings.Repeat("]", 1000), ""},
	{`{"` + strings.Repeat("k", 50_000) + `":1}`, `{"` + strings.Repeat("k", 50_000) + `":1}`, ""},
	{strings.Repeat("1", 1000), `"Infinity"`, "Infinity"},
}

// malformed are texts that parse_json refuses.
var malformed = []string{
	"", " ", "nul", "nullnull", "truex", `{"a":1`, "[1", "[1,]", "[,1]", "{,}", `{"a":1,}`, `{"a"}`, `{"a":}`, `{1:1}`, "01", "[01]", "+1",
	".5", "1.", "1.e5", "1e", "1e+", "-", "1x", "NaN", "[NaN]", "Infinity",
	"'a'", `"\x"`, `"\u12g4"`, `"\u12"`, `"a`, `"a\`, "{a:1}", "\"\t\"", "\ufeff1", `{"a":1,"a":2}`, `[{"a":{"b":1,"b":1}}]`,
	strings.Repeat("[", 1001) + strings.Repeat("]", 1001), strings.Repeat("1", 1001), `{"` + strings.Repeat("k", 50_001) + `":1}`,
}

func TestVariants(t *testing.T) {
	b := open(t, Options{})
	for _, v := range variants {
		str := v.str
		if str == "" {
			str = v.json
		}
		rows := b.rows(
			"SELECT to_json(v), CAST(v AS STRING), to_json(try_parse_json(to_json(v))) IS NOT NULL FROM (SELECT parse_json(?) AS v) q", v.text)
		if want := v.json + "|" + str + "|true"; len(rows) != 1 || rows[0] != want {
			t.Errorf("%.80s: got %.200s, want %.200s", v.text, rows, want)
		}
	}
	for _, text := range malformed {
		if rows := b.rows("SELECT try_parse_json(?)", text); rows[0] != "NULL" {
			t.Errorf("%.80s is taken for %.80s", text, rows[0])
		}
	}
	for _, text := range malformed[:10] {
		b.refused("SELECT parse_json('"+text+"')", "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023")
	}
	b.want("SELECT parse_json(NULL), to_json(parse_json(NULL)), parse_json('null') IS NULL, CAST(parse_json('null') AS STRING) IS NULL",
		"NULL|NULL|false|true")
}

func TestVariantOfOtherTypes(t *testing.T) {
	b := open(t, Options{})
	for expr, want := range map[string]string{
		"1.50BD": "1.5", "CAST('12345678901234567890.1234500' AS DECIMAL(38,10))": "12345678901234567890.12345",
		"CAST(0.5 AS DECIMAL(1,1))": "0.5", "100BD": "100",
		"1.0D": "1.0", "1e50D": "1.0E50", "-0.0D": "-0.0", "CAST('NaN' AS DOUBLE)": `"NaN"`, "CAST('-Infinity' AS FLOAT)": `"-Infinity"`,
		"CAST(0.1 AS FLOAT)": "0.1",
		"1L":                 "1", "true": "true", `'a"b\\'`: `"a\"b\\"`, "array(1.50, NULL)": "[1.5,null]", "array(1.5D, NULL)": "[1.5,null]",
		"array(array('x'))": `[["x"]]`, "CAST(NULL AS INT)": "NULL",
	} {
		b.want("SELECT to_json(CAST("+expr+" AS VARIANT))", want)
	}
	b.refused("SELECT CAST(map('a', 1) AS VARIANT)", "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", "42K09")
	b.refused("SELECT CAST(DATE '2024-01-02' AS VARIANT)", "UNSUPPORTED_FEATURE", "0A000")
}

func TestVariantGet(t *testing.T) {
	b := open(t, Options{})
	const doc = `parse_json('{"a":{"b":[1,2.50,"x",null,true,1e50,12345678901234567890.12345678901]},"c d":1,"e.f":2,"0":7}')`
	for path, want := range map[string]string{
		"$.a": `{"b":[1,2.5,"x",null,true,1.0E50,12345678901234567890.12345678901]}`, "$.a.b[1]": "2.5", "$.a.b[5]": "1.0E50",
		"$.a.b[6]": "12345678901234567890.12345678901",
		"$['c d']": "1", `$["e.f"]`: "2", "$.c d": "1", "$.e.f": "NULL", "$['a'][\"b\"][2]": `"x"`, "$.a.b[3]": "null", "$.a.b[9]": "NULL",
		"$.x": "NULL", "$.a.b.c": "NULL", "$[0]": "NULL", "$.0": "7", "$.A": "NULL", "$.a.b[1].x": "NULL",
	} {
		if rows := b.rows("SELECT to_json(variant_get("+doc+", ?))", path); rows[0] != want {
			t.Errorf("%s: got %s, want %s", path, rows, want)
		}
	}
	for _, path := range []string{"", "a", "$.", "$..a", "$[a]", "$.a[-1]", "$ .a", "$['a", "$[1"} {
		b.refused(`SELECT variant_get(`+doc+`, "`+path+`")`, "INVALID_VARIANT_GET_PATH", "22023")
	}
	b.want("SELECT variant_get("+doc+", '$.a.b[2]', 'string'), variant_get("+doc+", '$.a.b[3]', 'string'), variant_get("+doc+
		", '$.a.b[5]', 'string'), variant_get("+doc+", '$.x', 'int')", "x|NULL|1.0E50|NULL")
}

// TestVariantCasts has Spark 4.1's results of casts to other types; ! is an error.
func TestVariantCasts(t *testing.T) {
	b := open(t, Options{})
	values := []string{"1", "1.5", "-1.5", "2.999", "1e2", "1e50", "true", "null", `"12"`, `"x"`, `" 12 "`, `"1.5"`,
		`[1]`, "0.0", "12345678901"}
	for typ, want := range map[string]string{
		"INT":           "1 1 -1 2 100 ! 1 NULL 12 ! 12 ! ! 0 !",
		"BIGINT":        "1 1 -1 2 100 ! 1 NULL 12 ! 12 ! ! 0 12345678901",
		"DOUBLE":        "1.0 1.5 -1.5 2.999 100.0 1.0E50 1.0 NULL 12.0 ! 12.0 1.5 ! 0.0 1.2345678901E10",
		"DECIMAL(10,2)": "1.00 1.50 -1.50 3.00 100.00 ! 1.00 NULL 12.00 ! 12.00 1.50 ! 0.00 !",
		"BOOLEAN":       "true true true true true true true NULL ! ! ! ! ! false true",
	} {
		for i, one := range strings.Fields(want) {
			cast := "parse_json('" + values[i] + "') AS " + typ
			if one == "!" {
				b.refused("SELECT CAST("+cast+")", "INVALID_VARIANT_CAST", "22023")
				b.want("SELECT try_cast("+cast+")", "NULL")
				b.want("SELECT try_variant_get(parse_json('"+values[i]+"'), '$', '"+typ+"')", "NULL")
				continue
			}
			b.want("SELECT CAST(CAST("+cast+") AS STRING), CAST(variant_get(parse_json('"+values[i]+"'), '$', '"+typ+"') AS STRING)", one+"|"+one)
		}
	}
	b.want(`SELECT CAST(CAST(parse_json('"2024-01-02"') AS DATE) AS STRING)`, "2024-01-02")
}

// TestVariantColumn stores documents in a table by INSERT, UPDATE and COPY INTO; they stay the same.
func TestVariantColumn(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE SCHEMA s")
	b.exec("CREATE VOLUME s.v")
	b.exec("CREATE TABLE s.t (id INT, v VARIANT)")
	b.parquet("/Volumes/main/s/v/d/1.parquet", `SELECT 1 AS id, '{"b": 12345678901234567890.12345678901, "a": 1.0}' AS v`)
	b.exec("COPY INTO s.t FROM (SELECT id, parse_json(v) AS v FROM '/Volumes/main/s/v/d') FILEFORMAT = PARQUET")
	b.exec("INSERT INTO s.t VALUES (2, parse_json('1e50'))")
	b.want("SELECT id, to_json(v), v FROM s.t ORDER BY id",
		`1|{"a":1,"b":12345678901234567890.12345678901}|{"a":1,"b":12345678901234567890.12345678901}`, "2|1.0E50|1.0E50")
	b.exec("UPDATE s.t SET v = parse_json('[1.10]') WHERE id = 2")
	b.want("SELECT variant_get(v, '$[0]', 'decimal(3,2)') FROM s.t WHERE id = 2", "1.10")
}
