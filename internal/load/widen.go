package load

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/failure"
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

// widenColumns brings the target to the wider types that files have. What the
// target has already is left alone, so that it may be repeated.
func (w *table) widenColumns(ctx context.Context, columns []schema.Column) error {
	var narrow []databricks.TargetColumn
	for _, c := range columns {
		if schema.Widens(w.columns[schema.FoldCase(c.Target())], c.Type) {
			narrow = append(narrow, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(narrow) == 0 {
		return nil
	}
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	w.wrote = true
	enable := databricks.SetProperties(w.target, map[string]string{databricks.PropertyTypeWidening: "true"})
	if err := w.loader.Warehouse.Exec(ctx, enable); err != nil {
		return w.notWidened(narrow[0], err)
	}
	for _, c := range narrow {
		if err := w.loader.Warehouse.Exec(ctx, databricks.WidenColumn(w.target, c.Name, c.Type)); err != nil {
			return w.notWidened(c, err)
		}
		w.columns.add([]databricks.TargetColumn{c})
		w.result.Widened = append(w.result.Widened, c.Name+" "+c.Type.String())
	}
	return nil
}

// notWidened names the remedy where the warehouse refuses for good, as it does
// for a table that other readers have to be able to read.
func (w *table) notWidened(c databricks.TargetColumn, err error) error {
	if !databricks.Permanent(err) || notRun(err) {
		return err
	}
	return failure.New(failure.Tables, "widen column %q to %s: %w", c.Name, c.Type, err).
		WithHint("`ingest full-load --tables %s` makes the table anew with the new type", w.state.Table)
}
