//go:build cgo && unix

package view

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

// A view is up to date if its definition is unchanged, and so is its query as
// far as the catalog shows it.
func TestViewsThatAreWhatTheyShouldBe(t *testing.T) {
	m := &Maker{Ledger: "uuid", Root: "/v"}
	v := View{Query: "SELECT 1", types: "id INT\n"}
	for name, c := range map[string]struct {
		change func(*databricks.TableInfo)
		want   Change
		theirs bool
	}{
		"the same":                    {func(*databricks.TableInfo) {}, Unchanged, false},
		"of types that are the same":  {func(i *databricks.TableInfo) { i.Properties[PropertyTypes] = digest(v.types) }, Unchanged, false},
		"of other types":              {func(i *databricks.TableInfo) { i.Properties[PropertyTypes] = digest("id BIGINT\n") }, Altered, false},
		"of another query":            {func(i *databricks.TableInfo) { i.Properties[PropertyQuery] = digest("SELECT 2") }, Altered, false},
		"altered by hand":             {func(i *databricks.TableInfo) { i.Query = "SELECT 2" }, Altered, false},
		"of a query that is hidden":   {func(i *databricks.TableInfo) { i.Query = "" }, Unchanged, false},
		"of another ledger":           {func(i *databricks.TableInfo) { i.Properties[bronze.PropertyLedger] = "theirs" }, Altered, true},
		"of hand, without properties": {func(i *databricks.TableInfo) { i.Properties = nil }, Altered, true},
		"a table":                     {func(i *databricks.TableInfo) { i.Kind = "MANAGED" }, taken, true},
	} {
		info := &databricks.TableInfo{Kind: "VIEW", Query: "SELECT 1\n", Properties: m.properties(v, true)}
		c.change(info)
		if got, ours := m.compare(info, v); got != c.want || ours == c.theirs {
			t.Errorf("%s: %s, ours is %t; want %s", name, got, ours, c.want)
		}
	}
	v.Name = databricks.Table{Catalog: "c", Schema: "s", Name: "v"}
	for change, want := range map[Change]string{Created: "CREATE VIEW ", Altered: "ALTER VIEW "} {
		if got := v.Statement(change); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", change, got)
		}
	}
}

// A view is created, or altered if it exists. The properties that record its
// definition are set last. A warehouse without the clause for following types
// creates a view that keeps them.
func TestHowAViewIsMade(t *testing.T) {
	t.Parallel()
	var refuse atomic.Pointer[lakehouse.Refusal] // of statements with the clause
	const clause = "WITH SCHEMA TYPE EVOLUTION"
	server := lakehousetest.Open(t, lakehouse.Options{Refuse: func(sql string) *lakehouse.Refusal {
		if strings.Contains(sql, clause) {
			return refuse.Load()
		}
		return nil
	}})
	client := databrickstest.Open(t, server, databricks.Config{})
	if _, err := client.Place().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec := func(sql string) {
		if err := client.Warehouse().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	views := &Maker{
		Workspace: client, Warehouse: client.Warehouse(), Ledger: "uuid", Root: client.Files().Root(), Log: slog.New(slog.DiscardHandler),
	}
	unknown := lakehouse.Refusal{SQLState: "42601", Class: "PARSE_SYNTAX_ERROR", Message: "no"}
	denied := lakehouse.Refusal{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "no"}
	for what, c := range map[string]struct {
		before string // the view's query; "" for none
		change Change
		clause *lakehouse.Refusal
		types  string
		err    bool
		want   string // the view's query afterwards
	}{
		"created":                      {"", Created, nil, follows, false, "SELECT 2 AS id"},
		"created by another meanwhile": {"SELECT 1 AS id", Created, nil, follows, false, "SELECT 2 AS id"},
		"created to keep its types":    {"", Created, &unknown, digest("types"), false, "SELECT 2 AS id"},
		"not created":                  {"", Created, &denied, "", true, ""},
		"altered":                      {"SELECT 1 AS id", Altered, nil, follows, false, "SELECT 2 AS id"},
		"altered to keep its types":    {"SELECT 1 AS id", Altered, &unknown, digest("types"), false, "SELECT 2 AS id"},
		"not altered to the end":       {"SELECT 1 AS id", Altered, &denied, "", true, "SELECT 2 AS id"},
		"as it should be":              {"SELECT 1 AS id", Unchanged, nil, "", false, "SELECT 1 AS id"},
		"a table's":                    {"SELECT 1 AS id", taken, nil, "", true, "SELECT 1 AS id"},
	} {
		refuse.Store(nil)
		v := View{Name: client.Table("v"), Query: "SELECT 2 AS id", types: "types"}
		exec("DROP VIEW IF EXISTS " + v.Name.String())
		if c.before != "" {
			exec("CREATE VIEW " + v.Name.String() + " AS " + c.before)
		}
		refuse.Store(c.clause)
		before := len(server.Statements())
		if err := views.Make(t.Context(), v, c.change); (err != nil) != c.err {
			t.Errorf("%s: %v", what, err)
		}
		if sent := len(server.Statements()) - before; what == "created" && sent != 1 {
			t.Errorf("%d statements for a view that was not there, want 1", sent)
		}
		info, err := client.Tables().Info(t.Context(), v.Name)
		if c.want == "" && databricks.NotFound(err) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p := info.Properties
		if strings.TrimSpace(info.Query) != c.want || p[PropertyTypes] != c.types || (p[PropertyQuery] != "") != (c.types != "") {
			t.Errorf("%s: %+v, %v", what, info, err)
		}
	}
	if change, ours, err := views.Needs(t.Context(), View{Name: client.Table("none")}); change != Created || ours || err != nil {
		t.Errorf("a view that is not there needs %s, %t, %v", change, ours, err)
	}
}
