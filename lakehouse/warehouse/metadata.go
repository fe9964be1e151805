//go:build cgo

package warehouse

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// metaColumn is a column as the hidden schema keeps it.
type metaColumn struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Comment string `json:"comment,omitempty"`
	NotNull bool   `json:"not_null,omitempty"`
}

// metaTable is a table or view as the hidden schema keeps it. Generation names a
// stretch of versions of one DuckDB table; see history.go.
type metaTable struct {
	id                  int64
	schema, name, kind  string
	comment             string
	columns             []metaColumn
	properties          map[string]string
	cluster             []string
	view                string // a view's query
	viewSpace           translate.Space
	created, updated    time.Time
	version, generation int64
	rows                int64
}

const (
	kindTable = "MANAGED"
	kindView  = "VIEW"
)

var metaTables = []string{
	"schemas (name VARCHAR, comment VARCHAR)",
	"functions (schema_name VARCHAR, name VARCHAR, definition VARCHAR)",
	"policies (table_id BIGINT, column_name VARCHAR, expression VARCHAR)",
	`tables (id BIGINT, schema_name VARCHAR, name VARCHAR, kind VARCHAR, comment VARCHAR, columns VARCHAR, properties VARCHAR, cluster VARCHAR,
		view_query VARCHAR, view_catalog VARCHAR, view_schema VARCHAR, created TIMESTAMP, updated TIMESTAMP, version BIGINT, generation BIGINT, row_count BIGINT)`,
	`history (table_id BIGINT, version BIGINT, committed TIMESTAMP, operation VARCHAR, parameters VARCHAR, metrics VARCHAR, columns VARCHAR, generation BIGINT, row_count BIGINT, feed BOOLEAN)`,
	"copied (table_id BIGINT, path VARCHAR, version BIGINT)",
	"tags (table_id BIGINT, name VARCHAR, value VARCHAR)",
	"grants (table_id BIGINT, principal VARCHAR, privilege VARCHAR)",
	"counter (next BIGINT)",
}

const metaFields = `id, schema_name, name, kind, comment, columns, properties, cluster, view_query, view_catalog, view_schema, created, updated, version, generation, row_count`

// execer is a connection inside a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

func scanTable(scan func(...any) error) (*metaTable, error) {
	t := &metaTable{}
	var columns, properties, cluster string
	err := scan(&t.id, &t.schema, &t.name, &t.kind, &t.comment, &columns, &properties, &cluster, &t.view, &t.viewSpace.Catalog, &t.viewSpace.Schema,
		&t.created, &t.updated, &t.version, &t.generation, &t.rows)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		text string
		into any
	}{{columns, &t.columns}, {properties, &t.properties}, {cluster, &t.cluster}} {
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return nil, fmt.Errorf("read metadata of %s.%s: %w", t.schema, t.name, err)
		}
	}
	if t.properties == nil {
		t.properties = map[string]string{}
	}
	return t, nil
}

