package load

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// inspect asks Unity Catalog, without the warehouse, which tables exist. It
// quarantines a table that it may not read, unless it may read none.
func (l *Loader) inspect(ctx context.Context, todo []*table) error {
	denied := make([]error, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, w := range todo {
		g.Go(func() error {
			info, err := w.Find(gctx, l.Workspace)
			switch {
			case databricks.Denied(err):
				denied[i] = err
				return nil
			case info == nil || err != nil:
				return err
			}
			return w.identify(gctx, info)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(todo) > 1 && !slices.Contains(denied, nil) {
		return denied[0]
	}
	for i, err := range denied {
		if err != nil {
			todo[i].refused(fmt.Errorf("look at %s: %w", todo[i].Target.Display(), err))
		}
	}
	return nil
}

// asView returns an error if the name belongs to a view.
func (w *table) asView(info *databricks.TableInfo) error {
	if info.Kind != "VIEW" {
		return nil
	}
	then := "ingest load --tables " + w.State.Table.Argument()
	if w.cached.Snapshot == w.State.Snapshot.Begin {
		then = "ingest load --repair --tables " + w.State.Table.Argument()
	}
	return failure.New(failure.Destination, "%s is a view", w.Target.Display()).
		WithHint("if the view can be dropped: %s && %s; else rename it and run the second command", bronze.DropViewCommand(w.Target), then)
}

// identify reads the table's owner. It accepts Unity Catalog's answer if that
// matches the ledger. Else it asks the table itself. A table that cannot show
// what it holds is strange: it is replaced or left alone.
func (w *table) identify(ctx context.Context, info *databricks.TableInfo) error {
	if err := w.asView(info); err != nil {
		return w.fail(err)
	}
	if w.seen.owner = ownerOf(info.Properties); w.seen.sameSnapshot(w.owner()) {
		return w.lacking()
	}
	values, err := bronze.ShownProperties(ctx, w.loader.Warehouse, w.Target)
	if err != nil {
		return err
	}
	w.seen.owner = ownerOf(values)
	return w.judge()
}

// judge decides what to do with a table, given its owner.
func (w *table) judge() error {
	switch {
	case w.seen.ledger == "" && w.cached.Snapshot != 0:
		return w.stranger(
			"lost its properties, which describe its content: they were removed, or the table was dropped and created again by hand")
	case w.seen.ledger != w.Whole.Ledger:
		return w.ofAnother()
	case w.seen.snapshot > w.Whole.Head:
		return w.stranger(fmt.Sprintf("holds the snapshot of entry %d, but the ledger's newest entry is %d: the ledger is older than the table",
			w.seen.snapshot, w.Whole.Head))
	case w.seen.snapshot > w.State.Snapshot.Begin ||
		w.seen.snapshot == w.State.Snapshot.Begin && w.seen.directory != w.State.Snapshot.Directory:
		return w.stranger(
			fmt.Sprintf("holds a snapshot of entry %d that the ledger does not have: another copy of the ledger was put back", w.seen.snapshot))
	}
	return w.lacking()
}

// ofAnother handles a table of another ledger, or of no pipeline. The table is
// left alone and the others continue. A table of a ledger that this pipeline
// lost ends the run, unless the table is repaired.
func (w *table) ofAnother() error {
	if w.seen.pipeline == w.loader.Files.Root() {
		if w.repair {
			w.strange = true
			return nil
		}
		return bronze.OrphanOf(w.Target, w.seen.properties())
	}
	return w.fail(failure.New(failure.Tables, "table %s is not this pipeline's: %s", w.Target.Display(), bronze.Whose(w.seen.properties())).
		WithHint(
			"nothing was changed. If it can be dropped: %s && ingest load --tables %s; else give the table another name, or choose another schema",
			bronze.DropCommand(w.Target), w.State.Table.Argument()))
}

// stranger leaves a table that cannot show what it holds alone, unless it is to
// be replaced.
func (w *table) stranger(what string) error {
	if w.strange = true; w.repair || w.ownSnapshots {
		return nil
	}
	return w.fail(failure.New(failure.Tables, "table %s %s", w.Target.Display(), what).WithHint("%s", w.repairHint()))
}

// lacking returns an error if the table has lost columns. Added again, they
// would be empty.
func (w *table) lacking() error {
	if w.seen.snapshot != w.State.Snapshot.Begin {
		return nil
	}
	for _, m := range schema.MetaColumns {
		if !w.Columns.Has(m.Name) { // without it, the table cannot show what it holds
			return w.stranger(fmt.Sprintf("has lost column %q: it was dropped or renamed by hand", m.Name))
		}
	}
	return nil
}

// lost names a column that one of the first n steps brought, that changes still
// have, and that the table no longer has; "" if there is none. It asks the
// table itself before it reports one.
func (w *table) lost(ctx context.Context, n int) (string, error) {
	if absent(&w.Log, w.steps, n) == "" {
		return "", nil
	}
	shown, err := w.loader.Warehouse.Query(ctx, databricks.DescribeColumns(w.Target))
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", w.Target.Display(), err)
	}
	var columns []databricks.Column
	for i := range shown.Rows {
		var c databricks.Column
		if c.Name, _, err = shown.Text(i, "col_name"); err != nil {
			return "", err
		}
		if c.Type, _, err = shown.Text(i, "data_type"); err != nil {
			return "", err
		}
		columns = append(columns, c)
	}
	w.Columns = bronze.TypesOf(columns)
	return absent(&w.Log, w.steps, n), nil
}

// absent is like lost, by what is already known about the table. A column that
// the source dropped may be dropped in the table, too.
func absent(log *bronze.Log, steps []step, n int) string {
	needed := bronze.Types{}
	need := func(columns []schema.Column) {
		for _, c := range columns {
			needed[schema.FoldCase(c.Target())] = c.Type
		}
	}
	need(log.State.Columns)
	for _, c := range log.State.Newest() {
		for _, b := range log.State.Births(c.Number) { // rows before the birth have it under that name
			if b.Birth.From != "" {
				needed[schema.FoldCase(b.Birth.From)] = b.Birth.Type
			}
		}
	}
	for _, s := range steps[n:] {
		need(s.columns)
	}
	find := func(columns []schema.Column) string {
		for _, c := range columns {
			if needed.Has(c.Target()) && !log.Columns.Has(c.Target()) {
				return c.Target()
			}
		}
		return ""
	}
	for _, s := range steps[:n] {
		if name := find(s.columns); name != "" {
			return name
		}
	}
	for _, f := range log.State.Folded {
		if name := find(f.Columns); name != "" && f.Last <= steps[n-1].entry {
			return name
		}
	}
	return ""
}
