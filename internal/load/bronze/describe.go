package bronze

import (
	"log/slog"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Descriptions are the comments and tags that the objects of a log get. An
// object is complete without them: a failure is only logged, and the next
// snapshot, or the next change of a view, sets them.
type Descriptions struct {
	Columns bool                                     // copy the comments of columns
	Tags    func(schema.TableName) map[string]string // of a table of the source; nil for none
	Log     *slog.Logger
}

// CommentColumns copies the column comments of the source to a table. name is
// the table's name in the log.
func (d *Descriptions) CommentColumns(target databricks.Table, name string, done *ledger.Done, do func(Operation) error) error {
	if !d.Columns {
		return nil
	}
	for _, c := range done.Columns {
		text, ok := done.Comments[c.Name]
		if !ok {
			continue
		}
		missed := func(err error) error {
			d.Log.Warn("cannot set the comment of a column", "table", name, "column", c.Name, "error", err)
			return nil
		}
		if err := do(Operation{SQL: databricks.CommentColumn(target, c.Target(), text), Fail: missed}); err != nil {
			return err
		}
	}
	return nil
}

// Tag gives a table the tags of a log.
func (d *Descriptions) Tag(target databricks.Table, name string, log schema.TableName, do func(Operation) error) error {
	tags := d.tagsOf(log)
	if len(tags) == 0 {
		return nil
	}
	return do(Operation{SQL: databricks.SetTags(target, tags), Fail: func(err error) error {
		d.Log.Warn("cannot set the tags of a table", "table", name, "error", err)
		return nil
	}})
}

func (d *Descriptions) tagsOf(log schema.TableName) map[string]string {
	if d.Tags == nil {
		return nil
	}
	return d.Tags(log)
}

// OfView lists the statements that give a view the comments and tags of its log.
func (d *Descriptions) OfView(view databricks.Table, log *Log) (statements []string) {
	done := log.State.Snapshot
	if done.Comment != "" {
		statements = append(statements, databricks.CommentOnView(view, done.Comment))
	}
	if d.Columns {
		for _, c := range log.State.Columns {
			// A column that was renamed since then has its comment under the
			// old name.
			name := ledger.SameNumbers([]string{c.Name}, log.State.Columns, done.Columns)[0]
			if text := done.Comments[name]; text != "" && log.Columns.Has(c.Target()) {
				statements = append(statements, databricks.CommentOnColumn(view, c.Target(), text))
			}
		}
	}
	if tags := d.tagsOf(log.State.Table); len(tags) > 0 {
		statements = append(statements, databricks.SetViewTags(view, tags))
	}
	return statements
}
