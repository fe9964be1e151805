//go:build unix

package replicate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// heard is what a run reported, in order.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) add(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

// take returns what was reported since the last call.
func (h *heard) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := h.lines
	h.lines = nil
	return strings.Join(lines, ", ")
}

// count returns how often something was reported.
func (h *heard) count(line string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.lines {
		if one == line {
			n++
		}
	}
	return n
}

// observing is an Observer that lists its calls.
type observing struct{ *heard }

func (o observing) Opened(s *ledger.State)   { o.add("opened at %d", s.Head) }
func (o observing) Appended(e *ledger.Entry) { o.add("appended %s", e.Kind) }
func (o observing) Reading()                 { o.add("reading") }
func (o observing) Current(pglogrepl.LSN)    { o.add("current") }
func (o observing) Failed(err error)         { o.add("failed: %v", err) }
func (o observing) Loaded(results []load.TableResult, statements int, err error) {
	o.add("loaded %d tables by statements: %t, %v", len(results), statements > 0, err)
}
func (o observing) Measured(slot *postgres.Slot, flushed pglogrepl.LSN, _ int64, _ *ledger.State) {
	o.add("measured %t %t", slot != nil, flushed > 0)
}

// watching is a Watch that lists its calls.
func watching(h *heard) Watch {
	begins := func(what string) func([]Work) func() {
		return func(tables []Work) func() {
			h.add("%s %d", what, len(tables))
			return func() { h.add("end of %s", what) }
		}
	}
	return Watch{
		Snapshot: begins("snapshot"), Load: begins("load"), Verify: begins("verify"),
		Stage:       func() func() { return begins("stage")(nil) },
		Copied:      func(t schema.TableName, rows, _ int64) { h.add("copied %d of %s", rows, t.Name) },
		Snapshotted: func(t schema.TableName, complete bool) { h.add("snapshotted %s %t", t.Name, complete) },
		Changed:     func(t schema.TableName, rows, _ int64) { h.add("changed %d of %s", rows, t.Name) },
		Staged:      func(entry int64) { h.add("staged %d", entry) },
		Finished:    func(entry int64, lag time.Duration) { h.add("finished %d after %s", entry, lag) },
		Read:        func(t schema.TableName, rows int64) { h.add("read %d of %s", rows, t.Name) },
		Verified:    func(t schema.TableName) { h.add("verified %s", t.Name) },
	}
}

func entryOf(number int64, tables int, committed *time.Time) *ledger.Entry {
	return &ledger.Entry{Number: number, Changes: &ledger.Changes{Tables: make([]ledger.TableChanges, tables), LastCommit: committed}}
}

