package probe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/schema"
	"ingest/internal/segment"
	"ingest/internal/vector"
)

// scratch is where a question may do what it likes: each attempt at each question
// has tables and files of its own.
type scratch struct {
	*shared
	id string // of the question and the attempt
}

// shared is what the questions have in common.
type shared struct {
	w     *databricks.Workspace // of the probe's schema and volume
	spool *segment.Spool
	slow  time.Duration // how long a statement takes that is left alone
	watch time.Duration // and how long it is then looked whether it commits

	types func(context.Context) (*typed, error)
	write sync.Mutex // one segment is written at a time
}

func (s *scratch) attempt(id string, try int) *scratch {
	if try > 0 {
		id = fmt.Sprintf("%s_%d", id, try+1)
	}
	return &scratch{shared: s.shared, id: id}
}

// table is a table of the question.
func (s *scratch) table(name string) databricks.Table { return s.w.Table(s.id + "_" + name) }

// dir is the question's directory in the volume, relative to its root.
func (s *scratch) dir() string { return s.id }

func (s *scratch) warehouse() *databricks.Warehouse { return s.w.Warehouse() }

func (s *scratch) files() *databricks.Files { return s.w.Files() }

// exec runs statements up to the first that fails.
func (s *scratch) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if err := s.warehouse().Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// number is the only value of a query, an integer.
func (s *scratch) number(ctx context.Context, sql string) (int64, error) {
	r, err := s.warehouse().Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	if len(r.Columns) != 1 {
		return 0, fmt.Errorf("%d columns, want one", len(r.Columns))
	}
	return r.Int(0, r.Columns[0].Name)
}

// text is the only value of a query, a string; "NULL" for one.
func (s *scratch) text(ctx context.Context, sql string) (string, error) {
	r, err := s.warehouse().Query(ctx, sql)
	if err != nil {
		return "", err
	}
	if len(r.Columns) != 1 {
		return "", fmt.Errorf("%d columns, want one", len(r.Columns))
	}
	text, ok, err := r.Text(0, r.Columns[0].Name)
	if err == nil && !ok {
		text = "NULL"
	}
	return text, err
}

func (s *scratch) count(ctx context.Context, t databricks.Table) (int64, error) {
	return s.number(ctx, "SELECT count(*) AS n FROM "+t.String())
}

// segment writes a file as a run does and uploads it.
func (s *scratch) segment(ctx context.Context, name string, fields []vector.Field, fill func(*vector.Batch)) error {
	file, err := s.written(fields, fill)
	if err != nil {
		return err
	}
	defer func() { _ = file.Release() }()
	f, err := os.Open(file.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return s.files().Upload(ctx, name, f, file.Bytes)
}

// segmentMemory is what the writer of a segment may take.
const segmentMemory = 16 << 20

func (s *scratch) written(fields []vector.Field, fill func(*vector.Batch)) (segment.File, error) {
	s.write.Lock()
	defer s.write.Unlock()
	w, err := s.spool.NewWriter(vector.NewLayout(fields), nil, segmentMemory)
	if err != nil {
		return segment.File{}, err
	}
	batch := vector.NewBatch(vector.NewLayout(fields))
	fill(batch)
	if err := w.Write(batch); err != nil {
		_ = w.Discard()
		return segment.File{}, err
	}
	return w.Close()
}

// idType is the type of the column that most questions need.
var idType = schema.Type{Kind: schema.Int64}

// ids uploads a segment with a column id.
func (s *scratch) ids(ctx context.Context, name string, values ...int64) error {
	return s.segment(ctx, name, []vector.Field{{Name: "id", Type: idType}}, func(b *vector.Batch) {
		for _, v := range values {
			b.Columns[0].AppendInt64(v)
		}
	})
}

// idColumns declare the column of ids.
var idColumns = []databricks.TargetColumn{{Name: "id", Type: idType}}

// make makes an empty table with the column id.
func (s *scratch) make(ctx context.Context, t databricks.Table) error {
	return s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}))
}

// copySQL loads files of the question's volume by the statement of a load.
func (s *scratch) copySQL(t databricks.Table, files ...string) string {
	return databricks.CopyInto(t, idColumns, []string{databricks.CastExpr("id", idType)}, s.files().Root(), files)
}

// snapshotSQL replaces a table by a directory by the statement of a load.
func (s *scratch) snapshotSQL(t databricks.Table, directory string, o databricks.TableOptions) string {
	return databricks.CreateSnapshotTable(t, idColumns, []string{databricks.CastExpr("id", idType)}, s.files().Path(directory), idColumns, o)
}

// copied loads files and says how many rows the answer names.
func (s *scratch) copied(ctx context.Context, t databricks.Table, files ...string) (int64, error) {
	c, err := s.warehouse().Copy(ctx, s.copySQL(t, files...))
	return c.Inserted, err
}
