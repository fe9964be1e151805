//go:build unix

package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// What is found about a table is recorded once, even if nothing changes.
func TestWhatIsFoundWhileNothingChanges(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	b.drain(s)
	at, begin := s.Ledger.State().Position, s.Ledger.State().Tables[public("t")].Snapshot.Begin
	witness := ledger.TableWitness{
		Table: public("t"), Begin: begin, Witness: ledger.Witness{Publication: schema.Publication{Name: "p", Version: 7}},
	}
	s.Seen = &stage.Seen{}
	s.Seen.Set([]ledger.TableWitness{witness}, nil)
	mark := ledger.ReloadMark{Table: public("t"), LSN: at, Reason: "found", Generation: begin}
	// In this order: the entry of a mark would have the witness, too.
	for _, c := range []struct {
		what  string
		marks []ledger.ReloadMark
	}{{"how it is published", nil}, {"a mark", []ledger.ReloadMark{mark}}} {
		if r, err := s.Drain(t.Context(), at, c.marks); err != nil || r.Entries != 1 {
			t.Errorf("%s: %d entries, %v", c.what, r.Entries, err)
		}
	}
	state := s.Ledger.State().Tables[public("t")]
	if state.Reload == nil || state.Reload.Reason != "found" || !state.Witness.Equal(&witness.Witness) {
		t.Errorf("the ledger has the mark %+v and the witness %+v", state.Reload, state.Witness)
	}
	if r := b.drain(s); r.Entries != 0 {
		t.Errorf("%d more entries", r.Entries)
	}
}

// Without an interval for idle sources, no entry is written for them.
func TestIdleSourceWithoutAnInterval(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.exec(`SELECT pg_logical_emit_message(false, 'no transaction, which servers before 15 would send', repeat('x', 10000))`)
	for interval := range int64(2) {
		s.Options.IdleAdvance = interval
		if r := b.drain(s); r.Entries != int(interval) {
			t.Errorf("every %d bytes: %d entries", interval, r.Entries)
		}
	}
}

// Someone drops the slot, and the run reports it.
func TestSlotIsGone(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.exec(`SELECT pg_drop_replication_slot('` + s.Slot + `')`)
	if _, err := s.Drain(t.Context(), b.now(), nil); failure.KindOf(err) != failure.Conflict {
		t.Errorf("got %v, want a conflict", err)
	}
}

// Another run appends an entry that moves or ends the position while this run's
// entry is being appended. This run ends, with either transport.
func TestAnotherRunMovesThePosition(t *testing.T) {
	for name, body := range map[string]func(at lsn) any{
		"changes":                    func(at lsn) any { return &ledger.Changes{Start: at, End: at + 8} },
		"an origin at its place":     func(at lsn) any { return &ledger.Origin{Slot: "s", ConsistentPoint: at} },
		"an origin of this very run": func(at lsn) any { return &ledger.Origin{Slot: "s", ConsistentPoint: at + 8} },
		"the end":                    func(lsn) any { return &ledger.End{Reason: "test"} },
	} {
		for _, follow := range []bool{false, true} {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			run := "another"
			if name == "an origin of this very run" {
				run = s.Options.Run
			}
			b.volume.onAppend = func(kind string) {
				if kind != string(ledger.KindChanges) {
					return
				}
				b.volume.onAppend = nil
				l, err := ledger.Open(t.Context(), b.volume, ledger.Options{Run: run, Version: "test", Now: time.Now})
				if err == nil {
					_, err = l.Append(t.Context(), l.Head(), body(l.State().Position))
				}
				if err != nil {
					t.Error(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			var err error
			if follow {
				b.exec(`INSERT INTO t VALUES (1)`)
				_, err = s.Follow(ctx, ctx, stage.FollowOptions{})
			} else {
				b.exec(`INSERT INTO t VALUES (1)`)
				_, err = s.Drain(ctx, b.now(), nil)
			}
			cancel()
			if err == nil || failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), "another run moved the ledger's position") {
				t.Errorf("%s, following %v: %v", name, follow, err)
			}
		}
	}
}

// A run that must stop before it reaches its target does not claim that it has
// reached it.
func TestAskedToEndBeforeTheTarget(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	for _, asked := range []bool{true, false} {
		stop, end := context.WithCancel(t.Context())
		if asked {
			end()
		}
		drained := false
		_, err := s.Follow(t.Context(), stop, stage.FollowOptions{Target: b.now(), Drained: func() { drained = true; end() }})
		if head := s.Ledger.State().Head; err != nil || drained == asked || !asked && head != 2 {
			t.Errorf("asked %v: drained %v, %v", asked, drained, err)
		}
	}
}

// behind leaves the slot behind the ledger: a run is killed between its entry
// and the advance. It returns the next run's stager.
func (b *bench) behind(s *stage.Stager) *stage.Stager {
	b.t.Helper()
	ctx, kill := context.WithCancel(b.t.Context())
	defer kill()
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindChanges) {
			kill()
		}
	}
	if _, err := s.Drain(ctx, b.now(), nil); err == nil {
		b.t.Fatal("the drain was not killed")
	}
	b.volume.onAppend = nil
	return b.stager()
}

