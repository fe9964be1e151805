//go:build cgo

package warehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	dbsql "github.com/databricks/databricks-sql-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/store"
)

func TestPagesAndNulls(t *testing.T) {
	b := open(t, Options{})
	db := b.connect(dbsql.WithMaxRows(7))
	rows, err := db.Query("SELECT id, CASE WHEN id % 3 = 0 THEN NULL ELSE CAST(id AS STRING) END, id % 2 = 0 FROM range(100) ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id int64
		var s *string
		var even bool
		if err := rows.Scan(&id, &s, &even); err != nil {
			t.Fatal(err)
		}
		if id != int64(n) || (s == nil) != (n%3 == 0) || s != nil && *s != fmt.Sprint(n) || even != (n%2 == 0) {
			t.Fatalf("row %d is %d, %v, %v", n, id, s, even)
		}
	}
	if rows.Err() != nil || n != 100 {
		t.Fatalf("%d rows, %v", n, rows.Err())
	}
}

func TestParametersAndSession(t *testing.T) {
	var seen []string
	var mu sync.Mutex
	b := open(t, Options{
		Catalogs: []string{"main", "other"}, OnStatement: func(sql string) { mu.Lock(); seen = append(seen, sql); mu.Unlock() },
	})
	b.exec("CREATE SCHEMA other.s")
	db := b.connect(dbsql.WithInitialNamespace("other", "s"),
		dbsql.WithSessionParams(map[string]string{"timezone": "UTC", "ansi_mode": "true", "query_tags": "a:b"}))
	var where string
	if err := db.QueryRow("SELECT concat(current_catalog(), '.', current_schema())").Scan(&where); err != nil || where != "other.s" {
		t.Errorf("%q, %v", where, err)
	}
	if diff := cmp.Diff([]string{"1|x'y|NULL|2.50"},
		b.rows("SELECT :a, :b, :c, CAST(:d AS DECIMAL(5,2))", dbsql.Parameter{Name: "a", Value: 1}, dbsql.Parameter{Name: "b", Value: "x'y"},
			dbsql.Parameter{Name: "c", Value: nil}, dbsql.Parameter{Name: "d", Value: "2.5"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"7|z"}, b.rows("SELECT ?, ?", 7, "z")); diff != "" {
		t.Error(diff)
	}
	bad := b.connect(dbsql.WithInitialNamespace("nowhere", "s"))
	if err := bad.Ping(); err == nil {
		t.Error("a session in a catalog that is not there opened")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) < 3 || seen[0] != "CREATE SCHEMA other.s" {
		t.Errorf("statements seen: %q", seen)
	}
}

// slow is a query that runs until it is cancelled.
const slow = "SELECT count(*) FROM range(10000000) a JOIN range(10000000) b ON a.id % 7 < b.id % 5"

func TestCancel(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE TABLE default.t (n BIGINT)")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := b.db.ExecContext(ctx, "INSERT INTO default.t "+slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	b.exec("INSERT INTO default.t VALUES (1)") // the cancelled one holds nothing
	b.want("SELECT n FROM default.t", "1")
}

func TestLateCommit(t *testing.T) {
	for _, late := range []bool{false, true} {
		b := open(t, Options{Switches: Switches{LateCommit: late}})
		b.exec("CREATE TABLE default.t (n BIGINT)")
		writer := b.hold() // the statement waits for another writer
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := b.db.ExecContext(ctx, "INSERT INTO default.t VALUES (1)")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		b.waitAbandoned()
		writer.Rollback()
		b.exec("INSERT INTO default.t VALUES (2)")
		want := []string{"2"}
		if late {
			want = []string{"1", "2"}
		}
		b.eventually("SELECT n FROM default.t ORDER BY n", want)
	}
}

// waitAbandoned waits until the warehouse has noticed that the client left.
func (b *bench) waitAbandoned() {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		b.w.mu.Lock()
		n := len(b.w.operations)
		b.w.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("the operation is still there")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (b *bench) eventually(sql string, want []string) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		got := b.rows(sql)
		if cmp.Equal(want, got) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: got %v, want %v", sql, got, want)
		}
	}
}

