//go:build cgo

package warehouse

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// variableIn is what Spark substitutes in a statement's text, before it is parsed.
var variableIn = regexp.MustCompile(`\$\{\S+?\}`)

// execute runs one statement for a session. What it wrote is durable when it
// returns. The caller closes the result.
func (w *Warehouse) execute(ctx context.Context, s *session, sql string, args []translate.Parameter) (*result, error) {
	if variable := variableIn.FindString(sql); variable != "" {
		return nil, sparksql.Unsupported("%s, in whose place Spark puts the value of a variable, inside of quotes too", variable)
	}
	st, err := sparksql.Parse(sql)
	if err != nil {
		return nil, err
	}
	space := s.space()
	switch st := st.(type) {
	case *sparksql.QueryStatement:
		return w.query(ctx, s, st.Query, args)
	case *sparksql.Use:
		return w.use(ctx, s, st)
	case *sparksql.SetOption:
		return s.setOption(st)
	case *sparksql.MoveFile:
		return w.moveFile(s, st)
	case *sparksql.ListFiles:
		return w.listFiles(st)
	case *sparksql.Show, *sparksql.Describe, *sparksql.Explain:
		if show, ok := st.(*sparksql.Show); ok && show.What == "QUERY_TAGS" {
			return s.queryTags(), nil
		}
		var out *result
		err := w.reading(ctx, func(t *txn) error {
			t.space, t.session, t.args = space, s, args
			out, err = t.inspect(st)
			return err
		})
		return out, err
	case *sparksql.CreateSpace:
		if st.What == "CATALOG" {
			return nothing(), w.createCatalog(ctx, st)
		}
	case *sparksql.DropSpace:
		if st.What == "CATALOG" {
			return nil, sparksql.Unsupported("DROP CATALOG (stop the workspace and remove the file)")
		}
	}
	writer, ok := st.(sparksql.Writer)
	if !ok {
		return nil, sparksql.Unsupported("this statement")
	}
	c, err := w.catalog(first(writer.Writes().Catalog(), space.Catalog))
	if err != nil {
		return nil, err
	}
	seen, err := w.look(ctx, s, st)
	if err != nil {
		return nil, err
	}
	var out *result
	err = w.writing(ctx, c, func(t *txn) error {
		t.space, t.session, t.args, t.seen = space, s, args, seen
		out, err = t.change(c, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// change runs a statement that writes.
func (t *txn) change(c *catalog, st sparksql.Statement) (*result, error) {
	switch st := st.(type) {
	case *sparksql.CreateSpace:
		if st.What == "VOLUME" {
			return nothing(), t.createVolume(st)
		}
		return nothing(), t.createSchema(c, st)
	case *sparksql.DropSpace:
		if st.What == "VOLUME" {
			return nothing(), t.dropVolume(st)
		}
		return nothing(), t.dropSchema(c, st)
	case *sparksql.CreateFunction:
		return nothing(), t.createFunction(st)
	case *sparksql.CreateTable:
		return t.createTable(st)
	case *sparksql.CreateView:
		if st.Temporary {
			return nothing(), t.createTemporary(st)
		}
		err := t.createView(st)
		if err == nil && t.readsTemporary {
			err = sparksql.Errorf("42K0F", "INVALID_TEMP_OBJ_REFERENCE", "Cannot create the persistent object %s of the type VIEW because it references a temporary view.", sparksql.QuoteName(st.Name))
		}
		return nothing(), err
	case *sparksql.Grant:
		return nothing(), t.grant(st)
	case *sparksql.DropTable:
		return nothing(), t.dropTable(st)
	case *sparksql.AlterTable:
		return nothing(), t.alter(st)
	case *sparksql.CommentOn:
		return nothing(), t.commentOn(st)
	case *sparksql.Truncate:
		return nothing(), t.truncate(st)
	case *sparksql.Insert:
		return t.insert(st)
	case *sparksql.Update:
		return t.update(st)
	case *sparksql.Delete:
		return t.deleteFrom(st)
	case *sparksql.Merge:
		return t.merge(st)
	case *sparksql.CopyInto:
		return t.copyInto(st)
	case *sparksql.Restore:
		return t.restore(st)
	case *sparksql.Maintain:
		_, _, err := t.needTable(st.Name, st.What)
		return nothing(), err
	}
	return nil, sparksql.Unsupported("this statement")
}

// query opens a query; its transaction lives until the result is closed.
func (w *Warehouse) query(ctx context.Context, s *session, q *sparksql.Query, args []translate.Parameter) (*result, error) {
	t, err := w.begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	t.space, t.session, t.args = s.space(), s, args
	translated, err := t.translator().Query(q)
	if err != nil {
		t.rollback()
		return nil, err
	}
	rows, err := t.conn.QueryContext(ctx, translated.SQL)
	if err != nil {
		t.rollback()
		return nil, fmt.Errorf("run query: %w", err)
	}
	return &result{columns: translated.Columns, cursor: rows, done: t.rollback, modified: -1}, nil
}

func (w *Warehouse) use(ctx context.Context, s *session, u *sparksql.Use) (*result, error) {
	space := s.space()
	if u.Catalog {
		c, err := w.catalog(u.Name[0])
		if err != nil {
			return nil, err
		}
		s.setSpace(translate.Space{Catalog: c.name, Schema: "default"})
		return nothing(), nil
	}
	if len(u.Name) == 2 {
		space.Catalog = u.Name[0]
	}
	c, err := w.catalog(space.Catalog)
	if err != nil {
		return nil, err
	}
	space = translate.Space{Catalog: c.name, Schema: strings.ToLower(u.Name[len(u.Name)-1])}
	if err := w.reading(ctx, func(t *txn) error { return t.needSchema(c, space.Schema) }); err != nil {
		return nil, err
	}
	s.setSpace(space)
	return nothing(), nil
}
