//go:build cgo

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// stampRows gives every row the version that wrote it, in tables without a column for it: tables of another program, and of older
// workspaces. In those, row ids are in the order of the versions of a generation.
func (c *Catalog) stampRows(ctx context.Context, on execer) error {
	rows, err := on.QueryContext(ctx, `WITH stored AS (
			SELECT id, generation, schema_name AS s, name AS n FROM `+c.Hidden("tables")+` WHERE kind = '`+KindTable+`'
			UNION SELECT table_id, generation, '`+hidden+`', 'g' || generation FROM `+c.Hidden("history")+`)
		SELECT id, stored.generation, s, n, (SELECT max(x.column_name) FROM duckdb_columns() x WHERE x.database_name = $1 AND x.schema_name = s AND x.table_name = n AND lower(x.column_name) = '`+pseudo+`') FROM stored JOIN duckdb_tables() d ON d.database_name = $1 AND d.schema_name = s AND d.table_name = n
		WHERE NOT EXISTS (SELECT 1 FROM duckdb_columns() x WHERE x.database_name = $1 AND x.schema_name = s AND x.table_name = n AND '"' || x.column_name || '"' = '`+BornColumn+`')`, "c_"+c.Name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var statements []string
	for rows.Next() {
		var id, generation int64
		var schema, name string
		var hiding sql.NullString
		if err := rows.Scan(&id, &generation, &schema, &name, &hiding); err != nil {
			return err
		}
		table := c.Qualified(schema, name)
		versions := fmt.Sprintf("SELECT version, lag(row_count, 1, 0) OVER (ORDER BY version) AS since, row_count AS until FROM %s WHERE table_id = %d AND generation = %d",
			c.Hidden("history"), id, generation)
		away, back := hide(table, hiding)
		statements = append(statements, away...)
		statements = append(statements, "ALTER TABLE "+table+" ADD COLUMN "+BornColumn+" BIGINT",
			"UPDATE "+table+" SET "+BornColumn+" = 2 * v.version FROM ("+versions+") v WHERE rowid >= v.since AND rowid < v.until",
			fmt.Sprintf("UPDATE %s SET %s = 2 * (SELECT min(version) FROM %s WHERE table_id = %d AND generation = %d) WHERE %[2]s IS NULL", table,
				BornColumn, c.Hidden("history"), id, generation),
			// The graves are those of other rows.
			"DROP TABLE IF EXISTS "+c.Hidden(GravesName(generation)),
			fmt.Sprintf("UPDATE %s SET graves = NULL WHERE id = %d AND generation = %d", c.Hidden("tables"), id, generation))
		statements = append(statements, back...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_ = rows.Close()
	for _, s := range statements {
		if _, err := on.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// hide gives another name to a column that hides the row id, and takes it back.
func hide(table string, column sql.NullString) (away, back []string) {
	if !column.Valid {
		return nil, nil
	}
	rename := "ALTER TABLE " + table + " RENAME COLUMN %s TO %s"
	name := sparksql.QuoteDuckDB(column.String)
	return []string{fmt.Sprintf(rename, name, hiddenColumn)}, []string{fmt.Sprintf(rename, hiddenColumn, name)}
}
