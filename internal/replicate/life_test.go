//go:build unix

package replicate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// states are the tables of the status with their states, in order.
func (b *bed) states(p *Pipeline) string {
	b.t.Helper()
	s, err := p.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var list []string
	for _, table := range s.Tables {
		list = append(list, table.Table+" "+table.State)
	}
	return strings.Join(list, ", ")
}

// A pipeline from before its first full load until after its end.
func TestLifeOfAPipeline(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE orders (id int PRIMARY KEY)`, `CREATE TABLE other (id int PRIMARY KEY)`)
	p := b.open(nil)
	cdc := func(o CDCOptions) (*Summary, error) { return b.open(nil).CDC(ctx, ctx, o) }
	begun := func(what string, want bool) {
		t.Helper()
		if b.open(nil).Begun() != want {
			t.Errorf("%s, begun is %t", what, !want)
		}
	}
	begun("before the first full load", false)
	_, err := cdc(CDCOptions{})
	failuretest.Reason(t, "changes before the first full load", said(err), "nothing was loaded yet")
	_, err = p.Load(ctx, nil, false)
	failuretest.Reason(t, "a load before the first full load", said(err), "nothing was loaded yet")
	if plan, err := p.PlanNext(ctx); err != nil || plan.Command != "full-load" || plan.Source.SlotAction != "make" {
		t.Errorf("the plan at the beginning: %+v, %v", plan, err)
	}
	_, err = p.Drop(ctx, DropOptions{})
	failuretest.Reason(t, "a drop of nothing", said(err), "there is no pipeline to drop")
	b.loaded(p)
	failuretest.Reason(t, "after the full load", b.states(b.open(nil)), "public.orders loaded, public.other loaded")

	b.exec(`INSERT INTO orders VALUES (1)`, `CREATE TABLE fresh (id int PRIMARY KEY)`, `INSERT INTO fresh VALUES (1)`)
	if s, err := cdc(CDCOptions{StageOnly: true}); err != nil || s.Entries != 1 || s.Statements != 0 {
		t.Errorf("changes that are staged only: %+v, %v", s, err)
	}
	failuretest.Reason(t, "staged", b.states(b.open(nil)), "public.orders behind, public.other loaded, public.fresh not loaded")
	p = b.open(nil)
	_, err = p.Load(ctx, []string{"ordres"}, false)
	failuretest.Reason(t, "a table that is not there", said(err), `table "ordres" is not in the ledger`)
	if !strings.Contains(failure.HintOf(err),
		`did you mean "orders"?`) {
		t.Errorf("hint %q", failure.HintOf(err))
	}
	_, err = p.Load(ctx, []string{"xyzzy"}, false)
	failuretest.Reason(t, "another one", failure.HintOf(err), "`ingest status` lists the tables")
	if s, err := p.Load(ctx, []string{"other"}, false); err != nil || s.Statements == 0 && len(s.Tables) > 1 {
		t.Errorf("a load of one table: %+v, %v", s, err)
	}
	failuretest.Reason(t, "still staged", b.states(b.open(nil)), "public.orders behind")
	if s, err := cdc(CDCOptions{}); err != nil || s.table(p, public("orders")).Loaded != 1 {
		t.Errorf("a run without changes loads what is staged: %+v, %v", s, err)
	}
	failuretest.Reason(t, "a new table waits until it is asked for", b.states(b.open(nil)),
		"public.orders loaded, public.other loaded, public.fresh not loaded")
	if plan, err := b.open(nil).PlanNext(ctx); err != nil || plan.Command != "cdc --snapshot-new" || !plan.Tables[0].Snapshot {
		t.Errorf("the plan: %+v, %v", plan, err)
	}
	for range 2 { // the second finds nothing new
		if _, err := cdc(CDCOptions{SnapshotNew: true}); err != nil {
			t.Error(err)
		}
	}
	failuretest.Reason(t, "with new tables", b.states(b.open(nil)), "public.fresh loaded, public.orders loaded, public.other loaded")
	if r, err := b.open(nil).Verify(ctx, VerifyOptions{}); err != nil || r.Err() != nil || len(r.Tables) != 3 {
		t.Errorf("verify: %+v, %v", r, err)
	}

	b.exec(`INSERT INTO other VALUES (5)`)
	again := b.open(nil)
	reader, err := again.source.Feed(again.link.Slot, again.link.Publications).Stream(ctx, again.ledger.State().Position)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.open(nil).Drop(ctx, DropOptions{}); failure.KindOf(err) != failure.Conflict || b.open(nil).ledger.State().Ended {
		t.Errorf("a drop while the slot is read: %v", err)
	}
	_ = reader.Close()
	b.eventually(`SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1`, again.link.Slot)
	for n := range 2 {
		d, err := b.open(nil).Drop(ctx, DropOptions{Tables: n == 1})
		if err != nil || d.EndedBefore != (n == 1) || (d.Slot != "") != (n == 0) || len(d.Publications) != 2*(1-n) || len(d.Tables) != 3*n {
			t.Errorf("drop %d: %+v, %v", n+1, d, err)
		}
	}
	if entries := b.open(nil).ledger.State(); !entries.Ended {
		t.Error("the ledger goes on")
	}
	begun("after the end", false)
	_, err = cdc(CDCOptions{})
	failuretest.Reason(t, "changes after the end", said(err), "the pipeline was dropped")
	if plan, err := b.open(nil).PlanNext(ctx); err != nil || plan.Command != "full-load" {
		t.Errorf("the plan after the end: %+v, %v", plan, err)
	}
}

// The status before the first full load names what to do and no table. Afterwards it has each table once:
// a renamed one under its name in the ledger.
func TestTablesOfTheStatus(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	s, err := p.Status(ctx)
	if err != nil || len(s.Tables) > 0 || s.Slot != nil || s.Staged != nil || s.Hint != "run `ingest full-load` first" {
		t.Errorf("before the first full load: %+v, %v", s, err)
	}
	failuretest.Reason(t, "before the first full load", s.Problem, "nothing was loaded yet: "+b.target.Files().Root()+" has no ledger")
	b.loaded(p)
	b.exec(`ALTER TABLE t RENAME TO u`)
	if got := b.states(b.open(nil)); got != "public.t loaded" {
		t.Errorf("renamed: %s", got)
	}
}

// A drop removes what a pipeline without a ledger left in the source only if that is asked for.
func TestDropOfWhatALostLedgerLeft(t *testing.T) {
	ctx := t.Context()
	b := newBed(t)
	p := b.open(nil)
	b.makeSlot(p)
	b.exec(`CREATE PUBLICATION ` + p.link.Publications.All)
	_, err := p.Drop(ctx, DropOptions{})
	failuretest.Reason(t, "not asked for", said(err), "left: slot "+p.link.Slot)
	failuretest.Reason(t, "not asked for", said(err), "publication "+p.link.Publications.All)
	p.ledger, p.damage = nil, failure.New(failure.Conflict, "entry 7 is damaged")
	_, err = p.Drop(ctx, DropOptions{})
	failuretest.Reason(t, "of a damaged one", said(err), "entry 7 is damaged, and ")
	if d, err := p.Drop(ctx, DropOptions{WithoutLedger: true}); err != nil || d.Slot != p.link.Slot || len(d.Publications) != 1 {
		t.Errorf("asked for: %+v, %v", d, err)
	}
	_, err = p.Drop(ctx, DropOptions{WithoutLedger: true})
	failuretest.Reason(t, "once more", said(err), "there is no pipeline to drop")
}

// A run compacts the ledger when that is due. A run that has ended, whose source is another one, or
// that runs beside another compaction does not.
func TestWhenTheLedgerIsCompacted(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	b.loaded(p)
	for !p.ledger.Due() {
		state := p.ledger.State()
		if _, err := p.ledger.Append(t.Context(), state.Head, &ledger.Changes{Start: state.Position, End: state.Position + 8}); err != nil {
			t.Fatal(err)
		}
	}
	checkpoints := func() int {
		t.Helper()
		names, err := p.workspace.Files().Names(t.Context(), "ledger/checkpoints")
		if err != nil && !strings.Contains(fmt.Sprint(err), "not") {
			t.Fatal(err)
		}
		return len(names)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	p.compact(ended)
	foreign := ledger.NewState()
	foreign.Origin = &ledger.Origin{System: "7", Database: "other"}
	if p.link.Owner(t.Context(), b.conn, foreign) == nil || !p.link.Foreign() {
		t.Fatal("a ledger of another cluster belongs to the source")
	}
	p.compact(t.Context())
	if err := p.link.Owner(t.Context(), b.conn, p.ledger.State()); err != nil || p.link.Foreign() {
		t.Fatal(err)
	}
	other := b.open(nil)
	lock, err := other.source.TakeLock(t.Context(), "compacting the ledger", postgres.LockKey("compact", p.link.Slot))
	if err != nil {
		t.Fatal(err)
	}
	p.compact(t.Context())
	if _ = lock.Close(); checkpoints() != 0 {
		t.Error("the ledger was compacted by a run that must not")
	}
	if p.compact(t.Context()); checkpoints() != 1 || p.ledger.Due() {
		t.Errorf("%d checkpoints, want one", checkpoints())
	}
	failuretest.Reason(t, "its table", b.states(b.open(nil)), "public.t loaded")
	p.compact(t.Context())
	if checkpoints() != 1 {
		t.Error("it is compacted though that is not due")
	}
}

// A following run stages, loads and takes new tables until it is asked to end. By then it has loaded
// all that it staged.
func TestFollowingInOneProcess(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	b.config.Load.Interval, b.config.Staging.EntryInterval = 50*time.Millisecond, 50*time.Millisecond
	b.loaded(b.open(nil))
	follow := func(stop context.Context, o CDCOptions) chan error {
		o.Follow = true
		done := make(chan error, 1)
		p := b.open(nil)
		go func() { _, err := p.CDC(ctx, stop, o); done <- err }()
		return done
	}
	reader := b.open(nil)
	staged := func(holds func(*ledger.State) bool) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Minute); ; {
			state, err := reader.ledger.Refresh(ctx)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("it is not staged: %v", err)
			}
			if holds(state) {
				return
			}
		}
	}
	stop, end := context.WithCancel(ctx)
	done := follow(stop, CDCOptions{SnapshotNew: true, LookEvery: 50 * time.Millisecond})
	b.exec(`CREATE TABLE fresh (id int PRIMARY KEY)`, `INSERT INTO fresh VALUES (1)`, `INSERT INTO t VALUES (1)`)
	staged(func(s *ledger.State) bool {
		return s.Current(s.Tables[public("fresh")]) && len(s.Tables[public("t")].Changes) > 0
	})
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(b.states(b.open(nil)), "public.fresh loaded, public.t loaded"); {
		if time.Now().After(deadline) {
			t.Fatalf("it is not loaded before the end: %s", b.states(b.open(nil)))
		}
	}
	if end(); <-done != nil {
		t.Error("it was asked to end, and failed")
	}
	failuretest.Reason(t, "all is loaded", b.states(b.open(nil)), "public.fresh loaded, public.t loaded")

	stop, end = context.WithCancel(ctx)
	done = follow(stop, CDCOptions{StageOnly: true})
	b.exec(`CREATE TABLE later (id int PRIMARY KEY)`, `INSERT INTO t VALUES (2)`)
	staged(func(s *ledger.State) bool { return len(s.Tables[public("t")].Changes) > 1 })
	if end(); <-done != nil {
		t.Error("it was asked to end, and failed")
	}
	failuretest.Reason(t, "staged only", b.states(b.open(nil)), "public.fresh loaded, public.t behind, public.later not loaded")
	stop, end = context.WithTimeout(ctx, time.Second)
	defer end()
	if err := <-follow(stop, CDCOptions{}); err != nil {
		t.Errorf("its time is over, and all is well: %v", err)
	}
	failuretest.Reason(t, "loaded at the end", b.states(b.open(nil)), "public.fresh loaded, public.t loaded, public.later not loaded")
}
