//go:build unix

package stage_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/stage"
)

// following runs a stager until end is called or it fails. current is the highest position below which
// nothing waited.
func (b *bench) following(s *stage.Stager) (current *atomic.Uint64, end func(), done <-chan error) {
	b.t.Helper()
	current = &atomic.Uint64{}
	s.Current = func(upto pglogrepl.LSN) { current.Store(max(current.Load(), uint64(upto))) }
	stop, cancel := context.WithCancel(b.t.Context())
	result := make(chan error, 1)
	target := b.now()
	go func() {
		_, err := s.Follow(b.t.Context(), stop, stage.FollowOptions{Target: target})
		result <- err
	}()
	return current, cancel, result
}

// A stream reports that nothing waits up to a position, although it appends no
// entry there. While a row waits for its entry, it reports nothing above it.
func TestCurrentWithoutAnEntry(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE other (id int)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	s.Options.IdleAdvance, s.Options.EntryEvery = 0, time.Hour
	current, end, done := b.following(s)
	b.eventually("that the drain to the target has ended", func() bool { return current.Load() > 0 })
	b.exec(`INSERT INTO other VALUES (1)`)
	written := uint64(b.now())
	head := s.Ledger.Head()
	b.eventually("that nothing waits", func() bool { return current.Load() >= written-48 }) // the commit's record ends there
	if now := s.Ledger.Head(); now != head {
		t.Errorf("entry %d was appended for it", now)
	}
	b.exec(`INSERT INTO t VALUES (1)`)
	waiting := uint64(b.now())
	b.eventually("a row of the entry", func() bool { return s.Peaks.Rows.Load() > 0 })
	b.exec(`INSERT INTO other VALUES (2)`)
	if at := current.Load(); at > waiting {
		t.Errorf("nothing waits up to %s, but a row does from %s on", pglogrepl.LSN(at), pglogrepl.LSN(waiting))
	}
	end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A server that shuts down while everything is acknowledged ends the stream
// with CommandComplete. The error is transient like every other end of a server.
func TestAServerShutsDownBehindAnIdleStream(t *testing.T) {
	server := newServer(t, map[string]string{"autovacuum": "off"})
	b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	s.Options.IdleAdvance = 1
	_, end, done := b.following(s)
	defer end()
	b.exec(`INSERT INTO t VALUES (1)`)
	b.eventually("that all is acknowledged", func() bool {
		var all bool
		err := b.conn.QueryRow(t.Context(), `SELECT count(*) = 1 AND bool_and(sent_lsn = flush_lsn AND flush_lsn = pg_current_wal_insert_lsn())
			FROM pg_stat_replication WHERE state = 'streaming'`).Scan(&all)
		return err == nil && all
	})
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !postgres.Passing(err) {
		t.Errorf("%v, want a transient error", err)
	}
}
