//go:build cgo && unix

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// TestConnectionsAreUsedUp: check reports how many connections are free and whose limit it is. So does the error of a run that
// found none.
func TestConnectionsAreUsedUp(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	role := b.role("REPLICATION CONNECTION LIMIT 5", "GRANT CREATE ON DATABASE "+b.database()+" TO $role", "ALTER TABLE a OWNER TO $role")
	raise := `ALTER ROLE "` + role + `" CONNECTION LIMIT -1`
	// A server takes a moment to end the sessions of the command before.
	ended := func() {
		t.Helper()
		for n := 1; n > 0; {
			if err := b.admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role).Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.finds(0, finding.Warning, "source", "role "+role+" has 5 of 5 connections free, and a run takes up to 6", raise)
	b.exec("ALTER ROLE " + role + " CONNECTION LIMIT 1")
	b.fails(failure.Source, "too many connections for role", raise, "full-load")
	b.exec("ALTER ROLE " + role + " CONNECTION LIMIT 0")
	b.finds(failure.Source, finding.Problem, "source", "too many connections for role", raise)
	b.exec(strings.TrimSuffix(raise, ";"))

	raise = `ALTER DATABASE "` + b.database() + `" CONNECTION LIMIT -1`
	b.exec("ALTER DATABASE " + b.database() + " CONNECTION LIMIT 4") // one of which is this test's
	ended()
	b.finds(0, finding.Warning, "source", "database "+b.database()+" has 3 of 4 connections free", raise)
	b.exec("ALTER DATABASE " + b.database() + " CONNECTION LIMIT 0")
	b.finds(failure.Source, finding.Problem, "source", "too many connections for database", raise)
	b.exec(raise)
	b.exec("REVOKE CONNECT ON DATABASE " + b.database() + " FROM PUBLIC")
	b.finds(failure.Source, finding.Problem, "source", "permission denied for database",
		`GRANT CONNECT ON DATABASE "`+b.database()+`" TO "`+role+`";`)
	b.exec("GRANT CONNECT ON DATABASE " + b.database() + " TO PUBLIC")

	b.env["INGEST_SOURCE_JOBS"] = "64"
	b.exec("ALTER ROLE " + role + " CONNECTION LIMIT 20")
	ended()
	b.finds(0, finding.Warning, "source", "role "+role+" has 20 of 20 connections free, and a run takes up to 69", "lower source.jobs")
	delete(b.env, "INGEST_SOURCE_JOBS")
	b.exec("ALTER ROLE " + role + " CONNECTION LIMIT -1")
	b.works("check")
	b.exec("ALTER ROLE " + role + " NOLOGIN")
	b.fails(failure.Source, "is not permitted to log in", `ALTER ROLE "`+role+`" LOGIN;`, "cdc")
	b.exec("ALTER ROLE " + role + " LOGIN")
}

// TestTheLastSlotAndSender: check sees that one slot is free, or no WAL sender.
func TestTheLastSlotAndSender(t *testing.T) {
	t.Parallel()
	b := startBench(t, map[string]string{"max_replication_slots": "2", "max_wal_senders": "1"})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "SELECT pg_create_physical_replication_slot('standby')")
	b.finds(0, finding.Warning, "slot", "one replication slot is free", "SELECT slot_name, database, active FROM pg_replication_slots")
	b.works("full-load")
	b.works("check")
	config, err := pgx.ParseConfig(b.url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["replication"] = "true"
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	sender, err := pgx.ConnectConfig(t.Context(), config)
	for err != nil && strings.Contains(err.Error(), "SQLSTATE 53300") && t.Context().Err() == nil { // check's own has just been closed
		sender, err = pgx.ConnectConfig(t.Context(), config)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close(context.Background())
	b.finds(failure.Source, finding.Problem, "source", "all 1 WAL senders (max_wal_senders) are in use", "raise max_wal_senders")
	b.fails(failure.Source, "max_wal_senders", "SELECT pid, usename, application_name FROM pg_stat_replication;", "cdc")
}

// TestRoleMayReadSomeColumns: a role with SELECT on single columns only cannot take a table's snapshot, and check reports it
// before.
func TestRoleMayReadSomeColumns(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", "CREATE TABLE partly (id int PRIMARY KEY, secret text)",
		"CREATE PUBLICATION made FOR ALL TABLES")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	role := b.role("REPLICATION", "GRANT SELECT ON good TO $role", "GRANT SELECT (id) ON partly TO $role")
	what, remedy := "role "+role+" may read only some of its columns", `GRANT SELECT ON "public"."partly" TO "`+role+`";`
	b.finds(failure.Source, finding.Problem, "public.partly", what, remedy)
	b.fails(failure.Tables, "1 of 2 tables failed, the first: table public.partly: "+what, remedy, "full-load")
	b.exec(remedy)
	b.works("full-load", "--tables", "partly")
}
