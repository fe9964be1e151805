package load

import (
	"fmt"

	"ingest/internal/databricks"
	"ingest/internal/schema"
)

// columnTypes maps a target's column names to types. The names are in lower
// case, as Delta compares them. The type is Invalid if it is not one of ours.
type columnTypes map[string]schema.Type

// targetTypes reads the types of a table's columns.
func targetTypes(columns []databricks.Column) columnTypes {
	types := columnTypes{}
	for _, c := range columns {
		t, err := schema.ParseType(c.Type)
		if err != nil { // somebody else's column: only its existence matters
			t = schema.Type{}
		}
		types[schema.FoldCase(c.Name)] = t
	}
	return types
}

// Misfit lists the columns that a target table lacks, or has with a type that
// the staged type can be neither cast nor widened to; "" if there are none. It
// checks metadata columns, too.
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
			return fmt.Sprintf("has column %q as %s, but the staged type is %s", c.Target(), have, c.Type)
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
