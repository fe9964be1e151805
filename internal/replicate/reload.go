package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/config"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// reloadEvery is how often a following run loads one table in full by itself: what
// is in the way of its changes may come again at once.
const reloadEvery = time.Hour

// reloads says that tables which need a full load get one from cdc.
func (p *Pipeline) reloads() bool { return p.config.Load.Reload == config.ReloadAuto }

// reload takes snapshots of the tables that are marked. before has when a table
// was last loaded so by a following run; nil where that does not matter.
func (p *Pipeline) reload(ctx context.Context, s *Summary, before map[schema.TableName]time.Time) error {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	now := p.opt.Now()
	d, err := p.decideReload(ctx, conn, s, func(table schema.TableName) bool {
		t := p.ledger.State().Tables[table]
		last, loaded := before[table]
		return t != nil && t.Reload != nil && (!loaded || now.Sub(last) >= reloadEvery)
	})
	if err != nil || len(d.relations) == 0 {
		return err
	}
	for _, r := range d.relations {
		p.log.Info("a table is loaded in full again", "table", r.Name.String(), "because", p.ledger.State().Tables[r.Name].Reload.Reason)
		if before != nil {
			before[r.Name] = now
		}
	}
	if err := p.publish(ctx, conn, d); err != nil {
		return err
	}
	return p.snapshot(ctx, s, d.relations)
}

// decideReload looks for the tables that need a full load, as needs says, and
// writes nothing.
func (p *Pipeline) decideReload(ctx context.Context, conn *pgx.Conn, s *Summary, needs func(schema.TableName) bool) (*decision, error) {
	d := &decision{}
	if _, err := p.ledger.Refresh(ctx); err != nil {
		return d, err
	}
	if !slices.ContainsFunc(p.ledger.State().Sorted(), func(t *ledger.TableState) bool { return needs(t.Table) }) {
		return d, nil
	}
	relations, err := p.selected(ctx, conn, nil, func(table schema.TableName, err error) { s.table(p, table).fail(err) })
	if err != nil {
		return d, err
	}
	relations = slices.DeleteFunc(relations, func(r postgres.Relation) bool { return !needs(r.Name) })
	if len(relations) == 0 {
		return d, nil
	}
	if relations, err = p.refuse(ctx, conn, s, relations); err != nil || len(relations) == 0 {
		return d, err
	}
	if relations, err = p.unoccupied(ctx, s, relations, false); isOccupied(err) { // the other tables go on
		return d, nil
	}
	if err != nil {
		return d, err
	}
	d.relations, d.published = relations, relations
	d.statements, err = p.publicationStatements(ctx, conn, relations)
	return d, err
}

// reloaded takes back what a summary says of tables that were marked in this run
// and have been loaded in full since.
func (p *Pipeline) reloaded(s *Summary) {
	for _, t := range s.Tables {
		now := p.ledger.State().Tables[t.name]
		if t.Reload == "" || now == nil || now.Reload != nil {
			continue
		}
		t.Reload = ""
		if t.undecoded != "" && t.Error == t.undecoded {
			t.Error, t.Hint = "", ""
		}
	}
}
