//go:build unix

package postgres

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// TestRelationsDroppedMeanwhile: a snapshot still shows a relation that another session has dropped
// since. It is left out, and the others are read.
func TestRelationsDroppedMeanwhile(t *testing.T) {
	source, err := Open(t.Context(), Options{URL: pgtest.NewDatabase(t), Run: "dropped", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	connect := func() *pgx.Conn {
		conn, err := source.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	reader, other := connect(), connect()
	exec := func(conn *pgx.Conn, statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	exec(other, "CREATE TABLE public.stays (id int PRIMARY KEY)", "CREATE TABLE public.goes (id int PRIMARY KEY)")
	exec(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM pg_class")
	exec(other, "DROP TABLE public.goes")
	relations, err := source.Catalog(reader).Relations(t.Context(), []string{"public"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(relations) != 1 || relations[0].Name.Name != "stays" {
		t.Errorf("%+v", relations)
	}
}
