package kept

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/wait"
)

// rounds is the maximum number of rounds in which a table beside a log is
// read and advanced. It covers the creation, a correction, a batch, and some
// statements that conflicted with others.
const rounds = 12

// Identify reads which of the tables exist, and whose they are.
func (p *Keeper) Identify(ctx context.Context, tables []*Table) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, k := range tables {
		g.Go(func() error { return k.identify(gctx) })
	}
	return g.Wait()
}

// Keep brings tables beside logs to the positions of their logs. Each round
// sends one statement per table. Then one statement for all of them reads their
// new positions. So a statement with a lost answer is never blindly repeated.
func (p *Keeper) Keep(ctx context.Context, all []*Table) error {
	for round := 1; ; round++ {
		todo := slices.DeleteFunc(slices.Clone(all), func(k *Table) bool { return k.err != nil || k.done() })
		if len(todo) == 0 {
			break
		}
		if round > 1 || slices.ContainsFunc(todo, func(k *Table) bool { return !k.known && (k.at == (fold.Position{}) || k.at == k.target()) }) {
			if err := p.positions(ctx, todo); err != nil {
				return err
			}
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(max(1, p.Jobs))
		for _, k := range todo {
			if k.err != nil || k.done() {
				continue
			}
			if k.tries++; k.tries > rounds {
				k.failed("stays at entry %d of snapshot %s, but the log is at entry %d", k.at.Entry, k.at.Snapshot, k.target().Entry)
				continue
			}
			g.Go(func() error { return k.step(gctx) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	for _, k := range all {
		if k.err == nil {
			t := k.target()
			SetRecord(k.loaded, k.Kind, loads.Kept{Snapshot: t.Snapshot, Entry: t.Entry, View: k.cached.View})
		}
	}
	return nil
}

// positions reads the positions of tables.
func (p *Keeper) positions(ctx context.Context, todo []*Table) error {
	there := slices.DeleteFunc(slices.Clone(todo), func(k *Table) bool { return k.err != nil || !k.exists })
	for part := range slices.Chunk(there, bronze.AskedTogether) {
		_, err := bronze.AskTogether(part, func(part []*Table) error { return p.readPositions(ctx, part) }, (*Table).refused)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Keeper) readPositions(ctx context.Context, part []*Table) error {
	tables := make([]databricks.Table, len(part))
	for i, k := range part {
		tables[i] = k.Data
	}
	var answer *databricks.Result
	err := bronze.Retry(ctx, p.Log, func() (err error) {
		answer, err = p.Warehouse.Query(ctx, fold.ReadPositions(tables))
		return err
	})
	if err != nil {
		return fmt.Errorf("read the positions of what is kept beside logs: %w", err)
	}
	rows := make([]int, len(part))
	for i := range answer.Rows {
		n, err := answer.Int(i, "table")
		if err != nil {
			return err
		}
		k := part[n]
		rows[n]++
		if k.at.Snapshot, _, err = answer.Text(i, "snapshot"); err != nil {
			return err
		}
		if k.at.Entry, err = answer.Int(i, "entry"); err != nil {
			return err
		}
		k.known = true
	}
	for i, k := range part {
		if rows[i] != 1 && !k.rebuild {
			k.failed("has %d position rows instead of one: rows were added or deleted by hand", rows[i])
		}
	}
	return nil
}

// step sends the statement that advances the table.
func (k *Table) step(ctx context.Context) error {
	if k.tries > 2 {
		if err := wait.For(ctx, time.Duration(k.tries)*300*time.Millisecond); err != nil {
			return err
		}
	}
	err := k.advance(ctx)
	switch {
	case err == nil, k.err != nil:
		return nil
	case ctx.Err() != nil, failure.KindOf(err) == failure.Conflict:
		return err
	case raised(err, fold.MoreMoves):
		return k.survey(ctx)
	case raised(err, fold.HasMoved): // the next round reads its position again
		k.known = false
		return nil
	case raised(err, fold.KeyTwice):
		k.failed("has a key twice: rows were added by hand")
		return nil
	case databricks.Refused(err):
		k.refused(fmt.Errorf("keep %s: %w", k.Data.Display(), err))
		return nil
	case databricks.Permanent(err):
		return fmt.Errorf("keep %s: %w", k.Data.Display(), err)
	}
	k.keeper.Log.Info("looking at a table beside a log and trying again", "table", k.Data.Display(), "after", err)
	return nil
}

// raised reports whether a statement failed on a condition of that name.
func raised(err error, condition string) bool {
	var s *databricks.StatementError
	return errors.As(err, &s) && strings.Contains(s.Message, condition)
}

// survey counts the key changes in the log.
func (k *Table) survey(ctx context.Context) error {
	answer, err := k.keeper.Warehouse.Query(ctx, fold.Survey(k.log.Target, fold.Options{From: k.log.State.Snapshot.Begin}))
	if err != nil {
		return err
	}
	moves, err := answer.Int(0, "moves")
	if err != nil {
		return err
	}
	if next := min(int(moves), 2*k.moves+1); next > k.moves {
		k.moves, k.tries = next, 0
		return nil
	}
	k.failed("cannot be kept: a row changed its key more than %d times", k.moves)
	return nil
}

// send proves the lock and executes a statement. Afterwards the table's
// position is unknown.
func (k *Table) send(ctx context.Context, sql, entries string) error {
	if k.dry != nil {
		k.dry(sql)
		return nil
	}
	if err := k.keeper.Lock.Prove(ctx); err != nil {
		return err
	}
	k.known = false
	return k.keeper.Warehouse.Exec(databricks.Tag(ctx, "entry", entries), sql)
}

// advance chooses the next statement.
func (k *Table) advance(ctx context.Context) error {
	switch {
	case k.lost():
		k.failed("was dropped or moved after it was made, and with it the past that its log no longer has")
		return nil
	case !k.exists:
		return k.create(ctx)
	}
	do := func(op bronze.Operation) error { return op.Ended(k.send(ctx, op.SQL, "")) }
	births := k.births(k.log.State.Columns)
	if err := births.alter(k.log.State.Columns, do); err != nil || k.err != nil {
		return err
	}
	if err := k.feed(do); err != nil || k.err != nil {
		return err
	}
	if r := k.restated(births); r != nil {
		return r.run(ctx)
	}
	f, to := k.fold(births), k.target()
	switch {
	case k.rebuild && k.Kind == History:
		return k.reset(ctx)
	case k.Kind == Current && (k.rebuild || k.at.Snapshot != to.Snapshot):
		return k.replace(ctx, f)
	case k.at.Snapshot != to.Snapshot:
		return k.correct(ctx, f)
	case k.at == to:
		late, unborn := k.unborn()
		return (&restatement{table: k, births: late, born: unborn}).run(ctx)
	case k.at.Entry > to.Entry:
		k.failed("is at entry %d, and the log ends with entry %d: rows were changed by hand, or the ledger is older than the table",
			k.at.Entry, to.Entry)
		return nil
	}
	batch := k.batch(k.at, to.Entry)
	sql := f.MergeCurrent(batch)
	if k.Kind == History {
		sql = f.MergeHistory(batch)
	}
	err := k.send(ctx, sql, entries(k.at.Entry, to.Entry))
	if err == nil {
		k.result.Merges++
	}
	return err
}

// lost reports whether a history that existed is gone. A current-state table is
// rebuilt silently, because its log has all of it.
func (k *Table) lost() bool {
	return !k.exists && !k.rebuild && k.Kind == History && k.cached.Snapshot != ""
}
