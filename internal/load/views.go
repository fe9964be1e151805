package load

import (
	"context"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/view"
)

// keepViews updates the views of the tables that are loaded now. It only
// touches existing views of this pipeline whose table changed in a way that
// affects them. A table is complete without its view: a failure is logged, and
// the next load of the table retries.
func (l *Loader) keepViews(ctx context.Context, todo []*table) error {
	if err := l.keeper().KeepViews(ctx, beside(todo)); err != nil || l.View == nil {
		return err
	}
	for _, w := range todo {
		if w.result.Err != nil {
			w.loaded.View = w.viewed
			continue
		}
		v, ok := l.View(w.State, w.Columns.Has)
		if !ok {
			continue
		}
		v = w.shown(v)
		changed, err := l.views(w.Whole.Ledger).Keep(ctx, v, w.viewed)
		switch {
		case ctx.Err() != nil, failure.KindOf(err) == failure.Conflict:
			return err
		case err != nil:
			w.loaded.View = w.viewed
			l.Log.Warn("a view could not be updated", "view", v.Name.Display(), "error", err,
				"hint", "ingest views --tables "+w.State.Table.Argument())
			continue
		case changed:
			l.Log.Info("a view was created again", "view", v.Name.Display())
		}
		w.loaded.View = v.Key()
		if c := kept.Record(&w.loaded, kept.Current); c.View != "" { // that table has this view's name
			c.View = ""
			kept.SetRecord(&w.loaded, kept.Current, c)
		}
	}
	return nil
}

func (l *Loader) views(ledger string) *view.Maker {
	return &view.Maker{Workspace: l.Workspace, Warehouse: l.Warehouse, Ledger: ledger, Root: l.Files.Root(), Lock: l.Lock, Log: l.Log}
}

// shown adds to the view of the log what only the loaded table says.
func (w *table) shown(v view.View) view.View {
	return v.Of(w.Columns).Saying(w.loader.descriptions().OfView(v.Name, &w.Log))
}
