package load

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/view"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Loader loads one pipeline's tables.
type Loader struct {
	Ledger    *ledger.Ledger
	Files     *databricks.Files
	Workspace *databricks.Workspace
	Warehouse *databricks.Warehouse
	Target    func(schema.TableName) databricks.Table
	Lock      ledger.Guard // proved before every statement that writes
	Run       string
	Version   string
	Jobs      int // tables processed at once
	// ColumnComments copies the comments of columns, by one statement each.
	ColumnComments bool
	// Tags are the tags that a table gets with each snapshot; nil for none.
	Tags func(schema.TableName) map[string]string
	// View is the current-state view that a table with these columns should
	// have; false for none. A nil View keeps no views.
	View func(t *ledger.TableState, has func(column string) bool) (view.View, bool)
	// Kept lists the names of the objects that are kept beside a table's log.
	// It returns an error if the configuration asks for something that the
	// table cannot have. Then nothing of that table is loaded. A nil Kept keeps
	// nothing.
	Kept func(t *ledger.TableState) ([]databricks.Table, error)
	// Keep lists the tables that are kept beside a table's log; nil for none.
	Keep func(t *ledger.TableState) []kept.Definition
	// Control is the control table, which gets a row for each load of a table;
	// nil for none.
	Control *databricks.Table
	Log     *slog.Logger
	Now     func() time.Time
	// Watch is called as tables are loaded.
	Watch Watch
}

// Options choose what to load.
type Options struct {
	// Tables selects tables by name; nil selects all. A named table is retried
	// even if it is quarantined.
	Tables []schema.TableName
	// Repair rebuilds the chosen tables from the ledger if they do not match
	// it.
	Repair bool
	// OwnSnapshots says that this run took the snapshots of the chosen tables.
	// They replace whatever the tables hold from this pipeline.
	OwnSnapshots bool
	// Prove names tables to check in full, even if there is nothing to load.
	Prove []schema.TableName
	// Rebuild selects kinds of tables beside the chosen logs. They are rebuilt
	// from the log.
	Rebuild []kept.Kind
}

// TableResult is the result for one table.
type TableResult struct {
	Table    schema.TableName
	Target   databricks.Table
	Snapshot bool     // a snapshot was loaded
	Rows     int64    // loaded by this run
	Total    int64    // in the table now
	Entry    int64    // newest entry that the table has rows of
	Replaced int64    // rows that the snapshot replaced, including those of the log
	Added    []string // columns
	Widened  []string // columns, with their new types
	Copies   int
	Err      error // why it is quarantined or failed
	// Quarantined says that Err stops the table's loads until it is repaired.
	Quarantined bool
	// Pending says that the table has no complete snapshot yet.
	Pending bool
	// Kept are the results for the tables beside the log.
	Kept []kept.Result
}

// Load brings the tables to the ledger's head. If there is nothing to do, it
// sends no statement. It returns an error for a problem that stops all tables.
// A problem of one table is in its result.
func (l *Loader) Load(ctx context.Context, o Options) ([]TableResult, error) {
	started := l.Now().UTC()
	cache, state, err := loads.ReadBoth(ctx, l.Files, l.Ledger)
	if err != nil {
		return nil, err
	}
	if o.OwnSnapshots && o.Repair {
		cache.Forget(state)
	}
	if err := cache.Within(state); err != nil {
		return nil, err
	}
	todo, results := l.choose(state, cache, o)
	if err := l.refuseRebuild(state, o); err != nil {
		return nil, err
	}
	if len(todo) == 0 {
		return results, nil
	}
	l.Watch.begun(state.Head, todo)
	if err := l.intend(ctx, cache, state.Ledger, todo, o); err != nil {
		return nil, err
	}
	err = l.run(ctx, todo, o)
	// A suspended run may lose its lock to another run, and then see tables
	// that the other run has loaded. Its findings about them do not count. If
	// the run ended for another reason, that reason may also have cut the
	// lock's session, and its error says more.
	if err == nil || failure.KindOf(err) == failure.Conflict {
		if lost := l.Lock.Prove(ctx); lost != nil && ctx.Err() == nil {
			return results, lost
		}
	}
	if err != nil {
		return results, err
	}
	changed := false
	for _, w := range todo {
		changed = changed || cache.Tables[w.State.Table] != w.loaded
		cache.Tables[w.State.Table] = w.loaded
		results = append(results, w.result)
	}
	slices.SortFunc(results, func(a, b TableResult) int { return a.Table.Compare(b.Table) })
	recorded, err := l.record(ctx, cache, state, started)
	if err != nil {
		return results, err
	}
	if !changed && !recorded {
		return results, nil
	}
	cache.Ledger, cache.Run, cache.Version, cache.Time = state.Ledger, l.Run, l.Version, l.Now().UTC()
	cache.Note(l.past(results))
	return results, cache.Write(ctx, l.Files)
}

