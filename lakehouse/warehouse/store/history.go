//go:build cgo

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Versions. Each row has the version that wrote it (born), in a column that no statement sees. If a statement changes or deletes
// a row in place, the old row gets a grave (graves.go) and later moves to the dead rows, with the version that ended it (died).
// Version n is therefore the rows born by n, without those that had died by n. A version costs only the rows that changed. A
// table's versions are divided into generations. A statement that replaces all rows (CREATE OR REPLACE, TRUNCATE, INSERT
// OVERWRITE, RESTORE), or changes existing columns, ends a generation. Its rows are then copied into the hidden schema, if there
// are at most keptRows or the table has a change data feed. The newest keptGenerations copies of a table are kept. DESCRIBE
// HISTORY lists older versions too, but they cannot be read or restored.
const (
	keptRows        = 200_000
	keptGenerations = 20
)

// OwnColumns is the beginning of the names of the columns that the workspace adds to a table, in its database and in statements.
const OwnColumns = "__workspace_"

// The columns that the store adds to a table, and to its dead rows.
const (
	BornColumn = `"__workspace_born"`
	DiedColumn = `"__workspace_died"`
)

// Stamp is the value of born and died: twice the version, plus one if the row was updated (it continues as another row, or
// continues one).
func Stamp(version int64, updates bool) int64 {
	if updates {
		return 2*version + 1
	}
	return 2 * version
}

// Commit is an entry of a table's history: what a statement did.
type Commit struct {
	Operation  string
	Parameters map[string]string
	Metrics    map[string]string
}

// GenerationName is the hidden table of the rows that a generation had at its end.
func GenerationName(g int64) string { return fmt.Sprintf("g%d", g) }

// DeadName is the hidden table of the dead rows of a generation.
func DeadName(g int64) string { return fmt.Sprintf("d%d", g) }

// generations are the numbers of a table's generations, newest first.
func (c *Catalog) generations(ctx context.Context, on execer, id int64) ([]int64, error) {
	return values[int64](ctx, on,
		"SELECT DISTINCT generation FROM "+c.Hidden("history")+" WHERE table_id = ? ORDER BY generation DESC", id)
}

// dropGeneration removes the stored rows of a generation.
func (c *Catalog) dropGeneration(ctx context.Context, on execer, g int64) error {
	for _, name := range []string{GenerationName(g), DeadName(g), GravesName(g)} {
		if _, err := on.ExecContext(ctx, "DROP TABLE IF EXISTS "+c.Hidden(name)); err != nil {
			return err
		}
	}
	return nil
}

// EndGeneration copies a table's rows before they are replaced, and begins a new generation.
func (c *Catalog) EndGeneration(ctx context.Context, on execer, t *Table) error {
	if t.Rows <= keptRows || Feeds(t) {
		if t.Graves > 0 {
			if err := c.exhume(ctx, on, t); err != nil {
				return err
			}
		}
		rows, err := c.unburied(ctx, on, t)
		if err != nil {
			return err
		}
		if _, err := on.ExecContext(ctx, "CREATE TABLE "+c.Hidden(GenerationName(t.Generation))+" AS "+rows); err != nil {
			return err
		}
	}
	if _, err := on.ExecContext(ctx, "DROP TABLE IF EXISTS "+c.Graves(t)); err != nil {
		return err
	}
	kept, err := c.generations(ctx, on, t.ID)
	if err != nil {
		return err
	}
	for i := keptGenerations; i < len(kept) && !Feeds(t); i++ {
		if err := c.dropGeneration(ctx, on, kept[i]); err != nil {
			return err
		}
	}
	t.Generation, err = c.Next(ctx, on)
	return err
}

// ChangeColumns ends a generation before columns of the table change.
func (c *Catalog) ChangeColumns(ctx context.Context, on execer, t *Table) error {
	if err := c.Settle(ctx, on, t); err != nil {
		return err
	}
	return c.EndGeneration(ctx, on, t)
}

// NeedDead makes the table of the generation's dead rows, if there is none yet.
func (c *Catalog) NeedDead(ctx context.Context, on execer, t *Table) error {
	_, err := on.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+c.Hidden(DeadName(t.Generation))+" AS SELECT *, NULL::BIGINT AS "+DiedColumn+
		" FROM "+c.Qualified(t.Schema, t.Name)+" LIMIT 0")
	return err
}

