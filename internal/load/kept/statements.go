package kept

import (
	"context"
	"fmt"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// create creates the table.
func (k *Table) create(ctx context.Context) error {
	f := k.fold(k.births(k.log.State.Columns))
	if k.Kind == Current {
		return k.replace(ctx, f)
	}
	err := k.send(ctx, databricks.CreateNewTableAs(k.Data, f.HistoryColumns(), f.StartHistory(), k.options(f)), "0")
	if err == nil {
		k.result.Replaced, k.result.Fresh, k.rebuild = true, k.rebuild, false
		return k.made(ctx)
	}
	if databricks.ViewExists(err) { // this statement created it, and its answer was lost
		return k.identify(ctx)
	}
	return err
}

// replace rebuilds the current-state table in one commit.
func (k *Table) replace(ctx context.Context, f *fold.Kept) error {
	f.Former = nil
	batch := k.batch(fold.Position{Entry: k.log.State.Snapshot.Begin - 1}, k.target().Entry)
	create, was := databricks.CreateNewTableAs, (*fold.Position)(nil)
	if k.exists {
		create = databricks.CreateTableAs
		if !k.rebuild { // a rebuild is for a table whose position may be lost
			was = &k.at
		}
	}
	err := k.send(ctx, create(k.Data, f.CurrentColumns(), f.ReplaceCurrent(batch, was), k.options(f)), entries(batch.From.Entry, batch.To))
	if databricks.ViewExists(err) { // this statement created it, and its answer was lost
		return k.identify(ctx)
	}
	if err != nil {
		return err
	}
	k.rebuild, k.result.Replaced = false, true
	return k.made(ctx)
}

// correct compares the open periods with the result of the full load.
func (k *Table) correct(ctx context.Context, f *fold.Kept) error {
	before, err := k.log.Before(ctx, k.keeper.Ledger)
	if err != nil {
		return err
	}
	d := k.log.State.DoneNumber
	return k.send(ctx, f.CorrectHistory(fold.Correction{
		From: k.at, Entry: d, LSN: int64(before), Taken: k.log.State.Begin.Taken,
		Truncates: k.log.Truncates(k.log.State.Snapshot.Begin - 1), Moves: k.moves,
	}), entries(k.log.State.Snapshot.Begin-1, d))
}

// reset sets a history back to the entry by which its log's snapshot was done.
func (k *Table) reset(ctx context.Context) error {
	f := k.fold(k.births(k.log.State.Columns))
	err := k.send(ctx, databricks.CreateTableAs(k.Data, f.HistoryColumns(), f.ResetHistory(k.log.State.DoneNumber), k.options(f)), "rebuild")
	if err != nil {
		return err
	}
	if k.dry == nil {
		answer, err := k.keeper.Warehouse.Query(ctx, fold.CountPeriods(k.Data))
		if err != nil {
			return fmt.Errorf("count the periods of %s: %w", k.Data.Display(), err)
		}
		n, err := answer.Int(0, "periods")
		if err != nil {
			return err
		}
		k.result.Fresh = n == 0
	}
	k.rebuild, k.result.Replaced = false, true
	return nil
}

// made sets the tags of the log and the comments of the columns on a table that
// was just created. Then it looks at the table.
func (k *Table) made(ctx context.Context) error {
	texts, name := k.keeper.Descriptions, k.Data.Display()
	do := func(op bronze.Operation) error {
		if k.dry != nil {
			k.dry(op.SQL)
			return nil
		}
		if err := k.keeper.Warehouse.Exec(ctx, op.SQL); err != nil {
			return op.Fail(err)
		}
		return nil
	}
	if err := texts.Tag(k.Data, name, k.log.State.Table, do); err != nil {
		return err
	}
	if err := texts.CommentColumns(k.Data, name, k.log.State.Snapshot, do); err != nil || k.dry != nil {
		return err
	}
	return k.identify(ctx)
}
