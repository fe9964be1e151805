//go:build cgo && unix

package tests

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// done says whether the ledger has a complete snapshot of a table, newer than
// entry after.
func (w *world) done(table string, after int) bool {
	for _, e := range w.entries()[after:] {
		if e.Done != nil && e.Done.Table.Name == table {
			return true
		}
	}
	return false
}

// TestFollowingWhileTablesAreLoaded lets one process follow the source while
// another one loads a large table in full, and a new table comes.
func TestFollowingWhileTablesAreLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(shopTables,
		`CREATE TABLE large (id bigint PRIMARY KEY, v bigint, text text)`,
		`INSERT INTO large SELECT i, i, md5(i::text) FROM generate_series(1, 200000) i`)...)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=100ms", "INGEST_STAGING_SEGMENT_BYTES=1MB")
	w.must("full-load", "--tables", "item,event")
	follower := w.start("cdc", "--follow", "--snapshot-new", "--load-every", "500ms")
	writer := w.newWriter(1)
	changes := w.newLargeWriter()

	// large is new to the pipeline: the follower takes its snapshot at once.
	w.eventually("the follower's own snapshot of large", func() bool { return w.done("large", 0) })
	for range 2 {
		after := len(w.entries())
		w.again("full-load", "--tables", "large") // beside the follower
		if !w.done("large", after) {
			t.Fatal("the full load took no snapshot")
		}
		w.eventually("an entry after the full load", func() bool {
			entries := w.entries()
			return entries[len(entries)-1].Kind == ledger.KindChanges
		})
	}
	if !follower.running() {
		t.Fatal(follower.wait())
	}
	follower.signal(syscall.SIGTERM)
	if r := follower.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.exec(`CREATE TABLE late (id bigint PRIMARY KEY, text text)`, `INSERT INTO late SELECT i, 'late ' || i FROM generate_series(1, 50) i`)
	if r := w.again("cdc", "--snapshot-new"); !strings.Contains(r.stdout, "public.late") {
		t.Errorf("%s\nwant that it loads the new table", r)
	}
	w.exec(`UPDATE late SET text = 'changed' WHERE id % 2 = 0`, `DELETE FROM late WHERE id % 5 = 0`)
	changes()
	writer.end()
	w.must("cdc")
	w.compare("item", "event", "large", "late")
	w.chained()
}

// TestANewTableWhileFollowing: with --snapshot-new a following run finds a new table at its next look, a minute later.
func TestANewTableWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=100ms")
	w.must("full-load")
	follower := w.start("cdc", "--follow", "--snapshot-new", "--load-every", "500ms")
	head := len(w.entries())
	w.write(1, 5)
	w.eventually("the follower's first entry", func() bool { return len(w.entries()) > head })
	w.exec(`CREATE TABLE late (id bigint PRIMARY KEY, text text)`, `INSERT INTO late SELECT i, 'late ' || i FROM generate_series(1, 50) i`)
	writer := w.newWriter(2)
	w.within(3*time.Minute, "the follower's snapshot of the new table", func() bool { return w.done("late", 0) })
	w.exec(`UPDATE late SET text = 'changed' WHERE id % 2 = 0`, `DELETE FROM late WHERE id % 5 = 0`)
	writer.end()
	follower.signal(syscall.SIGTERM)
	if r := follower.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.must("cdc")
	w.compare("item", "event", "late")
}

// TestVerifyWhileFollowingAQuietSource: verify waits for the following run, whose position moves although the pipeline's tables
// do not change.
func TestVerifyWhileFollowingAQuietSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	f := w.follow(w.url)
	f.streams()
	w.exec(`SELECT pg_logical_emit_message(false, 'somebody', 'not ours')`)
	run := w.start("verify", "--full")
	w.eventually("the end of verify", func() bool { return !run.running() })
	if r := run.wait(); r.code != 0 {
		t.Error(r)
	}
	f.end()
}

// newLargeWriter changes rows all over large until it is ended.
func (w *world) newLargeWriter() (end func()) {
	w.t.Helper()
	conn := w.session()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for _, sql := range []string{
				fmt.Sprintf(`UPDATE large SET v = v + 1 WHERE id %% 9973 = %d`, n%9973),
				fmt.Sprintf(`DELETE FROM large WHERE id = %d`, 1+n*37%200000),
				fmt.Sprintf(`INSERT INTO large VALUES (%d, 0, 'new')`, 1_000_000+n),
			} {
				if _, err := conn.Exec(w.t.Context(), sql); err != nil {
					if w.t.Context().Err() == nil {
						w.t.Errorf("writer: %v", err)
					}
					return
				}
			}
		}
	})
	var once sync.Once
	end = func() { once.Do(func() { close(stop) }); wg.Wait() }
	w.t.Cleanup(end)
	return end
}

