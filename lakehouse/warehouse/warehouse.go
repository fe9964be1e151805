//go:build cgo

package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/exec"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/volume"
)

// Types of package exec that clients of this package use.
type (
	// Switches choose between two possible answers where no source says what
	// Databricks does.
	Switches = exec.Switches
	// Move is what a client does to a file of a volume.
	Move = exec.Move
	// Table is a table or view as Unity Catalog describes it.
	Table = exec.Table
	// Column is one of its columns.
	Column = exec.Column
	// Error is a refusal as Databricks words it.
	Error = sparksql.Error
)

// Ended is a statement that has run.
type Ended struct {
	SQL      string
	Began    time.Time
	Took     time.Duration
	Modified int64 // rows changed, or below zero
	Failure  *Error
}

// Options say where a warehouse lives and how it behaves.
type Options struct {
	// Dir holds the catalogs as <name>.duckdb; it is made if missing.
	Dir string
	// VolumesDir is what /Volumes is: /Volumes/<c>/<s>/<v>/… is
	// VolumesDir/<c>/<s>/<v>/… and no other path is readable from SQL.
	VolumesDir string
	// Catalogs are made if missing; catalogs found in Dir are served as well.
	Catalogs []string
	// Log receives messages for an operator; nil means none.
	Log *slog.Logger
	// OnStatement, if set, gets every statement's text as received, before it
	// runs, on the goroutine of the request.
	OnStatement func(sql string)
	// OnEnd, if set, gets every statement when it has run, on its own goroutine.
	OnEnd func(Ended)
	// Refuse, if set, may give a statement an error instead of running it, on
	// the statement's own goroutine.
	Refuse func(sql string) *Error
	// Presign gives the URL, on the workspace that a client reaches at base, by which
	// it moves a file, and the headers that it sends; nil means that files cannot be
	// moved by SQL.
	Presign  func(base string, m Move) (url string, headers map[string]string)
	Switches Switches
	// MemoryLimit is DuckDB's, for instance "2GB"; empty means about a quarter of
	// the machine's memory.
	MemoryLimit string
	// Threads execute statements; 0 means as many as the machine has processors.
	Threads int
}

// Warehouse serves Databricks SQL. Its methods may be called from any
// goroutine. Errors that a client should see are *Error.
type Warehouse struct {
	options Options
	log     *slog.Logger
	store   *store.Store
	exec    *exec.Executor
	exec.Unity
	now  func() time.Time
	hold time.Duration // see holdStatement

	mu         sync.Mutex
	closed     bool
	sessions   map[string]*client
	operations map[string]*operation
	stop       chan struct{}
	workers    sync.WaitGroup
}

// Open opens the catalogs of o.Dir and makes what is missing. The caller closes it.
func Open(ctx context.Context, o Options) (*Warehouse, error) {
	if o.Dir == "" || o.VolumesDir == "" {
		return nil, fmt.Errorf("open warehouse: both Dir and VolumesDir must be given")
	}
	kept, err := store.Open(ctx, store.Options{
		Dir: o.Dir, VolumesDir: o.VolumesDir, Catalogs: o.Catalogs, MemoryLimit: o.MemoryLimit, Threads: o.Threads,
	})
	if err != nil {
		return nil, err
	}
	run := exec.New(kept, &volume.Volumes{Dir: kept.Volumes}, o.Switches, o.Presign)
	w := &Warehouse{
		options: o, log: o.Log, store: kept, now: kept.Now, hold: holdStatement, exec: run, Unity: run.Unity(),
		sessions: map[string]*client{}, operations: map[string]*operation{}, stop: make(chan struct{}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.workers.Go(w.reap)
	return w, nil
}

// Close ends all operations and sessions and closes the catalogs.
func (w *Warehouse) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.stop)
	var running []*operation
	for _, op := range w.operations {
		running = append(running, op)
	}
	w.mu.Unlock()
	for _, op := range running {
		op.abandon(false)
	}
	w.workers.Wait()
	if err := w.store.Close(); err != nil {
		return fmt.Errorf("close warehouse: %w", err)
	}
	return nil
}

// Rows counts the rows of a table, outside of any client's session.
func (w *Warehouse) Rows(ctx context.Context, t Table) (int64, error) {
	name := make([]string, 0, 3)
	for _, part := range []string{t.Catalog, t.Schema, t.Name} {
		name = append(name, "`"+strings.ReplaceAll(part, "`", "``")+"`")
	}
	session := exec.NewSession(translate.Space{Catalog: t.Catalog, Schema: t.Schema}, "", "")
	r, err := w.exec.Execute(ctx, session, "SELECT count(*) FROM "+strings.Join(name, "."), nil)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	row, err := r.Next()
	if err != nil || len(row) != 1 {
		return 0, err
	}
	return strconv.ParseInt(fmt.Sprint(row[0]), 10, 64)
}
