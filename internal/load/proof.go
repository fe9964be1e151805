package load

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Proof says how much of the staged data a table shows.
type Proof struct {
	// Through is the newest entry up to which the table contains all of its
	// steps; 0 if nothing is proved.
	Through int64
	// Why says why nothing is proved, or not everything.
	Why string
}

// Proofs asks the tables of the state that wanted names what they hold. It
// skips quarantined tables and tables whose snapshot is being taken. The cache
// alone proves nothing. A table that has nothing loaded according to the cache
// is not asked. Proofs needs a warehouse and writes nothing.
func (l *Loader) Proofs(ctx context.Context, state *ledger.State, wanted map[schema.TableName]bool) (map[schema.TableName]Proof, error) {
	cache, now, err := loads.ReadBoth(ctx, l.Files, l.Ledger)
	if err != nil {
		return nil, err
	}
	if err := cache.Within(now); err != nil {
		return nil, err
	}
	quiet := *l
	quiet.Log = slog.New(slog.DiscardHandler) // reporting a table in a bad state is a load's job
	proofs := map[schema.TableName]Proof{}
	var asked []*table
	for name := range maps.Keys(wanted) {
		t := state.Tables[name]
		why := unproved(state, t, cache.Tables[name])
		if proofs[name] = (Proof{Why: why}); why == "" {
			asked = append(asked, quiet.newTable(state, t, cache.Tables[name]))
		}
	}
	slices.SortFunc(asked, func(a, b *table) int { return a.State.Table.Compare(b.State.Table) })
	if err := quiet.inspect(ctx, asked); err != nil {
		return nil, err
	}
	if err := quiet.evidence(ctx, asked, (*table).shows); err != nil {
		return nil, err
	}
	for _, w := range asked {
		if proofs[w.State.Table], err = w.proof(ctx); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// unproved says why a table need not be asked; "" if it must be asked.
func unproved(state *ledger.State, t *ledger.TableState, cached loads.Table) string {
	switch {
	case t == nil || t.Snapshot == nil:
		return "it has no complete snapshot"
	case state.Pending(t.Table):
		return "a snapshot of it is not finished"
	case cached.Snapshot != t.Snapshot.Begin:
		return "its newest snapshot is not loaded, according to " + loads.Directory + "/"
	case cached.Quarantine != nil:
		return "it is quarantined"
	}
	return ""
}

// proof counts the steps that the table holds.
func (w *table) proof(ctx context.Context) (Proof, error) {
	switch {
	case w.result.Err != nil:
		return Proof{Why: w.result.Err.Error()}, nil
	case !w.Exists:
		return Proof{Why: "it was dropped or moved"}, nil
	case w.seen.snapshot != w.State.Snapshot.Begin:
		return Proof{Why: "it holds another snapshot than its newest"}, nil
	}
	if err := w.reveal(ctx); failure.KindOf(err) == failure.Tables {
		return Proof{Why: err.Error()}, nil
	} else if err != nil {
		return Proof{}, err
	}
	n, ok := w.seen.applied(w.steps)
	switch {
	case !ok || n < w.known():
		return Proof{Why: "it does not hold what was loaded"}, nil
	case n == len(w.steps):
		return Proof{Through: w.steps[n-1].entry}, nil
	case n == 0:
		return Proof{Why: "none of its staged rows are loaded"}, nil
	}
	// One entry may have several steps.
	return Proof{Through: min(w.steps[n-1].entry, w.steps[n].begins()-1), Why: "not all of its staged rows are loaded"}, nil
}