// A reporter passes what a run does to the Watch and to the observer, each only if it is there.
func TestWhatAReporterPasses(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	table := public("t")
	all := func(r *reporter) {
		r.staging().Changed(table, 2, 20)
		r.staged(entryOf(1, 1, &at))
		r.staged(entryOf(2, 0, nil))
		r.failed(nil)
		r.failed(context.Canceled)
		r.failed(errCutOff)
		r.verified(table, true, 3)
		r.verified(table, false, 4)
		r.compared(table)
		r.loaded(2, []load.TableResult{{Table: table, Rows: 5}, {Table: table}})
		r.loaded(3, nil)
		r.watch.stage()()
		r.watch.verify([]*postgres.Relation{{}}, []schema.TableName{table})()
	}
	var log bytes.Buffer
	of := func(w Watch, o Observer) *reporter {
		log.Reset()
		now := func() time.Time { return at.Add(time.Second) }
		return &reporter{watch: w, observer: o, now: now, log: slog.New(slog.NewTextHandler(&log, nil))}
	}
	const seen = "staged 1, read 3 of t, verified t, finished 2 after 1s, finished 3 after -1ns, stage 0, end of stage, verify 1, " +
		"end of verify"
	failed := "failed: " + errCutOff.Error()
	h := &heard{}
	all(of(watching(h), observing{h}))
	if got, want := h.take(), "reading, changed 2 of t, staged 1, "+failed+", "+strings.TrimPrefix(seen, "staged 1, "); got != want {
		t.Errorf("both: %s\nwant: %s", got, want)
	}
	all(of(watching(h), nil))
	if got := h.take(); got != "changed 2 of t, "+seen {
		t.Errorf("without an observer: %s", got)
	}
	all(of(Watch{Changed: func(schema.TableName, int64, int64) {}}, observing{h}))
	if got := h.take(); got != "reading, "+failed {
		t.Errorf("without a Watch: %s", got)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	failuretest.Reason(t, "a load of what this run staged", lines[0], "msg=loaded entry=2 tables=1 rows=5 lag=1s")
	if len(lines) != 2 || strings.Contains(lines[1], "lag") {
		t.Errorf("a load of what another run staged: %s", log.String())
	}
	of(Watch{}, observing{h}).reading(nil)(table, 1, 2)
	if got := h.take(); got != "reading" {
		t.Errorf("only an observer: %s", got)
	}
	if of(Watch{}, nil).reading(nil) != nil {
		t.Error("neither: rows are reported")
	}
}

// The lag of a load is that of the newest commit up to its entry. Of a run that never loads, the oldest
// commits are forgotten.
func TestCommitsOfARun(t *testing.T) {
	at := func(n int64) *time.Time { then := time.Unix(n, 0); return &then }
	var c commits
	upTo := func(head, want int64) {
		t.Helper()
		if got, ok := c.upTo(head); ok != (want > 0) || ok && got.Unix() != want {
			t.Errorf("up to %d: %v %v, want %d", head, got, ok, want)
		}
	}
	upTo(9, 0)
	for n := range int64(3) {
		c.add(entryOf(10+n, 1, at(100+n)))
	}
	c.add(entryOf(13, 0, nil))
	upTo(9, 0)
	upTo(11, 101)
	upTo(11, 0)
	upTo(13, 102)
	for n := range int64(mostCommits + 1) {
		c.add(entryOf(20+n, 1, at(200+n)))
	}
	upTo(20, 0)
	upTo(21, 201)
	upTo(20+mostCommits, 200+mostCommits)
}

// A run reports its phases to its Watch, and to its observer what it appended, loaded and measured.
func TestWhatARunReports(t *testing.T) {
	ctx := t.Context()
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1), (2)`)
	h := &heard{}
	reporting := func(o *Options) { o.Watch, o.Observer = watching(h), observing{h} }
	b.loaded(b.open(reporting))
	if h.count("reading") == 0 || h.count("copied 2 of t") != 1 {
		t.Errorf("a full load: %q", h.lines)
	}
	lines := slices.DeleteFunc(strings.Split(h.take(), ", "), func(s string) bool { // lags and pieces of rows vary
		return strings.HasPrefix(s, "finished ") || s == "reading" || strings.HasPrefix(s, "copied ")
	})
	if got := strings.Join(lines, ", "); got != "opened at 0, appended origin, snapshot 1, appended begin, appended done, "+
		"snapshotted t true, end of snapshot, load 1, end of load, loaded 1 tables by statements: true, <nil>, measured true true" {
		t.Errorf("a full load: %s", got)
	}
	// A load that has nothing to do is one for the observer; the Watch and the log have nothing of it.
	if _, err := b.open(reporting).Load(ctx, nil, false); err != nil {
		t.Fatal(err)
	}
	if got := h.take(); got != "opened at 3, loaded 0 tables by statements: false, <nil>, measured true true" {
		t.Errorf("a load that has nothing to do: %s", got)
	}
	if _, err := b.open(reporting).CDC(ctx, ctx, CDCOptions{SnapshotNew: true}); err != nil {
		t.Fatal(err)
	}
	if got := h.take(); strings.Contains(got, "snapshot") {
		t.Errorf("a run without new tables: %s", got)
	}

	b.exec(`INSERT INTO t VALUES (3)`)
	p := b.open(reporting)
	h.take()
	stop, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		_, err := p.CDC(ctx, stop, CDCOptions{Follow: true, StageOnly: true, MeasureEvery: time.Millisecond})
		done <- err
	}()
	for deadline := time.Now().Add(5 * time.Minute); h.count("measured true true") < 3 || h.count("appended changes") == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("a run that follows: %s", h.take())
		}
		time.Sleep(time.Millisecond)
	}
	if end(); <-done != nil {
		t.Error("it was asked to end, and failed")
	}
}

// A slot that cannot be measured is in the log of a run, and nothing more. A run that ends measures none.
func TestSlotThatIsNotMeasured(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	b.loaded(b.open(nil))
	h, log := &heard{}, &bytes.Buffer{}
	p := b.open(func(o *Options) {
		o.Observer, o.Log = observing{h}, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h.take()
	ended, end := context.WithCancel(t.Context())
	end()
	measure(ended, p)
	if strings.Contains(log.String(), "not measured") {
		t.Errorf("a run that ends: %s", log)
	}
	if measure(t.Context(), p); strings.Contains(log.String(), "not measured") || h.take() != "measured true true" {
		t.Errorf("all is well: %s", log)
	}
	cut := func([]byte) error { return io.ErrUnexpectedEOF }
	b.onWrite.Store(&cut)
	defer b.onWrite.Store(nil)
	measure(t.Context(), p)
	failuretest.Reason(t, "the source is away", log.String(), "the slot was not measured")
	if got := h.take(); got != "" {
		t.Errorf("the source is away: %s", got)
	}
}
