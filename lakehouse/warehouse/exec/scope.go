//go:build cgo

package exec

import (
	"context"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/translate"
)

// localUser owns everything.
const localUser = "local@workspace"

// statement is one statement in its transaction: the session that it is of, and what
// its names stand for. The jobs are types of their own on top of it: definer, alterer,
// changer, copier, inspector and informer.
type statement struct {
	*store.Txn
	*Executor
	space translate.Space
	// session is the session whose temporary views are visible; nil for the workspace itself.
	session        *Session
	readsTemporary bool // a query of the statement reads a temporary view
	user           string
	args           []translate.Parameter
	seen           sight // what a statement that changes rows saw of its table when it came
}

// The jobs of statements.
type (
	definer   struct{ *statement } // makes and drops schemas, volumes, tables, views and functions; comments and grants
	alterer   struct{ *statement } // ALTER TABLE
	changer   struct{ *statement } // INSERT, UPDATE, DELETE, MERGE, TRUNCATE and RESTORE, and their conflicts
	copier    struct{ *statement } // COPY INTO
	inspector struct{ *statement } // SHOW, DESCRIBE and EXPLAIN
	informer  struct{ *statement } // information_schema
)

// statement is what runs in a transaction, without a session.
func (e *Executor) statement(t *store.Txn) *statement {
	return &statement{Txn: t, Executor: e, user: localUser}
}

// reading runs f in a transaction that writes nothing.
func (e *Executor) reading(ctx context.Context, f func(*statement) error) error {
	return e.store.Read(ctx, func(t *store.Txn) error { return f(e.statement(t)) })
}

// writing runs f in a transaction that writes to a catalog.
func (e *Executor) writing(ctx context.Context, c *store.Catalog, f func(*statement) error) error {
	return e.store.Write(ctx, c, func(t *store.Txn) error { return f(e.statement(t)) })
}

// complete fills a table's name up to catalog, schema and name.
func (t *statement) complete(space translate.Space, name []string) (c *store.Catalog, schema, table string, err error) {
	catalogName, schema := space.Catalog, space.Schema
	switch len(name) {
	case 1:
	case 2:
		schema = name[0]
	case 3:
		catalogName, schema = name[0], name[1]
	default:
		return nil, "", "", refusal.TableNotFound(name...)
	}
	c, err = t.store.Catalog(catalogName)
	return c, strings.ToLower(schema), strings.ToLower(name[len(name)-1]), err
}

func (t *statement) needSchema(c *store.Catalog, schema string) error {
	ok, err := c.HasSchema(t.Ctx, t.Conn, schema)
	if err == nil && !ok {
		err = refusal.SchemaNotFound(c.Name, schema)
	}
	return err
}

// need finds a table or refuses.
func (t *statement) need(c *store.Catalog, schema, name string) (*store.Table, error) {
	m, err := c.Find(t.Ctx, t.Conn, schema, name)
	if err == nil && (m == nil || store.OwnSchema(schema)) {
		err = refusal.TableNotFound(c.Name, schema, name)
	}
	return m, err
}

// kept finds a table or view of a catalog by a statement's name, or refuses.
func (t *statement) kept(name []string) (*store.Catalog, *store.Table, error) {
	c, schema, table, err := t.complete(t.space, name)
	if err != nil {
		return nil, nil, err
	}
	m, err := t.need(c, schema, table)
	return c, m, err
}

// needTable finds a table that is not a view.
func (t *statement) needTable(name []string, verb string) (*store.Catalog, *store.Table, error) {
	c, m, err := t.kept(name)
	if err != nil {
		return nil, nil, err
	}
	if m.Kind != store.KindTable {
		return nil, nil, notView(c, m, "'"+verb+"'")
	}
	return c, m, nil
}

// notView refuses what a view cannot be part of.
func notView(c *store.Catalog, m *store.Table, what string) error {
	return sparksql.Errorf("42809", "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "%s expects a table but %s is a view.",
		what, sparksql.QuoteName([]string{c.Name, m.Schema, m.Name}))
}

func (t *statement) translator() *translate.Translator {
	return translate.New(translate.Context{Space: t.space, User: t.user, Params: t.args, Source: t})
}

// Table resolves a name in FROM.
func (t *statement) Table(space translate.Space, name []string, version int) (translate.Table, error) {
	if m := t.temporary(name); m != nil && space.Session && version < 0 {
		t.readsTemporary = true
		return t.readTemporary(m)
	}
	if len(name) == 3 && strings.EqualFold(name[0], store.SystemCatalog) && strings.EqualFold(name[1], "information_schema") {
		return informer{t}.systemInformation(strings.ToLower(name[2]))
	}
	c, schema, table, err := t.complete(space, name)
	if err != nil {
		return translate.Table{}, err
	}
	if schema == "information_schema" && version < 0 {
		return informer{t}.informationSchema(c, table)
	}
	m, err := c.Find(t.Ctx, t.Conn, schema, table)
	if err != nil {
		return translate.Table{}, err
	}
	if m == nil || store.OwnSchema(schema) {
		return translate.Table{}, refusal.TableNotFound(name...)
	}
	if m.Kind == store.KindView {
		return t.viewOf(c, m, version)
	}
	if version < 0 && t.seen.id == m.ID && t.seen.version < m.Version {
		version = int(t.seen.version)
	}
	if version < 0 {
		found, err := t.target(c, m)
		if err != nil {
			return translate.Table{}, err
		}
		return t.visible(c, m, found)
	}
	sql, cols, err := c.Snapshot(t.Ctx, t.Conn, m, int64(version))
	if err != nil {
		return translate.Table{}, err
	}
	return store.AsTable(c, m, sql, cols)
}
