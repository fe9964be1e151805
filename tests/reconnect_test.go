//go:build cgo && unix

package tests

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestFollowingThroughBrokenConnections breaks a following run's connections in every way while the source changes. The run
// continues each time. No row is lost, and none is staged twice.
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
		{"a stall of the stream", func() { f.stalled(p, streams) }},
		{"a stall of all connections", func() { f.stalled(p, all) }},
		{"a stall that the server does not see", func() {
			// The lost sessions hold lock and slot until the run ends them.
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
func (f *follower) stalled(p *proxy, which func(*link) bool) {
	f.w.t.Helper()
	before := f.logged("broke off")
	p.stall(which)
	f.w.eventually("that the run notices a stall", func() bool { return f.logged("broke off") > before })
	p.flow()
}

// TestFollowingThroughRestartsOfTheServer: a server can be shut down while a run follows it, and the run continues when the
// server is back, also after a crash.
func TestFollowingThroughRestartsOfTheServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{})
	if err := server.CreateDatabase(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	w := newWorldAt(t, server.URL("shop"), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	f := w.follow(w.url)
	forced := func() int {
		log, err := os.ReadFile(server.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), "received immediate shutdown request")
	}
	for i, mode := range []pgserver.Mode{pgserver.Fast, pgserver.Immediate, pgserver.Fast} {
		w.write(uint64(i), 30)
		f.reaches("some changes")
		w.write(uint64(100+i), 30)
		f.reaches("more changes")
		f.streams()
		// WAL without a change of ours: a run that holds a stream open and
		// acknowledges only what it has staged would hold up the shutdown.
		w.exec(`SELECT pg_logical_emit_message(true, 'test', repeat('x', 10000))`)
		before := forced()
		if err := server.Restart(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		// A shutdown that the run holds up is forced in the end.
		if got, want := forced() > before, mode == pgserver.Immediate; got != want {
			t.Errorf("restart %d was an immediate one: %t, want %t; did the run let go of the server?", i, got, want)
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
			for _, fault := range []lakehouse.Fault{{Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable}, {Kind: lakehouse.Drop}} {
				broke := f.logged("broke off")
				w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
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

// TestWhatDoesNotPassEndsAFollowingRun: permanent errors end a run: a missing slot, another run that took over, a wrong password.
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
		return w.ask(
			`SELECT count(*)::text FROM pg_logical_slot_peek_changes($1, NULL, NULL) WHERE data LIKE 'message: transactional: 0 prefix: ingest%'`,
			w.name+"_probe")
	}
	f := w.follow(url, "INGEST_SOURCE_HEARTBEAT=50ms", "INGEST_STAGING_IDLE_ADVANCE=1")
	w.eventually("some beats", func() bool { return len(beats()) > 1 }) // 10 or more
	beaten := w.ask(`SELECT max(lsn)::text FROM pg_logical_slot_peek_changes($1, NULL, NULL) WHERE data LIKE 'message: %'`, w.name+"_probe")
	w.eventually("that the slot moves past a beat", func() bool {
		return w.ask(
			`SELECT (confirmed_flush_lsn > $2::pg_lsn)::text FROM pg_replication_slots WHERE database = current_database() AND slot_name <> $1`,
			w.name+"_probe", beaten) == "true"
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
	sent := func() bool {
		return w.ask(`SELECT coalesce(bool_or(sent_lsn >= pg_current_wal_insert_lsn()), false)::text FROM pg_stat_replication r
			JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.database = current_database()`) == "true"
	}
	timed := false // a slow machine may need more than the first
	for _, how := range []string{"3s", "12s", "48s", "a signal"} {
		if timed && how != "a signal" {
			continue
		}
		head := len(w.entries())
		args := []string{"cdc", "--follow", "--stage-every", "1h", "--load-every", "1h"}
		if how != "a signal" {
			args = append(args, "--max-duration", how)
		}
		w.write(1, 10)
		run := w.start(args...)
		w.eventually("the first entry", func() bool { return len(w.entries()) > head })
		w.write(2, 10)
		inTime := false
		w.eventually("that the rest was sent", func() bool {
			inTime = inTime || sent()
			return inTime || !run.running()
		})
		if how == "a signal" {
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
		timed = timed || inTime && how != "a signal"
	}
	if !timed {
		t.Error("no run that ended by time had changes that were sent and not staged")
	}
}

// TestFollowingLeavesNothingBehind: after many new connections a following run has no more goroutines and not much more memory
// than after a few. When it has ended, none is left. The test is not parallel, so that it counts only its own.
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
	// What a load has in hand at a moment goes; a leak stays.
	w.eventually("that no more memory is in use than after a few resets", func() bool { return heap() <= early+8<<20 })
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
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
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
