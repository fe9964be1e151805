//go:build cgo && unix

package tests

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"ingest/internal/config"
	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/pgserver"
	"ingest/internal/postgres"
	"ingest/internal/replicate"
	"ingest/internal/wait"
	"ingest/internal/workspace"
)

// stallAfter is when a following run of these tests takes a silent server for
// one that may be gone.
const stallAfter = 500 * time.Millisecond

// follower is a following run in the test's own process.
type follower struct {
	w      *world
	stop   context.CancelFunc
	done   chan struct{}
	run    string
	err    error // after done
	result *replicate.Summary

	mu  sync.Mutex
	log bytes.Buffer
}

func (f *follower) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(b)
}

// logged counts lines of the log that say something.
func (f *follower) logged(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Count(f.log.String(), what)
}

var followers atomic.Int64

// follow follows the source at a URL, waiting shortly where a run of the
// command waits long. env is added to the world's.
func (w *world) follow(url string, env ...string) *follower {
	w.t.Helper()
	f := &follower{w: w, done: make(chan struct{}), run: fmt.Sprintf("20260101T000000Z-%06x", followers.Add(1))}
	log := slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo}))
	env = append(append(append([]string{}, w.env...), "INGEST_STAGING_ENTRY_INTERVAL=30ms", "INGEST_LOAD_INTERVAL=200ms", "INGEST_SOURCE_URL="+url), env...)
	c, err := config.Read(config.Inputs{Environment: env})
	if err != nil {
		w.t.Fatal(err)
	}
	source, err := postgres.Open(w.t.Context(), postgres.Options{URL: url, Run: f.run, LockTimeout: 10 * time.Second, StallAfter: stallAfter, Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := databricks.Open(w.t.Context(), databricks.Config{
		Host: w.server.URL(), Token: w.server.Token(), Catalog: catalogName, Schema: "bronze", Volume: "ingest", Pipeline: w.name,
		Warehouse: w.server.WarehouseID(), RequestsPerSecond: 10_000, RunID: f.run, RetryTimeout: time.Second, RetryPause: 10 * time.Millisecond, Log: log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := replicate.Open(w.t.Context(), replicate.Options{Config: c, Workspace: target, Source: source, Run: f.run, Version: "0.0.0", Log: log, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	stop, cancelStop := context.WithCancel(ctx)
	f.stop = cancelStop
	go func() {
		defer close(f.done)
		defer target.Close()
		defer cancel()
		f.result, f.err = p.CDC(ctx, stop, replicate.CDCOptions{
			Follow: true, SnapshotNew: true, LookEvery: 100 * time.Millisecond,
			Backoff: wait.Backoff{Least: 10 * time.Millisecond, Most: 100 * time.Millisecond},
		})
		if err := p.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-f.done
		if w.t.Failed() {
			w.t.Logf("the follower's log:\n%s", f.log.String())
		}
	})
	return f
}

// end stops the follower at a safe point.
func (f *follower) end() {
	f.w.t.Helper()
	f.stop()
	f.waitEnd()
	if f.err != nil {
		f.w.t.Fatalf("the following run ended with %v", f.err)
	}
}

// waitEnd waits for the follower's end.
func (f *follower) waitEnd() {
	f.w.t.Helper()
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	select {
	case <-f.done:
	case <-limit.C:
		stacks := make([]byte, 1<<20)
		f.w.t.Fatalf("the following run does not end:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// reaches waits until what is committed by now is staged.
func (f *follower) reaches(after string) {
	f.w.t.Helper()
	f.w.exec(`INSERT INTO item VALUES ((SELECT least(min(id), 0) - 1 FROM item), 0, 'marker', '')`) // no writer has such ids
	target, err := pglogrepl.ParseLSN(f.w.ask(`SELECT pg_current_wal_insert_lsn()::text`))
	if err != nil {
		f.w.t.Fatal(err)
	}
	f.w.eventually("what was committed after "+after+" is staged", func() bool {
		select {
		case <-f.done:
			f.w.t.Fatalf("after %s, the following run ended with %v", after, f.err)
		default:
		}
		return f.w.staged() >= target-48 // the marker's commit record ends at the target
	})
}

// streams waits until the run is done with draining.
func (f *follower) streams() {
	f.w.t.Helper()
	f.w.eventually("that the run streams", func() bool {
		return f.w.ask(`SELECT count(*)::text FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'`, "ingest "+f.run) == "1"
	})
}

// staged is the ledger's position.
func (w *world) staged() pglogrepl.LSN {
	w.t.Helper()
	entries := w.entries()
	for i := len(entries) - 1; i >= 0; i-- {
		if c := entries[i].Changes; c != nil {
			return c.End
		}
	}
	return 0
}

// same insists that the log replayed strictly is the source, and that verify
// says so too.
func (w *world) same() {
	w.t.Helper()
	w.compare("item", "event")
	w.chained()
	w.must("verify", "--full")
}

// terminate ends the run's sessions that a condition on pg_stat_activity
// chooses.
func (f *follower) terminate(condition string) {
	f.w.t.Helper()
	f.w.ask(`SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE application_name = $1 AND `+condition, "ingest "+f.run)
}

// TestFollowingThroughBrokenConnections breaks a following run's connections in
// every way while the source changes. It goes on each time; nothing is lost, and
// nothing staged twice.
func TestFollowingThroughBrokenConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	p := newProxy(t, w.url)
	writer := w.newWriter(1)
	f := w.follow(p.url(w.url))
	f.reaches("the start")
	faults := []struct {
		name string
		do   func()
	}{
		{"a reset of all connections", func() { p.reset(all) }},
		{"a reset of the stream", func() { p.reset(streams) }},
		{"an end of all connections", p.end},
		{"the end of the stream's session", func() { f.terminate(`backend_type = 'walsender'`) }},
		{"the end of the other sessions", func() { f.terminate(`backend_type <> 'walsender'`) }},
		{"the end of all sessions", func() { f.terminate(`true`) }},
		{"a stall of the stream", func() { f.stalled(p, streams, "the server is silent") }},
		{"a stall of all connections", func() { f.stalled(p, all, "broke off") }},
		{"a stall that the server does not see", func() {
			// The lost sessions hold lock and slot until somebody ends them.
			p.stallPresent()
			f.reaches("the stall, over new connections")
			p.flow()
		}},
		{"a refusal", func() {
			p.refuse(true)
			p.reset(all)
			before := f.logged("connect to")
			w.eventually("three attempts", func() bool { return f.logged("connect to") >= before+3 })
			p.refuse(false)
		}},
	}
	for _, bytes := range []int64{0, 1, 7, 100, 5000, 70000} {
		faults = append(faults, struct {
			name string
			do   func()
		}{fmt.Sprintf("a cut after %d bytes", bytes), func() {
			p.cutAfter(bytes)
			w.eventually("the cut", func() bool { return !p.pending() })
		}})
	}
	for _, fault := range faults {
		f.streams()
		broke := f.logged("broke off")
		fault.do()
		f.reaches(fault.name)
		if f.logged("broke off") == broke {
			t.Errorf("%s: no line of the log says what broke", fault.name)
		}
	}
	w.eventually("the lines that say that all is back", func() bool { return f.logged("staging is back: drained") > 0 })
	writer.end()
	f.reaches("the last change")
	f.end()
	w.same()
}

// stalled lets nothing pass until the run has noticed.
func (f *follower) stalled(p *proxy, which func(*link) bool, says string) {
	f.w.t.Helper()
	before := f.logged(says)
	p.stall(which)
	f.w.eventually("that the run notices a stall", func() bool { return f.logged(says) > before })
	p.flow()
}

// TestFollowingThroughRestartsOfTheServer: a server can be shut down although a
// run follows it, and the run goes on when it is back, also after a crash.
func TestFollowingThroughRestartsOfTheServer(t *testing.T) {
	t.Parallel()
	server, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := server.CreateDatabase(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, server.URL("shop"), workspace.Switches{}, shopTables...)
	w.must("full-load")
	f := w.follow(w.url)
	for i, mode := range []pgserver.Mode{pgserver.Fast, pgserver.Immediate, pgserver.Fast} {
		w.write(uint64(i), 30)
		f.reaches("some changes")
		w.write(uint64(100+i), 30)
		f.reaches("more changes")
		f.streams()
		// WAL without a change of ours: a run that holds a stream open and
		// acknowledges only what it has staged would hold up the shutdown.
		w.exec(`SELECT pg_logical_emit_message(true, 'test', repeat('x', 10000))`)
		began := time.Now()
		if err := server.Restart(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("restart %d took %v: the run did not let go of the server", i, took)
		}
		w.conn = w.session()
		w.write(uint64(200+i), 30)
		f.reaches(fmt.Sprintf("restart %d", i))
	}
	f.end()
	w.same()
}

// TestFollowingThroughATroubledWorkspace: while Databricks answers 503 for
// longer than the client tries, a following run waits; it goes on after that.
func TestFollowingThroughATroubledWorkspace(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"files": "/api/2.0/fs/", "warehouse": "/sql/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			writer := w.newWriter(3)
			f := w.follow(w.url)
			f.reaches("the start")
			for _, fault := range []workspace.Fault{{Kind: workspace.Reject, Status: http.StatusServiceUnavailable}, {Kind: workspace.Drop}} {
				broke := f.logged("broke off")
				w.on(func(_ int64, r *http.Request) *workspace.Fault {
					if strings.Contains(r.URL.Path, path) {
						return &fault
					}
					return nil
				})
				w.eventually("that the run notices", func() bool { return f.logged("broke off") > broke })
				w.on(nil)
				f.reaches("trouble")
			}
			writer.end()
			f.reaches("the last change")
			f.end()
			w.same()
		})
	}
}

// TestWhatDoesNotPassEndsAFollowingRun: a slot that is gone, another run that
// took over and a password that is wrong are not waited for.
func TestWhatDoesNotPassEndsAFollowingRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		kind       failure.Kind
		away       func(w *world) // done while the run has no connection
	}{
		{"the slot is gone", "is missing", failure.Conflict, func(w *world) {
			w.ask(`SELECT count(pg_drop_replication_slot(slot_name))::text FROM pg_replication_slots WHERE database = current_database()`)
		}},
		{"the slot is ahead", "ahead of the ledger", failure.Conflict, func(w *world) {
			w.exec(`INSERT INTO item VALUES (5000, 1, 'lost', 'x')`)
			w.ask(`SELECT count(pg_replication_slot_advance(slot_name, pg_current_wal_lsn()))::text FROM pg_replication_slots WHERE database = current_database()`)
		}},
		{"another run took over", "another run holds the pipeline", failure.Conflict, func(w *world) {
			head := len(w.entries())
			w.start("cdc", "--follow", "--stage-every", "10ms")
			w.write(1, 10)
			w.eventually("the other run's entry", func() bool { return len(w.entries()) > head })
		}},
		{"the role is locked out", "not permitted to log in", failure.Source, func(w *world) { w.exec(`ALTER ROLE locked_out NOLOGIN`) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			p := newProxy(t, w.url)
			url := p.url(w.url)
			if c.kind == failure.Source {
				w.exec(`CREATE ROLE locked_out LOGIN SUPERUSER PASSWORD 'secret'`)
				url = strings.Replace(url, url[strings.Index(url, "//")+2:strings.Index(url, "@")], "locked_out:secret", 1)
			}
			f := w.follow(url)
			f.reaches("the start")
			p.refuse(true)
			p.reset(all)
			w.eventually("that the slot is free", func() bool {
				return w.ask(`SELECT bool_or(active)::text FROM pg_replication_slots WHERE database = current_database()`) == "false" &&
					w.ask(`SELECT count(*)::text FROM pg_stat_activity WHERE application_name = $1`, "ingest "+f.run) == "0"
			})
			c.away(w)
			p.refuse(false)
			f.waitEnd()
			if c.kind == failure.Source {
				w.exec(`DROP ROLE locked_out`)
			}
			if f.err == nil || failure.KindOf(f.err) != c.kind || !strings.Contains(f.err.Error(), c.want) {
				t.Errorf("it ended with %v (%d), want %q (%d)", f.err, failure.KindOf(f.err), c.want, c.kind)
			}
		})
	}
}

// TestTheHeartOfAQuietDatabase: with source.heartbeat a following run writes
// small messages to the WAL and acknowledges them, as a role that may do no more
// than it needs anyway.
func TestTheHeartOfAQuietDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	role := w.name + "_reader"
	w.exec(`CREATE ROLE `+role+` LOGIN REPLICATION PASSWORD 'secret'`, `GRANT SELECT ON item, event TO `+role)
	url := strings.Replace(w.url, w.url[strings.Index(w.url, "//")+2:strings.Index(w.url, "@")], role+":secret", 1)
	w.exec(`SELECT pg_create_logical_replication_slot('` + w.name + `_probe', 'test_decoding', true)`)
	beats := func() string {
		return w.ask(`SELECT count(*)::text FROM pg_logical_slot_peek_changes($1, NULL, NULL) WHERE data LIKE 'message: transactional: 0 prefix: ingest%'`, w.name+"_probe")
	}
	f := w.follow(url, "INGEST_SOURCE_HEARTBEAT=50ms", "INGEST_STAGING_IDLE_ADVANCE=1")
	w.eventually("some beats", func() bool { return len(beats()) > 1 }) // 10 or more
	beaten := w.ask(`SELECT max(lsn)::text FROM pg_logical_slot_peek_changes($1, NULL, NULL) WHERE data LIKE 'message: %'`, w.name+"_probe")
	w.eventually("that the slot moves past a beat", func() bool {
		return w.ask(`SELECT (confirmed_flush_lsn > $2::pg_lsn)::text FROM pg_replication_slots WHERE database = current_database() AND slot_name <> $1`, w.name+"_probe", beaten) == "true"
	})
	f.end()
	w.same()
	w.exec(`DROP OWNED BY `+role, `DROP ROLE `+role)
}

