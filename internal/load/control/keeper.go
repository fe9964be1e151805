package control

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

// rowsTogether is the maximum number of rows in one statement.
const rowsTogether = 500

// attempts is how often rows are derived and sent. Only a load that was killed, or a
// lost cache, needs a second attempt.
const attempts = 4

// Keeper writes the rows of one pipeline.
type Keeper struct {
	Table     databricks.Table
	Pipeline  string
	Target    func(schema.TableName) databricks.Table
	Ledger    *ledger.Ledger
	Workspace *databricks.Workspace
	Warehouse *databricks.Warehouse
	Lock      ledger.Guard // proved before every statement that writes
	Log       *slog.Logger
	Run       string
	Version   string
}

// Load is what a load knows of its tables.
type Load struct {
	Whole             *ledger.State
	Tables            map[schema.TableName]loads.Table // the new content of the cache
	Started, Finished time.Time
}

// recorded is what the control table has of each table, by the cache.
func (l *Load) recorded() map[schema.TableName]*loads.Recorded {
	out := map[schema.TableName]*loads.Recorded{}
	for name, t := range l.Tables {
		out[name] = t.Recorded
	}
	return out
}

// Record adds the rows that the control table lacks: those of this load, and
// those that earlier loads did not write. It returns what the table then has, by
// table. A control table that cannot be written is only a warning: the tables are
// loaded, and the next load adds the rows.
func (k *Keeper) Record(ctx context.Context, l *Load) (map[schema.TableName]*loads.Recorded, error) {
	recorded := l.recorded()
	if err := k.record(ctx, l, recorded); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		if lost := k.Lock.Prove(ctx); lost != nil {
			return nil, lost
		}
		args := []any{"table", k.Table.Display(), "because", err}
		if hint := failure.HintOf(err); hint != "" {
			args = append(args, "hint", hint)
		}
		k.Log.Warn("cannot write the control table; the tables are loaded, and the next load adds the missing rows", args...)
	}
	return recorded, nil
}

func (k *Keeper) record(ctx context.Context, l *Load, recorded map[schema.TableName]*loads.Recorded) error {
	made := false
	for try := 1; ; try++ {
		rows, err := k.rows(ctx, l, recorded)
		if err != nil || len(rows) == 0 {
			return err
		}
		if !made {
			if err := k.prepare(ctx); err != nil {
				return err
			}
			made = true
		}
		added := int64(0)
		for part := range slices.Chunk(rows, rowsTogether) {
			n, err := k.add(ctx, l, part)
			if err != nil {
				return err
			}
			added += n
		}
		if added == int64(len(rows)) {
			for _, r := range rows {
				recorded[r.table.Table] = &loads.Recorded{Snapshot: r.table.Snapshot.Directory, Entry: r.last}
			}
			return nil
		}
		// Some rows were there: a load was killed before it wrote the cache, or the
		// cache was lost, or an answer.
		if try == attempts {
			return fmt.Errorf("add rows to %s: other rows are added at the same time", k.Table.Display())
		}
		if err := k.read(ctx, l, recorded); err != nil {
			return err
		}
	}
}

// rows derives the missing rows, in the order of the tables' names. A table whose
// part of the ledger cannot be read is left out.
func (k *Keeper) rows(ctx context.Context, l *Load, recorded map[schema.TableName]*loads.Recorded) ([]*row, error) {
	var out []*row
	for _, t := range l.Whole.Sorted() {
		has := l.Tables[t.Table]
		if t.Snapshot == nil || has.Snapshot != t.Snapshot.Begin || has.Directory != t.Snapshot.Directory {
			continue
		}
		r, err := k.rowOf(ctx, l.Whole, t, recorded[t.Table], has.Entry)
		if failure.KindOf(err) == failure.Conflict {
			k.Log.Warn("cannot read what the control table lacks of a table", "table", t.Table.String(), "because", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if r != nil {
			out = append(out, r)
		}
	}
	return out, k.commitTimes(ctx, l.Whole, out)
}

// commitTimes reads the commit times of the rows' last entries from the ledger.
// Entries that are no longer in files of their own are not looked for.
func (k *Keeper) commitTimes(ctx context.Context, whole *ledger.State, rows []*row) error {
	at := map[int64][]*row{}
	for _, r := range rows {
		if r.last > r.table.Snapshot.Begin {
			at[r.last] = append(at[r.last], r)
		}
	}
	if len(at) == 0 {
		return nil
	}
	return k.Ledger.Back(ctx, whole, func(e *ledger.Entry) (bool, error) {
		for _, r := range at[e.Number] {
			if e.Changes != nil && e.Changes.LastCommit != nil {
				r.committed = *e.Changes.LastCommit
			}
		}
		delete(at, e.Number)
		return len(at) > 0 && e.Number > whole.Head-ledger.Kept, nil
	})
}

func (k *Keeper) merge(l *Load, rows []*row) string {
	return mergeSQL(k.Table, l.Whole, rows, func(r *row) []string { return k.values(l.Whole, r, l) })
}

// add sends rows and returns how many of them the table did not have. The
// statement can be repeated.
func (k *Keeper) add(ctx context.Context, l *Load, rows []*row) (int64, error) {
	sql := k.merge(l, rows)
	var answer *databricks.Result
	err := bronze.Retry(ctx, k.Log, func() (err error) {
		if err := k.Lock.Prove(ctx); err != nil {
			return err
		}
		answer, err = k.Warehouse.Query(ctx, sql)
		return err
	})
	if err != nil {
		return 0, err
	}
	return answer.Int(0, "num_inserted_rows")
}

// read reads what the table has of the pipeline's tables.
func (k *Keeper) read(ctx context.Context, l *Load, recorded map[schema.TableName]*loads.Recorded) error {
	var answer *databricks.Result
	err := bronze.Retry(ctx, k.Log, func() (err error) {
		answer, err = k.Warehouse.Query(ctx, recordedSQL(k.Table, l.Whole))
		return err
	})
	if err != nil {
		return err
	}
	names := map[string]*ledger.TableState{}
	for _, t := range l.Whole.Tables {
		names[t.Table.String()] = t
	}
	for name := range recorded {
		recorded[name] = nil
	}
	for i := range answer.Rows {
		table, _, err := answer.Text(i, "source_table")
		if err != nil {
			return err
		}
		snapshot, _, err := answer.Text(i, "snapshot")
		if err != nil {
			return err
		}
		entry, err := answer.Int(i, "entry")
		if err != nil {
			return err
		}
		if t := names[table]; t != nil && t.Snapshot != nil && t.Snapshot.Directory == snapshot {
			recorded[t.Table] = &loads.Recorded{Snapshot: snapshot, Entry: entry}
		}
	}
	return nil
}
