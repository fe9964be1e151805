//go:build cgo && unix

package tests

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/lakehouse"
)

// faults are the faults of one request whose client is not killed.
var faults = map[string]lakehouse.Fault{
	"response lost": {Kind: lakehouse.LoseResponse},
	"reset after":   {Kind: lakehouse.LoseResponse, Reset: true},
	"500 after":     {Kind: lakehouse.FailAfter, Status: http.StatusInternalServerError},
	"503":           {Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable},
	"429":           {Kind: lakehouse.Reject, Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	"dropped":       {Kind: lakehouse.Drop},
	"reset before":  {Kind: lakehouse.Drop, Reset: true},
}

var (
	runIDs  = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}`)
	numbers = regexp.MustCompile(`[0-9]+`)
)

// requestKind names what a request is for: its method and its path without what
// differs from run to run. Statements are distinguished by their order.
func (w *world) requestKind(r *http.Request, statements *int) string {
	if strings.HasPrefix(r.URL.Path, "/sql/") {
		*statements++
		return fmt.Sprintf("statement request %d", *statements)
	}
	path := r.URL.Path
	if i := strings.Index(path, "/"+w.name); i >= 0 {
		path = path[:strings.Index(path, "Volumes/")] + "…" + path[i+1+len(w.name):]
	}
	for _, table := range []string{"item", "event"} { // the same for all tables
		path = strings.ReplaceAll(path, table, "table")
	}
	path = strings.ReplaceAll(path, w.name, "p")
	path = regexp.MustCompile(`slots/.*`).ReplaceAllString(path, "slots")
	return r.Method + " " + numbers.ReplaceAllString(runIDs.ReplaceAllString(path, "run"), "n")
}

// requestKinds lists the kinds of requests that a command makes, in order, and
// counts its requests.
func (w *world) requestKinds(args ...string) (kinds []string, requests int64) {
	w.t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	statements := 0
	w.on(func(n int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		requests = max(requests, n)
		if kind := w.requestKind(r, &statements); !seen[kind] {
			seen[kind] = true
			kinds = append(kinds, kind)
		}
		return nil
	})
	defer w.on(nil)
	w.must(args...)
	return kinds, requests
}

// runFaulted runs a command, the first request of a kind going wrong.
func (w *world) runFaulted(kind string, fault lakehouse.Fault, args ...string) result {
	w.t.Helper()
	var mu sync.Mutex
	statements, done := 0, false
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		if done || w.requestKind(r, &statements) != kind {
			return nil
		}
		done = true
		return &fault
	})
	defer w.on(nil)
	return w.run(args...)
}

// TestOneRequestGoesWrong lets one request of a kind fail in a way that the seed chooses, or in every way with
// INGEST_TEST_KILLS=all. The run succeeds, or ends with an error that blames no table. Then the next run succeeds, and both ends
// are equal.
func TestOneRequestGoesWrong(t *testing.T) {
	t.Parallel()
	probe := newWorld(t, shopTables...)
	kinds := map[string][]string{}
	for i, command := range []string{"full-load", "cdc"} {
		probe.write(uint64(i), 20)
		kinds[command], _ = probe.requestKinds(command)
	}
	chosen := seed(t)
	for j, what := range slices.Sorted(maps.Keys(faults)) {
		fault := faults[what]
		var some []int
		for i := range max(len(kinds["full-load"]), len(kinds["cdc"])) {
			if ways := uint64(len(faults)); (uint64(i)+uint64(j)+chosen%ways)%ways == 0 || allKills() {
				some = append(some, i)
			}
		}
		for some := range slices.Chunk(some, faultsPerWorld) {
			t.Run(fmt.Sprintf("%s of %v", what, some), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, shopTables...)
				for _, i := range some {
					for _, command := range []string{"full-load", "cdc"} {
						w.write(uint64(i), 15)
						if i < len(kinds[command]) {
							w.survives(kinds[command][i], fault, command)
						}
					}
					w.must("cdc")
					w.compare("item", "event")
				}
				w.must("status", "--exit-code")
			})
		}
	}
}

// faultsPerWorld is how many kinds of requests go wrong in one pipeline, one
// after another.
const faultsPerWorld = 6

// survives runs a command in which a request goes wrong, and again if it fails.
func (w *world) survives(kind string, fault lakehouse.Fault, command string) {
	w.t.Helper()
	before := w.files("")
	began := time.Now()
	r := w.runFaulted(kind, fault, command)
	injected.add("requests: one of a kind goes wrong", 1)
	// One that retries in vain takes the five minutes of the SDK.
	if took := time.Since(began); took > 4*time.Minute {
		w.t.Errorf("%s: %s took %v", kind, r, took)
	}
	if r.code != 0 {
		if r.code != 1 && r.code != 11 || !strings.Contains(r.stderr, "Error: ") || strings.Contains(r.stderr, "goroutine ") {
			w.t.Errorf("%s: %s", kind, r)
		}
		w.must(command)
	}
	w.untouched(before)
}
