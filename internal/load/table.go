package load

import (
	"context"
	"fmt"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/wait"
)

// table is one table of a load run. Only one goroutine at a time uses it.
type table struct {
	loader *Loader
	bronze.Log
	steps                       []step
	cached                      loads.Table
	viewed                      string // cached.View
	repair, ownSnapshots, prove bool   // from the run's options

	seen evidence
	// strange says that the table exists and cannot show what it holds.
	strange bool
	wrote   bool
	kept    []*kept.Table // beside the log
	ending  bool          // a newer snapshot is about to replace the log

	loaded loads.Table // new content of the cache
	result TableResult
}

func (l *Loader) newTable(state *ledger.State, t *ledger.TableState, cached loads.Table) *table {
	w := &table{loader: l, Log: bronze.Log{Whole: state, Target: l.Target(t.Table)}, cached: cached, viewed: cached.View, loaded: cached}
	w.hold(t)
	w.result = TableResult{Table: t.Table, Target: w.Target}
	return w
}

// hold sets what the ledger has of the table.
func (w *table) hold(t *ledger.TableState) {
	w.State, w.steps, w.Last = t, stepsOf(w.Whole, t), 0
	if n := len(w.steps); n > 0 {
		w.Last = w.steps[n-1].entry
	}
}

// owner is the ownership that the table's properties record if it holds the
// ledger's newest snapshot.
func (w *table) owner() owner {
	return owner{w.Whole.Ledger, w.State.Snapshot.Begin, w.State.Snapshot.Directory, w.loader.Files.Root()}
}

// behind reports whether the cache lacks something that the ledger has.
func (w *table) behind() bool {
	return w.cached.Snapshot != w.State.Snapshot.Begin || w.cached.Directory != w.State.Snapshot.Directory ||
		w.cached.Entry != w.steps[len(w.steps)-1].entry ||
		w.cached.Ahead != w.columnsAhead()
}

// columnsAhead is the entry since which the table has columns that no row of
// its log has yet; 0 if there are none.
func (w *table) columnsAhead() int64 {
	if w.State.Ahead == nil {
		return 0
	}
	return w.State.Ahead.Entry
}

// quarantined reports whether the table's loads are stopped. A newer snapshot
// ends a quarantine.
func (w *table) quarantined() bool {
	return w.cached.Quarantine != nil && w.State.Snapshot != nil && w.cached.Quarantine.Snapshot == w.State.Snapshot.Begin
}

func (w *table) stillQuarantined() TableResult {
	q := w.cached.Quarantine
	w.result.Quarantined, w.result.Total = true, w.cached.Rows
	w.result.Err = failure.New(failure.Tables, "%s is quarantined since %s: %s", w.State.Table, q.Since.Format(time.RFC3339), q.Reason).
		WithHint("%s", q.Hint)
	return w.result
}

// floor is the entry from which on rows are counted by entry. It is the newest
// entry in the cache, if the cache knows this snapshot.
func (w *table) floor() int64 {
	if !w.prove && !w.repair && !w.quarantined() && w.cached.Snapshot == w.State.Snapshot.Begin && w.seen.snapshot == w.cached.Snapshot {
		return w.cached.Entry
	}
	return 0
}

// fail quarantines the table. It returns nil, so that the other tables
// continue.
func (w *table) fail(err error) error {
	since := w.loader.Now().UTC()
	if w.quarantined() {
		since = w.cached.Quarantine.Since
	}
	w.result.Err, w.result.Quarantined = err, true
	if !w.result.Snapshot {
		w.result.Replaced = 0 // the replacement did not happen
	}
	w.loaded.Quarantine = &loads.Quarantine{Reason: err.Error(), Hint: failure.HintOf(err), Since: since, Snapshot: w.State.Snapshot.Begin}
	w.loader.Log.Error("a table is quarantined", "table", w.State.Table.String(), "because", err)
	return nil
}

