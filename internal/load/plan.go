package load

import (
	"context"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/schema"
)

// Plan describes what a load would do with one table.
type Plan struct {
	Table      schema.TableName
	Target     databricks.Table
	Snapshot   bool  // it would be replaced
	Rows       int64 // rows to load
	Statements []string
	Err        error // why it is, or would be, quarantined
	// Unsure says what only the table itself can answer; "" if nothing.
	Unsure string
}

// Plan describes what Load would do, for all tables that Load would change. It
// does not use the warehouse: it takes a table's contents from the cache. It
// writes nothing.
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
			planned[i], err = w.plan(gctx, o)
			return err
		})
	}
	err = g.Wait()
	return append(plans, planned...), err
}

func (w *table) plan(ctx context.Context, o Options) (Plan, error) {
	p := Plan{Table: w.state.Table, Target: w.target}
	if err := w.planLookUp(ctx, &p); err != nil || p.Err != nil {
		return p, err
	}
	if w.ends() {
		e := &ending{w: w}
		if err := w.loader.unfinished(ctx, []*ending{e}); err != nil {
			return p, err
		}
		if err := e.plan(ctx, &p, o); err != nil || p.Err != nil {
			return p, err
		}
	}
	err := w.planLog(ctx, &p)
	if err == nil && p.Err == nil {
		err = w.planKept(ctx, &p)
	}
	if err == nil {
		err = w.planViews(ctx, &p)
	}
	return p, err
}

// planLookUp reads the log and the tables beside it, without the warehouse.
func (w *table) planLookUp(ctx context.Context, p *Plan) error {
	info, err := w.lookUp(ctx)
	if err != nil {
		return err
	}
	if info != nil {
		if p.Err = w.asView(info); p.Err != nil {
			return nil
		}
		w.seen.owner = ownerOf(info.Properties)
	}
	for _, k := range w.kept {
		if err := k.lookUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// planLog adds the statements that would advance the log.
func (w *table) planLog(ctx context.Context, p *Plan) error {
	n, err := w.nextByCache(ctx)
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
	if why := w.unsure(); why != "" {
		p.unsure(why)
	}
	p.Snapshot, p.Rows = w.result.Snapshot, p.Rows+w.result.Rows
	return err
}

// nextByCache is next with the cache in place of the table.
func (w *table) nextByCache(ctx context.Context) (int, error) {
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

// unsure says what the plan assumes.
func (w *table) unsure() string {
	switch {
	case w.repair:
		return "if the table has all rows that were loaded, it is not rebuilt"
	case w.exists && w.seen.ledger != w.whole.Ledger:
		return "the table's properties do not say that it is this pipeline's: if it is not, the load stops"
	case w.exists && w.cached.Snapshot != w.state.Snapshot.Begin && w.seen.snapshot == w.state.Snapshot.Begin:
		return "the table may hold some of this: the load then skips that"
	}
	return ""
}

// planReplace adds the statements that replace the log by its snapshot.
func (w *table) planReplace(p *Plan) error {
	d := w.state.Snapshot
	w.columns = columnTypes{}
	w.columns.add(targetColumns(d.Columns))
	add := func(op operation) error {
		p.Statements = append(p.Statements, op.sql)
		return nil
	}
	p.Statements = append(p.Statements, snapshotSQL(w.target, w.owner(), w.state, w.loader.Files.Root(), w.loader.Now()))
	return w.describe(d, add)
}
