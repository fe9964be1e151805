//go:build unix

// Package pgtest gives tests a PostgreSQL server: one for the whole test process, and a database of its own
// for each test. Tests that can't have one fail; they are never skipped. One that needs a version's feature
// asks for that version (NewDatabaseSince, or Options.Least), and runs on whatever has it.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver"
)

// cleanupTimeout is far above what dropping a database takes: other tests have the processors, too.
const cleanupTimeout = 5 * time.Minute

var (
	mu sync.Mutex
	// shared are the servers that were asked for, by the oldest version that will do; 0: any.
	shared    = map[int]func() (*pgserver.Server, error){}
	databases atomic.Int64
)

// share returns the shared server of the version or a newer one: the common one where that is new enough.
func share(least int) (*pgserver.Server, error) {
	if least > 0 {
		common, err := share(0)
		if err != nil || common.Major() >= least {
			return common, err
		}
	}
	mu.Lock()
	start, ok := shared[least]
	if !ok {
		start = sync.OnceValues(func() (*pgserver.Server, error) {
			return pgserver.Start(context.Background(), pgserver.Options{Least: least, Iterations: 1})
		})
		shared[least] = start
	}
	mu.Unlock()
	return start()
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
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	var errs []error
	for _, start := range shared {
		// One that could not be started has failed each test that asked for it.
		if server, err := start(); err == nil {
			errs = append(errs, server.Stop(ctx))
		}
	}
	return errors.Join(errs...)
}

// Open returns the process's shared server, started by the first call. Settings and roles are common to all
// tests: one that restarts the server or changes it has one of its own by Start.
func Open(t testing.TB) *pgserver.Server {
	t.Helper()
	return open(t, 0)
}

func open(t testing.TB, least int) *pgserver.Server {
	t.Helper()
	server, err := share(least)
	if err != nil {
		t.Fatal(err)
	}
	note(t, server)
	return server
}

func note(t testing.TB, server *pgserver.Server) {
	t.Helper()
	if err := pgserver.Note(server.Version(), t.Name()); err != nil {
		t.Error(err)
	}
}

// Start starts a server of the test's own, which is stopped when the test ends.
func Start(t testing.TB, o pgserver.Options) *pgserver.Server {
	t.Helper()
	o.Iterations = 1
	server, err := pgserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	note(t, server)
	return server
}

// Dir makes a directory of the test's own for a server. Unlike t.TempDir's, the account that root's servers run as
// can reach it.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// NewDatabase makes a fresh database on the shared server and returns its connection string. When the test
// ends it is dropped, with its slots, sessions and prepared transactions.
func NewDatabase(t testing.TB) string {
	t.Helper()
	return NewDatabaseSince(t, 0)
}

// NewDatabaseSince is NewDatabase on a server of that major version or a newer one, for a test of what older
// ones don't have. It is the shared server where that is new enough, whatever version the tests were asked
// to run on.
func NewDatabaseSince(t testing.TB, least int) string {
	t.Helper()
	server := open(t, least)
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
