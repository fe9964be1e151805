//go:build cgo

package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
	"ingest/lakehouse/warehouse/translate"
)

// txn is one transaction of DuckDB on a connection of its own. It may write to one
// catalog at most, whose lock it then holds, so that no two writers ever conflict;
// readers see the catalogs as they were when they first looked.
type txn struct {
	w     *Warehouse
	ctx   context.Context
	conn  *sql.Conn
	write *catalog
	space translate.Space
	// session is whose temporary views are seen; nil where the workspace itself looks.
	session        *session
	readsTemporary bool // a query of the statement reads a temporary view
	user           string
	args           []translate.Parameter
	seen           sight // what a statement that changes rows saw of its table when it came
	ended          bool
}

// begin starts a transaction; c is what it will write to, or nil.
func (w *Warehouse) begin(ctx context.Context, c *catalog) (*txn, error) {
	if c != nil {
		select {
		case c.lock <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t := &txn{w: w, ctx: ctx, write: c, user: localUser}
	conn, err := w.db.Conn(ctx)
	if err == nil {
		t.conn = conn
		// Not under ctx: if that ended now, the connection would go back to the
		// pool with the transaction open.
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "BEGIN TRANSACTION")
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		t.unlock()
		return nil, err
	}
	return t, nil
}

const localUser = "local@workspace"

func (t *txn) unlock() {
	if t.write != nil {
		<-t.write.lock
	}
}

// commit makes the transaction's changes durable and ends it.
func (t *txn) commit() error {
	if t.ended {
		return nil
	}
	if err := t.ctx.Err(); err != nil {
		t.rollback()
		return err
	}
	// Once the commit is sent it is not interrupted: its outcome would be unknown.
	_, err := t.conn.ExecContext(context.WithoutCancel(t.ctx), "COMMIT")
	if err != nil {
		t.rollback()
		return err
	}
	t.end()
	return nil
}

func (t *txn) rollback() {
	if t.ended {
		return
	}
	_, _ = t.conn.ExecContext(context.WithoutCancel(t.ctx), "ROLLBACK")
	t.end()
}

func (t *txn) end() {
	t.ended = true
	_ = t.conn.Close()
	t.unlock()
}

func (w *Warehouse) reading(ctx context.Context, f func(*txn) error) error {
	return w.transact(ctx, nil, f)
}

func (w *Warehouse) writing(ctx context.Context, c *catalog, f func(*txn) error) error {
	return w.transact(ctx, c, f)
}

func (w *Warehouse) transact(ctx context.Context, c *catalog, f func(*txn) error) error {
	t, err := w.begin(ctx, c)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer t.rollback()
	if err := f(t); err != nil {
		return err
	}
	return t.commit()
}

func (t *txn) exec(sql string, args ...any) error {
	_, err := t.conn.ExecContext(t.ctx, sql, args...)
	return err
}

// count runs a statement that answers with one number.
func (t *txn) count(sql string, args ...any) (int64, error) {
	var n int64
	err := t.conn.QueryRowContext(t.ctx, sql, args...).Scan(&n)
	return n, err
}

// complete fills a table's name up to catalog, schema and name.
func (t *txn) complete(space translate.Space, name []string) (c *catalog, schema, table string, err error) {
	catalogName, schema := space.Catalog, space.Schema
	switch len(name) {
	case 1:
	case 2:
		schema = name[0]
	case 3:
		catalogName, schema = name[0], name[1]
	default:
		return nil, "", "", tableNotFound(name...)
	}
	c, err = t.w.catalog(catalogName)
	return c, strings.ToLower(schema), strings.ToLower(name[len(name)-1]), err
}

func (t *txn) needSchema(c *catalog, schema string) error {
	ok, err := c.hasSchema(t.ctx, t.conn, schema)
	if err == nil && !ok {
		err = schemaNotFound(c.name, schema)
	}
	return err
}

// need finds a table or refuses.
func (t *txn) need(c *catalog, schema, name string) (*metaTable, error) {
	m, err := c.find(t.ctx, t.conn, schema, name)
	if err == nil && (m == nil || ownSchema(schema)) {
		err = tableNotFound(c.name, schema, name)
	}
	return m, err
}

// kept finds a table or view of a catalog by a statement's name, or refuses.
func (t *txn) kept(name []string) (*catalog, *metaTable, error) {
	c, schema, table, err := t.complete(t.space, name)
	if err != nil {
		return nil, nil, err
	}
	m, err := t.need(c, schema, table)
	return c, m, err
}

// needTable finds a table that is not a view.
func (t *txn) needTable(name []string, verb string) (*catalog, *metaTable, error) {
	c, m, err := t.kept(name)
	if err != nil {
		return nil, nil, err
	}
	if m.kind != kindTable {
		return nil, nil, notView(c, m, "'"+verb+"'")
	}
	return c, m, nil
}

// notView refuses what a view cannot be part of.
func notView(c *catalog, m *metaTable, what string) error {
	return sparksql.Errorf("42809", "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "%s expects a table but %s is a view.",
		what, sparksql.QuoteName([]string{c.name, m.schema, m.name}))
}

func (t *txn) translator() *translate.Translator {
	return translate.New(translate.Context{Space: t.space, User: t.user, Params: t.args, Source: t})
}

// Table answers what a name in FROM stands for.
func (t *txn) Table(space translate.Space, name []string, version int) (translate.Table, error) {
	if m := t.temporary(name); m != nil && space.Session && version < 0 {
		t.readsTemporary = true
		return t.readTemporary(m)
	}
	if len(name) == 3 && strings.EqualFold(name[0], systemCatalog) && strings.EqualFold(name[1], "information_schema") {
		return t.systemInformation(strings.ToLower(name[2]))
	}
	c, schema, table, err := t.complete(space, name)
	if err != nil {
		return translate.Table{}, err
	}
	if schema == "information_schema" && version < 0 {
		return t.informationSchema(c, table)
	}
	m, err := c.find(t.ctx, t.conn, schema, table)
	if err != nil {
		return translate.Table{}, err
	}
	if m == nil || ownSchema(schema) {
		return translate.Table{}, tableNotFound(name...)
	}
	if m.kind == kindView {
		return t.viewOf(c, m, version)
	}
	if version < 0 && t.seen.id == m.id && t.seen.version < m.version {
		version = int(t.seen.version)
	}
	if version < 0 {
		found, err := t.target(c, m)
		if err != nil {
			return translate.Table{}, err
		}
		return t.visible(c, m, found)
	}
	sql, cols, err := c.snapshot(t.ctx, t.conn, m, int64(version))
	if err != nil {
		return translate.Table{}, err
	}
	return asTable(c, m, sql, cols)
}

// informationSchema answers the few views that clients look into.
func (t *txn) informationSchema(c *catalog, view string) (translate.Table, error) {
	var rows [][]string
	var cols []string
	schemas, err := c.schemas(t.ctx, t.conn)
	if err != nil {
		return translate.Table{}, err
	}
	switch view {
	case "schemata":
		cols = []string{"catalog_name", "schema_name", "schema_owner"}
		for _, s := range schemas {
			rows = append(rows, []string{c.name, s, localUser})
		}
	case "tables", "columns":
		cols = tableViewColumns
		if view == "columns" {
			cols = columnViewColumns
		}
		for _, s := range schemas {
			list, err := c.list(t.ctx, t.conn, s)
			if err != nil {
				return translate.Table{}, err
			}
			for _, m := range list {
				rows = append(rows, informationRows(c, m, view == "columns")...)
			}
		}
	case "views":
		cols = viewViewColumns
		for _, s := range schemas {
			list, err := c.list(t.ctx, t.conn, s)
			if err != nil {
				return translate.Table{}, err
			}
			for _, m := range list {
				if m.kind == kindView {
					rows = append(rows, []string{c.name, m.schema, m.name, m.view, "NONE", "NO", "NO"})
				}
			}
		}
	case "table_tags":
		cols = []string{"catalog_name", "schema_name", "table_name", "tag_name", "tag_value"}
		if rows, err = t.tags(c); err != nil {
			return translate.Table{}, err
		}
	case "table_privileges":
		cols = []string{"grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type", "is_grantable"}
		if rows, err = t.grants(c); err != nil {
			return translate.Table{}, err
		}
	default:
		if cols = emptyViews[view]; cols == nil {
			return translate.Table{}, tableNotFound(c.name, "information_schema", view)
		}
	}
	return inlineTable(c.name, view, cols, rows), nil
}

// tags are the rows of information_schema.table_tags.
func (t *txn) tags(c *catalog) ([][]string, error) {
	found, err := t.conn.QueryContext(t.ctx, "SELECT m.schema_name, m.name, g.name, g.value FROM "+c.meta("tags")+" g JOIN "+c.meta("tables")+" m ON m.id = g.table_id ORDER BY ALL")
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	var rows [][]string
	for found.Next() {
		row := []string{c.name, "", "", "", ""}
		if err := found.Scan(&row[1], &row[2], &row[3], &row[4]); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}
