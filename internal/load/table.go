package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/wait"
)

// table is one table of a load run. One goroutine at a time works on it.
type table struct {
	loader *Loader
	whole  *ledger.State
	state  *ledger.TableState
	target databricks.Table
	steps  []step
	cached Loaded

	exists  bool
	columns columnTypes // of the target
	seen    evidence
	wrote   bool

	loaded Loaded // what the cache gets
	result TableResult
}

func (l *Loader) newTable(state *ledger.State, t *ledger.TableState, cached Loaded) *table {
	w := &table{loader: l, whole: state, state: t, target: l.Target(t.Table), cached: cached, loaded: cached}
	w.steps = stepsOf(state, t)
	w.result = TableResult{Table: t.Table, Target: w.target}
	return w
}

// behind says whether the cache lacks something that the ledger has.
func (w *table) behind() bool {
	return w.cached.Snapshot != w.state.Snapshot.Begin || w.cached.Entry != w.steps[len(w.steps)-1].entry
}

// quarantined says whether the table's loads are stopped; a newer snapshot
// makes a new beginning.
func (w *table) quarantined() bool {
	return w.cached.Quarantine != nil && w.state.Snapshot != nil && w.cached.Quarantine.Snapshot == w.state.Snapshot.Begin
}

func (w *table) stillQuarantined() TableResult {
	q := w.cached.Quarantine
	w.result.Quarantined, w.result.Total = true, w.cached.Rows
	w.result.Err = failure.New(failure.Tables, "%s is quarantined since %s: %s", w.state.Table, q.Since.Format(time.RFC3339), q.Reason).WithHint("%s", q.Hint)
	return w.result
}

// floor is the entry from which on rows are counted entry by entry: the newest
// one that the cache knows, if it knows this snapshot.
func (w *table) floor() int64 {
	if w.cached.Snapshot == w.state.Snapshot.Begin && w.seen.snapshot == w.cached.Snapshot {
		return w.cached.Entry
	}
	return 0
}

// fail quarantines the table. It returns nil: the other tables go on.
func (w *table) fail(err error) error {
	w.result.Err, w.result.Quarantined = err, true
	w.loaded.Quarantine = &Quarantine{Reason: err.Error(), Hint: failure.HintOf(err), Since: w.loader.Now().UTC(), Snapshot: w.state.Snapshot.Begin}
	w.loader.Log.Error("a table is quarantined", "table", w.state.Table.String(), "because", err)
	return nil
}

// bring loads what the table lacks. After an error whose outcome is not known
// it looks at the table before it goes on.
func (w *table) bring(ctx context.Context, repair bool) error {
	if w.result.Err != nil {
		return nil
	}
	for try := 1; ; try++ {
		n, err := w.next(ctx, repair)
		if err == nil {
			w.result.Rows = 0
			err = w.from(ctx, n, repair)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, isOf(failure.Conflict, err):
			return err
		case isOf(failure.Tables, err): // what the table shows is not what it should
			return w.fail(err)
		case databricks.Permanent(err) && !notRun(err):
			return w.fail(fmt.Errorf("load %s: %w", w.state.Table, err))
		case try == attempts || notRun(err) && databricks.Permanent(err):
			// Not the table's fault: nothing is said of it, and the run ends.
			return fmt.Errorf("load %s: %w", w.state.Table, err)
		}
		w.loader.Log.Info("looking at the table and trying again", "table", w.state.Table.String(), "after", err)
		if err := wait.For(ctx, time.Duration(try)*500*time.Millisecond); err != nil {
			return err
		}
		repair = false
		if err := w.look(ctx); err != nil {
			return err
		}
	}
}

// notRun says that the statement never reached the warehouse.
func notRun(err error) bool {
	var s *databricks.StatementError
	return errors.As(err, &s) && s.Outcome == databricks.NotRun
}

func isOf(kind failure.Kind, err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && f.Kind == kind
}

