//go:build cgo

package lakehouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/sql"
	"github.com/google/go-cmp/cmp"
)

func TestStatementResults(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	run := func(r sql.ExecuteStatementRequest) *sql.StatementResponse {
		t.Helper()
		r.WarehouseId = s.WarehouseID()
		got, err := w.StatementExecution.ExecuteStatement(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := run(sql.ExecuteStatementRequest{
		Statement: "SELECT 1 AS i, CAST('1.50' AS DECIMAL(5,2)) AS d, 'x' AS s, TIMESTAMP '2026-01-02 03:04:05.5' AS t, DATE '2026-01-02' AS day, " +
			"true AS b, CAST(NULL AS INT) AS n, X'0aff' AS raw, array(1, 2) AS a, :who AS who, :number + 1 AS number",
		Parameters: []sql.StatementParameterListItem{{Name: "who", Value: "me"}, {Name: "number", Value: "41", Type: "INT"}},
	})
	if got.Status.State != sql.StatementStateSucceeded {
		t.Fatalf("%+v", got.Status.Error)
	}
	want := [][]string{{"1", "1.50", "x", "2026-01-02T03:04:05.500Z", "2026-01-02", "true", "", "Cv8=", "[1,2]", "me", "42"}}
	if diff := cmp.Diff(want, got.Result.DataArray); diff != "" {
		t.Error(diff)
	}
	var types []string
	for _, c := range got.Manifest.Schema.Columns {
		types = append(types, fmt.Sprintf("%s %s %d,%d", c.TypeName, c.TypeText, c.TypePrecision, c.TypeScale))
	}
	if want := "INT INT 0,0|DECIMAL DECIMAL(5,2) 5,2|STRING STRING 0,0|TIMESTAMP TIMESTAMP 0,0"; !strings.HasPrefix(
		strings.Join(types, "|"), want) {
		t.Errorf("columns %v", types)
	}

	got = run(sql.ExecuteStatementRequest{Statement: "CREATE SCHEMA dev.made"})
	if got.Status.State != sql.StatementStateSucceeded || got.Manifest.TotalRowCount != 0 {
		t.Errorf("DDL: %+v", got)
	}
	got = run(sql.ExecuteStatementRequest{Statement: "CREATE TABLE here (i INT)", Catalog: "dev", Schema: "made"})
	if got.Status.State != sql.StatementStateSucceeded {
		t.Errorf("in a schema: %+v", got.Status.Error)
	}
	got = run(sql.ExecuteStatementRequest{Statement: "SELECT * FROM dev.made.none"})
	if got.Status.State != sql.StatementStateFailed || got.Status.SqlState != "42P01" ||
		got.Status.Error.ErrorCode != sql.ServiceErrorCodeBadRequest ||
		!strings.HasPrefix(got.Status.Error.Message, "[TABLE_OR_VIEW_NOT_FOUND]") {
		t.Errorf("a missing table: %+v", got.Status)
	}
	if got, err := w.StatementExecution.GetStatementByStatementId(ctx, got.StatementId); err != nil ||
		got.Status.State != sql.StatementStateFailed {
		t.Errorf("asked again: %+v, %v", got, err)
	}
	if texts := s.Statements(); len(texts) != 4 {
		t.Errorf("the log has %d statements, want 4", len(texts))
	}
}

// TestStatementLimits reads a result in several answers, and one that is cut off.
func TestStatementLimits(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	const query = "SELECT id, repeat('x', 1000) AS text FROM range(12000) ORDER BY id"
	got, err := w.StatementExecution.ExecuteAndWait(ctx, sql.ExecuteStatementRequest{Statement: query, WarehouseId: s.WarehouseID()})
	if err != nil {
		t.Fatal(err)
	}
	if got.Manifest.TotalChunkCount < 2 || got.Manifest.TotalRowCount != 12000 || got.Manifest.Truncated {
		t.Fatalf("manifest %+v", got.Manifest)
	}
	rows := got.Result.DataArray
	for next := got.Result.NextChunkIndex; next > 0; {
		chunk, err := w.StatementExecution.GetStatementResultChunkNByStatementIdAndChunkIndex(ctx, got.StatementId, next)
		if err != nil {
			t.Fatal(err)
		}
		if chunk.RowOffset != int64(len(rows)) {
			t.Errorf("chunk %d begins at %d, want %d", next, chunk.RowOffset, len(rows))
		}
		rows = append(rows, chunk.DataArray...)
		next = chunk.NextChunkIndex
	}
	if len(rows) != 12000 || rows[11999][0] != "11999" {
		t.Errorf("%d rows", len(rows))
	}
	if _, err := w.StatementExecution.GetStatementResultChunkNByStatementIdAndChunkIndex(ctx, got.StatementId, 99); err == nil {
		t.Error("a chunk that is not there was answered")
	}
	for name, r := range map[string]sql.ExecuteStatementRequest{"rows": {RowLimit: 3}, "bytes": {ByteLimit: 3100}} {
		r.Statement, r.WarehouseId = query, s.WarehouseID()
		got, err := w.StatementExecution.ExecuteStatement(ctx, r)
		if err != nil || len(got.Result.DataArray) != 3 || !got.Manifest.Truncated || got.Manifest.TotalRowCount != 3 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err = w.StatementExecution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{
		Statement: "SELECT repeat('x', 1000000) FROM range(30)", WarehouseId: s.WarehouseID(),
	})
	if err != nil || got.Status.State != sql.StatementStateFailed || !strings.Contains(got.Status.Error.Message, "26214400") {
		t.Errorf("more than 25 MiB: %+v, %v", got, err)
	}
}

// endless takes longer than any test.
const endless = "SELECT count(*) FROM range(100000000000) a WHERE sqrt(id) = 0.5"

func TestStatementsInTheBackground(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	got, err := w.StatementExecution.ExecuteStatement(ctx,
		sql.ExecuteStatementRequest{Statement: endless, WarehouseId: s.WarehouseID(), WaitTimeout: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status.State != sql.StatementStatePending && got.Status.State != sql.StatementStateRunning {
		t.Errorf("state %s", got.Status.State)
	}
	if err := w.StatementExecution.CancelExecution(ctx, sql.CancelExecutionRequest{StatementId: got.StatementId}); err != nil {
		t.Fatal(err)
	}
	got, err = w.StatementExecution.GetStatementByStatementId(ctx, got.StatementId)
	if err != nil || got.Status.State != sql.StatementStateCanceled {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	began := time.Now()
	got, err = w.StatementExecution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{
		Statement: endless, WarehouseId: s.WarehouseID(), WaitTimeout: "5s", OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel,
	})
	if err != nil || got.Status.State != sql.StatementStateCanceled || time.Since(began) < 5*time.Second {
		t.Errorf("after the wait: %+v, %v", got, err)
	}
	// One that runs when the workspace closes is ended: TestMain looks for it.
	request := sql.ExecuteStatementRequest{Statement: endless, WarehouseId: s.WarehouseID(), WaitTimeout: "0s"}
	if _, err := w.StatementExecution.ExecuteStatement(ctx, request); err != nil {
		t.Error(err)
	}
}

func TestStatementRefusals(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	for name, r := range map[string]sql.ExecuteStatementRequest{
		"wait":           {Statement: "SELECT 1", WaitTimeout: "3s"},
		"no statement":   {},
		"links":          {Statement: "SELECT 1", Disposition: sql.DispositionExternalLinks},
		"format":         {Statement: "SELECT 1", Format: sql.FormatArrowStream},
		"limit":          {Statement: "SELECT 1", RowLimit: -1},
		"cancel at once": {Statement: "SELECT 1", WaitTimeout: "0s", OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel},
	} {
		r.WarehouseId = s.WarehouseID()
		_, err := w.StatementExecution.ExecuteStatement(ctx, r)
		wantRefusal(t, name, err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	}
	_, err := w.StatementExecution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT 1", WarehouseId: "other"})
	wantRefusal(t, "warehouse", err, apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
	_, err = w.StatementExecution.GetStatementByStatementId(ctx, "none")
	wantRefusal(t, "statement", err, apierr.ErrNotFound, "NOT_FOUND")
	if s.Wakeups() != 0 {
		t.Error("a refused statement woke the warehouse")
	}
	response, text := request(t, s, "POST", "/api/2.0/sql/statements/", nil,
		strings.NewReader(`{"statement": "SELECT 1", "warehouse_id": "`+s.WarehouseID()+`"}`))
	if response.StatusCode != 200 || !strings.Contains(text, `"data_array":[["1"]]`) {
		t.Errorf("with a slash at the end: %d %s", response.StatusCode, text)
	}
}
