package replicate

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
)

// decider looks at both ends and decides which tables get a snapshot, before anything is written.
// Problems of single tables go into the summary.
type decider struct {
	p    *Pipeline
	conn *pgx.Conn
	s    *Summary
}

// decision is what a full load is about to do.
type decision struct {
	statements []string            // on publications
	published  []postgres.Relation // what the publications contain afterwards
	lost       bool                // the ledger is lost, and no ledger owns the slot of its name
	origin     *origin.New         // nil: the ledger has one
	relations  []postgres.Relation // to snapshot
}

// fullLoad looks at both ends and writes nothing. Problems of single tables go into the summary.
func (d *decider) fullLoad(ctx context.Context, o FullLoadOptions) (*decision, error) {
	p := d.p
	if err := finding.First(p.source.Needs(&p.source.Facts)); err != nil {
		return nil, err
	}
	if !o.StageOnly { // check before hours of staging
		if err := p.workspace.Warehouse().Find(ctx); err != nil {
			return nil, err
		}
	}
	relations, err := p.selection().Tables(ctx, d.conn, o.Tables, nil)
	if err != nil {
		return nil, err
	}
	older, err := p.link.CheckEvidence(ctx, relations, o.Repair)
	if err != nil {
		return nil, err
	}
	out := &decision{lost: older && p.ledger.State().Origin == nil}
	if out.origin, err = p.link.Check(ctx, d.conn, o.Repair); err != nil {
		return nil, err
	}
	if relations, err = d.refuse(ctx, relations); err != nil {
		return nil, err
	}
	if len(relations) == 0 {
		return nil, failure.New(failure.Source, "no table can be loaded, the first: %s", d.s.Tables[0].Error).WithHint("%s", d.s.Tables[0].Hint)
	}
	if relations, err = d.unoccupied(ctx, relations, !o.StageOnly && o.confirm); err != nil {
		return nil, err
	}
	if out.statements, err = d.statements(ctx, relations); err != nil {
		return nil, err
	}
	out.relations, out.published = relations, relations
	if out.origin == nil && (o.Resume || o.Repair && !older) { // with a new origin no snapshot is usable
		out.relations, err = d.unfinished(ctx, relations, o.Repair)
	}
	return out, err
}

// selected returns the tables of the configuration. Collisions go into the summary.
func (d *decider) selected(ctx context.Context) ([]postgres.Relation, error) {
	return d.p.selection().Tables(ctx, d.conn, nil, func(table schema.TableName, err error) { d.s.table(d.p, table).fail(err) })
}

// fresh looks for selected tables that have no snapshot, and writes nothing. A renamed table keeps its
// snapshot, until another table is loaded under its name.
func (d *decider) fresh(ctx context.Context) (*decision, error) {
	relations, err := d.selected(ctx)
	if err != nil {
		return nil, err
	}
	state, err := d.p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	byOID, choice := state.ByOIDs(), d.p.selection()
	fresh := slices.DeleteFunc(relations, func(r postgres.Relation) bool { return !choice.Unloaded(state, byOID, &r) })
	if len(fresh) == 0 {
		return &decision{}, nil
	}
	return d.beside(ctx, fresh)
}

// reload looks for the tables that need a full load, as needs reports them, and writes nothing.
func (d *decider) reload(ctx context.Context, needs func(schema.TableName) bool) (*decision, error) {
	out := &decision{}
	if _, err := d.p.ledger.Refresh(ctx); err != nil {
		return out, err
	}
	if !slices.ContainsFunc(d.p.ledger.State().Sorted(), func(t *ledger.TableState) bool { return needs(t.Table) }) {
		return out, nil
	}
	relations, err := d.selected(ctx)
	if err != nil {
		return out, err
	}
	relations = slices.DeleteFunc(relations, func(r postgres.Relation) bool { return !needs(r.Name) })
	if len(relations) == 0 {
		return out, nil
	}
	return d.beside(ctx, relations)
}

