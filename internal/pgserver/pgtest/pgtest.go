//go:build unix

// Package pgtest gives tests a PostgreSQL server: one for the whole test process, and a database of its own
// for each test. Tests that can't have one fail; they are never skipped.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ingest/internal/pgserver"
)

const cleanupTimeout = 30 * time.Second

var (
	shared     = sync.OnceValues(startShared)
	sharedUsed atomic.Bool
	databases  atomic.Int64
)

func startShared() (*pgserver.Server, error) {
	sharedUsed.Store(true)
	return pgserver.Start(context.Background(), pgserver.Options{})
}

// Main runs the tests and then stops the shared server; a package whose tests use Open or NewDatabase has it
// as its TestMain. Without it the server ends with the process, but its directory is left for the next
// server's start to remove.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a package that has more to clean up: it returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

func stopShared() error {
	if !sharedUsed.Load() {
		return nil
	}
	server, err := shared()
	if err != nil {
		return nil // each test that asked for it has failed with this error
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	return server.Stop(ctx)
}

// Open returns the process's shared server, started by the first call. Settings and roles are common to all
// tests: one that restarts the server or changes it has one of its own by Start.
func Open(t testing.TB) *pgserver.Server {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// Start starts a server of the test's own, which is stopped when the test ends.
func Start(t testing.TB, o pgserver.Options) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// NewDatabase makes a fresh database on the shared server and returns its connection string. When the test
// ends it is dropped, with its slots, sessions and prepared transactions.
func NewDatabase(t testing.TB) string {
	t.Helper()
	server := Open(t)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if err := server.DropDatabase(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return server.URL(name)
}
