package bronze

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Types maps a target's column names to types. The names are in lower
// case, as Delta compares them. The type is Invalid if it is not one of ours.
type Types map[string]schema.Type

// TypesOf reads the types of a table's columns.
func TypesOf(columns []databricks.Column) Types {
	types := Types{}
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
	types := TypesOf(target)
	for _, m := range schema.MetaColumns {
		if !types.Has(m.Name) {
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

// Add adds columns, or gives them other types.
func (c Types) Add(columns []databricks.TargetColumn) {
	for _, col := range columns {
		c[schema.FoldCase(col.Name)] = col.Type
	}
}

// Has reports whether there is a column of that name.
func (c Types) Has(name string) bool {
	_, ok := c[schema.FoldCase(name)]
	return ok
}

// Text lists the columns with their types.
func (c Types) Text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%s %s\n", name, c[name])
	}
	return b.String()
}

// Columns lists a table's columns: the source's, then the metadata columns.
func Columns(columns []schema.Column) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range columns {
		out = append(out, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
	}
	for _, m := range schema.MetaColumns {
		out = append(out, databricks.TargetColumn{Name: m.Name, Type: m.Type, Comment: m.Comment})
	}
	return out
}

// Skipping lists the columns with data-skipping statistics: the given names, and
// the key columns that have statistics.
func Skipping(columns []schema.Column, key []string, names ...string) string {
	for _, c := range columns {
		if slices.Contains(key, c.Name) && HasStatistics(c) {
			names = append(names, "`"+c.Target()+"`")
		}
	}
	return strings.Join(names, ",")
}

// HasStatistics reports whether Delta keeps statistics for a column's type and
// the property can express its name. A table is not clustered by other columns.
func HasStatistics(c schema.Column) bool {
	return !strings.ContainsAny(c.Target(), " ,;{}()\n\t=`.") &&
		c.Type.Kind != schema.Bool && c.Type.Kind != schema.Binary && c.Type.Kind != schema.Variant && !c.Type.Nested()
}

// Parsed is the expression that reads a text of the source. It gives NULL if the
// type cannot hold the value or SQL cannot read it.
func Parsed(text string, t schema.Type) string {
	switch t.Kind {
	case schema.String:
		return text
	case schema.Variant:
		return "try_parse_json(" + text + ")"
	case schema.Binary:
		return "CASE WHEN substring(" + text + ", 1, 2) = " + databricks.Literal(`\x`) + " THEN unhex(substring(" + text + ", 3)) END"
	case schema.List, schema.StringMap:
		return databricks.Null(t)
	default:
		return "try_cast(" + text + " AS " + t.String() + ")"
	}
}
