package load

import (
	"context"
	"strconv"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// operation is a statement that advances a table.
type operation struct {
	sql   string
	entry string                // entries that it loads, for its query tag; may be empty
	copy  *copyGroup            // group that it copies; else nil
	sent  func()                // records that it may have been executed; may be nil
	fail  func(err error) error // adds context to its error; nil for none
	done  func()                // records that it was executed; may be nil
}

// operations generates the statements that bring the table from step n to its
// last step. It passes each one to do, in order, together with what is known
// about the table after it. It writes nothing itself. No step from n on may be
// folded.
func (w *table) operations(ctx context.Context, n int, do func(operation) error) error {
	for _, s := range w.steps[n:] {
		if s.unfit != nil {
			return s.unfit
		}
	}
	if n == 0 {
		if err := w.replace(ctx, do); err != nil {
			return err
		}
		n = 1
	}
	for n < len(w.steps) {
		g := nextGroup(w.steps[n:])
		if err := w.addColumns(g.steps[0].columns, do); err != nil {
			return err
		}
		if err := w.widenColumns(g.steps[0].columns, do); err != nil {
			return err
		}
		op := operation{sql: copySQL(w.target, g, w.repair, w.loader.Files.Root(), w.loader.Now()), entry: g.entries(), copy: &g}
		op.done = func() { w.result.Copies++; w.brought(g.rows) }
		if err := do(op); err != nil {
			return err
		}
		n += len(g.steps)
	}
	return nil
}

// brought counts loaded rows.
func (w *table) brought(rows int64) {
	w.result.Rows += rows
	w.progress(rows)
}

// replace replaces the table by its snapshot. It first checks that the
// remaining steps can be loaded as well: a table that holds most of the data is
// better than one that holds less.
func (w *table) replace(ctx context.Context, do func(operation) error) error {
	d := w.state.Snapshot
	if err := w.checkDirectory(ctx, d); err != nil {
		return err
	}
	if err := w.complete(ctx, w.steps[1:]); err != nil {
		return err
	}
	err := do(operation{
		sql:   snapshotSQL(w.target, w.owner(), w.state, w.loader.Files.Root(), w.loader.Now()),
		entry: strconv.FormatInt(d.Begin, 10),
		sent: func() {
			w.cached = Loaded{Quarantine: w.cached.Quarantine} // the cache no longer describes the table
		},
		done: func() {
			w.exists, w.strange, w.columns = true, false, columnTypes{}
			w.columns.add(targetColumns(d.Columns))
			w.seen.owner = w.owner()
			w.result.Snapshot = true
			w.brought(d.Rows)
		},
	})
	if err != nil {
		return err
	}
	return w.describe(d, do)
}

// describe sets the comments of the table's columns, and its tags.
func (w *table) describe(d *ledger.Done, do func(operation) error) error {
	l, name := w.loader, w.state.Table.String()
	if err := l.commentColumns(w.target, name, d, do); err != nil {
		return err
	}
	return l.tag(w.target, name, w.state.Table, do)
}

// addColumns adds the columns that the target lacks.
func (w *table) addColumns(columns []schema.Column, do func(operation) error) error {
	for _, k := range w.kept {
		if err := k.alter(columns, do); err != nil {
			return err
		}
	}
	var missing []databricks.TargetColumn
	for _, c := range columns {
		if !w.columns.has(c.Target()) {
			missing = append(missing, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if p := databricks.RequiredProperties(missing); len(p) > 0 {
		if err := do(operation{sql: databricks.SetProperties(w.target, p)}); err != nil {
			return err
		}
	}
	return do(operation{sql: databricks.AddColumns(w.target, missing), done: func() {
		w.columns.add(missing)
		for _, c := range missing {
			w.result.Added = append(w.result.Added, c.Name)
		}
	}})
}

// widenColumns widens the target's columns to the types in the files. It skips
// columns that are wide enough already, so it can be repeated.
func (w *table) widenColumns(columns []schema.Column, do func(operation) error) error {
	var narrow []databricks.TargetColumn
	for _, c := range columns {
		if schema.Widens(w.columns[schema.FoldCase(c.Target())], c.Type) {
			narrow = append(narrow, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(narrow) == 0 {
		return nil
	}
	refused := func(c databricks.TargetColumn) func(error) error {
		return func(err error) error { return w.notWidened(c, err) }
	}
	enable := databricks.SetProperties(w.target, map[string]string{databricks.PropertyTypeWidening: "true"})
	if err := do(operation{sql: enable, fail: refused(narrow[0])}); err != nil {
		return err
	}
	for _, c := range narrow {
		err := do(operation{sql: databricks.WidenColumn(w.target, c.Name, c.Type), fail: refused(c), done: func() {
			w.columns.add([]databricks.TargetColumn{c})
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
func (w *table) notWidened(c databricks.TargetColumn, err error) error {
	if !databricks.Refused(err) {
		return err
	}
	return failure.New(failure.Tables, "widen column %q to %s: %w", c.Name, c.Type, err).
		WithHint("`ingest full-load --tables %s` rebuilds the table with the new type", w.state.Table)
}

// execute proves the lock and sends a statement.
func (w *table) execute(ctx context.Context, op operation) error {
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	w.wrote = true
	if op.sent != nil {
		op.sent()
	}
	var err error
	if op.entry != "" {
		ctx = databricks.Tag(ctx, "entry", op.entry)
	}
	if op.copy != nil {
		err = w.copy(ctx, op)
	} else {
		err = w.loader.Warehouse.Exec(ctx, op.sql)
	}
	if err != nil && op.fail != nil {
		err = op.fail(err)
	}
	if err == nil && op.done != nil {
		op.done()
	}
	return err
}

func (w *table) copy(ctx context.Context, op operation) error {
	copied, err := w.loader.Warehouse.Copy(ctx, op.sql)
	if err == nil && copied.Inserted != op.copy.rows {
		w.loader.Log.Warn("COPY INTO returned another number of rows than expected; counting the table's rows", "table", w.state.Table.String(), "rows", op.copy.rows, "answer", copied.Inserted)
	}
	return err
}
