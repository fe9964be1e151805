package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/stage"
	"ingest/internal/wait"
)

// CDCOptions choose what a run of cdc does.
type CDCOptions struct {
	StageOnly   bool
	Follow      bool // go on until stop ends
	SnapshotNew bool // take snapshots of selected tables that have none
	// LookEvery is how often a following run looks for new tables and for what
	// logical decoding does not tell; 0: every minute.
	LookEvery time.Duration
	// Backoff is how a following run waits after an error that may pass.
	Backoff wait.Backoff
}

// CDC stages what the source committed before the call and loads it. With
// Follow it goes on until stop is done, whatever comes in between that may pass;
// ctx ends it at once. Where stop's deadline ends it, and what it does had failed
// for some time then, that is its error; a stop that is canceled was asked for.
func (p *Pipeline) CDC(ctx, stop context.Context, o CDCOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.cdc(ctx, stop, s, o)
	if p.reloads() {
		p.reloaded(s)
	}
	p.compact(ctx)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) cdc(ctx, stop context.Context, s *Summary, o CDCOptions) error {
	if err := p.begun(ctx); err != nil {
		return err
	}
	if err := p.checkSource(); err != nil {
		return err
	}
	if !o.Follow { // which does so before it stages
		if err := p.spareApplication(ctx); err != nil {
			return err
		}
	}
	if err := load.Older(ctx, p.workspace.Files(), p.ledger); err != nil { // before anything is staged
		return err
	}
	if err := p.namesStand(ctx); err != nil {
		return err
	}
	if o.Follow {
		return p.follow(ctx, stop, s, o)
	}
	target, marks, err := p.ready(ctx)
	if err != nil {
		return err
	}
	if o.SnapshotNew {
		if err := p.snapshotNew(ctx, s); err != nil {
			return err
		}
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	result, err := stager.Drain(ctx, target, marks)
	s.add(p, result)
	if err != nil {
		return err
	}
	if p.reloads() {
		if err := p.reload(ctx, s, nil); err != nil {
			return err
		}
	}
	if o.StageOnly {
		return nil
	}
	return p.load(ctx, s, load.Options{})
}

// ready says up to where to stage, and insists that the slot goes on where the
// ledger ends. It gives marks for what came about unseen.
func (p *Pipeline) ready(ctx context.Context) (target lsn, marks []ledger.ReloadMark, err error) {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer done()
	// Read first: a commit that was acknowledged before this is in.
	if target, _, err = p.source.Positions(ctx, conn); err != nil {
		return 0, nil, err
	}
	if err := p.checkServer(ctx, conn); err != nil {
		return 0, nil, err
	}
	if err := p.source.Identify(ctx); err != nil {
		return 0, nil, err
	}
	slot, err := p.checkSlot(ctx, conn, p.ledger.State())
	if err != nil {
		return 0, nil, err
	}
	p.warnOfSlot(slot)
	marks, err = p.hidden(ctx, conn)
	return target, marks, err
}

// begun says that there is nothing to go on from before the first full load.
func (p *Pipeline) begun(ctx context.Context) error {
	if p.ledger.State().Origin != nil {
		return nil
	}
	if err := p.lostLedger(ctx); err != nil {
		return err
	}
	e := failure.New(failure.Conflict, "nothing was loaded yet: %s has no ledger", p.workspace.Files().Root())
	others, err := p.elsewhere(ctx)
	if err != nil {
		return err
	}
	if others != "" {
		return e.WithHint("run `ingest full-load` first. If catalog, schema or volume were changed: a pipeline of this name reads %s for a ledger in another place, and goes on with the former settings; "+
			"before they are given up for good, `ingest drop` with the former settings lets its slot go, which keeps WAL", others)
	}
	return e.WithHint("run `ingest full-load` first")
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
	for table, err := range r.Failed {
		t := s.table(p, table)
		t.fail(err)
		t.undecoded = t.Error
	}
}

// Load brings the tables to the ledger's head.
func (p *Pipeline) Load(ctx context.Context, tables []string, repair bool, rebuild ...load.KeptKind) (*Summary, error) {
	s := p.newSummary()
	if err := p.begun(ctx); err != nil {
		return s, s.end(p, err)
	}
	o, err := p.loadOptions(tables, repair, rebuild)
	if err == nil {
		err = p.load(ctx, s, o)
	}
	return s, s.end(p, err)
}

func (p *Pipeline) loadOptions(tables []string, repair bool, rebuild []load.KeptKind) (load.Options, error) {
	o := load.Options{Repair: repair, Rebuild: rebuild}
	for _, name := range tables {
		table, err := p.known(name)
		if err != nil {
			return o, err
		}
		o.Tables = append(o.Tables, table)
	}
	return o, nil
}

// known finds a table of the ledger by its name.
func (p *Pipeline) known(name string) (schema.TableName, error) {
	table, err := schema.ParseTableName(name, p.config.Source.Schemas[0])
	if err != nil {
		return table, failure.Wrap(failure.Usage, err)
	}
	if p.ledger.State().Tables[table] == nil {
		e := failure.New(failure.Usage, "table %q is not in the ledger", name)
		var known []string
		for t := range p.ledger.State().Tables {
			known = append(known, t.Bare(), t.String())
		}
		slices.Sort(known)
		if near := nearest(name, known); near != "" {
			return table, e.WithHint("did you mean %s? `ingest status` lists the tables", argument(near))
		}
		return table, e.WithHint("`ingest status` lists the tables")
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
	d, err := p.decideNew(ctx, conn, s)
	if err != nil {
		return err
	}
	if err := p.publish(ctx, conn, d); err != nil {
		return err
	}
	return p.snapshot(ctx, s, d.relations)
}

// decideNew looks for selected tables that have no snapshot, and writes nothing.
// One that was renamed has one, until another table is loaded under its name.
func (p *Pipeline) decideNew(ctx context.Context, conn *pgx.Conn, s *Summary) (*decision, error) {
	relations, err := p.selected(ctx, conn, nil, func(table schema.TableName, err error) { s.table(p, table).fail(err) })
	if err != nil {
		return nil, err
	}
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	d := &decision{}
	byOID := state.ByOIDs()
	fresh := slices.DeleteFunc(relations, func(r postgres.Relation) bool { return !p.unloaded(state, byOID, &r) })
	if len(fresh) == 0 {
		return d, nil
	}
	if fresh, err = p.refuse(ctx, conn, s, fresh); err != nil || len(fresh) == 0 {
		return d, err
	}
	if fresh, err = p.unoccupied(ctx, s, fresh, false); isOccupied(err) { // the loaded tables go on
		return d, nil
	}
	if err != nil {
		return d, err
	}
	d.relations, d.published = fresh, fresh
	d.statements, err = p.publicationStatements(ctx, conn, fresh)
	return d, err
}
