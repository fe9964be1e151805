//go:build unix

package stage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

func public(table string) schema.TableName { return schema.TableName{Schema: "public", Name: table} }

// Sessions of runs, by what they hold.
const (
	ofRuns       = ` FROM pg_stat_activity WHERE application_name LIKE 'ingest %' AND datname = current_database()`
	withLocks    = ofRuns + ` AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')`
	withoutLocks = ofRuns + ` AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')`
)

// ended terminates sessions and returns when they are gone.
func (b *bench) ended(which string) {
	b.t.Helper()
	conn := b.another()
	var n int
	if err := conn.QueryRow(context.Background(), `SELECT count(pg_terminate_backend(pid, 10000))`+which).Scan(&n); err != nil || n == 0 {
		b.t.Errorf("%d sessions ended (%v), want some", n, err)
	}
}

// A run that lost its lock appends nothing more and does not move the slot.
func TestRunThatLostItsLockWritesNothing(t *testing.T) {
	drain := func(s *stage.Stager, b *bench) error {
		_, err := s.Drain(b.t.Context(), b.flushed(), nil)
		return err
	}
	snapshot := func(s *stage.Stager, b *bench) error {
		_, err := s.SnapshotTables(b.t.Context(), b.relations("t"))
		return err
	}
	for name, c := range map[string]struct {
		arm func(b *bench, s *stage.Stager, cut func())
		run func(*stage.Stager, *bench) error
		// appended is the number of entries before the loss.
		appended int64
	}{
		"drain, before its entry": {func(b *bench, _ *stage.Stager, cut func()) {
			b.volume.onUpload = func(string) error { cut(); return nil }
		}, drain, 0},
		"drain, before it moves the slot": {func(b *bench, s *stage.Stager, cut func()) {
			name := ledger.FileName(s.Ledger.State().Head + 1)
			b.volume.onRead = func(read string) {
				if read == name && b.volume.has(name) { // the read back
					cut()
				}
			}
		}, drain, 1},
		"snapshot, before its begin": {func(b *bench, s *stage.Stager, cut func()) { b.afterTheWait(s, cut) }, snapshot, 0},
		"snapshot, before it is done": {func(b *bench, _ *stage.Stager, cut func()) {
			b.volume.onUpload = func(string) error { cut(); return nil }
		}, snapshot, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (2)`)
			running, cut := false, false
			c.arm(b, s, func() {
				if running && !cut {
					cut = true
					b.ended(withLocks)
				}
			})
			before, err := b.stager().Ledger.Refresh(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at := b.confirmed()
			running = true
			if err := c.run(s, b); !errors.Is(err, postgres.ErrLockLost) {
				t.Errorf("%v, want that the lock is lost", err)
			}
			if !cut {
				t.Error("no session was ended")
			}
			b.volume.onUpload, b.volume.onRead = nil, nil
			after := b.stager()
			if got := after.Ledger.State().Head - before.Head; got != c.appended {
				t.Errorf("%d entries were appended, want %d", got, c.appended)
			}
			if got := b.confirmed(); got != at {
				t.Errorf("the slot moved from %s to %s", at, got)
			}
			b.snapshot(after, "t")
			b.drain(after)
			b.same(after, "t", "id")
		})
	}
}

// has reports whether a file exists.
func (v *volume) has(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.files[name]
	return ok
}

// If a snapshot's session is gone when its last range is read, the table may
// have been rewritten meanwhile. The snapshot is abandoned.
func TestSnapshotWhoseSessionIsGoneIsAbandoned(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.volume.onUpload = func(string) error { b.ended(withoutLocks); return nil }
	results, err := s.SnapshotTables(t.Context(), b.relations("t"))
	if err != nil || results[0].Err == nil || !strings.Contains(results[0].Err.Error(), "hold the snapshot") || results[0].Done != nil {
		t.Errorf("snapshot: %v, %+v; want that the table is abandoned, for its session is gone", err, results)
	}
	b.volume.onUpload = nil
	if state := s.Ledger.State(); state.Tables[public("t")] != nil || len(state.Open) != 0 {
		t.Error("the snapshot is in the ledger all the same")
	}
	b.snapshot(s, "t")
	b.same(s, "t", "id")
}

// An entry whose answer was lost appears while the same run stages its changes
// again. The run recognises the entry as its own and stages nothing twice.
func TestEntryOfThisRunThatAppearsLate(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	name := ledger.FileName(s.Ledger.State().Head + 1)
	var late []byte
	b.volume.onRead = func(read string) { // hides the entry from its writer
		b.volume.mu.Lock()
		defer b.volume.mu.Unlock()
		if data, ok := b.volume.files[name]; ok && read == name {
			late = data
			delete(b.volume.files, name)
		}
	}
	if _, err := s.Drain(t.Context(), b.now(), nil); err == nil || late == nil {
		t.Fatalf("drain: %v, want that the entry is not there", err)
	}
	b.volume.onRead = nil
	b.volume.onUpload = func(string) error {
		b.volume.mu.Lock()
		defer b.volume.mu.Unlock()
		b.volume.files[name] = late
		return nil
	}
	b.drain(s)
	if state := s.Ledger.State(); ledger.FileName(state.Head) != name {
		t.Errorf("the newest entry is %d, want the one that appeared", state.Head)
	}
	b.same(s, "t", "id")
}

// An entry with changes that a snapshot does not show takes the snapshot's
// place in the ledger. The snapshot is taken again.
func TestSnapshotThatLostItsPlaceIsTakenAgain(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	begins := 0
	b.volume.onAppend = func(kind string) {
		if kind != string(ledger.KindBegin) {
			return
		}
		if begins++; begins == 1 {
			b.exec(`INSERT INTO t VALUES (2)`)
			b.drain(b.stager())
		}
	}
	b.snapshot(s, "t")
	if begins != 2 {
		t.Errorf("%d snapshots were begun, want one that lost its place and another", begins)
	}
	b.drain(s)
	b.same(s, "t", "id")
}

// An entry without changes takes the snapshot's place in the ledger. The
// snapshot is kept, because a following run may always be first.
func TestSnapshotThatLostItsPlaceToAnEmptyEntry(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	begins := 0
	b.volume.onAppend = func(kind string) {
		if kind != string(ledger.KindBegin) {
			return
		}
		if begins++; begins == 1 {
			other := b.stager()
			other.Options.IdleAdvance = 1
			b.exec(`SELECT pg_logical_emit_message(false, 'no transaction, which servers before 15 would send', repeat('x', 10000))`)
			b.drain(other)
			b.exec(`INSERT INTO t VALUES (2)`)
		}
	}
	results := b.snapshot(s, "t")
	if done := results[0].Done; begins != 2 || done.Rows != 1 {
		t.Errorf("%d appends and %d rows, want the second append of one snapshot of 1 row", begins, done.Rows)
	}
	b.drain(s)
	b.same(s, "t", "id")
}

// A full load that masks a new column takes the place of an entry that shows the
// column's default in clear text. The entry is decided again.
func TestDefaultThatASnapshotHidesMeanwhile(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t ADD card text DEFAULT 'confidential'`)
	state := s.Ledger.State().Tables[public("t")]
	columns, reason, err := stage.ColumnsAhead(t.Context(), b.conn, b.source, s.Shape.Of(public("t")), state, b.published("t"))
	if err != nil || reason != "" {
		t.Fatal(reason, err)
	}
	s.Seen = &stage.Seen{}
	s.Seen.Set(nil, []stage.Ahead{{TableAhead: *columns}})
	masking, appends := b.stager(), 0
	masking.Shape = masks("t", "card")
	b.volume.onAppend = func(kind string) {
		if kind != string(ledger.KindChanges) {
			return
		}
		if appends++; appends == 1 {
			b.snapshot(masking, "t")
		}
	}
	b.drain(s)
	if appends == 0 { // servers before 15 also send the transaction of the DDL, which needs another entry
		t.Error("no entry was tried before the full load")
	}
	for name, data := range b.volume.files {
		if strings.Contains(string(data), "confidential") {
			t.Errorf("%s shows the default", name)
		}
	}
}

// Another run stages changes between each snapshot and its begin entry. After
// the snapshot has lost its place once, that run's next entry waits for it.
func TestSnapshotThatWouldAlwaysLoseItsPlace(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s, other := b.stager(), b.stager()
	b.origin(s, "t")
	var drained chan struct{}
	begins := 0
	b.volume.onAppend = func(kind string) {
		if kind != string(ledger.KindBegin) {
			return
		}
		begins++
		b.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d)`, begins))
		done := make(chan struct{})
		drained = done
		go func() { defer close(done); b.drain(other) }()
		if begins == 1 {
			<-done
		} else {
			b.until("the entry waits", `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)`)
		}
	}
	b.snapshot(s, "t")
	<-drained
	if begins != 2 {
		t.Errorf("%d snapshots were begun, want one that lost its place and another", begins)
	}
	b.drain(s)
	b.same(s, "t", "id")
}

// A run whose snapshot claims the next place in the ledger hangs. Others wait
// for it no longer than they may.
func TestEntryWaitsForASnapshotThatHangs(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	conn, err := b.open("hangs").Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := postgres.Claim(t.Context(), conn, postgres.LockKey("begin", s.Slot)); err != nil {
		t.Fatal(err)
	}
	b.exec(`INSERT INTO t VALUES (1)`)
	s.Options.YieldFor = time.Millisecond
	b.drain(s)
	b.same(s, "t", "id")
}
