//go:build cgo && unix

package tests

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// killedLeaving kills a command when it sends its n statements that begin with a
// word, none of which the warehouse has run then. The function has it run them.
func (w *world) killedLeaving(n int, head string, args ...string) (run func()) {
	w.t.Helper()
	return w.killedLeavingAt(n, func(sql string) bool { return strings.HasPrefix(sql, head) }, args...)
}

// killedLeavingAt is killedLeaving of statements that match.
func (w *world) killedLeavingAt(n int, match func(sql string) bool, args ...string) (run func()) {
	w.t.Helper()
	started := make(chan *process, 1)
	var mu sync.Mutex
	var held []*http.Request
	var heads []string // of their statements
	full := make(chan struct{})
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		sql, ok := statement(r)
		if !ok || !match(sql) {
			return nil
		}
		data, err := body(r)
		if err != nil {
			return drop
		}
		mu.Lock()
		heads = append(heads, sql[:min(len(sql), 100)])
		kept := r.Clone(w.t.Context())
		kept.Body = io.NopCloser(bytes.NewReader(data))
		if held = append(held, kept); len(held) == n {
			close(full)
		}
		mu.Unlock()
		waitFor(w.t, full, "the other statement")
		p := <-started
		p.kill()
		started <- p
		return drop
	})
	p := w.start(args...)
	started <- p
	if r := p.wait(); r.code != -1 || len(held) != n {
		w.t.Fatalf("it was to be killed at %d statements, and sent %d, %q: %s", n, len(held), heads, r)
	}
	w.on(nil)
	return func() {
		for _, r := range held {
			w.relay(r)
		}
	}
}

// TestLateStatements lets the warehouse run a killed client's statements late: when the next run has ended, or when it is about
// to send the same. They change nothing; or verify and the next load find the change, and the printed command fixes it.
func TestLateStatements(t *testing.T) {
	const copying, replacing = "COPY INTO", "CREATE OR REPLACE TABLE"
	for name, c := range map[string]struct {
		switches lakehouse.Switches
		head     string
		command  []string
		between  []string // what ends before the statements run
		harmless bool
	}{
		"copies after the next cdc": {lakehouse.Switches{}, copying, []string{"cdc"}, []string{"cdc"}, true},
		"copies after a full load":  {lakehouse.Switches{}, copying, []string{"cdc"}, []string{"full-load"}, false},
		"copies after a full load that forgets files": {lakehouse.Switches{CopyMemoryLostOnReplace: true}, copying, []string{"cdc"},
			[]string{"full-load"}, false},
		"copies after nothing": {lakehouse.Switches{}, copying, []string{"cdc"}, nil, true},
		"snapshots after the next full load": {lakehouse.Switches{}, replacing, []string{"full-load"},
			[]string{"full-load"}, false},
		"snapshots after their own load and changes": {lakehouse.Switches{}, replacing, []string{"full-load"},
			[]string{"load", "cdc"}, false},
		"snapshots after their own load, and files forgotten": {lakehouse.Switches{CopyMemoryLostOnReplace: true}, replacing,
			[]string{"full-load"}, []string{"load", "cdc"}, false},
		"snapshots after nothing": {lakehouse.Switches{}, replacing, []string{"full-load"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldAt(t, pgtest.NewDatabase(t), c.switches, shopTables...)
			w.must("full-load")
			w.write(1, 20)
			late := w.killedLeaving(2, c.head, c.command...)
			for i, command := range c.between {
				w.exec(`UPDATE item SET note = note || '.'`, `UPDATE event SET at = coalesce(at, '') || '.'`)
				w.write(uint64(2+i), 10)
				w.again(command)
			}
			late()
			w.again("cdc")
			if c.harmless {
				w.sound()
				return
			}
			w.unharmedOrFound()
		})
	}
}

// unharmedOrFound insists that verify or the next load finds what a late
// statement did, and that the printed command fixes it.
func (w *world) unharmedOrFound() {
	w.t.Helper()
	found := w.want(3, "verify")
	w.behind()
	if r := w.want(3, "cdc"); !strings.Contains(r.stderr, "dev.bronze.") {
		w.t.Errorf("%s\nwant the table", r)
	}
	if !strings.Contains(found.remedy(), "ingest load --repair --tables public.") {
		w.t.Errorf("%s\nwant a repair", found)
	}
	for _, table := range []string{"event", "item"} {
		if out, err := w.shell("ingest load --repair --tables public." + table); err != nil {
			w.t.Fatalf("%v: %s", err, out)
		}
	}
	w.sound()
}

// TestLateStatementsMeetTheSame lets the warehouse run a killed client's copies
// right before the next run's own of the same files.
func TestLateStatementsMeetTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	late := w.killedLeaving(2, "COPY INTO", "cdc")
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if sql, ok := statement(r); ok && strings.HasPrefix(sql, "COPY INTO") {
			once.Do(late)
		}
		return nil
	})
	w.again("cdc")
	w.on(nil)
	w.sound()
}
