//go:build unix

package stage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
)

// begun is a snapshot of a table that another goroutine is taking.
type begun struct {
	b    *bench
	done chan error
}

func (b *bench) begin(s *stage.Stager, table string) *begun {
	b.t.Helper()
	g := &begun{b, make(chan error, 1)}
	relations := b.relations(table)
	go func() {
		results, err := s.SnapshotTables(b.t.Context(), relations)
		if err == nil {
			err = results[0].Err
		}
		g.done <- err
	}()
	return g
}

// waits checks that the snapshot waits for older transactions: it asks
// repeatedly whether they have ended. One query counts as up to three on the
// server, one per message: parse, bind, execute.
func (g *begun) waits() {
	g.b.t.Helper()
	const ask = `FROM pg_stat_activity WHERE application_name = 'ingest test' AND query LIKE '%pg_snapshot_xmin%' AND datname = current_database()`
	conn := g.b.another()
	const once = 3
	for begun, deadline := map[int32]map[time.Time]bool{}, time.Now().Add(5*time.Minute); time.Now().Before(deadline); {
		rows, err := conn.Query(g.b.t.Context(), `SELECT pid, query_start `+ask)
		if err != nil {
			g.b.t.Fatal(err)
		}
		again := false
		var pid int32
		var asked time.Time
		_, err = pgx.ForEachRow(rows, []any{&pid, &asked}, func() error {
			if begun[pid] == nil {
				begun[pid] = map[time.Time]bool{}
			}
			begun[pid][asked] = true
			again = again || len(begun[pid]) > 2*once
			return nil
		})
		if err != nil {
			g.b.t.Fatal(err)
		}
		if again {
			return
		}
		select {
		case err := <-g.done:
			g.b.t.Fatalf("the snapshot did not wait (%v)", err)
		default:
		}
	}
	g.b.t.Fatal("the snapshot did not ask again whether older transactions have ended")
}

func (g *begun) end() {
	g.b.t.Helper()
	if err := <-g.done; err != nil {
		g.b.t.Fatal(err)
	}
}

// The id of a writer is above that of the transaction that publishes the table.
// The writer writes before that transaction commits, so it is not decoded for
// the table.
func TestSnapshotWaitsForAWriterYoungerThanThePublication(t *testing.T) {
	b := newBench(t, `CREATE TABLE other (id int PRIMARY KEY)`, `CREATE TABLE t (id int PRIMARY KEY, v text)`,
		`INSERT INTO t VALUES (1, 'before')`)
	s := b.stager()
	b.origin(s, "other")
	alter, writer := b.another(), b.another()
	execOn(t, alter, `BEGIN`, `ALTER PUBLICATION `+pubName+` ADD TABLE t`)
	execOn(t, writer, `BEGIN`, `INSERT INTO t VALUES (2, 'unseen')`)
	execOn(t, alter, `COMMIT`)
	g := b.begin(s, "t")
	g.waits()
	execOn(t, writer, `COMMIT`)
	g.end()
	b.exec(`UPDATE t SET v = v || '!'`)
	b.drain(s)
	b.same(s, "t", "id")
}

// While the snapshot waits for an older transaction, someone removes the table
// from the publication and adds it again. What a younger transaction wrote in
// between is not decoded. The wait does not include that transaction.
func TestPublicationIsChangedWhileTheSnapshotWaits(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'before')`)
	s := b.stager()
	b.origin(s, "t")
	var lines atomic.Pointer[chan string]
	s.Log = slog.New(slog.NewTextHandler(writerFunc(func(line []byte) {
		if to := lines.Load(); to != nil {
			signal(*to, string(line))
		}
	}), nil))
	old, young := b.another(), b.another()
	execOn(t, old, `BEGIN`, `INSERT INTO t VALUES (2, 'waited for')`)
	g := b.begin(s, "t")
	g.waits()
	b.exec(`ALTER PUBLICATION ` + pubName + ` DROP TABLE t`)
	execOn(t, young, `BEGIN`, `INSERT INTO t VALUES (3, 'unseen')`)
	b.exec(`ALTER PUBLICATION ` + pubName + ` ADD TABLE t`)
	begins, said := make(chan string, 1), make(chan string, 1)
	b.volume.onAppend = func(kind string) { signal(begins, kind) }
	lines.Store(&said)
	execOn(t, old, `COMMIT`)
	for named := fmt.Sprintf("pid %d ", young.PgConn().PID()); ; {
		select {
		case <-begins: // without waiting: the younger transaction's row is lost
		case line := <-said:
			if !strings.Contains(line, named) {
				continue
			}
		case <-t.Context().Done():
		}
		break
	}
	execOn(t, young, `COMMIT`)
	g.end()
	b.exec(`UPDATE t SET v = v || '!'`)
	b.drain(s)
	b.same(s, "t", "id")
}

// signal sends unless the previous value is still in the channel.
func signal[T any](to chan T, v T) {
	select {
	case to <- v:
	default:
	}
}

// writerFunc is a writer of whole lines.
type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// A full load may wait hours between reading the catalog and taking the
// snapshot. Between the snapshot and the first COPY the tables are already
// locked, because COPY would find a rewritten table empty. The columns are read
// as they are after the wait.
func TestTableIsAlteredBeforeItIsLocked(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"a column is added":       `ALTER TABLE t ADD COLUMN w text; UPDATE t SET w = 'before the snapshot'`,
		"a column is dropped":     `ALTER TABLE t DROP COLUMN v`,
		"a column is renamed":     `ALTER TABLE t RENAME COLUMN v TO w`,
		"two change their names":  `ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t RENAME COLUMN u TO v; ALTER TABLE t RENAME COLUMN w TO u`,
		"a type changes":          `ALTER TABLE t ALTER COLUMN v TYPE int USING length(v)`,
		"another key":             `ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (u)`,
		"another identity":        `ALTER TABLE t REPLICA IDENTITY FULL`,
		"one is added and filled": `ALTER TABLE t ADD COLUMN w int DEFAULT 7; UPDATE t SET w = 8`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, u text, v text)`, `INSERT INTO t VALUES (1, 'u1', 'v1'), (2, 'u2', 'v2')`)
			s := b.stager()
			b.origin(s, "t")
			relations := b.relations("t")
			b.exec(sql)
			results, err := s.SnapshotTables(t.Context(), relations)
			if err != nil || results[0].Err != nil {
				t.Fatal(err, results[0].Err)
			}
			b.exec(`INSERT INTO t (id, u) VALUES (3, 'u3')`, `DELETE FROM t WHERE id = 1`)
			b.drain(s)
			key := "id"
			if name == "another key" {
				key = "u"
			}
			b.same(s, "t", key)
			if mark := s.Ledger.State().Tables[schema.TableName{Schema: "public", Name: "t"}].Reload; mark != nil {
				t.Errorf("it needs another full load: %s", mark.Reason)
			}
		})
	}
}

