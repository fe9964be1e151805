package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// CatalogNames are the names in a database that a configuration can use.
type CatalogNames struct {
	Schemas   []string
	Relations []NamedRelation // tables, views and foreign tables, partitions too
}

// NamedRelation is a relation's name.
type NamedRelation struct {
	Name schema.TableName
	Root schema.TableName // of a partition, its root table; else zero
}

// AllNames reads the names of all schemas except Postgres's own, and of the relations in them. The
// role needs no rights on them.
func (c *Catalog) AllNames(ctx context.Context) (*CatalogNames, error) {
	rows, err := c.conn.Query(ctx, `
		SELECT `+raw("n.nspname")+`, `+raw("coalesce(c.relname, '')")+`, `+raw("coalesce(rn.nspname, '')")+`, `+raw("coalesce(r.relname, '')")+`
		FROM pg_namespace n
		LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		LEFT JOIN pg_class r ON c.relispartition AND r.oid = pg_partition_root(c.oid)
		LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
		WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
		ORDER BY 1, 2`)
	if err != nil {
		return nil, Error("read the catalog's names", err)
	}
	names := &CatalogNames{}
	var r NamedRelation
	_, err = pgx.ForEachRow(rows, []any{&r.Name.Schema, &r.Name.Name, &r.Root.Schema, &r.Root.Name}, func() error {
		if n := len(names.Schemas); n == 0 || names.Schemas[n-1] != r.Name.Schema {
			names.Schemas = append(names.Schemas, r.Name.Schema)
		}
		if r.Name.Name != "" {
			names.Relations = append(names.Relations, r)
		}
		return nil
	})
	return names, Error("read the catalog's names", err)
}

// ColumnNames reads the names of the columns of relations, generated ones too.
func (c *Catalog) ColumnNames(ctx context.Context, relations []schema.TableName) (map[schema.TableName][]string, error) {
	var schemas, names []string
	for _, r := range relations {
		schemas, names = append(schemas, r.Schema), append(names, r.Name)
	}
	rows, err := c.conn.Query(ctx, `
		SELECT `+raw("n.nspname")+`, `+raw("c.relname")+`, `+raw("a.attname")+`
		FROM unnest($1::text[], $2::text[]) t(s, r) JOIN pg_namespace n ON n.nspname = t.s JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.r
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY 1, 2, a.attnum`, schemas, names)
	if err != nil {
		return nil, Error("read the catalog's columns", err)
	}
	found := map[schema.TableName][]string{}
	var table schema.TableName
	var column string
	_, err = pgx.ForEachRow(rows, []any{&table.Schema, &table.Name, &column}, func() error {
		found[table] = append(found[table], column)
		return nil
	})
	return found, Error("read the catalog's columns", err)
}

// Databases are the names of the cluster's databases, by OID.
func (c *Catalog) Databases(ctx context.Context) (map[uint32]string, error) {
	rows, err := c.conn.Query(ctx, `SELECT oid, `+raw("datname")+` FROM pg_database`)
	if err != nil {
		return nil, Error("list the databases", err)
	}
	names := map[uint32]string{}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error { names[oid] = name; return nil })
	return names, Error("list the databases", err)
}
