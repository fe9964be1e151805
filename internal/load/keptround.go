package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/fold"
	"ingest/internal/schema"
	"ingest/internal/wait"
)

// keptRounds is the maximum number of rounds in which a table beside a log is
// read and advanced. It covers the creation, a correction, a batch, and some
// statements that conflicted with others.
const keptRounds = 12

// look asks Unity Catalog, without the warehouse, which tables beside a log
// exist.
func (k *kept) look(ctx context.Context) error {
	info, err := k.w.loader.Workspace.Tables().Info(ctx, k.Data)
	switch {
	case databricks.NotFound(err):
		k.exists = false
		return nil
	case databricks.Denied(err):
		k.refused(fmt.Errorf("look at %s: %w", k.Data.Display(), err))
		return nil
	case err != nil:
		return err
	case info.Kind == "VIEW":
		k.fail(failure.New(failure.Tables, "%s is a view", k.Data.Display()).WithHint("if the view can be dropped: %s", DropViewCommand(k.Data)))
		return nil
	}
	k.exists, k.columns, k.types, k.properties = true, info.Columns, targetTypes(info.Columns), info.Properties
	p := info.Properties
	if !k.mine(p) { // Unity Catalog's answer may be stale
		if p, err = ShownProperties(ctx, k.w.loader.Warehouse, k.Data); err != nil {
			return err
		}
	}
	if !k.mine(p) {
		k.fail(failure.New(failure.Tables, "table %s is not this pipeline's table beside the log of %s: %s", k.Data.Display(), k.w.state.Table, Whose(p)).
			WithHint("nothing was changed. If it can be dropped: %s; else give the table beside the log another name", DropCommand(k.Data)))
	}
	return nil
}

// lookBeside looks at all tables beside the logs.
func (l *Loader) lookBeside(ctx context.Context, todo []*table) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, k := range beside(todo) {
		g.Go(func() error { return k.look(gctx) })
	}
	return g.Wait()
}

// beside lists the tables beside the logs of tables that can be loaded.
func beside(todo []*table) []*kept {
	var all []*kept
	for _, w := range todo {
		if w.result.Err == nil {
			all = append(all, w.kept...)
		}
	}
	return all
}

func (k *kept) mine(p map[string]string) bool {
	return p[PropertyLedger] == k.w.whole.Ledger && p[PropertyKept] == string(k.Kind) && p[PropertyLog] == k.w.state.Table.String()
}

// target is the position that the table should reach.
func (k *kept) target() fold.Position {
	return fold.Position{Snapshot: k.w.state.Snapshot.Directory, Entry: k.w.reach(k.Kind)}
}

