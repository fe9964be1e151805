package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/stage"
)

// newOrigin is an origin that has to be made.
type newOrigin struct {
	state *ledger.State // that this was decided on
	unfit error         // why the one that the ledger has no longer fits; nil if it has none
}

// checkOrigin says whether an origin has to be made: where there is none yet,
// or, with repair, where the slot no longer fits the ledger. From then on every
// table needs a new snapshot. nil means that all is well.
func (p *Pipeline) checkOrigin(ctx context.Context, conn *pgx.Conn, repair bool) (*newOrigin, error) {
	if err := p.source.Identify(ctx); err != nil {
		return nil, err
	}
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if state.Origin == nil || state.Ended {
		return &newOrigin{state: state}, p.freeSlot(ctx, conn)
	}
	slot, unfit := p.checkSlot(ctx, conn, state)
	if unfit == nil && repair {
		if unfit, err = p.undecodable(ctx, conn, slot); err != nil {
			return nil, err
		}
	}
	if unfit == nil {
		p.warnOfSlot(slot)
		return nil, nil
	}
	if !repairable(unfit, repair) {
		return nil, unfit
	}
	may, err := p.mayRepair(ctx, conn, state)
	switch {
	case err != nil:
		return nil, err
	case !may:
		return nil, unfit
	}
	if err := p.freeSlot(ctx, conn); err != nil {
		return nil, err
	}
	p.log.Warn("making a new slot: every table needs a new snapshot", "because", unfit)
	return &newOrigin{state: state, unfit: unfit}, nil
}

// mayRepair says whether the ledger may go on in this source: not in another
// database, and not by another name of what is still there.
func (p *Pipeline) mayRepair(ctx context.Context, conn *pgx.Conn, state *ledger.State) (bool, error) {
	o, f := state.Origin, &p.source.Facts
	switch named := p.sameNames(state) == nil; {
	case f.System != o.System: // it was moved
		return f.Database == o.Database && named, nil
	case p.owner(ctx, conn, state) != nil:
		return false, nil
	case named:
		return true, nil
	}
	return p.namesGone(ctx, conn, o)
}

