package replicate

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
)

// CDCOptions choose what a run of cdc does.
type CDCOptions struct {
	StageOnly   bool
	Follow      bool // go on until stop ends
	SnapshotNew bool // take snapshots of selected tables that have none
	LoadEvery   time.Duration
}

// CDC stages what the source committed before the call and loads it. With
// Follow it goes on until stop is done; ctx ends it at once.
func (p *Pipeline) CDC(ctx, stop context.Context, o CDCOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.cdc(ctx, stop, s, o)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) cdc(ctx, stop context.Context, s *Summary, o CDCOptions) error {
	if err := p.begun(); err != nil {
		return err
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := p.checkSource(); err != nil {
		return err
	}
	// Read first: a commit that was acknowledged before this is in.
	target, _, err := p.source.Positions(ctx, conn)
	if err != nil {
		return err
	}
	if err := p.source.Identify(ctx); err != nil {
		return err
	}
	if err := p.checkSlot(ctx, conn, p.ledger.State()); err != nil {
		return err
	}
	marks, err := p.hidden(ctx, conn)
	if err != nil {
		return err
	}
	if o.SnapshotNew && !o.Follow {
		if err := p.snapshotNew(ctx, s); err != nil {
			return err
		}
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	if o.Follow {
		return p.follow(ctx, stop, s, stager, target, marks, o)
	}
	result, err := stager.Drain(ctx, target, marks)
	s.add(p, result)
	if err != nil {
		return err
	}
	if o.StageOnly {
		return nil
	}
	return p.load(ctx, s, load.Options{})
}

// begun says that there is nothing to go on from before the first full load.
func (p *Pipeline) begun() error {
	if p.ledger.State().Origin != nil {
		return nil
	}
	return failure.New(failure.Conflict, "nothing was loaded yet: %s has no ledger", p.workspace.Files().Root()).
		WithHint("run `ingest full-load` first")
}

func (s *Summary) add(p *Pipeline, r stage.DrainResult) {
	s.Entries += r.Entries
	s.Transactions += r.Transactions
	for table, ops := range r.Tables {
		t := s.table(p, table)
		if t.Changes == nil {
			t.Changes = map[string]int64{}
		}
		for op, n := range ops {
			t.Changes[string(op)] += n
			t.Staged += n
		}
	}
	for _, m := range r.Reload {
		s.table(p, m.Table).Reload = m.Reason
	}
}

// Load brings the tables to the ledger's head.
func (p *Pipeline) Load(ctx context.Context, tables []string, repair bool) (*Summary, error) {
	s := p.newSummary()
	if err := p.begun(); err != nil {
		return s, s.end(p, err)
	}
	o := load.Options{Repair: repair}
	for _, name := range tables {
		table, err := p.known(name)
		if err != nil {
			return s, s.end(p, err)
		}
		o.Tables = append(o.Tables, table)
	}
	return s, s.end(p, p.load(ctx, s, o))
}

// known finds a table of the ledger by its name.
func (p *Pipeline) known(name string) (schema.TableName, error) {
	table, err := schema.ParseTableName(name, p.config.Source.Schemas[0])
	if err != nil {
		return table, failure.Wrap(failure.Usage, err)
	}
	if p.ledger.State().Tables[table] == nil {
		return table, failure.New(failure.Usage, "table %q is not in the ledger", name).WithHint("`ingest status` lists the tables")
	}
	return table, nil
}

// chosen finds tables of the ledger by their names; all of them, by name, if
// none is given.
func (p *Pipeline) chosen(names []string) ([]*ledger.TableState, error) {
	state := p.ledger.State()
	if len(names) == 0 {
		return state.Sorted(), nil
	}
	tables := make([]*ledger.TableState, len(names))
	for i, name := range names {
		table, err := p.known(name)
		if err != nil {
			return nil, err
		}
		tables[i] = state.Tables[table]
	}
	return tables, nil
}

// snapshotNew takes snapshots of selected tables that have none.
func (p *Pipeline) snapshotNew(ctx context.Context, s *Summary) error {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	relations, err := p.selected(ctx, conn, nil)
	if err != nil {
		return err
	}
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(relations, func(r postgres.Relation) bool { return state.Current(state.Tables[r.Name]) })
	if len(fresh) == 0 {
		return nil
	}
	if fresh, err = p.refuse(ctx, conn, s, fresh); err != nil || len(fresh) == 0 {
		return err
	}
	if err := p.publish(ctx, conn, fresh); err != nil {
		return err
	}
	return p.snapshot(ctx, s, fresh)
}

// newTablesEvery is how often a following run looks for new tables.
const newTablesEvery = time.Minute

// follow stages on one goroutine, loads on another and, if asked, takes
// snapshots of new tables on a third, until stop is done. What is staged then
// is loaded before it returns.
func (p *Pipeline) follow(ctx, stop context.Context, s *Summary, stager *stage.Stager, target lsn, marks []ledger.ReloadMark, o CDCOptions) error {
	g, gctx := errgroup.WithContext(ctx)
	halt, cancel := context.WithCancel(stop)
	defer cancel()
	g.Go(func() error {
		defer cancel()
		result, err := stager.Follow(gctx, halt, target, marks, func() {})
		s.add(p, result)
		return err
	})
	snapshots := p.newSummary() // of its own: summaries are not shared
	if o.SnapshotNew {
		g.Go(func() error {
			return every(gctx, halt, newTablesEvery, func() error { return p.snapshotNew(gctx, snapshots) })
		})
	}
	loads := p.newSummary()
	if !o.StageOnly {
		g.Go(func() error {
			return every(gctx, halt, o.LoadEvery, func() error { return p.load(gctx, loads, load.Options{}) })
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if !o.StageOnly {
		if err := p.load(ctx, loads, load.Options{}); err != nil {
			return err
		}
	}
	s.merge(p, snapshots)
	s.merge(p, loads)
	return nil
}

// merge adds another summary's tables.
func (s *Summary) merge(p *Pipeline, o *Summary) {
	s.Entries += o.Entries
	for _, from := range o.Tables {
		t := s.table(p, from.name)
		t.Staged += from.Staged
		t.Segments += from.Segments
		t.Bytes += from.Bytes
		t.Loaded, t.Total, t.Replaced, t.Quarantined = from.Loaded, from.Total, from.Replaced, from.Quarantined
		t.Added = append(t.Added, from.Added...)
		t.Widened = append(t.Widened, from.Widened...)
		if from.Error != "" {
			t.Error, t.Hint = from.Error, from.Hint
		}
	}
}

// every calls do now and after each interval until halt is done.
func every(ctx, halt context.Context, interval time.Duration, do func() error) error {
	for {
		if err := do(); err != nil {
			if errors.Is(err, context.Canceled) && ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		select {
		case <-halt.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}
