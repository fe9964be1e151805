//go:build unix

package stage_test

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// newServer starts a server for this test only. The test may stop and restart
// it.
func newServer(t *testing.T, settings map[string]string) *pgserver.Server {
	t.Helper()
	server := pgtest.Start(t, pgserver.Options{Settings: settings})
	return server
}

// restart stops the server in the given mode, starts it again and reconnects
// the application.
func (b *bench) restart(server *pgserver.Server, mode pgserver.Mode) {
	b.t.Helper()
	if err := server.Restart(b.t.Context(), mode); err != nil {
		b.t.Fatal(err)
	}
	b.conn = b.another()
}

// slowFlush keeps asynchronous commits off the disk as long as a server can, so
// that a crash loses them.
var slowFlush = map[string]string{"wal_writer_delay": "10s", "bgwriter_delay": "10s", "autovacuum": "off"}

// An asynchronous commit that a snapshot shows is on disk before the snapshot
// is in the ledger. Otherwise a crash would lose staged rows, and another
// transaction would get the id that the snapshot calls visible.
func TestSnapshotOfAsynchronousCommitsSurvivesACrash(t *testing.T) {
	t.Parallel()
	server := newServer(t, slowFlush)
	b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'flushed')`)
	s := b.stager()
	b.origin(s, "t")
	b.exec(`SET synchronous_commit = off`, `INSERT INTO t VALUES (2, 'not flushed')`)
	b.snapshot(s, "t")
	b.restart(server, pgserver.Immediate)
	b.exec(`INSERT INTO t VALUES (3, 'after')`)
	s = b.stager()
	b.drain(s)
	b.same(s, "t", "id")
}

// A commit that is not on disk when the server crashes was never staged,
// whatever target was requested.
func TestDrainOfAsynchronousCommitsSurvivesACrash(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, slowFlush)
			b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			by(transport, s)
			b.exec(`SET synchronous_commit = off`, `INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100) i`)
			b.drain(s)
			b.exec(`INSERT INTO t VALUES (1000, 'lost')`)
			b.restart(server, pgserver.Immediate)
			b.exec(`INSERT INTO t VALUES (2000, 'after')`)
			s = b.stager()
			b.drain(s)
			b.same(s, "t", "id")
		})
	}
}

// A span ends at what is on disk. The server's function returns less than
// requested, so an entry that ended further on would skip the rest.
func TestDrainOfACommitThatIsNotOnDisk(t *testing.T) {
	t.Parallel()
	server := newServer(t, slowFlush)
	b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1, 'flushed')`, `SET synchronous_commit = off`, `INSERT INTO t VALUES (2, 'not flushed')`)
	b.drain(s)
	b.exec(`SET synchronous_commit = on`, `INSERT INTO t VALUES (3, 'after')`)
	b.drain(s)
	b.same(s, "t", "id")
}

// An advance is not durable before a checkpoint. After a crash the slot is
// behind the ledger, and nothing is staged twice.
func TestServerStoppedAtOnceAfterAnAdvance(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, slowFlush)
			b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (1, 'a')`, `INSERT INTO t VALUES (2, 'b')`, `UPDATE t SET v = 'c'`)
			b.drain(s)
			b.drain(s) // moves the slot to the end of the first drain
			position := s.Ledger.State().Position
			if got := b.confirmed(); got != position {
				t.Fatalf("the slot stands at %s, want %s", got, position)
			}
			b.restart(server, pgserver.Immediate)
			if got := b.confirmed(); got >= position {
				t.Fatalf("the slot stands at %s after the crash: the test needs it behind %s", got, position)
			}
			b.exec(`DELETE FROM t WHERE id = 1`)
			s = by(transport, b.stager())
			if r := b.drain(s); r.Rows != 1 || r.Transactions != 1 {
				t.Errorf("staged %+v, want the one new row", r)
			}
			b.same(s, "t", "id")
		})
	}
}

// confirmed returns the slot's position.
func (b *bench) confirmed() lsn {
	b.t.Helper()
	slot, err := b.source.Slots(b.conn).Find(b.t.Context(), b.slot())
	if err != nil {
		b.t.Fatal(err)
	}
	return slot.Confirmed
}
