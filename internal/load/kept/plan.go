package kept

import (
	"context"

	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// Follow takes over the planned state of the table of the same kind.
func (k *Table) Follow(planned []*Table) {
	for _, other := range planned {
		if other.Kind == k.Kind && other.dry != nil {
			k.at, k.types, k.columns, k.exists, k.dry = other.at, other.types, other.columns, other.exists, other.dry
		}
	}
}

// Plan gives add the statements that Keep would send, after the table was found.
// It sends none, and assumes that each one succeeds. unsure says what only the
// table can answer; "" if nothing.
func (k *Table) Plan(ctx context.Context, add func(statements ...string)) (unsure string, err error) {
	if k.exists && !k.rebuild && k.at == (fold.Position{}) {
		return "how far " + k.Data.Display() + " is: only the table shows it", nil
	}
	k.dry, k.known = add, true
	for k.err == nil && !(k.exists && k.done()) {
		next, made := k.follows(), !k.exists || k.Kind == Current && k.at.Snapshot != k.target().Snapshot
		k.stays = false
		if err := k.advance(ctx); err != nil {
			return "", err
		}
		if k.stays {
			continue
		}
		if k.at, k.exists = next, true; made {
			k.types = bronze.Types{}
			if f := k.fold(k.births(k.log.State.Columns)); k.Kind == History {
				k.types.Add(f.HistoryColumns())
			} else {
				k.types.Add(f.CurrentColumns())
			}
		}
	}
	return "", nil
}

// follows is the table's position after the next statement. See advance.
func (k *Table) follows() fold.Position {
	to := k.target()
	switch {
	case k.Kind == Current:
		return to
	case !k.exists:
		return fold.Position{}
	case k.rebuild:
		return fold.Position{Entry: k.log.State.DoneNumber}
	case k.at.Snapshot != to.Snapshot:
		return fold.Position{Snapshot: to.Snapshot, Entry: k.log.State.DoneNumber}
	}
	return to
}
