//go:build cgo

package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/function"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// hidden is the schema of each database file that holds what DuckDB cannot keep:
// Spark's types, comments, properties, history, and what COPY INTO has loaded. No
// statement can name it.
const hidden = "__workspace"

// Catalog is one attached database file. The writer holds its lock.
type Catalog struct {
	Name  string // in lower case
	Alias string // DuckDB's name for it, quoted
	lock  chan struct{}
}

// Qualified is a table's full name, quoted for DuckDB.
func (c *Catalog) Qualified(schema, name string) string {
	return c.Alias + "." + sparksql.QuoteDuckDB(schema) + "." + sparksql.QuoteDuckDB(name)
}

// Hidden is the full name of a table of the hidden schema.
func (c *Catalog) Hidden(name string) string { return c.Qualified(hidden, name) }

// openEngine starts DuckDB and attaches the catalogs. It then disables access from SQL to all files except those of the catalogs
// and those below the volumes directory.
func openEngine(ctx context.Context, o Options, names []string) (*sql.DB, map[string]*Catalog, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("open duckdb: %w", err)
	}
	db := sql.OpenDB(connector)
	catalogs, err := attach(ctx, db, o, names)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return db, catalogs, nil
}

func attach(ctx context.Context, db *sql.DB, o Options, names []string) (map[string]*Catalog, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open duckdb: %w", err)
	}
	defer func() { _ = conn.Close() }()
	limit := o.MemoryLimit
	if limit == "" {
		if limit, err = shareOfMemory(ctx, conn); err != nil {
			return nil, err
		}
	}
	text := sparksql.QuoteText
	settings := []string{
		"SET GLOBAL TimeZone = 'UTC'",
		"SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false",
		"SET memory_limit = " + text(limit), fmt.Sprintf("SET threads = %d", cmp.Or(o.Threads, runtime.NumCPU())),
		"SET temp_directory = " + text(filepath.Join(o.Dir, ".tmp")),
		// As at Databricks, rows have no order without an ORDER BY. Keeping the order of a file would take half of the time of
		// creating a table from it.
		"SET GLOBAL preserve_insertion_order = false",
		// Run lengths of equal numbers would make -0 the 0 that it follows.
		"SET GLOBAL disabled_compression_methods = 'rle'",
	}
	catalogs := map[string]*Catalog{}
	for _, name := range names {
		c := &Catalog{Name: name, Alias: sparksql.QuoteDuckDB("c_" + name), lock: make(chan struct{}, 1)}
		catalogs[name] = c
		settings = append(settings, "ATTACH "+text(filepath.Join(o.Dir, name+".duckdb"))+" AS "+c.Alias)
	}
	settings = append(settings,
		"SET allowed_directories = ["+text(o.VolumesDir+string(os.PathSeparator))+", "+text(o.Dir+string(os.PathSeparator))+"]",
		"SET enable_external_access = false", "SET lock_configuration = true")
	for _, s := range settings {
		if strings.HasPrefix(s, "SET lock_configuration") {
			if err := function.Register(conn); err != nil {
				return nil, err
			}
		}
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return nil, fmt.Errorf("open warehouse: %s: %w", s, err)
		}
	}
	return catalogs, nil
}

// shareOfMemory is a third of DuckDB's default, which is 80 % of the machine's memory: the client and the source may run on the
// same machine.
func shareOfMemory(ctx context.Context, conn *sql.Conn) (string, error) {
	var own, unit string
	if err := conn.QueryRowContext(ctx, "SELECT current_setting('memory_limit')").Scan(&own); err != nil {
		return "", fmt.Errorf("open duckdb: %w", err)
	}
	var size float64
	if _, err := fmt.Sscanf(own, "%g %s", &size, &unit); err != nil {
		return "", fmt.Errorf("open duckdb: its memory limit is %q: %w", own, err)
	}
	return fmt.Sprintf("%.2f%s", size/3, unit), nil
}
