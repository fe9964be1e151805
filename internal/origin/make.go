package origin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
)

// Make makes the slot, then the entry. For snapshots alone it makes the entry.
func (l *Link) Make(ctx context.Context, conn *pgx.Conn, o *New) error {
	lock, err := l.Source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", l.Slot))
	if err != nil {
		return err
	}
	defer lock.Close()
	if !l.Replicates() {
		return l.makeAlone(ctx, conn, o, lock)
	}
	if err := l.clearSlot(ctx, conn, l.Replaces(o)); err != nil {
		return err
	}
	files := l.Workspace.Files()
	intent := fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", l.Run, l.Slot)
	if err := files.Create(ctx, l.Intent(), intent); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	pubs, err := publication.Read(ctx, conn, l.Source, l.Publications)
	if err != nil {
		return err
	}
	point, err := l.makeSlot(ctx, conn)
	if err != nil {
		return err
	}
	begun := l.begun(point)
	begun.Slot, begun.Publications, begun.PublicationOIDs = l.Slot, l.Publications.Names(), pubs.OIDs()
	if err := l.record(ctx, o, begun, lock); err != nil {
		return err
	}
	return files.Delete(ctx, l.Intent())
}

// makeAlone makes the entry of a ledger of snapshots alone.
func (l *Link) makeAlone(ctx context.Context, conn *pgx.Conn, o *New, lock *postgres.Lock) error {
	at, _, err := l.Source.WAL(conn).Positions(ctx)
	if err != nil {
		return err
	}
	begun := l.begun(at)
	begun.Changes, begun.Publications = ledger.ChangesNone, []string{}
	return l.record(ctx, o, begun, lock)
}

// begun is an origin in this source.
func (l *Link) begun(at pglogrepl.LSN) *ledger.Origin {
	f := l.Source.Facts
	return &ledger.Origin{System: f.System, Timeline: f.Timeline, Database: f.Database, DatabaseOID: f.DatabaseOID, ConsistentPoint: at}
}

// record appends an origin to the ledger that the decision was based on.
func (l *Link) record(ctx context.Context, o *New, begun *ledger.Origin, lock *postgres.Lock) error {
	_, err := l.Ledger.Append(ctx, o.State.Head, begun, lock)
	if errors.Is(err, ledger.ErrLost) {
		return failure.New(failure.Conflict, "another run appended to the ledger meanwhile").WithHint("run the command again")
	}
	return err
}

// Replaces reports whether a slot with that name may be dropped: it is or was the ledger's own. If the
// source moved to another cluster, the slot there is not the ledger's.
func (l *Link) Replaces(o *New) bool {
	return o.Unfit != nil && o.State.Origin.Replicates() && o.State.Origin.System == l.Source.Facts.System
}

// makeSlot makes the slot. The server waits until all writing transactions have ended. Every ten
// seconds makeSlot logs which sessions it waits for.
func (l *Link) makeSlot(ctx context.Context, conn *pgx.Conn) (pglogrepl.LSN, error) {
	l.Log.Info("making the replication slot; the server waits for open transactions first", "slot", l.Slot)
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.tellWriters(watching)
	}()
	var point pglogrepl.LSN
	err := l.AtSlot(ctx, conn, func(slots *postgres.Slots) (err error) {
		point, err = slots.Create(ctx, l.Slot, l.Config.Source.Failover)
		return err
	})
	stop()
	<-watched
	return point, err
}

// tellWriters logs which transactions are open until ctx ends, first after two seconds. It only
// informs, so it stops without an error if it cannot query the server.
func (l *Link) tellWriters(ctx context.Context) {
	for wait := 2 * time.Second; ; wait = 10 * time.Second {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		conn, done, err := l.Connect(ctx)
		if err != nil {
			return
		}
		who, err := l.Source.Transactions(conn).Writers(ctx)
		done()
		if err != nil {
			return
		}
		l.Log.Warn("the server makes the slot once these transactions have ended", "slot", l.Slot, "open", who)
	}
}

// clearSlot drops a slot that is in the way of a new one.
func (l *Link) clearSlot(ctx context.Context, conn *pgx.Conn, replace bool) error {
	slot, err := l.InTheWay(ctx, conn, replace)
	if err != nil || slot == nil {
		return err
	}
	if replace {
		l.Log.Warn("dropping the slot that no longer fits", "slot", slot.Name, "type", slot.Type, "plugin", slot.Plugin,
			"database", slot.Database, "stood_at", slot.Confirmed.String())
	}
	return l.DropSlot(ctx, conn)
}

// InTheWay returns the slot of this pipeline's name that must be dropped, if there is one: a slot that
// is to be replaced, or one that a killed run made and that was never read. Any other slot belongs to
// someone else and is an error.
func (l *Link) InTheWay(ctx context.Context, conn *pgx.Conn, replace bool) (*postgres.Slot, error) {
	slot, err := l.ReadSlot(ctx, conn)
	if err != nil || slot == nil {
		return nil, err
	}
	_, err = l.Workspace.Files().Read(ctx, l.Intent())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return slot, l.mustGo(slot, l.Workspace.Files().Root(), err == nil || replace)
}
