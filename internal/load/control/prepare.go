package control

import (
	"context"
	"slices"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/load/bronze"
)

// prepare makes the control table, or adds the columns that it lacks.
func (k *Keeper) prepare(ctx context.Context) error {
	statements, err := k.preparation(ctx, k.confirm)
	if err != nil {
		return err
	}
	for _, sql := range statements {
		err := bronze.Retry(ctx, k.Log, func() error {
			if err := k.Lock.Prove(ctx); err != nil {
				return err
			}
			return k.Warehouse.Exec(ctx, sql)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// preparation are the statements that the table needs before rows are added; in
// most loads none. It asks Unity Catalog, not the warehouse. confirm gets a table
// that does not look like the control table.
func (k *Keeper) preparation(ctx context.Context, confirm func(context.Context, *databricks.TableInfo) error) ([]string, error) {
	info, err := k.Workspace.Tables().Info(ctx, k.Table)
	switch {
	case databricks.NotFound(err):
		return []string{createSQL(k.Table)}, nil
	case err != nil:
		return nil, err
	}
	if !Is(info) {
		if err := confirm(ctx, info); err != nil {
			return nil, err
		}
	}
	var missing []databricks.TargetColumn
	has := bronze.TypesOf(info.Columns)
	for _, c := range columns() {
		if !has.Has(c.Name) {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	return []string{databricks.AddColumns(k.Table, missing)}, nil
}

// Is reports whether an object of that name is a control table.
func Is(info *databricks.TableInfo) bool {
	return info.Kind != "VIEW" && info.Properties[propertyControl] == Name
}

// confirm asks the table itself, because Unity Catalog may show properties late.
func (k *Keeper) confirm(ctx context.Context, info *databricks.TableInfo) error {
	if info.Kind != "VIEW" {
		values, err := bronze.ShownProperties(ctx, k.Warehouse, k.Table)
		if err != nil {
			return err
		}
		if values[propertyControl] == Name {
			return nil
		}
	}
	return Foreign(k.Table, info)
}

// Foreign is the error for an object that has the control table's name.
func Foreign(table databricks.Table, info *databricks.TableInfo) error {
	what, drop := "a table", bronze.DropCommand(table)
	if info.Kind == "VIEW" {
		what, drop = "a view", bronze.DropViewCommand(table)
	}
	return failure.New(failure.Destination, "%s is %s that ingest did not make", table.Display(), what).
		WithHint("if it can be dropped: %s; else set load.control_table = false", drop)
}

// Plan lists the statements that Record would send.
func (k *Keeper) Plan(ctx context.Context, l *Load) ([]string, error) {
	rows, err := k.rows(ctx, l, l.recorded())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	statements, err := k.preparation(ctx, func(_ context.Context, info *databricks.TableInfo) error { return Foreign(k.Table, info) })
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(rows, rowsTogether) {
		statements = append(statements, k.merge(l, part))
	}
	return statements, nil
}
