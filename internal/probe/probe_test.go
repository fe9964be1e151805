//go:build cgo

package probe

import (
	"cmp"
	"testing"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/workspace"
)

const catalogName = "dev"

// bed is a local workspace, and the pipeline's place in it.
type bed struct {
	t      *testing.T
	server *workspace.Server
	target *databricks.Workspace
	dir    string
}

func newBed(t *testing.T, o workspace.Options) *bed {
	t.Helper()
	b := &bed{t: t, dir: t.TempDir()}
	o.Dir, o.Catalogs, o.MemoryLimit = b.dir, []string{catalogName}, cmp.Or(o.MemoryLimit, "512MB")
	var err error
	if b.server, err = workspace.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.server.Close(); err != nil {
			t.Error(err)
		}
	})
	b.target, err = databricks.Open(t.Context(), databricks.Config{
		Host: b.server.URL(), Token: b.server.Token(), Catalog: catalogName, Schema: "bronze", Volume: "ingest", Pipeline: "p",
		Warehouse: b.server.WarehouseID(), RequestsPerSecond: 10_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.target.Close)
	return b
}

// options are those of a probe that takes little time.
func (b *bed) options() Options {
	return Options{
		Workspace: b.target, Spool: b.t.TempDir(), Run: "20261129T095000Z-0123ab", Version: "1.2.3", Now: time.Now,
		Slow: time.Second, Beat: 200 * time.Millisecond, Lease: 2 * time.Second,
	}
}

func TestAll(t *testing.T) {
	b := newBed(t, workspace.Options{})
	o := b.options()
	o.Asked = func(a Answer) { t.Logf("%-8s %-22s %6.2fs %s", a.Verdict, a.ID, a.Seconds, a.Seen) }
	r, err := Run(t.Context(), t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Runtime, r.Statements, r.Seconds)
}
