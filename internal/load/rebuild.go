package load

import (
	"context"
	"fmt"
	"slices"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
)

// KeptKinds lists all kinds.
var KeptKinds = []KeptKind{KeptCurrent, KeptHistory}

// refuseRebuild returns an error if no chosen table has a table of the kinds to
// rebuild.
func (l *Loader) refuseRebuild(state *ledger.State, o Options) error {
	for _, kind := range o.Rebuild {
		if slices.ContainsFunc(state.Sorted(), func(t *ledger.TableState) bool {
			return (o.Tables == nil || slices.Contains(o.Tables, t.Table)) &&
				slices.ContainsFunc(l.newTable(state, t, Loaded{}).keepings(), func(k Keeping) bool { return k.Kind == kind })
		}) {
			continue
		}
		setting := `current = "table"`
		if kind == KeptHistory {
			setting = "history = true"
		}
		return failure.New(failure.Usage, "rebuild %s: no chosen table that is loaded has %s in the configuration", kind, setting).
			WithHint("`ingest status` shows what is kept of each table")
	}
	return nil
}

// intend records in the cache what is to be rebuilt, before the rebuild starts.
// If the run is killed, the next load continues.
func (l *Loader) intend(ctx context.Context, cache *Cache, uuid string, todo []*table, o Options) error {
	noted := false
	for _, w := range todo {
		for _, k := range w.keepings() {
			c := w.cached.of(k.Kind)
			if !slices.Contains(o.Rebuild, k.Kind) || c.Rebuild {
				continue
			}
			c.Rebuild, noted = true, true
			w.cached.keep(k.Kind, c)
			w.loaded.keep(k.Kind, c)
			cache.Tables[w.state.Table] = w.cached
		}
	}
	if !noted {
		return nil
	}
	if err := l.Lock.Prove(ctx); err != nil {
		return err
	}
	cache.Ledger, cache.Run, cache.Version, cache.Time = uuid, l.Run, l.Version, l.Now().UTC()
	return cache.write(ctx, l.Files)
}

// empty checks whether a history has no periods. It runs after a reset.
func (k *kept) empty(ctx context.Context) error {
	answer, err := k.w.loader.Warehouse.Query(ctx, fold.CountPeriods(k.Data))
	if err != nil {
		return fmt.Errorf("count the periods of %s: %w", k.Data.Display(), err)
	}
	n, err := answer.Int(0, "periods")
	k.result.Fresh = err == nil && n == 0
	return err
}

// reset sets a history back to the entry by which its log's snapshot was done.
func (k *kept) reset(ctx context.Context) error {
	f := k.fold()
	err := k.send(ctx, databricks.CreateTableAs(k.Data, f.HistoryColumns(), f.ResetHistory(k.w.state.DoneNumber), k.options(f)), "rebuild")
	if err != nil {
		return err
	}
	if k.dry == nil {
		if err := k.empty(ctx); err != nil {
			return err
		}
	}
	k.rebuild, k.result.Replaced = false, true
	return nil
}
