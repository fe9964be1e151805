//go:build cgo

package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// CreateCatalog is CREATE CATALOG: another database file, attached at once.
func (s *Store) CreateCatalog(ctx context.Context, name string, ifNotExists bool) error {
	name = strings.ToLower(name)
	if err := CheckName(name); err != nil {
		return err
	}
	if name == SystemCatalog || strings.ContainsAny(name, `\`) {
		return sparksql.Unsupported("a catalog named %s", sparksql.QuoteSpark(name))
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	if _, err := s.Catalog(name); err == nil {
		if ifNotExists {
			return nil
		}
		return sparksql.Errorf("42P04", "CATALOG_ALREADY_EXISTS", "Catalog %s already exists. Choose a different name, "+
			"drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.", sparksql.QuoteSpark(name))
	}
	c := &Catalog{Name: name, Alias: sparksql.QuoteDuckDB("c_" + name), lock: make(chan struct{}, 1)}
	if _, err := s.db.ExecContext(ctx, "ATTACH "+sparksql.QuoteText(filepath.Join(s.dir, name+".duckdb"))+" AS "+c.Alias); err != nil {
		return fmt.Errorf("create catalog %s: %w", name, err)
	}
	if err := s.Write(ctx, c, func(t *Txn) error { return c.prepare(ctx, t.Conn, s.Now()) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catalogs[name] = c
	s.names = append(s.names, name)
	return nil
}

// SystemCatalog has only an information_schema, which shows all catalogs.
const SystemCatalog = "system"

// CheckName refuses names that Unity Catalog refuses.
func CheckName(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsAny(name, "./ \x00") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return sparksql.Errorf("42602", "INVALID_IDENTIFIER",
			"The name %s is invalid: 1 to 255 characters, without '.', '/', blanks and control characters.", sparksql.QuoteSpark(name))
	}
	return nil
}
