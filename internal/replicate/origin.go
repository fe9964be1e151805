package replicate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/stage"
)

// ensureOrigin makes the slot and the ledger's origin where there is none yet.
// With repair, a slot that no longer fits the ledger is replaced: from then on
// every table needs a new snapshot.
func (p *Pipeline) ensureOrigin(ctx context.Context, conn *pgx.Conn, repair bool) error {
	if err := p.source.Identify(ctx); err != nil {
		return err
	}
	state, err := p.ledger.Refresh(ctx)
	if err != nil {
		return err
	}
	fresh := state.Origin == nil || state.Ended
	if !fresh {
		fit := p.checkSlot(ctx, conn, state)
		if fit == nil || !repair || failure.KindOf(fit) != failure.Conflict {
			return fit
		}
		p.log.Warn("making a new slot: every table needs a new snapshot", "because", fit)
	}
	lock, err := p.source.TakeLock(ctx, "reading the slot", postgres.LockKey("stage", p.slot))
	if err != nil {
		return err
	}
	defer lock.Close()
	return p.makeOrigin(ctx, conn, state, lock, !fresh)
}

// checkSlot compares slot, server and ledger.
func (p *Pipeline) checkSlot(ctx context.Context, conn *pgx.Conn, state *ledger.State) error {
	slot, err := p.source.Slot(ctx, conn, p.slot)
	if err != nil {
		return err
	}
	_, flush, err := p.source.Positions(ctx, conn)
	if err != nil {
		return err
	}
	return stage.CheckSlot(state, slot, &p.source.Facts, p.slot, flush)
}

// intent is the file that says that this pipeline is about to make the slot. A
// run that was killed between making the slot and the origin leaves it, and
// the next one knows by it that the slot is its own and was never read.
func (p *Pipeline) intent() string { return "slots/" + p.slot + ".json" }

// makeOrigin makes the slot, then the entry.
func (p *Pipeline) makeOrigin(ctx context.Context, conn *pgx.Conn, state *ledger.State, lock *postgres.Lock, replace bool) error {
	files := p.workspace.Files()
	slot, err := p.source.Slot(ctx, conn, p.slot)
	if err != nil {
		return err
	}
	if slot != nil {
		_, err := files.Read(ctx, p.intent())
		if errors.Is(err, fs.ErrNotExist) && !replace {
			return failure.New(failure.Conflict, "slot %s exists, but %s has no ledger that it belongs to", p.slot, files.Root()).
				WithHint("if another pipeline uses it, set source.slot to another name; if nobody does: SELECT pg_drop_replication_slot('%s')", p.slot)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if slot.Active {
			return failure.New(failure.Conflict, "slot %s is in use by pid %d (%s)", p.slot, slot.ActivePID, slot.Holder).
				WithHint("end that session: SELECT pg_terminate_backend(%d)", slot.ActivePID)
		}
		if err := p.source.DropSlot(ctx, conn, p.slot); err != nil {
			return err
		}
	}
	intent := fmt.Appendf(nil, "{\"run\": %q, \"slot\": %q}\n", p.opt.Run, p.slot)
	if err := files.Create(ctx, p.intent(), intent); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	p.log.Info("making the replication slot; the server waits for open transactions first", "slot", p.slot)
	point, err := p.source.CreateSlot(ctx, conn, p.slot)
	if err != nil {
		return err
	}
	f := p.source.Facts
	_, err = p.ledger.Append(ctx, state.Head, &ledger.Origin{
		System: f.System, Timeline: f.Timeline, Database: f.Database, Slot: p.slot, Publications: p.pubs.Names(), ConsistentPoint: point,
	}, lock)
	if errors.Is(err, ledger.ErrLost) {
		return failure.New(failure.Conflict, "another run began the ledger meanwhile").WithHint("run the command again")
	}
	if err != nil {
		return err
	}
	return files.Delete(ctx, p.intent())
}
