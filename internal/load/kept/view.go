package kept

import (
	"context"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/view"
)

// KeepViews makes the views of the tables, and keeps them as they should be.
func (p *Keeper) KeepViews(ctx context.Context, tables []*Table) error {
	for _, k := range tables {
		if k.err != nil {
			continue
		}
		v := k.view()
		kept := Record(k.loaded, k.Kind)
		_, err := p.views(k.log).Keep(ctx, v, kept.View)
		switch {
		case ctx.Err() != nil, failure.KindOf(err) == failure.Conflict:
			return err
		case err != nil:
			p.Log.Warn("a view could not be updated", "view", v.Name.Display(), "error", err,
				"hint", "ingest load --tables "+k.log.State.Table.Argument())
			kept.View = ""
		default:
			kept.View = v.Key()
			if k.Kind == Current { // its view has the name of the view that folds the log
				k.loaded.View = ""
			}
		}
		SetRecord(k.loaded, k.Kind, kept)
	}
	return nil
}

// view is the user-facing view.
func (k *Table) view() view.View {
	var query string
	if shown := k.shown(); k.Kind == History {
		query = shown.HistoryView()
	} else {
		query = shown.CurrentView(k.ShowGone)
	}
	return view.View{Name: k.View, Query: query, Kept: true}.Of(k.types).Saying(k.keeper.Descriptions.OfView(k.View, k.log))
}

// PlanView lists the statements that KeepViews would send.
func (k *Table) PlanView(ctx context.Context) ([]string, error) {
	if k.err != nil {
		return nil, nil
	}
	return k.keeper.views(k.log).Plan(ctx, k.view(), k.cached.View)
}
