//go:build cgo

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// Column is a column as the hidden schema keeps it.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Comment string `json:"comment,omitempty"`
	NotNull bool   `json:"not_null,omitempty"`
}

// Table is a table or view as the hidden schema keeps it. Generation names a
// stretch of versions of one DuckDB table; see history.go.
type Table struct {
	ID                  int64
	Schema, Name, Kind  string
	Comment             string
	Columns             []Column
	Properties          map[string]string
	Cluster             []string
	View                string // a view's query
	ViewSpace           translate.Space
	Created, Updated    time.Time
	Version, Generation int64
	Rows                int64
	// Graves is the number of dead rows among the stored ones; see graves.go. It is below zero if DuckDB may give the rows other row
	// ids once the transaction has ended. Such a table is unsettled while it has graves.
	Graves    int64
	unsettled bool
}

// What a Table is, as Unity Catalog names it.
const (
	KindTable = "MANAGED"
	KindView  = "VIEW"
)

var metaTables = []string{
	"schemas (name VARCHAR, comment VARCHAR)",
	"functions (schema_name VARCHAR, name VARCHAR, definition VARCHAR)",
	"policies (table_id BIGINT, column_name VARCHAR, expression VARCHAR)",
	`tables (id BIGINT, schema_name VARCHAR, name VARCHAR, kind VARCHAR, comment VARCHAR, columns VARCHAR, properties VARCHAR, cluster VARCHAR,
		view_query VARCHAR, view_catalog VARCHAR, view_schema VARCHAR, created TIMESTAMP, updated TIMESTAMP, version BIGINT, generation BIGINT, row_count BIGINT, graves BIGINT)`,
	`history (table_id BIGINT, version BIGINT, committed TIMESTAMP, operation VARCHAR, parameters VARCHAR, metrics VARCHAR, columns VARCHAR, generation BIGINT, row_count BIGINT, feed BOOLEAN)`,
	"copied (table_id BIGINT, path VARCHAR, version BIGINT)",
	"tags (table_id BIGINT, name VARCHAR, value VARCHAR)",
	"grants (table_id BIGINT, principal VARCHAR, privilege VARCHAR)",
	"counter (next BIGINT)",
}

const metaFields = `id, schema_name, name, kind, comment, columns, properties, cluster, view_query, view_catalog, view_schema, created, updated, version, generation, row_count, graves`

// execer is a connection inside a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Encode is a value as metadata keeps it, in JSON.
func Encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

func scanTable(scan func(...any) error) (*Table, error) {
	t := &Table{}
	var columns, properties, cluster string
	var graves sql.NullInt64 // NULL is of an older workspace
	err := scan(&t.ID, &t.Schema, &t.Name, &t.Kind, &t.Comment, &columns, &properties, &cluster, &t.View,
		&t.ViewSpace.Catalog, &t.ViewSpace.Schema,
		&t.Created, &t.Updated, &t.Version, &t.Generation, &t.Rows, &graves)
	if err != nil {
		return nil, err
	}
	if t.Graves = graves.Int64; !graves.Valid {
		t.Graves = -1
	}
	for _, part := range []struct {
		text string
		into any
	}{{columns, &t.Columns}, {properties, &t.Properties}, {cluster, &t.Cluster}} {
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return nil, fmt.Errorf("read metadata of %s.%s: %w", t.Schema, t.Name, err)
		}
	}
	if t.Properties == nil {
		t.Properties = map[string]string{}
	}
	return t, nil
}