// checkSlot compares slot, server and ledger, and gives the slot if
// it fits. A run beside this one may have
// appended an entry and acknowledged it since state was read: a slot that seems
// to be ahead is compared with the ledger as it is after the slot was read.
func (p *Pipeline) checkSlot(ctx context.Context, conn *pgx.Conn, state *ledger.State) (*postgres.Slot, error) {
	if err := p.checkPrimary(); err != nil {
		return nil, err
	}
	renamed := false
	if state.Origin != nil && !state.Ended {
		if err := p.owner(ctx, conn, state); err != nil {
			return nil, err
		}
		if err := p.sameNames(state); err != nil {
			return nil, err
		}
		renamed = state.Origin.Database != p.source.Facts.Database
	}
	slot, err := p.readSlot(ctx, conn)
	if err != nil {
		return nil, err
	}
	if state, err = p.after(ctx, state, slot); err != nil {
		return nil, err
	}
	_, flush, err := p.source.Positions(ctx, conn)
	if err != nil {
		return nil, err
	}
	now := p.opt.Now()
	xid, err := p.source.NextXID(ctx, conn)
	if err != nil {
		return nil, err
	}
	at := stage.Server{Facts: &p.source.Facts, Flush: flush, XID: xid, Now: now, Standby: p.standby != nil, Renamed: renamed}
	if err := stage.CheckSlot(state, slot, at, p.slot); err != nil {
		return nil, err
	}
	names, err := p.source.PublicationNames(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, name := range state.Origin.Publications {
		what, hint := publicationState(state.Origin, name, names)
		switch {
		case what == "":
			continue
		case hint != "":
			return nil, failure.New(failure.Conflict, "publication %s %s: what was written before is decoded by the name that it had then", name, what).WithHint("%s", hint)
		}
		return nil, failure.New(failure.Conflict, "publication %s %s: of the changes between %s (staged %s) and %s (now, %s) some cannot be decoded any more",
			name, what, state.Position, state.PositionTime.UTC().Format(time.RFC3339), flush, now.UTC().Format(time.RFC3339)).WithHint(stage.Repair)
	}
	return slot, p.continues(ctx, state, slot)
}

// after is state or, where the slot is ahead of it, the ledger's newest.
func (p *Pipeline) after(ctx context.Context, state *ledger.State, slot *postgres.Slot) (*ledger.State, error) {
	if slot == nil || slot.Confirmed <= state.Position {
		return state, nil
	}
	return p.ledger.Refresh(ctx)
}

// continues insists that a slot that is behind the ledger would send again what
// the ledger has. A run that reads the slot has done so.
func (p *Pipeline) continues(ctx context.Context, state *ledger.State, slot *postgres.Slot) error {
	// Before its origin the ledger has nothing, and decoding is not right there.
	if slot.Active || slot.Confirmed < state.Origin.ConsistentPoint {
		return nil
	}
	c := p.continuation()
	err := c.Check(ctx, state, slot)
	if postgres.Code(err) == pgerrcode.ObjectInUse { // a run has just begun to read it
		return nil
	}
	return err
}

func (p *Pipeline) continuation() *stage.Continuation {
	at := p.source
	if p.standby != nil {
		at = p.standby
	}
	return &stage.Continuation{
		Reader: at, Ledger: p.ledger, Slot: p.slot, Publications: p.pubs, PeekMaxWAL: int64(p.config.Source.PeekMaxWAL), WorkMem: peekWorkMem, Now: p.opt.Now,
	}
}

// undecodable says why the server can never decode what the slot still has, or
// nil: a repair is asked for because something fails, and a slot that fits the
// ledger may be what does. A slot that is being read is left alone.
func (p *Pipeline) undecodable(ctx context.Context, conn *pgx.Conn, slot *postgres.Slot) (unfit, err error) {
	_, flush, err := p.source.Positions(ctx, conn)
	if err != nil || slot.Active || flush <= slot.Confirmed {
		return nil, err
	}
	err = p.continuation().Decodes(ctx, slot, flush)
	switch {
	case err == nil || postgres.Code(err) == pgerrcode.ObjectInUse:
		return nil, nil
	case !forGood(err):
		return nil, err
	}
	return failure.New(failure.Conflict, "changes behind %s cannot be decoded any more: %w", slot.Confirmed, err).WithHint(stage.Repair), nil
}

// forGood says that the server gives an answer however often it is asked.
func forGood(err error) bool {
	return postgres.Code(err) != "" && (!postgres.Passing(err) || postgres.Internal(err))
}

// intent is the file that says that this pipeline is about to make the slot. A
// run that was killed between making the slot and the origin leaves it, and
// the next one knows by it that the slot is its own and was never read.
func (p *Pipeline) intent() string { return "slots/" + p.slot + ".json" }

// makeOrigin makes the slot, then the entry.
func (p *Pipeline) makeOrigin(ctx context.Context, conn *pgx.Conn, o *newOrigin) error {
	lock, err := p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", p.slot))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := p.clearSlot(ctx, conn, p.replaces(o)); err != nil {
		return err
	}
	files := p.workspace.Files()
	intent := fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", p.opt.Run, p.slot)
	if err := files.Create(ctx, p.intent(), intent); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	pubs, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return err
	}
	point, err := p.makeSlot(ctx, conn)
	if err != nil {
		return err
	}
	f, oids := p.source.Facts, map[string]uint32{}
	for name, pub := range pubs {
		oids[name] = pub.OID
	}
	_, err = p.ledger.Append(ctx, o.state.Head, &ledger.Origin{
		System: f.System, Timeline: f.Timeline, Database: f.Database, DatabaseOID: f.DatabaseOID, Slot: p.slot, Publications: p.pubs.Names(), PublicationOIDs: oids, ConsistentPoint: point,
	}, lock)
	if errors.Is(err, ledger.ErrLost) {
		return failure.New(failure.Conflict, "another run appended to the ledger meanwhile").WithHint("run the command again")
	}
	if err != nil {
		return err
	}
	return files.Delete(ctx, p.intent())
}

