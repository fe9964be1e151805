//go:build cgo

package store

import (
	"context"
	"fmt"
	"strings"
)

// Bytes is what the present rows of a table take in the catalog's file: whole blocks, some of which small tables share. A table of
// constants alone counts as one. Rows that are only in DuckDB's write-ahead log take none yet. -1 is not known: DuckDB cannot be asked
// about a name with a double quote.
func (c *Catalog) Bytes(ctx context.Context, on execer, schema, table string) (int64, error) {
	if strings.Contains(c.Name+schema+table, `"`) {
		return -1, nil
	}
	name := "'" + strings.ReplaceAll(c.Qualified(schema, table), "'", "''") + "'"
	var bytes int64
	err := on.QueryRowContext(ctx, fmt.Sprintf(`SELECT (SELECT greatest(count(DISTINCT block) FILTER (WHERE block >= 0), least(count(*), 1))
		FROM (SELECT block_id AS block FROM pragma_storage_info(%[1]s) WHERE persistent
		UNION ALL SELECT unnest(additional_block_ids) FROM pragma_storage_info(%[1]s) WHERE persistent)) *
		(SELECT max(block_size) FROM pragma_database_size() WHERE database_name = ?)`, name), "c_"+c.Name).Scan(&bytes)
	return bytes, err
}
