package load

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
	"ingest/internal/wait"
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
	Jobs      int // tables at once
	// ColumnComments says that the comments of columns are carried over, by a
	// statement each.
	ColumnComments bool
	Log            *slog.Logger
	Now            func() time.Time
	// Progress is told of rows as they are loaded; nil for none.
	Progress func(table schema.TableName, rows int64)
}

// Options choose what to load.
type Options struct {
	// Tables names the tables; nil is all. A table that is named is tried again
	// although it is quarantined.
	Tables []schema.TableName
	// Repair builds the chosen tables anew from the ledger where they do not
	// show what it says.
	Repair bool
}

// TableResult is what became of one table.
type TableResult struct {
	Table    schema.TableName
	Target   databricks.Table
	Snapshot bool     // a snapshot was loaded
	Rows     int64    // loaded by this run
	Total    int64    // in the table now
	Replaced int64    // rows that the snapshot replaced, log included
	Added    []string // columns
	Widened  []string // columns, with their new types
	Copies   int
	Err      error // why it is quarantined or failed
	// Quarantined says that Err stops the table's loads until it is repaired.
	Quarantined bool
	// Pending says that no snapshot of the table is complete yet.
	Pending bool
}

// Load brings the tables to the ledger's head. Where nothing is to be done, no
// statement is sent. The error is for what stops all tables; what stops one is
// in its result.
func (l *Loader) Load(ctx context.Context, o Options) ([]TableResult, error) {
	state, err := l.Ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := ReadCache(ctx, l.Files, state.Ledger)
	if err != nil {
		return nil, err
	}
	if err := cache.within(state); err != nil {
		return nil, err
	}
	var todo []*table
	var results []TableResult
	for _, t := range state.Sorted() {
		if o.Tables != nil && !slices.Contains(o.Tables, t.Table) {
			continue
		}
		w := l.newTable(state, t, cache.Tables[t.Table])
		switch {
		case t.Snapshot == nil:
			results = append(results, TableResult{Table: t.Table, Target: w.target, Pending: true})
		case w.quarantined() && o.Tables == nil && !o.Repair:
			results = append(results, w.stillQuarantined())
		case w.behind() || o.Repair || w.quarantined():
			todo = append(todo, w)
		}
	}
	if len(todo) == 0 {
		return results, nil
	}
	if err := l.run(ctx, todo, o.Repair); err != nil {
		return results, err
	}
	for _, w := range todo {
		cache.Tables[w.state.Table] = w.loaded
		results = append(results, w.result)
	}
	cache.Ledger, cache.Run, cache.Version, cache.Time = state.Ledger, l.Run, l.Version, l.Now().UTC()
	slices.SortFunc(results, func(a, b TableResult) int { return a.Table.Compare(b.Table) })
	return results, cache.write(ctx, l.Files)
}

// run looks at the tables, loads what is missing, and looks again.
func (l *Loader) run(ctx context.Context, todo []*table, repair bool) error {
	if err := l.inspect(ctx, todo); err != nil {
		return err
	}
	if err := l.evidence(ctx, todo, func(w *table) bool { return w.exists }); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, l.Jobs))
	for _, w := range todo {
		g.Go(func() error { return w.bring(gctx, repair) })
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
	return nil
}

// inspect asks Unity Catalog, without the warehouse, which tables there are.
func (l *Loader) inspect(ctx context.Context, todo []*table) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, w := range todo {
		g.Go(func() error {
			info, err := l.Workspace.TableInfo(gctx, w.target)
			switch {
			case databricks.NotFound(err):
				return nil
			case err != nil:
				return err
			}
			w.exists, w.columns = true, targetTypes(info.Columns)
			return w.identify(gctx, info)
		})
	}
	return g.Wait()
}

