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

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
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
	// Mostly, the folded steps are in the table, and stay folded.
	if n, ok := w.seen.applied(w.steps); w.exists && w.seen.snapshot == w.state.Snapshot.Begin && (!ok || n <= lastFolded(w.steps)) {
		from := w.seen.floor
		if from == 0 {
			from = slices.Max(append(slices.Collect(maps.Keys(w.seen.rows)), 0))
		}
		if err := w.unfold(ctx, from); err != nil {
			return 0, err
		}
	}
	n, err := w.position(repair)
	if err == nil && n <= lastFolded(w.steps) { // all anew
		err = w.unfold(ctx, 0)
	}
	return n, err
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
	if n == 0 {
		if err := w.snapshot(ctx, repair); err != nil {
			return err
		}
		n = 1
	}
	for n < len(w.steps) {
		g := nextGroup(w.steps[n:])
		if err := w.addColumns(ctx, g.steps[0].columns); err != nil {
			return err
		}
		if err := w.widenColumns(ctx, g.steps[0].columns); err != nil {
			return err
		}
		if err := w.copy(ctx, g); err != nil {
			return err
		}
		n += len(g.steps)
	}
	return nil
}

// snapshot replaces the table. A repair drops it first, and with it what COPY
// INTO remembers of files.
func (w *table) snapshot(ctx context.Context, repair bool) error {
	d := w.state.Snapshot
	if err := w.checkDirectory(ctx, d); err != nil {
		return err
	}
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	if repair && w.exists {
		if err := w.loader.Warehouse.Exec(ctx, databricks.DropTable(w.target)); err != nil {
			return err
		}
	}
	w.wrote = true
	sql := snapshotSQL(w.target, w.whole.Ledger, w.state, w.loader.Files.Root(), w.loader.Now())
	if err := w.loader.Warehouse.Exec(databricks.Tag(ctx, "entry", strconv.FormatInt(d.Begin, 10)), sql); err != nil {
		return err
	}
	w.exists, w.columns = true, columnTypes{}
	w.columns.add(targetColumns(d.Columns))
	w.seen.ledger, w.seen.snapshot = w.whole.Ledger, d.Begin
	w.result.Snapshot = true
	w.result.Rows += d.Rows
	w.commentColumns(ctx, d)
	w.progress(d.Rows)
	return nil
}

// commentColumns gives columns the comments that they have in the source. The
// table is whole without them: a run that ends here leaves them to the next
// snapshot, and what fails is only logged.
func (w *table) commentColumns(ctx context.Context, d *ledger.Done) {
	if !w.loader.ColumnComments {
		return
	}
	for _, c := range d.Columns {
		text, ok := d.Comments[c.Name]
		if !ok || ctx.Err() != nil {
			continue
		}
		if err := w.loader.Warehouse.Exec(ctx, databricks.CommentColumn(w.target, c.Target(), text)); err != nil {
			w.loader.Log.Warn("a column is without its comment", "table", w.state.Table.String(), "column", c.Name, "error", err)
		}
	}
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
	for name := range want {
		return failure.New(failure.Tables, "segment %s is missing", name).
			WithHint("`ingest full-load --tables %s` stages the table anew", w.state.Table.Argument())
	}
	return nil
}

// addColumns adds the columns that the target lacks.
func (w *table) addColumns(ctx context.Context, columns []schema.Column) error {
	var missing []databricks.TargetColumn
	for _, c := range columns {
		if !w.columns.has(c.Target()) {
			missing = append(missing, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	if p := databricks.RequiredProperties(missing); len(p) > 0 {
		if err := w.loader.Warehouse.Exec(ctx, databricks.SetProperties(w.target, p)); err != nil {
			return err
		}
	}
	w.wrote = true
	if err := w.loader.Warehouse.Exec(ctx, databricks.AddColumns(w.target, missing)); err != nil {
		return err
	}
	w.columns.add(missing)
	for _, c := range missing {
		w.result.Added = append(w.result.Added, c.Name)
	}
	return nil
}

func (w *table) copy(ctx context.Context, g copyGroup) error {
	if err := w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	w.wrote = true
	copied, err := w.loader.Warehouse.Copy(databricks.Tag(ctx, "entry", g.entries()), copySQL(w.target, g, w.loader.Files.Root(), w.loader.Now()))
	if err != nil {
		return err
	}
	if copied.Inserted != g.rows {
		w.loader.Log.Warn("COPY INTO answered with another count; the table decides", "table", w.state.Table.String(), "rows", g.rows, "answer", copied.Inserted)
	}
	w.result.Copies++
	w.result.Rows += g.rows
	w.progress(g.rows)
	return nil
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
