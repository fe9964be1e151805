package load

import (
	"context"

	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/ledger"
)

// KeptTable describes a table beside a log to code that verifies it.
type KeptTable struct {
	Keeping
	Fold  *fold.Kept
	Batch fold.Batch // the whole log, up to the table's position in the cache
	Done  int64      // entry by which the log's snapshot was done
	Err   error      // why it cannot be verified
}

// RebuildCommand is the command that rebuilds tables of these kinds beside a
// table's log.
func RebuildCommand(kinds, tables string) string {
	return "ingest load --rebuild " + kinds + " --tables " + tables
}

// KeptTables describes the present tables beside a log.
func (l *Loader) KeptTables(ctx context.Context, state *ledger.State, t *ledger.TableState, cached Loaded) ([]KeptTable, error) {
	w := l.newTable(state, t, cached)
	keepings := w.keepings()
	if len(keepings) == 0 {
		return nil, nil
	}
	if _, err := w.lookUp(ctx); err != nil {
		return nil, err
	}
	var out []KeptTable
	for _, one := range keepings {
		k := &kept{Keeping: one, w: w, cached: cached.of(one.Kind), moves: fold.DefaultMoves}
		table := KeptTable{Keeping: one, Done: t.DoneNumber}
		rebuild := RebuildCommand(string(one.Kind), t.Table.Argument())
		if q := k.cached.Quarantine; w.stopped(k.cached) {
			table.Err = failure.New(failure.Tables, "it is quarantined: %s", q.Reason).WithHint("%s", q.Hint)
			out = append(out, table)
			continue
		}
		if err := k.look(ctx); err != nil {
			return nil, err
		}
		switch {
		case k.err != nil:
			table.Err = k.err
		case !w.exists:
			table.Err = failure.New(failure.Tables, "its log is not there").WithHint("ingest load --repair --tables %s", t.Table.Argument())
		case !k.exists:
			table.Err = failure.New(failure.Tables, "the table %s is not there", one.Data.Display()).WithHint("%s", rebuild)
		default:
			table.Fold = k.fold()
			table.Batch = k.batch(fold.Position{Entry: t.Snapshot.Begin - 1}, k.cached.Entry)
		}
		out = append(out, table)
	}
	return out, nil
}
