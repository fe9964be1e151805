//go:build unix

package postgres

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// An answer is no proof: behind a pooler it may come from another session, which does not hold the
// locks.
func TestLockIsProvedByTheLocksThemselves(t *testing.T) {
	source, err := Open(t.Context(), Options{URL: pgtest.NewDatabase(t), Run: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := source.TakeLocks(t.Context(), []string{"one", "two"}, []int32{LockKey("one"), LockKey("two")})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := lock.Prove(t.Context()); err != nil {
		t.Errorf("both locks are held: %v", err)
	}
	if _, err := lock.conn.Exec(t.Context(), `SELECT pg_advisory_unlock($1, $2)`, int32(lockClass), LockKey("two")); err != nil {
		t.Fatal(err)
	}
	if err := lock.Prove(t.Context()); !errors.Is(err, ErrLockLost) {
		t.Errorf("one of two locks is not held: %v, want that it is lost", err)
	}
}
