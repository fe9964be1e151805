package load

import (
	"context"
	"maps"
	"path"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/control"
	"github.com/ingest-tool/ingest/internal/load/loads"
)

// record adds to the control table what it lacks, and notes it in the cache. It
// reports whether the cache changed.
func (l *Loader) record(ctx context.Context, cache *loads.Cache, state *ledger.State, started time.Time) (changed bool, err error) {
	if l.Control == nil {
		return false, nil
	}
	recorded, err := l.controller().Record(ctx, &control.Load{Whole: state, Tables: cache.Tables, Started: started, Finished: l.Now().UTC()})
	for name, r := range recorded {
		if t := cache.Tables[name]; t.Recorded != r {
			t.Recorded, changed = r, true
			cache.Tables[name] = t
		}
	}
	return changed, err
}

func (l *Loader) controller() *control.Keeper {
	return &control.Keeper{
		Table: *l.Control, Pipeline: path.Base(l.Files.Root()), Target: l.Target, Ledger: l.Ledger, Workspace: l.Workspace,
		Warehouse: l.Warehouse, Lock: l.Lock, Log: l.Log, Run: l.Run, Version: l.Version,
	}
}

// PlanControl lists the statements that add rows to the control table if the
// planned loads end as planned. A plan that was made for a snapshot that does not
// exist yet has the state that it was made with.
func (l *Loader) PlanControl(ctx context.Context, cache *loads.Cache, state *ledger.State, plans []Plan) ([]string, error) {
	if l.Control == nil {
		return nil, nil
	}
	whole, tables := *state, maps.Clone(cache.Tables)
	whole.Tables = maps.Clone(state.Tables)
	loads := 0
	for _, p := range plans {
		if p.Err != nil || p.table == nil || len(p.Statements) == 0 {
			continue
		}
		loads++
		t, d := tables[p.Table], p.table.State.Snapshot
		t.Snapshot, t.Directory, t.Entry = d.Begin, d.Directory, p.table.steps[len(p.table.steps)-1].entry
		whole.Tables[p.Table], tables[p.Table] = p.table.State, t
	}
	if loads == 0 {
		return nil, nil
	}
	now := l.Now().UTC()
	return l.controller().Plan(ctx, &control.Load{Whole: &whole, Tables: tables, Started: now, Finished: now})
}
