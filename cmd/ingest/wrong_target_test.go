//go:build cgo && unix

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

func TestWorkspaceRefuses(t *testing.T) {
	t.Parallel()
	var expired atomic.Bool
	b := newBench(t, func(_ int64, r *http.Request) *lakehouse.Fault {
		if expired.Load() && strings.HasPrefix(r.URL.Path, "/api/") {
			return &lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusUnauthorized, ErrorCode: "401", Message: "Token is expired."}
		}
		return nil
	})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	host, token := b.server.URL(), b.server.Token()
	refused := func(text, hint string) {
		t.Helper()
		b.finds(failure.Destination, finding.Problem, "destination", text, hint)
		for _, command := range []string{"full-load", "cdc", "load", "status"} {
			b.fails(failure.Destination, text, hint, command)
		}
		b.noSlot()
	}

	b.secrets = append(b.secrets, "dapiWRONGSECRET")
	b.signIn(host, "dapiWRONGSECRET")
	refused("the credentials (pat) were refused: Invalid access token", "databricks auth describe")

	b.signIn(host, token)
	expired.Store(true)
	refused("the credentials (pat) were refused: Token is expired", "has expired")
	expired.Store(false)

	b.env["INGEST_CATALOG"] = "nowhere"
	refused("find catalog nowhere", "CREATE CATALOG `nowhere`")
	b.env["INGEST_CATALOG"] = benchCatalog

	b.signIn("http://127.0.0.1:1", token)
	refused("sign in to http://127.0.0.1:1: it cannot be reached", "check the address")
	b.signIn("https://nowhere.invalid", token)
	refused("nowhere.invalid", "check ")

	b.nothingMade()
	b.signIn(host, token)
	b.env["INGEST_WAREHOUSE"] = "ffff"
	b.finds(failure.Destination, finding.Problem, "destination", `find SQL warehouse "ffff"`, b.server.WarehouseID())
	b.works("full-load", "--stage-only") // which needs no warehouse
	delete(b.env, "INGEST_WAREHOUSE")
	b.works("load")
	if n := b.rows("a"); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
}

// A token that expires while a run is under way ends it; with a new one the same
// command goes on, and nothing is lost or loaded twice.
func TestTokenExpiresUnderway(t *testing.T) {
	t.Parallel()
	var match atomic.Pointer[string] // the token expires with the first request that holds this
	var expired atomic.Bool
	b := newBench(t, func(_ int64, r *http.Request) *lakehouse.Fault {
		if m := match.Load(); m != nil && strings.Contains(r.Method+" "+r.URL.Path, *m) {
			expired.Store(true)
		}
		if expired.Load() {
			return &lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusUnauthorized, ErrorCode: "401", Message: "Token is expired."}
		}
		return nil
	})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	for _, path := range []string{
		"PUT /api/2.0/fs/files/Volumes/" + benchCatalog + "/bronze/ingest/default/segments/",
		"PUT /api/2.0/fs/files/Volumes/" + benchCatalog + "/bronze/ingest/default/ledger/",
		"POST /sql/1.0/warehouses/",
	} {
		for _, command := range []string{"full-load", "cdc"} {
			b.exec("INSERT INTO a SELECT max(id) + 1 FROM a")
			match.Store(&path)
			code, stdout, stderr := b.run(command)
			match.Store(nil)
			expired.Store(false)
			if code != int(failure.Destination) || !strings.Contains(stderr, "\nHint: ") {
				t.Errorf("%s, expired at %s: exit code %d\n%s%s", command, path, code, stdout, stderr)
			}
			b.works(command)
		}
	}
	b.works("verify", "--full")
}