// look refreshes what is known of the table after an unknown outcome.
func (w *table) look(ctx context.Context) error {
	w.exists, w.columns = false, nil
	w.seen = evidence{}
	w.cached = Loaded{} // count every entry
	if err := w.loader.inspect(ctx, []*table{w}); err != nil {
		return err
	}
	return w.loader.evidence(ctx, []*table{w}, func(w *table) bool { return w.exists })
}

// next says which step comes next, none of the rest of which is folded.
func (w *table) next(ctx context.Context, repair bool) (int, error) {
	if err := w.reveal(ctx); err != nil {
		return 0, err
	}
	n, err := w.position(repair)
	if err == nil && n <= lastFolded(w.steps) { // all anew
		err = w.unfold(ctx, 0)
	}
	return n, err
}

// reveal unfolds the steps that have to be told apart to see how many of them
// the table holds. Mostly, the folded ones are all in the table, and stay folded.
func (w *table) reveal(ctx context.Context) error {
	n, ok := w.seen.applied(w.steps)
	if !w.exists || w.seen.snapshot != w.state.Snapshot.Begin || ok && n > lastFolded(w.steps) {
		return nil
	}
	from := w.seen.floor
	if from == 0 {
		from = slices.Max(append(slices.Collect(maps.Keys(w.seen.rows)), 0))
	}
	return w.unfold(ctx, from)
}

// unfold reads the steps from an entry on that are folded from the ledger.
func (w *table) unfold(ctx context.Context, from int64) error {
	if lastFolded(w.steps) < 0 {
		return nil
	}
	t, err := w.loader.Ledger.Unfold(ctx, w.whole, w.state, from)
	if isOf(failure.Conflict, err) { // the others may not need what is damaged
		return failure.New(failure.Tables, "read what is staged of %s: %w", w.state.Table, err).
			WithHint("put the file back from a backup of the Volume, or run `ingest full-load --tables %s`", w.state.Table)
	}
	if err != nil {
		return err
	}
	w.state, w.steps = t, stepsOf(w.whole, t)
	return nil
}

// position says which step comes next. A table that does not show a prefix of
// its steps is an error, unless it is to be repaired.
func (w *table) position(repair bool) (int, error) {
	begin := w.state.Snapshot.Begin
	hint := "`ingest load --repair --tables " + w.state.Table.Argument() + "` builds it anew from what is staged; `ingest full-load --tables " + w.state.Table.Argument() + "` from the source"
	switch {
	case !w.exists && w.cached.Snapshot == begin && !repair:
		return 0, failure.New(failure.Tables, "table %s was dropped or moved after it was loaded", w.target.Display()).WithHint("%s", hint)
	case !w.exists:
		return 0, nil
	case w.seen.snapshot != begin:
		w.result.Replaced = w.seen.total
		if w.cached.Snapshot == begin && !repair {
			return 0, failure.New(failure.Tables, "table %s holds the snapshot of entry %d, but entry %d was loaded: it was restored to an older version",
				w.target.Display(), w.seen.snapshot, begin).WithHint("%s", hint)
		}
		return 0, nil
	}
	n, ok := w.seen.applied(w.steps)
	if ok && n > 0 && (n >= w.known() || w.cached.Snapshot != begin) {
		return n, nil
	}
	if repair {
		w.result.Replaced = w.seen.total
		return 0, nil
	}
	return 0, failure.New(failure.Tables, "table %s does not hold what was loaded: %s", w.target.Display(), w.difference()).WithHint("%s", hint)
}

// known is how many steps the cache says are in.
func (w *table) known() int {
	n := 0
	for n < len(w.steps) && w.steps[n].entry <= w.cached.Entry {
		n++
	}
	return n
}

// difference says in rows how the table deviates.
func (w *table) difference() string {
	var want int64
	for _, s := range w.steps[:max(1, w.known())] {
		want += s.rows
	}
	return fmt.Sprintf("it has %d rows, and %d were loaded: rows were deleted or added by hand, or it was restored to another version", w.seen.total, want)
}