// beside decides which of the relations a run can load while the loaded tables go on: problems of
// single tables do not end it.
func (d *decider) beside(ctx context.Context, relations []postgres.Relation) (*decision, error) {
	out := &decision{}
	relations, err := d.refuse(ctx, relations)
	if err != nil || len(relations) == 0 {
		return out, err
	}
	if relations, err = d.unoccupied(ctx, relations, false); isOccupied(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.relations, out.published = relations, relations
	out.statements, err = d.statements(ctx, relations)
	return out, err
}

// unfinished keeps the relations without a usable snapshot. For a repair it also keeps those that are
// marked for a reload or quarantined.
func (d *decider) unfinished(ctx context.Context, relations []postgres.Relation, repair bool) ([]postgres.Relation, error) {
	state := d.p.ledger.State()
	cache, err := loads.Read(ctx, d.p.workspace.Files(), state.Ledger)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool {
		return finished(state, &r, repair, cache.Tables[r.Name].Quarantine != nil)
	}), nil
}

// finished reports that a relation has a usable snapshot, and that a repair has nothing to do with it.
func finished(state *ledger.State, r *postgres.Relation, repair, quarantined bool) bool {
	t := state.Tables[r.Name]
	if !state.Current(t) || state.Pending(r.Name) || state.Another(r.Name, r.OID) {
		return false
	}
	return !repair || t.Reload == nil && !quarantined
}

// refuse splits the relations into those that can be loaded and those that cannot. The errors of the
// latter go into the summary.
func (d *decider) refuse(ctx context.Context, relations []postgres.Relation) ([]postgres.Relation, error) {
	p := d.p
	pubs, err := publication.Read(ctx, d.conn, p.source, p.link.Reads())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool {
		as := pubs.As(&r)
		found := slices.Concat(pubs.Obstacles(&r), p.names.Obstacles(as), p.names.ForDropped(as, p.ledger.State().Tables[r.Name]))
		if len(found) == 0 {
			return false
		}
		d.refused(r.Name, found)
		return true
	}), nil
}

// refused logs the problems of a table and puts all of them into its summary.
func (d *decider) refused(table schema.TableName, found []finding.Finding) {
	for _, f := range found {
		d.p.log.Error("the table cannot be loaded; the others continue", "table", table.String(), "because", f.What, "remedy", f.Remedy)
	}
	err := finding.All(found)
	d.s.table(d.p, table).fail(failure.New(failure.KindOf(err), "table %s: %w", table, err))
}

// errOccupied means that no table has a target that it may use.
var errOccupied = errors.New("no table can be loaded")

func isOccupied(err error) bool { return errors.Is(err, errOccupied) }

// unoccupied keeps the relations whose targets are free or belong to this pipeline. For the others,
// the reason goes into the summary. With confirm, unoccupied reads a table's own properties before it
// counts the table as foreign: Unity Catalog may show properties late.
func (d *decider) unoccupied(ctx context.Context, relations []postgres.Relation, confirm bool) ([]postgres.Relation, error) {
	p := d.p
	listed, err := p.names.List(ctx, p.workspace, p.ledger.State(), false)
	if err != nil {
		return nil, err
	}
	var first error
	var out []postgres.Relation
	for _, r := range relations {
		then := "ingest full-load --tables " + r.Name.Argument()
		occupied, err := listed.By(ctx, r.Name, then)
		if err == nil && confirm {
			occupied, err = listed.Confirm(ctx, occupied, r.Name, then)
		}
		if err != nil {
			return nil, err
		}
		if len(occupied) == 0 {
			out = append(out, r)
			continue
		}
		var found []finding.Finding
		for _, o := range occupied {
			found = append(found, o.Finding(r.Name))
		}
		d.refused(r.Name, found)
		if first == nil {
			first = finding.All(found)
		}
	}
	if len(out) == 0 && first != nil {
		return nil, failure.New(failure.KindOf(first), "%w, the first: %w", errOccupied, first)
	}
	return out, nil
}