// The local workspace has one warehouse; a proxy gives it a second.
func TestTwoWarehousesAndNoneConfigured(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	to, err := url.Parse(b.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/2.0/sql/warehouses" {
			fmt.Fprintf(w,
				`{"warehouses": [{"id": %q, "name": "One", "state": "RUNNING"}, {"id": "0123456789abcdef", "name": "Two", "state": "STOPPED"}]}`,
				b.server.WarehouseID())
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	b.signIn(front.URL, b.server.Token())
	hint := "to one of: " + b.server.WarehouseID() + " (One), 0123456789abcdef (Two)"
	b.finds(failure.Usage, finding.Problem, "destination", "there are 2 and none is configured", hint)
	b.fails(failure.Usage, "find a SQL warehouse: there are 2 and none is configured", hint, "full-load")
	b.noSlot()
	b.env["INGEST_WAREHOUSE"] = "one"
	b.works("full-load")
	b.works("check")
}

func TestSlotIsInUse(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load")
	var slot, publication string
	err := b.admin.QueryRow(t.Context(), "SELECT (SELECT slot_name FROM pg_replication_slots WHERE database = current_database()), (SELECT pubname FROM pg_publication ORDER BY 1 LIMIT 1)").Scan(&slot, &publication)
	if err != nil {
		t.Fatal(err)
	}
	// Streaming without ever acknowledging anything moves nothing.
	reader, err := pgconn.Connect(t.Context(), b.url+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	err = pglogrepl.StartReplication(t.Context(), reader, slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names '" + publication + "'"},
	})
	if err != nil {
		t.Fatal(err)
	}
	pid := itoa(reader.PID())
	b.exec("INSERT INTO a VALUES (1)")
	b.finds(0, finding.Warning, "slot", "is in use by pid "+pid, "SELECT pg_terminate_backend("+pid+");")
	b.fails(failure.Conflict, "slot "+slot+" is in use by pid "+pid, "SELECT pg_terminate_backend("+pid+")", "cdc")
	if stdout, _ := b.works("status"); !strings.Contains(stdout, "in use by") {
		t.Errorf("status: %s", stdout)
	}
	b.exec("SELECT pg_terminate_backend(" + pid + ")")
	_ = reader.Close(t.Context())
	b.works("cdc")
	if n := b.rows("a"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestSlotWithoutLedger(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	slot := "orphan_" + b.database()
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "SELECT pg_create_logical_replication_slot('"+slot+"', 'pgoutput')")
	b.env["INGEST_SOURCE_SLOT"] = slot
	remedy := "SELECT pg_drop_replication_slot('" + slot + "')"
	b.finds(failure.Conflict, finding.Problem, "slot", slot+" exists, but the ledger is empty", remedy)
	for _, args := range [][]string{{"full-load"}, {"full-load", "--repair"}} {
		b.fails(failure.Conflict, "slot "+slot+" exists, but /Volumes/", remedy, args...)
	}
	b.exec(remedy)
	b.works("full-load")
	b.works("cdc")
}

// The loss is reported, and without --repair nothing replaces what is lost. A configured slot may belong to another pipeline: a
// repair does not touch it.
func TestLedgerOrSlotIsLost(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	slot := "named_" + b.database()
	b.env["INGEST_SOURCE_SLOT"] = slot
	drop := "SELECT pg_drop_replication_slot('" + slot + "')"
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.fails(failure.Conflict, "nothing was loaded yet", "`ingest full-load`", "verify")
	b.works("full-load")
	path, kept := filepath.Join(b.dir, "Volumes", benchCatalog, "bronze", "ingest", "default", "ledger"), filepath.Join(t.TempDir(), "ledger")
	if err := os.CopyFS(kept, os.DirFS(path)); err != nil {
		t.Fatal(err)
	}
	const repair = "`ingest full-load --repair`"
	b.works("full-load")
	if err := errors.Join(os.RemoveAll(path), os.CopyFS(path, os.DirFS(kept))); err != nil {
		t.Fatal(err)
	}
	b.fails(failure.Conflict, "the ledger is older than what was loaded", repair, "full-load")
	b.works("full-load", "--repair")
	b.exec(drop)
	b.fails(failure.Conflict, "slot "+slot+" is missing", repair, "full-load")
	b.works("full-load", "--repair")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	b.fails(failure.Conflict, "says that tables were loaded", repair, "full-load")
	b.fails(failure.Conflict, "slot "+slot+" exists, but /Volumes/", drop, "full-load", "--repair")
	if left, _ := b.left(); left != slot {
		t.Errorf("the slots are %q", left)
	}
	b.exec(drop)
	b.ledgerLost() // with loads/: what is left are the tables
	b.fails(failure.Conflict, "belongs to ledger ", repair, "full-load")
	b.works("full-load", "--repair")
	b.exec("INSERT INTO a VALUES (2)")
	b.works("cdc")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestSpoolCannotBeWritten(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.env["INGEST_STAGING_SPOOL"] = "file/spool"
	hint := "set staging.spool (INGEST_STAGING_SPOOL)"
	b.finds(failure.Usage, finding.Problem, "spool", "open spool file/spool: ", hint)
	b.fails(failure.Usage, "open spool file/spool: ", hint, "full-load")
	b.env["INGEST_STAGING_SPOOL"] = "spool" // made where it is missing
	b.works("full-load")
	b.exec("INSERT INTO a VALUES (2)")
	b.env["INGEST_STAGING_SPOOL"] = "file/spool"
	b.fails(failure.Usage, "open spool file/spool: ", hint, "cdc")
	b.env["INGEST_STAGING_SPOOL"] = "spool"
	b.works("cdc")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	if left, err := os.ReadDir("spool"); err != nil || len(left) > 0 {
		t.Errorf("left on the spool: %v, %v", left, err)
	}
}

// A child process whose files are limited to half a megabyte simulates a full disk.
func TestSpoolIsFull(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE big AS SELECT g AS id, md5(g::text) || md5((g + 1)::text) AS text FROM generate_series(1, 20000) g",
		"ALTER TABLE big ADD PRIMARY KEY (id)",
		"CREATE TABLE small (id int PRIMARY KEY)", "INSERT INTO small VALUES (1)")
	spool := filepath.Join(t.TempDir(), "spool")
	b.env["INGEST_STAGING_SPOOL"] = spool
	hint := "Hint: make room in " + spool + ", or set staging.spool (INGEST_STAGING_SPOOL)"
	limited := func(want failure.Kind, text string, args ...string) (stderr string) {
		t.Helper()
		code, stdout, stderr := b.child("ulimit -f 1024 && exec \"$0\" \"$@\"", args...)
		if code != int(want) || !strings.Contains(stderr, text) || !strings.Contains(stderr, hint) {
			t.Errorf("%v: exit code %d, want %d with %q and %q:\n%s%s", args, code, want, text, hint, stdout, stderr)
		}
		if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
			t.Errorf("left on the spool: %v, %v", left, err)
		}
		return stderr
	}
	// If no other table is there, the run says that slot and publications stay.
	const stays = "The slot and the publications stay, and the slot keeps WAL: `ingest full-load` goes on with them, " +
		"`ingest drop --yes` drops them"
	stderr := limited(failure.Tables, "Error: 1 of 1 tables failed, the first: spool "+spool+": ", "full-load", "--tables", "big")
	if !strings.Contains(stderr, stays) {
		t.Errorf("no %q in\n%s", stays, stderr)
	}
	limited(failure.Tables, "Error: 1 of 2 tables failed, the first: spool "+spool+": ", "full-load")
	if n := b.rows("small"); n != 1 {
		t.Errorf("the other table has %d rows, want 1", n)
	}
	b.works("full-load", "--resume")
	b.exec("UPDATE big SET text = text || 'x'")
	limited(failure.Other, "Error: spool "+spool+": ", "cdc")
	b.works("cdc")
	if n := b.rows("big"); n != 40000 {
		t.Errorf("%d rows, want 20000 and as many updates", n)
	}
}

// child runs a command line in a process of its own, started by a shell that
// finds the program as $0.
func (b *bench) child(shell string, args ...string) (code int, stdout, stderr string) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	program := filepath.Join(b.t.TempDir(), "ingest") // under this name the tests' binary is the program
	if err := os.Symlink(self, program); err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), "/bin/sh", append([]string{"-c", shell, program}, args...)...)
	cmd.Env = append(os.Environ(), b.environment()...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	b.heard(out.String(), errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A service principal without privileges sees all of them at once, with the
// statements that grant them.
func TestPrivilegesAreMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load") // which makes schema and volume
	b.works("check")

	withheld := lakehousetest.Open(t, lakehouse.Options{
		Catalogs: []string{benchCatalog}, Withheld: []string{"CREATE_TABLE", "WRITE_VOLUME", "MODIFY", "CREATE_SCHEMA", "CAN_USE"},
	})
	b.secrets = append(b.secrets, withheld.Token(), withheld.ClientSecret())
	asOwner := func() { b.signIn(withheld.URL(), withheld.Token()) }
	asPrincipal := func() {
		b.signIn(withheld.URL(), "")
		b.env["DATABRICKS_CLIENT_ID"], b.env["DATABRICKS_CLIENT_SECRET"] = withheld.ClientID(), withheld.ClientSecret()
	}
	app, quoted := withheld.ClientID(), "`"+withheld.ClientID()+"`"
	b.env["INGEST_PIPELINE"] = "withheld"
	problem := func(what, remedy string) {
		t.Helper()
		b.finds(failure.Destination, finding.Problem, "destination", app+" has no "+what, remedy)
	}
	asPrincipal()
	b.finds(failure.Destination, finding.OK, "destination", "as "+app+" (oauth-m2m)", "")
	problem("CREATE SCHEMA on catalog "+benchCatalog, "GRANT CREATE SCHEMA ON CATALOG `"+benchCatalog+"` TO "+quoted+";")
	problem("CAN USE on SQL warehouse", `[{"service_principal_name": "`+app+`", "permission_level": "CAN_USE"}]`)
	b.fails(failure.Destination, "prepare schema", "GRANT CREATE SCHEMA, USE CATALOG ON CATALOG `"+benchCatalog+"` TO "+quoted, "full-load")

	asOwner()
	b.works("full-load")
	asPrincipal()
	schema := "`" + benchCatalog + "`.`bronze`"
	problem("CREATE TABLE on schema "+benchCatalog+".bronze", "GRANT CREATE TABLE ON SCHEMA "+schema+" TO "+quoted+";")
	problem("WRITE VOLUME on volume "+benchCatalog+".bronze.ingest", "GRANT WRITE VOLUME ON VOLUME "+schema+".`ingest` TO "+quoted+";")
	b.finds(failure.Destination, finding.Warning, "destination", app+" has no MODIFY on schema",
		"GRANT MODIFY ON SCHEMA "+schema+" TO "+quoted+";")
}
