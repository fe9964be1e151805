//go:build cgo

package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
)

// Options say where a store lives; see Options.
type Options struct {
	Dir, VolumesDir string
	Catalogs        []string
	MemoryLimit     string
	Threads         int // 0: as many as the machine has processors
}

// Store is the catalogs, each a database file of one DuckDB. Its methods may be
// called from any goroutine.
type Store struct {
	db       *sql.DB
	dir      string
	Volumes  string // the directory of the volumes, without links
	Now      func() time.Time
	creating sync.Mutex // held while a catalog is created

	mu       sync.Mutex
	catalogs map[string]*Catalog
	names    []string
}

// Open opens the catalogs of o.Dir and makes what is missing. The caller closes it.
func Open(ctx context.Context, o Options) (*Store, error) {
	var err error
	if o.Dir, err = realDirectory(o.Dir); err != nil {
		return nil, err
	}
	if o.VolumesDir, err = realDirectory(o.VolumesDir); err != nil {
		return nil, err
	}
	names, err := catalogNames(o)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: o.Dir, Volumes: o.VolumesDir, names: names, Now: func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }}
	if s.db, s.catalogs, err = openEngine(ctx, o, names); err != nil {
		return nil, err
	}
	for _, name := range names {
		err := s.Write(ctx, s.catalogs[name], func(t *Txn) error { return s.catalogs[name].prepare(ctx, t.Conn, s.Now()) })
		if err != nil {
			_ = s.db.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close closes the catalogs.
func (s *Store) Close() error { return s.db.Close() }

// Main is the initial catalog of a session.
func (s *Store) Main() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[0]
}

// realDirectory makes a directory if it is missing and gives its path without links.
func realDirectory(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("open warehouse: %w", err)
	}
	return abs, nil
}

func catalogNames(o Options) ([]string, error) {
	found, err := CatalogFiles(o.Dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var names []string
	for _, name := range append(append([]string{}, o.Catalogs...), found...) {
		lower := strings.ToLower(name)
		if lower == "" || strings.ContainsAny(name, "./ \\\x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			return nil, fmt.Errorf("open warehouse: %q cannot name a catalog: no dot, slash, blank or control character may be in it", name)
		}
		if !seen[lower] {
			seen[lower] = true
			names = append(names, lower)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("open warehouse: name a catalog, or put one into %s", o.Dir)
	}
	return names, nil
}

// Catalogs lists the catalogs by name.
func (s *Store) Catalogs() []string {
	s.mu.Lock()
	out := append([]string{}, s.names...)
	s.mu.Unlock()
	sort.Strings(out)
	return out
}

// Catalog finds a catalog by name.
func (s *Store) Catalog(name string) (*Catalog, error) {
	s.mu.Lock()
	c, ok := s.catalogs[strings.ToLower(name)]
	s.mu.Unlock()
	if ok {
		return c, nil
	}
	return nil, refusal.CatalogNotFound(name)
}
