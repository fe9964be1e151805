package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Missing is the value that one leaf of a table keeps for the rows that existed when a column was
// added (pg_attribute.attmissingval).
type Missing struct {
	Leaf, File uint32 // OID and relfilenode
	// Has means that there is such a value. It is never NULL. Only a rewrite of the whole leaf removes
	// it: a default that is dropped or set later changes nothing.
	Has  bool
	Text []byte // as pgoutput sends it
}

// Missing reads what the leaves of a relation keep for the column with this number. A relation without
// partitions is its own leaf.
func (c *Catalog) Missing(ctx context.Context, oid uint32, column int16) ([]Missing, error) {
	rows, err := c.conn.Query(ctx, `
		SELECT c.oid, c.relfilenode, a.atthasmissing, coalesce(`+raw("array_to_string(a.attmissingval, '')")+`, '')
		FROM (SELECT $1::oid AS oid UNION SELECT p.relid FROM pg_partition_tree($1::oid) p) tree
		JOIN pg_class c ON c.oid = tree.oid AND c.relkind = 'r'
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE a.attname = (SELECT attname FROM pg_attribute WHERE attrelid = $1 AND attnum = $2)
		ORDER BY c.oid`, oid, column)
	if err != nil {
		return nil, Error("read a column's former default", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Missing, error) {
		var m Missing
		err := row.Scan(&m.Leaf, &m.File, &m.Has, &m.Text)
		return m, err
	})
	return list, Error("read a column's former default", err)
}
