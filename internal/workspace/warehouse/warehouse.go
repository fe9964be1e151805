//go:build cgo

package warehouse

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
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
	// PropertiesLostOnReplace lets CREATE OR REPLACE TABLE drop the comments,
	// properties and clustering that the statement does not name again.
	PropertiesLostOnReplace bool
	// LateCommit lets a statement go on, and commit, after the client that
	// sent it went away or cancelled it.
	LateCommit bool
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
	Switches    Switches
	// MemoryLimit is DuckDB's, for instance "2GB"; empty means 1GB.
	MemoryLimit string
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
	Created, Updated time.Time
}

// Error is a refusal as Databricks words it. Message does not repeat the class.
type Error struct {
	SQLState, Class, Message string
}

// Error gives the text that a Databricks client shows.
func (e *Error) Error() string {
	return "[" + e.Class + "] " + e.Message + " SQLSTATE: " + e.SQLState
}

var errSkeleton = errors.New("warehouse: not built yet")

// Warehouse serves Databricks SQL. Its methods may be called from any
// goroutine.
type Warehouse struct{}

// Open opens the catalogs of o.Dir and makes what is missing.
func Open(ctx context.Context, o Options) (*Warehouse, error) { return nil, errSkeleton }

// Close ends all sessions and closes the catalogs.
func (w *Warehouse) Close() error { return nil }

// Catalogs lists the catalogs by name.
func (w *Warehouse) Catalogs() []string { return nil }

// Schemas lists the schemas of a catalog by name.
func (w *Warehouse) Schemas(ctx context.Context, catalog string) ([]string, error) {
	return nil, errSkeleton
}

// CreateSchema makes a schema; it is an *Error if there is one already.
func (w *Warehouse) CreateSchema(ctx context.Context, catalog, schema string) error {
	return errSkeleton
}

// DropSchema drops a schema; without cascade it must be empty.
func (w *Warehouse) DropSchema(ctx context.Context, catalog, schema string, cascade bool) error {
	return errSkeleton
}

// Tables lists the tables and views of a schema by name.
func (w *Warehouse) Tables(ctx context.Context, catalog, schema string) ([]Table, error) {
	return nil, errSkeleton
}

// Table describes one table or view; *Error TABLE_OR_VIEW_NOT_FOUND if there is none.
func (w *Warehouse) Table(ctx context.Context, catalog, schema, table string) (Table, error) {
	return Table{}, errSkeleton
}

// DropTable drops one table or view.
func (w *Warehouse) DropTable(ctx context.Context, catalog, schema, table string) error {
	return errSkeleton
}

// ServeHTTP answers POSTed TCLIService messages; the caller has checked the token.
func (w *Warehouse) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	http.Error(rw, errSkeleton.Error(), http.StatusNotImplemented)
}
