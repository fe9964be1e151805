//go:build cgo && unix

package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// keptType is a type of the source with the types that a column of it can be kept
// as, and values that Postgres prints in a way of its own. Some of them do not fit
// all of the types, and are rescued there.
type keptType struct {
	source, targets string
	values          []string
}

var keptTypes = []keptType{
	{"smallint", wholes, []string{"7", "-0", "32767", "-32768"}},
	{"integer", wholes, []string{"7", "0", "2147483647", "-2147483648", "99999", "100000"}},
	{"bigint", wholes, []string{"7", "9223372036854775807", "-9223372036854775808", "9007199254740993"}},
	{"numeric(20,2)", wholes, []string{"7", "7.10", "-7.05", "0", "-0.00", "999999999999999999.99", "100000000000", "NaN"}},
	{"numeric(5,-2)", wholes, []string{"1200", "-9999900", "0"}},
	{"numeric(3,5)", wholes, []string{"0.00123", "-0.00999", "0"}},
	{"numeric(30,18)", wholes, []string{"7", "0.1", "-0.100000000000000001", "123456789012.000000000000000000"}},
	{"numeric(50,10)", wholes, []string{"7", "1234567890123456789012345678901234567890.0000000001", "0.5"}},
	{"numeric", wholes, []string{"7", "7.00", "-0.0", "1e40", "1.5e-30", "0.000", "NaN", "Infinity", "123456789012345678901234567890.10"}},
	{"real", "DOUBLE|STRING", []string{"7", "0.1", "1e30", "NaN", "-Infinity", "-0", "1.17549435e-38", "16777216", "1e-45"}},
	{"double precision", "STRING", []string{"7", "0.1", "1e30", "NaN", "Infinity", "-0", "5e-324", "1e15", "123456789012345680"}},
	{"money", "DECIMAL(38,18)|DECIMAL(10,1)|DECIMAL(20,0)|STRING", []string{"7", "-1234.5", "0.05", "92233720368547758.07"}},
	{"boolean", "STRING", []string{"true", "false"}},
	{"date", "STRING", []string{"2024-02-29", "0001-01-01", "infinity", "0044-03-15 BC"}},
	{"timestamp", "STRING", []string{"2024-02-29 01:02:03.5", "1582-10-10 00:00:00", "-infinity"}},
	{"timestamptz", "STRING", []string{"2024-02-29 01:02:03.5+02", "1582-10-10 00:00:00+00", "infinity"}},
	{"bytea", "STRING", []string{`\x00ff`, ""}},
	{"uuid", "STRING", []string{"00112233-4455-6677-8899-AABBCCDDEEFF"}},
	{"interval", "STRING", []string{"1 year 2 days", "-00:00:01"}},
	{"numeric(20,2)[]", "ARRAY<BIGINT>|ARRAY<DECIMAL(38,18)>|ARRAY<DECIMAL(5,1)>|ARRAY<DOUBLE>|ARRAY<STRING>|STRING",
		[]string{"{7,NULL,-7.00}", "{}", "{7.10}", "{NaN}"}},
	{"integer[]", "ARRAY<SMALLINT>|ARRAY<DECIMAL(38,18)>|ARRAY<DOUBLE>|ARRAY<STRING>|STRING", []string{"{7,NULL}", "{70000}", "{{1},{2}}"}},
	{"real[]", "ARRAY<DOUBLE>|ARRAY<STRING>|STRING", []string{"{0.1,NULL,1e-45}", "{NaN,-0}"}},
	{"date[]", "ARRAY<STRING>|STRING", []string{"{1582-10-10,NULL}", "{infinity}"}},
}

// keptDocuments are apart, since sums are not compared of a table with a VARIANT.
var keptDocuments = []keptType{
	{"json", "VARIANT|STRING", []string{
		`{"b":1.0, "a":[1e50, 1.10, 12345678901234567890.12345678901]}`, `-0`, `1e23`, `"é\u00e9"`, `5e-324`, `4.9e-324`, `1e2`, `{"a":1,"a":2}`,
		`1e400`, `null`, `1.5e-7`, `99999999999999999999999999999999999999`, `0.123456789012345678901234567890123456789`, `"\ud800"`,
	}},
	{"jsonb", "VARIANT|STRING", []string{`{"b":1.0, "a":[1e50, 1.10, 12345678901234567890.12345678901]}`, `-0`,
		`100000000000000000000000000000000000000`, `0.0000000000000000000000000000000000000001`, `null`, `true`}},
}

