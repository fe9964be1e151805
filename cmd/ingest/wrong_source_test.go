//go:build cgo && unix

package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres"
)

func TestSourceCannotBeReached(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	right := b.url
	tests := []struct{ name, url, text, hint string }{
		{"wrong port", "postgres://u:hunter2SECRET@127.0.0.1:1/d?sslmode=disable", "connect to 127.0.0.1:1/d as u: connect: connection refused",
			"source.url, PGHOST, PGPORT"},
		{"unknown host", "postgres://u:hunter2SECRET@nowhere.invalid/d", "connect to nowhere.invalid:5432/d as u: look up nowhere.invalid",
			"check source.url or PGHOST"},
		{"wrong password", b.withUser("postgres", "hunter2SECRET"),
			`password authentication failed for user "postgres" (SQLSTATE 28P01)`, "PGPASSWORD"},
		{"no such database", strings.Replace(right, "/"+b.database()+"?", "/nodb?", 1), `database "nodb" does not exist`, "psql -h 127.0.0.1"},
		{"not a URL", "nonsense", "INGEST_SOURCE_URL: want", ""},
	}
	b.secrets = append(b.secrets, "hunter2SECRET")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.t = t
			b.env["INGEST_SOURCE_URL"] = test.url
			code := failure.Source
			if test.name == "not a URL" {
				code = failure.Usage
			} else {
				b.finds(code, finding.Problem, "source", test.text, test.hint)
			}
			for _, command := range []string{"full-load", "cdc", "status"} {
				b.fails(code, test.text, test.hint, command)
			}
		})
	}
	b.t = t
	b.nothingMade()
}

// startBench makes a bench on a server of its own, with settings.
func startBench(t *testing.T, settings map[string]string) *bench {
	t.Helper()
	server := pgtest.Start(t, pgserver.Options{Settings: settings})
	return newBenchOn(t, server.URL(""), nil)
}

func TestServerIsNotSetUpForLogicalReplication(t *testing.T) {
	t.Parallel()
	b := startBench(t, map[string]string{"wal_level": "replica"})
	b.exec("CREATE TABLE t (id int PRIMARY KEY)")
	b.finds(failure.Source, finding.Problem, "source", "wal_level is replica", "ALTER SYSTEM SET wal_level = 'logical'")
	b.fails(failure.Source, "wal_level is replica on ", "ALTER SYSTEM SET wal_level = 'logical'", "full-load")
	b.noSlot()
}

func TestNoSlotIsFree(t *testing.T) {
	t.Parallel()
	b := startBench(t, map[string]string{"max_replication_slots": "1"})
	b.exec("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "SELECT pg_create_physical_replication_slot('standby')")
	b.finds(failure.Source, finding.Problem, "slot", "no replication slot is free",
		"SELECT slot_name, database, active FROM pg_replication_slots")
	b.fails(failure.Source, "all replication slots are in use", "max_replication_slots", "full-load")
	b.exec("SELECT pg_drop_replication_slot('standby')")
	b.works("full-load")
	if n := b.rows("t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestRoleMayNotReplicate(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	role := b.role("", "GRANT CREATE ON DATABASE "+b.database()+" TO $role", "CREATE TABLE t (id int PRIMARY KEY)",
		"ALTER TABLE t OWNER TO $role")
	remedy := `ALTER ROLE "` + role + `" REPLICATION`
	b.finds(failure.Source, finding.Problem, "source", "may not replicate", remedy)
	b.fails(failure.Source, "may not replicate", remedy, "full-load")
	b.noSlot()
	b.exec(remedy)
	b.works("full-load")
	b.exec(`ALTER ROLE "` + role + `" NOREPLICATION`)
	b.fails(failure.Source, "may not replicate", remedy, "cdc")
	b.exec(remedy)
	b.works("cdc")
}

// A table that the role may not read fails alone: the others are loaded, and
// the run ends with 3.
func TestRoleMayNotReadOneTable(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE good (id int PRIMARY KEY)", "INSERT INTO good VALUES (1)", "CREATE SCHEMA hidden",
		"CREATE TABLE secret (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE hidden.part PARTITION OF secret DEFAULT",
		"INSERT INTO secret VALUES (1), (2)",
		"CREATE PUBLICATION made FOR ALL TABLES WITH (publish_via_partition_root = true)")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	role := b.role("REPLICATION", "GRANT SELECT ON good, secret TO $role") // the partition is read by itself
	remedy := `GRANT USAGE ON SCHEMA "public", "hidden" TO "` + role +
		`"; GRANT SELECT ON "public"."secret", "hidden"."part" TO "` + role + `";`
	what := "role " + role + " may not read it"
	b.finds(failure.Source, finding.Problem, "public.secret", what, remedy)
	b.fails(failure.Tables, "1 of 2 tables failed, the first: table public.secret: "+what, remedy, "full-load")
	if n := b.rows("good"); n != 1 {
		t.Errorf("the other table has %d rows, want 1", n)
	}
	b.fails(failure.Source, "no table can be loaded", remedy, "full-load", "--tables", "secret")
	b.works("cdc")
	b.exec(remedy)
	b.works("full-load", "--tables", "secret")
	if n := b.rows("secret"); n != 2 {
		t.Errorf("%d rows after the GRANT, want 2", n)
	}
}

