package replicate

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// Watch are functions that are called as a run goes on, possibly from several goroutines. Each may be
// nil. They must not block. Those that return a function begin something; the function is called at its
// end, however it ends.
type Watch struct {
	// Snapshot begins to read tables. Copied is called with rows that were read, and Snapshotted when
	// a table is complete or has failed.
	Snapshot    func([]Work) func()
	Copied      func(table schema.TableName, rows, bytes int64)
	Snapshotted func(table schema.TableName, complete bool)
	// Stage begins to read the slot. Reached is called while a drain approaches its target, Changed
	// with changes that were read, and Staged with each entry that has changes of tables.
	Stage   func() func()
	Reached func(at, target pglogrepl.LSN)
	Changed func(table schema.TableName, rows, bytes int64)
	Staged  func(entry int64)
	// Load begins to load tables. Loaded is called with rows that were loaded, Brought when a table has
	// all its rows or is quarantined, and Finished when the tables have all that is staged up to an
	// entry. lag is the age of the newest commit that became visible, -1 if this run did not stage it.
	Load     func([]Work) func()
	Loaded   func(table schema.TableName, rows int64)
	Brought  func(schema.TableName)
	Finished func(entry int64, lag time.Duration)
	// Verify begins to compare tables. Read is called with rows that were read from the source, and
	// Verified when a table was compared.
	Verify   func([]Work) func()
	Read     func(table schema.TableName, rows int64)
	Verified func(schema.TableName)
}

// Work is a table that something works on.
type Work struct {
	Table schema.TableName
	Rows  int64 // an estimate, -1 unknown
	Bytes int64 // 0: unknown
	// Fresh says that the ledger has no complete snapshot of the table yet.
	Fresh bool
}

// begin calls a function that begins something; it may be nil.
func begin(begins func([]Work) func(), tables []Work) (end func()) {
	if begins == nil {
		return func() {}
	}
	return begins(tables)
}

func (w *Watch) snapshot(relations []postgres.Relation, state *ledger.State) (end func()) {
	tables := make([]Work, len(relations))
	for i, r := range relations {
		tables[i] = Work{Table: r.Name, Rows: r.Rows, Bytes: r.Bytes, Fresh: !state.Current(state.Tables[r.Name])}
	}
	return begin(w.Snapshot, tables)
}

func (w *Watch) stage() (end func()) {
	if w.Stage == nil {
		return func() {}
	}
	return w.Stage()
}

// verify begins to compare relations, which have these names in the ledger.
func (w *Watch) verify(relations []*postgres.Relation, names []schema.TableName) (end func()) {
	tables := make([]Work, len(relations))
	for i, r := range relations {
		tables[i] = Work{Table: names[i], Rows: r.Rows, Bytes: r.Bytes}
	}
	return begin(w.Verify, tables)
}

// reporter reports what a run does: to its Watch, to its Observer and in the log.
type reporter struct {
	watch      Watch
	observer   Observer   // nil for none
	statements func() int // sent to the warehouse so far
	now        func() time.Time
	log        *slog.Logger
	commits    commits
}

// staging is what the staging half is watched by.
func (r *reporter) staging() stage.Watch {
	w := &r.watch
	return stage.Watch{Copied: r.reading(w.Copied), Ended: w.Snapshotted, Changed: r.reading(w.Changed), Reached: w.Reached, Staged: r.staged}
}

// reading is a hook for rows that were read. It reports them to the observer, too. then may be nil.
func (r *reporter) reading(then func(schema.TableName, int64, int64)) func(schema.TableName, int64, int64) {
	if r.observer == nil {
		return then
	}
	return func(table schema.TableName, rows, bytes int64) {
		r.observer.Reading()
		if then != nil {
			then(table, rows, bytes)
		}
	}
}

// staged notes the commit time of an entry, and reports its tables.
func (r *reporter) staged(entry *ledger.Entry) {
	r.commits.add(entry)
	if r.watch.Staged != nil && len(entry.Changes.Tables) > 0 {
		r.watch.Staged(entry.Number)
	}
}

// load loads, and reports what was loaded. lag is the age of the newest commit that the load made
// visible, if this run staged it.
func (r *reporter) load(ctx context.Context, loader *load.Loader, o load.Options) ([]load.TableResult, error) {
	w := &r.watch
	head, end, before := int64(0), func() {}, r.statements()
	loader.Watch = load.Watch{Loaded: w.Loaded, Ended: w.Brought, Begun: func(to int64, tables []load.Waiting) {
		work := make([]Work, len(tables))
		for i, t := range tables {
			work[i] = Work{Table: t.Table, Rows: t.Rows}
		}
		head, end = to, begin(w.Load, work)
	}}
	results, err := loader.Load(ctx, o)
	end()
	if r.observer != nil {
		r.observer.Loaded(results, r.statements()-before, err)
	}
	if err == nil && head > 0 {
		r.loaded(head, results)
	}
	return results, err
}

// loaded reports a load up to an entry.
func (r *reporter) loaded(head int64, results []load.TableResult) {
	tables, rows := 0, int64(0)
	for _, one := range results {
		if one.Rows > 0 {
			tables, rows = tables+1, rows+one.Rows
		}
	}
	attrs := []any{"entry", head, "tables", tables, "rows", rows}
	lag := time.Duration(-1)
	if newest, ok := r.commits.upTo(head); ok {
		lag = max(0, r.now().Sub(newest))
		attrs = append(attrs, "lag", lag.Round(time.Millisecond).String())
	}
	if r.watch.Finished != nil {
		r.watch.Finished(head, lag)
	}
	r.log.Info("loaded", attrs...)
}

// failed passes an error to the observer. A run that was asked to end did not fail.
func (r *reporter) failed(err error) {
	if r.observer != nil && err != nil && !errors.Is(err, context.Canceled) {
		r.observer.Failed(err)
	}
}

// verified reports rows that were read from the source.
func (r *reporter) verified(table schema.TableName, source bool, rows int64) {
	if source && r.watch.Read != nil {
		r.watch.Read(table, rows)
	}
}

// compared reports that a table was verified.
func (r *reporter) compared(table schema.TableName) {
	if r.watch.Verified != nil {
		r.watch.Verified(table)
	}
}

// commits are the commit times of entries that this run has staged and not loaded yet.
type commits struct {
	mu     sync.Mutex
	staged []commit
}

type commit struct {
	entry int64
	at    time.Time // of the newest transaction
}

// mostCommits bounds the list of a run that stages and never loads.
const mostCommits = 1024

func (c *commits) add(entry *ledger.Entry) {
	if entry.Changes.LastCommit == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.staged) == mostCommits {
		c.staged = c.staged[1:]
	}
	c.staged = append(c.staged, commit{entry.Number, *entry.Changes.LastCommit})
}

// upTo removes the entries up to head, and returns the newest commit among them.
func (c *commits) upTo(head int64) (newest time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.staged) > 0 && c.staged[0].entry <= head {
		newest, ok = c.staged[0].at, true
		c.staged = c.staged[1:]
	}
	return newest, ok
}
