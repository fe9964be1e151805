//go:build cgo && unix

package tests

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ingest/internal/workspace"
)

// faults are what happens to one request without its client being killed.
var faults = map[string]workspace.Fault{
	"response lost": {Kind: workspace.LoseResponse},
	"reset after":   {Kind: workspace.LoseResponse, Reset: true},
	"500 after":     {Kind: workspace.FailAfter, Status: http.StatusInternalServerError},
	"503":           {Kind: workspace.Reject, Status: http.StatusServiceUnavailable},
	"429":           {Kind: workspace.Reject, Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	"dropped":       {Kind: workspace.Drop},
	"reset before":  {Kind: workspace.Drop, Reset: true},
}

var (
	runIDs  = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}`)
	numbers = regexp.MustCompile(`[0-9]+`)
)

// requestKind names what a request is for: its method and its path without what
// differs from run to run. Statements are told apart by their order.
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

// requestKinds lists the kinds of requests that a command makes, in order.
func (w *world) requestKinds(args ...string) []string {
	w.t.Helper()
	var mu sync.Mutex
	var kinds []string
	seen := map[string]bool{}
	statements := 0
	w.on(func(_ int64, r *http.Request) *workspace.Fault {
		mu.Lock()
		defer mu.Unlock()
		if kind := w.requestKind(r, &statements); !seen[kind] {
			seen[kind] = true
			kinds = append(kinds, kind)
		}
		return nil
	})
	defer w.on(nil)
	w.must(args...)
	return kinds
}

// runFaulted runs a command, the first request of a kind going wrong.
func (w *world) runFaulted(kind string, fault workspace.Fault, args ...string) result {
	w.t.Helper()
	var mu sync.Mutex
	statements, done := 0, false
	w.on(func(_ int64, r *http.Request) *workspace.Fault {
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

// TestOneRequestGoesWrong lets one request of each kind fail in every way. The
// run succeeds, or ends with an error that is no table's fault, and then the
// next run succeeds; the ends are the same after it.
func TestOneRequestGoesWrong(t *testing.T) {
	t.Parallel()
	probe := newWorld(t, shopTables...)
	kinds := map[string][]string{"full-load": probe.requestKinds("full-load")}
	probe.write(1, 20)
	kinds["cdc"] = probe.requestKinds("cdc")
	last := max(len(kinds["full-load"]), len(kinds["cdc"]))
	for what, fault := range faults {
		for first := 0; first < last; first += faultsPerWorld {
			t.Run(fmt.Sprintf("%s from %d", what, first), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, shopTables...)
				for i := first; i < min(first+faultsPerWorld, last); i++ {
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
func (w *world) survives(kind string, fault workspace.Fault, command string) {
	w.t.Helper()
	before := w.files("")
	began := time.Now()
	r := w.runFaulted(kind, fault, command)
	injected.add("requests: one of a kind goes wrong", 1)
	if took := time.Since(began); took > 45*time.Second {
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
