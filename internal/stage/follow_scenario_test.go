//go:build unix

package stage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/stage"
)

// Without an interval, a following run writes nothing to the source's WAL. It
// only looks whether its lock's session answers.
func TestFollowingWithoutHeartbeats(t *testing.T) {
	t.Parallel()
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	watcher := b.another()
	var drained time.Time
	stop, end := context.WithCancel(t.Context())
	defer end()
	started, done := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Follow(t.Context(), stop, stage.FollowOptions{Target: s.Ledger.State().Position, Drained: func() {
			started <- watcher.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&drained)
		}})
		done <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	// Later queries of that session are those of the watch.
	var asked string
	b.eventually("a look at the session of the lock", func() bool {
		return watcher.QueryRow(t.Context(), `SELECT query`+withLocks+` AND query_start > $1::timestamptz + interval '1 second'`,
			drained).Scan(&asked) == nil
	})
	if strings.Contains(asked, "pg_logical_emit_message") {
		t.Errorf("the session of the lock was asked %q", asked)
	}
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// An entry ends at the first commit at which it is due, although the stream
// goes on without a pause.
func TestEntryOfAStreamThatGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`, `INSERT INTO t VALUES (2)`, `INSERT INTO t VALUES (3)`)
	s.Options.EntryRows = 1
	stop, end := context.WithCancel(t.Context())
	defer end()
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindChanges) {
			end()
		}
	}
	r, err := s.Follow(t.Context(), stop, stage.FollowOptions{Target: s.Ledger.State().Position})
	if err != nil || r.Rows != 1 {
		t.Errorf("the first entry has %d rows, %v; want 1", r.Rows, err)
	}
	b.volume.onAppend = nil
	if r := b.drain(b.stager()); r.Rows != 2 {
		t.Errorf("the next run staged %d rows, want 2", r.Rows)
	}
	b.same(b.stager(), "t", "id")
}
