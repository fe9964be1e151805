package replicate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// DropOptions choose what a drop removes.
type DropOptions struct {
	Tables bool // the bronze tables too, with the views that are made of them
	Kept   bool // the tables of the current state and history too, with their views
	// WithoutLedger drops what is left in the source of a pipeline whose ledger
	// is lost or cannot be read.
	WithoutLedger bool
}

// Dropped says what a drop removed.
type Dropped struct {
	Slot         string   `json:"slot,omitempty"`
	Publications []string `json:"publications"`
	Tables       []string `json:"tables"`
	Views        []string `json:"views,omitempty"`
	Left         []string `json:"left,omitempty"`  // of what is kept beside the logs
	EndedBefore  bool     `json:"again,omitempty"` // an earlier drop ended the pipeline
}

// Drop ends the pipeline: the slot and the publications go, the ledger gets its
// end entry, and, if asked for, the bronze tables go too. Segments and ledger
// stay in the Volume. A second drop finishes what the first one left.
func (p *Pipeline) Drop(ctx context.Context, o DropOptions) (*Dropped, error) {
	if err := p.checkPrimary(); err != nil {
		return nil, err
	}
	conn, done, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if p.ledger == nil || p.ledger.State().Origin == nil {
		return p.dropLeft(ctx, conn, o)
	}
	lock, err := p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", p.slot))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	slot, err := p.droppable(ctx, conn)
	if err != nil {
		return nil, err
	}
	d := &Dropped{Publications: []string{}, Tables: []string{}, EndedBefore: state.Ended}
	if !state.Ended {
		if _, err := p.ledger.Append(ctx, state.Head, &ledger.End{Reason: "ingest drop"}, lock); err != nil {
			return nil, err
		}
	}
	if err := p.dropSource(ctx, conn, slot, d); err != nil {
		return d, err
	}
	for _, t := range state.Sorted() {
		if err := p.dropBeside(ctx, t, o, d); err != nil || !o.Tables {
			if err != nil {
				return d, err
			}
			continue
		}
		if err := p.workspace.Warehouse().Exec(ctx, databricks.DropTable(p.Target(t.Table))); err != nil {
			return d, err
		}
		d.Tables = append(d.Tables, p.Target(t.Table).Display())
	}
	return d, nil
}

// dropBeside drops what is kept beside a table's log, or says that it is left. What
// this pipeline did not make stays.
func (p *Pipeline) dropBeside(ctx context.Context, t *ledger.TableState, o DropOptions, d *Dropped) error {
	if t.Snapshot == nil {
		return nil
	}
	kept := p.keep(t)
	for _, k := range kept {
		if err := p.dropOurs(ctx, k.View, o.Kept, d); err != nil {
			return err
		}
		if err := p.dropOurs(ctx, k.Data, o.Kept, d); err != nil {
			return err
		}
	}
	view := p.viewOf(t.Table)
	if !o.Tables || slices.ContainsFunc(kept, func(k load.Keeping) bool { return k.View == view }) {
		return nil
	}
	return p.dropOurs(ctx, view, true, d)
}

// dropOurs drops a table or a view if it is this pipeline's and may go.
func (p *Pipeline) dropOurs(ctx context.Context, name databricks.Table, may bool, d *Dropped) error {
	info, err := p.workspace.TableInfo(ctx, name)
	if databricks.NotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Properties[load.PropertyLedger] != p.ledger.State().Ledger {
		return nil
	}
	sql, list := databricks.DropTable(name), &d.Tables
	if info.Kind == "VIEW" {
		sql, list = databricks.DropView(name), &d.Views
	}
	if !may {
		list = &d.Left
	} else if err := p.workspace.Warehouse().Exec(ctx, sql); err != nil {
		return err
	}
	*list = append(*list, name.Display())
	return nil
}

// droppable reads the pipeline's slot. It is an error if a session uses it; nil
// if there is none in the source's database.
func (p *Pipeline) droppable(ctx context.Context, conn *pgx.Conn) (*postgres.Slot, error) {
	slot, err := p.readSlot(ctx, conn)
	if err != nil {
		return nil, err
	}
	return mayDrop(slot, p.source.Facts.Database)
}

// mayDrop is droppable, of the slot that has the name.
func mayDrop(slot *postgres.Slot, database string) (*postgres.Slot, error) {
	switch {
	case slot == nil, slot.Database != database:
		return nil, nil
	case slot.Active && !slot.Own:
		return nil, failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", slot.Name, slot.ActivePID, slot.Holder).
			WithHint("end that session (SELECT pg_terminate_backend(%d)), then run the command again", slot.ActivePID)
	}
	return slot, nil
}

// dropSource drops the slot, if it is there, and the publications that the role
// owns.
func (p *Pipeline) dropSource(ctx context.Context, conn *pgx.Conn, slot *postgres.Slot, d *Dropped) error {
	if slot != nil {
		if err := p.dropSlot(ctx, conn); err != nil {
			return err
		}
		d.Slot = p.slot
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return err
	}
	for _, name := range p.owned(pubs) {
		if err := postgres.Run(ctx, conn, []string{"DROP PUBLICATION " + schema.QuotePostgres(name)}); err != nil {
			return err
		}
		d.Publications = append(d.Publications, name)
	}
	return nil
}

// owned are those of the pipeline's publications that are there and that the role
// owns.
func (p *Pipeline) owned(pubs map[string]*postgres.PublicationInfo) []string {
	return slices.DeleteFunc(p.pubs.Names(), func(name string) bool { return pubs[name] == nil || !pubs[name].Owned })
}

// dropLeft drops what a pipeline without a ledger has left in the source, if
// that is asked for; else it says what it is.
func (p *Pipeline) dropLeft(ctx context.Context, conn *pgx.Conn, o DropOptions) (*Dropped, error) {
	slot, err := p.droppable(ctx, conn)
	if err != nil {
		return nil, err
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return nil, err
	}
	root := p.workspace.Files().Root()
	var left []string
	if slot != nil {
		left = append(left, fmt.Sprintf("slot %s, which keeps %d bytes of WAL", slot.Name, max(0, slot.KeptBytes)))
	}
	for _, name := range p.owned(pubs) {
		left = append(left, "publication "+name)
	}
	why := fmt.Sprintf("%s has no ledger", root)
	if p.damage != nil {
		why = p.damage.Error()
	}
	switch {
	case len(left) == 0:
		return nil, failure.New(failure.Conflict, "there is no pipeline to drop: %s, and %s has no slot %s and no publication %s", why, p.source.Describe(), p.slot, p.pubs.All).
			WithHint("check --catalog, --schema and --pipeline")
	case !o.WithoutLedger:
		return nil, failure.New(failure.Conflict, "%s, and %s has what a pipeline of this name left: %s", why, p.source.Describe(), strings.Join(left, ", ")).
			WithHint("put the ledger back from a backup of the Volume; if it is lost, `ingest drop --yes --without-ledger` drops these, and no table")
	}
	lock, err := p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", p.slot))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	d := &Dropped{Publications: []string{}, Tables: []string{}}
	return d, p.dropSource(ctx, conn, slot, d)
}
