//go:build cgo

package store

import (
	"context"
	"fmt"
	"strings"
)

// Bytes is what the present rows of a table take in the catalog's file: whole blocks, some of which small tables share. Rows that are
// only in DuckDB's write-ahead log take none yet.
func (c *Catalog) Bytes(ctx context.Context, on execer, schema, table string) (int64, error) {
	name := "'" + strings.ReplaceAll(c.Qualified(schema, table), "'", "''") + "'"
	var bytes int64
	err := on.QueryRowContext(ctx, fmt.Sprintf(`SELECT (SELECT count(DISTINCT block) FROM (
		SELECT block_id AS block FROM pragma_storage_info(%[1]s) WHERE persistent
		UNION ALL SELECT unnest(additional_block_ids) FROM pragma_storage_info(%[1]s) WHERE persistent) WHERE block >= 0) *
		(SELECT max(block_size) FROM pragma_database_size() WHERE database_name = ?)`, name), "c_"+c.Name).Scan(&bytes)
	return bytes, err
}
