//go:build cgo

package lakehouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

const (
	// maxInlineBytes is the largest inline result.
	maxInlineBytes = 25 << 20
	// chunkBytes is about how much of a result one answer holds.
	chunkBytes = 4 << 20
	// keptStatement is how long a result is kept after the statement.
	keptStatement  = time.Hour
	keptStatements = 100

	statementPending   = "PENDING"
	statementRunning   = "RUNNING"
	statementSucceeded = "SUCCEEDED"
	statementFailed    = "FAILED"
	statementCanceled  = "CANCELED"
)

// statementBoard keeps the statements of the Statement Execution API, with their
// results, while they run and for a while after. Its methods may be called from
// any goroutine.
type statementBoard struct {
	warehouse *warehouse.Warehouse
	endpoint  *sqlEndpoint
	now       func() time.Time
	ends      context.Context //nolint:containedctx // it is the life of all statements
	end       context.CancelFunc
	active    sync.WaitGroup

	mu     sync.Mutex
	kept   map[string]*statement
	closed bool
}

func newStatementBoard(w *warehouse.Warehouse, e *sqlEndpoint, now func() time.Time) *statementBoard {
	b := &statementBoard{warehouse: w, endpoint: e, now: now, kept: map[string]*statement{}}
	b.ends, b.end = context.WithCancel(context.Background())
	return b
}

// statement is one statement and its result. The board's lock guards what
// changes, until done is closed.
type statement struct {
	id       string
	state    string
	failure  *warehouse.Error
	columns  []warehouse.Column
	chunks   []statementChunk
	rows     int64
	cut      bool // by a limit
	canceled bool
	ended    time.Time
	cancel   context.CancelFunc
	done     chan struct{}
}

type statementChunk struct {
	offset int64
	rows   [][]*string
}

// statementRequest is what a client asks for.
type statementRequest struct {
	SQL         string `json:"statement"`
	Warehouse   string `json:"warehouse_id"`
	Catalog     string `json:"catalog"`
	Schema      string `json:"schema"`
	Disposition string `json:"disposition"`
	Format      string `json:"format"`
	Wait        string `json:"wait_timeout"`
	OnWait      string `json:"on_wait_timeout"`
	RowLimit    int64  `json:"row_limit"`
	ByteLimit   int64  `json:"byte_limit"`
	Parameters  []struct {
		Name  string  `json:"name"`
		Type  string  `json:"type"`
		Value *string `json:"value"`
	} `json:"parameters"`
}

// check refuses requests that no workspace accepts or that this one does not support. It returns how long the answer may wait.
func (in *statementRequest) check() (time.Duration, error) {
	switch {
	case in.SQL == "":
		return 0, badParameter("statement is empty.")
	case in.Warehouse != warehouseID:
		return 0, noWarehouse(in.Warehouse)
	case in.Disposition != "" && in.Disposition != "INLINE":
		return 0, badParameter("disposition %s: the local workspace answers INLINE.", in.Disposition)
	case in.Format != "" && in.Format != "JSON_ARRAY":
		return 0, badParameter("format %s: with disposition INLINE the format is JSON_ARRAY.", in.Format)
	case in.RowLimit < 0 || in.ByteLimit < 0:
		return 0, badParameter("row_limit and byte_limit cannot be negative.")
	case in.OnWait != "" && in.OnWait != "CONTINUE" && in.OnWait != "CANCEL":
		return 0, badParameter("on_wait_timeout %s is neither CONTINUE nor CANCEL.", in.OnWait)
	}
	if in.Wait == "" {
		return 10 * time.Second, nil
	}
	seconds, err := strconv.Atoi(strings.TrimSuffix(in.Wait, "s"))
	if err != nil || !strings.HasSuffix(in.Wait, "s") || seconds != 0 && (seconds < 5 || seconds > 50) {
		return 0, badParameter("wait_timeout must be 0s, or between 5s and 50s, not %s.", in.Wait)
	}
	if seconds == 0 && in.OnWait == "CANCEL" {
		return 0, badParameter("on_wait_timeout=CANCEL needs a wait_timeout of 5s to 50s.")
	}
	return time.Duration(seconds) * time.Second, nil
}