// A table that can no longer be loaded as planned fails. The other tables do
// not.
func TestTableBecomesAnotherBeforeItIsLocked(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`DROP TABLE t`: `relation "public.t" does not exist`,
		`ALTER PUBLICATION ingest_stage_test DROP TABLE t; ALTER TABLE t SET UNLOGGED`: "public.t was changed so that it cannot be loaded meanwhile",
		`ALTER TABLE t DROP COLUMN v`:        `public.t was altered so that the configuration does not fit ([tables.t] mask names column "v", which it does not have) meanwhile`,
		`ALTER TABLE t ADD COLUMN _op text`:  `public.t was altered so that the configuration does not fit (column "_op" has the name of a metadata column) meanwhile`,
		`ALTER TABLE t RENAME TO another`:    `relation "public.t" does not exist`,
		`ALTER TABLE t ALTER v TYPE char(1)`: "",
	} {
		t.Run(sql, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `CREATE TABLE u (id int PRIMARY KEY)`)
			s := b.stager()
			s.Shape = &shape.Rules{Sections: []shape.Section{{
				Label: "[tables.t]", Exact: true, Matches: func(n schema.TableName) bool { return n.Name == "t" },
				Options: shape.Options{Masks: map[string]schema.Mask{"v": {Kind: schema.MaskNull}}},
			}}}
			b.origin(s, "t", "u")
			relations := b.relations("t", "u")
			b.exec(sql)
			results, err := s.SnapshotTables(t.Context(), relations)
			if err != nil || len(results) != 2 {
				t.Fatalf("%+v, %v", results, err)
			}
			for _, r := range results {
				if r.Table.Name == "u" || want == "" {
					if r.Err != nil {
						t.Error(r.Err)
					}
					continue
				}
				if r.Err == nil || !strings.Contains(r.Err.Error(), want) {
					t.Errorf("%v, want %s", r.Err, want)
				}
			}
		})
	}
}

func TestTableCannotBeRewrittenBeforeItIsRead(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, 'v' FROM generate_series(1, 1000) i`)
	s := b.stager()
	b.origin(s, "t")
	conn := b.another()
	execOn(t, conn, `SET lock_timeout = '100ms'`)
	tried := 0
	b.volume.onAppend = func(kind string) {
		if kind != string(ledger.KindBegin) {
			return
		}
		for _, sql := range []string{`ALTER TABLE t ALTER id TYPE bigint`, `VACUUM FULL t`, `TRUNCATE t`, `DROP TABLE t`} {
			tried++
			_, err := conn.Exec(context.Background(), sql)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "55P03" {
				t.Errorf("%s before the table is read: %v, want a lock timeout", sql, err)
			}
		}
	}
	b.snapshot(s, "t")
	if tried != 4 {
		t.Errorf("%d statements were tried, want 4", tried)
	}
	b.volume.onAppend = nil
	b.same(s, "t", "id")
}

// The snapshot waits for a rewriting ALTER TABLE. A snapshot from before it
// would find the rewritten table empty.
func TestTableIsBeingRewrittenWhenTheSnapshotIsTaken(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, 'v' FROM generate_series(1, 1000) i`)
	s := b.stager()
	b.origin(s, "t")
	rewriter := b.another()
	b.afterTheWait(s, func() { execOn(t, rewriter, `BEGIN`, `ALTER TABLE t ALTER v TYPE text USING v || '!'`) })
	g := b.begin(s, "t")
	b.until("the snapshot waits for the table's lock",
		`SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessShareLock' AND NOT granted)`)
	execOn(t, rewriter, `COMMIT`)
	g.end()
	b.same(s, "t", "id")
}