// past describes a load for the cache.
func (l *Loader) past(results []TableResult) loads.Past {
	p := loads.Past{First: l.Now().UTC(), Last: l.Now().UTC(), Loads: 1}
	for _, r := range results {
		switch {
		case r.Quarantined && r.Err != nil && r.Rows == 0:
			p.Quarantined++
		case r.Snapshot:
			p.Snapshots++
		case r.Rows > 0:
			p.Changed++
		case len(r.Kept) > 0:
			p.Kept++
		}
		p.Rows += r.Rows
		p.Entry = max(p.Entry, r.Entry)
	}
	return p
}

// choose splits the tables. todo are those that need work. results are those
// that are known to need none.
func (l *Loader) choose(state *ledger.State, cache *loads.Cache, o Options) (todo []*table, results []TableResult) {
	refused := l.refused(state)
	for _, t := range state.Sorted() {
		if o.Tables != nil && !slices.Contains(o.Tables, t.Table) {
			continue
		}
		w := l.newTable(state, t, cache.Tables[t.Table])
		w.repair, w.ownSnapshots, w.prove = o.Repair, o.OwnSnapshots, slices.Contains(o.Prove, t.Table)
		switch {
		case t.Snapshot == nil:
			results = append(results, TableResult{Table: t.Table, Target: w.Target, Pending: true})
		case refused[t.Table] != nil && (w.behind() || o.Repair || w.keptBehind(o)):
			w.result.Err = refused[t.Table]
			results = append(results, w.result)
		case w.quarantined() && o.Tables == nil && !o.Repair:
			results = append(results, w.stillQuarantined())
		case w.behind() || o.Repair || w.prove || w.quarantined() || w.keptBehind(o):
			todo = append(todo, w)
		default:
			if w.result.Kept = w.keptStopped(o); w.result.Kept != nil {
				w.result.Total = w.cached.Rows
				results = append(results, w.result)
			}
		}
	}
	return todo, results
}

// run loads the tables, the tables beside their logs, and their views.
func (l *Loader) run(ctx context.Context, todo []*table, o Options) error {
	for _, w := range todo {
		w.kept = w.beside(o)
	}
	if err := l.bring(ctx, todo, o); err != nil {
		return err
	}
	for _, w := range todo {
		for _, k := range w.kept {
			w.result.Kept = append(w.result.Kept, k.Result())
		}
		w.result.Kept = append(w.result.Kept, w.keptStopped(o)...)
	}
	return l.keepViews(ctx, todo)
}

// bring reads the tables, loads what is missing, and reads them again. Then it
// updates the tables beside the logs.
func (l *Loader) bring(ctx context.Context, todo []*table, o Options) error {
	if err := l.inspect(ctx, todo); err != nil {
		return err
	}
	if err := l.evidence(ctx, todo, (*table).shows); err != nil {
		return err
	}
	if err := l.keeper().Identify(ctx, beside(todo)); err != nil {
		return err
	}
	if err := l.finish(ctx, todo, o); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, l.Jobs))
	for _, w := range todo {
		g.Go(func() error {
			err := w.bring(gctx)
			if err == nil {
				l.Watch.ended(w.State.Table)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := l.evidence(ctx, todo, func(w *table) bool { return w.wrote }); err != nil {
		return err
	}
	for _, w := range todo {
		w.conclude()
	}
	return l.keeper().Keep(ctx, beside(todo))
}

// beside lists the tables beside the logs of tables that can be loaded.
func beside(todo []*table) []*kept.Table {
	var all []*kept.Table
	for _, w := range todo {
		if w.result.Err == nil {
			all = append(all, w.kept...)
		}
	}
	return all
}

func (l *Loader) descriptions() *bronze.Descriptions {
	return &bronze.Descriptions{Columns: l.ColumnComments, Tags: l.Tags, Log: l.Log}
}

// keeper keeps the tables beside the logs.
func (l *Loader) keeper() *kept.Keeper {
	return &kept.Keeper{
		Ledger: l.Ledger, Workspace: l.Workspace, Warehouse: l.Warehouse, Files: l.Files, Lock: l.Lock, Jobs: l.Jobs,
		Descriptions: l.descriptions(), Log: l.Log, Now: l.Now, Wanted: l.Keep,
	}
}

// kept are the options for the tables beside the logs.
func (o Options) kept() kept.Options { return kept.Options{Rebuild: o.Rebuild, Retry: o.Tables != nil} }
