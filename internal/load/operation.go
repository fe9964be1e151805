package load

import (
	"context"
	"strconv"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// statements passes the statements that a table needs to do, in order. Each
// operation has what is known about the table after it. statements writes nothing
// itself.
type statements struct {
	*table
	do func(bronze.Operation) error
}

// from generates the statements that bring the table from step n to its last
// step. No step from n on may be folded.
func (w statements) from(ctx context.Context, n int) error {
	for _, s := range w.steps[n:] {
		if s.unfit != nil {
			return s.unfit
		}
	}
	if n == 0 {
		if err := w.replace(ctx); err != nil {
			return err
		}
		n = 1
	}
	for n < len(w.steps) {
		g := nextGroup(w.steps[n:])
		if err := w.addColumns(g.steps[0].columns); err != nil {
			return err
		}
		if err := w.widenColumns(g.steps[0].columns); err != nil {
			return err
		}
		op := bronze.Operation{
			SQL: copySQL(w.Target, g, w.repair, w.loader.Files.Root(), w.loader.Now()), Entry: g.entries(), Copy: true, Rows: g.rows,
		}
		op.Done = func() { w.result.Copies++; w.brought(g.rows) }
		if err := w.do(op); err != nil {
			return err
		}
		n += len(g.steps)
	}
	return nil
}

// brought counts loaded rows.
func (w *table) brought(rows int64) {
	w.result.Rows += rows
	w.loader.Watch.loaded(w.State.Table, rows)
}

// replace replaces the table by its snapshot. It first checks that the
// remaining steps can be loaded as well: a table that holds most of the data is
// better than one that holds less.
func (w statements) replace(ctx context.Context) error {
	d := w.State.Snapshot
	if err := w.segments().directory(ctx, d); err != nil {
		return err
	}
	if err := w.segments().complete(ctx, w.steps[1:]); err != nil {
		return err
	}
	err := w.do(bronze.Operation{
		SQL:   snapshotSQL(w.Target, w.owner(), w.State, w.loader.Files.Root(), w.loader.Now()),
		Entry: strconv.FormatInt(d.Begin, 10),
		Sent: func() {
			w.cached = loads.Table{Quarantine: w.cached.Quarantine} // the cache no longer describes the table
		},
		Done: func() {
			w.Exists, w.strange, w.Columns = true, false, bronze.Types{}
			w.Columns.Add(bronze.Columns(d.Columns))
			w.seen.owner = w.owner()
			w.result.Snapshot = true
			w.brought(d.Rows)
		},
	})
	if err != nil {
		return err
	}
	return w.describe(d)
}

// describe sets the comments of the table's columns, and its tags.
func (w statements) describe(d *ledger.Done) error {
	texts, name := w.loader.descriptions(), w.State.Table.String()
	if err := texts.CommentColumns(w.Target, name, d, w.do); err != nil {
		return err
	}
	return texts.Tag(w.Target, name, w.State.Table, w.do)
}

// addColumns adds the columns that the target lacks.
func (w statements) addColumns(columns []schema.Column) error {
	for _, k := range w.kept {
		if err := k.Alter(columns, w.do); err != nil {
			return err
		}
	}
	var missing []databricks.TargetColumn
	for _, c := range columns {
		if !w.Columns.Has(c.Target()) {
			missing = append(missing, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if p := databricks.RequiredProperties(missing); len(p) > 0 {
		if err := w.do(bronze.Operation{SQL: databricks.SetProperties(w.Target, p)}); err != nil {
			return err
		}
	}
	return w.do(bronze.Operation{SQL: databricks.AddColumns(w.Target, missing), Done: func() {
		w.Columns.Add(missing)
		for _, c := range missing {
			w.result.Added = append(w.result.Added, c.Name)
		}
	}})
}

// widenColumns widens the target's columns to the types in the files. It skips
// columns that are wide enough already, so it can be repeated.
func (w statements) widenColumns(columns []schema.Column) error {
	var narrow []databricks.TargetColumn
	for _, c := range columns {
		if schema.Widens(w.Columns[schema.FoldCase(c.Target())], c.Type) {
			narrow = append(narrow, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(narrow) == 0 {
		return nil
	}
	refused := func(c databricks.TargetColumn) func(error) error {
		return func(err error) error { return w.notWidened(c, err) }
	}
	enable := databricks.SetProperties(w.Target, map[string]string{databricks.PropertyTypeWidening: "true"})
	if err := w.do(bronze.Operation{SQL: enable, Fail: refused(narrow[0])}); err != nil {
		return err
	}
	for _, c := range narrow {
		err := w.do(bronze.Operation{SQL: databricks.WidenColumn(w.Target, c.Name, c.Type), Fail: refused(c), Done: func() {
			w.Columns.Add([]databricks.TargetColumn{c})
			w.result.Widened = append(w.result.Widened, c.Name+" "+c.Type.String())
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// notWidened adds the remedy if the warehouse permanently refuses to widen, for
// example because other readers must be able to read the table.
func (w statements) notWidened(c databricks.TargetColumn, err error) error {
	if !databricks.Refused(err) {
		return err
	}
	return failure.New(failure.Tables, "widen column %q to %s: %w", c.Name, c.Type, err).
		WithHint("`ingest full-load --tables %s` rebuilds the table with the new type", w.State.Table)
}

// execute proves the lock and sends a statement.
func (w *table) execute(ctx context.Context, op bronze.Operation) error {
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	w.wrote = true
	if op.Sent != nil {
		op.Sent()
	}
	var err error
	if op.Entry != "" {
		ctx = databricks.Tag(ctx, "entry", op.Entry)
	}
	if op.Copy {
		err = w.copy(ctx, op)
	} else {
		err = w.loader.Warehouse.Exec(ctx, op.SQL)
	}
	return op.Ended(err)
}

func (w *table) copy(ctx context.Context, op bronze.Operation) error {
	copied, err := w.loader.Warehouse.Copy(ctx, op.SQL)
	if err == nil && copied.Inserted != op.Rows {
		w.loader.Log.Warn("COPY INTO returned another number of rows than expected; counting the table's rows", "table", w.State.Table.String(),
			"rows", op.Rows, "answer", copied.Inserted)
	}
	return err
}
