package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Names are the present names of tables in the catalog, in both directions. Views and foreign tables
// are not in it. Partitions are in it only by their OIDs: nothing is loaded under a partition's name.
type Names struct {
	Of     map[uint32]schema.TableName // by OID
	Holder map[schema.TableName]uint32 // by name
}

// Names looks up tables by their OIDs and by their names, with one query of the catalog.
func (c *Catalog) Names(ctx context.Context, oids []uint32, names []schema.TableName) (Names, error) {
	out := Names{Of: map[uint32]schema.TableName{}, Holder: map[schema.TableName]uint32{}}
	schemas, tables := make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		schemas[i], tables[i] = n.Schema, n.Name
	}
	rows, err := c.conn.Query(ctx, `
		SELECT `+raw("n.nspname")+`, `+raw("c.relname")+`, c.oid, c.relispartition
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND (c.oid = ANY($1) OR (n.nspname, c.relname) IN (SELECT s::name, t::name FROM unnest($2::text[], $3::text[]) u(s, t)))`,
		oids, schemas, tables)
	if err != nil {
		return out, Error("look for the tables' names", err)
	}
	var name schema.TableName
	var oid uint32
	var partition bool
	_, err = pgx.ForEachRow(rows, []any{&name.Schema, &name.Name, &oid, &partition}, func() error {
		out.Of[oid] = name
		if !partition {
			out.Holder[name] = oid
		}
		return nil
	})
	return out, Error("look for the tables' names", err)
}

// Replaced returns why a table's name belongs to a table with another OID; "" if it does not.
func (n Names) Replaced(table schema.TableName, oid uint32) string {
	holder := n.Holder[table]
	if holder == 0 || holder == oid {
		return ""
	}
	if is, there := n.Of[oid]; there {
		return "another table has its name now, and the one that was loaded is called " + is.String()
	}
	return Recreated
}

// Recreated reports that a table's OID is gone, and that its name belongs to another table.
const Recreated = "the table was dropped and made again"
