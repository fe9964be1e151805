//go:build cgo && unix

package tests

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// passingRefusals are the errors after which the same statement may succeed.
var passingRefusals = []lakehouse.Refusal{
	{SQLState: "25000", Class: "COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED"},
	{SQLState: "25000", Class: "COPY_INTO_NON_BLIND_APPEND_NOT_ALLOWED"},
	{SQLState: "25000", Class: "TRANSACTION_CONCURRENT_COPY_INTO"},
	{SQLState: "25000", Class: "COPY_INTO_ROCKSDB_MAX_RETRY_EXCEEDED"},
	{SQLState: "55019", Class: "COPY_INTO_STATE_INTERNAL_ERROR"},
	{SQLState: "2D521", Class: "DELTA_CONCURRENT_APPEND"},
	{SQLState: "2D521", Class: "DELTA_METADATA_CHANGED"},
}

// lastingRefusals are those that a retry does not fix.
var lastingRefusals = []lakehouse.Refusal{
	{SQLState: "42KDG", Class: "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE"},
	{SQLState: "21S01", Class: "COPY_INTO_COLUMN_ARITY_MISMATCH"},
	{SQLState: "42P01", Class: "DELTA_MISSING_DELTA_TABLE_COPY_INTO"},
	{SQLState: "42KD9", Class: "COPY_INTO_SOURCE_SCHEMA_INFERENCE_FAILED"},
	{SQLState: "KD001", Class: "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH"},
	{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS"},
}

// TestCopyIntoIsRefusedForAMoment: after each transient error, the same run tries again and loads everything once. The same is
// true of the statement that creates the table.
func TestCopyIntoIsRefusedForAMoment(t *testing.T) {
	t.Parallel()
	for _, part := range [][]lakehouse.Refusal{passingRefusals[:4], passingRefusals[4:]} {
		t.Run(part[0].Class, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			for i, r := range part {
				r.Message = "Somebody else was in the way."
				w.refusing(1, "CREATE OR REPLACE TABLE", "item", r)
				w.must("full-load")
				w.write(uint64(i), 20)
				w.exec(`UPDATE item SET note = 'again'`)
				w.refusing(1, "COPY INTO", "item", r)
				if got := w.must("cdc"); !strings.Contains(got.stderr, r.Class) {
					t.Errorf("%s\nwant that it says %s", got, r.Class)
				}
				w.compare("item", "event")
			}
			w.same()
		})
	}
}

// TestCopyIntoIsRefusedForGood: a statement with a permanent error is not repeated. The table is quarantined, the other one
// continues, and no staged row is lost. When the cause is gone, one command loads the table.
func TestCopyIntoIsRefusedForGood(t *testing.T) {
	t.Parallel()
	for _, part := range [][]lakehouse.Refusal{lastingRefusals[:3], lastingRefusals[3:]} {
		t.Run(part[0].Class, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			for i, r := range part {
				r.Message = "It cannot be."
				w.exec(`UPDATE item SET note = 'refused'`, fmt.Sprintf(`INSERT INTO event VALUES (%d, 1, 'beside it')`, 2_000_000+i))
				w.refusing(-1, "COPY INTO", "item", r)
				before := len(w.server.Statements())
				if got := w.want(3, "cdc"); !strings.Contains(got.stderr, r.Class) || !strings.Contains(got.stderr, "\nHint: ") {
					t.Errorf("%s\nwant %s, and a hint", got, r.Class)
				}
				copies := slices.DeleteFunc(w.server.Statements()[before:], func(sql string) bool {
					return !strings.HasPrefix(sql, "COPY INTO") || !strings.Contains(sql, "`.`item`")
				})
				if len(copies) != 1 {
					t.Errorf("%s: sent %d times, want once", r.Class, len(copies))
				}
				w.compare("event")
				w.write(uint64(i), 10)
				if got := w.want(3, "cdc"); !strings.Contains(got.stderr, "quarantined") {
					t.Errorf("%s\nwant that it is quarantined", got)
				}
				w.refusal.Store(nil)
				w.must("load", "--tables", "public.item")
				w.compare("item", "event")
			}
			w.same()
		})
	}
}

// TestCopyIntoIsRefusedForLong: a transient error that lasts ends the run and blames no table; the next run continues.
func TestCopyIntoIsRefusedForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.exec(`UPDATE item SET note = 'later'`)
	w.refusing(-1, "COPY INTO", "item", lakehouse.Refusal{SQLState: "2D521", Class: "DELTA_CONCURRENT_APPEND", Message: "Again and again."})
	if got := w.want(11, "cdc"); !strings.Contains(got.stderr, "DELTA_CONCURRENT_APPEND") {
		t.Errorf("%s\nwant the class", got)
	}
	w.refusal.Store(nil)
	w.must("cdc")
	w.same()
	w.must("status", "--exit-code")
}