// refused quarantines a table because of a permanent refusal by the warehouse.
func (w *table) refused(err error) {
	then := "`ingest load --tables " + w.State.Table.Argument() + "` continues where it stopped"
	if hint := failure.HintOf(err); hint != "" {
		then = hint + "; then " + then
	} else {
		then = "fix what the message names; then " + then + "; `ingest full-load --tables " + w.State.Table.Argument() + "` reloads the table"
	}
	_ = w.fail((&failure.Error{Kind: failure.Destination, Err: err}).WithHint("%s", then))
}

// repairHint names the commands that repair a table that was changed.
func (w *table) repairHint() string {
	name := w.State.Table.Argument()
	return "`ingest load --repair --tables " + name + "` rebuilds it from the staged segments; " +
		"`ingest full-load --tables " + name + "` from the source"
}

// bring loads what the table lacks. After an error with an unknown outcome, it
// looks at the table before it continues.
func (w *table) bring(ctx context.Context) error {
	if w.result.Err != nil {
		return nil
	}
	for try := 1; ; try++ {
		n, err := w.next(ctx)
		if err == nil {
			w.result.Rows = 0
			err = statements{w, func(op bronze.Operation) error { return w.execute(ctx, op) }}.from(ctx, n)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, failure.KindOf(err) == failure.Conflict:
			return err
		case failure.KindOf(err) == failure.Tables: // the table does not show what it should
			return w.fail(err)
		case databricks.Refused(err):
			// the warehouse reports a missing file less clearly
			if lost := w.segments().complete(ctx, w.steps[n:]); failure.KindOf(lost) == failure.Tables {
				return w.fail(lost)
			}
			w.refused(fmt.Errorf("load %s: %w", w.State.Table, err))
			return nil
		case try == bronze.Attempts, databricks.Permanent(err):
			// The table is not at fault. It is not quarantined, and the run
			// ends.
			return fmt.Errorf("load %s: %w", w.State.Table, err)
		}
		w.loader.Log.Info("looking at the table and trying again", "table", w.State.Table.String(), "after", err)
		if err := wait.For(ctx, bronze.Pause(try)); err != nil {
			return err
		}
		if err := w.reread(ctx); err != nil || w.result.Err != nil {
			return err
		}
	}
}

// reread reads the table again after an unknown outcome.
func (w *table) reread(ctx context.Context) error {
	w.Exists, w.Columns, w.strange = false, nil, false
	w.seen = evidence{}
	w.prove = true // count every entry
	if err := w.loader.inspect(ctx, []*table{w}); err != nil {
		return err
	}
	return w.loader.evidence(ctx, []*table{w}, (*table).shows)
}

// shows reports whether the table exists and can show what it holds.
func (w *table) shows() bool { return w.Exists && !w.strange }

// next is the index of the next step. No step from there on is folded.
func (w *table) next(ctx context.Context) (int, error) {
	if err := w.reveal(ctx); err != nil {
		return 0, err
	}
	n, err := w.position(ctx)
	if err == nil && n <= lastFolded(w.steps) { // the table is rebuilt from its first step
		err = w.unfold(ctx, 0)
	}
	return n, err
}

// reveal unfolds folded steps if this is needed to see how many of them the
// table holds, and counts each of them. In most cases the table holds all
// folded steps, and they stay folded.
func (w *table) reveal(ctx context.Context) error {
	n, ok := w.seen.applied(w.steps)
	if !w.shows() || w.seen.snapshot != w.State.Snapshot.Begin || ok && n > lastFolded(w.steps) {
		return nil
	}
	from := w.seen.floor
	if from == 0 {
		from = w.seen.newest
	}
	if last := lastFolded(w.steps); last < 0 || w.steps[last].entry < from {
		return nil
	}
	if err := w.unfold(ctx, from); err != nil || w.seen.total == 0 {
		return err
	}
	return w.loader.count(ctx, []*table{w}) // count by the unfolded steps
}

