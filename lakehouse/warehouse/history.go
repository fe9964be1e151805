//go:build cgo

package warehouse

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// Versions. Each row carries the version that wrote it (born), in a column that no
// statement sees. A row that a statement changes or deletes where it is goes to the
// dead rows, with the version that ended it (died). So version n is the rows born by
// then, less those that were dead by then, and costs a table nothing but the rows that
// changed. A table's versions are cut into generations: what replaces all rows (CREATE
// OR REPLACE, TRUNCATE, INSERT OVERWRITE, RESTORE) or changes the columns that are
// there ends one. Then its rows are copied aside into the hidden schema, if they are
// no more than keptRows or the table has a change data feed, and the newest
// keptGenerations copies of a table are kept. What was not kept is listed by DESCRIBE
// HISTORY but cannot be read or restored.
const (
	keptRows        = 200_000
	keptGenerations = 20
)

// The columns that the store adds to a table, and to its dead rows.
const (
	bornColumn = `"__workspace_born"`
	diedColumn = `"__workspace_died"`
)

// stamp is what born and died hold: twice the version, and one if the row goes on as
// another, or did.
func stamp(version int64, updates bool) int64 {
	if updates {
		return 2*version + 1
	}
	return 2 * version
}

// commit says what a statement did to a table, for its history.
type commit struct {
	operation  string
	parameters map[string]string
	metrics    map[string]string
}

func generationName(g int64) string { return fmt.Sprintf("g%d", g) }
func deadName(g int64) string       { return fmt.Sprintf("d%d", g) }

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

// dropGeneration removes what is kept of a generation.
func (c *catalog) dropGeneration(ctx context.Context, on execer, g int64) error {
	for _, name := range []string{generationName(g), deadName(g)} {
		if _, err := on.ExecContext(ctx, "DROP TABLE IF EXISTS "+c.meta(name)); err != nil {
			return err
		}
	}
	return nil
}

// endGeneration keeps a table's rows aside before they are replaced, or their columns
// change, and begins a new generation.
func (c *catalog) endGeneration(ctx context.Context, on execer, t *metaTable) error {
	if t.rows <= keptRows || feeds(t) {
		if _, err := on.ExecContext(ctx, "CREATE TABLE "+c.meta(generationName(t.generation))+" AS FROM "+c.table(t.schema, t.name)); err != nil {
			return err
		}
	}
	kept, err := c.generations(ctx, on, t.id)
	if err != nil {
		return err
	}
	for i := keptGenerations; i < len(kept) && !feeds(t); i++ {
		if err := c.dropGeneration(ctx, on, kept[i]); err != nil {
			return err
		}
	}
	t.generation, err = c.next(ctx, on)
	return err
}

// needDead makes the table of the generation's dead rows, if there is none yet.
func (c *catalog) needDead(ctx context.Context, on execer, t *metaTable) error {
	_, err := on.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+c.meta(deadName(t.generation))+" AS SELECT *, NULL::BIGINT AS "+diedColumn+
		" FROM "+c.table(t.schema, t.name)+" LIMIT 0")
	return err
}

// remember adds the table's present version to its history.
func (c *catalog) remember(ctx context.Context, on execer, t *metaTable, what commit, now time.Time) error {
	_, err := on.ExecContext(ctx, "INSERT INTO "+c.meta("history")+" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.id, t.version, now, what.operation, encode(orEmpty(what.parameters)), encode(orEmpty(what.metrics)), encode(t.columns), t.generation, t.rows, feeds(t))
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
func (c *catalog) snapshot(ctx context.Context, on execer, t *metaTable, version int64) (string, []metaColumn, error) {
	var found, oldest int64
	err := on.QueryRowContext(ctx, "SELECT count(*), coalesce(min(version), 0) FROM "+c.meta("history")+" WHERE table_id = ?", t.id).Scan(&found, &oldest)
	if err != nil {
		return "", nil, err
	}
	if version > t.version || version < oldest {
		return "", nil, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND", "Cannot time travel Delta table to version %d. Available versions: [%d, %d].", version, oldest, t.version)
	}
	var columnsText string
	var generation int64
	err = on.QueryRowContext(ctx, "SELECT columns, generation FROM "+c.meta("history")+" WHERE table_id = ? AND version = ?", t.id, version).Scan(&columnsText, &generation)
	if err != nil {
		return "", nil, err
	}
	var columns []metaColumn
	if err := json.Unmarshal([]byte(columnsText), &columns); err != nil {
		return "", nil, fmt.Errorf("read history of %s.%s: %w", t.schema, t.name, err)
	}
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	sql, err := c.rowsAsOf(ctx, on, t, generation, version, strings.Join(names, ", "), "")
	return sql, columns, err
}

// rowsAsOf is a relation of a version's rows, which is of the generation. The last two
// are lists to select from the rows that are in the table still, and from the dead
// ones; without the latter both are selected alike.
func (c *catalog) rowsAsOf(ctx context.Context, on execer, t *metaTable, generation, version int64, live, dead string) (string, error) {
	from, err := c.liveRows(ctx, on, t, generation, version)
	if err != nil {
		return "", err
	}
	if dead == "" {
		dead = live
	}
	until := stamp(version+1, false)
	sql := fmt.Sprintf("(SELECT %s FROM %s WHERE %s < %d", live, from, bornColumn, until)
	there, err := c.exists(ctx, on, deadName(generation))
	if there {
		sql += fmt.Sprintf(" UNION ALL SELECT %s FROM %s WHERE %s < %d AND %s >= %d", dead, c.meta(deadName(generation)), bornColumn, until, diedColumn, until)
	}
	return sql + ")", err
}

// liveRows is the table of the rows that a generation has, or had at its end.
func (c *catalog) liveRows(ctx context.Context, on execer, t *metaTable, generation, version int64) (string, error) {
	if generation == t.generation {
		return c.table(t.schema, t.name), nil
	}
	switch there, err := c.exists(ctx, on, generationName(generation)); {
	case err != nil:
		return "", err
	case !there:
		return "", sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND", "The rows of version %d are not kept: the local workspace keeps versions from before a replacement or a change of columns only of tables of up to %d rows, and of those the newest %d.",
			version, keptRows, keptGenerations)
	}
	return c.meta(generationName(generation)), nil
}

// exists reports whether the hidden schema has a table.
func (c *catalog) exists(ctx context.Context, on execer, name string) (bool, error) {
	var n int
	err := on.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?", "c_"+c.name, hidden, name).Scan(&n)
	return n > 0, err
}

func asTable(c *catalog, t *metaTable, sql string, cols []metaColumn) (translate.Table, error) {
	columns, err := sparkColumns(cols)
	return translate.Table{Catalog: c.name, Schema: t.schema, Name: t.name, SQL: sql, Columns: columns}, err
}
