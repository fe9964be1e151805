package origin

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
)

// A pipeline of snapshots alone (source.changes = "none") has a ledger whose origin names no slot. If it
// is to read changes later, the next full load appends an origin with a slot. All tables need another
// snapshot then, since nothing connects the older ones with the slot.

// Identify asks the source who it is. Only a pipeline that reads changes may use the replication
// protocol.
func (l *Link) Identify(ctx context.Context, conn *pgx.Conn) error {
	if l.Replicates() {
		return l.Source.Identify(ctx)
	}
	return l.Source.Recognize(ctx, conn)
}

// checkAlone is Check if the ledger or the pipeline has no slot.
func (l *Link) checkAlone(ctx context.Context, conn *pgx.Conn, state *ledger.State, repair bool) (*New, error) {
	if err := l.KeepsSlot(state); err != nil { // which no repair may leave behind
		return nil, err
	}
	unfit := l.Owner(ctx, conn, state)
	switch {
	case unfit == nil && !l.Replicates():
		return nil, nil
	case unfit == nil:
		l.Log.Info("replication begins: every table needs another snapshot, which its changes follow", "slot", l.Slot)
		return &New{State: state}, l.freeSlot(ctx, conn)
	}
	return l.repaired(ctx, conn, state, unfit, repair)
}

// CheckAlone returns why snapshots alone cannot go on with the ledger, or nil. The ledger may be empty.
func (l *Link) CheckAlone(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	switch {
	case state.Origin == nil:
		return nil
	case state.Ended:
		return failure.New(failure.Conflict, "the pipeline was dropped").WithHint("`ingest full-load` starts it again")
	}
	if err := l.Owner(ctx, conn, state); err != nil {
		return err
	}
	return l.KeepsSlot(state)
}

// withoutSlot is the error of a run that is to read changes before there is a slot.
func (l *Link) withoutSlot(state *ledger.State) error {
	return failure.New(failure.Conflict, "the ledger has no slot: entry %d began it with source.changes = \"none\"", state.OriginNumber).
		WithHint("`ingest full-load` makes slot %s and loads all tables again", l.Slot)
}