const wholes = "SMALLINT|INT|BIGINT|DECIMAL(38,18)|DECIMAL(38,0)|DECIMAL(5,2)|DECIMAL(20,1)|DOUBLE|STRING"

// TestVerifyOfKeptTypes keeps columns of every type as every type that the
// configuration allows. verify finds both ends equal by sums, by cells and by a
// sample, of a snapshot and of changes, although Postgres prints 7.00 and the
// target 7; and a cell that is another one, it finds.
func TestVerifyOfKeptTypes(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, pgtest.NewDatabaseSince(t, 15), lakehouse.Switches{})
	config := w.config(w.keepAs("kept", keptTypes) + w.keepAs("doc", keptDocuments))
	for table, types := range map[string][]keptType{"kept": keptTypes, "doc": keptDocuments} {
		w.insertKept(table, types, 100)
	}
	w.must("full-load", "--config", config)
	for table, types := range map[string][]keptType{"kept": keptTypes, "doc": keptDocuments} {
		w.insertKept(table, types, 200)
		w.exec("UPDATE " + table + " SET id = id + 1000 WHERE id = 201")
	}
	w.must("cdc", "--config", config)
	ways := [][]string{{"verify", "--config", config}, {"verify", "--full", "--config", config},
		{"verify", "--sample=100%", "--config", config}}
	for _, way := range ways {
		if r := w.run(way...); r.code != 0 {
			t.Errorf("%s", r)
		}
	}
	whole, double := keptColumn(keptTypes, "numeric(20,2)", "BIGINT"), keptColumn(keptTypes, "real", "DOUBLE")
	w.sql("UPDATE " + w.target.Table("kept").String() + " SET " + whole + " = 8, " + double + " = 7.5 WHERE id = 100")
	for _, way := range ways {
		if r := w.run(append(way, "--tables", "kept")...); r.code != 1 || !strings.Contains(r.stdout, whole) ||
			!strings.Contains(r.stdout, double) {
			t.Errorf("%s\nwant 1, and %s and %s", r, whole, double)
		}
	}
}

// keepAs makes a table that has a column for each type that a type can be kept as,
// and gives the configuration that does it.
func (w *world) keepAs(table string, types []keptType) (config string) {
	w.t.Helper()
	columns, options := []string{"id int PRIMARY KEY"}, []string{}
	for _, k := range types {
		for to := range strings.SplitSeq(k.targets, "|") {
			name := keptColumn(types, k.source, to)
			columns = append(columns, name+" "+k.source)
			options = append(options, fmt.Sprintf("%s = %q", name, to))
		}
	}
	w.exec("CREATE TABLE " + table + " (" + strings.Join(columns, ", ") + ")")
	return "[tables.\"public." + table + "\"]\ntype = { " + strings.Join(options, ", ") + " }\n"
}

// keptColumn names the column of a type that is kept as another.
func keptColumn(types []keptType, source, to string) string {
	n := slices.IndexFunc(types, func(k keptType) bool { return k.source == source })
	return fmt.Sprintf("c%d_%d", n, slices.Index(strings.Split(types[n].targets, "|"), to))
}

// insertKept inserts a row for each value, and one without any.
func (w *world) insertKept(table string, types []keptType, from int) {
	w.t.Helper()
	for row := range 16 {
		names, values := []string{"id"}, []string{fmt.Sprint(from + row)}
		for _, k := range types {
			for to := range strings.SplitSeq(k.targets, "|") {
				if row < len(k.values) {
					names, values = append(names, keptColumn(types, k.source, to)), append(values, "'"+k.values[row]+"'")
				}
			}
		}
		w.exec("INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")")
	}
}
