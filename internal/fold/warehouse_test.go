package fold_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// bed is the warehouse that all tests of the package share.
type bed struct {
	server *lakehouse.Server
	client *databricks.Workspace
}

var lakehouses lakehousetest.Shared

var shared = sync.OnceValues(startBed)

func startBed() (*bed, error) {
	server, err := lakehouses.Open()
	if err != nil {
		return nil, err
	}
	client, err := databrickstest.Prepared(server, databricks.Config{})
	return &bed{server, client}, err
}

// checks is how many logs each random test plays. -rapid.checks overrides it:
// `make torture` asks for more.
const checks = "25"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if b, err := shared(); err == nil {
		b.client.Close()
	}
	_ = lakehouses.Close()
	os.Exit(code)
}

// failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func open(t failer) *bed {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) exec(t failer, statement string) {
	t.Helper()
	if err := b.client.Warehouse().Exec(context.Background(), statement); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

// rows returns a query's answer as text: fields joined by |, NULL as \N.
func (b *bed) rows(t failer, query string) []string {
	t.Helper()
	answer, err := b.client.Warehouse().Query(context.Background(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	var out []string
	for _, row := range answer.Rows {
		fields := make([]string, len(row))
		for i, v := range row {
			fields[i] = `\N`
			if v != nil {
				fields[i] = fmt.Sprint(v)
			}
		}
		out = append(out, strings.Join(fields, "|"))
	}
	return out
}

// targetColumns declares a bronze table's columns.
func targetColumns(columns []schema.Column) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range columns {
		out = append(out, databricks.TargetColumn{Name: c.Name, Type: c.Type})
	}
	for _, m := range schema.MetaColumns {
		out = append(out, databricks.TargetColumn{Name: m.Name, Type: m.Type})
	}
	return out
}
