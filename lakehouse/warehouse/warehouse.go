//go:build cgo

package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"ingest/lakehouse/warehouse/sparksql"
)

// Switches choose between two possible answers where no source says what
// Databricks does. The zero value is the kinder answer of each pair.
type Switches struct {
	// CopyMemoryLostOnReplace lets CREATE OR REPLACE TABLE forget which files
	// COPY INTO has loaded.
	CopyMemoryLostOnReplace bool
	// CopyMemoryLostOnRestore lets RESTORE TABLE forget the files whose loads
	// it undid.
	CopyMemoryLostOnRestore bool
	// CTASWithoutRow lets CREATE TABLE AS SELECT answer without a row.
	CTASWithoutRow bool
	// PropertiesLostOnReplace lets CREATE OR REPLACE TABLE drop the comment,
	// tags, properties and clustering that the statement does not name again.
	PropertiesLostOnReplace bool
	// PoliciesLostOnReplace lets CREATE OR REPLACE TABLE drop row filters and
	// masks, which it is documented to keep.
	PoliciesLostOnReplace bool
	// NewRowsNoConflict lets a MERGE, UPDATE or DELETE commit although another one
	// added rows meanwhile that it would have read: two may then insert a key.
	NewRowsNoConflict bool
	// LateCommit lets a statement go on, and commit, after the client that
	// sent it went away or cancelled it.
	LateCommit bool
	// NoSchemaEvolutionOfViews is a warehouse from before Databricks Runtime
	// 15.3, which does not know WITH SCHEMA.
	NoSchemaEvolutionOfViews bool
	// NoArrow lets results come in columns of Thrift, in which nested values are
	// JSON. In Arrow it is the client that prints them.
	NoArrow bool
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
	// Log gets what an operator should see; nil means nowhere.
	Log *slog.Logger
	// OnStatement, if set, gets every statement's text as received, before it
	// runs, on the goroutine of the request.
	OnStatement func(sql string)
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
}

// Move is a file of a volume that a client writes, reads or removes (Method is
// PUT, GET or DELETE), or a directory that it removes.
type Move struct {
	Method, Path         string
	Directory, Overwrite bool
}

// Column is one column of a table. Position counts from 0.
type Column struct {
	Name, Type, Comment string
	Position            int
	Nullable            bool
}

// Table is a table or view as Unity Catalog describes it.
type Table struct {
	Catalog, Schema, Name string
	// Kind is MANAGED or VIEW.
	Kind             string
	Comment          string
	Columns          []Column
	Properties       map[string]string
	Query            string // a view's, as it was written
	Created, Updated time.Time
}

// Warehouse serves Databricks SQL. Its methods may be called from any
// goroutine. Errors that a client should see are *Error.
type Warehouse struct {
	options Options
	log     *slog.Logger
	db      *sql.DB
	now     func() time.Time
	hold    time.Duration // see holdStatement

	creating sync.Mutex // held while a catalog is created

	mu         sync.Mutex
	catalogs   map[string]*catalog
	names      []string
	closed     bool
	sessions   map[string]*session
	operations map[string]*operation
	stop       chan struct{}
	workers    sync.WaitGroup
}

