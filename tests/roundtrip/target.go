//go:build cgo && unix

package roundtrip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CheckTarget compares what the warehouse answers with what Postgres prints. It
// is for columns of strings, and lists and maps of them or of numbers.
func (r *Run) CheckTarget() {
	r.t.Helper()
	fields := []string{"id", "_op", "coalesce(_rescued, '')"}
	row := stagedRow{types: make([]string, len(r.columns))}
	for i, c := range r.columns {
		fields = append(fields, fmt.Sprintf("c%d", i))
		row.types[i] = duckDBType(c.Want)
	}
	answer, err := r.workspace.Warehouse().Query(r.t.Context(), "SELECT "+strings.Join(fields, ", ")+" FROM dev.bronze.every")
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[rowID]stagedRow{}
	for _, cells := range answer.Rows {
		id := rowID{op: strings.TrimSuffix(cells[1].(string), "snapshot"), id: int(cells[0].(int64))}
		if _, twice := all[id]; twice {
			r.t.Fatalf("%s %d is there twice", id.op, id.id)
		}
		row.rescued = cells[2].(string)
		row.values = cells[3:]
		for i, typ := range row.types {
			if text, ok := row.values[i].(string); ok && typ != "VARCHAR" {
				row.values[i] = r.nested(text)
			}
		}
		all[id] = row
	}
	r.checkRows(all)
}

// nested reads a list or a map, which the warehouse answers as JSON.
func (r *Run) nested(text string) any {
	r.t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		r.t.Fatalf("%v: %.500s", err, text)
	}
	return asDuckDB(value)
}

// asDuckDB gives a value the shape that readSegments gives it.
func asDuckDB(value any) any {
	switch value := value.(type) {
	case json.Number:
		return value.String()
	case []any:
		for i := range value {
			value[i] = asDuckDB(value[i])
		}
	case map[string]any:
		pairs := []any{}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			pairs = append(pairs, map[string]any{"key": key, "value": value[key]})
		}
		return pairs
	}
	return value
}

// duckDBType is the shape of a type of Databricks, in DuckDB's words.
func duckDBType(want string) string {
	if elem, ok := strings.CutPrefix(want, "array<"); ok {
		return duckDBType(strings.TrimSuffix(elem, ">")) + "[]"
	}
	if strings.HasPrefix(want, "map<") {
		return "MAP(VARCHAR, VARCHAR)"
	}
	return "VARCHAR"
}
