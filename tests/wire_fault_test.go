//go:build cgo && unix

package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/lakehouse"
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

// runThrough runs a command through a proxy whose connections break. If a run waits for bytes that were lost, its connections are
// reset after a while.
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
	r = run.wait()
	if happened = p.happened(); happened {
		injected.add("connections "+f.kind()+" in "+f.purpose, 1)
	}
	return r, happened
}

// kind says what the fault does.
func (f *wireFault) kind() string {
	switch {
	case f.drop > 0:
		return "that lost bytes"
	case f.goesOn:
		return "that stalled or whose session ended"
	}
	return "reset"
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
			for j, f := range sample(rnd, 6, faults) {
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
		_, err := session.Exec(context.WithoutCancel(w.t.Context()),
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'ingest %'`)
		if err != nil {
			w.t.Error(err)
		}
	}
	pause := func() { time.Sleep(300 * time.Millisecond) } // the fault itself
	var out []namedFault
	for _, after := range []int64{rnd.Int64N(100), rnd.Int64N(total), rnd.Int64N(total), total - 1 - rnd.Int64N(60)} {
		out = append(out,
			namedFault{fmt.Sprintf("a reset after %d bytes of %s", after, purpose), &wireFault{purpose: purpose, after: after}},
			namedFault{fmt.Sprintf("a stall after %d bytes of %s", after, purpose),
				&wireFault{purpose: purpose, after: after, do: pause, goesOn: true}},
			namedFault{fmt.Sprintf("the end of all sessions after %d bytes of %s", after, purpose),
				&wireFault{purpose: purpose, after: after, do: terminate, goesOn: true}})
		for _, drop := range []int{1, 5, 2 + rnd.IntN(100)} {
			out = append(out,
				namedFault{fmt.Sprintf("%d bytes lost after %d of %s", drop, after, purpose), &wireFault{purpose: purpose, after: after, drop: drop}})
		}
	}
	return out
}

// TestASingleRunNoticesThatAllIsSilent: if connections go silent while a full load copies or a cdc reads changes, the run ends
// and does not wait for ever.
func TestASingleRunNoticesThatAllIsSilent(t *testing.T) {
	t.Parallel()
	for i, mode := range wireModes {
		if mode.purpose == forStatement {
			continue
		}
		t.Run(mode.command+" "+mode.purpose, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			w.commits(uint64(i))
			p := newProxy(t, w.url)
			p.breaks(&wireFault{purpose: mode.purpose, after: 5000, do: func() { p.stall(all) }, goesOn: true})
			f := w.inProcess(p.url(w.url), func(ctx, stop context.Context, l *replicate.Pipeline) (*replicate.Summary, error) {
				if mode.command == "full-load" {
					return l.FullLoad(ctx, replicate.FullLoadOptions{})
				}
				return l.CDC(ctx, stop, replicate.CDCOptions{})
			}, mode.env...)
			f.waitEnd()
			if !p.happened() || f.err == nil || !errors.Is(f.err, postgres.ErrLockLost) && !errors.Is(f.err, postgres.ErrStalled) {
				t.Errorf("it ended with %v, want that the lock is lost or the server silent", f.err)
			}
			p.flow()
			p.reset(all)
			w.again(mode.command)
			w.must("cdc")
			w.same()
		})
	}
}

// TestTheClockJumpsBack: the order of entries, segments and loads comes from
// their numbers. Runs whose clock goes back an hour each, and jumps meanwhile,
// stage and load as others do.
func TestTheClockJumpsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	var ticks atomic.Int64
	w.clock = func() time.Time {
		return time.Now().Add(-time.Duration(ticks.Add(1)) * 20 * time.Minute)
	}
	run := func(do func(ctx, stop context.Context, p *replicate.Pipeline) (*replicate.Summary, error)) {
		t.Helper()
		f := w.inProcess(w.url, do)
		f.waitEnd()
		if f.err != nil {
			t.Fatal(f.err)
		}
	}
	for i := range 4 {
		w.write(uint64(i), 20)
		if i%2 == 0 {
			run(func(ctx, _ context.Context, p *replicate.Pipeline) (*replicate.Summary, error) {
				return p.FullLoad(ctx, replicate.FullLoadOptions{})
			})
		}
		w.write(uint64(10+i), 20)
		run(func(ctx, stop context.Context, p *replicate.Pipeline) (*replicate.Summary, error) {
			return p.CDC(ctx, stop, replicate.CDCOptions{})
		})
	}
	entries := w.entries()
	if first, last := entries[0], entries[len(entries)-1]; !last.Time.Before(first.Time.Add(-time.Hour)) {
		t.Errorf("entries from %s to %s: the clock did not go back", first.Time, last.Time)
	}
	w.same()
	w.must("status", "--exit-code")
}

// TestServerRestartsInTheMiddle: Postgres is restarted, fast and at once, while
// a full load copies and while a cdc reads changes, by either transport.
func TestServerRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{})
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
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
			injected.add("restarts of Postgres", 1)
			w.conn = w.session()
			w.again(mode.command)
			w.must("cdc")
			w.compare("item", "event")
		}
	}
	w.same()
}