// TestASecondRunNamesTheHolder: of two runs that read the slot, the second ends with 12 and names the first.
func TestASecondRunNamesTheHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	held, release := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.appends(r, ledger.KindChanges) && first.CompareAndSwap(false, true) {
			close(held)
			<-release
		}
		return nil
	})
	holding := w.start("cdc")
	waitFor(t, held, "the first run's entry")
	holder := w.ask(`SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() LIMIT 1`)
	files := w.files("")
	for _, command := range [][]string{{"cdc"}, {"cdc", "--stage-only"}, {"cdc", "--follow"}} {
		r := w.want(12, command...)
		if !strings.Contains(r.stderr, "another run holds the pipeline") || !strings.Contains(r.stderr, holder) ||
			!strings.Contains(r.stderr, "pid ") {
			t.Errorf("%s\nwant that it names the holder %q", r, holder)
		}
	}
	if now := w.files(""); len(now) != len(files) {
		t.Errorf("a run without the lock wrote: %d files, and %d before", len(now), len(files))
	}
	close(release)
	if r := holding.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.on(nil)
	w.must("cdc")
	w.compare("item", "event")
}

// TestNothingChangedNoStatement: a cdc with nothing to do wakes no warehouse,
// and writes nothing.
func TestNothingChangedNoStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(shopTables, `CREATE TABLE elsewhere (id bigint)`)...)
	// The tests beside this one write WAL of their own.
	w.env = append(w.env, "INGEST_SOURCE_EXCLUDE=elsewhere", "INGEST_STAGING_IDLE_ADVANCE=100GB")
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	statements, wakeups, files := len(w.server.Statements()), w.server.Wakeups(), w.files("")
	warehouse := 0
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if strings.Contains(r.URL.Path, "/sql/") {
			warehouse++
		}
		return nil
	})
	for range 3 {
		w.must("cdc")
		w.exec(`INSERT INTO elsewhere VALUES (1)`) // a change, but not of ours
	}
	w.must("load")
	w.must("cdc", "--stage-only")
	w.must("status")
	w.on(nil)
	if n := len(w.server.Statements()); n != statements || w.server.Wakeups() != wakeups || warehouse != 0 {
		t.Errorf("%d statements, %d wake-ups and %d requests to the warehouse, want none", n-statements, w.server.Wakeups()-wakeups, warehouse)
	}
	if now := w.files(""); len(now) != len(files) {
		t.Errorf("%d files, and %d before", len(now), len(files))
	}
	w.exec(`INSERT INTO item VALUES (9000, 1, 'x', 'y')`) // the counters do count
	w.must("cdc")
	if len(w.server.Statements()) == statements {
		t.Error("a change was loaded without a statement")
	}
}

// TestChangesOfASnapshotBeingReadAreLoadedTwice: changes that were loaded into
// the old table while its new snapshot was being read are loaded into the new
// one too, whatever COPY INTO remembers of their files.
func TestChangesOfASnapshotBeingReadAreLoadedTwice(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("memory lost on replace %v", lost), func(t *testing.T) {
			t.Parallel()
			w := newWorldAt(t, pgtest.NewDatabase(t), lakehouse.Switches{CopyMemoryLostOnReplace: lost}, shopTables...)
			w.must("full-load")
			held, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
				if w.appends(r, ledger.KindDone) {
					once.Do(func() {
						close(held)
						<-release
					})
				}
				return nil
			})
			snapshot := w.start("full-load", "--tables", "item")
			waitFor(t, held, "the snapshot's end")
			for i := range 3 {
				w.exec(fmt.Sprintf(`UPDATE item SET note = 'meanwhile %d' WHERE id %% 3 = 0`, i),
					fmt.Sprintf(`INSERT INTO item VALUES (%d, 1, 'meanwhile', 'x')`, 7000+i))
				w.must("cdc")
			}
			w.compare("item")
			close(release)
			if r := snapshot.wait(); r.code != 0 {
				t.Fatal(r)
			}
			w.on(nil)
			w.compare("item")
			w.must("cdc")
			w.compare("item", "event")
		})
	}
}
