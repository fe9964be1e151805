package kept

import (
	"context"
	"fmt"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// object is a table as Unity Catalog shows it.
type object struct {
	exists     bool
	columns    []databricks.Column
	types      bronze.Types      // of the columns
	properties map[string]string // nil if they no longer matter
}

// find reads the table's description. view is the error that its name belongs to
// a view.
func (o *object) find(ctx context.Context, workspace *databricks.Workspace, name databricks.Table) (view, err error) {
	info, err := workspace.Tables().Info(ctx, name)
	switch {
	case databricks.NotFound(err):
		o.exists = false
		return nil, nil
	case err != nil:
		return nil, err
	case info.Kind == "VIEW":
		return failure.New(failure.Tables, "%s is a view", name.Display()).
			WithHint("if the view can be dropped: %s", bronze.DropViewCommand(name)), nil
	}
	o.exists, o.columns, o.types, o.properties = true, info.Columns, bronze.TypesOf(info.Columns), info.Properties
	return nil, nil
}

// add notes that the table has got columns, or wider ones.
func (o *object) add(columns []databricks.TargetColumn) {
	for _, c := range columns {
		if !o.types.Has(c.Name) {
			o.columns = append(o.columns, databricks.Column{Name: c.Name, Type: c.Type.String()})
		}
	}
	o.types.Add(columns)
}

// Find reads the table's description from Unity Catalog, for a plan: it does not
// use the warehouse, and does not ask whose the table is.
func (k *Table) Find(ctx context.Context) error {
	view, err := k.find(ctx, k.keeper.Workspace, k.Data)
	if err == nil && view != nil {
		k.err = view
	}
	return err
}

// identify finds the table and quarantines it if it is not what is kept beside
// the log. If Unity Catalog's answer does not say so, it may be stale: then
// identify asks the table itself.
func (k *Table) identify(ctx context.Context) error {
	view, err := k.find(ctx, k.keeper.Workspace, k.Data)
	switch {
	case databricks.Denied(err):
		k.refused(fmt.Errorf("look at %s: %w", k.Data.Display(), err))
		return nil
	case err != nil:
		return err
	case view != nil:
		k.fail(view)
		return nil
	case !k.exists:
		return nil
	}
	p := k.properties
	if !k.mine(p) {
		if p, err = bronze.ShownProperties(ctx, k.keeper.Warehouse, k.Data); err != nil {
			return err
		}
	}
	if !k.mine(p) {
		k.fail(failure.New(failure.Tables, "table %s is not this pipeline's table beside the log of %s: %s", k.Data.Display(),
			k.log.State.Table, bronze.Whose(p)).
			WithHint("nothing was changed. If it can be dropped: %s; else give the table beside the log another name", bronze.DropCommand(k.Data)))
	}
	return nil
}

// mine reports whether properties are those of this table.
func (k *Table) mine(p map[string]string) bool {
	return p[bronze.PropertyLedger] == k.log.Whole.Ledger && p[PropertyKept] == string(k.Kind) && p[PropertyLog] == k.log.State.Table.String()
}
