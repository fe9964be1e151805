package origin

import (
	"context"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/stage"
)

// New is an origin that has to be made.
type New struct {
	State *ledger.State // that the decision is based on
	Unfit error         // why the ledger's present origin no longer fits; nil if it has none
}

// Check reports whether an origin has to be made. That is so if there is none yet or, with repair, if
// the slot no longer fits the ledger. From then on every table needs a new snapshot. nil means that
// the present origin fits.
func (l *Link) Check(ctx context.Context, conn *pgx.Conn, repair bool) (*New, error) {
	if err := l.Identify(ctx, conn); err != nil {
		return nil, err
	}
	state, err := l.Ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if state.Origin == nil || state.Ended {
		return &New{State: state}, l.freeSlot(ctx, conn)
	}
	if !l.Replicates() || !state.Origin.Replicates() {
		return l.checkAlone(ctx, conn, state, repair)
	}
	slot, unfit := l.CheckSlot(ctx, conn, state)
	if unfit == nil && repair {
		if unfit, err = l.Undecodable(ctx, conn, slot); err != nil {
			return nil, err
		}
	}
	if unfit == nil {
		l.Warn(slot)
		return nil, nil
	}
	return l.repaired(ctx, conn, state, unfit, repair)
}

// repaired is the origin that replaces an unfit one, if a repair was asked for and is possible. Otherwise
// it returns unfit.
func (l *Link) repaired(ctx context.Context, conn *pgx.Conn, state *ledger.State, unfit error, repair bool) (*New, error) {
	if !Repairable(unfit, repair) {
		return nil, unfit
	}
	may, err := l.MayRepair(ctx, conn, state)
	switch {
	case err != nil:
		return nil, err
	case !may:
		return nil, unfit
	}
	if err := l.freeSlot(ctx, conn); err != nil {
		return nil, err
	}
	does := "making a new slot"
	if !l.Replicates() {
		does = "beginning in another source"
	}
	l.Log.Warn(does+": every table needs a new snapshot", "because", unfit)
	return &New{State: state, Unfit: unfit}, nil
}

// MayRepair reports whether the ledger may go on in this source. It may not go on in another database,
// or under another name while the old object still exists.
func (l *Link) MayRepair(ctx context.Context, conn *pgx.Conn, state *ledger.State) (bool, error) {
	o, f := state.Origin, &l.Source.Facts
	switch named := l.same(state) == nil; {
	case f.System != o.System: // it was moved
		return f.Database == o.Database && named, nil
	case l.Owner(ctx, conn, state) != nil:
		return false, nil
	case named:
		return true, nil
	}
	return l.namesGone(ctx, conn, o)
}

// CheckSlot compares slot, server and ledger, and returns the slot if it fits. A concurrent run may
// have appended an entry and acknowledged it after state was read. So CheckSlot compares a slot that
// seems to be ahead with the ledger as it is after the slot was read.
func (l *Link) CheckSlot(ctx context.Context, conn *pgx.Conn, state *ledger.State) (*postgres.Slot, error) {
	if err := finding.First(l.Source.NeedsPrimary(&l.Source.Facts)); err != nil {
		return nil, err
	}
	renamed := false
	if state.Origin != nil && !state.Ended {
		if err := l.Owner(ctx, conn, state); err != nil {
			return nil, err
		}
		if err := l.same(state); err != nil {
			return nil, err
		}
		renamed = state.Origin.Database != l.Source.Facts.Database
	}
	if !state.Ended && !state.Origin.Replicates() {
		return nil, l.withoutSlot(state)
	}
	slot, err := l.ReadSlot(ctx, conn)
	if err != nil {
		return nil, err
	}
	if state, err = l.after(ctx, state, slot); err != nil {
		return nil, err
	}
	_, flush, err := l.Source.WAL(conn).Positions(ctx)
	if err != nil {
		return nil, err
	}
	now := l.Now()
	xid, err := l.Source.Transactions(conn).Next(ctx)
	if err != nil {
		return nil, err
	}
	at := stage.Server{Facts: &l.Source.Facts, Flush: flush, XID: xid, Now: now, Standby: l.Standby != nil, Renamed: renamed}
	if err := stage.CheckSlot(state, slot, at, l.Slot); err != nil {
		return nil, err
	}
	names, err := l.Source.Catalog(conn).PublicationNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range state.Origin.Publications {
		what, hint := publicationState(state.Origin, name, names)
		switch {
		case what == "":
			continue
		case hint != "":
			return nil, failure.New(failure.Conflict, "publication %s %s: older WAL is decoded with the name that it had then", name, what).
				WithHint("%s", hint)
		}
		return nil, failure.New(failure.Conflict,
			"publication %s %s: of the changes between %s (staged %s) and %s (now, %s) some cannot be decoded any more",
			name, what, state.Position, state.PositionTime.UTC().Format(time.RFC3339), flush, now.UTC().Format(time.RFC3339)).WithHint(stage.Repair)
	}
	return slot, l.continues(ctx, state, slot)
}

// after returns state or, if the slot is ahead of it, the ledger's newest state.
func (l *Link) after(ctx context.Context, state *ledger.State, slot *postgres.Slot) (*ledger.State, error) {
	if slot == nil || slot.Confirmed <= state.Position {
		return state, nil
	}
	return l.Ledger.Refresh(ctx)
}

// continues returns an error unless a slot that is behind the ledger would resend what the ledger has. If
// another run reads the slot, that run has checked this.
func (l *Link) continues(ctx context.Context, state *ledger.State, slot *postgres.Slot) error {
	// The ledger has nothing before its origin, and decoding is not correct there.
	if slot.Active || slot.Confirmed < state.Origin.ConsistentPoint {
		return nil
	}
	c := l.continuation()
	err := c.Check(ctx, state, slot)
	if postgres.Code(err) == pgerrcode.ObjectInUse { // a run has just begun to read it
		return nil
	}
	return err
}

func (l *Link) continuation() *stage.Continuation {
	at := l.Source
	if l.Standby != nil {
		at = l.Standby
	}
	return &stage.Continuation{
		Reader: at, Ledger: l.Ledger, Slot: l.Slot, Publications: l.Publications, PeekMaxWAL: int64(l.Config.Source.PeekMaxWAL),
		WorkMem: l.WorkMem, Now: l.Now,
	}
}

// Undecodable returns why the server can never decode what the slot still has, or nil. A repair is
// asked for because something fails, and that may be a slot that fits the ledger. It skips a slot that
// is being read.
func (l *Link) Undecodable(ctx context.Context, conn *pgx.Conn, slot *postgres.Slot) (unfit, err error) {
	_, flush, err := l.Source.WAL(conn).Positions(ctx)
	if err != nil || slot.Active || flush <= slot.Confirmed {
		return nil, err
	}
	err = l.continuation().Decodes(ctx, slot, flush)
	switch {
	case err == nil || postgres.Code(err) == pgerrcode.ObjectInUse:
		return nil, nil
	case !forGood(err):
		return nil, err
	}
	return failure.New(failure.Conflict, "changes behind %s cannot be decoded any more: %w", slot.Confirmed, err).WithHint(stage.Repair), nil
}

// forGood reports whether the server repeats an answer on every attempt.
func forGood(err error) bool {
	return postgres.Code(err) != "" && (!postgres.Passing(err) || postgres.Internal(err))
}
