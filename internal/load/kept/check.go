package kept

import (
	"context"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
)

// Check describes a table beside a log to code that verifies it.
type Check struct {
	Definition
	Fold  *fold.Kept
	Batch fold.Batch // the whole log, up to the table's position in the cache
	Done  int64      // entry by which the log's snapshot was done
	Err   error      // why it cannot be verified
}

// Checks describes the present tables beside a log.
func (p *Keeper) Checks(ctx context.Context, log *bronze.Log, cached *loads.Table) ([]Check, error) {
	definitions := p.Definitions(log)
	if len(definitions) == 0 {
		return nil, nil
	}
	if _, err := log.Find(ctx, p.Workspace); err != nil {
		return nil, err
	}
	t := log.State
	var out []Check
	for _, one := range definitions {
		k := p.table(one, log, Record(cached, one.Kind))
		table := Check{Definition: one, Done: t.DoneNumber}
		rebuild := RebuildCommand(string(one.Kind), t.Table.Argument())
		if q := k.cached.Quarantine; stopped(log, k.cached) {
			table.Err = failure.New(failure.Tables, "it is quarantined: %s", q.Reason).WithHint("%s", q.Hint)
			out = append(out, table)
			continue
		}
		if err := k.identify(ctx); err != nil {
			return nil, err
		}
		switch {
		case k.err != nil:
			table.Err = k.err
		case !log.Exists:
			table.Err = failure.New(failure.Tables, "its log is not there").WithHint("ingest load --repair --tables %s", t.Table.Argument())
		case !k.exists:
			table.Err = failure.New(failure.Tables, "the table %s is not there", one.Data.Display()).WithHint("%s", rebuild)
		default:
			table.Fold = k.fold(k.births(t.Columns))
			table.Batch = k.batch(fold.Position{Entry: t.Snapshot.Begin - 1}, k.cached.Entry)
		}
		out = append(out, table)
	}
	return out, nil
}
