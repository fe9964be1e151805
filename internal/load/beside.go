package load

import (
	"context"
	"slices"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/view"
	"github.com/ingest-tool/ingest/internal/schema"
)

// definitions lists the tables to keep beside the log.
func (w *table) definitions() []kept.Definition { return w.loader.keeper().Definitions(&w.Log) }

// beside lists the tables beside the log, without the quarantined ones.
func (w *table) beside(o Options) []*kept.Table {
	return w.loader.keeper().Beside(&w.Log, &w.cached, &w.loaded, o.kept())
}

// keptStopped returns the results of the quarantined tables beside the log that
// the load does not retry.
func (w *table) keptStopped(o Options) []kept.Result {
	return w.loader.keeper().Stopped(&w.Log, &w.cached, o.kept())
}

// keptBehind reports whether the cache lacks something of the tables beside the
// log, or of the view that loads create.
func (w *table) keptBehind(o Options) bool {
	if w.loader.View != nil && !view.IsKept(w.cached.View) {
		if v, ok := w.loader.View(w.State, func(string) bool { return true }); ok && v.Kept {
			return true
		}
	}
	return w.loader.keeper().Behind(&w.Log, &w.cached, o.kept())
}

// KeptStates lists the tables beside a log as the cache knows them.
func (l *Loader) KeptStates(state *ledger.State, t *ledger.TableState, cached loads.Table) []kept.State {
	return l.keeper().States(&l.newTable(state, t, cached).Log, &cached)
}

// KeptChecks describes the present tables beside a log to code that verifies
// them.
func (l *Loader) KeptChecks(ctx context.Context, state *ledger.State, t *ledger.TableState, cached loads.Table) ([]kept.Check, error) {
	return l.keeper().Checks(ctx, &l.newTable(state, t, cached).Log, &cached)
}

// HistoriesBehind lists the tables whose history, according to the cache, does
// not have the newest snapshot yet. The load that adds it first needs the
// remaining data of an older log.
func (l *Loader) HistoriesBehind(ctx context.Context, state *ledger.State) (map[schema.TableName]bool, error) {
	cache, err := loads.Read(ctx, l.Files, state.Ledger)
	if err != nil {
		return nil, err
	}
	behind := map[schema.TableName]bool{}
	for _, t := range state.Sorted() {
		w := l.newTable(state, t, cache.Tables[t.Table])
		if l.keeper().HistoryBehind(&w.Log, &w.cached) {
			behind[t.Table] = true
		}
	}
	return behind, nil
}

// refuseRebuild returns an error if no chosen table has a table of the kinds to
// rebuild.
func (l *Loader) refuseRebuild(state *ledger.State, o Options) error {
	for _, kind := range o.Rebuild {
		if slices.ContainsFunc(state.Sorted(), func(t *ledger.TableState) bool {
			return (o.Tables == nil || slices.Contains(o.Tables, t.Table)) &&
				slices.ContainsFunc(l.newTable(state, t, loads.Table{}).definitions(), func(k kept.Definition) bool { return k.Kind == kind })
		}) {
			continue
		}
		setting := `current = "table"`
		if kind == kept.History {
			setting = "history = true"
		}
		return failure.New(failure.Usage, "rebuild %s: no chosen table that is loaded has %s in the configuration", kind, setting).
			WithHint("`ingest status` shows what is kept of each table")
	}
	return nil
}

// intend records in the cache what is to be rebuilt, before the rebuild starts.
// If the run is killed, the next load continues.
func (l *Loader) intend(ctx context.Context, cache *loads.Cache, uuid string, todo []*table, o Options) error {
	noted := false
	for _, w := range todo {
		for _, k := range w.definitions() {
			c := kept.Record(&w.cached, k.Kind)
			if !slices.Contains(o.Rebuild, k.Kind) || c.Rebuild {
				continue
			}
			c.Rebuild, noted = true, true
			kept.SetRecord(&w.cached, k.Kind, c)
			kept.SetRecord(&w.loaded, k.Kind, c)
			cache.Tables[w.State.Table] = w.cached
		}
	}
	if !noted {
		return nil
	}
	if err := l.Lock.Prove(ctx); err != nil {
		return err
	}
	cache.Ledger, cache.Run, cache.Version, cache.Time = uuid, l.Run, l.Version, l.Now().UTC()
	return cache.Write(ctx, l.Files)
}
