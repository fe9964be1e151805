//go:build cgo && unix

package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/lakehouse"
)

// withdraw lets the warehouse refuse the statements on item that begin so.
func (w *world) withdraw(begins string) {
	w.refusing(-1, begins, "item", lakehouse.Refusal{
		SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "User does not have MODIFY on Table 'dev.bronze.item'.",
	})
}

// grant ends what withdraw began.
func (w *world) grant() { w.refusing(0, "", "item", lakehouse.Refusal{}) }

// statement gives the text of the statement that a request is for.
func statement(r *http.Request) (string, bool) {
	if !strings.HasPrefix(r.URL.Path, "/sql/") {
		return "", false
	}
	data, err := body(r)
	if err != nil || !bytes.Contains(data, []byte("ExecuteStatement")) {
		return "", false
	}
	for _, head := range []string{"COPY INTO", "CREATE OR REPLACE TABLE", "SELECT ", "SELECT\n", "ALTER TABLE", "DROP TABLE", "SHOW ",
		"MERGE INTO", "CREATE TABLE"} {
		if i := bytes.Index(data, []byte(head)); i >= 4 { // a string of the protocol has its length before it
			n := int(data[i-4])<<24 | int(data[i-3])<<16 | int(data[i-2])<<8 | int(data[i-1])
			if n > 0 && i+n <= len(data) {
				return string(data[i : i+n]), true
			}
		}
	}
	return "", false
}

// isolated insists that item is quarantined by a run that ends with 3, for a
// reason, since then, in every form of status, while event goes on and a
// later run leaves item alone, whose entries stay staged.
func (w *world) isolated(reason string) {
	w.t.Helper()
	w.behind()
	before := w.picture("item")
	r := w.want(3, "cdc")
	if !strings.Contains(r.stderr, reason) || r.remedy() == "" {
		w.t.Errorf("%s\nwant %q, and a remedy", r, reason)
	}
	w.compare("event")
	since := w.quarantinedSince(reason)
	w.write(41, 10)
	w.behind()
	if r := w.want(3, "cdc"); !strings.Contains(r.stderr, "public.item is quarantined since") {
		w.t.Errorf("%s\nwant since when it is quarantined", r)
	}
	w.compare("event")
	if again := w.quarantinedSince(reason); again != since {
		w.t.Errorf("quarantined since %s, then since %s", since, again)
	}
	if now := w.picture("item"); fmt.Sprint(now) != fmt.Sprint(before) {
		w.t.Errorf("the table was changed: %v, then %v", before, now)
	}
	if r := w.want(3, "status", "--exit-code"); !strings.Contains(r.stdout, "quarantined") ||
		!strings.Contains(r.stdout, "since "+since[:10]) || !strings.Contains(r.stdout, reason) {
		w.t.Errorf("%s\nwant why and since when", r)
	}
}

// quarantinedSince reads it from the status, which also says why.
func (w *world) quarantinedSince(reason string) string {
	w.t.Helper()
	var status struct {
		Tables []struct {
			Table, State, Quarantine, Remedy string
			Since                            string `json:"quarantined_since"`
			Waiting                          int64  `json:"waiting_rows"`
		}
	}
	r := w.must("status", "--output", "json")
	if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
		w.t.Fatal(err, r)
	}
	for _, t := range status.Tables {
		if t.Table != "public.item" {
			continue
		}
		if t.State != "quarantined" || !strings.Contains(t.Quarantine, reason) || t.Remedy == "" || t.Since == "" || t.Waiting == 0 {
			w.t.Errorf("status says %+v, want %q", t, reason)
		}
		return t.Since
	}
	w.t.Fatalf("status has no public.item: %s", r)
	return ""
}

// TestQuarantine: only the table whose load is permanently refused stops. Once the cause is fixed, `load --tables` continues
// where it stopped, or `full-load --tables` replaces it.
func TestQuarantine(t *testing.T) {
	withdrawn := func(begins string) func(*world) {
		return func(w *world) { w.withdraw(begins) }
	}
	for name, c := range map[string]struct {
		spoil, fix func(*world)
		reason     string
	}{
		"MODIFY was withdrawn": {withdrawn("COPY INTO"), (*world).grant, "INSUFFICIENT_PERMISSIONS"},
		"SELECT was withdrawn": {withdrawn("SELECT "), (*world).grant, "INSUFFICIENT_PERMISSIONS"},
		"Unity Catalog hides it": {func(w *world) {
			w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
				if strings.HasSuffix(r.URL.Path, "/unity-catalog/tables/dev.bronze.item") {
					return &lakehouse.Fault{
						Kind: lakehouse.Reject, Status: http.StatusForbidden, ErrorCode: "PERMISSION_DENIED", Message: "User does not have USE TABLE",
					}
				}
				return nil
			})
		}, func(w *world) { w.on(nil) }, "User does not have USE TABLE"},
		"a column must not be NULL": {func(w *world) {
			w.byHand("ALTER TABLE $ ALTER COLUMN `_unchanged` SET NOT NULL")
		}, func(w *world) { w.byHand("ALTER TABLE $ ALTER COLUMN `_unchanged` DROP NOT NULL") }, "NOT NULL"},
		"a column has another type": {func(w *world) {
			w.byHand(mapping, "ALTER TABLE $ RENAME COLUMN id TO former", "ALTER TABLE $ ADD COLUMNS (id ARRAY<STRING>)")
		}, func(w *world) {
			w.byHand("ALTER TABLE $ DROP COLUMN id", "ALTER TABLE $ RENAME COLUMN former TO id")
		}, "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE"},
	} {
		for how, command := range map[string][]string{
			"loaded on":  {"load", "--tables", "public.item"},
			"made again": {"full-load", "--tables", "public.item"},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, shopTables...)
				if name == "a column must not be NULL" { // which is NULL in every row of a snapshot
					w.exec(`TRUNCATE item`)
				}
				w.must("full-load")
				w.exec(`INSERT INTO item VALUES (5000, 1, 'x', 'y')`)
				if name != "a column must not be NULL" {
					w.must("cdc")
				}
				c.spoil(w)
				w.isolated(c.reason)
				if r := w.want(3, "load", "--tables", "public.item"); !strings.Contains(r.stderr, c.reason) {
					t.Errorf("%s\nwant the same as before the cause is fixed", r)
				}
				staged := len(w.entries())
				c.fix(w)
				w.must(command...)
				if n := len(w.entries()); how == "loaded on" && n != staged {
					t.Errorf("%d entries, want those that were staged: %d", n, staged)
				}
				w.sound()
			})
		}
	}
}

