package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"go.opentelemetry.io/otel/attribute"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time           { return c.at }
func (c *clock) forward(by time.Duration) { c.at = c.at.Add(by) }

func newClock() *clock { return &clock{time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)} }

// series are the values of one metric, by labels.
func series(t *testing.T, r *Record, name string) map[string]float64 {
	t.Helper()
	for _, one := range instruments {
		if one.name != name {
			continue
		}
		got := map[string]float64{}
		r.mu.Lock()
		defer r.mu.Unlock()
		one.values(r, func(value float64, labels ...attribute.KeyValue) {
			var text []string
			for _, l := range labels {
				text = append(text, l.Value.String())
			}
			got[strings.Join(text, ",")] = value
		})
		return got
	}
	t.Fatalf("there is no metric %s", name)
	return nil
}

func want(t *testing.T, r *Record, name, labels string, value float64) {
	t.Helper()
	if got, ok := series(t, r, name)[labels]; !ok || got != value {
		t.Errorf("%s{%s} = %v (%v), want %v", name, labels, got, ok, value)
	}
}

func wantNone(t *testing.T, r *Record, name string) {
	t.Helper()
	if got := series(t, r, name); len(got) > 0 {
		t.Errorf("%s = %v, want no series", name, got)
	}
}

func named(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

func TestEntriesAreCounted(t *testing.T) {
	r := NewRecord(newClock().now, Health{})
	segments := []ledger.Segment{{Rows: 2, Bytes: 10}, {Rows: 1, Bytes: 5}}
	r.Appended(&ledger.Entry{Kind: ledger.KindDone, Done: &ledger.Done{
		Table: named("a"), Rows: 3, Segments: segments, Rescued: map[string]int64{"x": 1, "y": 1}}})
	r.Appended(&ledger.Entry{Kind: ledger.KindChanges, Changes: &ledger.Changes{Transactions: 2, Tables: []ledger.TableChanges{
		{Table: named("a"), Segments: segments[:1], Rows: map[schema.Op]int64{schema.OpInsert: 1, schema.OpDelete: 1},
			Rescued: map[string]int64{"x": 4}},
		{Table: named("b"), Rows: map[schema.Op]int64{schema.OpTruncate: 1}},
	}}})
	want(t, r, "ingest.staged.entries", "changes", 1)
	want(t, r, "ingest.staged.entries", "done", 1)
	want(t, r, "ingest.staged.transactions", "", 2)
	want(t, r, "ingest.staged.rows", "public.a", 5)
	want(t, r, "ingest.staged.rows", "public.b", 1)
	want(t, r, "ingest.staged.size", "public.a", 25)
	want(t, r, "ingest.rescued.values", "public.a", 6)
}

func TestLoadsAreCounted(t *testing.T) {
	c := newClock()
	r := NewRecord(c.now, Health{})
	wantNone(t, r, "ingest.tables.quarantined")
	wantNone(t, r, "ingest.last.success.timestamp")
	c.forward(time.Second)
	r.Loaded(nil, 0, nil)
	want(t, r, "ingest.warehouse.wakeups", "", 0)
	want(t, r, "ingest.tables.quarantined", "", 0)
	want(t, r, "ingest.last.success.timestamp", "loading", unix(c.now()))
	results := []load.TableResult{
		{Table: named("a"), Rows: 7, Entry: 4},
		{Table: named("b"), Quarantined: true},
		{Table: named("c"), Rows: 1, Entry: 4, Kept: []kept.Result{{Err: errors.New("differs")}}},
	}
	r.Loaded(results, 3, nil)
	want(t, r, "ingest.warehouse.wakeups", "", 1)
	want(t, r, "ingest.warehouse.statements", "", 3)
	want(t, r, "ingest.loaded.rows", "public.a", 7)
	want(t, r, "ingest.loaded.entry", "public.a", 4)
	want(t, r, "ingest.tables.quarantined", "", 2)
	// A load that broke off says nothing about quarantines, and is no success.
	r.Loaded(nil, 1, errors.New("broke off"))
	want(t, r, "ingest.warehouse.wakeups", "", 2)
	want(t, r, "ingest.tables.quarantined", "", 2)
	want(t, r, "ingest.last.success.timestamp", "loading", unix(c.now()))
	// A quarantine that is over is gone with the next load.
	r.Loaded([]load.TableResult{{Table: named("b"), Rows: 1, Entry: 5}}, 3, nil)
	want(t, r, "ingest.tables.quarantined", "", 0)
}

func TestErrorsAreCountedByClass(t *testing.T) {
	r := NewRecord(newClock().now, Health{})
	for _, err := range []error{
		failure.New(failure.Source, "a"), failure.New(failure.Source, "b"), fmt.Errorf("c: %w", failure.New(failure.Destination, "d")),
		errors.New("e"),
	} {
		r.Failed(err)
	}
	for class, n := range map[string]float64{"source": 2, "destination": 1, "other": 1, "conflict": 0, "tables": 0} {
		want(t, r, "ingest.errors", class, n)
	}
}

// TestLagIsTheAgeOfWhatIsStaged: the lag is the age of the newest moment whose WAL is staged, or has nothing to stage.
func TestLagIsTheAgeOfWhatIsStaged(t *testing.T) {
	c := newClock()
	r := NewRecord(c.now, Health{})
	wantNone(t, r, "ingest.lag")
	state := ledger.NewState()
	state.PositionTime, state.Position = c.now().Add(-time.Hour), 100
	r.Opened(state)
	want(t, r, "ingest.lag", "", 3600)
	measure := func(flushed pglogrepl.LSN) { r.Measured(&postgres.Slot{}, flushed, -1, state) }
	measure(200)
	c.forward(15 * time.Second)
	measure(300)
	c.forward(15 * time.Second)
	want(t, r, "ingest.lag", "", 3630)
	r.Current(199) // less than there was
	want(t, r, "ingest.lag", "", 3630)
	r.Appended(&ledger.Entry{Kind: ledger.KindChanges, Changes: &ledger.Changes{End: 250}})
	want(t, r, "ingest.lag", "", 30)
	r.Current(300)
	want(t, r, "ingest.lag", "", 15)
	// The source writes nothing: what is read is everything there is.
	c.forward(time.Hour)
	measure(300)
	want(t, r, "ingest.lag", "", 0)
}

func TestTheSamplesAreBounded(t *testing.T) {
	c := newClock()
	r := NewRecord(c.now, Health{})
	state := ledger.NewState()
	for i := range 2 * maxSamples {
		r.Measured(nil, pglogrepl.LSN(i+1), -1, state)
		c.forward(time.Second)
	}
	if len(r.samples) != maxSamples {
		t.Errorf("%d samples, want %d", len(r.samples), maxSamples)
	}
}

func TestWhatIsNotKnownHasNoSeries(t *testing.T) {
	r := NewRecord(newClock().now, Health{})
	slot := []string{"ingest.slot.lag", "ingest.slot.wal.kept", "ingest.slot.wal.limit", "ingest.slot.wal.left"}
	for _, name := range append(slot, "ingest.tables", "ingest.tables.reload", "ingest.ledger.entry") {
		wantNone(t, r, name)
	}
	state := ledger.NewState()
	state.Head = 9
	state.Tables[named("a")] = &ledger.TableState{Table: named("a"), Reload: &ledger.ReloadMark{}, Snapshot: &ledger.Done{Begin: 1}}
	r.Measured(nil, 1, -1, state)
	for _, name := range slot {
		wantNone(t, r, name)
	}
	want(t, r, "ingest.tables", "", 1)
	want(t, r, "ingest.tables.reload", "", 1)
	want(t, r, "ingest.ledger.entry", "", 9)
	r.Measured(&postgres.Slot{LagBytes: 1, KeptBytes: 2}, 1, -1, state)
	want(t, r, "ingest.slot.lag", "", 1)
	want(t, r, "ingest.slot.wal.kept", "", 2)
	wantNone(t, r, "ingest.slot.wal.limit")
	wantNone(t, r, "ingest.slot.wal.left")
	left := int64(-5) // beyond the limit
	r.Measured(&postgres.Slot{SafeBytes: &left}, 1, 1<<30, state)
	want(t, r, "ingest.slot.wal.limit", "", 1<<30)
	want(t, r, "ingest.slot.wal.left", "", 0)
}

func TestTablesBeyondTheLimitShareASeries(t *testing.T) {
	r := NewRecord(newClock().now, Health{})
	for i := range maxTables + 7 {
		r.Appended(&ledger.Entry{Kind: ledger.KindDone, Done: &ledger.Done{Table: named(fmt.Sprintf("t%d", i)), Rows: 1}})
	}
	if got := series(t, r, "ingest.staged.rows"); len(got) != maxTables+1 {
		t.Errorf("%d series, want %d", len(got), maxTables+1)
	}
	want(t, r, "ingest.staged.rows", otherTables, 7)
	want(t, r, "ingest.staged.rows", "public.t0", 1)
}

func TestHealth(t *testing.T) {
	rule := HealthOf(30*time.Second, 10*time.Minute)
	tests := []struct {
		name  string
		rule  Health
		after time.Duration
		done  func(*Record, *clock)
		want  string // what the sentence has; "" for a healthy run
	}{
		{"nothing at first", rule, 5 * time.Minute, nil, ""},
		{"nothing was staged", rule, 5*time.Minute + time.Second, nil,
			"nothing was staged for 5m1s; with staging.entry_interval = 30s the limit is 5m0s"},
		{"nothing was loaded", rule, 30*time.Minute + time.Second, func(r *Record, _ *clock) { r.Current(1) },
			"nothing was loaded for 30m1s; with load.interval = 10m0s the limit is 30m0s"},
		{"found nothing to do", rule, 31 * time.Minute, func(r *Record, _ *clock) { r.Current(1); r.Loaded(nil, 0, nil) }, ""},
		{"reads rows", rule, 29 * time.Minute, func(r *Record, _ *clock) { r.Reading() }, ""},
		{"appends entries", rule, 29 * time.Minute, func(r *Record, _ *clock) { r.Appended(&ledger.Entry{}) }, ""},
		{"a load that fails is no success", rule, 31 * time.Minute, func(r *Record, _ *clock) {
			r.Current(1)
			r.Loaded(nil, 1, errors.New("x"))
		}, "nothing was loaded"},
		{"the newest error", rule, 6 * time.Minute, func(r *Record, _ *clock) { r.Failed(errors.New("no\nserver")) },
			"the limit is 5m0s. The newest error is: no server"},
		{"an error before the last success", rule, 0, func(r *Record, c *clock) {
			r.Failed(errors.New("old"))
			c.forward(time.Second)
			r.Current(1)
			c.forward(6 * time.Minute)
		}, "the limit is 5m0s"},
		{"loads nothing", HealthOf(30*time.Second, 0), 100 * time.Hour, func(r *Record, _ *clock) { r.Current(1) }, ""},
		{"long intervals", HealthOf(time.Hour, 2*time.Hour), 3 * time.Hour, nil, ""},
		{"short intervals", HealthOf(time.Second, time.Second), 15*time.Minute + time.Second, func(r *Record, _ *clock) { r.Current(1) },
			"nothing was loaded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			r := NewRecord(c.now, test.rule)
			c.forward(test.after)
			if test.done != nil {
				test.done(r, c)
			}
			ok, sentence := r.Healthy()
			if ok != (test.want == "") || !strings.Contains(sentence, test.want) {
				t.Errorf("healthy %v: %s; want %q", ok, sentence, test.want)
			}
			if strings.Contains(sentence, "old") {
				t.Errorf("%s; want no error from before the last success", sentence)
			}
			value := map[bool]float64{true: 1}[ok]
			want(t, r, "ingest.healthy", "", value)
		})
	}
}
