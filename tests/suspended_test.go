//go:build cgo && unix

package tests

import (
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ingest-tool/ingest/lakehouse"
)

// suspend starts a run and suspends it at its first request that matches, which
// the workspace keeps until the run is woken.
func (w *world) suspend(match func(*http.Request) bool, args ...string) (p *process, wake func()) {
	w.t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var taken atomic.Bool
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if match(r) && taken.CompareAndSwap(false, true) {
			close(held)
			<-release
		}
		return nil
	})
	p = w.start(args...)
	waitFor(w.t, held, "the request at which the run is suspended")
	p.signal(syscall.SIGSTOP)
	return p, func() {
		p.signal(syscall.SIGCONT)
		close(release)
	}
}

// cutOff ends the sessions of all runs, as a server does that has not heard of
// them for long.
func (w *world) cutOff() {
	w.t.Helper()
	w.ask(`SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'ingest %'`)
}

func (w *world) uploads(r *http.Request) bool { return w.is(r, http.MethodPut, "segments/") }

func describesTable(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/unity-catalog/tables/")
}

// writes is what a statement that changes a table begins with.
var writes = regexp.MustCompile(`(?i)^\s*(COPY|CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|MERGE|TRUNCATE|RESTORE)\b`)

// loseLocks ends only the sessions that hold locks of runs.
func (w *world) loseLocks() {
	w.t.Helper()
	w.ask(`SELECT count(pg_terminate_backend(pid, 5000))::text FROM (SELECT DISTINCT pid FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) l`)
}

// TestARunThatWakesUpWritesNothing: a run that was suspended, whose sessions the
// server ended and whose work another run did meanwhile, appends nothing, loads
// nothing and moves no slot when it wakes up. It says why, and ends with 12.
func TestARunThatWakesUpWritesNothing(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	// Both tables' workers have joined the snapshot when both upload.
	secondUpload := func(w *world, r *http.Request) bool { return w.uploads(r) && seen.Add(1) == 2 }
	uploads, describes := (*world).uploads, func(_ *world, r *http.Request) bool { return describesTable(r) }
	for _, c := range []struct {
		command, when string
		at            func(*world, *http.Request) bool
		cut           func(*world)
		readerToo     bool // the session that reads is ended, too, and may say so first
	}{
		{"full-load", "in a snapshot", secondUpload, (*world).cutOff, false},
		{"full-load", "before it loads", describes, (*world).cutOff, false},
		{"cdc", "while it stages", uploads, (*world).loseLocks, false},
		{"cdc", "while it stages, cut off", uploads, (*world).cutOff, true},
		{"cdc", "before it loads", describes, (*world).loseLocks, false},
		{"load", "before it loads", describes, (*world).cutOff, false},
	} {
		t.Run(c.command+" "+c.when, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			w.write(1, 20)
			if c.command == "load" {
				w.must("cdc", "--stage-only")
			}
			p, wake := w.suspend(func(r *http.Request) bool { return c.at(w, r) }, c.command)
			c.cut(w) // a suspended snapshot holds up a TRUNCATE
			w.write(2, 20)
			w.must(c.command)
			w.must("cdc")
			ledger, cache, slots, statements := w.files("ledger"), w.files("loads"), w.slots(), len(w.server.Statements())
			wake()
			r := p.wait()
			// Of a run without any session, either that of the lock or the one that
			// reads is the first to notice.
			lost := r.code == 12 && strings.Contains(r.stderr, "is lost")
			ended := c.readerToo && r.code == 10 && strings.Contains(r.stderr, "the server ended the session")
			if !lost && !ended || !strings.Contains(r.stderr, "\nHint: ") {
				t.Errorf("%s\nwant 12 and that the lock is lost (or 10 and the session: %t), and a hint", r, c.readerToo)
			}
			w.on(nil)
			w.unchanged("ledger", ledger)
			w.unchanged("loads", cache)
			if got := w.slots(); got != slots {
				t.Errorf("slots and publications were\n%s\nand are\n%s", slots, got)
			}
			for _, sql := range w.server.Statements()[statements:] {
				if writes.MatchString(sql) {
					t.Errorf("it sent %s", sql)
				}
			}
			w.write(3, 20)
			w.must("cdc")
			w.same()
		})
	}
}

// unchanged insists that a directory holds what it held.
func (w *world) unchanged(dir string, before map[string][32]byte) {
	w.t.Helper()
	now := w.files(dir)
	for name, sum := range now {
		if was, ok := before[name]; !ok || was != sum {
			w.t.Errorf("%s was written", name)
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			w.t.Errorf("%s was removed", name)
		}
	}
}

// TestASuspendedRunKeepsItsLocks: as long as its sessions exist, another run names it and ends with 12, and the first one
// continues where it was.
func TestASuspendedRunKeepsItsLocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	p, wake := w.suspend(w.uploads, "cdc")
	if r := w.want(12, "cdc"); !strings.Contains(r.stderr, "another run holds the pipeline") || !strings.Contains(r.stderr, "(pid ") {
		t.Errorf("%s\nwant who holds it", r)
	}
	wake()
	if r := p.wait(); r.code != 0 {
		t.Error(r)
	}
	w.on(nil)
	w.must("cdc")
	w.same()
}

// TestAFollowingRunWakesUp: it goes on from the ledger, behind what another run
// staged meanwhile.
func TestAFollowingRunWakesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	p, wake := w.suspend(w.uploads, "cdc", "--follow", "--stage-every", "30ms", "--load-every", "100ms")
	w.write(2, 20)
	w.cutOff()
	w.must("cdc")
	head := len(w.entries())
	wake()
	w.write(3, 20)
	w.eventually("that it stages again", func() bool { return len(w.entries()) > head })
	p.signal(syscall.SIGTERM)
	if r := p.wait(); r.code != 0 || !strings.Contains(r.stderr, "broke off") {
		t.Errorf("%s\nwant 0, and that it broke off", r)
	}
	w.on(nil)
	w.must("cdc")
	w.same()
}
