//go:build unix

package replicate

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/probe"
)

// A run opens the pipeline only if the workspace, the warehouse and the source are what it needs. A
// command that only looks, or that repairs, says what it can do without.
func TestOpeningAPipeline(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	missing := func(what string, want int) {
		t.Helper()
		if made, err := b.target.Place().Missing(ctx); err != nil || len(made) != want {
			t.Errorf("%s: missing are %q, %v", what, made, err)
		}
	}
	if _, err := b.tryOpen(nil); err != nil {
		t.Fatal(err)
	}
	missing("a pipeline that is opened", 2)
	other := b.withoutWarehouse()
	if _, err := b.tryOpen(func(o *Options) { o.Workspace, o.Loads = other, true }); failure.KindOf(err) != failure.Destination {
		t.Errorf("a load without a warehouse: %v", err)
	}
	p, err := b.tryOpen(func(o *Options) { o.Workspace = other })
	if err != nil {
		t.Fatal(err)
	}
	// A full load looks for the warehouse before hours of staging.
	if _, err := p.FullLoad(ctx, FullLoadOptions{}); failure.KindOf(err) != failure.Destination {
		t.Errorf("a full load without a warehouse: %v", err)
	}
	missing("a full load without a warehouse", 2)
	b.eventually(`SELECT NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`, p.link.Slot)
	if _, err := p.FullLoad(ctx, FullLoadOptions{StageOnly: true}); err != nil {
		t.Errorf("one that only stages: %v", err)
	}
	missing("a full load that stages", 0)
	b.loaded(b.open(nil))

	elsewhere := pgtest.NewDatabase(t)
	foreign := func(o *Options) { o.Source, o.AnySource = b.source(elsewhere, o.Run, o.Log), false }
	if _, err := b.tryOpen(foreign); failure.KindOf(err) != failure.Conflict || !strings.Contains(said(err), "the ledger belongs to") {
		t.Errorf("another database: %v", err)
	}
	for what, change := range map[string]func(*Options){
		"its own database":                       func(o *Options) { o.AnySource = false },
		"another database, to look or to repair": func(o *Options) { foreign(o); o.AnySource = true },
		"no source":                              func(o *Options) { o.Source, o.AnySource = nil, false },
	} {
		if _, err := b.tryOpen(change); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	if err := b.target.Files().Create(ctx, probe.FileName, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	_, err = b.tryOpen(nil)
	failuretest.Reason(t, "a workspace that is not supported", said(err), "the workspace behaves in a way that ingest does not support")
	if _, err := b.tryOpen(func(o *Options) { o.Looks = true }); err != nil {
		t.Errorf("a command that only looks there: %v", err)
	}
}

// A status of a damaged ledger says what is damaged, and what the slot and loads/ still say. If the
// source is away, it says that too.
func TestStatusOfADamagedLedger(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	b.loaded(p)
	cut := func([]byte) error { return io.ErrUnexpectedEOF }
	b.onWrite.Store(&cut)
	if s, err := p.Status(ctx); s != nil || err == nil {
		t.Errorf("the source is away: %+v, %v", s, err)
	}
	b.onWrite.Store(nil)
	if err := b.target.Files().Replace(ctx, ledger.FileName(2), []byte("{")); err != nil {
		t.Fatal(err)
	}
	damaged := func(o *Options) { o.Damaged = true }
	if _, err := b.tryOpen(nil); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a run: %v", err)
	}
	refusing("/ledger/", http.StatusForbidden, func() {
		if _, err := b.tryOpen(damaged); failure.KindOf(err) != failure.Destination {
			t.Errorf("a ledger that may not be read is not a damaged one: %v", err)
		}
	})
	p, err := b.tryOpen(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if p.Begun() {
		t.Error("changes go on from a damaged ledger")
	}
	s, err := p.Status(ctx)
	if failure.KindOf(err) != failure.Conflict || s == nil || s.Problem != err.Error() || s.Slot == nil || len(s.Tables) != 1 {
		t.Fatalf("damaged: %+v, %v", s, err)
	}
	failuretest.Reason(t, "the table", fmt.Sprint(s.Tables[0].Table, " ", s.Tables[0].State), "public.t unknown")
	b.onWrite.Store(&cut)
	defer b.onWrite.Store(nil)
	s, err = p.Status(ctx)
	if s == nil || s.Problem == "" || s.Slot != nil || !strings.Contains(said(err), s.Problem) || said(err) == s.Problem {
		t.Errorf("damaged, and the source is away: %+v, %v", s, err)
	}
}
