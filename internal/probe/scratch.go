package probe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/vector"
)

// scratch is the sandbox of a question. Each attempt at each question has its
// own tables and files.
type scratch struct {
	*shared
	id string // of the question and the attempt
}

// shared is what all questions share.
type shared struct {
	w     *databricks.Workspace // of the probe's schema and volume
	spool *segment.Spool
	slow  time.Duration // duration of an abandoned statement
	watch time.Duration // how long to check whether it commits

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

// exec runs statements and stops at the first that fails.
func (s *scratch) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if err := s.warehouse().Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// number returns the only value of a query, an integer.
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

// text returns the only value of a query, a string; "NULL" for a NULL.
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

// segment writes a file in the same way as a run, and uploads it.
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

// segmentMemory limits the memory of a segment's writer.
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

// idType is the type of the column that most questions use.
var idType = schema.Type{Kind: schema.Int64}

// ids uploads a segment with a column id.
func (s *scratch) ids(ctx context.Context, name string, values ...int64) error {
	return s.segment(ctx, name, []vector.Field{{Name: "id", Type: idType}}, func(b *vector.Batch) {
		for _, v := range values {
			b.Columns[0].AppendInt64(v)
		}
	})
}

// idColumns declares the column id.
var idColumns = []databricks.TargetColumn{{Name: "id", Type: idType}}

// make creates an empty table with the column id.
func (s *scratch) make(ctx context.Context, t databricks.Table) error {
	return s.exec(ctx, databricks.CreateEmptyTable(t, idColumns, databricks.TableOptions{}))
}

// copySQL is a load's statement that loads files of the question's volume.
func (s *scratch) copySQL(t databricks.Table, files ...string) string {
	return databricks.CopyInto(t, idColumns, []string{databricks.CastExpr("id", idType)}, s.files().Root(), files)
}

// snapshotSQL is a load's statement that replaces a table by a directory.
func (s *scratch) snapshotSQL(t databricks.Table, directory string, o databricks.TableOptions) string {
	return databricks.CreateSnapshotTable(t, idColumns, []string{databricks.CastExpr("id", idType)}, s.files().Path(directory), idColumns, o)
}

// copied loads files and returns the number of rows in the answer.
func (s *scratch) copied(ctx context.Context, t databricks.Table, files ...string) (int64, error) {
	c, err := s.warehouse().Copy(ctx, s.copySQL(t, files...))
	return c.Inserted, err
}
