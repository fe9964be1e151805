//go:build cgo && unix

package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/lakehouse"
)

// allKills reports whether all kills are wanted, whatever time they take.
func allKills() bool { return os.Getenv("INGEST_TEST_KILLS") == "all" }

// moment is when, around a request, a run is killed.
type moment int

const (
	beforeRequest moment = iota // the workspace has not seen it
	afterRequest                // it is handled, and the answer is lost
)

func (m moment) String() string { return [...]string{"before", "after"}[m] }

// runKilled runs a command that is killed at its request n, and says whether it
// came that far; else it must have succeeded.
func (w *world) runKilled(n int64, when moment, args ...string) bool {
	w.t.Helper()
	return w.killedAt(func(k int64, _ *http.Request) bool { return k == n }, when, args...)
}

// killedAt is runKilled at the first request that at chooses.
func (w *world) killedAt(at func(k int64, r *http.Request) bool, when moment, args ...string) bool {
	w.t.Helper()
	started := make(chan *process, 1)
	var chosen, killed atomic.Bool
	w.on(func(k int64, r *http.Request) *lakehouse.Fault {
		switch {
		case killed.Load():
			return drop
		case !at(k, r), !chosen.CompareAndSwap(false, true): // requests run in parallel: one of them kills
			return nil
		}
		if when == afterRequest {
			w.relay(r)
		}
		p := <-started
		killed.Store(true)
		p.kill()
		injected.add("kills "+when.String()+" a request to the workspace", 1)
		return drop
	})
	defer w.on(nil)
	p := w.start(args...)
	started <- p
	r := p.wait()
	if !killed.Load() && r.code != 0 {
		w.t.Fatalf("before it was to be killed: %s", r)
	}
	return killed.Load()
}

// killsByNumber are the requests at which an ordinary run kills by their number,
// at each moment, besides those that are the first of their kind.
const killsByNumber = 3

// TestKilledAnywhereAtARequest kills a full load and a cdc at the first request
// of each kind, before the workspace sees it or after it has handled it, while
// the source changes all the time. The same command must then succeed, and in
// the end both ends must be the same. Some are killed at their request n. The seed
// chooses the moment of each kind; with INGEST_TEST_KILLS=all, it is both, at every n.
func TestKilledAnywhereAtARequest(t *testing.T) {
	t.Parallel()
	probe := newWorld(t, shopTables...)
	probe.write(1, 5)
	fullLoad, requests := probe.requestKinds("full-load")
	probe.write(2, 20)
	cdc, last := probe.requestKinds("cdc")
	last = max(last, requests)
	t.Logf("%d requests, of %d and %d kinds", last, len(fullLoad), len(cdc))
	if last < 20 || min(len(fullLoad), len(cdc)) < 10 {
		t.Fatalf("a run makes %d requests only, of %d and %d kinds", last, len(fullLoad), len(cdc))
	}
	chosen := seed(t)
	rnd := rand.New(rand.NewPCG(chosen, 3))
	var numbers []int64
	for n := int64(1); n <= last; n++ {
		numbers = append(numbers, n)
	}
	for _, when := range []moment{beforeRequest, afterRequest} {
		for i := range max(len(fullLoad), len(cdc)) {
			if moment((uint64(i)+chosen)%2) != when && !allKills() {
				continue
			}
			// The longer list goes on alone: the other command is killed at its last kind again.
			of := map[string]string{"full-load": fullLoad[min(i, len(fullLoad)-1)], "cdc": cdc[min(i, len(cdc)-1)]}
			t.Run(fmt.Sprintf("%s kind %d", when, i+1), func(t *testing.T) {
				t.Parallel()
				killTrial(t, uint64(i), func(w *world, command string) bool { return w.killedAt(w.firstOf(of[command]), when, command) })
			})
		}
		for _, n := range sample(rnd, killsByNumber, numbers) {
			t.Run(fmt.Sprintf("%s request %d", when, n), func(t *testing.T) {
				t.Parallel()
				killTrial(t, uint64(n), func(w *world, command string) bool { return w.runKilled(n, when, command) })
			})
		}
	}
}

// firstOf matches a run's first request of a kind, and no other one that is
// under way at the same time.
func (w *world) firstOf(kind string) func(int64, *http.Request) bool {
	var mu sync.Mutex
	statements, found := 0, false
	return func(_ int64, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if found {
			return false
		}
		found = w.requestKind(r, &statements) == kind
		return found
	}
}

// killTrial kills a full load and a cdc as kill does.
func killTrial(t *testing.T, seed uint64, kill func(w *world, command string) bool) {
	w := newWorld(t, shopTables...)
	writer := w.newWriter(seed)
	for _, command := range []string{"full-load", "cdc"} {
		before := w.files("")
		kill(w, command)
		w.untouched(before)
		before = w.files("")
		w.again(command)
		w.untouched(before)
	}
	writer.end()
	w.again("cdc")
	w.compare("item", "event")
	w.must("status", "--exit-code")
}

// TestKilledAnywhereInTime kills runs after some milliseconds instead: in the
// middle of what they do with the source.
func TestKilledAnywhereInTime(t *testing.T) {
	t.Parallel()
	step := 50 * time.Millisecond
	if allKills() {
		step = 2 * time.Millisecond
	}
	for after := step; after <= 300*time.Millisecond; after += step {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			writer := w.newWriter(uint64(after))
			for _, command := range []string{"full-load", "cdc"} {
				p := w.start(command)
				time.AfterFunc(after, p.kill)
				if r := p.wait(); r.code > 0 {
					t.Fatal(r)
				}
				injected.add("kills in time", 1)
				w.again(command)
			}
			writer.end()
			w.again("cdc")
			w.compare("item", "event")
		})
	}
}

// TestPublicationIsMadeMeanwhile: the server finishes a killed run's statement before it notices that the client is gone. The
// next run, which saw no publication, uses the one that exists then.
func TestPublicationIsMadeMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_SOURCE_PUBLICATION="+w.name)
	w.exec(`BEGIN`, `CREATE PUBLICATION `+w.name+` FOR TABLE item WITH (publish_via_partition_root = true)`)
	other := w.session()
	p := w.start("full-load")
	w.eventually("that the run waits for the name", func() bool {
		return askOn(t, other, `SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE PUBLICATION%'`) == "1"
	})
	w.exec(`COMMIT`)
	if r := p.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.write(1, 10)
	w.must("cdc")
	w.same()
}

// TestKilledAnywhereWhileFollowing kills a following run again and again, at
// the requests that it makes for its entries and loads.
func TestKilledAnywhereWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=20ms")
	w.must("full-load")
	writer := w.newWriter(1)
	kills := int64(16)
	if allKills() {
		kills = 100
	}
	for i := range kills {
		if !w.runKilled(15+i, moment(i%2), "cdc", "--follow", "--load-every", "100ms") {
			t.Fatal("a following run ended by itself")
		}
	}
	writer.end()
	w.again("cdc")
	w.compare("item", "event")
}

// untouched insists that no segment and no entry of before was changed.
func (w *world) untouched(before map[string][32]byte) {
	w.t.Helper()
	now := w.files("")
	for name, sum := range before {
		if len(name) < 8 || name[:7] != "ledger/" && name[:8] != "segments" {
			continue
		}
		if now[name] != sum {
			w.t.Errorf("%s was changed or removed", name)
		}
	}
}
