package load

import (
	"context"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// planner adds to a plan what a load would do with one table. It takes the
// contents of the table from the cache, and sends nothing to the warehouse.
type planner struct {
	*table
	p *Plan
}

// load adds the statements of a load.
func (w planner) load(ctx context.Context, o Options) error {
	if err := w.find(ctx); err != nil || w.p.Err != nil {
		return err
	}
	if w.ends() {
		e := &ending{w: w.table}
		if err := w.loader.unfinished(ctx, []*ending{e}); err != nil {
			return err
		}
		if err := e.plan(ctx, w.p, o); err != nil || w.p.Err != nil {
			return err
		}
	}
	err := w.log(ctx)
	if err == nil && w.p.Err == nil {
		err = w.besideLog(ctx)
	}
	if err == nil {
		err = w.views(ctx)
	}
	return err
}

// find reads from Unity Catalog what there is of the log and of the tables beside
// it.
func (w planner) find(ctx context.Context) error {
	info, err := w.Find(ctx, w.loader.Workspace)
	if err != nil {
		return err
	}
	if info != nil {
		if w.p.Err = w.asView(info); w.p.Err != nil {
			return nil
		}
		w.seen.owner = ownerOf(info.Properties)
	}
	for _, k := range w.kept {
		if err := k.Find(ctx); err != nil {
			return err
		}
	}
	return nil
}

// log adds the statements that would advance the log.
func (w planner) log(ctx context.Context) error {
	n, err := w.nextByCache(ctx)
	if err == nil {
		err = statements{w.table, func(op bronze.Operation) error {
			w.p.add(op.SQL)
			return op.Ended(nil)
		}}.from(ctx, n)
	}
	if failure.KindOf(err) == failure.Tables {
		w.p.Err, err = err, nil
	}
	w.p.unsure(w.assumes())
	w.p.Snapshot, w.p.Rows = w.result.Snapshot, w.p.Rows+w.result.Rows
	return err
}

// nextByCache is next with the cache in place of the table.
func (w planner) nextByCache(ctx context.Context) (int, error) {
	begin := w.State.Snapshot.Begin
	if !w.Exists || w.seen.snapshot != begin || w.repair {
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

// assumes says what the plan assumes; "" if nothing.
func (w planner) assumes() string {
	switch {
	case w.repair:
		return "if the table has all rows that were loaded, it is not rebuilt"
	case w.Exists && w.seen.ledger != w.Whole.Ledger:
		return "the table's properties do not say that it is this pipeline's: if it is not, the load stops"
	case w.Exists && w.cached.Snapshot != w.State.Snapshot.Begin && w.seen.snapshot == w.State.Snapshot.Begin:
		return "the table may hold some of this: the load then skips that"
	}
	return ""
}

// replace adds the statements that replace the log by its snapshot.
func (w planner) replace() error {
	d := w.State.Snapshot
	w.Columns = bronze.Types{}
	w.Columns.Add(bronze.Columns(d.Columns))
	w.p.add(snapshotSQL(w.Target, w.owner(), w.State, w.loader.Files.Root(), w.loader.Now()))
	return statements{w.table, func(op bronze.Operation) error {
		w.p.add(op.SQL)
		return nil
	}}.describe(d)
}

// besideLog adds the statements that would update the tables beside the log. The
// cache and Unity Catalog give their positions.
func (w planner) besideLog(ctx context.Context) error {
	for _, k := range w.kept {
		unsure, err := k.Plan(ctx, w.p.add)
		if err != nil {
			return err
		}
		w.p.unsure(unsure)
		if k.Err() != nil && w.p.Err == nil {
			w.p.Err = k.Err()
		}
	}
	return nil
}

// plan adds the statements of finish. Later parts of the plan continue from the
// resulting state.
func (e *ending) plan(ctx context.Context, p *Plan, o Options) error {
	for len(e.chapters) > 0 && p.Err == nil {
		one := e.next(o)
		e.chapters = e.chapters[:len(e.chapters)-1]
		plan := planner{one, p}
		if err := plan.find(ctx); err != nil || p.Err != nil {
			return err
		}
		for _, k := range one.kept {
			k.Follow(e.w.kept)
		}
		if err := plan.log(ctx); err != nil || p.Err != nil {
			return err
		}
		if err := plan.besideLog(ctx); err != nil {
			return err
		}
		for _, k := range e.w.kept {
			k.Follow(one.kept)
		}
		e.w.cached.Snapshot, e.w.cached.Directory, e.w.cached.Entry = one.State.Snapshot.Begin, one.State.Snapshot.Directory,
			one.steps[len(one.steps)-1].entry
	}
	return nil
}

// views adds the changes to the views. See keepViews.
func (w planner) views(ctx context.Context) error {
	l := w.loader
	for _, k := range w.kept {
		statements, err := k.PlanView(ctx)
		if err != nil {
			return err
		}
		w.p.add(statements...)
	}
	if l.View == nil || w.p.Err != nil {
		return nil
	}
	v, ok := l.View(w.State, w.Columns.Has)
	if !ok {
		return nil
	}
	statements, err := l.views(w.Whole.Ledger).Plan(ctx, w.shown(v), w.viewed)
	w.p.add(statements...)
	return err
}
