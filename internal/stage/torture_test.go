//go:build unix

package stage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/stage"
)

// TestWritersSnapshotsAndDrains runs writers with savepoints, two-phase
// commits, key changes and truncates against snapshots and drains that start at
// any moment. The strictly replayed log must equal the source.
// INGEST_TEST_TORTURE_SECONDS makes it run longer. INGEST_TEST_TORTURE_SEED
// repeats a run.
func TestWritersSnapshotsAndDrains(t *testing.T) {
	seconds, seed := 6, time.Now().UnixNano()
	if v, err := strconv.Atoi(os.Getenv("INGEST_TEST_TORTURE_SECONDS")); err == nil {
		seconds = v
	}
	if v, err := strconv.ParseInt(os.Getenv("INGEST_TEST_TORTURE_SEED"), 10, 64); err == nil {
		seed = v
	}
	t.Logf("seed %d", seed)
	b := newBench(t,
		`CREATE TABLE t (id bigint PRIMARY KEY, v bigint, big text)`,
		`ALTER TABLE t ALTER big SET STORAGE EXTERNAL`,
		`INSERT INTO t SELECT i, i, repeat('x', 3000) || i FROM generate_series(1, 300) i`,
	)
	b.origin(b.stager(), "t")
	stop, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for w := range 6 {
		conn := b.another()
		wg.Go(func() { writer(stop, t, conn, w, rand.New(rand.NewPCG(uint64(seed), uint64(w)))) })
	}
	rnd := rand.New(rand.NewPCG(uint64(seed), 99))
	rounds := 0
	b.snapshot(b.stager(), "t")
	snapshots := make(chan error, 1)
	snapshots <- nil
	for stop.Err() == nil {
		s := b.stager()
		switch rnd.IntN(6) {
		case 0: // a snapshot concurrent with the drains
			select {
			case err := <-snapshots:
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					results, err := s.SnapshotTables(t.Context(), b.relations("t"))
					if err == nil {
						err = results[0].Err
					}
					snapshots <- err
				}()
			default:
			}
		case 1: // streaming
			ctx, done := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(150))*time.Millisecond)
			if _, err := s.Follow(t.Context(), ctx, stage.FollowOptions{Target: b.flushed()}); err != nil {
				t.Fatal(err)
			}
			done()
		case 2: // killed anywhere
			ctx, done := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(30))*time.Millisecond)
			_, err := s.Drain(ctx, b.flushed(), nil)
			done()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) &&
				failure.KindOf(err) != failure.Source && ctx.Err() == nil {
				t.Fatal(err)
			}
		case 3: // streaming, in small pieces
			s.Options.PeekMaxWAL, s.Options.SpanBytes = 1, 64<<10
			b.drainNow(s)
		default:
			s.Options.SpanBytes = int64(1+rnd.IntN(40)) << 12
			b.drainNow(s)
		}
		rounds++
	}
	wg.Wait()
	if err := <-snapshots; err != nil {
		t.Fatal(err)
	}
	b.commitPrepared()
	s := b.stager()
	b.drain(s)
	state := s.Ledger.State()
	got := b.replay(state, "t", "id")
	t.Logf("%d rounds, %d entries, %d rows at the end", rounds, state.Head, len(got))
	if diff := cmp.Diff(b.table("t", "id"), got); diff != "" {
		t.Errorf("the log replayed differs from the source (-source +log):\n%s", diff[:min(len(diff), 4000)])
	}
}

func (b *bench) drainNow(s interface {
	Drain(ctx context.Context, target lsn, marks []mark) (result, error)
}) {
	b.t.Helper()
	if _, err := s.Drain(b.t.Context(), b.flushed(), nil); err != nil {
		b.t.Fatal(err)
	}
}

// flushed returns the position that a drain started now must reach.
func (b *bench) flushed() lsn {
	conn, err := pgx.Connect(b.t.Context(), b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	insert, _, err := b.source.WAL(conn).Positions(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return insert
}

// commitPrepared commits the transactions that the writers left prepared.
func (b *bench) commitPrepared() {
	rows, err := b.conn.Query(b.t.Context(), `SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`)
	if err != nil {
		b.t.Fatal(err)
	}
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	for _, gid := range gids {
		b.exec("COMMIT PREPARED '" + gid + "'")
	}
}

// writer changes its own keys and occasionally truncates.
func writer(stop context.Context, t *testing.T, conn *pgx.Conn, w int, rnd *rand.Rand) {
	ctx := context.WithoutCancel(stop)
	run := func(sql string, args ...any) bool {
		_, err := conn.Exec(ctx, sql, args...)
		return err == nil
	}
	next := int64(1000000 * (w + 1))
	for n := 0; stop.Err() == nil; n++ {
		if rnd.IntN(3) == 0 {
			run("SET synchronous_commit = " + []string{"on", "off"}[rnd.IntN(2)])
		}
		run("BEGIN")
		for range 1 + rnd.IntN(6) {
			key := int64(1000000*(w+1)) + rnd.Int64N(max(1, next-int64(1000000*(w+1))))
			switch rnd.IntN(9) {
			case 0, 1, 2:
				run(`INSERT INTO t VALUES ($1, $2, repeat('y', 2500) || $3::text)`, next, rnd.Int64(), fmt.Sprint(next))
				next++
			case 3, 4:
				run(`UPDATE t SET v = $2 WHERE id = $1`, key, rnd.Int64())
			case 5:
				run(`DELETE FROM t WHERE id = $1`, key)
			case 6:
				run(`UPDATE t SET id = $2 WHERE id = $1`, key, next)
				next++
			case 7:
				run("SAVEPOINT s")
				run(`INSERT INTO t VALUES ($1, 0, 'rolled back')`, next)
				run(`UPDATE t SET v = -1 WHERE id = $1`, key)
				run("ROLLBACK TO s")
			case 8:
				if rnd.IntN(40) == 0 {
					run("SET LOCAL lock_timeout = '50ms'")
					run("TRUNCATE t")
				}
			}
		}
		switch rnd.IntN(12) {
		case 0:
			run("ROLLBACK")
		case 1:
			gid := fmt.Sprintf("%s-%d-%d", conn.Config().Database, w, n)
			if run("PREPARE TRANSACTION '"+gid+"'") && rnd.IntN(10) > 0 {
				run("COMMIT PREPARED '" + gid + "'")
			} else {
				run("ROLLBACK")
				run("ROLLBACK PREPARED '" + gid + "'")
			}
		default:
			run("COMMIT")
		}
	}
	run("ROLLBACK")
}
