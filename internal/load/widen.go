package load

import (
	"ingest/internal/databricks"
	"ingest/internal/schema"
)

// columnTypes are a target's columns by name in lower case, as Delta compares
// names. The type is Invalid where it is none of ours.
type columnTypes map[string]schema.Type

// targetTypes reads the types of a table's columns.
func targetTypes(columns []databricks.Column) columnTypes {
	types := columnTypes{}
	for _, c := range columns {
		t, err := schema.ParseType(c.Type)
		if err != nil { // somebody else's column; it is there, and that is all to know
			t = schema.Type{}
		}
		types[schema.FoldCase(c.Name)] = t
	}
	return types
}

func (c columnTypes) add(columns []databricks.TargetColumn) {
	for _, col := range columns {
		c[schema.FoldCase(col.Name)] = col.Type
	}
}

func (c columnTypes) has(name string) bool {
	_, ok := c[schema.FoldCase(name)]
	return ok
}
