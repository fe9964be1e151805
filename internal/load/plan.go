package load

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// Plan is what a load would do with one table.
type Plan struct {
	Table      schema.TableName
	Target     databricks.Table
	Snapshot   bool  // it would be replaced
	Rows       int64 // that would be loaded
	Statements []string
	Err        error // why it is, or would be, quarantined
	// Unsure says what only the table itself can tell; "" if nothing.
	Unsure string
}

// Plan says what Load would do with the tables that it would not leave alone,
// as far as that can be told without the warehouse: what a table holds is taken
// from the cache. Nothing is written.
func (l *Loader) Plan(ctx context.Context, o Options) ([]Plan, error) {
	cache, state, err := readBoth(ctx, l.Files, l.Ledger)
	if err != nil {
		return nil, err
	}
	if err := cache.within(state); err != nil {
		return nil, err
	}
	todo, rest := l.choose(state, cache, o)
	var plans []Plan
	for _, r := range rest {
		if r.Err != nil {
			plans = append(plans, Plan{Table: r.Table, Target: r.Target, Err: r.Err})
		}
	}
	planned := make([]Plan, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, w := range todo {
		g.Go(func() (err error) {
			w.kept = w.beside(o)
			planned[i], err = w.plan(gctx)
			return err
		})
	}
	err = g.Wait()
	return append(plans, planned...), err
}

func (w *table) plan(ctx context.Context) (Plan, error) {
	p := Plan{Table: w.state.Table, Target: w.target}
	info, err := w.lookUp(ctx)
	if err != nil {
		return p, err
	}
	if info != nil {
		if p.Err = w.asView(info); p.Err != nil {
			return p, nil
		}
		w.seen.owner = ownerOf(info.Properties)
	}
	n, err := w.expected(ctx)
	if err == nil {
		err = w.operations(ctx, n, func(op operation) error {
			p.Statements = append(p.Statements, op.sql)
			if op.done != nil {
				op.done()
			}
			return nil
		})
	}
	if isOf(failure.Tables, err) {
		p.Err, err = err, nil
	}
	p.Unsure, p.Snapshot, p.Rows = w.unsure(), w.result.Snapshot, w.result.Rows
	if err == nil && p.Err == nil {
		err = w.planKept(ctx, &p)
	}
	return p, err
}

// expected is next, as the cache has it.
func (w *table) expected(ctx context.Context) (int, error) {
	begin := w.state.Snapshot.Begin
	if !w.exists || w.seen.snapshot != begin || w.repair {
		n := 0
		if !w.repair {
			var err error
			if n, err = w.position(ctx); err != nil {
				return 0, err
			}
		}
		return n, w.unfold(ctx, 0)
	}
	if w.cached.Snapshot != begin {
		return 1, w.unfold(ctx, 0)
	}
	if w.known() <= lastFolded(w.steps) {
		if err := w.unfold(ctx, w.cached.Entry); err != nil {
			return 0, err
		}
	}
	return w.known(), nil
}

// unsure says what the plan takes for granted.
func (w *table) unsure() string {
	switch {
	case w.repair:
		return "if the table shows what was loaded, it is not built anew"
	case w.exists && w.seen.ledger != w.whole.Ledger:
		return "the table's properties do not say that it is this pipeline's: if it is not, the load stops"
	case w.exists && w.cached.Snapshot != w.state.Snapshot.Begin && w.seen.snapshot == w.state.Snapshot.Begin:
		return "the table may hold some of this: then that is left out"
	}
	return ""
}

// ReplaceSQL is the statement that would replace a target by a snapshot that is
// described, and may not be there yet.
func ReplaceSQL(target databricks.Table, uuid string, d *ledger.Done, b *ledger.Begin, root string, now time.Time) string {
	return snapshotSQL(target, owner{uuid, d.Begin, d.Directory, root}, &ledger.TableState{Table: d.Table, Snapshot: d, Begin: b}, root, now)
}
