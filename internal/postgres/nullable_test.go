//go:build unix

package postgres

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// TestColumnsThatMayBeNull: a column may be NULL unless NOT NULL holds for all rows. PostgreSQL 18 has
// a NOT NULL that holds only for new rows.
func TestColumnsThatMayBeNull(t *testing.T) {
	for name, url := range map[string]string{"default": pgtest.NewDatabase(t), "18": pgtest.NewDatabaseSince(t, 18)} {
		t.Run(name, func(t *testing.T) { mayBeNull(t, url) })
	}
}

func mayBeNull(t *testing.T, url string) {
	source, err := Open(t.Context(), Options{URL: url, Run: "nulls", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := source.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	statements := []string{
		"SET search_path = public", "CREATE DOMAIN filled AS int NOT NULL",
		"CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL, d filled, x int, later int, checked int CHECK (checked IS NOT NULL))",
		"INSERT INTO a (id, n, d, checked) VALUES (1, 1, 1, 1)",
		"CREATE TABLE p (id int NOT NULL, x int) PARTITION BY RANGE (id)", "CREATE TABLE p_1 PARTITION OF p DEFAULT",
	}
	if source.Facts.Version >= 180000 {
		statements = append(statements, "ALTER TABLE a ADD CONSTRAINT later_is NOT NULL later NOT VALID")
	}
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	relations, err := source.Catalog(conn).Relations(t.Context(), []string{"public"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, r := range relations {
		got[r.Name.Name] = r.Nullable
	}
	// According to Postgres, a domain does not keep NULL out of a column in every case.
	if diff := cmp.Diff(map[string][]string{"a": {"d", "x", "later", "checked"}, "p": {"x"}}, got); diff != "" {
		t.Errorf("PostgreSQL %s (-want +got):\n%s", source.Facts.VersionStr, diff)
	}
}