// TestHiddenChangesAreFoundWhileFollowing: a table that is made again is marked
// by a run that follows all the time.
func TestHiddenChangesAreFoundWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	f := w.follow(w.url)
	f.streams()
	w.exec(`DROP TABLE event`, `CREATE TABLE event (id bigint PRIMARY KEY, item bigint, at text)`)
	w.eventually("the mark", func() bool {
		for _, e := range w.entries() {
			if e.Changes != nil && len(e.Changes.Reload) > 0 && e.Changes.Reload[0].Table.Name == "event" {
				return true
			}
		}
		return false
	})
	f.end()
	if n := f.logged("broke off"); n > 0 {
		t.Errorf("%d lines say that something broke off", n)
	}
}

// TestAFollowingRunEndsWithEverythingLoaded: --max-duration and SIGTERM end a
// run at a safe point, and what it staged is loaded, whatever the intervals.
func TestAFollowingRunEndsWithEverythingLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	for _, how := range []string{"time", "signal"} {
		head := len(w.entries())
		args := []string{"cdc", "--follow", "--stage-every", "1h", "--load-every", "1h"}
		if how == "time" {
			args = append(args, "--max-duration", "3s")
		}
		w.write(1, 10)
		run := w.start(args...)
		w.eventually("the first entry", func() bool { return len(w.entries()) > head })
		w.write(2, 10)
		w.eventually("that the rest was sent", func() bool {
			return w.ask(`SELECT coalesce(bool_or(sent_lsn >= pg_current_wal_insert_lsn()), false)::text FROM pg_stat_replication r
				JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.database = current_database()`) == "true"
		})
		if how == "signal" {
			run.signal(syscall.SIGTERM)
		}
		if r := run.wait(); r.code != 0 {
			t.Fatalf("ended by %s: %s", how, r)
		}
		statements := len(w.server.Statements())
		w.must("load")
		if n := len(w.server.Statements()); n != statements {
			t.Errorf("ended by %s: something was left to load", how)
		}
		w.must("cdc")
		w.compare("item", "event")
	}
}

