package load

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
)

// made looks at a table that was made.
func (k *kept) made(ctx context.Context) error {
	k.tag(ctx)
	k.commentColumns(ctx)
	if k.dry != nil {
		return nil
	}
	return k.look(ctx)
}

// describe sends a statement that gives the table a comment or tags.
func (k *kept) describe(ctx context.Context, sql string) error {
	if k.dry != nil {
		k.dry(sql)
		return nil
	}
	return k.w.loader.Warehouse.Exec(ctx, sql)
}

// commentColumns gives columns the comments that they have in the source. As with
// tags, the table is whole without them.
func (k *kept) commentColumns(ctx context.Context) {
	l, d := k.w.loader, k.w.state.Snapshot
	if !l.ColumnComments {
		return
	}
	for _, c := range d.Columns {
		text, ok := d.Comments[c.Name]
		if !ok {
			continue
		}
		if err := k.describe(ctx, databricks.CommentColumn(k.Data, c.Target(), text)); err != nil {
			l.Log.Warn("a column is without its comment", "table", k.Data.Display(), "column", c.Name, "error", err)
		}
	}
}

// tag gives the table the tags of its log. It is whole without them.
func (k *kept) tag(ctx context.Context) {
	l := k.w.loader
	if l.Tags == nil {
		return
	}
	if tags := l.Tags(k.w.state.Table); len(tags) > 0 {
		if err := k.describe(ctx, databricks.SetTags(k.Data, tags)); err != nil {
			l.Log.Warn("a table is without its tags", "table", k.Data.Display(), "error", err)
		}
	}
}

// describe gives a view its comments and tags. What fails is left to the next
// change of the view.
func (m *Views) describe(ctx context.Context, v View) {
	for _, sql := range v.says {
		if err := m.exec(ctx, sql); err != nil {
			m.Log.Warn("a view is without a comment or its tags", "view", v.Name.Display(), "statement", sql, "error", err)
		}
	}
}

// saysOf are the statements that give a view the comments and tags of its log.
func (w *table) saysOf(view databricks.Table) (says []string) {
	l, d := w.loader, w.state.Snapshot
	if d.Comment != "" {
		says = append(says, databricks.CommentOnView(view, d.Comment))
	}
	if l.ColumnComments {
		for _, c := range w.state.Columns {
			// A column that was renamed since has the comment of its old name.
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
