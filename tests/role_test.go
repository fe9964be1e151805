//go:build cgo && unix

package tests

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// TestPostgresRole makes the role of scripts/postgres-role.sql, on a server of
// its own: as it is, and as on Amazon RDS, where a role stands for REPLICATION.
func TestPostgresRole(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{})
	if err := server.CreateDatabase(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.URL("shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `CREATE TABLE item (id bigint PRIMARY KEY); CREATE TABLE "Odd Name" (id bigint)`); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ role, before, want string }{
		{"ingest", "", "replication, item, Odd Name"},
		{"ingest rds", "CREATE ROLE rds_replication", "rds_replication, item, Odd Name"},
	} {
		if _, err := conn.Exec(t.Context(), test.before); err != nil {
			t.Fatal(err)
		}
		runScript(t, server, test.role)
		got := askOn(t, conn, `SELECT concat_ws(', ',
			CASE WHEN rolreplication THEN 'replication' END,
			(SELECT string_agg(roleid::regrole::text, ', ') FROM pg_auth_members WHERE member = r.oid),
			(SELECT string_agg(relname, ', ' ORDER BY c.oid) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
				AND has_table_privilege(r.oid, c.oid, 'SELECT') AND NOT has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')),
			CASE WHEN rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls THEN 'too much' END)
			FROM pg_roles r WHERE rolname = $1`, test.role)
		if got != test.want {
			t.Errorf("role %q has %q, want %q", test.role, got, test.want)
		}
	}
}

// runScript runs the script in the database shop.
func runScript(t *testing.T, server *pgserver.Server, role string) {
	t.Helper()
	cmd := exec.Command("psql", "-X", "-d", server.URL("shop"), "-v", "role="+role, "-f", filepath.Join("..", "scripts", "postgres-role.sql"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
