package replicate

import (
	"context"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// Dropped says what a drop removed.
type Dropped struct {
	Slot         string   `json:"slot,omitempty"`
	Publications []string `json:"publications"`
	Tables       []string `json:"tables"`
}

// Drop ends the pipeline: the slot and the publications go, the ledger gets its
// end entry, and, if tables is set, the bronze tables go too. Segments and
// ledger stay in the Volume.
func (p *Pipeline) Drop(ctx context.Context, tables bool) (*Dropped, error) {
	conn, done, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	lock, err := p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", p.slot))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if state.Origin == nil {
		return nil, failure.New(failure.Conflict, "there is no pipeline to drop: %s has no ledger", p.workspace.Files().Root()).
			WithHint("check --catalog, --schema and --pipeline")
	}
	d := &Dropped{Publications: []string{}, Tables: []string{}}
	if !state.Ended {
		if _, err := p.ledger.Append(ctx, state.Head, &ledger.End{Reason: "ingest drop"}, lock); err != nil {
			return nil, err
		}
	}
	slot, err := p.readSlot(ctx, conn)
	if err != nil {
		return nil, err
	}
	if slot != nil {
		if err := p.dropSlot(ctx, conn); err != nil {
			return nil, err
		}
		d.Slot = p.slot
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	for _, name := range p.pubs.Names() {
		if pubs[name] == nil || !pubs[name].Owned {
			continue
		}
		if err := postgres.Run(ctx, conn, []string{"DROP PUBLICATION " + schema.QuotePostgres(name)}); err != nil {
			return nil, err
		}
		d.Publications = append(d.Publications, name)
	}
	if !tables {
		return d, nil
	}
	for _, t := range state.Sorted() {
		if err := p.workspace.Warehouse().Exec(ctx, databricks.DropTable(p.Target(t.Table))); err != nil {
			return d, err
		}
		d.Tables = append(d.Tables, p.Target(t.Table).Display())
	}
	return d, nil
}
