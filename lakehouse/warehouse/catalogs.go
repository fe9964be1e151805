//go:build cgo

package warehouse

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"ingest/lakehouse/warehouse/sparksql"
)

// createCatalog is CREATE CATALOG: another database file, attached at once.
func (w *Warehouse) createCatalog(ctx context.Context, st *sparksql.CreateSpace) error {
	name := strings.ToLower(st.Name[0])
	if err := checkName(name); err != nil {
		return err
	}
	if name == systemCatalog || strings.ContainsAny(name, `\`) {
		return sparksql.Unsupported("a catalog named %s", sparksql.QuoteSpark(name))
	}
	w.creating.Lock()
	defer w.creating.Unlock()
	if _, err := w.catalog(name); err == nil {
		if st.IfNotExists {
			return nil
		}
		return sparksql.Errorf("42P04", "CATALOG_ALREADY_EXISTS", "Catalog %s already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.", sparksql.QuoteSpark(name))
	}
	c := &catalog{name: name, alias: sparksql.QuoteDuckDB("c_" + name), lock: make(chan struct{}, 1)}
	if _, err := w.db.ExecContext(ctx, "ATTACH "+sparksql.QuoteText(filepath.Join(w.options.Dir, name+".duckdb"))+" AS "+c.alias); err != nil {
		return fmt.Errorf("create catalog %s: %w", name, err)
	}
	if err := w.writing(ctx, c, func(t *txn) error { return c.prepare(ctx, t.conn, w.now()) }); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.catalogs[name] = c
	w.names = append(w.names, name)
	return nil
}
