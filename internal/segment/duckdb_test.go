//go:build cgo

package segment

import (
	"bytes"
	"crypto/md5"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/vector"
)

// DuckDB, which shares no code with the writing library, reads the files. The
// test covers types, values and NULLs of every kind, with and without a
// dictionary, across row groups, and with the snappy codec that this package
// registers.
func TestDuckDBReadsEveryKind(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	for _, dictionary := range []bool{false, true} {
		t.Run(fmt.Sprintf("dictionary=%t", dictionary), func(t *testing.T) {
			f := everySegment(t, dictionary)
			source := "read_parquet('" + strings.ReplaceAll(f.Path, "'", "''") + "')"
			want := [][]string{
				{"bool", "BOOLEAN", "true", "false", "true"},
				{"int16", "SMALLINT", "-32768", "32767", "3"},
				{"int32", "INTEGER", "-2147483648", "2147483647", "3"},
				{"int64", "BIGINT", "-9223372036854775808", "9223372036854775807", "3"},
				{"float32", "FLOAT", "-inf", "3.4028235e+38", "1.5"},
				{"float64", "DOUBLE", "-1.7976931348623157e+308", "inf", "0.1"},
				{"decimal9", "DECIMAL(9,2)", "-9999999.99", "9999999.99", "-0.01"},
				{"decimal18", "DECIMAL(18,0)", "-999999999999999999", "999999999999999999", "3"},
				{"decimal38", "DECIMAL(38,10)", "-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999", "0.0000000001"},
				{"string", "VARCHAR", "", "naïve ✓ \x00 \"quoted\"\n", "repeated"},
				{"binary", "BLOB", "", `\x00\xFF\x80`, "bytes"},
				{"date", "DATE", "0001-01-01", "9999-12-31", "1970-01-01"},
				{"timestamp", "TIMESTAMP", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1970-01-01 00:00:00"},
				{"timestamp utc", "TIMESTAMP WITH TIME ZONE", "1969-12-31 23:59:59.999999+00",
					"2026-03-04 05:06:07.123456+00", "1970-01-01 00:00:00+00"},
				{"list.int", "INTEGER[]", "[]", "[1, NULL, -2]", "[NULL]"},
				{`list "of" lists`, "VARCHAR[][]", "[]", "[[a, NULL], NULL, []]", "[['']]"},
				{"map", "MAP(VARCHAR, VARCHAR)", "{}", "{k=v, ''=NULL}", "{'='=''}"},
				{"list of maps", "MAP(VARCHAR, VARCHAR)[]", "[]", "[{k=NULL}, NULL, {}]", "[{}]"},
			}
			var got [][]string
			for _, field := range everyKind.Fields {
				name := `"` + strings.ReplaceAll(field.Name, `"`, `""`) + `"`
				var typ string
				if err := db.QueryRow("SELECT typeof(" + name + ") FROM " + source + " LIMIT 1").Scan(&typ); err != nil {
					t.Fatal(err)
				}
				row := []string{field.Name, typ}
				for _, i := range []int{0, 2, 3} { // the first of each kind of row, except the NULLs
					var text string
					query := fmt.Sprintf("SELECT CAST(%s AS VARCHAR) FROM %s LIMIT 1 OFFSET %d", name, source, i)
					if err := db.QueryRow(query).Scan(&text); err != nil {
						t.Fatal(err)
					}
					row = append(row, text)
				}
				got = append(got, row)
				var rows, values, nulls int64
				query := fmt.Sprintf("SELECT count(*), count(%s), count(*) FILTER (WHERE %s IS NULL AND file_row_number %% 4 = 1) FROM read_parquet('%s', file_row_number = true)", name, name, f.Path)
				if err := db.QueryRow(query).Scan(&rows, &values, &nulls); err != nil {
					t.Fatal(err)
				}
				if rows != f.Rows || values != rows-rows/4 || nulls != rows/4 {
					t.Errorf("%s: %d rows, %d values, %d NULLs where they belong", field.Name, rows, values, nulls)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
		})
	}
}

// everySegment writes 4 × 2,000 rows of every kind in three row groups.
func everySegment(t *testing.T, dictionary bool) File {
	t.Helper()
	s := openSpool(t)
	tried := make([]bool, len(everyKind.Fields))
	for i := range tried {
		tried[i] = dictionary
	}
	w := newWriter(t, s, everyKind, tried...)
	b := vector.NewBatch(everyKind)
	for i := range 4 {
		everyRow(b, 2000)
		write(t, w, b)
		b.Reset()
		if i != 1 {
			if err := w.EndRowGroup(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return closed(t, w)
}

// An empty segment still has its columns.
func TestDuckDBReadsAnEmptySegment(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := openSpool(t)
	w := newWriter(t, s, everyKind)
	if err := w.EndRowGroup(); err != nil {
		t.Fatal(err)
	}
	f := closed(t, w)
	rows, err := db.Query("SELECT * FROM read_parquet('" + f.Path + "')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || len(columns) != len(everyKind.Fields) || rows.Next() {
		t.Errorf("columns %q, %v", columns, err)
	}
}

// Large rows, whose pages the Parquet library does not write, are read back
// too.
func TestDuckDBReadsLargeRows(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := openSpool(t)
	w, err := s.NewWriter(everyKind, nil, largeMemory)
	if err != nil {
		t.Fatal(err)
	}
	text, other := bytes.Repeat([]byte("large "), 1<<20), noise(2*pieceBytes+1)
	b := vector.NewBatch(everyKind)
	everyRowAnd(b, 3, []byte("short"), nil)
	everyRowAnd(b, 1, text, other)
	everyRowAnd(b, 2, nil, []byte("short"))
	everyRowAnd(b, 1, other, nil)
	write(t, w, b)
	f := closed(t, w)
	wantGroups(t, f, 3, 1, 2, 1)
	rows, err := db.Query(`SELECT coalesce(md5(string), ''), coalesce(md5("binary"), ''), int64 FROM read_parquet('` +
		strings.ReplaceAll(f.Path, "'", "''") + `')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	sum := func(text []byte) string { return fmt.Sprintf("%x", md5.Sum(text)) }
	short := sum([]byte("short"))
	const least = math.MinInt64 // of a first row
	want := [][]any{{short, "", int64(least)}, {short, "", nil}, {short, "", int64(math.MaxInt64)}, {sum(text), sum(other), int64(least)},
		{"", short, int64(least)}, {"", short, nil}, {sum(other), "", int64(least)}}
	var got [][]any
	for rows.Next() {
		row := make([]any, 3)
		if err := rows.Scan(&row[0], &row[1], &row[2]); err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