// TestQuarantineOfAName: if a view has the name of a staged table, the other tables are loaded, and this one once the view is
// gone.
func TestQuarantineOfAName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load", "--stage-only")
	w.byHand("CREATE VIEW $ AS SELECT 1 AS id")
	r := w.want(3, "load")
	w.compare("event")
	w.behind()
	w.want(3, "cdc")
	w.compare("event")
	w.healedBy(r, "ingest sql 'DROP VIEW `dev`.`bronze`.`item`' && ingest load --tables public.item")
}

// TestQuarantineWhileFollowing: a following run goes on with the other tables,
// takes the table in again once it is fixed, and says with its exit
// code what still is quarantined at its end.
func TestQuarantineWhileFollowing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=20ms")
	w.must("full-load")
	w.withdraw("COPY INTO")
	follow := func() *process { return w.start("cdc", "--follow", "--load-every", "100ms") }
	quarantined := func() bool {
		return strings.Contains(w.run("status").stdout, "quarantined")
	}
	first := follow()
	writer := w.newWriter(5)
	w.eventually("item is quarantined", quarantined)
	before := w.loadedRows("event")
	w.eventually("event goes on", func() bool { return w.loadedRows("event") > before })
	first.signal(syscall.SIGTERM)
	if r := first.wait(); r.code != 3 || !strings.Contains(r.stderr, "INSUFFICIENT_PERMISSIONS") ||
		!strings.Contains(r.stderr, "ingest load --tables public.item") {
		t.Errorf("%s\nwant 3, why, and the remedy", r)
	}
	second := follow()
	w.grant()
	w.must("load", "--tables", "public.item")
	w.eventually("item goes on", func() bool { return !quarantined() })
	writer.end()
	second.signal(syscall.SIGTERM)
	if r := second.wait(); r.code != 0 {
		t.Errorf("%s\nwant 0 after the table was fixed", r)
	}
	w.sound()
}

// loadedRows counts the rows in a bronze table.
func (w *world) loadedRows(table string) int64 {
	w.t.Helper()
	n, err := w.sql("SELECT count(*) AS n FROM "+w.target.Table(table).String()).Int(0, "n")
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestNewTableWhoseTargetIsTaken: `--snapshot-new` fails for that table alone.
func TestNewTableWhoseTargetIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, append(shopTables, `CREATE SCHEMA shop`)...)
	w.env = append(w.env, "INGEST_SOURCE_SCHEMAS=public,shop")
	w.must("full-load")
	w.exec(`CREATE TABLE shop.item (id bigint PRIMARY KEY)`, `CREATE TABLE shop.fresh (id bigint PRIMARY KEY)`,
		`INSERT INTO shop.fresh VALUES (1)`)
	w.write(1, 20)
	for range 2 {
		r := w.want(3, "cdc", "--snapshot-new")
		if !strings.Contains(r.stderr, "tables public.item and shop.item would both become dev.bronze.item") ||
			!strings.Contains(r.stderr, "name = ") {
			t.Errorf("%s\nwant the two tables, and how to tell them apart", r)
		}
		w.compare("item", "event")
		if n := w.loadedRows("fresh"); n != 1 {
			t.Errorf("%d rows of the new table without fault, want 1", n)
		}
		w.write(2, 20)
	}
	w.must("cdc")
	w.compare("item", "event")
}

// TestVerifyWhoseSnapshotIsLost: if the session with its snapshot and its locks is lost, verify gives no verdict on any table,
// not even on one whose rows it has read.
func TestVerifyWhoseSnapshotIsLost(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	w.exec(`ANALYZE item`)
	const scans = `SELECT pg_stat_get_numscans('item'::regclass)::text`
	before := w.ask(scans)
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if sql, ok := statement(r); !ok || !strings.Contains(sql, ") state") { // of the rows
			return nil
		}
		once.Do(func() {
			conn := w.session()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for limit := time.Now().Add(waitLimit); askOn(t, conn, scans) == before; <-tick.C {
				if time.Now().After(limit) {
					t.Error("verify does not read the source beside the target")
					return
				}
			}
			if n := askOn(t, conn, `SELECT count(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity
				WHERE datname = current_database() AND application_name LIKE 'ingest %' AND state = 'idle in transaction' AND backend_xmin IS NOT NULL`); n == "0" {
				t.Error("no session holds a snapshot")
			}
		})
		return nil
	})
	r := w.want(10, "verify", "--full", "--tables", "item")
	if strings.Contains(r.stdout, "equal") || strings.Contains(r.stdout, "different") {
		t.Errorf("%s\nwant no verdict", r)
	}
	w.on(nil)
	w.must("verify", "--full")
}