// Find reads one table's metadata; nil when there is no such table.
func (c *Catalog) Find(ctx context.Context, on execer, schema, name string) (*Table, error) {
	row := on.QueryRowContext(ctx, "SELECT "+metaFields+" FROM "+c.Hidden("tables")+" WHERE schema_name = ? AND name = ?",
		strings.ToLower(schema), strings.ToLower(name))
	t, err := scanTable(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// List reads the metadata of a schema's tables, by name.
func (c *Catalog) List(ctx context.Context, on execer, schema string) ([]*Table, error) {
	rows, err := on.QueryContext(ctx,
		"SELECT "+metaFields+" FROM "+c.Hidden("tables")+" WHERE schema_name = ? ORDER BY name", strings.ToLower(schema))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*Table
	for rows.Next() {
		t, err := scanTable(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// Save writes a table's metadata in place of what was there.
func (c *Catalog) Save(ctx context.Context, on execer, t *Table) error {
	if _, err := on.ExecContext(ctx, "DELETE FROM "+c.Hidden("tables")+" WHERE id = ?", t.ID); err != nil {
		return err
	}
	_, err := on.ExecContext(ctx,
		"INSERT INTO "+c.Hidden("tables")+" ("+metaFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.ID, t.Schema, t.Name, t.Kind, t.Comment, Encode(t.Columns), Encode(t.Properties), Encode(t.Cluster), t.View,
		t.ViewSpace.Catalog, t.ViewSpace.Schema,
		t.Created, t.Updated, t.Version, t.Generation, t.Rows, t.Graves)
	return err
}

// Forget removes a table's metadata, history and kept generations.
func (c *Catalog) Forget(ctx context.Context, on execer, t *Table) error {
	kept, err := c.generations(ctx, on, t.ID)
	if err != nil {
		return err
	}
	if _, err := on.ExecContext(ctx, "DELETE FROM "+c.Hidden("policies")+" WHERE table_id = ?", t.ID); err != nil {
		return err
	}
	for _, g := range kept {
		if err := c.dropGeneration(ctx, on, g); err != nil {
			return err
		}
	}
	for name, column := range map[string]string{
		"tables": "id", "history": "table_id", "copied": "table_id", "tags": "table_id", "grants": "table_id",
	} {
		if _, err := on.ExecContext(ctx, "DELETE FROM "+c.Hidden(name)+" WHERE "+column+" = ?", t.ID); err != nil {
			return err
		}
	}
	return nil
}

// Next takes a number that no table or generation has had.
func (c *Catalog) Next(ctx context.Context, on execer) (int64, error) {
	if _, err := on.ExecContext(ctx, "UPDATE "+c.Hidden("counter")+" SET next = next + 1"); err != nil {
		return 0, err
	}
	var n int64
	err := on.QueryRowContext(ctx, "SELECT next FROM "+c.Hidden("counter")).Scan(&n)
	return n, err
}

// Schemas lists the visible schemas.
func (c *Catalog) Schemas(ctx context.Context, on execer) ([]string, error) {
	all, err := values[string](ctx, on, "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = ?", "c_"+c.Name)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(all, OwnSchema)
	slices.Sort(out)
	return out, nil
}

// values are the rows of a query of one column.
func values[T any](ctx context.Context, on execer, query string, args ...any) ([]T, error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// OwnSchema reports whether a schema is DuckDB's or the warehouse's own.
func OwnSchema(name string) bool {
	switch strings.ToLower(name) {
	case hidden, "main", "information_schema", "pg_catalog":
		return true
	}
	return false
}

// HasSchema reports whether there is a visible schema of that name.
func (c *Catalog) HasSchema(ctx context.Context, on execer, schema string) (bool, error) {
	if OwnSchema(schema) {
		return false, nil
	}
	var n int
	err := on.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.schemata WHERE catalog_name = ? AND lower(schema_name) = ?",
		"c_"+c.Name, strings.ToLower(schema)).Scan(&n)
	return n > 0, err
}

// prepare makes the hidden schema and adapts to changes of another program: it describes tables without metadata, and drops
// metadata without tables.
func (c *Catalog) prepare(ctx context.Context, on execer, now time.Time) error {
	statements := []string{"CREATE SCHEMA IF NOT EXISTS " + c.Alias + "." + hidden, "CREATE SCHEMA IF NOT EXISTS " + c.Alias + `."default"`}
	for _, t := range metaTables {
		statements = append(statements, "CREATE TABLE IF NOT EXISTS "+c.Alias+"."+hidden+"."+t)
	}
	statements = append(statements, "ALTER TABLE "+c.Hidden("history")+" ADD COLUMN IF NOT EXISTS feed BOOLEAN DEFAULT false",
		"ALTER TABLE "+c.Hidden("tables")+" ADD COLUMN IF NOT EXISTS graves BIGINT",
		"INSERT INTO "+c.Hidden("counter")+" SELECT 0 WHERE NOT EXISTS (FROM "+c.Hidden("counter")+")")
	for _, s := range statements {
		if _, err := on.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare catalog %s: %w", c.Name, err)
		}
	}
	if err := c.adopt(ctx, on, now); err != nil {
		return fmt.Errorf("prepare catalog %s: %w", c.Name, err)
	}
	if err := c.stampRows(ctx, on); err != nil {
		return fmt.Errorf("prepare catalog %s: %w", c.Name, err)
	}
	return nil
}

func (c *Catalog) adopt(ctx context.Context, on execer, now time.Time) error {
	_, err := on.ExecContext(ctx, "DELETE FROM "+c.Hidden("tables")+" AS m WHERE kind = '"+KindTable+
		"' AND NOT EXISTS (SELECT 1 FROM duckdb_tables() d WHERE d.database_name = ? AND d.schema_name = m.schema_name AND d.table_name = m.name)", "c_"+c.Name)
	if err != nil {
		return err
	}
	rows, err := on.QueryContext(ctx, "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() d WHERE database_name = ? AND schema_name NOT IN ('"+hidden+
		"', 'main') AND NOT internal AND lower(schema_name) = schema_name AND lower(table_name) = table_name AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = d.database_name AND schema_name = d.schema_name)"+
		" AND NOT EXISTS (SELECT 1 FROM "+c.Hidden("tables")+
		" m WHERE m.schema_name = d.schema_name AND m.name = d.table_name) ORDER BY schema_name, table_name, column_index", "c_"+c.Name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var found []*Table
	for rows.Next() {
		var schema, table, column, typ string
		var nullable bool
		if err := rows.Scan(&schema, &table, &column, &typ, &nullable); err != nil {
			return err
		}
		if n := len(found); n == 0 || found[n-1].Schema != schema || found[n-1].Name != table {
			found = append(found, &Table{Schema: schema, Name: table, Kind: KindTable, Properties: map[string]string{}, Created: now, Updated: now})
		}
		if spark, ok := sparkType(typ); ok {
			t := found[len(found)-1]
			t.Columns = append(t.Columns, Column{Name: column, Type: spark.String(), NotNull: !nullable})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_ = rows.Close()
	for _, t := range found {
		if t.ID, err = c.Next(ctx, on); err != nil {
			return err
		}
		t.Generation, t.Graves = t.ID, -1
		if err := on.QueryRowContext(ctx, "SELECT count(*) FROM "+c.Qualified(t.Schema, t.Name)).Scan(&t.Rows); err != nil {
			return err
		}
		if err := c.Save(ctx, on, t); err != nil {
			return err
		}
		if err := c.remember(ctx, on, t, Commit{Operation: "CREATE TABLE"}, now); err != nil {
			return err
		}
	}
	return nil
}

// sparkType is Databricks' type for one of DuckDB's; columns of other types are
// not shown.
func sparkType(duck string) (sparksql.Type, bool) {
	if elem, ok := strings.CutSuffix(duck, "[]"); ok {
		t, ok := sparkType(elem)
		return sparksql.ArrayOf(t), ok
	}
	switch duck {
	case "TIMESTAMP WITH TIME ZONE":
		return sparksql.Timestamp, true
	case "TIMESTAMP":
		return sparksql.TimestampNTZ, true
	case "VARCHAR":
		return sparksql.String, true
	case "BLOB":
		return sparksql.Binary, true
	}
	switch t, err := sparksql.ParseType(duck); {
	case err != nil || t.Nested() || t.DuckDB() != strings.ReplaceAll(duck, ", ", ","):
		return t, false
	default:
		return t, true
	}
}

// SparkColumns parses the types of a table's columns.
func SparkColumns(cols []Column) ([]translate.Column, error) {
	out := make([]translate.Column, len(cols))
	for i, c := range cols {
		t, err := sparksql.ParseType(c.Type)
		if err != nil {
			return nil, err
		}
		out[i] = translate.Column{Name: c.Name, Type: t}
	}
	return out, nil
}

// Feeds reports whether a table has a change data feed.
func Feeds(m *Table) bool {
	return strings.EqualFold(m.Properties["delta.enableChangeDataFeed"], "true")
}
