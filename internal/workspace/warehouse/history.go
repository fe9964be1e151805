//go:build cgo

package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ingest/internal/workspace/warehouse/sparksql"
	"ingest/internal/workspace/warehouse/translate"
)

// Versions. A table's versions are cut into generations. Within a generation rows
// are only appended, so version n is the generation's first row_count rows, by row
// id, and costs nothing. What changes rows in place (UPDATE, DELETE, MERGE, ALTER
// TYPE) or replaces them (CREATE OR REPLACE, TRUNCATE, RESTORE) ends a generation;
// then its rows are copied aside into the hidden schema, if they are no more than
// keptRows, and the newest keptGenerations copies of a table are kept. Versions of
// larger tables from before such a change are listed by DESCRIBE HISTORY but
// cannot be read or restored.
const (
	keptRows        = 200_000
	keptGenerations = 20
)

// commit says what a statement did to a table, for its history.
type commit struct {
	operation  string
	parameters map[string]string
	metrics    map[string]string
}

func generationName(g int64) string { return fmt.Sprintf("g%d", g) }

// generations are the numbers of a table's generations, newest first.
func (c *catalog) generations(ctx context.Context, on execer, id int64) ([]int64, error) {
	rows, err := on.QueryContext(ctx, "SELECT DISTINCT generation FROM "+c.meta("history")+" WHERE table_id = ? ORDER BY generation DESC", id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []int64
	for rows.Next() {
		var g int64
		if err := rows.Scan(&g); err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// endGeneration keeps a table's rows aside before they change in place or are
// replaced, and begins a new generation.
func (c *catalog) endGeneration(ctx context.Context, on execer, t *metaTable) error {
	if t.rows <= keptRows {
		if _, err := on.ExecContext(ctx, "CREATE TABLE "+c.meta(generationName(t.generation))+" AS SELECT * FROM "+c.table(t.schema, t.name)+" ORDER BY rowid"); err != nil {
			return err
		}
	}
	kept, err := c.generations(ctx, on, t.id)
	if err != nil {
		return err
	}
	for i := keptGenerations; i < len(kept); i++ {
		if _, err := on.ExecContext(ctx, "DROP TABLE IF EXISTS "+c.meta(generationName(kept[i]))); err != nil {
			return err
		}
	}
	t.generation, err = c.next(ctx, on)
	return err
}

// beforeAppend is called before rows are added.
func (c *catalog) beforeAppend(ctx context.Context, on execer, t *metaTable) error {
	if !t.dirty {
		return nil
	}
	return c.endGeneration(ctx, on, t)
}

// beforeChange is called before rows change in place: from then on row ids have gaps.
func (c *catalog) beforeChange(ctx context.Context, on execer, t *metaTable) error {
	err := c.endGeneration(ctx, on, t)
	t.dirty = true
	return err
}

// beforeReplace is called before all rows go and the table is made anew.
func (c *catalog) beforeReplace(ctx context.Context, on execer, t *metaTable) error {
	err := c.endGeneration(ctx, on, t)
	t.dirty = false
	return err
}

// remember adds the table's present version to its history.
func (c *catalog) remember(ctx context.Context, on execer, t *metaTable, what commit, now time.Time) error {
	_, err := on.ExecContext(ctx, "INSERT INTO "+c.meta("history")+" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.id, t.version, now, what.operation, encode(orEmpty(what.parameters)), encode(orEmpty(what.metrics)), encode(t.columns), t.generation, t.rows)
	return err
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// committed makes the table's next version and saves it.
func (c *catalog) committed(ctx context.Context, on execer, t *metaTable, what commit, now time.Time) error {
	t.version++
	t.updated = now
	if err := c.save(ctx, on, t); err != nil {
		return err
	}
	return c.remember(ctx, on, t, what, now)
}

// snapshot is the table as of a version: a DuckDB relation and its columns.
func (c *catalog) snapshot(ctx context.Context, on execer, t *metaTable, version int64) (string, []metaColumn, int64, error) {
	var columnsText string
	var generation, rows, found, oldest int64
	err := on.QueryRowContext(ctx, "SELECT count(*), coalesce(min(version), 0) FROM "+c.meta("history")+" WHERE table_id = ?", t.id).Scan(&found, &oldest)
	if err != nil {
		return "", nil, 0, err
	}
	if version > t.version || version < oldest {
		return "", nil, 0, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND", "Cannot time travel Delta table to version %d. Available versions: [%d, %d].", version, oldest, t.version)
	}
	err = on.QueryRowContext(ctx, "SELECT columns, generation, row_count FROM "+c.meta("history")+" WHERE table_id = ? AND version = ?", t.id, version).Scan(&columnsText, &generation, &rows)
	if err != nil {
		return "", nil, 0, err
	}
	var columns []metaColumn
	if err := json.Unmarshal([]byte(columnsText), &columns); err != nil {
		return "", nil, 0, fmt.Errorf("read history of %s.%s: %w", t.schema, t.name, err)
	}
	from := c.table(t.schema, t.name)
	if generation != t.generation {
		var kept int
		if err := on.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?", "c_"+c.name, hidden, generationName(generation)).Scan(&kept); err != nil {
			return "", nil, 0, err
		}
		if kept == 0 {
			return "", nil, 0, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND", "The rows of version %d are not kept: the local workspace keeps versions from before an in-place change or a replacement only of tables of up to %d rows, and of those the newest %d.", version, keptRows, keptGenerations)
		}
		from = c.meta(generationName(generation))
	}
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	sql := "(SELECT " + strings.Join(names, ", ") + " FROM " + from
	if !t.dirty || generation != t.generation {
		sql += fmt.Sprintf(" WHERE rowid < %d", rows)
	}
	return sql + ")", columns, rows, nil
}

func asTable(c *catalog, t *metaTable, sql string, cols []metaColumn) (translate.Table, error) {
	columns, err := sparkColumns(cols)
	return translate.Table{Catalog: c.name, Schema: t.schema, Name: t.name, SQL: sql, Columns: columns}, err
}
