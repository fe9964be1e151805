//go:build cgo && unix

package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ingest/internal/pgserver"
	"ingest/internal/workspace"
)

// wireModes are the commands with what their connections carry, each with the
// environment that makes it so.
var wireModes = []struct {
	command, purpose string
	env              []string
}{
	{"full-load", forCopy, nil},
	{"full-load", forStatement, nil},
	{"cdc", forPeek, nil},
	{"cdc", forStatement, nil},
	{"cdc", forStream, []string{"INGEST_SOURCE_PEEK_MAX_WAL=1MiB"}},
}

// hangLimit is how long a run may wait for bytes that were lost, until its
// connections are ended as a network does in the end.
const hangLimit = 2 * time.Second

// commits makes something to read. A run that may peek at a megabyte of WAL
// streams then.
func (w *world) commits(seed uint64) {
	w.t.Helper()
	w.write(seed, 15)
	w.exec(`INSERT INTO item SELECT i, 1, 'bulk', repeat('b', 2500) FROM generate_series(2000, 2040) i ON CONFLICT (id) DO UPDATE SET big = excluded.big || item.amount, amount = item.amount + 1`,
		`SELECT pg_logical_emit_message(true, 'test', repeat('x', 1200000))`)
}

// runThrough runs a command through a proxy whose connections break. A run that
// waits for what will never come finds its connections reset after a while.
func (w *world) runThrough(f *wireFault, env []string, args ...string) (r result, happened bool) {
	w.t.Helper()
	p := newProxy(w.t, w.url)
	defer p.close()
	p.breaks(f)
	run := w.startWith(append([]string{"INGEST_SOURCE_URL=" + p.url(w.url)}, env...), args...)
	w.eventually("that the run's connection breaks, or the run ends", func() bool { return p.happened() || !run.running() })
	timer := time.NewTimer(hangLimit)
	defer timer.Stop()
	select {
	case <-run.ended:
	case <-timer.C:
		p.flow()
		p.reset(all)
	}
	return run.wait(), p.happened()
}

// carried counts the bytes that come from the server for a purpose while a
// command runs.
func (w *world) carried(purpose string, env []string, args ...string) int64 {
	w.t.Helper()
	p := newProxy(w.t, w.url)
	defer p.close()
	if r := w.startWith(append([]string{"INGEST_SOURCE_URL=" + p.url(w.url)}, env...), args...).wait(); r.code != 0 {
		w.t.Fatal(r)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[purpose]
}

// TestConnectionBreaksInTheMiddle: a run whose connection to Postgres is reset,
// stalls for a while, loses bytes or has its session ended, in the middle of
// whatever the connection carries, ends with an error or with everything: with
// nothing that is wrong. The next run goes on.
func TestConnectionBreaksInTheMiddle(t *testing.T) {
	t.Parallel()
	n := seed(t)
	for i, mode := range wireModes {
		t.Run(mode.command+" "+mode.purpose, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			rnd := rand.New(rand.NewPCG(n, uint64(i)))
			w.must("full-load")
			w.commits(0)
			total := w.carried(mode.purpose, mode.env, mode.command)
			if total < 1000 {
				t.Fatalf("%d bytes of %s", total, mode.purpose)
			}
			var lastFault string
			defer func() {
				if t.Failed() {
					t.Logf("after %s", lastFault)
				}
			}()
			faults := w.wireFaults(mode.purpose, total, rnd)
			for j, f := range sample(rnd, 10, faults) {
				lastFault = f.name
				w.commits(uint64(1 + j))
				before := w.files("")
				r, happened := w.runThrough(f.fault, mode.env, mode.command)
				t.Logf("%s: happened %v, exit code %d", f.name, happened, r.code)
				if r.code != 0 && !happened || !slices.Contains([]int{0, 3, 10, 12}, r.code) || strings.Contains(r.stderr, "goroutine ") {
					t.Fatalf("%s: %s", f.name, r)
				}
				w.again(mode.command)
				w.untouched(before)
				w.must("cdc")
				w.compare("item", "event")
			}
			w.same()
			w.must("status", "--exit-code")
		})
	}
}

type namedFault struct {
	name  string
	fault *wireFault
}

// wireFaults are what may happen to the bytes of a purpose: at their start, in
// the middle and at their end.
func (w *world) wireFaults(purpose string, total int64, rnd *rand.Rand) []namedFault {
	session := w.session() // of the proxy's goroutines, one fault at a time
	terminate := func() {
		_, err := session.Exec(context.WithoutCancel(w.t.Context()), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'ingest %'`)
		if err != nil {
			w.t.Error(err)
		}
	}
	pause := func() { time.Sleep(300 * time.Millisecond) } // the fault itself
	var out []namedFault
	for _, after := range []int64{rnd.Int64N(100), rnd.Int64N(total), rnd.Int64N(total), total - 1 - rnd.Int64N(60)} {
		out = append(out,
			namedFault{fmt.Sprintf("a reset after %d bytes of %s", after, purpose), &wireFault{purpose: purpose, after: after}},
			namedFault{fmt.Sprintf("a stall after %d bytes of %s", after, purpose), &wireFault{purpose: purpose, after: after, do: pause, goesOn: true}},
			namedFault{fmt.Sprintf("the end of all sessions after %d bytes of %s", after, purpose), &wireFault{purpose: purpose, after: after, do: terminate, goesOn: true}})
		for _, drop := range []int{1, 5, 2 + rnd.IntN(100)} {
			out = append(out, namedFault{fmt.Sprintf("%d bytes lost after %d of %s", drop, after, purpose), &wireFault{purpose: purpose, after: after, drop: drop}})
		}
	}
	return out
}

// TestServerRestartsInTheMiddle: Postgres is restarted, fast and at once, while
// a full load copies and while a cdc reads changes, by either transport.
func TestServerRestartsInTheMiddle(t *testing.T) {
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
	w := newWorldAt(t, server.URL(""), workspace.Switches{}, shopTables...)
	w.must("full-load")
	for i, mode := range wireModes {
		for j, how := range []pgserver.Mode{pgserver.Fast, pgserver.Immediate} {
			name := fmt.Sprintf("%s, %s, restart %d", mode.command, mode.purpose, j)
			w.commits(uint64(2*i + j))
			restart := func() {
				if err := server.Restart(t.Context(), how); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			r, happened := w.runThrough(&wireFault{purpose: mode.purpose, after: 600, do: restart, goesOn: true}, mode.env, mode.command)
			if !happened || !slices.Contains([]int{0, 3, 10, 12}, r.code) || strings.Contains(r.stderr, "goroutine ") {
				t.Fatalf("%s: %s", name, r)
			}
			w.conn = w.session()
			w.again(mode.command)
			w.must("cdc")
			w.compare("item", "event")
		}
	}
	w.same()
}
