//go:build cgo && unix

package roundtrip

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

// rowID finds a row: op is that of a change, empty in a snapshot.
type rowID struct {
	op string
	id int
}

// stagedRow is a row as DuckDB reads it. A value is nil, a string, or of lists
// and maps []any.
type stagedRow struct {
	values  []any
	types   []string // DuckDB's
	rescued string
}

// readSegments reads all segments below dir.
func readSegments(t *testing.T, dir string, columns int) map[rowID]stagedRow {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	all := map[rowID]stagedRow{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" || !strings.Contains(path, "/segments/") {
			return err
		}
		return readSegment(db, path, columns, all)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readSegment(db *sql.DB, path string, columns int, to map[rowID]stagedRow) error {
	from := "read_parquet('" + strings.ReplaceAll(path, "'", "''") + "')"
	types, err := segmentTypes(db, from)
	if err != nil {
		return err
	}
	op := "''"
	if types["_op"] != "" {
		op = "_op"
	}
	fields := []string{"id", op, "coalesce(_rescued, '')"}
	row := stagedRow{types: make([]string, columns)}
	for i := range columns {
		name := fmt.Sprintf("c%d", i)
		row.types[i] = types[name]
		fields = append(fields, textExpr(name, types[name]))
	}
	rows, err := db.Query("SELECT " + strings.Join(fields, ", ") + " FROM " + from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id rowID
		row.values = make([]any, columns)
		pointers := []any{&id.id, &id.op, &row.rescued}
		for i := range row.values {
			pointers = append(pointers, &row.values[i])
		}
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		if _, twice := to[id]; twice {
			return fmt.Errorf("%s %d is there twice", id.op, id.id)
		}
		to[id] = row
	}
	return rows.Err()
}

func segmentTypes(db *sql.DB, from string) (map[string]string, error) {
	rows, err := db.Query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + from + ")")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types := map[string]string{}
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return nil, err
		}
		types[name] = typ
	}
	return types, rows.Err()
}

// textExpr makes texts of x, which is of DuckDB's type typ.
func textExpr(x, typ string) string {
	if elem, ok := strings.CutSuffix(typ, "[]"); ok {
		return "list_transform(" + x + ", lambda e" + x + ": " + textExpr("e"+x, elem) + ")"
	}
	switch {
	case strings.HasPrefix(typ, "MAP("):
		return "map_entries(" + x + ")"
	case typ == "BLOB":
		return `'\x' || lower(hex(` + x + "))"
	}
	return "CAST(" + x + " AS VARCHAR)"
}

// rendered writes a value for Postgres to read as the type source, of whose
// elements delim is the delimiter.
func rendered(value any, typ, source, delim string) string {
	if text, ok := value.(string); ok {
		return text
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	elem, isList := strings.CutSuffix(typ, "[]")
	var parts []string
	for _, element := range value.([]any) {
		switch e := element.(type) {
		case nil:
			parts = append(parts, "NULL")
		case map[string]any:
			pair := `"` + quote.Replace(e["key"].(string)) + `"=>NULL`
			if v, ok := e["value"].(string); ok {
				pair = strings.TrimSuffix(pair, "NULL") + `"` + quote.Replace(v) + `"`
			}
			parts = append(parts, pair)
		default:
			text := rendered(e, elem, strings.TrimSuffix(source, "[]"), ",")
			if vector(source) {
				text = strings.TrimSuffix(text, ".0") // as pgvector prints it
			} else {
				text = `"` + quote.Replace(text) + `"`
			}
			parts = append(parts, text)
		}
	}
	switch {
	case !isList:
		return strings.Join(parts, ", ")
	case vector(source):
		return "[" + strings.Join(parts, ",") + "]"
	}
	return "{" + strings.Join(parts, delim) + "}"
}

// vector says whether a type is one of pgvector's.
func vector(source string) bool {
	return (strings.Contains(source, "vector") || strings.Contains(source, "halfvec")) && !strings.HasSuffix(source, "[]")
}
