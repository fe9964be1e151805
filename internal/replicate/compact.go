package replicate

import (
	"context"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// compactEvery is how often a following run checks whether the ledger should be compacted. The check
// costs no request.
const compactEvery = time.Minute

// compact compacts the ledger if that is due. A failure does not fail the run: the next run tries
// again, and until then the ledger opens more slowly.
func (p *Pipeline) compact(ctx context.Context) {
	if p.link.Foreign() || !p.ledger.Due() {
		return
	}
	lock, err := p.source.TakeLock(ctx, "compacting the ledger", postgres.LockKey("compact", p.link.Slot))
	if failure.KindOf(err) == failure.Conflict {
		p.log.Debug("another run compacts the ledger", "because", err)
		return
	}
	if err == nil {
		defer lock.Close()
		err = p.compactUnder(ctx, lock)
	}
	if err != nil && ctx.Err() == nil {
		p.log.Warn("the ledger was not compacted; the next run tries again", "because", err, "hint", failure.HintOf(err))
	}
}

func (p *Pipeline) compactUnder(ctx context.Context, lock *postgres.Lock) error {
	state, err := p.ledger.Refresh(ctx)
	if err != nil || !p.ledger.Due() { // another run was faster
		return err
	}
	cache, err := loads.Read(ctx, p.workspace.Files(), state.Ledger)
	if err != nil {
		return err
	}
	done, err := p.ledger.Compact(ctx, loadedThrough(state, cache.Tables), lock)
	if err == nil && done.Checkpoint > 0 {
		p.log.Info("compacted the ledger", "checkpoint", done.Checkpoint, "packed", done.Packed, "removed", done.Removed)
	}
	return err
}

// loadedThrough is the entry up to which each table contains its newest snapshot's log. What is loaded
// of another snapshot does not count.
func loadedThrough(state *ledger.State, cached map[schema.TableName]loads.Table) map[schema.TableName]int64 {
	loaded := map[schema.TableName]int64{}
	for name, t := range cached {
		if s := state.Tables[name]; s != nil && s.Snapshot != nil && s.Snapshot.Begin == t.Snapshot {
			loaded[name] = t.Entry
		}
	}
	return loaded
}
