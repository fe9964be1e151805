//go:build unix

package replicate

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// A full load takes all tables, --resume those without a usable snapshot, and --repair those that need
// a full load. With a ledger that is lost, or older than what was loaded, a repair takes all tables.
func TestWhatAFullLoadDecides(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY, v int)`)
	decided := func(what string, o FullLoadOptions, want string) {
		t.Helper()
		p := b.open(nil)
		d, err := (&decider{p, b.conn, p.newSummary()}).fullLoad(ctx, o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		failuretest.Reason(t, what, fmt.Sprintf("%v, new slot %v, lost %v", names(d.relations), d.origin != nil, d.lost), want)
	}
	decided("at the beginning", FullLoadOptions{}, "[public.t public.u], new slot true, lost false")
	b.loaded(b.open(nil))
	decided("once more", FullLoadOptions{}, "[public.t public.u], new slot false, lost false")
	decided("resumed", FullLoadOptions{Resume: true}, "[], new slot false, lost false")
	decided("a repair", FullLoadOptions{Repair: true}, "[], new slot false, lost false")
	b.exec(`ALTER TABLE u ALTER v TYPE text`)
	p := b.open(nil)
	if _, err := p.CDC(ctx, ctx, CDCOptions{StageOnly: true}); err != nil {
		t.Fatal(err)
	}
	decided("resumed, and a table is marked", FullLoadOptions{Resume: true}, "[], new slot false, lost false")
	failuretest.Reason(t, "what a repair reports", loadingAgain(nil), "no table needs a new snapshot")
	decided("a repair, and a table is marked", FullLoadOptions{Repair: true}, "[public.u], new slot false, lost false")

	// The newest entry is that of a table's snapshot, which did not move the slot.
	if _, err := p.FullLoad(ctx, FullLoadOptions{Tables: []string{"u"}}); err != nil {
		t.Fatal(err)
	}
	files := p.workspace.Files()
	if err := files.Delete(ctx, ledger.FileName(p.ledger.Head())); err != nil {
		t.Fatal(err)
	}
	if s, err := b.open(nil).Status(ctx); err != nil || !strings.Contains(s.Problem, "another copy") || s.Hint == "" {
		t.Errorf("the status of an older copy: %+v, %v", s, err)
	}
	decided("a repair of an older copy", FullLoadOptions{Repair: true}, "[public.t public.u], new slot false, lost false")

	for n := p.ledger.Head(); n > 0; n-- {
		if err := files.Delete(ctx, ledger.FileName(n)); err != nil {
			t.Fatal(err)
		}
	}
	failuretest.Reason(t, "verify without the ledger", b.verified(VerifyOptions{}), "the ledger is lost")
	decided("a repair of a ledger that is lost", FullLoadOptions{Repair: true}, "[public.t public.u], new slot true, lost true")
	// A slot of the configuration may be another pipeline's: it stays, and the plan says so too.
	b.config.Source.Slot = p.link.Slot
	_, err := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{Repair: true})
	failuretest.Reason(t, "the plan, with a slot of the configuration", said(err), "slot "+p.link.Slot+" exists, but")
	_, err = b.open(nil).FullLoad(ctx, FullLoadOptions{Repair: true})
	failuretest.Reason(t, "a repair, with a slot of the configuration", said(err), "slot "+p.link.Slot+" exists, but")
	b.config.Source.Slot = ""
	if plan, err := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{Repair: true}); err != nil || plan.Source.SlotAction != "replace" {
		t.Errorf("the plan of a repair: %+v, %v", plan, err)
	}
	if s, err := b.open(nil).FullLoad(ctx, FullLoadOptions{Repair: true}); err != nil || len(s.Repaired) != 1 ||
		!strings.Contains(s.Repaired[0], "loading again 2 of the selected tables: public.t, public.u") {
		t.Errorf("a repair: %+v, %v", s, err)
	}
	failuretest.Reason(t, "all is loaded again", b.states(b.open(nil)), "public.t loaded, public.u loaded")

	b.exec(`SELECT pg_drop_replication_slot('` + p.link.Slot + `')`)
	if plan, err := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{Repair: true}); err != nil || plan.Source.SlotAction != "make" {
		t.Errorf("the plan without a slot: %+v, %v", plan, err)
	}
	decided("a repair without a slot", FullLoadOptions{Repair: true}, "[public.t public.u], new slot true, lost false")
	b.makeSlot(p) // another slot than the ledger's, under its name
	if plan, err := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{Repair: true}); err != nil || plan.Source.SlotAction != "replace" {
		t.Errorf("the plan with a slot that does not fit: %+v, %v", plan, err)
	}
	if s, err := b.open(nil).FullLoad(ctx, FullLoadOptions{Repair: true, StageOnly: true}); err != nil || len(s.Repaired) != 2 ||
		!strings.Contains(s.Repaired[0], "made slot "+p.link.Slot) || !strings.Contains(s.Repaired[1], "loading again 2 of") || s.Statements > 0 {
		t.Errorf("a repair with a new slot: %+v, %v", s, err)
	}
}

// A table that cannot be loaded does not stop the others, neither in a full load nor in a run of cdc
// that takes new tables. A plan, and a run that only stages, send no statement to find that out.
func TestTablesThatCannotBeLoaded(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE "a${b}" (id int PRIMARY KEY)`)
	fullLoad := func(o FullLoadOptions) (*Summary, string) {
		s, err := b.open(nil).FullLoad(ctx, o)
		return s, said(err)
	}
	_, err := fullLoad(FullLoadOptions{})
	failuretest.Reason(t, "no other table", err, "no table can be loaded, the first: table public.a${b}: ")
	b.exec(`CREATE TABLE t (id int PRIMARY KEY)`)
	_, err = fullLoad(FullLoadOptions{})
	failuretest.Reason(t, "a name that is refused", err, "1 of 2 tables failed, the first: table public.a${b}: ")
	failuretest.Reason(t, "the other table", b.states(b.open(nil)), "public.t loaded")

	b.exec(`CREATE TABLE seen (id int PRIMARY KEY)`, `CREATE TABLE taken (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	p := b.open(nil)
	for _, sql := range []string{"CREATE VIEW %s AS SELECT 1 AS a", "CREATE TABLE %s (id INT)"} {
		name := map[bool]string{true: "seen", false: "taken"}[strings.Contains(sql, "VIEW")]
		if err := p.workspace.Warehouse().Exec(ctx, fmt.Sprintf(sql, p.Target(public(name)))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := fullLoad(FullLoadOptions{Tables: []string{"taken"}})
	if failuretest.Reason(t, "a table of no one", err, "is not this pipeline's"); s.Statements != 1 {
		t.Errorf("a table of no one: %d statements, want one that reads its properties", s.Statements)
	}
	s, err = fullLoad(FullLoadOptions{Tables: []string{"taken"}, StageOnly: true})
	if failuretest.Reason(t, "a table of no one, staged only", err, "is not this pipeline's"); s.Statements > 0 {
		t.Errorf("a table of no one, staged only: %d statements", s.Statements)
	}
	before := b.target.Warehouse().Statements()
	plan, planErr := b.open(nil).PlanFullLoad(ctx, FullLoadOptions{Tables: []string{"taken"}})
	failuretest.Reason(t, "the plan", said(planErr), "is not this pipeline's")
	if b.target.Warehouse().Statements() != before || plan.Error == "" {
		t.Errorf("the plan: %+v, after %d statements", plan, b.target.Warehouse().Statements()-before)
	}
	s, err = fullLoad(FullLoadOptions{Tables: []string{"seen"}})
	if failuretest.Reason(t, "a view", err, "is a view"); s.Statements > 0 {
		t.Errorf("a view, whatever its properties are: %d statements", s.Statements)
	}
	_, err = fullLoad(FullLoadOptions{Tables: []string{"t", "taken"}, StageOnly: true})
	failuretest.Reason(t, "one of two", err, "1 of 2 tables failed, the first: table public.taken: ")

	s, cdcErr := b.open(nil).CDC(ctx, ctx, CDCOptions{SnapshotNew: true})
	failuretest.Reason(t, "new tables", said(cdcErr), "3 of 4 tables failed, the first: table public.a${b}: ")
	if failure.KindOf(cdcErr) != failure.Tables {
		t.Errorf("new tables: %v", cdcErr)
	}
	if got := s.table(p, public("t")); got.Error != "" || got.Total != 1 {
		t.Errorf("changes beside new tables: %+v", got)
	}
	failuretest.Reason(t, "changes beside new tables", b.states(b.open(nil)), "public.t loaded, public.a${b} not loaded")
}

// Another run may change the publications at the same time: they are read again, a few times. Any other
// error of a statement ends the run.
func TestPublicationsThatAnotherRunChanges(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	p := b.open(nil)
	relations, name := b.relations(p, "t"), p.link.Publications.All
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	decide := &decider{p, conn, p.newSummary()}
	publish := func(again bool) (tries int, err error) {
		t.Helper()
		statements, err := decide.statements(ctx, relations)
		if err != nil {
			t.Fatal(err)
		}
		before := func(data []byte) error { // the other run's
			switch {
			case bytes.Contains(data, []byte("CREATE PUBLICATION")):
				if tries++; tries == 1 || again {
					_, err := b.conn.Exec(ctx, `CREATE PUBLICATION `+name)
					return err
				}
			case tries > 0 && again:
				_, err := b.conn.Exec(ctx, `DROP PUBLICATION IF EXISTS `+name)
				return err
			}
			return nil
		}
		b.onWrite.Store(&before)
		defer b.onWrite.Store(nil)
		err = decide.publish(ctx, &decision{statements: statements, published: relations})
		return tries, err
	}
	if tries, err := publish(true); postgres.Code(err) != pgerrcode.DuplicateObject || tries != publishTries {
		t.Errorf("one that is always there first: %d tries, %v", tries, err)
	}
	b.exec(`DROP PUBLICATION IF EXISTS ` + name)
	if tries, err := publish(false); err != nil || tries == 0 {
		t.Errorf("one that was faster: %d tries, %v", tries, err)
	}
	b.eventually(`SELECT count(*) = 1 FROM pg_publication_tables WHERE pubname = $1 AND tablename = 't'`, name)
	b.exec(`ALTER PUBLICATION ` + name + ` SET (publish = 'insert')`)
	_, err = decide.statements(ctx, relations)
	failuretest.Reason(t, "a publication that sends less", said(err), "publication "+name+" ")
	err = decide.publish(ctx, &decision{statements: []string{"SELECT 1 / 0"}, published: relations})
	if postgres.Code(err) != pgerrcode.DivisionByZero {
		t.Errorf("another error: %v", err)
	}
}
