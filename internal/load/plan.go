package load

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
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

	table *table // as the load would work on it
}

// Plan describes what Load would do, for all tables that Load would change. It
// does not use the warehouse: it takes a table's contents from the cache. It
// writes nothing.
func (l *Loader) Plan(ctx context.Context, o Options) ([]Plan, error) {
	cache, state, err := loads.ReadBoth(ctx, l.Files, l.Ledger)
	if err != nil {
		return nil, err
	}
	if err := cache.Within(state); err != nil {
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
		g.Go(func() error {
			w.kept = w.beside(o)
			planned[i] = Plan{Table: w.State.Table, Target: w.Target, table: w}
			return planner{w, &planned[i]}.load(gctx, o)
		})
	}
	err = g.Wait()
	return append(plans, planned...), err
}

// add adds statements.
func (p *Plan) add(statements ...string) { p.Statements = append(p.Statements, statements...) }

// unsure adds what only the table itself can answer; "" adds nothing.
func (p *Plan) unsure(what string) {
	if p.Unsure != "" && what != "" {
		p.Unsure += "; "
	}
	p.Unsure += what
}

// PlanSnapshot adds to a plan the statements that would replace a target by a
// snapshot, and those for the tables beside the log. The snapshot is described
// by d and b; it need not exist yet.
func (l *Loader) PlanSnapshot(ctx context.Context, cache *loads.Cache, state *ledger.State, d *ledger.Done,
	b *ledger.Begin, p *Plan) error {
	t := &ledger.TableState{Table: d.Table, Snapshot: d, Begin: b, Columns: d.Columns, DoneNumber: d.Begin + 1}
	w := l.newTable(state, t, cache.Tables[d.Table])
	p.Table, p.table = d.Table, w
	w.kept = w.beside(Options{})
	plan := planner{w, p}
	if err := plan.find(ctx); err != nil || p.Err != nil {
		return err
	}
	if now := state.Tables[d.Table]; now != nil && now.Snapshot != nil && w.ends() {
		e := &ending{w: w, chapters: []*table{l.newTable(state, now, w.cached)}}
		if err := e.plan(ctx, p, Options{}); err != nil || p.Err != nil {
			return err
		}
	}
	w.Reached = state
	if err := plan.replace(); err != nil {
		return err
	}
	if err := plan.besideLog(ctx); err != nil {
		return err
	}
	return plan.views(ctx)
}