// TestPolling lets the client poll, once for a result and once until it gives up.
func TestPolling(t *testing.T) {
	b := open(t, Options{})
	b.w.hold = time.Millisecond // before the first request
	b.exec("CREATE TABLE default.t (n BIGINT)")
	writer := b.hold() // both statements wait for another writer
	done := make(chan error, 1)
	go func() {
		_, err := b.db.Exec("INSERT INTO default.t VALUES (1)")
		done <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, err := b.db.ExecContext(ctx, "INSERT INTO default.t VALUES (2)"); err == nil {
		t.Error("a statement that cannot run came to an end")
	}
	writer.Rollback()
	if err := <-done; err != nil {
		t.Error(cause(err))
	}
	b.eventually("SELECT n FROM default.t", []string{"1"})
	_, _, err := b.query("SELECT 1 / 0")
	if err == nil || !strings.Contains(err.Error(), "[DIVIDE_BY_ZERO]") {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentWriters(t *testing.T) {
	b := open(t, Options{})
	b.exec("CREATE TABLE default.t (n BIGINT)")
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				if _, err := b.db.Exec(fmt.Sprintf("INSERT INTO default.t VALUES (%d)", i*10+j)); err != nil {
					errs <- err
				}
				if _, err := b.db.Exec(fmt.Sprintf("CREATE OR REPLACE TABLE default.u%d AS SELECT count(*) AS c FROM default.t", i%2)); err != nil {
					errs <- err
				}
				if _, _, err := b.query("SELECT sum(c) FROM default.u0, default.t"); err != nil &&
					!strings.Contains(err.Error(), "TABLE_OR_VIEW_NOT_FOUND") {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	b.want("SELECT count(*), count(DISTINCT n) FROM default.t", "40|40")
}

// TestKilled opens a catalog again after the process that wrote to it was killed.
func TestKilled(t *testing.T) {
	dir, volumes := t.TempDir(), t.TempDir()
	if os.Getenv("WAREHOUSE_KILL_DIR") != "" {
		b := open(t, Options{Dir: os.Getenv("WAREHOUSE_KILL_DIR")})
		b.exec("CREATE SCHEMA s")
		b.exec("CREATE TABLE s.t (a INT) TBLPROPERTIES ('k' = 'v')")
		b.exec("INSERT INTO s.t VALUES (1), (2)")
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Kill()
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "WAREHOUSE_KILL_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Contains(string(out), "FAIL") {
		t.Fatalf("the process was not killed: %v\n%s", err, out)
	}
	b := open(t, Options{Dir: dir, VolumesDir: volumes})
	b.want("SELECT a FROM s.t ORDER BY a", "1", "2")
	b.want("SHOW TBLPROPERTIES s.t", "k|v")
	b.exec("INSERT INTO s.t VALUES (3)")
	b.want("SELECT count(*) FROM s.t VERSION AS OF 1", "2")
}

func TestForeignRequests(t *testing.T) {
	b := open(t, Options{})
	for _, body := range [][]byte{nil, []byte("hello"), bytes.Repeat([]byte{0x80, 1, 0, 1}, 9)} {
		res, err := http.Post(b.server.URL, "application/x-thrift", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: status %d", body, res.StatusCode)
		}
	}
	res, err := http.Get(b.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", res.StatusCode)
	}
}

func TestAPI(t *testing.T) {
	b := open(t, Options{Catalogs: []string{"Main", "b"}})
	ctx := t.Context()
	if diff := cmp.Diff([]string{"b", "main"}, b.w.Catalogs()); diff != "" {
		t.Error(diff)
	}
	if err := b.w.CreateSchema(ctx, "main", "S1"); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := b.w.CreateSchema(ctx, "main", "s1"); !errors.As(err, &e) || e.Class != "SCHEMA_ALREADY_EXISTS" {
		t.Error(err)
	}
	b.exec("CREATE TABLE s1.t (a INT)")
	tables, err := b.w.Tables(ctx, "main", "s1")
	if err != nil || len(tables) != 1 || tables[0].Name != "t" || tables[0].Created.IsZero() {
		t.Errorf("%+v, %v", tables, err)
	}
	if err := b.w.DropSchema(ctx, "main", "s1", false); !errors.As(err, &e) || e.Class != "SCHEMA_NOT_EMPTY" {
		t.Error(err)
	}
	if err := b.w.DropTable(ctx, "main", "s1", "t"); err != nil {
		t.Error(err)
	}
	if _, err := b.w.Table(ctx, "main", "s1", "t"); !errors.As(err, &e) || e.Class != "TABLE_OR_VIEW_NOT_FOUND" {
		t.Error(err)
	}
	if err := b.w.DropSchema(ctx, "main", "s1", true); err != nil {
		t.Error(err)
	}
	schemas, err := b.w.Schemas(ctx, "main")
	if diff := cmp.Diff([]string{"default"}, schemas); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := b.w.Tables(ctx, "x", "y"); !errors.As(err, &e) || e.Class != "NO_SUCH_CATALOG_EXCEPTION" {
		t.Error(err)
	}
}

// hold is another writer of the catalog, which statements wait for.
func (b *bench) hold() *store.Txn {
	b.t.Helper()
	c, err := b.w.store.Catalog("main")
	if err != nil {
		b.t.Fatal(err)
	}
	t, err := b.w.store.Begin(context.Background(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}
