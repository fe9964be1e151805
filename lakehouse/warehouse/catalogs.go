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
func (s *store) createCatalog(ctx context.Context, name string, ifNotExists bool) error {
	name = strings.ToLower(name)
	if err := checkName(name); err != nil {
		return err
	}
	if name == systemCatalog || strings.ContainsAny(name, `\`) {
		return sparksql.Unsupported("a catalog named %s", sparksql.QuoteSpark(name))
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	if _, err := s.catalog(name); err == nil {
		if ifNotExists {
			return nil
		}
		return sparksql.Errorf("42P04", "CATALOG_ALREADY_EXISTS", "Catalog %s already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.", sparksql.QuoteSpark(name))
	}
	c := &catalog{name: name, alias: sparksql.QuoteDuckDB("c_" + name), lock: make(chan struct{}, 1)}
	if _, err := s.db.ExecContext(ctx, "ATTACH "+sparksql.QuoteText(filepath.Join(s.dir, name+".duckdb"))+" AS "+c.alias); err != nil {
		return fmt.Errorf("create catalog %s: %w", name, err)
	}
	if err := s.writing(ctx, c, func(t *txn) error { return c.prepare(ctx, t.conn, s.now()) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catalogs[name] = c
	s.names = append(s.names, name)
	return nil
}

// systemCatalog has an information_schema that shows all catalogs, and nothing else.
const systemCatalog = "system"

// checkName refuses names that Unity Catalog refuses.
func checkName(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsAny(name, "./ \x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return sparksql.Errorf("42602", "INVALID_IDENTIFIER", "The name %s is invalid: 1 to 255 characters, without '.', '/', blanks and control characters.", sparksql.QuoteSpark(name))
	}
	return nil
}