// Open opens the catalogs of o.Dir and makes what is missing. The caller closes it.
func Open(ctx context.Context, o Options) (*Warehouse, error) {
	if o.Dir == "" || o.VolumesDir == "" {
		return nil, fmt.Errorf("open warehouse: both Dir and VolumesDir must be given")
	}
	var err error
	if o.Dir, err = realDirectory(o.Dir); err != nil {
		return nil, err
	}
	if o.VolumesDir, err = realDirectory(o.VolumesDir); err != nil {
		return nil, err
	}
	names, err := catalogNames(o)
	if err != nil {
		return nil, err
	}
	w := &Warehouse{
		options: o, log: o.Log, names: names, now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		sessions: map[string]*session{}, operations: map[string]*operation{}, stop: make(chan struct{}),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.hold = holdStatement
	if w.db, w.catalogs, err = openEngine(ctx, o, names); err != nil {
		return nil, err
	}
	for _, name := range names {
		err := w.writing(ctx, w.catalogs[name], func(t *txn) error { return w.catalogs[name].prepare(ctx, t.conn, w.now()) })
		if err != nil {
			_ = w.db.Close()
			return nil, err
		}
	}
	w.workers.Go(w.reap)
	return w, nil
}

// realDirectory makes a directory if it is missing and gives its path without links.
func realDirectory(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	return abs, nil
}

func catalogNames(o Options) ([]string, error) {
	found, err := catalogFiles(o.Dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var names []string
	for _, name := range append(append([]string{}, o.Catalogs...), found...) {
		lower := strings.ToLower(name)
		if lower == "" || strings.ContainsAny(name, "./ \\\x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			return nil, fmt.Errorf("open warehouse: %q cannot name a catalog: no dot, slash, blank or control character may be in it", name)
		}
		if !seen[lower] {
			seen[lower] = true
			names = append(names, lower)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("open warehouse: name a catalog, or put one into %s", o.Dir)
	}
	return names, nil
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
	if err := w.db.Close(); err != nil {
		return fmt.Errorf("close warehouse: %w", err)
	}
	return nil
}

// Catalogs lists the catalogs by name.
func (w *Warehouse) Catalogs() []string {
	w.mu.Lock()
	out := append([]string{}, w.names...)
	w.mu.Unlock()
	sort.Strings(out)
	return out
}

func (w *Warehouse) catalog(name string) (*catalog, error) {
	w.mu.Lock()
	c, ok := w.catalogs[strings.ToLower(name)]
	w.mu.Unlock()
	if ok {
		return c, nil
	}
	return nil, catalogNotFound(name)
}

// Schemas lists the schemas of a catalog by name.
func (w *Warehouse) Schemas(ctx context.Context, catalog string) ([]string, error) {
	c, err := w.catalog(catalog)
	if err != nil {
		return nil, err
	}
	var out []string
	err = w.reading(ctx, func(t *txn) error {
		out, err = c.schemas(ctx, t.conn)
		return err
	})
	return out, err
}

// CreateSchema makes a schema; it is an *Error if there is one already.
func (w *Warehouse) CreateSchema(ctx context.Context, catalog, schema string) error {
	c, err := w.catalog(catalog)
	if err != nil {
		return err
	}
	return w.writing(ctx, c, func(t *txn) error {
		return t.createSchema(c, &sparksql.CreateSpace{What: "SCHEMA", Name: []string{catalog, schema}})
	})
}

// DropSchema drops a schema; without cascade it must be empty.
func (w *Warehouse) DropSchema(ctx context.Context, catalog, schema string, cascade bool) error {
	c, err := w.catalog(catalog)
	if err != nil {
		return err
	}
	return w.writing(ctx, c, func(t *txn) error {
		return t.dropSchema(c, &sparksql.DropSpace{What: "SCHEMA", Name: []string{catalog, schema}, Cascade: cascade})
	})
}

// Tables lists the tables and views of a schema by name.
func (w *Warehouse) Tables(ctx context.Context, catalog, schema string) ([]Table, error) {
	c, err := w.catalog(catalog)
	if err != nil {
		return nil, err
	}
	var out []Table
	err = w.reading(ctx, func(t *txn) error {
		if err := t.needSchema(c, schema); err != nil {
			return err
		}
		list, err := c.list(ctx, t.conn, schema)
		for _, m := range list {
			out = append(out, describe(c, m))
		}
		return err
	})
	return out, err
}

// Table describes one table or view; *Error TABLE_OR_VIEW_NOT_FOUND if there is none.
func (w *Warehouse) Table(ctx context.Context, catalog, schema, table string) (Table, error) {
	c, err := w.catalog(catalog)
	if err != nil {
		return Table{}, err
	}
	var out Table
	err = w.reading(ctx, func(t *txn) error {
		m, err := t.need(c, schema, table)
		if err == nil {
			out = describe(c, m)
		}
		return err
	})
	return out, err
}

// DropTable drops one table or view.
func (w *Warehouse) DropTable(ctx context.Context, catalog, schema, table string) error {
	c, err := w.catalog(catalog)
	if err != nil {
		return err
	}
	return w.writing(ctx, c, func(t *txn) error {
		m, err := t.need(c, schema, table)
		if err != nil {
			return err
		}
		return t.drop(c, m)
	})
}

func describe(c *catalog, m *metaTable) Table {
	t := Table{Catalog: c.name, Schema: m.schema, Name: m.name, Kind: m.kind, Comment: m.comment, Properties: shownProperties(m), Query: m.view, Created: m.created, Updated: m.updated}
	for i, col := range m.columns {
		t.Columns = append(t.Columns, Column{Name: col.Name, Type: col.Type, Comment: col.Comment, Position: i, Nullable: !col.NotNull})
	}
	return t
}
