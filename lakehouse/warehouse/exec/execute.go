//go:build cgo

package exec

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/result"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// variableIn matches what Spark substitutes in a statement's text before it parses it.
var variableIn = regexp.MustCompile(`\$\{\S+?\}`)

// Executor runs statements on the store and on the files of volumes. Its methods may
// be called from any goroutine.
type Executor struct {
	store    *store.Store
	files    *volume.Volumes
	switches Switches
	presign  func(base string, m Move) (url string, headers map[string]string)
}

// New runs statements on the catalogs of a store and the files of volumes. presign may be nil: then
// SQL cannot move files.
func New(s *store.Store, files *volume.Volumes, switches Switches,
	presign func(base string, m Move) (url string, headers map[string]string)) *Executor {
	return &Executor{store: s, files: files, switches: switches, presign: presign}
}

// Execute runs one statement for a session. What it wrote is durable when it
// returns. The caller closes the result.
func (e *Executor) Execute(ctx context.Context, s *Session, sql string, args []translate.Parameter) (*result.Result, error) {
	if variable := variableIn.FindString(sql); variable != "" {
		return nil, sparksql.Unsupported("%s, in whose place Spark puts the value of a variable, inside of quotes too", variable)
	}
	st, err := sparksql.Parse(sql)
	if err != nil {
		return nil, err
	}
	space := s.Space()
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
			return s.QueryTags(), nil
		}
		var out *result.Result
		err := e.reading(ctx, func(t *statement) error {
			t.space, t.session, t.args = space, s, args
			out, err = inspector{t}.inspect(st)
			return err
		})
		return out, err
	case *sparksql.CreateSpace:
		if st.What == "CATALOG" {
			return result.Nothing(), e.store.CreateCatalog(ctx, st.Name[0], st.IfNotExists)
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
	run, err := e.Prepare(ctx, s, writer, args)
	if err != nil {
		return nil, err
	}
	return run(ctx)
}

// Prepare reads the target of a statement; run then makes its changes. Commits in between may conflict with it.
func (e *Executor) Prepare(ctx context.Context, s *Session, st sparksql.Writer,
	args []translate.Parameter) (run func(context.Context) (*result.Result, error), err error) {
	space := s.Space()
	c, err := e.store.Catalog(cmp.Or(st.Writes().Catalog(), space.Catalog))
	if err != nil {
		return nil, err
	}
	seen, err := e.look(ctx, s, st)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*result.Result, error) {
		var out *result.Result
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
func (t *statement) change(c *store.Catalog, st sparksql.Statement) (*result.Result, error) {
	switch st := st.(type) {
	case *sparksql.CreateSpace:
		if st.What == "VOLUME" {
			return result.Nothing(), definer{t}.createVolume(st)
		}
		return result.Nothing(), definer{t}.createSchema(c, st)
	case *sparksql.DropSpace:
		if st.What == "VOLUME" {
			return result.Nothing(), definer{t}.dropVolume(st)
		}
		return result.Nothing(), definer{t}.dropSchema(c, st)
	case *sparksql.CreateFunction:
		return result.Nothing(), definer{t}.createFunction(st)
	case *sparksql.CreateTable:
		return definer{t}.createTable(st)
	case *sparksql.CreateView:
		if st.Temporary {
			return result.Nothing(), definer{t}.createTemporary(st)
		}
		err := definer{t}.createView(st)
		if err == nil && t.readsTemporary {
			err = sparksql.Errorf("42K0F", "INVALID_TEMP_OBJ_REFERENCE",
				"Cannot create the persistent object %s of the type VIEW because it references a temporary view.", sparksql.QuoteName(st.Name))
		}
		return result.Nothing(), err
	case *sparksql.Grant:
		return result.Nothing(), definer{t}.grant(st)
	case *sparksql.DropTable:
		return result.Nothing(), definer{t}.dropTable(st)
	case *sparksql.AlterTable:
		return result.Nothing(), alterer{t}.alter(st)
	case *sparksql.CommentOn:
		return result.Nothing(), definer{t}.commentOn(st)
	case *sparksql.Truncate:
		return result.Nothing(), changer{t}.truncate(st)
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
		return result.Nothing(), err
	}
	return nil, sparksql.Unsupported("this statement")
}

// query opens a query; its transaction lives until the result is closed.
func (e *Executor) query(ctx context.Context, s *Session, q *sparksql.Query, args []translate.Parameter) (*result.Result, error) {
	tx, err := e.store.Begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	t := e.statement(tx)
	t.space, t.session, t.args = s.Space(), s, args
	translated, err := t.translator().Query(q)
	if err != nil {
		t.Rollback()
		return nil, err
	}
	rows, err := t.Conn.QueryContext(ctx, translated.SQL)
	if err != nil {
		t.Rollback()
		return nil, fmt.Errorf("run query: %w", err)
	}
	return &result.Result{Columns: translated.Columns, Cursor: rows, Done: t.Rollback, Modified: -1}, nil
}

func (e *Executor) use(ctx context.Context, s *Session, u *sparksql.Use) (*result.Result, error) {
	space := s.Space()
	if u.Catalog {
		c, err := e.store.Catalog(u.Name[0])
		if err != nil {
			return nil, err
		}
		s.setSpace(translate.Space{Catalog: c.Name, Schema: "default"})
		return result.Nothing(), nil
	}
	if len(u.Name) == 2 {
		space.Catalog = u.Name[0]
	}
	c, err := e.store.Catalog(space.Catalog)
	if err != nil {
		return nil, err
	}
	space = translate.Space{Catalog: c.Name, Schema: strings.ToLower(u.Name[len(u.Name)-1])}
	if err := e.reading(ctx, func(t *statement) error { return t.needSchema(c, space.Schema) }); err != nil {
		return nil, err
	}
	s.setSpace(space)
	return result.Nothing(), nil
}
