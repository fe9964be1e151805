package replicate

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
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

// staging is what the staging half is watched by.
func (p *Pipeline) staging() stage.Watch {
	w := &p.opt.Watch
	return stage.Watch{Copied: w.Copied, Ended: w.Snapshotted, Changed: w.Changed, Reached: w.Reached, Staged: p.staged}
}

// staged notes the commit time of an entry, and reports its tables.
func (p *Pipeline) staged(entry *ledger.Entry) {
	p.commits.add(entry)
	if p.opt.Watch.Staged != nil && len(entry.Changes.Tables) > 0 {
		p.opt.Watch.Staged(entry.Number)
	}
}

// loadWatched loads, and logs what was loaded. lag is the age of the newest commit that the load made
// visible, if this run staged it.
func (p *Pipeline) loadWatched(ctx context.Context, loader *load.Loader, o load.Options) ([]load.TableResult, error) {
	w := &p.opt.Watch
	head, end := int64(0), func() {}
	loader.Watch = load.Watch{Loaded: w.Loaded, Ended: w.Brought, Begun: func(to int64, tables []load.Waiting) {
		work := make([]Work, len(tables))
		for i, t := range tables {
			work[i] = Work{Table: t.Table, Rows: t.Rows}
		}
		head, end = to, begin(w.Load, work)
	}}
	results, err := loader.Load(ctx, o)
	end()
	if err != nil || head == 0 {
		return results, err
	}
	tables, rows := 0, int64(0)
	for _, r := range results {
		if r.Rows > 0 {
			tables, rows = tables+1, rows+r.Rows
		}
	}
	attrs := []any{"entry", head, "tables", tables, "rows", rows}
	lag := time.Duration(-1)
	if newest, ok := p.commits.upTo(head); ok {
		lag = max(0, p.opt.Now().Sub(newest))
		attrs = append(attrs, "lag", lag.Round(time.Millisecond).String())
	}
	if w.Finished != nil {
		w.Finished(head, lag)
	}
	p.log.Info("loaded", attrs...)
	return results, nil
}

// verified reports rows that were read from the source.
func (p *Pipeline) verified(table schema.TableName, source bool, rows int64) {
	if source && p.opt.Watch.Read != nil {
		p.opt.Watch.Read(table, rows)
	}
}

// compared reports that a table was verified.
func (p *Pipeline) compared(table schema.TableName) {
	if p.opt.Watch.Verified != nil {
		p.opt.Watch.Verified(table)
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
