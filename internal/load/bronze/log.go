package bronze

import (
	"context"
	"slices"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Log is the log of one table: what the ledger has of it, and the target table
// that holds it. The tables beside the log read it while a load brings it up to
// date.
type Log struct {
	Whole  *ledger.State // of all tables
	State  *ledger.TableState
	Target databricks.Table
	Last   int64 // newest entry that has rows for the log

	Exists  bool
	Columns Types // of the target

	// Reached is the ledger's state before the log's snapshot was done; nil if
	// it was not read yet.
	Reached *ledger.State
}

// Find reads the log's description from Unity Catalog; nil if there is none.
func (l *Log) Find(ctx context.Context, workspace *databricks.Workspace) (*databricks.TableInfo, error) {
	info, err := workspace.Tables().Info(ctx, l.Target)
	switch {
	case databricks.NotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	l.Exists, l.Columns = true, TypesOf(info.Columns)
	return info, nil
}

// Past reads from the ledger the state before each log's snapshot was done. It
// replays the ledger once for all logs.
func Past(ctx context.Context, l *ledger.Ledger, logs []*Log) error {
	at := map[int64][]*Log{}
	var numbers []int64
	for _, log := range logs {
		n := log.State.DoneNumber - 1
		at[n] = append(at[n], log)
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return l.Past(ctx, slices.Compact(numbers), func(s *ledger.State) {
		for _, log := range at[s.Head] {
			log.Reached = s.Only(log.State.Table)
		}
	})
}

// Before is the position that the ledger had reached before the log's snapshot
// was done.
func (l *Log) Before(ctx context.Context, from *ledger.Ledger) (pglogrepl.LSN, error) {
	if l.Reached == nil {
		if err := Past(ctx, from, []*Log{l}); err != nil {
			return 0, err
		}
	}
	return l.Reached.Position, nil
}

// Truncates reports whether entries after from may hold a truncate of the table.
func (l *Log) Truncates(from int64) bool {
	const op = schema.OpTruncate
	return slices.ContainsFunc(l.State.Changes, func(c ledger.StagedChanges) bool { return c.Entry > from && c.Rows[op] > 0 }) ||
		slices.ContainsFunc(l.State.Folded, func(f ledger.FoldedChanges) bool { return f.Last > from && f.Ops[op] > 0 })
}
