package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// DerivedSource is what CheckDerived needs to know about a table of the source.
type DerivedSource struct {
	Table    schema.TableName
	Columns  []schema.Column // all that the source sends, as they are there
	Key      []string        // the key in Postgres; none if there is none
	Nullable []string        // columns that may be NULL
}

// CheckDerived returns what keeps the tables beside a log from being what the configuration asks for.
// It does not check names of tables: these are checked together with those of the other tables.
func (c *Config) CheckDerived(t DerivedSource) []shape.Problem {
	d := c.Derived(t.Table)
	of := c.Shape.Of(t.Table)
	var out []shape.Problem
	switch {
	case len(t.Key) == 0:
		for _, column := range d.Key {
			out = append(out, c.checkKeyColumn(t, of, column)...)
		}
	default:
		out = append(out, c.unneededKey(t)...)
	}
	if d.Kept() && len(d.KeyOf(t.Key)) == 0 {
		out = append(out, keyless(t, d))
	}
	for _, column := range d.HistoryExcept {
		out = append(out, c.checkExcept(t, d, of, column)...)
	}
	if d.Kept() {
		out = append(out, of.CheckBeside(of.Columns(t.Columns))...)
	}
	return out
}

// section returns the label of a table's section with an option, and whether that section is for this
// table alone.
func (c *Config) section(table schema.TableName, has func(DerivedOptions) bool) (label string, exact bool) {
	if s := c.decides(table, has); s != nil {
		return s.Label, s.Exact
	}
	return "[load]", false
}

func (c *Config) unneededKey(t DerivedSource) []shape.Problem {
	label, exact := c.section(t.Table, func(o DerivedOptions) bool { return len(o.Key) > 0 })
	// In a section for many tables, the key is for those that have none.
	if !exact || len(c.Derived(t.Table).Key) == 0 {
		return nil
	}
	return []shape.Problem{{
		What: fmt.Sprintf("%s key is not needed: the table has the key %s", label, columnList(t.Key)),
		Why:  "the table has a key in Postgres, and its log is folded by that key", Remedy: "remove key from " + label,
	}}
}

func (c *Config) checkKeyColumn(t DerivedSource, of *shape.Shape, column string) []shape.Problem {
	label, exact := c.section(t.Table, func(o DerivedOptions) bool { return o.Key != nil })
	what := fmt.Sprintf("%s key names column %q", label, column)
	i := slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Name == column })
	switch {
	case !exact && !c.Derived(t.Table).Kept(): // a key for many tables, and nothing of this one needs it
		return nil
	case i < 0 && !exact:
		return []shape.Problem{{
			What: what + ", which this table does not have", Why: "the key identifies the rows",
			Remedy: fmt.Sprintf("give the table a key of its own: key = […] under [tables.%q], or key = [] for none", t.Table.String()),
		}}
	case i < 0:
		return []shape.Problem{{
			What: what + ", which it does not have", Why: "the key identifies the rows",
			Remedy: "its columns are " + columnNames(t.Columns), Mistake: shape.NoColumn,
		}}
	case !of.Keeps(column):
		return []shape.Problem{{
			What: what + ", which is excluded", Why: "the key identifies the rows", Remedy: `keep it, or hide it by mask = { … = "hmac-sha256" }`,
		}}
	}
	moved := of.Column(t.Columns[i])
	switch {
	case moved.Mask != nil && moved.Mask.Kind != schema.MaskHMAC:
		return []shape.Problem{{
			What: fmt.Sprintf("%s, which has the mask %q", what, moved.Mask.Kind), Why: "all rows would have the same key",
			Remedy: "use hmac-sha256, which keeps different keys apart",
		}}
	case slices.Contains(t.Nullable, column):
		return []shape.Problem{{
			What: what + ", which may be NULL", Why: "rows with NULL in the key cannot be distinguished",
			Remedy: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL; or name other columns", t.Table.SQL(), schema.QuotePostgres(column)),
		}}
	}
	return nil
}

// keyless reports that a table has no key, and what needs one.
func keyless(t DerivedSource, d Derived) shape.Problem {
	needs := `history = true`
	if d.Current == CurrentTable {
		needs = `current = "table"`
	}
	view := `current = "view" under`
	if d.History {
		view = `history = false and current = "view" under`
	}
	return shape.Problem{
		What: fmt.Sprintf("it has no key, and %s needs one", needs), Why: "the key identifies the rows of the table beside the log",
		Remedy: fmt.Sprintf(
			"ALTER TABLE %s ADD PRIMARY KEY (…); or ALTER TABLE %[1]s REPLICA IDENTITY USING INDEX …; then `ingest full-load --tables %s`; "+
				"or name columns that are unique: key = […] under [tables.%q]; or %s it: a view needs no key", t.Table.SQL(),
			t.Table.Argument(), t.Table.String(), view),
	}
}

func (c *Config) checkExcept(t DerivedSource, d Derived, of *shape.Shape, column string) []shape.Problem {
	label, exact := c.section(t.Table, func(o DerivedOptions) bool { return o.HistoryExcept != nil })
	what := fmt.Sprintf("%s history_except names column %q", label, column)
	has := slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return c.Name == column })
	switch {
	case !has && exact:
		return []shape.Problem{{
			What: what + ", which it does not have", Why: "an option for a column that does not exist has no effect",
			Remedy: "its columns are " + columnNames(t.Columns), Mistake: shape.NoColumn,
		}}
	case slices.Contains(d.KeyOf(t.Key), column):
		return []shape.Problem{{
			What: what + ", which belongs to the key", Why: "a change of the key always begins a period",
			Remedy: fmt.Sprintf("remove it, or set history_except under [tables.%q]", t.Table.String()),
		}}
	case has && exact && !of.Keeps(column):
		return []shape.Problem{{
			What: what + ", which is excluded", Why: "the history does not have it",
			Remedy: "remove it from history_except, or from exclude_columns",
		}}
	}
	return nil
}

func columnNames(columns []schema.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

func columnList(names []string) string { return "(" + strings.Join(names, ", ") + ")" }