// Under a policy the role would read fewer rows without an error.
func TestRoleIsUnderRowSecurity(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE open (id int PRIMARY KEY)", "CREATE TABLE ruled (id int PRIMARY KEY)", "INSERT INTO ruled VALUES (1), (2)",
		"ALTER TABLE ruled ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY first ON ruled USING (id = 1)", "CREATE PUBLICATION made FOR ALL TABLES")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	b.works("check") // a superuser is under none
	role := b.role("REPLICATION", "GRANT SELECT ON open, ruled TO $role")
	remedy := `ALTER ROLE "` + role + `" BYPASSRLS;`
	what := "its row level security applies to role " + role
	b.finds(failure.Source, finding.Problem, "public.ruled", what, remedy)
	b.fails(failure.Tables, "1 of 2 tables failed, the first: table public.ruled: "+what, remedy, "full-load")
	b.exec(remedy)
	b.works("full-load", "--resume")
	if n := b.rows("ruled"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestRoleOwnsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	role := b.role("REPLICATION", "GRANT SELECT ON a TO $role", "GRANT CREATE ON DATABASE "+b.database()+" TO $role")
	b.env["INGEST_SOURCE_PUBLICATION"] = "made"
	remedy := `as a superuser: CREATE PUBLICATION "made" FOR TABLE ONLY "public"."a" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true`
	what := "it is not published, and role " + role + " does not own it"
	b.finds(failure.Source, finding.Problem, "publication", "role "+role+" does not own public.a", remedy)
	b.finds(failure.Source, finding.Problem, "public.a", what, "")
	b.fails(failure.Source, what, "ingest check", "full-load")
	b.noSlot()
	b.follows("as a superuser: ", "")
	b.exec("REVOKE CREATE ON DATABASE " + b.database() + " FROM " + role)
	b.finds(0, finding.OK, "public.a", "ready", "")
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (2)")
	b.works("cdc")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestRoleMayNotCreatePublication(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	role := b.role("REPLICATION", "CREATE TABLE a (id int PRIMARY KEY)", "ALTER TABLE a OWNER TO $role")
	remedy := `GRANT CREATE ON DATABASE "` + b.database() + `" TO "` + role + `";`
	b.finds(failure.Source, finding.Problem, "publication", "may not create it", remedy)
	b.fails(failure.Source, "role "+role+" may not create it", remedy, "full-load")
	b.noSlot()
	b.exec(remedy)
	b.works("full-load")
}

// Settings of the role for its applications must not end sessions that wait or read for long.
func TestRoleHasTimeouts(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 20) AS text FROM generate_series(1, 20000) g",
		"ALTER TABLE big ADD PRIMARY KEY (id)")
	b.role("SUPERUSER", "ALTER ROLE $role SET statement_timeout = '5ms'", "ALTER ROLE $role SET lock_timeout = '1ms'",
		"ALTER ROLE $role SET idle_in_transaction_session_timeout = '5ms'", "ALTER ROLE $role SET idle_session_timeout = '5ms'")
	b.works("full-load")
	b.exec("UPDATE big SET text = text || 'x'")
	b.works("cdc")
	b.works("check")
	if n := b.rows("big"); n != 40000 {
		t.Errorf("%d rows, want 20000 and as many updates", n)
	}
}

// A role that is only to read is often given transactions that may not write.
func TestRoleHasTransactionDefaults(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.role("SUPERUSER", "ALTER ROLE $role SET default_transaction_read_only = on",
		"ALTER ROLE $role SET default_transaction_isolation = 'serializable'", "ALTER ROLE $role SET standard_conforming_strings = off")
	b.works("check")
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (2)")
	b.works("cdc")
	b.works("verify")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// hold opens a transaction of another session and gives what ends it.
func (b *bench) hold(statements ...string) (pid uint32, end func()) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, sql := range append([]string{"BEGIN"}, statements...) {
		if _, err := conn.Exec(b.t.Context(), sql); err != nil {
			b.t.Fatal(err)
		}
	}
	return conn.PgConn().PID(), func() {
		if err := conn.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
	}
}

