package load

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// commentColumns copies the column comments of the source to a table. The table
// is complete without them: if a run ends early, the next snapshot sets them. A
// failure is only logged, with the table's name.
func (l *Loader) commentColumns(target databricks.Table, name string, d *ledger.Done, do func(operation) error) error {
	if !l.ColumnComments {
		return nil
	}
	for _, c := range d.Columns {
		text, ok := d.Comments[c.Name]
		if !ok {
			continue
		}
		missed := func(err error) error {
			l.Log.Warn("cannot set the comment of a column", "table", name, "column", c.Name, "error", err)
			return nil
		}
		if err := do(operation{sql: databricks.CommentColumn(target, c.Target(), text), fail: missed}); err != nil {
			return err
		}
	}
	return nil
}

// tag gives a table the tags of a log. As with comments, the table is complete
// without them.
func (l *Loader) tag(target databricks.Table, name string, log schema.TableName, do func(operation) error) error {
	if l.Tags == nil {
		return nil
	}
	tags := l.Tags(log)
	if len(tags) == 0 {
		return nil
	}
	return do(operation{sql: databricks.SetTags(target, tags), fail: func(err error) error {
		l.Log.Warn("cannot set the tags of a table", "table", name, "error", err)
		return nil
	}})
}

// made sets the tags of the log and the comments of the columns on a table that
// was just created. Then it looks at the table.
func (k *kept) made(ctx context.Context) error {
	l, name := k.w.loader, k.Data.Display()
	do := func(op operation) error {
		if k.dry != nil {
			k.dry(op.sql)
			return nil
		}
		if err := l.Warehouse.Exec(ctx, op.sql); err != nil {
			return op.fail(err)
		}
		return nil
	}
	if err := l.tag(k.Data, name, k.w.state.Table, do); err != nil {
		return err
	}
	if err := l.commentColumns(k.Data, name, k.w.state.Snapshot, do); err != nil || k.dry != nil {
		return err
	}
	return k.look(ctx)
}

// describe sets a view's comments and tags. A failure is left to the view's
// next change.
func (m *Views) describe(ctx context.Context, v View) {
	for _, sql := range v.says {
		if err := m.exec(ctx, sql); err != nil {
			m.Log.Warn("cannot set a comment or the tags of a view", "view", v.Name.Display(), "statement", sql, "error", err)
		}
	}
}

// saysOf lists the statements that give a view the comments and tags of its
// log.
func (w *table) saysOf(view databricks.Table) (says []string) {
	l, d := w.loader, w.state.Snapshot
	if d.Comment != "" {
		says = append(says, databricks.CommentOnView(view, d.Comment))
	}
	if l.ColumnComments {
		for _, c := range w.state.Columns {
			// A column that was renamed since then has its comment under the
			// old name.
			if text := d.Comments[ledger.SameNumbers([]string{c.Name}, w.state.Columns, d.Columns)[0]]; text != "" && w.columns.has(c.Target()) {
				says = append(says, databricks.CommentOnColumn(view, c.Target(), text))
			}
		}
	}
	if l.Tags != nil {
		if tags := l.Tags(w.state.Table); len(tags) > 0 {
			says = append(says, databricks.SetViewTags(view, tags))
		}
	}
	return says
}
