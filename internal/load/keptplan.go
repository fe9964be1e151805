package load

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
)

// planKept adds the statements that would keep the tables beside the log, as far as
// the cache and Unity Catalog tell where they are.
func (w *table) planKept(ctx context.Context, p *Plan) error {
	for _, k := range w.kept {
		if err := k.lookUp(ctx); err != nil {
			return err
		}
	}
	for _, k := range w.kept {
		if k.exists && k.err == nil && k.Kind == KeptHistory && k.cached.Snapshot != "" && k.cached.Snapshot != w.state.Snapshot.Directory {
			p.unsure("what is staged from before the snapshot is loaded first, for the history")
		}
		if err := k.plan(ctx, p); err != nil {
			return err
		}
		if k.err != nil && p.Err == nil {
			p.Err = k.err
		}
	}
	return w.planViews(ctx, p)
}

// planViews adds what becomes of the views. See keepViews.
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

// lookUp is look without the warehouse: whose the table is stays open.
func (k *kept) lookUp(ctx context.Context) error {
	info, err := k.w.loader.Workspace.TableInfo(ctx, k.Data)
	switch {
	case databricks.NotFound(err):
		return nil
	case err != nil:
		return err
	case info.Kind == "VIEW":
		k.err = failure.New(failure.Tables, "%s is a view", k.Data.Display()).WithHint("if the view may go: %s", DropViewCommand(k.Data))
		return nil
	}
	k.exists, k.columns, k.types, k.properties = true, info.Columns, targetTypes(info.Columns), info.Properties
	return nil
}

// plan goes the way of keep. No statement is sent, and each is taken to do what it
// is for.
func (k *kept) plan(ctx context.Context, p *Plan) error {
	if k.exists && !k.rebuild && k.at == (fold.Position{}) {
		p.unsure("how far " + k.Data.Display() + " is: the table says it")
		return nil
	}
	k.dry, k.known = func(sql string) { p.Statements = append(p.Statements, sql) }, true
	for k.err == nil && (k.rebuild || !k.exists || k.at != k.target()) {
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

// declared are the table's columns as it is made.
func (k *kept) declared() []databricks.TargetColumn {
	if k.Kind == KeptHistory {
		return k.fold().HistoryColumns()
	}
	return k.fold().CurrentColumns()
}

// follows is where the table is after the next statement. See advance.
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

// PlanSnapshot adds to a plan what would become of the tables beside the log of a
// table whose snapshot is yet to be taken.
func (l *Loader) PlanSnapshot(ctx context.Context, cache *Cache, state *ledger.State, d *ledger.Done, b *ledger.Begin, p *Plan) error {
	t := &ledger.TableState{Table: d.Table, Snapshot: d, Begin: b, Columns: d.Columns, DoneNumber: d.Begin + 1}
	w := l.newTable(state, t, cache.Tables[d.Table])
	w.columns, w.reached = columnTypes{}, state
	w.columns.add(targetColumns(d.Columns))
	w.kept = w.beside(Options{})
	return w.planKept(ctx, p)
}
