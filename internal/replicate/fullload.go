package replicate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// FullLoadOptions choose what a full load does.
type FullLoadOptions struct {
	Tables    []string // names or patterns; empty: what the configuration selects
	Resume    bool     // only tables without a complete snapshot
	StageOnly bool
	Repair    bool // replace a slot that no longer fits, and load what needs it

	confirm bool // the warehouse may be queried before anything is decided
}

// FullLoad takes snapshots of the tables, stages and loads them.
func (p *Pipeline) FullLoad(ctx context.Context, o FullLoadOptions) (*Summary, error) {
	s := p.newSummary()
	err := p.fullLoad(ctx, s, o)
	p.compact(ctx)
	measure(ctx, p)
	return s, s.end(p, p.explain(ctx, err))
}

func (p *Pipeline) fullLoad(ctx context.Context, s *Summary, o FullLoadOptions) error {
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	o.confirm = true
	decide := &decider{p, conn, s}
	d, err := decide.fullLoad(ctx, o)
	if err != nil {
		return err
	}
	if err := p.prepare(ctx, conn, d); err != nil {
		return err
	}
	if err := decide.publish(ctx, d); err != nil { // before the slot
		return err
	}
	if d.origin != nil {
		if d.lost && p.link.Replicates() {
			if err := p.link.ClaimSlot(ctx); err != nil {
				return err
			}
		}
		if err := p.link.Make(ctx, conn, d.origin); err != nil {
			return err
		}
		if d.origin.Unfit != nil {
			s.Repaired = append(s.Repaired, p.beganBecause(d.origin.Unfit))
		}
	}
	if o.Repair {
		s.Repaired = append(s.Repaired, loadingAgain(d.relations))
	}
	if err := p.snapshot(ctx, s, d.relations); err != nil {
		return err
	}
	if !o.StageOnly {
		return p.load(ctx, s, load.Options{Tables: names(d.relations), OwnSnapshots: true, Repair: o.Repair})
	}
	return nil
}

// beganBecause reports why a repair began the ledger again.
func (p *Pipeline) beganBecause(unfit error) string {
	if !p.link.Replicates() {
		return fmt.Sprintf("the ledger begins again with this source, because %s", unfit)
	}
	return fmt.Sprintf("made slot %s at %s, because %s", p.link.Slot, p.ledger.State().Position, unfit)
}

// prepare makes schema and volume if they are missing. It is the first step of a full load that makes
// anything. So it comes after all that refuses the input: the decision, a slot that is in the way, and the spool.
func (p *Pipeline) prepare(ctx context.Context, conn *pgx.Conn, d *decision) error {
	if _, err := p.inTheWay(ctx, conn, d); err != nil {
		return err
	}
	if len(d.relations) > 0 {
		if _, err := p.stager(); err != nil {
			return err
		}
	}
	made, err := p.workspace.Place().Prepare(ctx)
	for _, what := range made {
		p.log.Info("made what was missing", "object", what)
	}
	return err
}

// inTheWay returns the slot that the decision's new one replaces; nil if there is none.
func (p *Pipeline) inTheWay(ctx context.Context, conn *pgx.Conn, d *decision) (*postgres.Slot, error) {
	if d.origin == nil || !p.link.Replicates() {
		return nil, nil
	}
	return p.link.InTheWay(ctx, conn, p.link.Replaces(d.origin) || d.lost && p.link.Own())
}

// loadingAgain reports which tables a repair reloads.
func loadingAgain(relations []postgres.Relation) string {
	if len(relations) == 0 {
		return "no table needs a new snapshot"
	}
	list := make([]string, len(relations))
	for i, r := range relations {
		list[i] = r.Name.String()
	}
	return fmt.Sprintf("loading again %d of the selected tables: %s", len(list), strings.Join(list, ", "))
}

func names(relations []postgres.Relation) []schema.TableName {
	out := make([]schema.TableName, len(relations))
	for i, r := range relations {
		out[i] = r.Name
	}
	return out
}

// snapshot stages the relations and adds the results to the summary.
func (p *Pipeline) snapshot(ctx context.Context, s *Summary, relations []postgres.Relation) error {
	if len(relations) == 0 {
		return nil
	}
	stager, err := p.stager()
	if err != nil {
		return err
	}
	defer p.reports.watch.snapshot(relations, p.ledger.State())()
	results, err := stager.SnapshotTables(ctx, relations)
	for _, r := range results {
		t := s.table(p, r.Table)
		t.fail(p.explain(ctx, r.Err))
		if r.Done == nil {
			continue
		}
		t.Staged, t.Segments, t.Rescued = r.Done.Rows, len(r.Done.Segments), r.Done.Rescued
		for _, seg := range r.Done.Segments {
			t.Bytes += seg.Bytes
		}
		s.Entries++
	}
	return err
}
