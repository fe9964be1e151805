//go:build cgo

package exec

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// jsonOptions are the FORMAT_OPTIONS of JSON that change nothing here.
var jsonOptions = map[string]bool{"infertimestamp": true, "infercolumntypes": true, "ignoremissingfiles": true, "mergeschema": true}

// copyJSON is the query over files of JSON, one object a line. Databricks infers the types of the files' columns and casts them
// to the table's; here a value is read directly as the table's type, and a column that the table does not have as STRING.
func (t copier) copyJSON(m *store.Table, st *sparksql.CopyInto, paths []string) (translate.Result, error) {
	for k := range st.Options {
		if !jsonOptions[k] {
			return translate.Result{}, sparksql.Unsupported("FORMAT_OPTIONS ('%s') of JSON", k)
		}
	}
	if st.Items != nil || st.Columns != nil || st.ByPosition {
		return translate.Result{}, sparksql.Unsupported("COPY INTO from JSON with a SELECT or a list of columns")
	}
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = sparksql.QuoteText(p)
	}
	list := "[" + strings.Join(quoted, ", ") + "]"
	columns, err := t.jsonColumns(m, list)
	if err != nil {
		return translate.Result{}, err
	}
	if len(columns) == 0 {
		return translate.Result{},
			sparksql.Errorf("42000", "CF_EMPTY_DIR_FOR_SCHEMA_INFERENCE", "Cannot infer schema when the input path is empty.")
	}
	types, names := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		if c.Type.Kind == sparksql.BinaryType {
			return translate.Result{}, sparksql.Unsupported("COPY INTO a BINARY column from JSON")
		}
		types[i] = sparksql.QuoteText(c.Name) + ": " + sparksql.QuoteText(c.Type.DuckDB())
		names[i] = sparksql.QuoteDuckDB(c.Name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM read_json(" + list + ", format = 'newline_delimited', columns = {" +
		strings.Join(types, ", ") + "})"
	return translate.Result{SQL: sql, Columns: columns}, nil
}

// jsonColumns are the keys that the files' objects have, by name.
func (t copier) jsonColumns(m *store.Table, list string) ([]translate.Column, error) {
	rows, err := t.Conn.QueryContext(t.Ctx,
		"SELECT DISTINCT unnest(json_keys(json)) AS k FROM read_json_objects("+list+", format = 'newline_delimited') ORDER BY k")
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all, err := store.SparkColumns(m.Columns)
	if err != nil {
		return nil, err
	}
	var out []translate.Column
	for rows.Next() {
		c := translate.Column{Type: sparksql.String}
		if err := rows.Scan(&c.Name); err != nil {
			return nil, err
		}
		if i := columnIndex(m.Columns, c.Name); i >= 0 {
			c.Type = all[i].Type
		}
		out = append(out, c)
	}
	return out, rows.Err()
}