// unfold reads the folded steps from an entry on from the ledger.
func (w *table) unfold(ctx context.Context, from int64) error {
	if lastFolded(w.steps) < 0 {
		return nil
	}
	t, err := w.loader.Ledger.Unfold(ctx, w.Whole, w.State, from)
	if failure.KindOf(err) == failure.Conflict { // other tables may not need the damaged entries
		return failure.New(failure.Tables, "read what is staged of %s: %w", w.State.Table, err).
			WithHint("put the file back from a backup of the Volume, or run `ingest full-load --tables %s`", w.State.Table)
	}
	if err != nil {
		return err
	}
	w.hold(t)
	return nil
}

// position is the index of the next step. It returns an error if the table does
// not show a prefix of its steps, unless the table is to be repaired.
func (w *table) position(ctx context.Context) (int, error) {
	begin := w.State.Snapshot.Begin
	switch {
	case !w.Exists && w.cached.Snapshot == begin && !w.repair:
		return 0, failure.New(failure.Tables, "table %s was dropped or moved after it was loaded", w.Target.Display()).
			WithHint("%s", w.repairHint())
	case !w.Exists, w.strange:
		return 0, nil
	case w.seen.ahead(w.Whole) > 0 && !(w.ownSnapshots && w.seen.snapshot != begin):
		return w.rebuilt("holds rows of entry %d, but the ledger's newest entry is %d: rows were added by hand, "+
			"or the ledger is older than the table", w.seen.ahead(w.Whole), w.Whole.Head)
	case w.seen.snapshot != begin && w.cached.Snapshot == begin:
		return w.rebuilt("holds the snapshot of entry %d, but entry %d was loaded: it was restored to an older version", w.seen.snapshot, begin)
	case w.seen.snapshot != begin:
		w.result.Replaced = w.seen.total
		return 0, nil
	}
	n, ok := w.seen.applied(w.steps)
	if !ok || n == 0 || n < w.known() && w.cached.Snapshot == begin {
		return w.rebuilt("does not hold what was loaded: %s", w.seen.difference(w.steps[:max(1, w.known())]))
	}
	name, err := w.lost(ctx, n)
	if err != nil || name == "" {
		return n, err
	}
	return w.rebuilt("has lost column %q: it was dropped or renamed by hand, and added again it would be empty", name)
}

// rebuilt starts a rebuild from the first step if a repair was requested. Else
// it returns an error that says why the table is left alone.
func (w *table) rebuilt(format string, args ...any) (int, error) {
	if w.repair {
		w.result.Replaced = w.seen.total
		return 0, nil
	}
	return 0, failure.New(failure.Tables, "table %s %s", w.Target.Display(), fmt.Sprintf(format, args...)).WithHint("%s", w.repairHint())
}

// known is the number of loaded steps according to the cache.
func (w *table) known() int {
	n := 0
	for n < len(w.steps) && w.steps[n].entry <= w.cached.Entry {
		n++
	}
	return n
}

// conclude compares the table with its steps after everything is loaded. It
// sets the new content of the cache.
func (w *table) conclude() {
	if w.result.Err != nil {
		return
	}
	n, ok := w.seen.applied(w.steps)
	if !ok || n != len(w.steps) {
		_ = w.fail(failure.New(failure.Tables, "table %s does not hold what was loaded: it has %d rows after %d of %d steps", w.Target.Display(),
			w.seen.total, n, len(w.steps)).
			WithHint("`ingest load --repair --tables %s` rebuilds it from the staged segments", w.State.Table.Argument()))
		return
	}
	w.result.Total, w.result.Entry = w.seen.total, w.steps[len(w.steps)-1].entry
	w.loaded = loads.Table{
		Snapshot: w.State.Snapshot.Begin, Directory: w.State.Snapshot.Directory, Entry: w.result.Entry, Rows: w.seen.total,
		Current: w.loaded.Current, History: w.loaded.History, Ahead: w.columnsAhead(), Recorded: w.loaded.Recorded,
	}
}
