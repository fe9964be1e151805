//go:build cgo

package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sqllog "github.com/databricks/databricks-sql-go/logger"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse/warehouse/tcli"
)

// TTypeId of TCLIService.
const (
	typeBoolean = 0
	typeInt     = 3
	typeBigint  = 4
	typeDouble  = 6
	typeString  = 7
	typeTime    = 8
	typeBinary  = 9
	typeDecimal = 15
	typeDate    = 17
)

func TestSessionIsOpenedOnceAndAsAgreed(t *testing.T) {
	s, h := openSQL(t, nil, answerNothing)
	if len(s.calls) != 0 || h.Used() {
		t.Errorf("before the first statement: %q", s.calls)
	}
	for range 3 {
		if err := h.Exec(ctx, "OPTIMIZE `main`.`bronze`.`t`"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.called("OpenSession"); n != 1 || h.Statements() != 3 || !h.Used() {
		t.Fatalf("%d sessions, %d statements", n, h.Statements())
	}
	open := s.opened[0]
	if open.Catalog != "main" || open.Schema != "bronze" {
		t.Errorf("current namespace %s.%s", open.Catalog, open.Schema)
	}
	want := map[string]string{"timezone": "UTC", "ansi_mode": "true"}
	tags := open.Configuration["QUERY_TAGS"]
	delete(open.Configuration, "QUERY_TAGS")
	if diff := cmp.Diff(want, open.Configuration); diff != "" {
		t.Errorf("session parameters (-want +got):\n%s", diff)
	}
	for _, tag := range []string{"tool:ingest", "tool_version:1.2.3", "run_id:run-7", "pipeline:p"} {
		if !strings.Contains(tags, tag) {
			t.Errorf("query tags %q without %q", tags, tag)
		}
	}
	if !strings.Contains(s.agents[0], "ingest/1.2.3") {
		t.Errorf("user agent %q", s.agents[0])
	}
}

func TestAStatementHasTagsOfItsOwn(t *testing.T) {
	s, h := openSQL(t, nil, answerNothing)
	tagged := databricks.Tag(databricks.Tag(ctx, "entry", "5"), "entry", "6-9")
	for _, c := range []context.Context{tagged, ctx} {
		if err := h.Exec(c, "OPTIMIZE `main`.`bronze`.`t`"); err != nil {
			t.Fatal(err)
		}
	}
	tags := strings.Split(s.tags[0], ",")
	for _, want := range []string{"entry:6-9", "tool:ingest", "tool_version:1.2.3", "run_id:run-7", "pipeline:p"} {
		if !slices.Contains(tags, want) {
			t.Errorf("tags %q without %q", tags, want)
		}
	}
	if s.tags[1] != "" {
		t.Errorf("the next statement has tags of its own: %q", s.tags[1])
	}
}

func TestResultsOfEveryType(t *testing.T) {
	_, h := openSQL(t, nil, func(string) sqlAnswer {
		return sqlAnswer{
			columns: tcli.Metadata{
				{Name: "b", TypeID: typeBoolean}, {Name: "i", TypeID: typeInt}, {Name: "l", TypeID: typeBigint}, {Name: "d", TypeID: typeDouble},
				{Name: "s", TypeID: typeString}, {Name: "t", TypeID: typeTime}, {Name: "x", TypeID: typeBinary},
				{Name: "n", TypeID: typeDecimal, Precision: 20, Scale: 2}, {Name: "day", TypeID: typeDate}, {Name: "none", TypeID: typeString},
			},
			pages: []tcli.Page{{Columns: []tcli.Values{
				{List: []bool{true}}, {List: []int32{-7}}, {List: []int64{1 << 60}}, {List: []float64{1.5}},
				{List: []string{"größe"}}, {List: []string{"2024-02-29 12:30:00.123456"}}, {List: [][]byte{{0, 255}}},
				{List: []string{"12345678901234567.89"}}, {List: []string{"2024-02-29"}}, {List: []string{""}, Nulls: []byte{1}},
			}}},
		}
	})
	got, err := h.Query(ctx, "SELECT …")
	if err != nil {
		t.Fatal(err)
	}
	want := &databricks.Result{
		Columns: []databricks.Column{
			{Name: "b", Type: "BOOLEAN"}, {Name: "i", Type: "INT"}, {Name: "l", Type: "BIGINT"}, {Name: "d", Type: "DOUBLE"},
			{Name: "s", Type: "STRING"},
			{Name: "t", Type: "TIMESTAMP"}, {Name: "x", Type: "BINARY"}, {Name: "n", Type: "DECIMAL"}, {Name: "day", Type: "DATE"},
			{Name: "none", Type: "STRING"},
		},
		Rows: [][]any{{
			true, int64(-7), int64(1 << 60), 1.5, "größe", time.Date(2024, 2, 29, 12, 30, 0, 123456000, time.UTC), []byte{0, 255},
			"12345678901234567.89", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), nil,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n, err := got.Int(0, "L"); n != 1<<60 || err != nil {
		t.Errorf("Int: %d, %v", n, err)
	}
	if _, ok, err := got.Text(0, "none"); ok || err != nil {
		t.Errorf("Text of a NULL: ok %t, %v", ok, err)
	}
	for _, bad := range []func() error{
		func() error { _, err := got.Int(0, "s"); return err },
		func() error { _, err := got.Int(1, "l"); return err },
		func() error { _, err := got.Int(0, "absent"); return err },
	} {
		if bad() == nil {
			t.Error("no error")
		}
	}
}

func TestRowsAreStreamedOverPages(t *testing.T) {
	s, h := openSQL(t, nil, func(string) sqlAnswer {
		a := sqlAnswer{columns: tcli.Metadata{{Name: "n", TypeID: typeBigint}}}
		for page := range int64(5) {
			a.pages = append(a.pages, tcli.Page{Columns: []tcli.Values{{List: []int64{2 * page, 2*page + 1}}}})
		}
		return a
	})
	rows, err := h.Rows(ctx, "SELECT n FROM t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if n := s.called("FetchResults"); n != 0 {
		t.Errorf("%d pages were fetched before they were asked for", n)
	}
	for want := range int64(10) {
		if !rows.Next() || rows.Values()[0] != want {
			t.Fatalf("row %d: %v, %v", want, rows.Values(), rows.Err())
		}
	}
	if rows.Next() || rows.Err() != nil {
		t.Errorf("after the last row: %v", rows.Err())
	}
	rows.Close()
	if err := h.Exec(ctx, "SELECT 1"); err != nil || s.called("OpenSession") != 1 {
		t.Errorf("the session was not given back: %v", err)
	}
}

func TestFailedStatement(t *testing.T) {
	var log bytes.Buffer
	sqllog.SetLogOutput(&log)
	_, h := openSQL(t, nil, func(string) sqlAnswer {
		return sqlAnswer{failed: &tcli.OperationStatus{
			State: tcli.Failed, SQLState: "42P01",
			Message: "[TABLE_OR_VIEW_NOT_FOUND] The table or view `t` cannot be found.",
		}}
	})
	for name, run := range map[string]func() error{
		"Exec":  func() error { return h.Exec(ctx, "DELETE FROM t WHERE secret_text") },
		"Query": func() error { _, err := h.Query(ctx, "SELECT secret_text FROM t"); return err },
	} {
		err := run()
		var s *databricks.StatementError
		if !errors.As(err, &s) {
			t.Fatalf("%s: %v", name, err)
		}
		if s.Class != "TABLE_OR_VIEW_NOT_FOUND" || s.SQLState != "42P01" || s.Outcome != databricks.Failed ||
			s.QueryID == "" || !databricks.NotFound(err) {
			t.Errorf("%s: %+v", name, s)
		}
		if s.Message != "The table or view `t` cannot be found." {
			t.Errorf("%s: message %q", name, s.Message)
		}
	}
	if log.Len() > 0 {
		t.Errorf("the driver logged %s", log.String())
	}
}

// TestLostAnswerToAStatement: the statement was accepted, but its answer was
// lost. The statement must not be sent again, and must not look like a failure.
func TestLostAnswerToAStatement(t *testing.T) {
	for name, lose := range map[string]func(rw http.ResponseWriter){
		"connection": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"500":        func(rw http.ResponseWriter) { rw.WriteHeader(500) },
	} {
		t.Run(name, func(t *testing.T) {
			s, h := openSQL(t, nil, answerNothing)
			s.breakWith(func(rw http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
				if call.Method != "ExecuteStatement" {
					return false
				}
				s.mu.Lock()
				s.ran = append(s.ran, call.Statement)
				s.mu.Unlock()
				lose(rw)
				return true
			})
			err := h.Exec(ctx, "COPY INTO t")
			if !databricks.OutcomeUnknown(err) || databricks.Permanent(err) {
				t.Errorf("%v: want an unknown outcome", err)
			}
			if n := len(s.statements()); n != 1 {
				t.Errorf("the statement was sent %d times", n)
			}
		})
	}
}

// TestSessionLostBeforeAStatement: the warehouse rejected the statement unread.
// So it runs once, on a new session.
func TestSessionLostBeforeAStatement(t *testing.T) {
	for name, run := range map[string]func(h *databricks.Warehouse) error{
		"Exec":  func(h *databricks.Warehouse) error { return h.Exec(ctx, "COPY INTO t") },
		"Query": func(h *databricks.Warehouse) error { _, err := h.Query(ctx, "COPY INTO t"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s, h := openSQL(t, nil, answerNothing)
			if err := h.Exec(ctx, "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			s.forgetSessions()
			if err := run(h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"SELECT 1", "COPY INTO t"}, s.statements()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := s.called("OpenSession"); n != 2 {
				t.Errorf("%d sessions, want 2", n)
			}
		})
	}
}

// TestSessionLostDuringAStatement: database/sql would run the statement again
// on a new connection.
func TestSessionLostDuringAStatement(t *testing.T) {
	s, h := openSQL(t, nil, func(string) sqlAnswer { return sqlAnswer{running: true} })
	s.breakWith(func(rw http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
		if call.Method != "GetOperationStatus" {
			return false
		}
		lostSession(rw)
		return true
	})
	err := h.Exec(ctx, "COPY INTO t")
	if !databricks.OutcomeUnknown(err) {
		t.Errorf("%v: want an unknown outcome", err)
	}
	if n := len(s.statements()); n != 1 {
		t.Errorf("the statement was sent %d times", n)
	}
}

func TestCancelledStatementIsOfUnknownOutcome(t *testing.T) {
	s, h := openSQL(t, nil, func(string) sqlAnswer { return sqlAnswer{running: true} })
	ctx, cancel := context.WithCancel(context.Background())
	s.breakWith(func(_ http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
		if call.Method == "GetOperationStatus" {
			cancel()
		}
		return false
	})
	err := h.Exec(ctx, "CREATE OR REPLACE TABLE t")
	if !errors.Is(err, context.Canceled) || !databricks.OutcomeUnknown(err) {
		t.Errorf("%v: want context.Canceled of unknown outcome", err)
	}
	if n := s.called("CancelOperation"); n != 1 {
		t.Errorf("CancelOperation was sent %d times, want once", n)
	}
}

func TestColdWarehouseIsWaitedFor(t *testing.T) {
	s, h := openSQL(t, nil, answerNothing)
	var asked atomic.Int32
	s.breakWith(func(rw http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
		// More often than the driver itself retries.
		if call.Method != "OpenSession" || asked.Add(1) > 12 {
			return false
		}
		rw.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if err := h.Exec(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.statements()); n != 1 {
		t.Errorf("%d statements, want 1", n)
	}
}

func TestBusyWarehouseIsRetryable(t *testing.T) {
	for status, unknown := range map[int]bool{429: false, 503: true} {
		s, h := openSQL(t, nil, answerNothing)
		s.breakWith(func(rw http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
			if call.Method != "ExecuteStatement" {
				return false
			}
			rw.WriteHeader(status)
			return true
		})
		err := h.Exec(ctx, "SELECT 1")
		if !databricks.Retryable(err) || databricks.OutcomeUnknown(err) != unknown {
			t.Errorf("%d: %v: retryable %t, unknown %t", status, err, databricks.Retryable(err), databricks.OutcomeUnknown(err))
		}
	}
}

func TestExpiredTokenInTheMiddle(t *testing.T) {
	s, h := openSQL(t, nil, answerNothing)
	s.breakWith(func(rw http.ResponseWriter, _ *http.Request, call *tcli.Request, _ func()) bool {
		if call.Method != "ExecuteStatement" {
			return false
		}
		rw.WriteHeader(http.StatusForbidden)
		return true
	})
	err := h.Exec(ctx, "SELECT 1")
	if databricks.OutcomeUnknown(err) || !databricks.Permanent(err) || !strings.Contains(failure.HintOf(err), "sign in again") {
		t.Errorf("%v, hint %q", err, failure.HintOf(err))
	}
}

func TestCopyReadsItsCountsByName(t *testing.T) {
	column := func(name string, n int64) (tcli.ColumnDesc, tcli.Values) {
		return tcli.ColumnDesc{Name: name, TypeID: typeBigint}, tcli.Values{List: []int64{n}}
	}
	var a sqlAnswer
	_, h := openSQL(t, nil, func(string) sqlAnswer { return a })
	for _, order := range [][]string{
		{"num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files"},
		{"num_skipped_corrupt_files", "num_inserted_rows", "num_affected_rows"},
	} {
		values := map[string]int64{"num_affected_rows": 9, "num_inserted_rows": 7, "num_skipped_corrupt_files": 1}
		a = sqlAnswer{pages: []tcli.Page{{}}}
		for _, name := range order {
			c, v := column(name, values[name])
			a.columns = append(a.columns, c)
			a.pages[0].Columns = append(a.pages[0].Columns, v)
		}
		got, err := h.Copy(ctx, "COPY INTO t")
		if want := (databricks.Copied{Inserted: 7, Skipped: 1}); got != want || err != nil {
			t.Errorf("%v: %+v, %v; want %+v", order, got, err, want)
		}
	}
	c, v := column("rows", 7)
	a = sqlAnswer{columns: tcli.Metadata{c}, pages: []tcli.Page{{Columns: []tcli.Values{v}}}}
	if _, err := h.Copy(ctx, "COPY INTO t"); err == nil || !databricks.OutcomeUnknown(err) {
		t.Errorf("an answer without counts: %v, want an error of unknown outcome", err)
	}
}

func TestWarehouseIsFoundByIDNameAndPath(t *testing.T) {
	for _, wanted := range []string{"0123456789abcdef", "Small", "SMALL", warehousePath, strings.TrimPrefix(warehousePath, "/")} {
		_, h := openSQL(t, func(c *databricks.Config) { c.Warehouse = wanted }, answerNothing)
		if err := h.Exec(ctx, "SELECT 1"); err != nil {
			t.Errorf("%q: %v", wanted, err)
		}
	}
	for _, name := range []string{"DATABRICKS_WAREHOUSE_ID", "DATABRICKS_HTTP_PATH"} {
		_, h := openSQL(t, func(c *databricks.Config) {
			c.Warehouse = ""
			t.Setenv(name, map[string]string{"DATABRICKS_WAREHOUSE_ID": "0123456789abcdef", "DATABRICKS_HTTP_PATH": warehousePath}[name])
		}, answerNothing)
		if err := h.Exec(ctx, "SELECT 1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatementsRunSideBySide(t *testing.T) {
	const n = 8
	s, h := openSQL(t, nil, answerNothing)
	done := make(chan error, n)
	for i := range n {
		go func() { done <- h.Exec(ctx, fmt.Sprintf("SELECT %d", i)) }()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := len(s.statements()); got != n || h.Statements() != n {
		t.Errorf("%d statements arrived, %d counted; want %d", got, h.Statements(), n)
	}
}

func TestRequestsGoToTheWorkspaceOnly(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Warehouse = warehousePath
	s := &fakeSQL{sessions: map[string]bool{}, results: map[string]sqlAnswer{}, answer: answerNothing}
	f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.URL.Path != warehousePath {
			return false
		}
		s.ServeHTTP(rw, r)
		return true
	})
	w, err := databricks.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Warehouse().Exec(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, r := range f.sent() {
		if strings.Contains(r, "telemetry") || strings.Contains(r, "feature-flags") {
			t.Errorf("the driver sent %s", r)
		}
	}
}

// TestCloseDoesNotWaitForAWarehouseThatIsGone: the driver would retry closing
// the session for half a minute.
func TestCloseDoesNotWaitForAWarehouseThatIsGone(t *testing.T) {
	for name, fault := range map[string]func(rw http.ResponseWriter){
		"connection": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"503":        func(rw http.ResponseWriter) { rw.WriteHeader(503) },
	} {
		s, h := openSQL(t, nil, answerNothing)
		if err := h.Exec(ctx, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		s.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ *tcli.Request, _ func()) bool {
			fault(rw)
			return true
		})
		h.Close()
		h.Close()
		if n := s.called("CloseSession"); n != 1 {
			t.Errorf("%s: the session's end was sent %d times, want once", name, n)
		}
	}
}
