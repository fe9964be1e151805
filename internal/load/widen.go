package load

import (
	"fmt"

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

// Misfit says which of the columns a target table lacks, or has of a type that
// the staged one can be neither cast nor widened to; "" if it has all. Metadata
// columns count too.
func Misfit(columns []schema.Column, target []databricks.Column) string {
	types := targetTypes(target)
	for _, m := range schema.MetaColumns {
		if !types.has(m.Name) {
			return fmt.Sprintf("has no column %q", m.Name)
		}
	}
	for _, c := range columns {
		have, ok := types[schema.FoldCase(c.Target())]
		switch {
		case !ok:
			return fmt.Sprintf("has no column %q", c.Target())
		case have.Kind != schema.Invalid && !have.Equal(c.Type) && !schema.Widens(have, c.Type) && !schema.Widens(c.Type, have):
			return fmt.Sprintf("has column %q as %s, and %s is staged", c.Target(), have, c.Type)
		}
	}
	return ""
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
