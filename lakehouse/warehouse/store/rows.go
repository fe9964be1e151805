//go:build cgo

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Rows are the stored rows of a table for a statement of DuckDB: a FROM clause that names them l, their row id, and a SELECT list of
// all their columns.
type Rows struct{ From, ID, All string }

// pseudo is DuckDB's name of a row's id. A column of this name, in any letter case, hides it, unless it is called hiddenColumn.
const (
	pseudo       = "rowid"
	hiddenColumn = `"__workspace_hidden"`
)

// Stored are all rows of a table's present generation, also those with graves.
func (c *Catalog) Stored(ctx context.Context, on execer, t *Table) (Rows, error) {
	return c.numbered(ctx, on, t.Schema, t.Name, t.Columns)
}

// Moved are the dead rows of a table's present generation that have moved.
func (c *Catalog) Moved(ctx context.Context, on execer, t *Table) (Rows, error) {
	return c.numbered(ctx, on, hidden, DeadName(t.Generation), t.Columns)
}

// numbered are the rows of a table of DuckDB. A column that hides the row id has another name there, which an alias gives to it.
// Aliases go by the order of columns in DuckDB: those that the workspace adds stand before those that were added since.
func (c *Catalog) numbered(ctx context.Context, on execer, schema, table string, columns []Column) (Rows, error) {
	from := c.Qualified(schema, table) + " AS l"
	if !slices.ContainsFunc(columns, func(col Column) bool { return strings.EqualFold(col.Name, pseudo) }) {
		return Rows{from, "l." + pseudo, "l.*"}, nil
	}
	names, err := c.columnsUntil(ctx, on, schema, table, pseudo)
	if err != nil {
		return Rows{}, err
	}
	hiding := names[len(names)-1]
	names[len(names)-1] = hiddenColumn
	return Rows{
		From: fmt.Sprintf("(SELECT l.%s AS %s, l.* RENAME (%s AS %s) FROM %s(%s)) AS l", pseudo, translate.RowID, hiddenColumn, hiding,
			from, strings.Join(names, ", ")),
		ID:  "l." + translate.RowID,
		All: "l.* EXCLUDE (" + translate.RowID + ")",
	}, nil
}

// columnsUntil are the columns of a table of DuckDB in their order, up to the one with a name, quoted.
func (c *Catalog) columnsUntil(ctx context.Context, on execer, schema, table, last string) ([]string, error) {
	names, err := values[string](ctx, on, "SELECT column_name FROM duckdb_columns() "+
		"WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index", "c_"+c.Name, schema, table)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, last) })
	if i < 0 {
		return nil, fmt.Errorf("table %s.%s has no column %s in DuckDB", schema, table, last)
	}
	names = names[:i+1]
	for i := range names {
		names[i] = sparksql.QuoteDuckDB(names[i])
	}
	return names, nil
}