func TestTableIsLocked(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE locked (id int PRIMARY KEY)", "CREATE TABLE other (id int PRIMARY KEY)", "INSERT INTO locked VALUES (1)")
	b.env["INGEST_SOURCE_LOCK_TIMEOUT"] = "300ms"
	pid, end := b.hold("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
	b.works("check")
	stdout, stderr := b.fails(failure.Source, "public.locked is locked by pid "+itoa(pid), "source.lock_timeout (now 300ms)", "full-load")
	if stdout != "" {
		t.Errorf("printed %q before %s", stdout, stderr)
	}
	b.noSlot()
	end()
	b.works("full-load")

	_, end = b.hold("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
	b.exec("INSERT INTO other VALUES (1)")
	b.works("cdc") // reading the log needs no lock
	end()
	if n := b.rows("other"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// An open transaction that has written delays the creation of the slot. The log names its session. An interrupt ends the run at
// once, and leaves nothing half done.
func TestOpenTransactionHoldsUpTheSlot(t *testing.T) {
	b := newBench(t, nil)
	// An ordinary role sees hardly more than the pid of another role's session.
	b.role("REPLICATION", "CREATE TABLE a (id int PRIMARY KEY)", "ALTER TABLE a OWNER TO $role",
		"GRANT CREATE ON DATABASE "+b.database()+" TO $role")
	pid, end := b.hold("INSERT INTO a VALUES (1)")
	var out, err lockedBuffer
	signals := make(chan os.Signal)
	p := process{args: []string{"full-load"}, environment: b.environment(), stdout: &out, stderr: &err, signals: signals, unnotify: func() {}}
	code := make(chan int, 1)
	go func() { code <- p.run() }()
	for want := "pid " + itoa(pid); !strings.Contains(err.String(), want); {
		select {
		case c := <-code:
			t.Fatalf("exit code %d before the log had %q:\n%s", c, want, err.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	signals <- syscall.SIGINT
	asked := time.Now()
	if c := <-code; c != int(failure.Interrupted) {
		t.Errorf("exit code %d, want 130", c)
	}
	if took := time.Since(asked); took > 5*time.Minute { // the transaction goes on for ever
		t.Errorf("the interrupt took %v", took)
	}
	if !strings.HasSuffix(err.String(), "\nError: interrupted\n") || out.String() != "" {
		t.Errorf("said %q and %q", out.String(), err.String())
	}
	b.heard(out.String(), err.String())
	b.noSlot()
	end()
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (2)")
	b.works("cdc")
	if n := b.rows("a"); n != 1 { // the first was rolled back
		t.Errorf("%d rows, want 1", n)
	}
}

func TestOpenTransactionsAreFound(t *testing.T) {
	b := startBench(t, map[string]string{"old_snapshot_threshold": "60"})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	pid, end := b.hold("INSERT INTO a VALUES (1)")
	defer end()
	_, ended := b.hold("INSERT INTO a VALUES (2)", "PREPARE TRANSACTION 'it''s'")
	ended()
	_, idle := b.hold("SELECT 1") // holds nothing up
	defer idle()
	source, err := postgres.Open(t.Context(), postgres.Options{URL: b.url, Run: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	open, err := source.Transactions(b.admin).Older(t.Context(), 0)
	if err != nil || len(open) != 2 {
		t.Fatalf("found %+v, %v", open, err)
	}
	if o := open[0]; !strings.HasPrefix(o.Who, "the transaction of pid "+itoa(pid)+" (postgres, no application name) is open since 2") ||
		o.End != "SELECT pg_terminate_backend("+itoa(pid)+");" {
		t.Errorf("found %+v", o)
	}
	if o := open[1]; !strings.HasPrefix(o.Who, "the prepared transaction 'it''s' (postgres, database postgres) waits since 2") ||
		o.End != "ROLLBACK PREPARED 'it''s'; or COMMIT PREPARED 'it''s';" {
		t.Errorf("found %+v", o)
	}
	if open, err := source.Transactions(b.admin).Older(t.Context(), time.Hour); err != nil || len(open) != 0 {
		t.Errorf("an hour old: %+v, %v", open, err)
	}
	if source.Facts.Version < 170000 { // which has the setting no more
		b.finds(0, finding.Warning, "source", "old_snapshot_threshold is 1h", "old_snapshot_threshold = -1")
	}
	b.exec("ROLLBACK PREPARED 'it''s'")
}

// lockedBuffer is written by a run while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestMemoryLimit: a run limits the memory of its process to a share of its budget.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.env["INGEST_STAGING_MEMORY"] = "80MB"
	var limit int64
	p := process{
		args: []string{"status"}, environment: b.environment(), stdout: io.Discard, stderr: io.Discard,
		signals: make(chan os.Signal), unnotify: func() {}, limitMemory: func(bytes int64) { limit = bytes },
	}
	if code := p.run(); code != 0 || limit != 50_000_000 {
		t.Errorf("exit code %d, limit %d", code, limit)
	}
}
