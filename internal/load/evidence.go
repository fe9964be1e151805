package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// inspect asks Unity Catalog, without the warehouse, which tables exist. It
// quarantines a table that it may not read, unless it may read none.
func (l *Loader) inspect(ctx context.Context, todo []*table) error {
	denied := make([]error, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, w := range todo {
		g.Go(func() error {
			info, err := w.lookUp(gctx)
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
			todo[i].refused(fmt.Errorf("look at %s: %w", todo[i].target.Display(), err))
		}
	}
	return nil
}

// lookUp reads the table's description from Unity Catalog; nil if there is
// none.
func (w *table) lookUp(ctx context.Context) (*databricks.TableInfo, error) {
	info, err := w.loader.Workspace.Tables().Info(ctx, w.target)
	switch {
	case databricks.NotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	w.exists, w.columns = true, targetTypes(info.Columns)
	return info, nil
}

// asView returns an error if the name belongs to a view.
func (w *table) asView(info *databricks.TableInfo) error {
	if info.Kind != "VIEW" {
		return nil
	}
	then := "ingest load --tables " + w.state.Table.Argument()
	if w.cached.Snapshot == w.state.Snapshot.Begin {
		then = "ingest load --repair --tables " + w.state.Table.Argument()
	}
	return failure.New(failure.Destination, "%s is a view", w.target.Display()).
		WithHint("if the view can be dropped: %s && %s; else rename it and run the second command", DropViewCommand(w.target), then)
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
	values, err := ShownProperties(ctx, w.loader.Warehouse, w.target)
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
		return w.stranger("lost its properties, which describe its content: they were removed, or the table was dropped and created again by hand")
	case w.seen.ledger != w.whole.Ledger:
		return w.ofAnother()
	case w.seen.snapshot > w.whole.Head:
		return w.stranger(fmt.Sprintf("holds the snapshot of entry %d, but the ledger's newest entry is %d: the ledger is older than the table", w.seen.snapshot, w.whole.Head))
	case w.seen.snapshot > w.state.Snapshot.Begin || w.seen.snapshot == w.state.Snapshot.Begin && w.seen.directory != w.state.Snapshot.Directory:
		return w.stranger(fmt.Sprintf("holds a snapshot of entry %d that the ledger does not have: another copy of the ledger was put back", w.seen.snapshot))
	}
	return w.lacking()
}

// sqlCommand is the shell command that runs a statement. In a shell, backticks
// within double quotes are commands of their own.
func sqlCommand(statement string) string {
	return "ingest sql '" + strings.ReplaceAll(statement, "'", `'\''`) + "'"
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
		return OrphanOf(w.target, w.seen.properties())
	}
	return w.fail(failure.New(failure.Tables, "table %s is not this pipeline's: %s", w.target.Display(), Whose(w.seen.properties())).
		WithHint("nothing was changed. If it can be dropped: %s && ingest load --tables %s; else give the table another name, or choose another schema",
			DropCommand(w.target), w.state.Table.Argument()))
}

// Whose describes the ledger that owns a table, by the table's properties. The
// text is for people.
func Whose(properties map[string]string) string {
	whose := "it has no property " + PropertyLedger
	if ledger := properties[PropertyLedger]; ledger != "" {
		whose = "it belongs to ledger " + ledger
	}
	if pipeline := properties[PropertyPipeline]; pipeline != "" {
		whose += " in " + pipeline
	}
	return whose
}

// DropCommand is the command that drops a table.
func DropCommand(target databricks.Table) string { return sqlCommand("DROP TABLE " + target.String()) }

// DropViewCommand is the command that drops a view.
func DropViewCommand(target databricks.Table) string {
	return sqlCommand("DROP VIEW " + target.String())
}

// ShownProperties reads the properties from the table itself, because Unity
// Catalog may show them late.
func ShownProperties(ctx context.Context, warehouse *databricks.Warehouse, target databricks.Table) (map[string]string, error) {
	shown, err := warehouse.Query(ctx, databricks.ShowProperties(target))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", target.Display(), err)
	}
	values := map[string]string{}
	for i := range shown.Rows {
		key, _, err := shown.Text(i, "key")
		if err != nil {
			return nil, err
		}
		if values[key], _, err = shown.Text(i, "value"); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// OrphanOf is the error for a table that was loaded from a ledger that this
// pipeline lost.
func OrphanOf(target databricks.Table, properties map[string]string) error {
	return failure.New(failure.Conflict, "table %s belongs to ledger %s, which was in %s and is not any more",
		target.Display(), properties[PropertyLedger], properties[PropertyPipeline]).
		WithHint("nothing was changed. Put the ledger back from a backup of the Volume; if it is lost, `ingest full-load --repair` loads all tables from the source again")
}

// stranger leaves a table that cannot show what it holds alone, unless it is to
// be replaced.
func (w *table) stranger(what string) error {
	if w.strange = true; w.repair || w.ownSnapshots {
		return nil
	}
	return w.fail(failure.New(failure.Tables, "table %s %s", w.target.Display(), what).WithHint("%s", w.repairHint()))
}

// lacking returns an error if the table has lost columns. Added again, they
// would be empty.
func (w *table) lacking() error {
	if w.seen.snapshot != w.state.Snapshot.Begin {
		return nil
	}
	for _, m := range schema.MetaColumns {
		if !w.columns.has(m.Name) { // without it, the table cannot show what it holds
			return w.stranger(fmt.Sprintf("has lost column %q: it was dropped or renamed by hand", m.Name))
		}
	}
	return nil
}

// lost names a column that one of the first n steps brought, that changes still
// have, and that the table no longer has; "" if there is none. It asks the
// table itself before it reports one.
func (w *table) lost(ctx context.Context, n int) (string, error) {
	if w.absent(n) == "" {
		return "", nil
	}
	shown, err := w.loader.Warehouse.Query(ctx, databricks.DescribeColumns(w.target))
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", w.target.Display(), err)
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
	w.columns = targetTypes(columns)
	return w.absent(n), nil
}

// absent is like lost, by what is already known about the table. A column that
// the source dropped may be dropped in the table, too.
func (w *table) absent(n int) string {
	needed := columnTypes{}
	need := func(columns []schema.Column) {
		for _, c := range columns {
			needed[schema.FoldCase(c.Target())] = c.Type
		}
	}
	need(w.state.Columns)
	for _, c := range w.state.Newest() {
		for _, b := range w.state.Births(c.Number) { // rows before the birth have it under that name
			if b.Birth.From != "" {
				needed[schema.FoldCase(b.Birth.From)] = b.Birth.Type
			}
		}
	}
	for _, s := range w.steps[n:] {
		need(s.columns)
	}
	find := func(columns []schema.Column) string {
		for _, c := range columns {
			if needed.has(c.Target()) && !w.columns.has(c.Target()) {
				return c.Target()
			}
		}
		return ""
	}
	for _, s := range w.steps[:n] {
		if name := find(s.columns); name != "" {
			return name
		}
	}
	for _, f := range w.state.Folded {
		if name := find(f.Columns); name != "" && f.Last <= w.steps[n-1].entry {
			return name
		}
	}
	return ""
}

// ahead is the newest entry that the table has rows of and the ledger lacks; 0
// if there is none.
func (w *table) ahead() int64 {
	if w.seen.newest <= w.whole.Head {
		return 0
	}
	return w.seen.newest
}

// olderThan is the error that more was loaded than the ledger has.
func olderThan(state *ledger.State, what string) error {
	return failure.New(failure.Conflict, "the ledger is older than what was loaded: %s, but its newest entry is %d", what, state.Head).
		WithHint("was an older copy of the ledger put back? Put the newest one back; nothing was changed. If it is lost, `ingest full-load --repair` loads all tables from the source again")
}
