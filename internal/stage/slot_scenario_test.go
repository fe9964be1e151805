//go:build unix

package stage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// While the server creates a slot, it overlooks a transaction that changes the
// catalog in the first phase and commits in the second. Nothing is decoded with
// the old catalog.
func TestSlotIsMadeWhileTheCatalogChanges(t *testing.T) {
	for name, change := range map[string]string{
		"truncated": `TRUNCATE t`,
		"altered":   `ALTER TABLE t ADD v int`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE other (id int PRIMARY KEY)`)
			first, changer, other := b.another(), b.another(), b.another()
			execOn(t, first, `BEGIN`, `INSERT INTO other VALUES (1)`)
			s := b.stager()
			b.publish("t", "other")
			var at lsn
			made := make(chan error, 1)
			go func() (err error) {
				defer func() { made <- err }()
				at, err = b.source.Slots(b.conn).Create(t.Context(), s.Slot, false)
				return err
			}()
			waitsFor := func(conn *pgx.Conn) {
				t.Helper()
				b.until("the slot waits", fmt.Sprintf(`SELECT EXISTS (SELECT FROM pg_locks w JOIN pg_stat_activity a USING (pid), pg_locks h
					WHERE a.query LIKE '%%pg_create_logical_replication_slot%%' AND a.query NOT LIKE '%%pg_locks%%' AND w.locktype = 'transactionid' AND NOT w.granted
					  AND h.locktype = 'transactionid' AND h.granted AND h.transactionid = w.transactionid AND h.pid = %d)`, conn.PgConn().PID()))
			}
			waitsFor(first)
			execOn(t, changer, `BEGIN`, change)
			execOn(t, first, `COMMIT`)
			waitsFor(changer) // the second phase
			execOn(t, other, `TRUNCATE other`)
			execOn(t, changer, `COMMIT`)
			if err := <-made; err != nil {
				t.Fatal(err)
			}
			b.originAt(s, at)
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t (id) VALUES (1)`)
			if name == "altered" {
				b.exec(`UPDATE t SET v = 5`)
			}
			b.drain(s)
			b.same(s, "t", "id")
		})
	}
}

// The server's function clamps a position that is not in its WAL. Advance
// reports this instead of accepting the answer.
func TestAdvanceBeyondTheWAL(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	err := b.source.Slots(b.conn).Advance(t.Context(), s.Slot, b.now()+1<<30)
	if err == nil || !strings.Contains(err.Error(), "the server stopped at ") {
		t.Errorf("advance: %v, want where the server stopped", err)
	}
}

// A run that is killed between the entry and the advance leaves the slot behind
// the ledger. The next run stages nothing twice, with either transport.
func TestKilledBetweenTheEntryAndTheAdvance(t *testing.T) {
	for name, peekMax := range map[string]int64{"then peek": 1 << 40, "then stream": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (1)`, `INSERT INTO t VALUES (2)`)
			ctx, kill := context.WithCancel(t.Context())
			b.volume.onAppend = func(kind string) {
				if kind == string(ledger.KindChanges) {
					kill()
				}
			}
			if _, err := s.Drain(ctx, b.now(), nil); err == nil {
				t.Fatal("the drain was not killed")
			}
			b.volume.onAppend = nil
			next := b.stager()
			slot, err := b.source.Slots(b.conn).Find(t.Context(), s.Slot)
			if err != nil {
				t.Fatal(err)
			}
			if p := next.Ledger.State().Position; slot.Confirmed >= p {
				t.Fatalf("the slot stands at %s, and the ledger at %s: want it behind", slot.Confirmed, p)
			}
			b.exec(`INSERT INTO t VALUES (3)`)
			next.Options.PeekMaxWAL = peekMax
			if r := b.drain(next); r.Rows != 1 {
				t.Errorf("%d rows were staged, want the new one", r.Rows)
			}
			b.same(b.stager(), "t", "id")
		})
	}
}
