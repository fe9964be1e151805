package load

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
)

// planKept adds the statements that would update the tables beside the log. The
// cache and Unity Catalog give their positions.
func (w *table) planKept(ctx context.Context, p *Plan) error {
	for _, k := range w.kept {
		if err := k.plan(ctx, p); err != nil {
			return err
		}
		if k.err != nil && p.Err == nil {
			p.Err = k.err
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
		if err := one.planLookUp(ctx, p); err != nil || p.Err != nil {
			return err
		}
		for _, k := range one.kept {
			k.follow(e.w)
		}
		if err := one.planLog(ctx, p); err != nil || p.Err != nil {
			return err
		}
		if err := one.planKept(ctx, p); err != nil {
			return err
		}
		for _, k := range e.w.kept {
			k.follow(one)
		}
		e.w.cached.Snapshot, e.w.cached.Directory, e.w.cached.Entry = one.state.Snapshot.Begin, one.state.Snapshot.Directory, one.steps[len(one.steps)-1].entry
	}
	return nil
}

// follow takes over the planned state of the table of the same kind.
func (k *kept) follow(w *table) {
	for _, other := range w.kept {
		if other.Kind == k.Kind && other.dry != nil {
			k.at, k.types, k.columns, k.exists, k.dry = other.at, other.types, other.columns, other.exists, other.dry
		}
	}
}

// planViews adds the changes to the views. See keepViews.
func (w *table) planViews(ctx context.Context, p *Plan) error {
	l := w.loader
	views := l.views(w.whole.Ledger)
	plan := func(v View, was string) error {
		if was == v.key() {
			return nil
		}
		change, ours, err := views.Needs(ctx, v)
		if err != nil {
			return err
		}
		makes, says := v.needs(change, ours)
		if makes {
			p.Statements = append(p.Statements, views.statements(v, change)...)
		}
		if says {
			p.Statements = append(p.Statements, v.says...)
		}
		return nil
	}
	for _, k := range w.kept {
		if k.err == nil {
			if err := plan(k.view(), k.cached.View); err != nil {
				return err
			}
		}
	}
	if l.View == nil || p.Err != nil {
		return nil
	}
	v, ok := l.View(w.state, w.columns.has)
	if !ok {
		return nil
	}
	v.types, v.says = w.columns.text(), w.saysOf(v.Name)
	return plan(v, w.viewed)
}

func (p *Plan) unsure(what string) {
	if p.Unsure != "" {
		p.Unsure += "; "
	}
	p.Unsure += what
}

// lookUp is look without the warehouse. It does not decide who owns the table.
func (k *kept) lookUp(ctx context.Context) error {
	info, err := k.w.loader.Workspace.Tables().Info(ctx, k.Data)
	switch {
	case databricks.NotFound(err):
		return nil
	case err != nil:
		return err
	case info.Kind == "VIEW":
		k.err = failure.New(failure.Tables, "%s is a view", k.Data.Display()).WithHint("if the view can be dropped: %s", DropViewCommand(k.Data))
		return nil
	}
	k.exists, k.columns, k.types, k.properties = true, info.Columns, targetTypes(info.Columns), info.Properties
	return nil
}

// plan follows the same path as keep. It sends no statement and assumes that
// each one succeeds.
func (k *kept) plan(ctx context.Context, p *Plan) error {
	if k.exists && !k.rebuild && k.at == (fold.Position{}) {
		p.unsure("how far " + k.Data.Display() + " is: only the table shows it")
		return nil
	}
	k.dry, k.known = func(sql string) { p.Statements = append(p.Statements, sql) }, true
	for k.err == nil && !(k.exists && k.done()) {
		next, made := k.follows(), !k.exists || k.Kind == KeptCurrent && k.at.Snapshot != k.target().Snapshot
		k.stays = false
		if err := k.advance(ctx); err != nil {
			return err
		}
		if k.stays {
			continue
		}
		if k.at, k.exists = next, true; made {
			k.types = columnTypes{}
			k.types.add(k.declared())
		}
	}
	return nil
}

// declared lists the columns that the table is created with.
func (k *kept) declared() []databricks.TargetColumn {
	if k.Kind == KeptHistory {
		return k.fold().HistoryColumns()
	}
	return k.fold().CurrentColumns()
}

// follows is the table's position after the next statement. See advance.
func (k *kept) follows() fold.Position {
	to := k.target()
	switch {
	case k.Kind == KeptCurrent:
		return to
	case !k.exists:
		return fold.Position{}
	case k.rebuild:
		return fold.Position{Entry: k.w.state.DoneNumber}
	case k.at.Snapshot != to.Snapshot:
		return fold.Position{Snapshot: to.Snapshot, Entry: k.w.state.DoneNumber}
	}
	return to
}

// PlanSnapshot adds to a plan the statements that would replace a target by a
// snapshot, and those for the tables beside the log. The snapshot is described
// by d and b; it need not exist yet.
func (l *Loader) PlanSnapshot(ctx context.Context, cache *Cache, state *ledger.State, d *ledger.Done, b *ledger.Begin, p *Plan) error {
	t := &ledger.TableState{Table: d.Table, Snapshot: d, Begin: b, Columns: d.Columns, DoneNumber: d.Begin + 1}
	w := l.newTable(state, t, cache.Tables[d.Table])
	w.kept = w.beside(Options{})
	if err := w.planLookUp(ctx, p); err != nil || p.Err != nil {
		return err
	}
	if now := state.Tables[d.Table]; now != nil && now.Snapshot != nil && w.ends() {
		e := &ending{w: w, chapters: []*table{l.newTable(state, now, w.cached)}}
		if err := e.plan(ctx, p, Options{}); err != nil || p.Err != nil {
			return err
		}
	}
	w.reached = state
	if err := w.planReplace(p); err != nil {
		return err
	}
	if err := w.planKept(ctx, p); err != nil {
		return err
	}
	return w.planViews(ctx, p)
}