// find reads one table's metadata; nil when there is no such table.
func (c *catalog) find(ctx context.Context, on execer, schema, name string) (*metaTable, error) {
	row := on.QueryRowContext(ctx, "SELECT "+metaFields+" FROM "+c.meta("tables")+" WHERE schema_name = ? AND name = ?", strings.ToLower(schema), strings.ToLower(name))
	t, err := scanTable(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// list reads the metadata of a schema's tables, by name.
func (c *catalog) list(ctx context.Context, on execer, schema string) ([]*metaTable, error) {
	rows, err := on.QueryContext(ctx, "SELECT "+metaFields+" FROM "+c.meta("tables")+" WHERE schema_name = ? ORDER BY name", strings.ToLower(schema))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*metaTable
	for rows.Next() {
		t, err := scanTable(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// save writes a table's metadata in place of what was there.
func (c *catalog) save(ctx context.Context, on execer, t *metaTable) error {
	if _, err := on.ExecContext(ctx, "DELETE FROM "+c.meta("tables")+" WHERE id = ?", t.id); err != nil {
		return err
	}
	_, err := on.ExecContext(ctx, "INSERT INTO "+c.meta("tables")+" ("+metaFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		t.id, t.schema, t.name, t.kind, t.comment, encode(t.columns), encode(t.properties), encode(t.cluster), t.view, t.viewSpace.Catalog, t.viewSpace.Schema,
		t.created, t.updated, t.version, t.generation, t.rows)
	return err
}

// forget removes a table's metadata, history and kept generations.
func (c *catalog) forget(ctx context.Context, on execer, t *metaTable) error {
	kept, err := c.generations(ctx, on, t.id)
	if err != nil {
		return err
	}
	if _, err := on.ExecContext(ctx, "DELETE FROM "+c.meta("policies")+" WHERE table_id = ?", t.id); err != nil {
		return err
	}
	for _, g := range kept {
		if err := c.dropGeneration(ctx, on, g); err != nil {
			return err
		}
	}
	for name, column := range map[string]string{"tables": "id", "history": "table_id", "copied": "table_id", "tags": "table_id", "grants": "table_id"} {
		if _, err := on.ExecContext(ctx, "DELETE FROM "+c.meta(name)+" WHERE "+column+" = ?", t.id); err != nil {
			return err
		}
	}
	return nil
}

// next takes a number that no table or generation has had.
func (c *catalog) next(ctx context.Context, on execer) (int64, error) {
	if _, err := on.ExecContext(ctx, "UPDATE "+c.meta("counter")+" SET next = next + 1"); err != nil {
		return 0, err
	}
	var n int64
	err := on.QueryRowContext(ctx, "SELECT next FROM "+c.meta("counter")).Scan(&n)
	return n, err
}

// schemas lists the schemas that anybody may see.
func (c *catalog) schemas(ctx context.Context, on execer) ([]string, error) {
	rows, err := on.QueryContext(ctx, "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = ?", "c_"+c.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		if !ownSchema(s) {
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return out, rows.Err()
}

// ownSchema reports whether a schema is DuckDB's or the warehouse's own.
func ownSchema(name string) bool {
	switch strings.ToLower(name) {
	case hidden, "main", "information_schema", "pg_catalog":
		return true
	}
	return false
}

func (c *catalog) hasSchema(ctx context.Context, on execer, schema string) (bool, error) {
	if ownSchema(schema) {
		return false, nil
	}
	var n int
	err := on.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.schemata WHERE catalog_name = ? AND lower(schema_name) = ?", "c_"+c.name, strings.ToLower(schema)).Scan(&n)
	return n > 0, err
}

// prepare makes the hidden schema and takes in what another program put into the
// file: tables without metadata are described, metadata without tables is dropped.
func (c *catalog) prepare(ctx context.Context, on execer, now time.Time) error {
	statements := []string{"CREATE SCHEMA IF NOT EXISTS " + c.alias + "." + hidden, "CREATE SCHEMA IF NOT EXISTS " + c.alias + `."default"`}
	for _, t := range metaTables {
		statements = append(statements, "CREATE TABLE IF NOT EXISTS "+c.alias+"."+hidden+"."+t)
	}
	statements = append(statements, "ALTER TABLE "+c.meta("history")+" ADD COLUMN IF NOT EXISTS feed BOOLEAN DEFAULT false",
		"INSERT INTO "+c.meta("counter")+" SELECT 0 WHERE NOT EXISTS (FROM "+c.meta("counter")+")")
	for _, s := range statements {
		if _, err := on.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare catalog %s: %w", c.name, err)
		}
	}
	if err := c.adopt(ctx, on, now); err != nil {
		return fmt.Errorf("prepare catalog %s: %w", c.name, err)
	}
	if err := c.stampRows(ctx, on); err != nil {
		return fmt.Errorf("prepare catalog %s: %w", c.name, err)
	}
	return nil
}

func (c *catalog) adopt(ctx context.Context, on execer, now time.Time) error {
	_, err := on.ExecContext(ctx, "DELETE FROM "+c.meta("tables")+" AS m WHERE kind = '"+kindTable+"' AND NOT EXISTS (SELECT 1 FROM duckdb_tables() d WHERE d.database_name = ? AND d.schema_name = m.schema_name AND d.table_name = m.name)", "c_"+c.name)
	if err != nil {
		return err
	}
	rows, err := on.QueryContext(ctx, "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() d WHERE database_name = ? AND schema_name NOT IN ('"+hidden+
		"', 'main') AND NOT internal AND lower(schema_name) = schema_name AND lower(table_name) = table_name AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = d.database_name AND schema_name = d.schema_name)"+
		" AND NOT EXISTS (SELECT 1 FROM "+c.meta("tables")+" m WHERE m.schema_name = d.schema_name AND m.name = d.table_name) ORDER BY schema_name, table_name, column_index", "c_"+c.name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var found []*metaTable
	for rows.Next() {
		var schema, table, column, typ string
		var nullable bool
		if err := rows.Scan(&schema, &table, &column, &typ, &nullable); err != nil {
			return err
		}
		if n := len(found); n == 0 || found[n-1].schema != schema || found[n-1].name != table {
			found = append(found, &metaTable{schema: schema, name: table, kind: kindTable, properties: map[string]string{}, created: now, updated: now})
		}
		if spark, ok := sparkType(typ); ok {
			t := found[len(found)-1]
			t.columns = append(t.columns, metaColumn{Name: column, Type: spark.String(), NotNull: !nullable})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_ = rows.Close()
	for _, t := range found {
		if t.id, err = c.next(ctx, on); err != nil {
			return err
		}
		t.generation = t.id
		if err := on.QueryRowContext(ctx, "SELECT count(*) FROM "+c.table(t.schema, t.name)).Scan(&t.rows); err != nil {
			return err
		}
		if err := c.save(ctx, on, t); err != nil {
			return err
		}
		if err := c.remember(ctx, on, t, commit{operation: "CREATE TABLE"}, now); err != nil {
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

// sparkColumns parses the types of a table's columns.
func sparkColumns(cols []metaColumn) ([]translate.Column, error) {
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

// feeds reports whether a table has a change data feed.
func feeds(m *metaTable) bool {
	return strings.EqualFold(m.properties["delta.enableChangeDataFeed"], "true")
}
