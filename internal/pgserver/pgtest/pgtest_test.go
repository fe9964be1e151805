//go:build unix

package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestNewDatabaseIsFreshAndDropped(t *testing.T) {
	var first string
	t.Run("used", func(t *testing.T) {
		first = NewDatabase(t)
		conn, err := pgx.Connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		for _, sql := range []string{"CREATE TABLE t ()", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')"} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	})
	if _, err := pgx.Connect(t.Context(), first); err == nil {
		t.Errorf("database of the ended test is still there")
	}
	conn, err := pgx.Connect(t.Context(), NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var tables int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("%d tables in a new database", tables)
	}
	if first, second := Open(t), Open(t); first != second {
		t.Error("two shared servers")
	}
}

func TestDatabaseOfANewerServer(t *testing.T) {
	common := Open(t).Major()
	for _, least := range []int{0, common, 18} {
		conn, err := pgx.Connect(t.Context(), NewDatabaseSince(t, least))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		var major int
		if err := conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
			t.Fatal(err)
		}
		if major < least || common >= least && major != common {
			t.Errorf("PostgreSQL %d, want %d or newer, and the common %d if that will do", major, least, common)
		}
	}
}
