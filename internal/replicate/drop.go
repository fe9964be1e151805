package replicate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/kept"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
)

// DropOptions choose what a drop removes.
type DropOptions struct {
	Tables bool // the bronze tables too, with their views
	Kept   bool // the tables of the current state and history too, with their views
	// WithoutLedger drops what a pipeline left in the source when its ledger is lost or unreadable.
	WithoutLedger bool
	// Dry drops nothing: the result lists what would be dropped.
	Dry bool
}

// Dropped is what a drop removed, or would remove.
type Dropped struct {
	Dry          bool     `json:"dry_run,omitempty"`
	Changes      string   `json:"changes,omitempty"` // "none" for snapshots alone
	Slot         string   `json:"slot,omitempty"`
	Publications []string `json:"publications"`
	Tables       []string `json:"tables"`
	Views        []string `json:"views,omitempty"`
	Left         []string `json:"left,omitempty"`              // tables and views beside the logs
	Anothers     []string `json:"publications_left,omitempty"` // that another role owns
	EndedBefore  bool     `json:"again,omitempty"`             // an earlier drop ended the pipeline
}

// Drop ends the pipeline. It drops the slot and the publications and appends the end entry to the
// ledger. If asked, it also drops the bronze tables. Segments and ledger stay in the Volume. A second
// drop finishes what the first one left.
func (p *Pipeline) Drop(ctx context.Context, o DropOptions) (*Dropped, error) {
	if p.ledger == nil || p.ledger.State().Origin.Replicates() {
		if err := finding.First(p.source.NeedsPrimary(&p.source.Facts)); err != nil {
			return nil, err
		}
	}
	conn, done, err := p.link.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	d := &dropping{p: p, o: o, conn: conn, done: &Dropped{Dry: o.Dry, Publications: []string{}, Tables: []string{}}}
	if p.ledger == nil || p.ledger.State().Origin == nil {
		return d.left(ctx)
	}
	lock, release, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	slot, err := d.slot(ctx)
	if err != nil {
		return nil, err
	}
	d.done.EndedBefore = state.Ended
	if !state.Origin.Replicates() {
		d.done.Changes = ledger.ChangesNone
	}
	if !state.Ended && !o.Dry {
		if _, err := p.ledger.Append(ctx, state.Head, &ledger.End{Reason: "ingest drop"}, lock); err != nil {
			return nil, err
		}
	}
	if err := d.source(ctx, slot); err != nil {
		return d.done, err
	}
	for _, t := range state.Sorted() {
		if err := d.beside(ctx, t); err != nil || !o.Tables {
			if err != nil {
				return d.done, err
			}
			continue
		}
		if err := d.send(ctx, databricks.DropTable(p.Target(t.Table))); err != nil {
			return d.done, err
		}
		d.done.Tables = append(d.done.Tables, p.Target(t.Table).Display())
	}
	return d.done, nil
}

// dropping is a drop in progress.
type dropping struct {
	p    *Pipeline
	o    DropOptions
	conn *pgx.Conn
	done *Dropped
}

// lock takes the lock of the runs that read the slot. A dry drop takes none.
func (d *dropping) lock(ctx context.Context) (lock *postgres.Lock, release func(), err error) {
	if d.o.Dry {
		return nil, func() {}, nil
	}
	lock, err = d.p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", d.p.link.Slot))
	if err != nil {
		return nil, nil, err
	}
	return lock, func() { _ = lock.Close() }, nil
}

// send sends a statement to the warehouse. A dry drop sends none.
func (d *dropping) send(ctx context.Context, sql string) error {
	if d.o.Dry {
		return nil
	}
	return d.p.workspace.Warehouse().Exec(ctx, sql)
}

// beside drops the tables and views beside a table's log, or reports that they are left. It leaves
// what this pipeline did not make.
func (d *dropping) beside(ctx context.Context, t *ledger.TableState) error {
	if t.Snapshot == nil {
		return nil
	}
	beside := d.p.names.Keep(t)
	for _, k := range beside {
		if err := d.ours(ctx, k.View, d.o.Kept); err != nil {
			return err
		}
		if err := d.ours(ctx, k.Data, d.o.Kept); err != nil {
			return err
		}
	}
	view := d.p.names.View(t.Table)
	if !d.o.Tables || slices.ContainsFunc(beside, func(k kept.Definition) bool { return k.View == view }) {
		return nil
	}
	return d.ours(ctx, view, true)
}