// execute starts a statement and waits for it as long as the request says.
func (b *statementBoard) execute(w http.ResponseWriter, r *http.Request) error {
	var in statementRequest
	if err := readLongJSON(r, &in, 16<<20); err != nil {
		return err
	}
	wait, err := in.check()
	if err != nil {
		return err
	}
	s, err := b.start(in)
	if err != nil {
		return err
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-s.done:
		case <-timer.C:
			if in.OnWait == "CANCEL" {
				b.stop(s)
			}
		case <-r.Context().Done(): // the statement continues, and the client can poll it
			return r.Context().Err()
		}
	}
	b.answer(w, s)
	return nil
}

// start makes a statement and runs it on a goroutine.
func (b *statementBoard) start(in statementRequest) (*statement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "The workspace is closing.")
	}
	b.dropOld()
	s := &statement{id: randomUUID(), state: statementPending, done: make(chan struct{})}
	b.kept[s.id] = s
	ctx, cancel := context.WithCancel(b.ends)
	s.cancel = cancel
	b.active.Go(func() {
		defer cancel()
		err := b.run(ctx, s, in)
		b.mu.Lock()
		defer b.mu.Unlock()
		s.finish(err, b.now())
	})
	return s, nil
}

func (s *statement) finish(err error, now time.Time) {
	s.ended = now
	switch {
	case s.canceled:
		s.state, s.chunks = statementCanceled, nil
	case err != nil:
		s.state, s.chunks = statementFailed, nil
		if !errors.As(err, &s.failure) {
			s.failure = &warehouse.Error{SQLState: "XX000", Class: "INTERNAL_ERROR", Message: err.Error()}
		}
	default:
		s.state = statementSucceeded
	}
	close(s.done)
}

// dropOld forgets the statements whose results were kept long enough; the
// caller holds mu.
func (b *statementBoard) dropOld() {
	var oldest *statement
	over := 0
	for id, s := range b.kept {
		if s.ended.IsZero() {
			continue
		}
		if b.now().Sub(s.ended) > keptStatement {
			delete(b.kept, id)
			continue
		}
		over++
		if oldest == nil || s.ended.Before(oldest.ended) {
			oldest = s
		}
	}
	if over >= keptStatements {
		delete(b.kept, oldest.id)
	}
}

// run wakes the warehouse, runs the statement and reads its result.
func (b *statementBoard) run(ctx context.Context, s *statement, in statementRequest) error {
	if err := b.endpoint.enter(ctx); err != nil {
		return err
	}
	defer b.endpoint.leave()
	b.mu.Lock()
	s.state = statementRunning
	b.mu.Unlock()
	request := warehouse.StatementRequest{Catalog: in.Catalog, Schema: in.Schema, SQL: in.SQL}
	for _, p := range in.Parameters {
		request.Parameters = append(request.Parameters, warehouse.StatementParameter{Name: p.Name, Type: p.Type, Value: p.Value})
	}
	running, err := b.warehouse.StartStatement(request)
	if err != nil {
		return err
	}
	defer running.Close()
	select {
	case <-running.Done():
	case <-ctx.Done():
		running.Cancel()
		<-running.Done()
	}
	if failure := running.Failure(); failure != nil {
		return failure
	}
	s.columns = running.Columns()
	return s.read(ctx, running, in)
}

// read takes the rows of a result, up to its limits.
func (s *statement) read(ctx context.Context, from *warehouse.Statement, in statementRequest) error {
	bytes, chunk := int64(0), statementChunk{}
	size := 0
	for ctx.Err() == nil {
		row, err := from.Row()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		n := 0
		for _, cell := range row {
			n += 4
			if cell != nil {
				n += len(*cell)
			}
		}
		bytes += int64(n)
		if in.RowLimit > 0 && s.rows >= in.RowLimit || in.ByteLimit > 0 && bytes > in.ByteLimit {
			s.cut = true
			break
		}
		if bytes > maxInlineBytes {
			return &warehouse.Error{SQLState: "54000", Class: "INLINE_BYTE_LIMIT_EXCEEDED", Message: fmt.Sprintf(
				"Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most %d bytes.", maxInlineBytes)}
		}
		if size += n; size > chunkBytes && len(chunk.rows) > 0 {
			s.chunks = append(s.chunks, chunk)
			chunk, size = statementChunk{offset: s.rows}, n
		}
		chunk.rows = append(chunk.rows, row)
		s.rows++
	}
	if len(s.columns) > 0 {
		s.chunks = append(s.chunks, chunk)
	}
	return ctx.Err()
}

