// Package lakehousetest opens local workspaces for tests of a Databricks client: a workspace that ends with the test, and its SQL
// warehouse through Databricks' driver.
//
// Tests with another client use the server's URL, token and warehouse.
package lakehousetest

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	dbsql "github.com/databricks/databricks-sql-go"

	"github.com/ingest-tool/ingest/lakehouse"
)

// Catalog is the catalog of a workspace whose options name none.
const Catalog = "dev"

// Open serves a workspace until the test ends, in a directory of its own unless the
// options name one.
func Open(t testing.TB, o lakehouse.Options) *lakehouse.Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := lakehouse.Open(t.Context(), Defaults(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Defaults fills what a test leaves open: a catalog, and one thread a statement. With
// more threads, a statement's own thread spins while the others work, which takes the
// processors from the tests beside it and gains nothing for a few rows.
func Defaults(o lakehouse.Options) lakehouse.Options {
	if o.Catalogs == nil {
		o.Catalogs = []string{Catalog}
	}
	o.Threads = cmp.Or(o.Threads, 1)
	return o
}

// Shared is one workspace for all tests of a package. The first that asks opens it;
// TestMain closes it. Its methods may be called from any goroutine.
type Shared struct {
	// Options are read when the workspace opens. Dir is a temporary directory.
	Options lakehouse.Options

	mu     sync.Mutex
	server *lakehouse.Server
	dir    string
	err    error
}

// Open returns the workspace, or the error of its opening.
func (s *Shared) Open() (*lakehouse.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil || s.err != nil {
		return s.server, s.err
	}
	if s.dir, s.err = os.MkdirTemp("", "lakehouse"); s.err != nil {
		return nil, s.err
	}
	o := Defaults(s.Options)
	o.Dir = s.dir
	s.server, s.err = lakehouse.Open(context.Background(), o)
	return s.server, s.err
}

// Close ends the workspace and removes its files, if a test opened it.
func (s *Shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// DB is the workspace's SQL warehouse by Databricks' driver, until the test ends. Names without a
// catalog or schema use those given.
func DB(t testing.TB, s *lakehouse.Server, catalog, schema string) *sql.DB {
	t.Helper()
	address, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	connector, err := dbsql.NewConnector(
		dbsql.WithServerHostname("http://"+address.Hostname()), dbsql.WithPort(port), dbsql.WithHTTPPath(s.HTTPPath()),
		dbsql.WithAccessToken(s.Token()), dbsql.WithInitialNamespace(catalog, schema), dbsql.WithCloudFetch(false), dbsql.WithTransport(quiet{}),
	)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Exec executes statements, one after the other.
func Exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// quiet keeps the driver's telemetry and feature flags off the wire.
type quiet struct{}

func (quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "telemetry") || strings.Contains(r.URL.Path, "feature-flags") {
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}
