//go:build cgo && unix

package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// shopTables make two tables: one with a value that is stored out of line and
// not sent when it is unchanged, one that is truncated now and then.
var shopTables = []string{
	`CREATE TABLE item (id bigint PRIMARY KEY, amount numeric(12,2), note text, big text)`,
	`ALTER TABLE item ALTER big SET STORAGE EXTERNAL`,
	`INSERT INTO item SELECT i, i * 1.25, 'note ' || i, repeat('x', 2500) || i FROM generate_series(1, 40) i`,
	`CREATE TABLE event (id bigint PRIMARY KEY, item bigint, at text)`,
	`INSERT INTO event SELECT i, i % 40, 'event ' || i FROM generate_series(1, 60) i`,
}

// writer changes item and event until it is stopped.
type writer struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// pace is the time between two transactions of a writer.
const pace = 4 * time.Millisecond

// newWriter starts a writer on a session of its own. When it returns, a change
// is committed, so that a run which begins then has something to read.
func (w *world) newWriter(seed uint64) *writer {
	w.t.Helper()
	conn := w.session()
	const first = `INSERT INTO item VALUES (1, 1, 'the writer begins', NULL) ON CONFLICT (id) DO UPDATE SET note = excluded.note`
	if _, err := conn.Exec(w.t.Context(), first); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	wr := &writer{stop: stop}
	wr.wg.Go(func() {
		rnd := rand.New(rand.NewPCG(seed, 7))
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := transaction(w.t.Context(), conn, rnd); err != nil && w.t.Context().Err() == nil {
				w.t.Errorf("writer: %v", err)
				return
			}
		}
	})
	w.t.Cleanup(wr.end)
	return wr
}

// end stops the writer and waits for its last transaction.
func (wr *writer) end() {
	wr.stop()
	wr.wg.Wait()
}

// write makes n transactions.
func (w *world) write(seed uint64, n int) {
	w.t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 8))
	for range n {
		if err := transaction(w.t.Context(), w.conn, rnd); err != nil {
			w.t.Fatal(err)
		}
	}
}

// transaction makes one to four changes; some transactions are rolled back,
// some in part.
func transaction(ctx context.Context, conn *pgx.Conn, rnd *rand.Rand) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for range 1 + rnd.IntN(4) {
		if rnd.IntN(6) == 0 {
			sub, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := sub.Exec(ctx, change(rnd)); err != nil {
				return err
			}
			end := sub.Commit
			if rnd.IntN(2) == 0 {
				end = sub.Rollback
			}
			if err := end(ctx); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.Exec(ctx, change(rnd)); err != nil {
			return err
		}
	}
	if rnd.IntN(12) == 0 {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// change is one random statement that cannot fail.
func change(rnd *rand.Rand) string {
	id, n := rnd.IntN(120), rnd.IntN(1_000_000)
	switch rnd.IntN(12) {
	case 0, 1, 2:
		return fmt.Sprintf(
			`INSERT INTO item VALUES (%d, %d.5, 'new %d', repeat('y', 2500) || %d) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount`,
			id, n, n, n)
	case 3, 4: // big is unchanged, and not sent
		return fmt.Sprintf(`UPDATE item SET note = 'changed %d' WHERE id = %d`, n, id)
	case 5:
		return fmt.Sprintf(`UPDATE item SET big = repeat('z', 2500) || %d WHERE id = %d`, n, id)
	case 6:
		return fmt.Sprintf(`DELETE FROM item WHERE id = %d`, id)
	case 7: // the key changes, with big unchanged
		return fmt.Sprintf(`UPDATE item SET id = %d WHERE id = %d AND NOT EXISTS (SELECT FROM item WHERE id = %d)`, 1000+id, id, 1000+id)
	case 8:
		return fmt.Sprintf(`DELETE FROM item WHERE id = %d`, 1000+id)
	case 9, 10:
		return fmt.Sprintf(`INSERT INTO event VALUES (%d, %d, NULL) ON CONFLICT (id) DO UPDATE SET at = 'again %d'`, n, id, n)
	}
	if rnd.IntN(10) == 0 {
		return `TRUNCATE event`
	}
	return fmt.Sprintf(`UPDATE event SET item = %d WHERE id %% 7 = %d`, id, n%7)
}

// TestTheComparisonIsStrict shows that replay refuses what it should.
func TestTheComparisonIsStrict(t *testing.T) {
	at := func(op, id string, entry, commit, seq int64) logRow {
		return logRow{op: op, entry: entry, commit: commit, seq: seq, values: row{"id": id}}
	}
	fine := []logRow{at("snapshot", "1", 2, 10, 0), at("update", "1", 3, 20, 0), at("delete", "1", 3, 20, 1), at("insert", "1", 4, 30, 0)}
	if got, err := replay(fine, "id"); err != nil || len(got) != 1 {
		t.Errorf("a log without fault: %d rows, %v", len(got), err)
	}
	for name, last := range map[string]logRow{
		"an insert twice":               at("insert", "1", 5, 40, 0),
		"an update of nothing":          at("update", "2", 5, 40, 0),
		"a delete of nothing":           at("delete", "2", 5, 40, 0),
		"a place twice":                 at("update", "1", 5, 30, 0),
		"a change before the snapshot":  at("update", "1", 5, 9, 0),
		"an unknown operation":          at("merge", "1", 5, 40, 0),
		"nothing to carry columns from": {op: "insert", entry: 5, commit: 40, unchanged: []string{"big"}, values: row{"id": "3"}},
	} {
		if _, err := replay(append(slices.Clip(fine), last), "id"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