// noStandby makes commits wait for a missing standby in sessions that set
// synchronous_commit to on.
var noStandby = map[string]string{"synchronous_standby_names": "missing", "synchronous_commit": "local"}

// waitingCommit inserts a row on its own session and returns when the commit
// waits for the standby. end releases the commit and returns when it is
// complete.
func (b *bench) waitingCommit(id int) (end func()) {
	b.t.Helper()
	writer := b.another()
	execOn(b.t, writer, `SET synchronous_commit = on`)
	written := make(chan error, 1)
	go func() {
		_, err := writer.Exec(b.t.Context(), fmt.Sprintf(`INSERT INTO t VALUES (%d, 'waits')`, id))
		written <- err
	}()
	pid := fmt.Sprint(writer.PgConn().PID())
	b.until("the writer waits for the standby", `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = `+pid+` AND wait_event = 'SyncRep')`)
	return func() {
		b.t.Helper()
		execOn(b.t, b.another(), `SELECT pg_cancel_backend(`+pid+`)`) // the commit stays and stops waiting
		if err := <-written; err != nil {
			b.t.Fatal(err)
		}
	}
}

// afterTheWait calls do once, after a snapshot has waited for older
// transactions, when it checks the ledger for new entries.
func (b *bench) afterTheWait(s *stage.Stager, do func()) {
	b.t.Helper()
	const waited = `FROM pg_stat_activity WHERE application_name = 'ingest test' AND datname = current_database() AND state = 'idle' AND query LIKE '%pg_snapshot_xmin%')`
	b.until("earlier snapshots' sessions have ended", `SELECT NOT EXISTS (SELECT `+waited)
	conn, next := b.another(), ledger.FileName(s.Ledger.State().Head+1)
	b.volume.onRead = func(name string) {
		if name != next {
			return
		}
		var yes bool
		if err := conn.QueryRow(b.t.Context(), `SELECT EXISTS (SELECT `+waited).Scan(&yes); err != nil {
			b.t.Error(err)
		}
		if yes {
			b.volume.onRead = nil
			do()
		}
	}
}

// A commit that waits for a standby is decoded before any snapshot shows it. A
// reload must wait until a snapshot shows it. Otherwise the change would come
// before the snapshot and be missing from it.
func TestReloadWhileACommitWaitsForAStandby(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"from before the reload": false, "from after its wait": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, noStandby)
			b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'a')`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			staged := make(chan func(), 1)
			stageOne := func() {
				end := b.waitingCommit(2)
				other := b.stager()
				if r := b.drain(other); r.Rows != 1 || len(other.Ledger.State().Unsettled) != 1 {
					t.Errorf("staged %+v, unsettled %v: want the row whose commit waits", r, other.Ledger.State().Unsettled)
				}
				b.exec(`INSERT INTO t VALUES (3, 'another entry')`)
				if r := b.drain(other); r.Rows != 1 || len(other.Ledger.State().Unsettled) != 1 {
					t.Errorf("staged %+v, unsettled %v: want another row, and that the first one's commit still waits", r, other.Ledger.State().Unsettled)
				}
				staged <- end
			}
			if late {
				b.afterTheWait(s, stageOne)
			} else {
				stageOne()
			}
			var begins atomic.Int32
			b.volume.onAppend = func(kind string) {
				if kind == string(ledger.KindBegin) {
					begins.Add(1)
				}
			}
			g := b.begin(s, "t")
			end := <-staged
			g.waits()
			if n := begins.Load(); n != 0 {
				t.Error("a snapshot was begun in which a staged transaction is not visible")
			}
			end()
			g.end()
			b.exec(`UPDATE t SET v = v || '!'`)
			b.drain(s)
			b.same(s, "t", "id")
		})
	}
}

// A standby's snapshot lists no running transactions. So no snapshot may be
// taken there.
func TestNoSnapshotOnAStandby(t *testing.T) {
	t.Parallel()
	dir := pgtest.Dir(t)
	primary, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchAt(t, primary.URL(""), `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	if err := primary.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	standby, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b.url = standby.URL("")
	b.conn = b.another()
	if b.source, err = postgres.Open(t.Context(), postgres.Options{URL: b.url, Run: "test", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	s = b.stager()
	head := s.Ledger.State().Head
	_, err = s.SnapshotTables(t.Context(), b.relations("t"))
	if err == nil || !strings.Contains(err.Error(), "is a standby: a snapshot must be taken on the primary") {
		t.Errorf("snapshot: %v, want that it must be taken on the primary", err)
	}
	if state, err := s.Ledger.Refresh(t.Context()); err != nil || state.Head != head {
		t.Errorf("the ledger went from entry %d to %d (%v)", head, state.Head, err)
	}
}
