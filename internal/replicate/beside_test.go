//go:build unix

package replicate

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// present lists which of these objects Unity Catalog has.
func (b *bed) present(p *Pipeline, names ...string) (out []string) {
	b.t.Helper()
	d := b.config.Destination
	for _, name := range names {
		_, err := p.workspace.Tables().Info(b.t.Context(), databricks.Table{Catalog: d.Catalog, Schema: d.Schema, Name: name})
		if err == nil {
			out = append(out, name)
		} else if !databricks.NotFound(err) {
			b.t.Fatal(err)
		}
	}
	return out
}

// A drop leaves views that this pipeline did not make, and its own unless the tables are dropped too.
func TestDropOfViewsOfTheCurrentState(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
	b.config.Load.Current = config.CurrentView
	p := b.open(nil)
	b.loaded(p)
	sql := fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT 1 AS a", p.names.View(public("u")))
	if err := p.workspace.Warehouse().Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
	objects := []string{"t", "t_current", "u", "u_current"}
	if d, err := b.open(nil).Drop(ctx, DropOptions{}); err != nil || len(d.Tables)+len(d.Views)+len(d.Left) > 0 {
		t.Errorf("the source's part: %+v, %v", d, err)
	}
	if got := b.present(p, objects...); !slices.Equal(got, objects) {
		t.Errorf("the source's part: left are %q", got)
	}
	d, err := b.open(nil).Drop(ctx, DropOptions{Tables: true})
	if err != nil || len(d.Tables) != 2 || len(d.Views) != 1 || !strings.HasSuffix(d.Views[0], ".t_current") {
		t.Errorf("the tables too: %+v, %v", d, err)
	}
	if got := b.present(p, objects...); !slices.Equal(got, []string{"u_current"}) {
		t.Errorf("the tables too: left are %q", got)
	}
}

// A drop leaves the tables beside the logs, with their views, unless they are asked for.
func TestDropOfTablesBesideTheLogs(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	b.config.Load.Current, b.config.Load.History = config.CurrentTable, true
	p := b.open(nil)
	b.loaded(p)
	beside := []string{"t_current", config.DataName("t_current"), "t_history", config.DataName("t_history")}
	if got := b.present(p, append(beside, "t")...); len(got) != 5 {
		t.Fatalf("made are %q", got)
	}
	if views, err := b.open(nil).Views(ctx, nil, false); err != nil || len(views) != 1 || views[0].Change != ViewKept {
		t.Errorf("a view that loads keep: %+v, %v", views, err)
	}
	q := b.open(nil)
	lock, err := b.open(nil).source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", q.link.Slot)) // of a run that goes on
	if err != nil {
		t.Fatal(err)
	}
	dry, err := q.Drop(ctx, DropOptions{Tables: true, Kept: true, Dry: true})
	if err != nil || !dry.Dry || dry.Slot != q.link.Slot || len(dry.Publications) != 2 || len(dry.Tables) != 3 || len(dry.Views) != 2 {
		t.Errorf("a dry drop: %+v, %v", dry, err)
	}
	_ = lock.Close()
	if got := b.present(p, append(beside, "t")...); len(got) != 5 || !b.open(nil).Begun() {
		t.Errorf("a dry drop: left are %q", got)
	}
	b.eventually(`SELECT count(*) = 2 FROM pg_publication WHERE pubname = ANY($1)`, dry.Publications)
	b.eventually(`SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`, dry.Slot)
	d, err := b.open(nil).Drop(ctx, DropOptions{Tables: true})
	if err != nil || d.Dry || d.Slot != dry.Slot || len(d.Tables) != 1 || len(d.Views) > 0 || len(d.Left) != 4 {
		t.Errorf("the logs: %+v, %v", d, err)
	}
	if got := b.present(p, append(beside, "t")...); !slices.Equal(got, beside) {
		t.Errorf("the logs: left are %q", got)
	}
	d, err = b.open(nil).Drop(ctx, DropOptions{Kept: true})
	if err != nil || len(d.Tables) != 2 || len(d.Views) != 2 || len(d.Left) > 0 {
		t.Errorf("what is beside them: %+v, %v", d, err)
	}
	if got := b.present(p, beside...); len(got) > 0 {
		t.Errorf("what is beside them: left are %q", got)
	}
}

// A table whose first snapshot failed has no key, no view and nothing beside its log. It does not stop
// the others, nor the status, nor a drop.
func TestTablesWithoutASnapshot(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE failed (id int PRIMARY KEY)`, `INSERT INTO failed VALUES (1)`)
	b.config.Load.Current = config.CurrentView
	p := b.open(nil)
	refusing("public.failed", http.StatusForbidden, func() {
		s, err := p.FullLoad(ctx, FullLoadOptions{})
		failuretest.Reason(t, "a full load", said(err), "1 of 2 tables failed, the first: ")
		if got := s.table(p, public("failed")); got.Error == "" || got.Segments > 0 {
			t.Errorf("the table that failed: %+v", got)
		}
	})
	b.exec(`INSERT INTO failed VALUES (2)`)
	p = b.open(nil)
	if _, err := p.CDC(ctx, ctx, CDCOptions{}); err != nil {
		t.Fatal(err)
	}
	if s, err := b.open(nil).Load(ctx, nil, false); err != nil || len(s.Tables) > 0 {
		t.Errorf("a load, which has nothing to do: %+v, %v", s, err)
	}
	if got := b.states(b.open(nil)); got != "public.failed snapshot needed, public.t loaded" {
		t.Errorf("the status: %s", got)
	}
	for name, want := range map[string][]string{"t": {"id"}, "failed": nil, "unknown": nil} {
		if key := p.Key(public(name)); !slices.Equal(key, want) {
			t.Errorf("the key of %s: %q", name, key)
		}
	}
	if views, err := b.open(nil).Views(ctx, nil, false); err != nil || len(views) != 1 {
		t.Errorf("views: %+v, %v", views, err)
	}
	failuretest.Reason(t, "verify", b.verified(VerifyOptions{}), "failed not verified (no snapshot of it is complete), t equal ()")
	if d, err := b.open(nil).Drop(ctx, DropOptions{Tables: true}); err != nil || len(d.Tables) != 2 || len(d.Views) != 1 {
		t.Errorf("drop: %+v, %v", d, err)
	}
}
