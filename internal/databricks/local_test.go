//go:build cgo

package databricks_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// openLocal starts the local workspace and signs in to it.
func openLocal(t *testing.T, o lakehouse.Options,
	change func(*databricks.Config, *lakehouse.Server)) (*lakehouse.Server, *databricks.Workspace) {
	t.Helper()
	isolate(t)
	o.Catalogs = []string{"main"}
	server := lakehousetest.Open(t, o)
	c := databricks.Config{
		Host: server.URL(), Token: server.Token(), Catalog: "main", Schema: "bronze", Volume: "ingest", Pipeline: "p",
		RetryPause: time.Millisecond, RequestsPerSecond: 1000,
	}
	if change != nil {
		change(&c, server)
	}
	w, err := databricks.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, w
}

// There are more tables than one page of the listing holds.
func TestTableProperties(t *testing.T) {
	_, w := openLocal(t, lakehouse.Options{}, nil)
	if got, err := w.Tables().Properties(t.Context(), "main", "bronze"); err != nil || len(got) != 0 {
		t.Errorf("a schema without tables: %v, %v", got, err)
	}
	for i := range 60 {
		statement := fmt.Sprintf("CREATE TABLE main.bronze.`Table-%d` (id BIGINT) TBLPROPERTIES ('n' = '%d')", i, i)
		if err := w.Warehouse().Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.Tables().Properties(t.Context(), "main", "bronze")
	if err != nil || len(got) != 60 {
		t.Fatalf("%d tables, %v", len(got), err)
	}
	for i := range 60 {
		if n := got[fmt.Sprintf("table-%d", i)]["n"]; n != fmt.Sprint(i) {
			t.Errorf("table %d has the property %q", i, n)
		}
	}
	if _, err := w.Tables().Properties(t.Context(), "main", "silver"); !databricks.NotFound(err) {
		t.Errorf("a schema that is not there: %v", err)
	}
}

// orderFile is a Parquet file of ids and notes.
func orderFile(t *testing.T, ids []int64, notes []string) []byte {
	t.Helper()
	record := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "a note", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil))
	defer record.Release()
	record.Field(0).(*array.Int64Builder).AppendValues(ids, nil)
	record.Field(1).(*array.StringBuilder).AppendValues(notes, nil)
	batch := record.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(batch.Schema(), &out, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var noteColumns = []databricks.TargetColumn{
	{Name: "id", Type: schema.Type{Kind: schema.Int64}},
	{Name: "a note", Type: schema.Type{Kind: schema.String}, Comment: "it's free text"},
}

func exprsOf(cols []databricks.TargetColumn) []string {
	exprs := make([]string, len(cols))
	for i, c := range cols {
		exprs[i] = databricks.CastExpr(c.Name, c.Type)
	}
	return exprs
}

func rowsOf(t *testing.T, w *databricks.Workspace, table databricks.Table) [][]any {
	t.Helper()
	got, err := w.Warehouse().Query(t.Context(), "SELECT * FROM "+table.String()+" ORDER BY `id`")
	if err != nil {
		t.Fatal(err)
	}
	return got.Rows
}

// TestALoadOnTheLocalWorkspace runs every statement of the builder, in the
// order of a pipeline.
func TestALoadOnTheLocalWorkspace(t *testing.T) {
	server, w := openLocal(t, lakehouse.Options{}, nil)
	table, h, files := w.Table("orders"), w.Warehouse(), w.Files()
	for name, data := range map[string][]byte{
		"segments/r1/orders/1.parquet": orderFile(t, []int64{1, 2}, []string{"one", "it's two"}),
		"segments/r2/orders/1.parquet": orderFile(t, []int64{3}, []string{"three"}),
		"segments/r2/orders/2.parquet": orderFile(t, []int64{4}, []string{"four"}),
	} {
		if err := files.Upload(t.Context(), name, bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	if server.Wakeups() != 0 {
		t.Errorf("the warehouse was woken %d times before the first statement", server.Wakeups())
	}
	if _, err := w.Tables().Info(t.Context(), table); !databricks.NotFound(err) {
		t.Errorf("a table that is not there: %v", err)
	}
	o := databricks.TableOptions{
		Comment: "public.orders: it's all", ClusterBy: []string{"id"}, Properties: map[string]string{"ingest.ledger": `b\7'`},
	}
	exec := func(statement string) {
		t.Helper()
		if err := h.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(databricks.CreateSnapshotTable(table, noteColumns, exprsOf(noteColumns), files.Path("segments/r1/orders"), noteColumns, o))
	want := [][]any{{int64(1), "one"}, {int64(2), "it's two"}}
	if diff := cmp.Diff(want, rowsOf(t, w, table)); diff != "" {
		t.Errorf("after the snapshot (-want +got):\n%s", diff)
	}
	info, err := w.Tables().Info(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]databricks.Column{{Name: "id", Type: "BIGINT"}, {Name: "a note", Type: "STRING"}}, info.Columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if info.Properties["ingest.ledger"] != `b\7'` || info.Properties["delta.columnMapping.mode"] != "name" {
		t.Errorf("properties %v", info.Properties)
	}

	changes := []string{"segments/r2/orders/1.parquet", "segments/r2/orders/2.parquet"}
	load := databricks.CopyInto(table, noteColumns, exprsOf(noteColumns), files.Root(), changes)
	for i, inserted := range []int64{2, 0} {
		got, err := h.Copy(t.Context(), load)
		if got.Inserted != inserted || err != nil {
			t.Errorf("COPY INTO, time %d: %+v, %v; want %d rows", i+1, got, err, inserted)
		}
	}
	want = append(want, []any{int64(3), "three"}, []any{int64(4), "four"})
	if diff := cmp.Diff(want, rowsOf(t, w, table)); diff != "" {
		t.Errorf("after the changes (-want +got):\n%s", diff)
	}

	added := []databricks.TargetColumn{{Name: "at", Type: schema.Type{Kind: schema.Timestamp}, Comment: "when"}}
	exec(databricks.SetProperties(table, databricks.RequiredProperties(added)))
	exec(databricks.AddColumns(table, added))
	properties, err := h.Query(t.Context(), databricks.ShowProperties(table))
	if err != nil || properties.Column("key") < 0 || properties.Column("value") < 0 {
		t.Errorf("SHOW TBLPROPERTIES: %+v, %v", properties, err)
	}
	described, err := h.Query(t.Context(), databricks.DescribeColumns(table))
	if err != nil {
		t.Fatal(err)
	}
	name, ok, err := described.Text(2, "col_name")
	if name != "at" || !ok || err != nil {
		t.Errorf("the third column is %q, %t, %v", name, ok, err)
	}
	exec(databricks.DropTable(table))
	exec(databricks.DropTable(table))
	exec(databricks.CreateEmptyTable(table, noteColumns, o))
	if got := rowsOf(t, w, table); len(got) != 0 {
		t.Errorf("an empty table holds %v", got)
	}
	o.IfNotExists = true
	exec(databricks.CreateEmptyTable(table, noteColumns, o))
	if n := len(server.Statements()); n != h.Statements() {
		t.Errorf("the warehouse saw %d statements, %d were counted", n, h.Statements())
	}
	if server.Wakeups() != 1 {
		t.Errorf("the warehouse was woken %d times", server.Wakeups())
	}
}

func TestLocalErrorsAreClassified(t *testing.T) {
	_, w := openLocal(t, lakehouse.Options{}, nil)
	h, table := w.Warehouse(), w.Table("orders")
	err := h.Exec(t.Context(), "SELECT * FROM "+table.String())
	if !databricks.NotFound(err) || !databricks.Permanent(err) {
		t.Errorf("a missing table: %v", err)
	}
	if err := h.Exec(t.Context(), databricks.CreateEmptyTable(table, noteColumns, databricks.TableOptions{})); err != nil {
		t.Fatal(err)
	}
	_, err = h.Copy(t.Context(), databricks.CopyInto(table, noteColumns, exprsOf(noteColumns), w.Files().Root(), []string{"no/such.parquet"}))
	var s *databricks.StatementError
	if !errors.As(err, &s) || s.Outcome != databricks.Failed || databricks.OutcomeUnknown(err) || failure.KindOf(err) != failure.Destination {
		t.Errorf("COPY INTO of a missing file: %v", err)
	}
}

func TestLocalFilesAndSecondSignIn(t *testing.T) {
	server, w := openLocal(t, lakehouse.Options{}, func(c *databricks.Config, s *lakehouse.Server) {
		c.Token, c.ClientID, c.ClientSecret = "", s.ClientID(), s.ClientSecret()
	})
	if w.AuthMethod() != "oauth-m2m" || w.User() == "" {
		t.Errorf("method %q, user %q", w.AuthMethod(), w.User())
	}
	files := w.Files()
	if err := files.Create(t.Context(), "ledger/00000000000000000001.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := files.Create(t.Context(), "ledger/00000000000000000001.json", []byte("[]")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second create: %v", err)
	}
	if data, err := files.Read(t.Context(), "ledger/00000000000000000001.json"); string(data) != "{}" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if err := files.Upload(t.Context(), "segments/ä b%/x.parquet", strings.NewReader("12345"), 5); err != nil {
		t.Fatal(err)
	}
	all, err := files.ListAll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	if want := []string{"ledger/00000000000000000001.json", "segments/ä b%/x.parquet"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if err := files.DeleteDir(t.Context(), "segments"); err != nil {
		t.Fatal(err)
	}
	if left, err := files.List(t.Context(), ""); len(left) != 1 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
	if err := w.Warehouse().Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	server.ExpireTokens()
	if _, err := files.Stat(t.Context(), "ledger/00000000000000000001.json"); err == nil ||
		!strings.Contains(err.Error(), "sign-in is no longer accepted") {
		t.Errorf("with a revoked token: %v", err)
	}
}

func TestLocalWrongClientSecret(t *testing.T) {
	server, _ := openLocal(t, lakehouse.Options{}, nil)
	openError(t, databricks.Config{
		Host: server.URL(), ClientID: server.ClientID(), ClientSecret: "another-secret",
		Catalog: "main", Schema: "bronze", Volume: "ingest", Pipeline: "p",
	}, failure.Destination, "the credentials (oauth-m2m) were refused", "client id and secret")
}
