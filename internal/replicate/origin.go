package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/stage"
)

// newOrigin is an origin that has to be made.
type newOrigin struct {
	state   *ledger.State // that this was decided on
	replace bool          // the ledger has one, which no longer fits
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
		return &newOrigin{state: state}, nil
	}
	unfit := p.checkSlot(ctx, conn, state)
	if unfit == nil || !repair || failure.KindOf(unfit) != failure.Conflict {
		return nil, unfit
	}
	if state.Origin.Database != p.source.Facts.Database || state.Origin.Slot != p.slot {
		return nil, unfit // another pipeline's ledger, which no repair may take over
	}
	p.log.Warn("making a new slot: every table needs a new snapshot", "because", unfit)
	return &newOrigin{state: state, replace: true}, nil
}

// checkSlot compares slot, server and ledger. A run beside this one may have
// appended an entry and acknowledged it since state was read: a slot that seems
// to be ahead is compared with the ledger as it is after the slot was read.
func (p *Pipeline) checkSlot(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	slot, err := p.source.Slot(ctx, conn, p.slot)
	if err != nil {
		return err
	}
	if slot != nil && slot.Confirmed > state.Position {
		if state, err = p.ledger.Refresh(ctx); err != nil {
			return err
		}
	}
	_, flush, err := p.source.Positions(ctx, conn)
	if err != nil {
		return err
	}
	if err := stage.CheckSlot(state, slot, &p.source.Facts, p.slot, flush); err != nil {
		return err
	}
	have, err := p.source.Publications(ctx, conn, p.pubs.Names())
	if err != nil {
		return err
	}
	for _, name := range state.Origin.Publications {
		if have[name] == nil {
			return failure.New(failure.Conflict, "publication %s is missing: changes after %s cannot be decoded any more", name, state.Position).
				WithHint("`ingest full-load --repair` makes it and a new slot, and loads all tables again")
		}
	}
	return nil
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
	if err := p.clearSlot(ctx, conn, o.replace); err != nil {
		return err
	}
	files := p.workspace.Files()
	intent := fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", p.opt.Run, p.slot)
	if err := files.Create(ctx, p.intent(), intent); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	point, err := p.makeSlot(ctx, conn)
	if err != nil {
		return err
	}
	f := p.source.Facts
	_, err = p.ledger.Append(ctx, o.state.Head, &ledger.Origin{
		System: f.System, Timeline: f.Timeline, Database: f.Database, Slot: p.slot, Publications: p.pubs.Names(), ConsistentPoint: point,
	}, lock)
	if errors.Is(err, ledger.ErrLost) {
		return failure.New(failure.Conflict, "another run appended to the ledger meanwhile").WithHint("run the command again")
	}
	if err != nil {
		return err
	}
	return files.Delete(ctx, p.intent())
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
	point, err := p.source.CreateSlot(ctx, conn, p.slot, p.config.Source.Failover)
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
	there, err := p.inTheWay(ctx, conn, replace)
	if err != nil || !there {
		return err
	}
	return p.source.DropSlot(ctx, conn, p.slot)
}

// inTheWay says whether there is a slot of this pipeline's name that must go:
// one that is to be replaced, or one that a killed run made and nobody read. Any
// other one is somebody else's, and an error.
func (p *Pipeline) inTheWay(ctx context.Context, conn *pgx.Conn, replace bool) (bool, error) {
	slot, err := p.source.Slot(ctx, conn, p.slot)
	if err != nil || slot == nil {
		return false, err
	}
	_, err = p.workspace.Files().Read(ctx, p.intent())
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case err != nil && !replace:
		return false, failure.New(failure.Conflict, "slot %s exists, but %s has no ledger that it belongs to", p.slot, p.workspace.Files().Root()).
			WithHint("if another pipeline uses it, set source.slot to another name; if nobody does: SELECT pg_drop_replication_slot('%s')", p.slot)
	case slot.Active:
		return false, failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", p.slot, slot.ActivePID, slot.Holder).
			WithHint("end that session: SELECT pg_terminate_backend(%d)", slot.ActivePID)
	}
	return true, nil
}