// replaces says whether a slot that has the name may go: it is the ledger's own,
// or was. In another cluster, to which the source was moved, it is not.
func (p *Pipeline) replaces(o *newOrigin) bool {
	return o.unfit != nil && o.state.Origin.System == p.source.Facts.System
}

// makeSlot makes the slot. The server waits until the transactions that are
// writing have ended, so whoever holds it up is named every ten seconds.
func (p *Pipeline) makeSlot(ctx context.Context, conn *pgx.Conn) (lsn, error) {
	p.log.Info("making the replication slot; the server waits for open transactions first", "slot", p.slot)
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.tellWriters(watching)
	}()
	var point lsn
	err := p.atSlot(ctx, conn, func(at *postgres.Source, conn *pgx.Conn) (err error) {
		point, err = at.CreateSlot(ctx, conn, p.slot, p.config.Source.Failover)
		return err
	})
	stop()
	<-watched
	return point, err
}

// tellWriters says until ctx ends, first after two seconds, which transactions
// are open. It is only talk, so it ends by itself where it cannot look.
func (p *Pipeline) tellWriters(ctx context.Context) {
	for wait := 2 * time.Second; ; wait = 10 * time.Second {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		conn, done, err := p.connect(ctx)
		if err != nil {
			return
		}
		who, err := p.source.Writers(ctx, conn)
		done()
		if err != nil {
			return
		}
		p.log.Warn("the server makes the slot once these transactions have ended", "slot", p.slot, "open", who)
	}
}

// clearSlot drops a slot that is in the way of a new one.
func (p *Pipeline) clearSlot(ctx context.Context, conn *pgx.Conn, replace bool) error {
	slot, err := p.inTheWay(ctx, conn, replace)
	if err != nil || slot == nil {
		return err
	}
	if replace {
		p.log.Warn("dropping the slot that no longer fits", "slot", slot.Name, "type", slot.Type, "plugin", slot.Plugin, "database", slot.Database, "stood_at", slot.Confirmed.String())
	}
	return p.dropSlot(ctx, conn)
}

// inTheWay gives the slot, if there is one, of this pipeline's name that must go:
// one that is to be replaced, or one that a killed run made and nobody read. Any
// other one is somebody else's, and an error.
func (p *Pipeline) inTheWay(ctx context.Context, conn *pgx.Conn, replace bool) (*postgres.Slot, error) {
	slot, err := p.readSlot(ctx, conn)
	if err != nil || slot == nil {
		return nil, err
	}
	_, err = p.workspace.Files().Read(ctx, p.intent())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return slot, p.mustGo(slot, p.workspace.Files().Root(), err == nil || replace)
}

// mustGo says why the slot is left alone, or nil; ours means that it is this
// pipeline's. root is where the ledger is.
func (p *Pipeline) mustGo(slot *postgres.Slot, root string, ours bool) error {
	switch {
	case slot.Database != "" && slot.Database != p.source.Facts.Database:
		return failure.New(failure.Conflict, "slot %s belongs to database %q, and is left alone", p.slot, slot.Database).WithHint("run the command again: it chooses another name")
	case !ours:
		return failure.New(failure.Conflict, "slot %s exists, but %s has no ledger that it belongs to", p.slot, root).
			WithHint("if another pipeline uses it, set source.slot to another name; if nobody does: SELECT pg_drop_replication_slot('%s')", p.slot)
	case slot.Active:
		return failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", p.slot, slot.ActivePID, slot.Holder).
			WithHint("end that session (SELECT pg_terminate_backend(%d)), then run the command again", slot.ActivePID)
	}
	return nil
}
