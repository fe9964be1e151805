package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// maxTables is how many tables have numbers of their own. Those that come later share the name
// otherTables.
const (
	maxTables   = 500
	otherTables = "(other)"
)

// maxSamples bounds the positions of the source that are remembered until they are staged: two hours of
// them, if the source is asked every 15 seconds.
const maxSamples = 480

// Record is what one run has done. Its methods may be called from any goroutine.
type Record struct {
	now    func() time.Time
	health Health

	mu           sync.Mutex
	began        time.Time
	staging      time.Time // when staging last did something, or found nothing to do
	loading      time.Time // when a load last ended without an error
	failed       time.Time // when the newest error happened
	because      error
	current      time.Time // everything that was committed by then is staged; zero: not known
	read         pglogrepl.LSN
	samples      []sample
	entries      map[ledger.Kind]int64
	transactions int64
	tables       map[string]*tableCounts
	order        []string // of tables, as they came
	wakeups      int64
	statements   int64
	errors       map[failure.Kind]int64
	quarantined  *int64 // nil before the first load
	measured     *measure
}

// sample says that at a time the source's WAL ended at an LSN.
type sample struct {
	at  time.Time
	end pglogrepl.LSN
}

// tableCounts are the numbers of one table.
type tableCounts struct {
	stagedRows, stagedBytes, rescued, loadedRows int64
	loadedEntry                                  int64
}

// measure is what the source said about the slot, and what the ledger had then.
type measure struct {
	slot           *postgres.Slot
	limit          int64
	head           int64
	tables, reload int64
}

// NewRecord makes an empty record. The clock of the run is passed in.
func NewRecord(now func() time.Time, health Health) *Record {
	began := now()
	return &Record{
		now: now, health: health, began: began, staging: began, loading: began,
		entries: map[ledger.Kind]int64{ledger.KindChanges: 0, ledger.KindDone: 0},
		tables:  map[string]*tableCounts{},
		errors:  map[failure.Kind]int64{failure.Source: 0, failure.Destination: 0, failure.Conflict: 0, failure.Tables: 0, failure.Other: 0},
	}
}

// table finds or begins the numbers of a table.
func (r *Record) table(name string) *tableCounts {
	t := r.tables[name]
	if t == nil && len(r.tables) >= maxTables {
		name = otherTables
		t = r.tables[name]
	}
	if t == nil {
		t = &tableCounts{}
		r.tables[name] = t
		r.order = append(r.order, name)
	}
	return t
}

// Opened takes over how far an earlier run has staged.
func (r *Record) Opened(state *ledger.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.read = state.PositionTime, state.Position
	for _, t := range state.Sorted() {
		r.table(t.Table.String())
	}
}

// Appended counts an entry of the ledger.
func (r *Record) Appended(e *ledger.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[e.Kind]++
	r.staging = r.now()
	if d := e.Done; d != nil {
		t := r.table(d.Table.String())
		t.stagedRows += d.Rows
		t.add(d.Segments, d.Rescued)
	}
	if c := e.Changes; c != nil {
		r.transactions += c.Transactions
		for i := range c.Tables {
			part := &c.Tables[i]
			t := r.table(part.Table.String())
			for _, n := range part.Rows {
				t.stagedRows += n
			}
			t.add(part.Segments, part.Rescued)
		}
		r.reached(c.End)
	}
}

// add counts segments and the values that were rescued in them.
func (t *tableCounts) add(segments []ledger.Segment, rescued map[string]int64) {
	for i := range segments {
		t.stagedBytes += segments[i].Bytes
	}
	for _, n := range rescued {
		t.rescued += n
	}
}

// Reading notes that the source sends rows.
func (r *Record) Reading() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.staging = r.now()
}

// Current notes that nothing below an LSN waits to be staged.
func (r *Record) Current(upto pglogrepl.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.staging = r.now()
	r.reached(upto)
}

// reached moves the time up to which everything is staged: to the newest time at which the WAL ended at
// or below the LSN.
func (r *Record) reached(upto pglogrepl.LSN) {
	r.read = max(r.read, upto)
	n := 0
	for n < len(r.samples) && r.samples[n].end <= r.read {
		n++
	}
	if n > 0 {
		r.current = r.samples[n-1].at
		r.samples = slices.Delete(r.samples, 0, n)
	}
}

// Loaded counts a load.
func (r *Record) Loaded(results []load.TableResult, statements int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if statements > 0 {
		r.wakeups++
		r.statements += int64(statements)
	}
	quarantined := int64(0)
	for i := range results {
		one := &results[i]
		if stopped(one) {
			quarantined++
		}
		if one.Rows > 0 || one.Entry > 0 {
			t := r.table(one.Table.String())
			t.loadedRows += one.Rows
			t.loadedEntry = max(t.loadedEntry, one.Entry)
		}
	}
	if err != nil {
		return
	}
	r.loading, r.quarantined = r.now(), &quarantined
}

// stopped reports whether a table, or one beside its log, is quarantined.
func stopped(r *load.TableResult) bool {
	stopped := r.Quarantined
	for i := range r.Kept {
		stopped = stopped || r.Kept[i].Err != nil
	}
	return stopped
}

// Failed counts an error by whose it is.
func (r *Record) Failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors[failure.KindOf(err)]++
	r.failed, r.because = r.now(), err
}

// Measured takes over what the source says about the slot.
func (r *Record) Measured(slot *postgres.Slot, flushed pglogrepl.LSN, limit int64, state *ledger.State) {
	m := &measure{slot: slot, limit: limit, head: state.Head}
	for _, t := range state.Tables {
		if state.Current(t) {
			m.tables++
		}
		if t.Reload != nil {
			m.reload++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measured = m
	if len(r.samples) < maxSamples {
		r.samples = append(r.samples, sample{r.now(), flushed})
	}
	r.reached(r.read)
}