// The server's function cannot decode the WAL between slot and ledger, so the
// WAL is streamed.
func TestProofBeyondTheLimitOfTemporaryFiles(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER DATABASE `+b.source.Facts.Database+` SET temp_file_limit = '100kB'`,
		`INSERT INTO t SELECT i, repeat('v', 500) FROM generate_series(1, 2000) i`)
	s.Options.WorkMem = "64kB"
	s = b.behind(s)
	s.Options.WorkMem = "64kB"
	b.exec(`INSERT INTO t VALUES (0)`)
	if r := b.drain(s); r.Rows != 1 {
		t.Errorf("staged %d rows, want 1", r.Rows)
	}
}

// A keepalive inside a transaction does not prove that the transaction's commit
// has arrived.
func TestKeepaliveInsideATransactionProvesNothing(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	s = b.behind(s)
	direct, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	through := *direct
	through.Host = newRelay(t, direct.Host, b.now()+1<<30, nil).listener.Addr().String()
	b.url = through.String()
	s.Source, s.Options.PeekMaxWAL = b.open("test"), 1
	b.url = direct.String()
	b.drain(s)
	b.same(b.stager(), "t", "id")
}

// A following run records what others found and how far the source is, while no
// published table changes.
func TestFollowingWhileNothingChanges(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE unpublished (id int)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	s.Options.IdleAdvance = 1 << 40
	state := s.Ledger.State()
	stop, end := context.WithCancel(t.Context())
	found, done := make(chan []ledger.ReloadMark, 1), make(chan error, 1)
	go func() {
		_, err := s.Follow(t.Context(), stop, stage.FollowOptions{Found: found})
		done <- err
	}()
	reader := b.stager().Ledger
	refreshed := func() *ledger.State {
		state, err := reader.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	found <- []ledger.ReloadMark{{Table: public("t"), LSN: b.now(), Reason: "found", Generation: state.Tables[public("t")].Snapshot.Begin}}
	b.eventually("the mark", func() bool { return refreshed().Tables[public("t")].Reload != nil })
	b.exec(`INSERT INTO unpublished SELECT generate_series(1, 1000)`)
	target := b.now()
	b.exec(`INSERT INTO unpublished SELECT generate_series(1, 1000)`)
	b.eventually("the position", func() bool { return refreshed().Position >= target })
	b.eventually("the slot", func() bool {
		slot, err := b.source.Slots(b.conn).Find(t.Context(), s.Slot)
		return err == nil && slot.Confirmed >= target
	})
	b.exec(`INSERT INTO t VALUES (1)`)
	b.eventually("a row", func() bool { return len(refreshed().Tables[public("t")].Changes) == 1 })
	b.exec(`INSERT INTO t VALUES (2)`) // the stream does not describe its relation again
	b.eventually("another row", func() bool { return len(refreshed().Tables[public("t")].Changes) == 2 })
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.same(s, "t", "id")
}

// A following run that loses its lock reports that, and not a cancellation.
func TestFollowingRunThatLosesItsLock(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	s.Options.Heartbeat = 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := s.Follow(ctx, ctx, stage.FollowOptions{Target: b.now(), Drained: func() { b.ended(withLocks) }})
	if err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("got %v, want that the lock is lost", err)
	}
}

// A snapshot that a killed run left is abandoned by the next snapshot of its
// table. Tables are read in groups of limited size.
func TestSnapshotsOfKilledRunsAndInGroups(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE u (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t", "u")
	ctx, kill := context.WithCancel(t.Context())
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindBegin) {
			kill()
		}
	}
	if _, err := s.SnapshotTables(ctx, b.relations("t")); err == nil {
		t.Fatal("the snapshot was not killed")
	}
	b.volume.onAppend = nil
	s = b.stager()
	left := s.Ledger.State().Open
	if len(left) != 1 {
		t.Fatalf("the killed run left %v", left)
	}
	relations := b.relations("t", "u")
	for i := range relations {
		relations[i].Bytes = 1 << 50
	}
	results, err := s.SnapshotTables(t.Context(), relations)
	if err != nil || len(results) != 2 || results[0].Done.Begin == results[1].Done.Begin {
		t.Errorf("large tables in one group: %+v, %v", results, err)
	}
	for n, o := range s.Ledger.State().Open {
		if left[n] != nil && o.Pending[public("t")] {
			t.Error("the killed run's snapshot still counts")
		}
	}
}

// The wait for a slot that another session keeps reading is limited. The error
// names the owner of that session.
func TestSlotThatAnotherSessionGoesOnReading(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	stream, err := b.open("other").Feed(s.Slot, pubs).Stream(t.Context(), s.Ledger.State().Position)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var hours time.Duration // one hour later at each look
	s.Options.Now = func() time.Time { hours++; return time.Now().Add(hours * time.Hour) }
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = s.Drain(ctx, b.now(), nil)
	if failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), "is in use by pid ") || !strings.Contains(failure.HintOf(err),
		"pg_terminate_backend(") {
		t.Errorf("got %v (%s), want who reads the slot", err, failure.HintOf(err))
	}
}

// A drain ends with the slot at the ledger's position and leaves no session
// behind. Its entry records when the last change committed. It records facts
// about servers and commits only if they are new.
func TestWhatADrainLeaves(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	b.drain(s)
	state := s.Ledger.State()
	if at := b.confirmed(); at != state.Position {
		t.Errorf("the slot stands at %s, and the ledger at %s", at, state.Position)
	}
	b.until("no session of the run is left", `SELECT NOT EXISTS (SELECT`+ofRuns+`)`)
	var entry struct{ Changes ledger.Changes }
	data, err := b.volume.Read(t.Context(), ledger.FileName(state.Head))
	if err == nil {
		err = json.Unmarshal(data, &entry)
	}
	if c := entry.Changes; err != nil || c.LastCommit == nil || c.Timeline != 0 || c.Unsettled != nil {
		t.Errorf("the entry says %+v, %v", c, err)
	}
}

// A slot behind the ledger is not moved back to where it was created.
func TestSlotBehindTheLedgerAndPastTheOrigin(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	b.drain(s)
	b.exec(`INSERT INTO t VALUES (2)`)
	s = b.behind(s)
	if at, origin := b.confirmed(), s.Ledger.State().Origin.ConsistentPoint; at <= origin || at >= s.Ledger.State().Position {
		t.Fatalf("the slot stands at %s, want it between the origin %s and the position", at, origin)
	}
	b.exec(`INSERT INTO t VALUES (3)`)
	if r := b.drain(s); r.Rows != 1 {
		t.Errorf("staged %d rows, want the new one", r.Rows)
	}
	b.same(s, "t", "id")
}

// Another entry takes the place of an idle source's entry. If that is an entry
// of the same run whose answer was lost, the run does not fail. If it is
// another run's, the run fails.
func TestEntryOfAnIdleSourceThatLosesItsPlace(t *testing.T) {
	for _, own := range []bool{true, false} {
		b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
		s := b.stager()
		b.origin(s, "t")
		b.exec(`SELECT pg_logical_emit_message(false, 'no transaction, which servers before 15 would send', repeat('x', 10000))`)
		s.Options.IdleAdvance = 1
		run := "another"
		if own {
			run = s.Options.Run
		}
		b.volume.onAppend = func(string) {
			b.volume.onAppend = nil
			l, err := ledger.Open(t.Context(), b.volume, ledger.Options{Run: run, Version: "test", Now: time.Now})
			if err == nil {
				at := l.State().Position
				_, err = l.Append(t.Context(), l.Head(), &ledger.Changes{Start: at, End: at + 8})
			}
			if err != nil {
				t.Error(err)
			}
		}
		_, err := s.Drain(t.Context(), b.now(), nil)
		if b.volume.onAppend != nil {
			t.Fatal("no entry was appended")
		}
		if (err == nil) != own || err != nil && failure.KindOf(err) != failure.Conflict {
			t.Errorf("the run's own %v: %v", own, err)
		}
	}
}

// Abandoning what a killed run left is decided again if another entry takes its
// place. It stops if the lock is lost.
func TestGivingUpASnapshotOfAKilledRun(t *testing.T) {
	for _, lost := range []bool{false, true} {
		b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
		s := b.stager()
		b.origin(s, "t")
		ctx, kill := context.WithCancel(t.Context())
		b.volume.onAppend = func(kind string) {
			if kind == string(ledger.KindBegin) {
				kill()
			}
		}
		if _, err := s.SnapshotTables(ctx, b.relations("t")); err == nil {
			t.Fatal("the snapshot was not killed")
		}
		kill()
		s, b.volume.onAppend = b.stager(), nil
		if lost {
			next, cut := ledger.FileName(s.Ledger.Head()+1), false
			b.volume.onRead = func(name string) {
				if name == next && !cut { // the ledger is read again, under the lock
					cut = true
					b.ended(withLocks)
				}
			}
		} else {
			b.volume.onAppend = func(kind string) {
				if kind == string(ledger.KindAbandoned) {
					b.volume.onAppend = nil
					b.drain(b.stager())
				}
			}
			b.exec(`INSERT INTO t VALUES (1)`)
		}
		limited, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		results, err := s.SnapshotTables(limited, b.relations("t"))
		cancel()
		switch {
		case lost && !errors.Is(err, postgres.ErrLockLost):
			t.Errorf("got %v, want that the lock is lost", err)
		case !lost && (err != nil || results[0].Err != nil || b.volume.onAppend != nil):
			t.Errorf("%+v, %v", results, err)
		}
	}
}