// identify reads whose the table is. Unity Catalog's answer is believed where
// it is what the ledger says; else the table itself is asked.
func (w *table) identify(ctx context.Context, info *databricks.TableInfo) error {
	if info.Kind == "VIEW" {
		return w.fail(failure.New(failure.Destination, "%s is a view", w.target.Display()).
			WithHint("drop or rename the view: ingest sql %q", "DROP VIEW "+w.target.String()))
	}
	w.seen.ledger, w.seen.snapshot = properties(info.Properties)
	if w.seen.ledger == w.whole.Ledger && w.seen.snapshot == w.state.Snapshot.Begin {
		return nil
	}
	shown, err := w.loader.Warehouse.Query(ctx, databricks.ShowProperties(w.target))
	if err != nil {
		return fmt.Errorf("look at %s: %w", w.target.Display(), err)
	}
	values := map[string]string{}
	for i := range shown.Rows {
		key, _, err := shown.Text(i, "key")
		if err != nil {
			return err
		}
		if values[key], _, err = shown.Text(i, "value"); err != nil {
			return err
		}
	}
	w.seen.ledger, w.seen.snapshot = properties(values)
	switch {
	case w.seen.ledger != w.whole.Ledger:
		owner := "it has no property " + PropertyLedger
		if w.seen.ledger != "" {
			owner = "it belongs to ledger " + w.seen.ledger
		}
		return failure.New(failure.Conflict, "table %s is not this pipeline's: %s", w.target.Display(), owner).
			WithHint("nothing was changed. If it may go: ingest sql %q; else choose another schema", "DROP TABLE "+w.target.String())
	case w.seen.snapshot > w.state.Snapshot.Begin:
		return failure.New(failure.Conflict, "table %s holds the snapshot of entry %d, but the ledger's newest is of entry %d: the ledger is older than the table",
			w.target.Display(), w.seen.snapshot, w.state.Snapshot.Begin).
			WithHint("was an older copy of the ledger put back? put the newest one back, or begin anew: `ingest drop`, then `ingest full-load`")
	}
	return nil
}

// Tables of one evidence statement.
const evidenceTables = 100

// evidence counts the rows of those tables that which chooses.
func (l *Loader) evidence(ctx context.Context, todo []*table, which func(*table) bool) error {
	var chosen []*table
	for _, w := range todo {
		if which(w) && w.result.Err == nil {
			chosen = append(chosen, w)
		}
	}
	for part := range slices.Chunk(chosen, evidenceTables) {
		if err := l.evidenceOf(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) evidenceOf(ctx context.Context, part []*table) error {
	targets, floors := make([]databricks.Table, len(part)), make([]int64, len(part))
	for i, w := range part {
		targets[i], floors[i] = w.target, w.floor()
		w.seen.rows, w.seen.total, w.seen.floor = map[int64]int64{}, 0, floors[i]
	}
	var answer *databricks.Result
	err := l.retry(ctx, func() (err error) {
		answer, err = l.Warehouse.Query(ctx, evidenceSQL(targets, floors))
		return err
	})
	if err != nil {
		return fmt.Errorf("count the rows that are loaded: %w", err)
	}
	for i := range answer.Rows {
		t, err := answer.Int(i, "t")
		if err != nil {
			return err
		}
		n, err := answer.Int(i, "n")
		if err != nil {
			return err
		}
		entry, err := answer.Int(i, "entry")
		if err != nil { // rows without an entry are nobody's
			entry = 0
		}
		if entry == -1 {
			part[t].seen.total = n
		} else {
			part[t].seen.rows[entry] += n
		}
	}
	for _, w := range part {
		for entry := range w.seen.rows {
			if entry > w.whole.Head {
				return olderThan(w.whole, fmt.Sprintf("table %s holds rows of entry %d", w.target.Display(), entry))
			}
		}
	}
	return nil
}

// olderThan says that more was loaded than the ledger has.
func olderThan(state *ledger.State, what string) error {
	return failure.New(failure.Conflict, "the ledger is older than what was loaded: %s, but its newest entry is %d", what, state.Head).
		WithHint("was an older copy of the ledger put back? Put the newest one back; nothing was changed. If it is lost, `ingest full-load --repair` loads all tables from the source again")
}

// attempts is how often a statement is tried that may succeed later.
const attempts = 6

// retry repeats a statement that changes nothing.
func (l *Loader) retry(ctx context.Context, do func() error) error {
	for i := 1; ; i++ {
		err := do()
		if err == nil || i == attempts || ctx.Err() != nil || !databricks.Retryable(err) && !databricks.OutcomeUnknown(err) {
			return err
		}
		l.Log.Info("trying again", "attempt", i+1, "after", err)
		if err := wait.For(ctx, time.Duration(i)*500*time.Millisecond); err != nil {
			return err
		}
	}
}