// from runs the steps from n on.
func (w *table) from(ctx context.Context, n int, repair bool) error {
	return w.operations(ctx, n, repair, func(op operation) error { return w.execute(ctx, op) })
}

func (w *table) progress(rows int64) {
	if w.loader.Progress != nil {
		w.loader.Progress(w.state.Table, rows)
	}
}

// checkDirectory compares the snapshot's directory with its entry: read_files
// takes everything that is there.
func (w *table) checkDirectory(ctx context.Context, d *ledger.Done) error {
	if d.Rows == 0 {
		return nil
	}
	files, err := w.loader.Files.ListAll(ctx, d.Directory)
	if err != nil {
		return err
	}
	want := map[string]int64{}
	for _, s := range d.Segments {
		want[s.Path] = s.Bytes
	}
	for _, f := range files {
		bytes, named := want[f.Name]
		switch {
		case !named:
			return failure.New(failure.Tables, "%s holds %s, which entry %d does not name", d.Directory, path.Base(f.Name), d.Begin).
				WithHint("remove the file from the Volume, or run `ingest full-load --tables %s`", w.state.Table.Argument())
		case bytes != f.Bytes:
			return failure.New(failure.Tables, "%s has %d bytes, and was written with %d", f.Name, f.Bytes, bytes).
				WithHint("the file was changed: `ingest full-load --tables %s` stages the table anew", w.state.Table.Argument())
		}
		delete(want, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		return w.missing(name)
	}
	return nil
}

// checkChanges looks for all segments of changes before a table is built anew:
// a table that is there, if in a bad state, is not to be replaced by a part of
// what it should be.
func (w *table) checkChanges(ctx context.Context) error {
	var files []string
	for _, s := range w.steps[1:] {
		files = append(files, s.files...)
	}
	return w.checkFiles(ctx, files)
}

// checkFiles insists that segments are there.
func (w *table) checkFiles(ctx context.Context, files []string) error {
	byDirectory := map[string][]string{}
	for _, name := range files {
		byDirectory[path.Dir(name)] = append(byDirectory[path.Dir(name)], name)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for dir, wanted := range byDirectory {
		g.Go(func() error {
			names, err := w.loader.Files.Names(gctx, dir)
			if err != nil {
				return err
			}
			there := map[string]bool{}
			for _, name := range names {
				there[name] = true
			}
			for _, name := range wanted {
				if !there[path.Base(name)] {
					return w.missing(name)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// missing says that what is staged is not there to be loaded.
func (w *table) missing(segment string) error {
	return failure.New(failure.Tables, "segment %s is not in the volume any more: `ingest prune` removes what was loaded, or somebody did; so table %s cannot be built anew from what is staged",
		segment, w.target.Display()).
		WithHint("`ingest full-load --tables %s` stages the table anew", w.state.Table.Argument())
}

// conclude compares the table with its steps after everything is loaded, and
// says what the cache gets.
func (w *table) conclude() {
	if w.result.Err != nil {
		return
	}
	n, ok := w.seen.applied(w.steps)
	if !ok || n != len(w.steps) {
		_ = w.fail(failure.New(failure.Tables, "table %s does not hold what was loaded: it has %d rows after %d of %d steps", w.target.Display(), w.seen.total, n, len(w.steps)).
			WithHint("`ingest load --repair --tables %s` builds it anew from what is staged", w.state.Table.Argument()))
		return
	}
	w.result.Total = w.seen.total
	w.loaded = Loaded{Snapshot: w.state.Snapshot.Begin, Entry: w.steps[len(w.steps)-1].entry, Rows: w.seen.total}
}

func properties(p map[string]string) (ledgerID string, snapshot int64) {
	snapshot, err := strconv.ParseInt(p[PropertySnapshot], 10, 64)
	if err != nil {
		snapshot = 0
	}
	return p[PropertyLedger], snapshot
}