// TestFollowingLeavesNothingBehind: after many new connections a following run
// has no more goroutines and not much more memory than after a few, and none of
// either when it has ended. It is not parallel, so that it counts its own.
func TestFollowingLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, shopTables...)
	w.must("full-load")
	p := newProxy(t, w.url)
	before := goroutines()
	spool := t.TempDir()
	f := w.follow(p.url(w.url), "INGEST_STAGING_SPOOL="+spool)
	var early uint64
	for i := range 20 {
		w.write(uint64(i), 3)
		f.reaches("a change")
		if i == 5 {
			early = heap()
		}
		broke := f.logged("staging broke off")
		p.reset(all)
		w.eventually("that it notices", func() bool { return f.logged("staging broke off") > broke })
	}
	f.reaches("the last reset")
	if late := heap(); late > early+8<<20 {
		t.Errorf("%d bytes after 20 resets, and %d after 5", late, early)
	}
	w.eventually("that no segment is left on the spool", func() bool {
		files, err := filepath.Glob(spool + "/*/0*")
		return err == nil && len(files) == 0
	})
	f.end()
	p.close()
	w.eventually("that no goroutine is left over", func() bool { return goroutines() <= before })
	w.same()
}

// goroutines counts them, but for timers of requests: the SQL driver leaves the
// answer to the end of a session unread, whose timer runs for a minute.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	n := 0
	for _, stack := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if !strings.Contains(stack, "net/http.setRequestCancel") {
			n++
		}
	}
	return n
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
