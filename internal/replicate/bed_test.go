//go:build unix

package replicate

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// shared is the local workspace of all tests.
var shared = lakehousetest.Shared{Options: lakehouse.Options{
	MemoryLimit: "512MB",
	Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
		if f := onRequest.Load(); f != nil {
			return (*f)(r)
		}
		return nil
	},
}}

// onRequest is called before the workspace handles a request; nil for none.
var onRequest atomic.Pointer[func(*http.Request) *lakehouse.Fault]

// refusing makes the workspace refuse requests whose path contains a text, as long as do runs.
func refusing(path string, status int, do func()) {
	f := func(r *http.Request) *lakehouse.Fault {
		if !strings.Contains(r.URL.Path, path) {
			return nil
		}
		return &lakehouse.Fault{Kind: lakehouse.Reject, Status: status}
	}
	onRequest.Store(&f)
	defer onRequest.Store(nil)
	do()
}

func TestMain(m *testing.M) {
	code := pgtest.Run(m)
	_ = shared.Close()
	os.Exit(code)
}

var beds atomic.Int32

// bed is a test's source and its pipeline's place in the workspace.
type bed struct {
	t      *testing.T
	url    string
	conn   *pgx.Conn // the application's
	target *databricks.Workspace
	config *config.Config
	runs   int
	// onWrite is called before a message is sent to the source; nil for none.
	onWrite atomic.Pointer[func(data []byte) error]
}

// watchedConn is a connection of a run to the source.
type watchedConn struct {
	net.Conn
	b *bed
}

func (c watchedConn) Write(data []byte) (int, error) {
	if f := c.b.onWrite.Load(); f != nil {
		if err := (*f)(data); err != nil {
			_ = c.Close()
			return 0, err
		}
	}
	return c.Conn.Write(data)
}

func (b *bed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return watchedConn{conn, b}, err
}

// withoutWarehouse signs in with a SQL warehouse that does not exist.
func (b *bed) withoutWarehouse() *databricks.Workspace {
	b.t.Helper()
	server, err := shared.Open()
	if err != nil {
		b.t.Fatal(err)
	}
	name := b.config.Pipeline
	return databrickstest.Open(b.t, server, databricks.Config{Schema: name, Pipeline: name, Warehouse: "0123456789abcdef"})
}

func newBed(t *testing.T, statements ...string) *bed {
	t.Helper()
	return newBedAt(t, pgtest.NewDatabase(t), statements...)
}

func newBedAt(t *testing.T, url string, statements ...string) *bed {
	t.Helper()
	server, err := shared.Open()
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, url: url, config: config.Default()}
	if b.conn, err = pgx.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.conn.Close(context.Background()) })
	b.exec(statements...)
	name := fmt.Sprintf("p%d", beds.Add(1)) // slots are cluster-wide, and their names contain it
	c := b.config
	c.Pipeline, c.Staging.Spool = name, t.TempDir()
	c.Destination.Catalog, c.Destination.Schema = "dev", name
	b.target = databrickstest.Open(t, server,
		databricks.Config{Schema: name, Volume: c.Destination.Volume, Pipeline: name, RequestsPerSecond: 10_000})
	return b
}

func (b *bed) exec(statements ...string) {
	b.t.Helper()
	for _, s := range statements {
		if _, err := b.conn.Exec(b.t.Context(), s); err != nil {
			b.t.Fatalf("%s: %v", s, err)
		}
	}
}

// options are those of a new run; change, if not nil, changes them.
func (b *bed) options(change func(*Options)) Options {
	b.t.Helper()
	b.runs++
	run := fmt.Sprintf("20260101T000000Z-%s%04d", "aa", b.runs)
	log := slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := Options{
		Config: b.config, Workspace: b.target, Source: b.source(b.url, run, log), Run: run, Version: "test", Log: log, Now: time.Now,
		AnySource: true,
	}
	if change != nil {
		change(&o)
	}
	return o
}

// open opens the pipeline as a run does; change, if not nil, changes the options. Schema and volume exist afterwards.
func (b *bed) open(change func(*Options)) *Pipeline {
	b.t.Helper()
	p, err := b.tryOpen(change)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.target.Place().Prepare(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// tryOpen is open for a pipeline that may not open.
func (b *bed) tryOpen(change func(*Options)) (*Pipeline, error) {
	b.t.Helper()
	p, err := Open(b.t.Context(), b.options(change))
	if err == nil {
		b.t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

func (b *bed) source(url, run string, log *slog.Logger) *postgres.Source {
	b.t.Helper()
	source, err := postgres.Open(b.t.Context(), postgres.Options{URL: url, Run: run, LockTimeout: 5 * time.Second, Log: log, Dial: b.dial})
	if err != nil {
		b.t.Fatal(err)
	}
	return source
}

// loaded takes snapshots of all tables, stages and loads them.
func (b *bed) loaded(p *Pipeline) *Summary {
	b.t.Helper()
	s, err := p.FullLoad(b.t.Context(), FullLoadOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// relations reads tables from the catalog.
func (b *bed) relations(p *Pipeline, names ...string) []postgres.Relation {
	b.t.Helper()
	all, err := p.source.Catalog(b.conn).Relations(b.t.Context(), []string{"public"}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r postgres.Relation) bool { return !slices.Contains(names, r.Name.Name) })
}

// eventually polls a condition of the server.
func (b *bed) eventually(sql string, args ...any) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		var yes bool
		if err := b.conn.QueryRow(b.t.Context(), sql, args...).Scan(&yes); err != nil {
			b.t.Fatal(err)
		}
		if yes {
			return
		}
	}
	b.t.Fatalf("it did not come to that: %s", sql)
}