// ours drops a table or a view if it belongs to this pipeline and may be dropped.
func (d *dropping) ours(ctx context.Context, name databricks.Table, may bool) error {
	info, err := d.p.workspace.Tables().Info(ctx, name)
	if databricks.NotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Properties[bronze.PropertyLedger] != d.p.ledger.State().Ledger {
		return nil
	}
	sql, list := databricks.DropTable(name), &d.done.Tables
	if info.Kind == "VIEW" {
		sql, list = databricks.DropView(name), &d.done.Views
	}
	if !may {
		list = &d.done.Left
	} else if err := d.send(ctx, sql); err != nil {
		return err
	}
	*list = append(*list, name.Display())
	return nil
}

// slot reads the pipeline's slot. It is an error if a session uses the slot. It returns nil if the
// source's database has no such slot.
func (d *dropping) slot(ctx context.Context) (*postgres.Slot, error) {
	if l := d.p.ledger; l != nil && !l.State().Origin.Replicates() {
		return nil, nil // a slot of this name would be another's
	}
	slot, err := d.p.link.ReadSlot(ctx, d.conn)
	if err != nil {
		return nil, err
	}
	return mayDrop(slot, d.p.source.Facts.Database)
}

// mayDrop returns an error if the slot with that name must stay.
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

// source drops the slot, if it exists, and the publications that the role owns. It notes those that
// another role owns: an administrator may have made them.
func (d *dropping) source(ctx context.Context, slot *postgres.Slot) error {
	p := d.p
	if slot != nil {
		if !d.o.Dry {
			if err := p.link.DropSlot(ctx, d.conn); err != nil {
				return err
			}
		}
		d.done.Slot = p.link.Slot
	}
	pubs, err := publication.Read(ctx, d.conn, p.source, p.link.Publications)
	if err != nil {
		return err
	}
	for _, name := range pubs.Owned() {
		if !d.o.Dry {
			if err := postgres.Run(ctx, d.conn, []string{"DROP PUBLICATION " + schema.QuotePostgres(name)}); err != nil {
				return err
			}
		}
		d.done.Publications = append(d.done.Publications, name)
	}
	d.done.Anothers = pubs.Anothers()
	return nil
}

// left drops what a pipeline without a ledger left in the source, if that is asked for. Otherwise it
// reports what is there.
func (d *dropping) left(ctx context.Context) (*Dropped, error) {
	p, o := d.p, d.o
	slot, err := d.slot(ctx)
	if err != nil {
		return nil, err
	}
	pubs, err := publication.Read(ctx, d.conn, p.source, p.link.Publications)
	if err != nil {
		return nil, err
	}
	root := p.workspace.Files().Root()
	var left []string
	if slot != nil {
		left = append(left, fmt.Sprintf("slot %s, which keeps %d bytes of WAL", slot.Name, max(0, slot.KeptBytes)))
	}
	for _, name := range pubs.Owned() {
		left = append(left, "publication "+name)
	}
	why := fmt.Sprintf("%s has no ledger", root)
	if p.damage != nil {
		why = p.damage.Error()
	}
	switch {
	case len(left) == 0:
		return nil, failure.New(failure.Conflict, "there is no pipeline to drop: %s, and %s has no slot %s and no publication %s", why,
			p.source.Describe(), p.link.Slot, p.link.Publications.All).
			WithHint("check --catalog, --schema and --pipeline")
	case !o.WithoutLedger:
		return nil, failure.New(failure.Conflict, "%s, and %s has what a pipeline of this name left: %s", why,
			p.source.Describe(), strings.Join(left, ", ")).
			WithHint(
				"put the ledger back from a backup of the Volume; if it is lost, `ingest drop --yes --without-ledger` drops these, and no table")
	}
	_, release, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return d.done, d.source(ctx, slot)
}
