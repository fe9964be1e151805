//go:build cgo

package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// variableIn is what Spark substitutes in a statement's text, before it is parsed.
var variableIn = regexp.MustCompile(`\$\{\S+?\}`)

// executor runs statements on the store and on the files of volumes. Its methods may
// be called from any goroutine.
type executor struct {
	store    *store
	files    *volumes
	switches Switches
	presign  func(base string, m Move) (url string, headers map[string]string)
}

// newExecutor runs statements on the catalogs of a store and the files of volumes.
// presign may be nil: then no client moves files by SQL.
func newExecutor(s *store, files *volumes, switches Switches, presign func(base string, m Move) (url string, headers map[string]string)) *executor {
	return &executor{store: s, files: files, switches: switches, presign: presign}
}

// execute runs one statement for a session. What it wrote is durable when it
// returns. The caller closes the result.
func (e *executor) execute(ctx context.Context, s *session, sql string, args []translate.Parameter) (*result, error) {
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
		return e.query(ctx, s, st.Query, args)
	case *sparksql.Use:
		return e.use(ctx, s, st)
	case *sparksql.SetOption:
		return s.setOption(st)
	case *sparksql.MoveFile:
		return e.moveFile(s, st)
	case *sparksql.ListFiles:
		return e.listFiles(st)
	case *sparksql.Show, *sparksql.Describe, *sparksql.Explain:
		if show, ok := st.(*sparksql.Show); ok && show.What == "QUERY_TAGS" {
			return s.queryTags(), nil
		}
		var out *result
		err := e.reading(ctx, func(t *statement) error {
			t.space, t.session, t.args = space, s, args
			out, err = inspector{t}.inspect(st)
			return err
		})
		return out, err
	case *sparksql.CreateSpace:
		if st.What == "CATALOG" {
			return nothing(), e.store.createCatalog(ctx, st.Name[0], st.IfNotExists)
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
	run, err := e.prepare(ctx, s, writer, args)
	if err != nil {
		return nil, err
	}
	return run(ctx)
}

// prepare looks at what a statement writes to; run then makes its changes. What is
// committed in between may conflict with it.
func (e *executor) prepare(ctx context.Context, s *session, st sparksql.Writer, args []translate.Parameter) (run func(context.Context) (*result, error), err error) {
	space := s.space()
	c, err := e.store.catalog(cmp.Or(st.Writes().Catalog(), space.Catalog))
	if err != nil {
		return nil, err
	}
	seen, err := e.look(ctx, s, st)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*result, error) {
		var out *result
		err := e.writing(ctx, c, func(t *statement) (err error) {
			t.space, t.session, t.args, t.seen = space, s, args, seen
			out, err = t.change(c, st)
			return err
		})
		if err != nil {
			return nil, err
		}
		return out, nil
	}, nil
}

// change runs a statement that writes.
func (t *statement) change(c *catalog, st sparksql.Statement) (*result, error) {
	switch st := st.(type) {
	case *sparksql.CreateSpace:
		if st.What == "VOLUME" {
			return nothing(), definer{t}.createVolume(st)
		}
		return nothing(), definer{t}.createSchema(c, st)
	case *sparksql.DropSpace:
		if st.What == "VOLUME" {
			return nothing(), definer{t}.dropVolume(st)
		}
		return nothing(), definer{t}.dropSchema(c, st)
	case *sparksql.CreateFunction:
		return nothing(), definer{t}.createFunction(st)
	case *sparksql.CreateTable:
		return definer{t}.createTable(st)
	case *sparksql.CreateView:
		if st.Temporary {
			return nothing(), definer{t}.createTemporary(st)
		}
		err := definer{t}.createView(st)
		if err == nil && t.readsTemporary {
			err = sparksql.Errorf("42K0F", "INVALID_TEMP_OBJ_REFERENCE", "Cannot create the persistent object %s of the type VIEW because it references a temporary view.", sparksql.QuoteName(st.Name))
		}
		return nothing(), err
	case *sparksql.Grant:
		return nothing(), definer{t}.grant(st)
	case *sparksql.DropTable:
		return nothing(), definer{t}.dropTable(st)
	case *sparksql.AlterTable:
		return nothing(), alterer{t}.alter(st)
	case *sparksql.CommentOn:
		return nothing(), definer{t}.commentOn(st)
	case *sparksql.Truncate:
		return nothing(), changer{t}.truncate(st)
	case *sparksql.Insert:
		return changer{t}.insert(st)
	case *sparksql.Update:
		return changer{t}.update(st)
	case *sparksql.Delete:
		return changer{t}.deleteFrom(st)
	case *sparksql.Merge:
		return changer{t}.merge(st)
	case *sparksql.CopyInto:
		return copier{t}.copyInto(st)
	case *sparksql.Restore:
		return changer{t}.restore(st)
	case *sparksql.Maintain:
		_, _, err := t.needTable(st.Name, st.What)
		return nothing(), err
	}
	return nil, sparksql.Unsupported("this statement")
}

// query opens a query; its transaction lives until the result is closed.
func (e *executor) query(ctx context.Context, s *session, q *sparksql.Query, args []translate.Parameter) (*result, error) {
	tx, err := e.store.begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	t := e.statement(tx)
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

func (e *executor) use(ctx context.Context, s *session, u *sparksql.Use) (*result, error) {
	space := s.space()
	if u.Catalog {
		c, err := e.store.catalog(u.Name[0])
		if err != nil {
			return nil, err
		}
		s.setSpace(translate.Space{Catalog: c.name, Schema: "default"})
		return nothing(), nil
	}
	if len(u.Name) == 2 {
		space.Catalog = u.Name[0]
	}
	c, err := e.store.catalog(space.Catalog)
	if err != nil {
		return nil, err
	}
	space = translate.Space{Catalog: c.name, Schema: strings.ToLower(u.Name[len(u.Name)-1])}
	if err := e.reading(ctx, func(t *statement) error { return t.needSchema(c, space.Schema) }); err != nil {
		return nil, err
	}
	s.setSpace(space)
	return nothing(), nil
}
