//go:build cgo

package exec

import (
	"context"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
)

// Unity reads and changes catalogs and volumes without SQL, for Unity Catalog's REST interface.
type Unity struct{ executor *Executor }

// Unity answers without SQL.
func (e *Executor) Unity() Unity { return Unity{e} }

// Catalogs lists the catalogs by name.
func (u Unity) Catalogs() []string { return u.executor.store.Catalogs() }

// Schemas lists the schemas of a catalog by name.
func (u Unity) Schemas(ctx context.Context, catalog string) ([]string, error) {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return nil, err
	}
	var out []string
	err = u.executor.reading(ctx, func(t *statement) error {
		out, err = c.Schemas(ctx, t.Conn)
		return err
	})
	return out, err
}

// CreateSchema makes a schema; it is an *Error if there is one already.
func (u Unity) CreateSchema(ctx context.Context, catalog, schema string) error {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return err
	}
	return u.executor.writing(ctx, c, func(t *statement) error {
		return definer{t}.createSchema(c, &sparksql.CreateSpace{What: "SCHEMA", Name: []string{catalog, schema}})
	})
}

// DropSchema drops a schema; without cascade it must be empty.
func (u Unity) DropSchema(ctx context.Context, catalog, schema string, cascade bool) error {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return err
	}
	return u.executor.writing(ctx, c, func(t *statement) error {
		return definer{t}.dropSchema(c, &sparksql.DropSpace{What: "SCHEMA", Name: []string{catalog, schema}, Cascade: cascade})
	})
}

// Bytes is what a table's rows take in the file of its catalog, -1 if that is not known.
func (u Unity) Bytes(ctx context.Context, table Table) (int64, error) {
	c, err := u.executor.store.Catalog(table.Catalog)
	if err != nil {
		return 0, err
	}
	var n int64
	err = u.executor.reading(ctx, func(t *statement) error {
		n, err = c.Bytes(ctx, t.Conn, table.Schema, table.Name)
		return err
	})
	return n, err
}

// Tables lists the tables and views of a schema by name.
func (u Unity) Tables(ctx context.Context, catalog, schema string) ([]Table, error) {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return nil, err
	}
	var out []Table
	err = u.executor.reading(ctx, func(t *statement) error {
		if err := t.needSchema(c, schema); err != nil {
			return err
		}
		list, err := c.List(ctx, t.Conn, schema)
		for _, m := range list {
			out = append(out, describe(c, m))
		}
		return err
	})
	return out, err
}

// Table describes one table or view; *Error TABLE_OR_VIEW_NOT_FOUND if there is none.
func (u Unity) Table(ctx context.Context, catalog, schema, table string) (Table, error) {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return Table{}, err
	}
	var out Table
	err = u.executor.reading(ctx, func(t *statement) error {
		m, err := t.need(c, schema, table)
		if err == nil {
			out = describe(c, m)
		}
		return err
	})
	return out, err
}

// DropTable drops one table or view.
func (u Unity) DropTable(ctx context.Context, catalog, schema, table string) error {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return err
	}
	return u.executor.writing(ctx, c, func(t *statement) error {
		m, err := t.need(c, schema, table)
		if err != nil {
			return err
		}
		return t.drop(c, m)
	})
}

func describe(c *store.Catalog, m *store.Table) Table {
	t := Table{
		Catalog: c.Name, Schema: m.Schema, Name: m.Name, Kind: m.Kind, Comment: m.Comment, Properties: shownProperties(m), Query: m.View,
		Created: m.Created, Updated: m.Updated,
	}
	for i, col := range m.Columns {
		t.Columns = append(t.Columns, Column{Name: col.Name, Type: col.Type, Comment: col.Comment, Position: i, Nullable: !col.NotNull})
	}
	return t
}

// SchemaComment is the comment of a schema, "" if it has none.
func (u Unity) SchemaComment(ctx context.Context, catalog, schema string) (comment string, err error) {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return "", err
	}
	err = u.executor.reading(ctx, func(t *statement) error {
		return t.Conn.QueryRowContext(ctx, "SELECT coalesce(max(comment), '') FROM "+c.Hidden("schemas")+" WHERE name = ?", schema).Scan(&comment)
	})
	return comment, err
}

// CommentOnSchema replaces the comment of a schema.
func (u Unity) CommentOnSchema(ctx context.Context, catalog, schema, comment string) error {
	c, err := u.executor.store.Catalog(catalog)
	if err != nil {
		return err
	}
	return u.executor.writing(ctx, c, func(t *statement) error {
		return definer{t}.commentOn(&sparksql.CommentOn{What: "SCHEMA", Name: []string{catalog, schema}, Comment: comment})
	})
}

// VolumeComment is the comment of a volume, "" if it has none.
func (u Unity) VolumeComment(catalog, schema, volume string) (string, error) {
	return u.executor.files.Comment(catalog, schema, volume)
}

// CommentOnVolume replaces the comment of a volume; "" removes it.
func (u Unity) CommentOnVolume(catalog, schema, volume, comment string) error {
	return u.executor.files.CommentOn(catalog, schema, volume, comment)
}