// TestDatabricksIsBusy: for some time every request of a kind is refused, with and without Retry-After, and the warehouse starts
// cold. A single run waits and succeeds.
func TestDatabricksIsBusy(t *testing.T) {
	t.Parallel()
	const busy = 1200 * time.Millisecond
	for _, c := range []struct {
		name, path string
		fault      lakehouse.Fault
	}{
		{"429 of files", "/api/2.0/fs/", lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusTooManyRequests}},
		{"429 of files with Retry-After", "/api/2.0/fs/",
			lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusTooManyRequests, RetryAfter: time.Second}},
		{"503 of files", "/api/2.0/fs/", lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable}},
		{"429 of the warehouse", "/sql/", lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusTooManyRequests}},
		{"503 of the warehouse", "/sql/", lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable}},
		{"503 of the warehouse with Retry-After", "/sql/",
			lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable, RetryAfter: time.Second}},
		{"503 of the catalog", "/api/2.1/unity-catalog/", lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusServiceUnavailable}},
		{"a cold warehouse", "/sql/", lakehouse.Fault{Kind: lakehouse.Pass, Delay: busy}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			for _, command := range []string{"full-load", "cdc"} {
				w.write(1, 15)
				var first atomic.Int64 // when the first one was turned away
				var refused atomic.Int64
				w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
					if !strings.Contains(r.URL.Path, c.path) {
						return nil
					}
					now := time.Now().UnixNano()
					first.CompareAndSwap(0, now)
					if time.Duration(now-first.Load()) > busy {
						return nil
					}
					refused.Add(1)
					return &c.fault
				})
				w.must(command)
				w.on(nil)
				if refused.Load() == 0 {
					t.Errorf("%s: nothing was turned away", command)
				}
			}
			w.same()
		})
	}
}

// TestTokensThatSoonEnd: with tokens of a client that soon end, and end at every
// few requests, each command signs in again.
func TestTokensThatSoonEnd(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.NewDatabase(t), lakehouse.Options{TokenTTL: tokenLife}, shopTables...)
	w.signInAsClient()
	expiring := func(every int64) {
		w.on(func(n int64, r *http.Request) *lakehouse.Fault {
			if n%every == 0 && !strings.Contains(r.URL.Path, "/oidc/") {
				w.server.ExpireTokens()
			}
			return nil
		})
	}
	expiring(1 << 60) // none but by time
	w.must("full-load")
	writer := w.newWriter(1)
	w.must("cdc", "--follow", "--load-every", "300ms", "--max-duration", (tokenLife + 2*time.Second).String())
	for _, every := range []int64{7, 3} {
		expiring(every)
		for _, command := range []string{"full-load", "cdc"} {
			if r := w.run(command); r.code != 0 && r.code != 11 {
				t.Errorf("every %d requests: %s", every, r)
			}
		}
	}
	w.on(nil)
	writer.end()
	w.again("cdc")
	w.same()
}

// signInAsClient lets runs sign in by OAuth.
func (w *world) signInAsClient() {
	w.env = slices.DeleteFunc(w.env, func(pair string) bool { return strings.HasPrefix(pair, "DATABRICKS_TOKEN=") })
	w.env = append(w.env, "DATABRICKS_CLIENT_ID="+w.server.ClientID(), "DATABRICKS_CLIENT_SECRET="+w.server.ClientSecret())
}

// TestListingsOfExactlyOnePage: a directory that fills a page of the listing to
// the last name, one that is one short and one that is one over are read whole.
func TestListingsOfExactlyOnePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	const page = 1000 // names, of the local workspace
	for _, names := range []int{page - 1, page, page + 1} {
		w.write(uint64(names), 5)
		w.must("cdc")
		// The cache's directory takes files that are none of it.
		w.removeCache()
		dir := filepath.Join(w.root(), "loads")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range names - 1 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.note", i)), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		w.exec(`INSERT INTO item SELECT min(id) - 1, 0, 'page', '' FROM item`)
		w.must("cdc") // writes the one name that is missing
		if n := len(w.files("loads")); n != names {
			t.Fatalf("%d names, want %d", n, names)
		}
		statements := len(w.server.Statements())
		w.must("load")
		if n := len(w.server.Statements()); n != statements {
			t.Errorf("%d names: the cache, the newest of them, was not found", names)
		}
	}
	w.removeCache()
	w.same()
}

// TestWhatIsNotTheTablesFaultQuarantinesNothing: a limit, a timeout, or a refusal that is not about the table's statement ends
// the run, and quarantines no table.
func TestWhatIsNotTheTablesFaultQuarantinesNothing(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	sound := func(what string) {
		t.Helper()
		w.on(nil)
		w.refusal.Store(nil)
		w.must("status", "--exit-code")
		w.must("cdc")
		w.compare("item", "event")
		if t.Failed() {
			t.Fatal(what)
		}
	}
	w.byHand("DELETE FROM $ WHERE `_entry` = 5")
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/fs/directories/") && strings.Contains(r.URL.Path, "/segments/") {
				return &lakehouse.Fault{Kind: lakehouse.Reject, Status: status}
			}
			return nil
		})
		if r := w.want(11, "load", "--repair", "--tables", "item"); strings.Contains(r.stderr, "quarantined") {
			t.Errorf("%s\nwant no word of a quarantine", r)
		}
	}
	w.on(nil)
	w.must("load", "--repair", "--tables", "item")
	sound("a directory that may not be listed")

	for _, c := range []struct{ begins, state, class string }{
		{"COPY INTO", "57KD0", "QUERY_EXECUTION_TIMEOUT_EXCEEDED"}, {"COPY INTO", "HY008", "OPERATION_CANCELED"},
		{"SELECT", "57KD0", "QUERY_EXECUTION_TIMEOUT_EXCEEDED"},
	} {
		w.behind()
		w.refusing(-1, c.begins, "item", lakehouse.Refusal{SQLState: c.state, Class: c.class, Message: "It took too long."})
		if r := w.want(11, "cdc"); !strings.Contains(r.stderr, c.class) || strings.Contains(r.stderr, "quarantined") {
			t.Errorf("%s\nwant %s, and no word of a quarantine", r, c.class)
		}
		sound(c.begins + " " + c.class)
	}
}
