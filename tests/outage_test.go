//go:build cgo && unix

package tests

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestInternalErrorsEndAFollowingRun: a run retries after an internal error of the server, because a server that shuts down can
// give one too, but not for ever.
func TestInternalErrorsEndAFollowingRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(shopTables, `CREATE TABLE pairs (id bigint PRIMARY KEY, two bigint[])`, `ALTER TABLE pairs REPLICA IDENTITY FULL`,
		// The function fails by an internal error unless the array has two elements.
		`CREATE PUBLICATION made FOR TABLE item, event, pairs WHERE (int8_avg(two) IS NOT NULL)`)...)
	w.env = append(w.env, "INGEST_SOURCE_PUBLICATION=made")
	w.must("full-load")
	f := w.follow(w.url)
	w.exec(`INSERT INTO pairs VALUES (1, '{2, 4}')`)
	f.reaches("a row that the server can filter")
	f.streams()
	w.exec(`INSERT INTO pairs VALUES (2, '{1}')`)
	f.waitEnd()
	if f.err == nil || failure.KindOf(f.err) != failure.Source || !strings.Contains(f.err.Error(), "internal error 5 times in a row") ||
		!strings.Contains(f.err.Error(), "XX000") {
		t.Errorf("it ended with %v, want that the server failed with an internal error 5 times", f.err)
	}
	if hint := failure.HintOf(f.err); !strings.Contains(hint, "`ingest full-load --repair`") {
		t.Errorf("the hint is %q, want its fix", hint)
	}
	// An attempt that ends because this machine is slow is none of them.
	if n := f.logged("expected 2-element int8 array"); n != 4 {
		t.Errorf("%d lines say that it broke off by it, want 4", n)
	}
	if r := w.want(10, "cdc"); !strings.Contains(r.stderr, "XX000") {
		t.Errorf("%s\nwant the server's error", r)
	}
}

// TestAskedToEndDuringAnOutage: a following run that waits for its source ends at once when it is asked to, and with 0: it did
// everything it could.
func TestAskedToEndDuringAnOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{})
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
	w.must("full-load")
	p := newProxy(t, w.url)
	for name, away := range map[string]func(){
		"refused":   func() { p.refuse(true); p.reset(all) },
		"no answer": func() { p.stall(all); p.reset(all) },
		"only the lock's session is cut": func() {
			p.refuse(true)
			w.exec(`SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.application_name LIKE 'ingest %'`)
			w.write(3, 10)
		},
	} {
		head := len(w.entries())
		w.write(1, 10)
		run := w.startWith([]string{"INGEST_SOURCE_URL=" + p.url(w.url) + "&connect_timeout=600"}, "cdc", "--follow", "--stage-every",
			"50ms", "--load-every", "200ms")
		w.eventually("an entry", func() bool { return len(w.entries()) > head })
		away()
		w.eventually("that the server has seen it", func() bool {
			return w.ask(`SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'ingest %'`) == "0"
		})
		run.signal(syscall.SIGTERM)
		asked := time.Now()
		r := run.wait()
		// Whether staging had noticed before it was asked, and said so, is a race.
		if r.code != 0 || !strings.Contains(r.stderr, "the next run loads what is staged") {
			t.Errorf("%s: %s\nwant 0, and that it says what it left", name, r)
		}
		// One that waited for a connection would take ten minutes.
		if took := time.Since(asked); took > waitLimit {
			t.Errorf("%s: it took %v to end", name, took)
		}
		p.refuse(false)
		p.flow()
		w.write(2, 10)
		w.again("cdc")
		w.compare("item", "event")
	}
	w.same()
}
