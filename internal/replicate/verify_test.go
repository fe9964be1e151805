//go:build unix

package replicate

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// verified are the tables of a verification with their verdicts.
func (b *bed) verified(o VerifyOptions) string {
	b.t.Helper()
	r, err := b.open(nil).Verify(b.t.Context(), o)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, x := range r.Tables {
		list = append(list, fmt.Sprintf("%s %s (%s)", x.Table.Name, x.Verdict, x.Reason))
	}
	return strings.Join(list, ", ")
}

// Tables that the source no longer has, or has under another name, are not compared, and do not stop
// the others.
func TestTablesThatAreNotCompared(t *testing.T) {
	ctx := t.Context()
	b := newBed(t)
	for _, tables := range [][]string{nil, {"t"}} {
		failuretest.Reason(t, "before the first full load", b.verified(VerifyOptions{Tables: tables}), "nothing was loaded yet")
	}
	for _, name := range []string{"gone", "moved", "swapped", "t"} {
		b.exec(`CREATE TABLE `+name+` (id int PRIMARY KEY)`, `INSERT INTO `+name+` VALUES (1)`)
	}
	b.loaded(b.open(nil))
	b.exec(`DROP TABLE gone`, `ALTER TABLE swapped RENAME TO former`, `CREATE TABLE swapped (id int PRIMARY KEY)`,
		`ALTER TABLE moved RENAME TO moved_on`)
	if _, err := b.open(nil).FullLoad(ctx, FullLoadOptions{Tables: []string{"moved_on"}}); err != nil {
		t.Fatal(err)
	}
	got := b.verified(VerifyOptions{})
	for _, want := range []string{
		"gone not verified (the source has no such table any more",
		"moved not verified (its table was renamed and then loaded as public.moved_on",
		"moved_on equal ()", "swapped not verified (a full load is needed: ", "t equal ()",
	} {
		failuretest.Reason(t, "all", got, want)
	}
	pattern, err := config.ParsePattern("gone")
	if err != nil {
		t.Fatal(err)
	}
	b.config.Source.Exclude = []config.Pattern{pattern}
	if got := b.verified(VerifyOptions{}); strings.Contains(got, "gone") {
		t.Errorf("one that is gone and excluded: %s", got)
	}
	failuretest.Reason(t, "one that is gone, excluded and named", b.verified(VerifyOptions{Tables: []string{"gone"}}), "gone not verified")

	// A table that an application locks is left out if there are others.
	tx, err := b.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE t IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	short := func(o *Options) {
		options := postgres.Options{URL: b.url, Run: o.Run, LockTimeout: 100 * time.Millisecond, Log: o.Log, Dial: b.dial}
		if o.Source, err = postgres.Open(ctx, options); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.open(short).Verify(ctx, VerifyOptions{Tables: []string{"moved_on", "t"}})
	if err != nil || len(r.Tables) != 2 || r.Tables[0].Reason != "" || !strings.Contains(r.Tables[1].Reason, "lock") {
		t.Errorf("one that is locked: %+v, %v", r, err)
	}
	if r, err := b.open(short).Verify(ctx, VerifyOptions{Tables: []string{"t"}}); err == nil {
		t.Errorf("only one that is locked: %+v", r)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
}

// verifyBeside verifies while another run reads the slot. Once the verification waits, meanwhile is
// called with that run's lock.
func (b *bed) verifyBeside(other *Pipeline, meanwhile func(*postgres.Lock)) (*VerifyReport, error) {
	b.t.Helper()
	ctx := b.t.Context()
	lock, err := other.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", other.link.Slot))
	if err != nil {
		b.t.Fatal(err)
	}
	defer lock.Close()
	b.exec(`SELECT pg_logical_emit_message(true, 'ingest', 'something to stage up to')`)
	p, log := b.openLogging()
	var report *VerifyReport
	done := make(chan error, 1)
	go func() {
		var err error
		report, err = p.Verify(ctx, VerifyOptions{})
		done <- err
	}()
	log.await(b.t, "waiting for the run that reads the slot")
	meanwhile(lock)
	err = <-done
	return report, err
}

// A verification waits for the run that reads the slot: until that run has ended, or has staged what is
// to be compared.
func TestVerifyBesideARunThatStages(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	b.loaded(b.open(nil))
	other := b.open(nil)
	equal := func(what string, r *VerifyReport, err error) {
		t.Helper()
		if err != nil || r.Err() != nil {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
	b.exec(`INSERT INTO t VALUES (2)`)
	r, err := b.verifyBeside(other, func(lock *postgres.Lock) { _ = lock.Close() })
	equal("the other run ends", r, err)
	r, err = b.verifyBeside(other, func(*postgres.Lock) { // it goes on, and no row has changed
		state, err := other.ledger.Refresh(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var end pglogrepl.LSN
		b.exec(`SELECT pg_logical_emit_message(true, 'ingest', 'something behind the point')`)
		if err := b.conn.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()`).Scan(&end); err != nil {
			t.Fatal(err)
		}
		if _, err := other.ledger.Append(ctx, state.Head, &ledger.Changes{Start: state.Position, End: end}); err != nil {
			t.Fatal(err)
		}
	})
	equal("the other run has staged it", r, err)
}

// A table that is loaded in full while it is verified is no longer compared: its log begins behind the
// point.
func TestVerifyOfATableThatIsLoadedMeanwhile(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	b.loaded(b.open(nil))
	r, err := b.verifyBeside(b.open(nil), func(lock *postgres.Lock) {
		b.exec(`DELETE FROM t`)
		if _, err := b.open(nil).FullLoad(ctx, FullLoadOptions{Tables: []string{"t"}}); err != nil {
			t.Error(err)
		}
		_ = lock.Close()
	})
	if err != nil || len(r.Tables) != 2 || r.Tables[0].Reason != reloaded || r.Tables[1].Reason != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A verification reads the catalog again if a table changed before it was locked.
func TestVerifyWhoseCatalogMoves(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	b.loaded(b.open(nil))
	p := b.open(nil)
	moved := false
	move := func(data []byte) error {
		if moved || !bytes.Contains(data, []byte("LOCK TABLE")) {
			return nil
		}
		moved = true
		_, err := b.conn.Exec(t.Context(), `ALTER TABLE t ADD c int`)
		return err
	}
	b.onWrite.Store(&move)
	defer b.onWrite.Store(nil)
	if r, err := p.Verify(t.Context(), VerifyOptions{}); err != nil || r.Err() != nil || !moved {
		t.Errorf("%+v, %v; the table changed: %v", r, err, moved)
	}
}

// A verification that waits ends if the slot no longer fits: it would wait for ever.
func TestVerifyWhoseSlotIsLostMeanwhile(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	b.loaded(b.open(nil))
	other := b.open(nil)
	_, err := b.verifyBeside(other, func(*postgres.Lock) { b.exec(`SELECT pg_drop_replication_slot('` + other.link.Slot + `')`) })
	if failure.KindOf(err) != failure.Conflict || !strings.Contains(said(err), "is missing") {
		t.Errorf("the slot is gone: %v", err)
	}
}

// meanwhile opens the pipeline of a verification that calls a function before it compares the first
// table. Everything is staged and loaded by then.
func (b *bed) meanwhile(do func()) *Pipeline {
	b.t.Helper()
	return b.open(func(o *Options) {
		o.Watch.Verify = func([]Work) func() { do(); return func() {} }
	})
}

// A verification names the tables that differ, and the tables beside the logs that differ from them or
// are gone. A table that another run loads in full meanwhile has no verdict: what differs may be that.
// A table that is quarantined or without a snapshot has nothing to compare beside it.
func TestVerdictsOfTablesThatDiffer(t *testing.T) {
	ctx := t.Context()
	b := newBed(t)
	for _, name := range []string{"alone", "failed", "log", "short", "state", "well"} {
		b.exec(`CREATE TABLE `+name+` (id int PRIMARY KEY, v text)`, `INSERT INTO `+name+` VALUES (1, 'a'), (2, 'b')`)
	}
	b.config.Load.Current = config.CurrentTable
	p := b.open(nil)
	refusing("public.failed", http.StatusForbidden, func() { _, _ = p.FullLoad(ctx, FullLoadOptions{}) })
	b.exec(`INSERT INTO failed VALUES (3, 'c')`) // its changes are staged, and it is a table of the ledger
	if _, err := b.open(nil).CDC(ctx, ctx, CDCOptions{}); err != nil {
		t.Fatal(err)
	}
	in := func(table, sql string) {
		t.Helper()
		at := p.Target(public("t"))
		at.Name = table
		if err := p.workspace.Warehouse().Exec(ctx, fmt.Sprintf(sql, at)); err != nil {
			t.Fatal(err)
		}
	}
	in("log", "UPDATE %s SET v = 'x' WHERE id = 1")
	in(config.DataName("state_current"), "UPDATE %s SET v = 'x' WHERE id = 1")
	in("short", "DELETE FROM %s WHERE id = 1")
	dropped := func() { in(config.DataName("alone_current"), "DROP TABLE %s") } // a load makes it again
	verdicts := func(what string, p *Pipeline, want map[string]string) error {
		t.Helper()
		r, err := p.Verify(ctx, VerifyOptions{})
		if err != nil || len(r.Tables) != len(want) {
			t.Fatalf("%s: %+v, %v", what, r, err)
		}
		for _, x := range r.Tables {
			got := fmt.Sprintf("%s (%s)", x.Verdict, x.Reason)
			for _, k := range x.Kept {
				got += fmt.Sprintf("; %s %s (%s) %s", k.Kind, k.Verdict, k.Reason, k.Remedy)
			}
			is := want[x.Table.Name]
			failuretest.Reason(t, what+", "+x.Table.Name, got, is)
			if len(x.Kept) != strings.Count(is, ";") || strings.HasSuffix(is, ") ") && got != is {
				t.Errorf("%s, %s: %s", what, x.Table.Name, got)
			}
		}
		return r.Err()
	}
	const rebuild = "ingest load --rebuild current --tables "
	found := map[string]string{
		"alone":  "equal (); current not verified (the table dev." + b.config.Pipeline + ".",
		"failed": "not verified (no snapshot of it is complete)",
		"log":    "different (); current different () " + rebuild + "public.log",
		"short":  "not verified (it is quarantined: ",
		"state":  "equal (); current different () " + rebuild + "public.state",
		"well":   "equal (); current equal () ",
	}
	err := verdicts("before", b.meanwhile(dropped), found)
	failuretest.Reason(t, "the verdict", said(err), "1 of 6 tables differ")
	failuretest.Reason(t, "what rebuilds", failure.HintOf(err), rebuild+"public.log,public.state")
	again := "current not verified (" + reloaded + ") ingest verify --tables public."
	found["log"], found["state"] = "not verified ("+reloaded+"); "+again+"log", "; "+again+"state"
	_ = verdicts("loaded meanwhile", b.meanwhile(func() {
		dropped()
		b.exec(`DELETE FROM log`)
		if _, err := b.open(nil).FullLoad(ctx, FullLoadOptions{Tables: []string{"log", "state"}}); err != nil {
			t.Error(err)
		}
	}), found)
}

// What fails while a verification compares or stages ends it. It is no verdict, and nothing to wait for.
func TestVerifyThatFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY, v int)`, `INSERT INTO t VALUES (1, 1)`)
	b.config.Load.Current = config.CurrentTable
	b.loaded(b.open(nil))
	refused := func(what string, current config.CurrentKind) {
		t.Helper()
		b.config.Load.Current = current
		refusing("/sql/1.0/warehouses/", http.StatusForbidden, func() {
			stop := onRequest.Swap(nil)
			p := b.meanwhile(func() { onRequest.Store(stop) })
			if r, err := p.Verify(ctx, VerifyOptions{}); failure.KindOf(err) != failure.Destination {
				t.Errorf("no statement is allowed, %s: %+v, %v", what, r, err)
			}
		})
	}
	refused("of the log", config.CurrentNone)
	b.exec(`ALTER TABLE t ALTER v TYPE text`)
	refused("of the table beside it", config.CurrentTable)
	b.exec(`INSERT INTO t VALUES (2)`)
	p := b.open(nil)
	refusing("public.t", http.StatusForbidden, func() {
		if r, err := p.Verify(ctx, VerifyOptions{}); failure.KindOf(err) != failure.Destination || ctx.Err() != nil {
			t.Errorf("no segment may be written: %+v, %v", r, err)
		}
	})
}