// keep brings tables beside logs to the positions of their logs. Each round
// sends one statement per table. Then one statement for all of them reads their
// new positions. So a statement with a lost answer is never blindly repeated.
func (l *Loader) keep(ctx context.Context, all []*kept) error {
	for round := 1; ; round++ {
		todo := slices.DeleteFunc(slices.Clone(all), func(k *kept) bool { return k.err != nil || k.done() })
		if len(todo) == 0 {
			break
		}
		if round > 1 || slices.ContainsFunc(todo, func(k *kept) bool { return !k.known && (k.at == (fold.Position{}) || k.at == k.target()) }) {
			if err := l.positions(ctx, todo); err != nil {
				return err
			}
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(max(1, l.Jobs))
		for _, k := range todo {
			if k.err != nil || k.done() {
				continue
			}
			if k.tries++; k.tries > keptRounds {
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
			k.w.loaded.keep(k.Kind, LoadedKept{Snapshot: t.Snapshot, Entry: t.Entry, View: k.cached.View})
		}
	}
	return nil
}

// done reports whether the table shows its target position, and all columns of
// a log that ends.
func (k *kept) done() bool {
	return k.known && !k.rebuild && k.at == k.target() && len(k.unborn()) == 0
}

// positions reads the positions of tables.
func (l *Loader) positions(ctx context.Context, todo []*kept) error {
	there := slices.DeleteFunc(slices.Clone(todo), func(k *kept) bool { return k.err != nil || !k.exists })
	for part := range slices.Chunk(there, countedTables) {
		err := l.readPositions(ctx, part)
		if databricks.Refused(err) && len(part) > 1 { // one table makes the statement fail for all
			for _, k := range part {
				if err = l.readPositions(ctx, []*kept{k}); err != nil && !databricks.Refused(err) {
					return err
				} else if err != nil {
					k.refused(err)
				}
			}
			continue
		}
		if databricks.Refused(err) {
			part[0].refused(err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) readPositions(ctx context.Context, part []*kept) error {
	tables := make([]databricks.Table, len(part))
	for i, k := range part {
		tables[i] = k.Data
	}
	var answer *databricks.Result
	err := l.retry(ctx, func() (err error) {
		answer, err = l.Warehouse.Query(ctx, fold.ReadPositions(tables))
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
func (k *kept) step(ctx context.Context) error {
	if k.tries > 2 {
		if err := wait.For(ctx, k.pause()); err != nil {
			return err
		}
	}
	err := k.advance(ctx)
	switch {
	case err == nil, k.err != nil:
		return nil
	case ctx.Err() != nil, isOf(failure.Conflict, err):
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
	k.w.loader.Log.Info("looking at a table beside a log and trying again", "table", k.Data.Display(), "after", err)
	return nil
}

// raised reports whether a statement failed on a condition of that name.
func raised(err error, condition string) bool {
	var s *databricks.StatementError
	return errors.As(err, &s) && strings.Contains(s.Message, condition)
}

// survey counts the key changes in the log.
func (k *kept) survey(ctx context.Context) error {
	answer, err := k.w.loader.Warehouse.Query(ctx, fold.Survey(k.w.target, fold.Options{From: k.w.state.Snapshot.Begin}))
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
func (k *kept) send(ctx context.Context, sql, entries string) error {
	if k.dry != nil {
		k.dry(sql)
		return nil
	}
	if err := k.w.loader.Lock.Prove(ctx); err != nil {
		return err
	}
	k.known = false
	return k.w.loader.Warehouse.Exec(databricks.Tag(ctx, "entry", entries), sql)
}

// advance chooses the next statement.
func (k *kept) advance(ctx context.Context) error {
	switch {
	case k.lost():
		k.failed("was dropped or moved after it was made, and with it the past that its log no longer has")
		return nil
	case !k.exists:
		return k.create(ctx)
	}
	if err := k.alter(k.w.state.Columns, func(op operation) error { return k.do(ctx, op) }); err != nil || k.err != nil {
		return err
	}
	if err := k.feed(func(op operation) error { return k.do(ctx, op) }); err != nil || k.err != nil {
		return err
	}
	if done, err := k.restated(ctx); !done || err != nil || k.err != nil {
		return err
	}
	f, to := k.fold(), k.target()
	switch {
	case k.rebuild && k.Kind == KeptHistory:
		return k.reset(ctx)
	case k.Kind == KeptCurrent && (k.rebuild || k.at.Snapshot != to.Snapshot):
		return k.replace(ctx, f)
	case k.at.Snapshot != to.Snapshot:
		return k.correct(ctx, f)
	case k.at == to:
		return k.bear(ctx, nil, k.unborn())
	case k.at.Entry > to.Entry:
		k.failed("is at entry %d, and the log ends with entry %d: rows were changed by hand, or the ledger is older than the table", k.at.Entry, to.Entry)
		return nil
	}
	batch := k.batch(k.at, to.Entry)
	sql := f.MergeCurrent(batch)
	if k.Kind == KeptHistory {
		sql = f.MergeHistory(batch)
	}
	err := k.send(ctx, sql, k.entries(k.at.Entry, to.Entry))
	if err == nil {
		k.result.Merges++
	}
	return err
}

// lost reports whether a history that existed is gone. A current-state table is
// rebuilt silently, because its log has all of it.
func (k *kept) lost() bool {
	return !k.exists && !k.rebuild && k.Kind == KeptHistory && k.cached.Snapshot != ""
}

// create creates the table.
func (k *kept) create(ctx context.Context) error {
	f := k.fold()
	if k.Kind == KeptCurrent {
		return k.replace(ctx, f)
	}
	err := k.send(ctx, databricks.CreateNewTableAs(k.Data, f.HistoryColumns(), f.StartHistory(), k.options(f)), "0")
	if err == nil {
		k.result.Replaced, k.result.Fresh, k.rebuild = true, k.rebuild, false
		return k.made(ctx)
	}
	if databricks.ViewExists(err) { // this statement created it, and its answer was lost
		return k.look(ctx)
	}
	return err
}

// replace rebuilds the current-state table in one commit.
func (k *kept) replace(ctx context.Context, f *fold.Kept) error {
	f.Former = nil
	batch := k.batch(fold.Position{Entry: k.w.state.Snapshot.Begin - 1}, k.target().Entry)
	create, was := databricks.CreateNewTableAs, (*fold.Position)(nil)
	if k.exists {
		create = databricks.CreateTableAs
		if !k.rebuild { // a rebuild is for a table whose position may be lost
			was = &k.at
		}
	}
	err := k.send(ctx, create(k.Data, f.CurrentColumns(), f.ReplaceCurrent(batch, was), k.options(f)), k.entries(batch.From.Entry, batch.To))
	if databricks.ViewExists(err) { // this statement created it, and its answer was lost
		return k.look(ctx)
	}
	if err != nil {
		return err
	}
	k.rebuild, k.result.Replaced = false, true
	return k.made(ctx)
}

// correct compares the open periods with the result of the full load.
func (k *kept) correct(ctx context.Context, f *fold.Kept) error {
	before, err := k.w.before(ctx)
	if err != nil {
		return err
	}
	d := k.w.state.DoneNumber
	return k.send(ctx, f.CorrectHistory(fold.Correction{
		From: k.at, Entry: d, LSN: int64(before), Taken: k.w.state.Begin.Taken, Truncates: k.w.truncates(k.w.state.Snapshot.Begin - 1), Moves: k.moves,
	}), k.entries(k.w.state.Snapshot.Begin-1, d))
}

func (k *kept) do(ctx context.Context, op operation) error {
	err := k.send(ctx, op.sql, "")
	if err != nil && op.fail != nil {
		err = op.fail(err)
	}
	if err == nil && op.done != nil {
		op.done()
	}
	return err
}

// alter adds the columns that the table lacks and widens types. It runs before
// the log gets rows with these columns. If another run does not know the
// columns, its statement then fails and loses nothing.
func (k *kept) alter(columns []schema.Column, do func(operation) error) error {
	if !k.exists || k.err != nil {
		return nil
	}
	var missing, narrow []databricks.TargetColumn
	for _, c := range columns {
		have, ok := k.types[schema.FoldCase(c.Target())]
		_, _, born := k.born(c)
		switch to := (databricks.TargetColumn{Name: c.Target(), Type: c.Type}); {
		case !ok && !born: // columns with values in existing rows are added by restated
			missing = append(missing, to)
		case ok && schema.Widens(have, c.Type):
			narrow = append(narrow, to)
		}
	}
	for _, op := range k.alterations(missing, narrow) {
		if err := do(op); err != nil || k.err != nil {
			return err
		}
	}
	return nil
}

// alterations lists the statements that add the missing columns and widen the
// narrow ones.
func (k *kept) alterations(missing, narrow []databricks.TargetColumn) []operation {
	var ops []operation
	refused := func(err error) error {
		if !databricks.Refused(err) {
			return err
		}
		k.refused(fmt.Errorf("alter %s: %w", k.Data.Display(), err))
		return nil
	}
	note := func(columns []databricks.TargetColumn) func() {
		return func() {
			if k.err != nil {
				return
			}
			for _, c := range columns {
				if !k.types.has(c.Name) {
					k.columns = append(k.columns, databricks.Column{Name: c.Name, Type: c.Type.String()})
				}
			}
			k.types.add(columns)
		}
	}
	if len(missing) > 0 {
		if p := databricks.RequiredProperties(missing); len(p) > 0 {
			ops = append(ops, operation{sql: databricks.SetProperties(k.Data, p), fail: refused})
		}
		ops = append(ops, operation{sql: databricks.AddColumns(k.Data, missing), fail: refused, done: note(missing)})
	}
	if len(narrow) > 0 {
		ops = append(ops, operation{sql: databricks.SetProperties(k.Data, map[string]string{databricks.PropertyTypeWidening: "true"}), fail: refused})
	}
	for _, c := range narrow {
		ops = append(ops, operation{sql: databricks.WidenColumn(k.Data, c.Name, c.Type), fail: refused, done: note([]databricks.TargetColumn{c})})
	}
	return ops
}