// remember adds the table's present version to its history.
func (c *Catalog) remember(ctx context.Context, on execer, t *Table, what Commit, now time.Time) error {
	_, err := on.ExecContext(ctx, "INSERT INTO "+c.Hidden("history")+" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.ID, t.Version, now, what.Operation, Encode(orEmpty(what.Parameters)), Encode(orEmpty(what.Metrics)), Encode(t.Columns),
		t.Generation, t.Rows, Feeds(t))
	return err
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// Committed makes the table's next version and saves it.
func (c *Catalog) Committed(ctx context.Context, on execer, t *Table, what Commit, now time.Time) error {
	if err := c.settleMany(ctx, on, t); err != nil {
		return err
	}
	t.Version++
	t.Updated = now
	if err := c.Save(ctx, on, t); err != nil {
		return err
	}
	return c.remember(ctx, on, t, what, now)
}

// Snapshot is the table as of a version: a DuckDB relation and its columns.
func (c *Catalog) Snapshot(ctx context.Context, on execer, t *Table, version int64) (string, []Column, error) {
	var found, oldest int64
	err := on.QueryRowContext(ctx, "SELECT count(*), coalesce(min(version), 0) FROM "+c.Hidden("history")+" WHERE table_id = ?",
		t.ID).Scan(&found, &oldest)
	if err != nil {
		return "", nil, err
	}
	if version > t.Version || version < oldest {
		return "", nil, sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND",
			"Cannot time travel Delta table to version %d. Available versions: [%d, %d].", version, oldest, t.Version)
	}
	var columnsText string
	var generation int64
	err = on.QueryRowContext(ctx, "SELECT columns, generation FROM "+c.Hidden("history")+" WHERE table_id = ? AND version = ?", t.ID,
		version).Scan(&columnsText, &generation)
	if err != nil {
		return "", nil, err
	}
	var columns []Column
	if err := json.Unmarshal([]byte(columnsText), &columns); err != nil {
		return "", nil, fmt.Errorf("read history of %s.%s: %w", t.Schema, t.Name, err)
	}
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = sparksql.QuoteDuckDB(col.Name)
	}
	sql, err := c.RowsAsOf(ctx, on, t, generation, version, strings.Join(names, ", "), false)
	return sql, columns, err
}

// BuriedID and MovedID are the row ids, below zero, of rows that are dead by now: those with a grave, as g, and those that have moved.
const BuriedID = "-1 - 2 * g." + translate.RowID

// MovedID takes the row id that a dead row has where it moved to.
func MovedID(rows Rows) string { return "-2 - 2 * " + rows.ID }

// RowsAsOf is a relation of the rows of a version in a generation, with the columns of a SELECT list. With their row ids, the
// generation must be that of the present.
func (c *Catalog) RowsAsOf(ctx context.Context, on execer, t *Table, generation, version int64, list string, ids bool) (string, error) {
	name, err := c.LiveRows(ctx, on, t, generation, version)
	if err != nil {
		return "", err
	}
	rows := Rows{From: name + " AS l"}
	if generation == t.Generation {
		if rows, err = c.Stored(ctx, on, t); err != nil {
			return "", err
		}
	}
	until := Stamp(version+1, false)
	live, where := "", fmt.Sprintf(" WHERE %s < %d", BornColumn, until)
	if ids {
		live = rows.ID + " AS " + translate.RowID + ", "
	}
	died := fmt.Sprintf("%s AND %s >= %d", where, DiedColumn, until)
	if generation == t.Generation && t.Graves > 0 {
		rows.From += " LEFT JOIN (FROM " + c.Graves(t) + ") AS g ON g." + translate.RowID + " = " + rows.ID
		where += fmt.Sprintf(" AND coalesce(%s >= %d, true)", DiedColumn, until)
		if ids {
			live = "coalesce(" + BuriedID + ", " + rows.ID + ") AS " + translate.RowID + ", "
		}
	}
	sql := "(SELECT " + live + list + " FROM " + rows.From + where
	switch there, err := c.Exists(ctx, on, DeadName(generation)); {
	case err != nil:
		return "", err
	case !there:
		return sql + ")", nil
	case !ids:
		return sql + " UNION ALL SELECT " + list + " FROM " + c.Hidden(DeadName(generation)) + died + ")", nil
	}
	moved, err := c.Moved(ctx, on, t)
	return sql + " UNION ALL SELECT " + MovedID(moved) + " AS " + translate.RowID + ", " + list + " FROM " + moved.From + died + ")", err
}

// LiveRows is the table of the rows that a generation has, or had at its end. That of the present may have graves.
func (c *Catalog) LiveRows(ctx context.Context, on execer, t *Table, generation, version int64) (string, error) {
	if generation == t.Generation {
		return c.Qualified(t.Schema, t.Name), nil
	}
	switch there, err := c.Exists(ctx, on, GenerationName(generation)); {
	case err != nil:
		return "", err
	case !there:
		return "", sparksql.Errorf("22003", "DELTA_VERSION_NOT_FOUND", "The rows of version %d are not kept: the local workspace keeps "+
			"versions from before a replacement or a change of columns only of tables of up to %d rows, and of those the newest %d.",
			version, keptRows, keptGenerations)
	}
	return c.Hidden(GenerationName(generation)), nil
}

// Exists reports whether the hidden schema has a table.
func (c *Catalog) Exists(ctx context.Context, on execer, name string) (bool, error) {
	var n int
	err := on.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
		"c_"+c.Name, hidden, name).Scan(&n)
	return n > 0, err
}

// AsTable is a relation as the translator sees a table.
func AsTable(c *Catalog, t *Table, sql string, cols []Column) (translate.Table, error) {
	columns, err := SparkColumns(cols)
	return translate.Table{Catalog: c.Name, Schema: t.Schema, Name: t.Name, SQL: sql, Columns: columns}, err
}
