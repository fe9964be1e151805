//go:build cgo && unix

package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// seed is printed, and can be given again by INGEST_TEST_SEED: it chooses what
// an ordinary test run takes of what is too much for it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("INGEST_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("INGEST_TEST_SEED: %v", err)
		}
	}
	t.Logf("INGEST_TEST_SEED=%d", n)
	return n
}

// sample chooses n of all, which are all of them where more kills are wanted.
func sample[T any](rnd *rand.Rand, n int, all []T) []T {
	if allKills() || n >= len(all) {
		return all
	}
	var out []T
	for _, i := range rnd.Perm(len(all))[:n] {
		out = append(out, all[i])
	}
	return out
}

// killedAtSource runs a command that is killed at the first thing that it sends
// to Postgres which at chooses; n counts them from 1. It says whether the run
// came that far; else it must have succeeded.
func (w *world) killedAtSource(at func(n int64, l *link, execution bool) bool, when moment, args ...string) bool {
	w.t.Helper()
	p := newProxy(w.t, w.url)
	defer p.close()
	started := make(chan *process, 1)
	var counter atomic.Int64
	var chosen atomic.Bool
	p.set(func() {
		p.asked = func(l *link, execution bool) (stop, func()) {
			if !at(counter.Add(1), l, execution) || !chosen.CompareAndSwap(false, true) {
				return goOn, nil
			}
			return []stop{beforeRequest: stopBefore, afterRequest: stopAfter}[when], func() { (<-started).kill() }
		}
	})
	run := w.startWith([]string{"INGEST_SOURCE_URL=" + p.url(w.url)}, args...)
	started <- run
	r := run.wait()
	if r.code > 0 {
		w.t.Fatalf("it was to be killed: %s", r)
	}
	if r.code < 0 {
		injected.add("kills "+when.String()+" something sent to Postgres", 1)
	}
	return r.code < 0
}

// requestsToSource counts what a command that succeeds sends to Postgres.
func (w *world) requestsToSource(args ...string) (n int64) {
	w.t.Helper()
	w.killedAtSource(func(k int64, _ *link, _ bool) bool { n = max(n, k); return false }, beforeRequest, args...)
	return n
}

// TestKilledAnywhereAtPostgres kills a full load and a cdc at the n-th thing
// that they send to Postgres, before the server sees it and after it has
// answered, while the source changes all the time.
func TestKilledAnywhereAtPostgres(t *testing.T) {
	t.Parallel()
	probe := newWorld(t, shopTables...)
	probe.write(1, 5)
	last := probe.requestsToSource("full-load")
	probe.write(2, 20)
	last = max(last, probe.requestsToSource("cdc"))
	t.Logf("%d requests", last)
	if last < 50 {
		t.Fatalf("a run sends %d things to Postgres only", last)
	}
	type trial struct {
		n    int64
		when moment
	}
	var trials []trial
	for n := int64(1); n <= last; n++ {
		trials = append(trials, trial{n, beforeRequest}, trial{n, afterRequest})
	}
	for _, c := range sample(rand.New(rand.NewPCG(seed(t), 1)), 8, trials) {
		t.Run(fmt.Sprintf("%s request %d", c.when, c.n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			writer := w.newWriter(uint64(c.n))
			at := func(n int64, _ *link, _ bool) bool { return n == c.n }
			for _, command := range []string{"full-load", "cdc"} {
				before := w.files("")
				w.killedAtSource(at, c.when, command)
				w.again(command)
				w.untouched(before)
			}
			writer.end()
			w.again("cdc")
			w.same()
		})
	}
}

// sourceSteps are what a run does with Postgres between stage, entry and
// acknowledgement, by the statement that does it; an empty one is the
// acknowledgement of a stream.
var sourceSteps = []struct {
	name, statement string
	args            []string
}{
	{"a lock is taken", "pg_try_advisory_lock(", []string{"cdc"}},
	{"the publication is made", "CREATE PUBLICATION", []string{"full-load"}},
	{"the slot is made", "pg_create_logical_replication_slot(", []string{"full-load"}},
	{"older transactions are waited for", "pg_current_xact_id()", []string{"full-load"}},
	{"the snapshot is taken", "pg_export_snapshot()", []string{"full-load"}},
	{"rows are copied", "COPY (SELECT \"id\"", []string{"full-load"}},
	{"a lock is proved before an entry", "WHERE NOT EXISTS (SELECT FROM pg_locks", []string{"full-load"}},
	{"changes are peeked at", "pg_logical_slot_peek_binary_changes(", []string{"cdc"}},
	{"the peek's transaction is ended", "COMMIT", []string{"cdc"}},
	{"a lock is proved after a peek", "WHERE NOT EXISTS (SELECT FROM pg_locks", []string{"cdc"}},
	{"the slot is moved after the entry", "pg_replication_slot_advance(", []string{"cdc"}},
	{"the locks are given up", "pg_advisory_unlock_all()", []string{"cdc"}},
	{"a stream is begun", "START_REPLICATION", []string{"cdc", "--follow"}},
	{"an entry is acknowledged", "", []string{"cdc", "--follow"}},
}

// TestKilledAtEachStepAtPostgres: a run is killed right before or after each of its steps at the source. The next run continues.
func TestKilledAtEachStepAtPostgres(t *testing.T) {
	t.Parallel()
	for _, step := range sourceSteps {
		for _, when := range []moment{beforeRequest, afterRequest} {
			t.Run(fmt.Sprintf("%s %s", when, step.name), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, shopTables...)
				w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=20ms")
				if step.args[0] != "full-load" {
					w.must("full-load")
				}
				writer := w.newWriter(uint64(len(step.name)))
				before := w.files("")
				at := func(_ int64, l *link, execution bool) bool {
					if step.statement == "" {
						return l.acking
					}
					return execution && strings.Contains(l.sql, step.statement)
				}
				if !w.killedAtSource(at, when, step.args...) {
					t.Fatalf("ingest %s does not come to where %s", strings.Join(step.args, " "), step.name)
				}
				w.again(step.args[0])
				w.untouched(before)
				writer.end()
				w.again("cdc")
				w.same()
			})
		}
	}
}
