// Package ledgertest gives tests of other packages a ledger in memory, without a
// workspace. It knows nothing of Postgres or Databricks.
package ledgertest

import (
	"context"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// Store is a ledger.Store in memory. One goroutine at a time uses it.
type Store map[string][]byte

// Create writes a file that must not be there yet.
func (s Store) Create(_ context.Context, name string, data []byte) error {
	if s[name] != nil {
		return fs.ErrExist
	}
	s[name] = data
	return nil
}

// Read returns a file's bytes.
func (s Store) Read(_ context.Context, name string) ([]byte, error) {
	if s[name] == nil {
		return nil, fs.ErrNotExist
	}
	return s[name], nil
}

// Names lists the names of the files in a directory.
func (s Store) Names(_ context.Context, dir string) (names []string, _ error) {
	for name := range s {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names, nil
}

// Delete removes a file.
func (s Store) Delete(_ context.Context, name string) error {
	delete(s, name)
	return nil
}

// Open returns a new ledger with that origin, if it is not nil, and, if ended, its
// end entry. It sets the origin's consistent point.
func Open(t testing.TB, origin *ledger.Origin, ended bool) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), Store{}, ledger.Options{Run: "20260101T000000Z-aaaaaa", Version: "test", Now: time.Now})
	if err == nil && origin != nil {
		origin.ConsistentPoint = 1
		_, err = l.Append(t.Context(), 0, origin)
	}
	if err == nil && ended {
		_, err = l.Append(t.Context(), 1, &ledger.End{Reason: "test"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}