// find gives the statement that a request names.
func (b *statementBoard) find(r *http.Request) (*statement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.kept[r.PathValue("id")]; s != nil {
		return s, nil
	}
	return nil, refuse(http.StatusNotFound, "NOT_FOUND", "The statement %s was not found.", r.PathValue("id"))
}

func (b *statementBoard) get(w http.ResponseWriter, r *http.Request) error {
	s, err := b.find(r)
	if err != nil {
		return err
	}
	b.answer(w, s)
	return nil
}

// stop cancels a statement and waits until it has ended.
func (b *statementBoard) stop(s *statement) {
	b.mu.Lock()
	if s.ended.IsZero() {
		s.canceled = true
		s.cancel()
	}
	b.mu.Unlock()
	<-s.done
}

func (b *statementBoard) cancel(w http.ResponseWriter, r *http.Request) error {
	s, err := b.find(r)
	if err != nil {
		return err
	}
	b.stop(s)
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// chunk answers with one chunk of a result.
func (b *statementBoard) chunk(w http.ResponseWriter, r *http.Request) error {
	s, err := b.find(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case s.state != statementSucceeded:
		return refuse(http.StatusBadRequest, "BAD_REQUEST", "The statement %s has no result: it is %s.", s.id, s.state)
	case err != nil || n < 0 || n >= len(s.chunks):
		return badParameter("The result has no chunk %s.", r.PathValue("n"))
	}
	writeJSON(w, http.StatusOK, s.show(n))
	return nil
}

// answer writes a statement's state, and its first chunk once it has one.
func (b *statementBoard) answer(w http.ResponseWriter, s *statement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	status := map[string]any{"state": s.state}
	out := map[string]any{"statement_id": s.id, "status": status}
	switch s.state {
	case statementFailed:
		status["error"] = map[string]string{"error_code": "BAD_REQUEST", "message": s.failure.Error()}
		status["sql_state"] = s.failure.SQLState
	case statementSucceeded:
		out["manifest"] = s.manifest()
		if len(s.chunks) > 0 {
			out["result"] = s.show(0)
		} else {
			out["result"] = struct{}{}
		}
	}
	writeJSON(w, http.StatusOK, out)
}

// show is one chunk, with the way to the next.
func (s *statement) show(n int) map[string]any {
	c := s.chunks[n]
	out := map[string]any{"chunk_index": n, "row_offset": c.offset, "row_count": len(c.rows)}
	if len(c.rows) > 0 {
		out["data_array"] = c.rows
	}
	if n+1 < len(s.chunks) {
		out["next_chunk_index"] = n + 1
		out["next_chunk_internal_link"] = fmt.Sprintf("/api/2.0/sql/statements/%s/result/chunks/%d?row_offset=%d",
			s.id, n+1, s.chunks[n+1].offset)
	}
	return out
}

func (s *statement) manifest() map[string]any {
	columns := []map[string]any{}
	for _, c := range s.columns {
		info := newColumnInfo(c)
		column := map[string]any{"name": c.Name, "position": c.Position, "type_name": info.TypeName, "type_text": typeText(c.Type)}
		if info.TypePrecision > 0 {
			column["type_precision"], column["type_scale"] = info.TypePrecision, info.TypeScale
		}
		columns = append(columns, column)
	}
	chunks := []map[string]any{}
	for i, c := range s.chunks {
		chunks = append(chunks, map[string]any{"chunk_index": i, "row_offset": c.offset, "row_count": len(c.rows)})
	}
	return map[string]any{
		"format": "JSON_ARRAY", "schema": map[string]any{"column_count": len(columns), "columns": columns},
		"total_chunk_count": len(s.chunks), "chunks": chunks, "total_row_count": s.rows, "truncated": s.cut,
	}
}

// typeText is a type in capitals, unless it has names of fields.
func typeText(t string) string {
	if strings.Contains(strings.ToUpper(t), "STRUCT<") {
		return t
	}
	return strings.ToUpper(t)
}

// close ends all statements and waits for them.
func (b *statementBoard) close() {
	b.mu.Lock()
	b.closed = true
	for _, s := range b.kept {
		s.canceled = s.canceled || s.ended.IsZero()
	}
	b.mu.Unlock()
	b.end()
	b.active.Wait()
}
