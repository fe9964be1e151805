//go:build cgo && unix

package load

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// bed is a loader with a local workspace and a lock. A test can inject refusals
// and faults.
type bed struct {
	*Loader
	client *databricks.Workspace
	server *lakehouse.Server
	lock   *loadtest.Lock
	refuse atomic.Pointer[func(sql string) *lakehouse.Refusal]
	fault  atomic.Pointer[func(r *http.Request) *lakehouse.Fault]
}

func openBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{lock: new(loadtest.Lock)}
	b.server = lakehousetest.Open(t, lakehouse.Options{
		Refuse: func(sql string) *lakehouse.Refusal {
			if f := b.refuse.Load(); f != nil {
				return (*f)(sql)
			}
			return nil
		},
		Intercept: func(_ int64, r *http.Request) *lakehouse.Fault {
			if f := b.fault.Load(); f != nil {
				return (*f)(r)
			}
			return nil
		},
	})
	b.client = databrickstest.Open(t, b.server, databricks.Config{})
	if _, err := b.client.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Loader = &Loader{
		Warehouse: b.client.Warehouse(), Workspace: b.client, Files: b.client.Files(), Log: slog.New(slog.DiscardHandler),
		Target: func(n schema.TableName) databricks.Table { return b.client.Table(n.Name) }, Lock: b.lock, Now: time.Now, Run: "run", Jobs: 1,
	}
	return b
}

// refusing refuses statements that contain a text.
func (b *bed) refusing(text string, r lakehouse.Refusal) {
	f := func(sql string) *lakehouse.Refusal {
		if strings.Contains(sql, text) {
			return &r
		}
		return nil
	}
	b.refuse.Store(&f)
}

// denying rejects catalog requests that concern any of these tables.
func (b *bed) denying(names ...string) {
	f := func(r *http.Request) *lakehouse.Fault {
		for _, name := range names {
			if strings.Contains(r.URL.Path, "/unity-catalog/tables/") && strings.HasSuffix(r.URL.Path, "."+name) {
				return &lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusForbidden, ErrorCode: "PERMISSION_DENIED", Message: "no"}
			}
		}
		return nil
	}
	b.fault.Store(&f)
}

func (b *bed) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := b.Warehouse.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// like is loadedTable under a name in the workspace. It has the ledger and the
// cache of loadedTable. It creates nothing.
func (b *bed) like(name string) *table {
	w := loadedTable()
	w.loader, w.Target, w.Exists, w.Columns, w.seen = b.Loader, b.client.Table(name), false, nil, evidence{}
	w.State.Table = schema.TableName{Schema: "public", Name: name}
	w.result = TableResult{Table: w.State.Table, Target: w.Target}
	return w
}

// staged gives the bed a ledger with a snapshot of empty tables.
func (b *bed) staged(t *testing.T, names ...string) {
	t.Helper()
	l, err := ledger.Open(t.Context(), b.Files, ledger.Options{Run: "run", Version: "1.0.0", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.Ledger = l
	begin := &ledger.Begin{Snapshot: schema.Snapshot{Xmin: 700, Xmax: 705}, Fence: 20, Sort: 19, Taken: time.Unix(0, 0).UTC()}
	for i, name := range names {
		begin.Tables = append(begin.Tables, ledger.BeginTable{Table: schema.TableName{Schema: "public", Name: name}, OID: uint32(100 + i)})
	}
	b.append(t, &ledger.Origin{System: "7", Timeline: 1, Database: "shop", Slot: "s", Publications: []string{"p"}, ConsistentPoint: 10})
	b.append(t, begin)
}

// done records that the snapshot of a table is complete, and empty.
func (b *bed) done(t *testing.T, name string) {
	t.Helper()
	state := b.Ledger.State()
	for _, o := range state.Open {
		b.append(t, &ledger.Done{
			Begin: o.Number, Table: schema.TableName{Schema: "public", Name: name}, OID: 100, Columns: []schema.Column{intColumn},
			Directory: "segments/run/" + name, Comments: map[string]string{"id": "the key"},
		})
	}
}

func (b *bed) append(t *testing.T, body any) {
	t.Helper()
	if _, err := b.Ledger.Append(t.Context(), b.Ledger.Head(), body); err != nil {
		t.Fatal(err)
	}
}

// load runs a load and fails the test on an error.
func (b *bed) load(t *testing.T, o Options) []TableResult {
	t.Helper()
	results, err := b.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// metaColumns declares the metadata columns, which every table has.
func metaColumns() string {
	var parts []string
	for _, m := range schema.MetaColumns {
		parts = append(parts, "`"+m.Name+"` "+m.Type.String())
	}
	return strings.Join(parts, ", ")
}
