//go:build unix

package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// sharedLake is the target end. All tests share it.
type sharedLake struct {
	server *lakehouse.Server
	client *databricks.Workspace
}

var lakehouses lakehousetest.Shared

var shared = sync.OnceValues(func() (*sharedLake, error) {
	server, err := lakehouses.Open()
	if err != nil {
		return nil, err
	}
	client, err := databrickstest.Prepared(server, databricks.Config{})
	return &sharedLake{server, client}, err
})

func TestMain(m *testing.M) {
	code := pgtest.Run(m)
	if l, err := shared(); err == nil {
		l.client.Close()
	}
	_ = lakehouses.Close()
	os.Exit(code)
}

// bed is one test's source and verifier.
type bed struct {
	t        *testing.T
	conn     *pgx.Conn
	lake     *sharedLake
	verifier *verify.Verifier
	state    *ledger.TableState
}

const begin = 4 // the entry of the snapshot in every test

func newBed(t *testing.T, statements ...string) *bed {
	t.Helper()
	return newBedAt(t, pgtest.NewDatabase(t), statements...)
}

func newBedAt(t *testing.T, url string, statements ...string) *bed {
	t.Helper()
	lake, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	source, err := postgres.Open(t.Context(),
		postgres.Options{URL: url, Run: "test", LockTimeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := source.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	b := &bed{t: t, conn: conn, lake: lake}
	b.verifier = &verify.Verifier{
		Source: source, Warehouse: lake.client.Warehouse(), Spool: t.TempDir(), Memory: 64 << 20, Log: slog.New(slog.DiscardHandler),
		Target: func(n schema.TableName) databricks.Table { return lake.client.Table(n.Name) },
	}
	b.source("SET search_path = public")
	for _, s := range statements {
		b.source(s)
	}
	return b
}

func (b *bed) source(sql string) {
	b.t.Helper()
	if _, err := b.conn.PgConn().Exec(b.t.Context(), sql).ReadAll(); err != nil {
		b.t.Fatalf("%v\n%s", err, sql)
	}
}

func (b *bed) target(sql string) {
	b.t.Helper()
	if err := b.lake.client.Warehouse().Exec(b.t.Context(), sql); err != nil {
		b.t.Fatalf("%v\n%s", err, sql)
	}
}

// relation reads the catalog.
func (b *bed) relation(table string) *postgres.Relation {
	b.t.Helper()
	list, err := b.verifier.Source.Catalog(b.conn).Relations(b.t.Context(), []string{"public"}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range list {
		if list[i].Name.Name == table {
			return &list[i]
		}
	}
	b.t.Fatalf("no table %q", table)
	return nil
}

// create creates an empty bronze table for a table of the source. It also
// creates the ledger's state after the table's snapshot.
func (b *bed) create(table string) {
	b.t.Helper()
	r := b.relation(table)
	var columns []databricks.TargetColumn
	for _, c := range r.Columns {
		columns = append(columns, databricks.TargetColumn{Name: c.Name, Type: c.Type})
	}
	for _, m := range schema.MetaColumns {
		columns = append(columns, databricks.TargetColumn{Name: m.Name, Type: m.Type})
	}
	b.target(databricks.CreateEmptyTable(b.lake.client.Table(table), columns, databricks.TableOptions{}))
	b.state = &ledger.TableState{Table: r.Name, OID: r.OID, Columns: r.Columns, Begin: &ledger.Begin{}, Snapshot: &ledger.Done{
		Begin: begin, Table: r.Name, OID: r.OID, Columns: r.Columns, PrimaryKey: r.PrimaryKey, Identity: r.Identity,
	}}
}

// meta are the metadata values of a snapshot's row.
func meta(seq int, rescued string) string {
	return fmt.Sprintf("'snapshot', 100, %d, 1, TIMESTAMP '2026-01-01 00:00:00', NULL, NULL, NULL, %s, %d, NULL", seq, rescued, begin)
}

// log appends rows to the bronze table.
func (b *bed) log(table string, tuples ...string) {
	b.t.Helper()
	b.target("INSERT INTO " + b.lake.client.Table(table).String() + " VALUES\n(" + strings.Join(tuples, "),\n(") + ")")
}

func (b *bed) verify(table string, full bool) verify.Result {
	b.t.Helper()
	r := b.relation(table)
	point, err := b.verifier.Open(b.t.Context(), []*postgres.Relation{r})
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := point.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	result, err := b.verifier.Table(b.t.Context(), point, b.state, r, full)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// lines prints differences so that a test can compare them.
func lines(r verify.Result) []string {
	var out []string
	show := func(s *string) string {
		if s == nil {
			return "NULL"
		}
		return *s
	}
	for _, d := range r.Differences {
		line := d.Kind + " " + d.Key
		if d.What != "" {
			line += " " + d.What
		}
		if d.Column != "" {
			line += " " + d.Column + ": " + show(d.Source) + " / " + show(d.Target)
		}
		out = append(out, line)
	}
	return out
}
