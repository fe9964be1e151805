//go:build cgo && unix

package load

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ingest/internal/databricks"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/lakehouse"
)

// A view is up to date if its definition is unchanged, and so is its query as
// far as the catalog shows it.
func TestViewsThatAreWhatTheyShouldBe(t *testing.T) {
	m := &Views{Ledger: "uuid", Root: "/v"}
	v := View{Query: "SELECT 1", types: "id INT\n"}
	for name, c := range map[string]struct {
		change func(*databricks.TableInfo)
		want   ViewChange
		theirs bool
	}{
		"the same":                    {func(*databricks.TableInfo) {}, ViewUnchanged, false},
		"of types that are the same":  {func(i *databricks.TableInfo) { i.Properties[PropertyViewTypes] = digest(v.types) }, ViewUnchanged, false},
		"of other types":              {func(i *databricks.TableInfo) { i.Properties[PropertyViewTypes] = digest("id BIGINT\n") }, ViewAltered, false},
		"of another query":            {func(i *databricks.TableInfo) { i.Properties[PropertyView] = digest("SELECT 2") }, ViewAltered, false},
		"altered by hand":             {func(i *databricks.TableInfo) { i.Query = "SELECT 2" }, ViewAltered, false},
		"of a query that is hidden":   {func(i *databricks.TableInfo) { i.Query = "" }, ViewUnchanged, false},
		"of another ledger":           {func(i *databricks.TableInfo) { i.Properties[PropertyLedger] = "theirs" }, ViewAltered, true},
		"of hand, without properties": {func(i *databricks.TableInfo) { i.Properties = nil }, ViewAltered, true},
		"a table":                     {func(i *databricks.TableInfo) { i.Kind = "MANAGED" }, viewTaken, true},
	} {
		info := &databricks.TableInfo{Kind: "VIEW", Query: "SELECT 1\n", Properties: m.properties(v, true)}
		c.change(info)
		if got, ours := m.compare(info, v); got != c.want || ours == c.theirs {
			t.Errorf("%s: %s, ours is %t; want %s", name, got, ours, c.want)
		}
	}
	v.Name = databricks.Table{Catalog: "c", Schema: "s", Name: "v"}
	for change, want := range map[ViewChange]string{ViewCreated: "CREATE VIEW ", ViewAltered: "ALTER VIEW "} {
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
	b := openBed(t)
	views := b.views("uuid")
	unknown := lakehouse.Refusal{SQLState: "42601", Class: "PARSE_SYNTAX_ERROR", Message: "no"}
	denied := lakehouse.Refusal{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "no"}
	const clause = "WITH SCHEMA TYPE EVOLUTION"
	for what, c := range map[string]struct {
		before string // the view's query; "" for none
		change ViewChange
		clause *lakehouse.Refusal
		types  string
		err    bool
		want   string // the view's query afterwards
	}{
		"created":                      {"", ViewCreated, nil, follows, false, "SELECT 2 AS id"},
		"created by another meanwhile": {"SELECT 1 AS id", ViewCreated, nil, follows, false, "SELECT 2 AS id"},
		"created to keep its types":    {"", ViewCreated, &unknown, digest("types"), false, "SELECT 2 AS id"},
		"not created":                  {"", ViewCreated, &denied, "", true, ""},
		"altered":                      {"SELECT 1 AS id", ViewAltered, nil, follows, false, "SELECT 2 AS id"},
		"altered to keep its types":    {"SELECT 1 AS id", ViewAltered, &unknown, digest("types"), false, "SELECT 2 AS id"},
		"not altered to the end":       {"SELECT 1 AS id", ViewAltered, &denied, "", true, "SELECT 2 AS id"},
		"as it should be":              {"SELECT 1 AS id", ViewUnchanged, nil, "", false, "SELECT 1 AS id"},
		"a table's":                    {"SELECT 1 AS id", viewTaken, nil, "", true, "SELECT 1 AS id"},
	} {
		b.refuse.Store(nil)
		v := View{Name: b.client.Table("v"), Query: "SELECT 2 AS id", types: "types"}
		b.exec(t, "DROP VIEW IF EXISTS "+v.Name.String())
		if c.before != "" {
			b.exec(t, "CREATE VIEW "+v.Name.String()+" AS "+c.before)
		}
		if c.clause != nil {
			b.refusing(clause, *c.clause)
		}
		before := len(b.server.Statements())
		if err := views.Make(t.Context(), v, c.change); (err != nil) != c.err {
			t.Errorf("%s: %v", what, err)
		}
		if sent := len(b.server.Statements()) - before; what == "created" && sent != 1 {
			t.Errorf("%d statements for a view that was not there, want 1", sent)
		}
		info, err := b.client.Tables().Info(t.Context(), v.Name)
		if c.want == "" && databricks.NotFound(err) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p := info.Properties
		if strings.TrimSpace(info.Query) != c.want || p[PropertyViewTypes] != c.types || (p[PropertyView] != "") != (c.types != "") {
			t.Errorf("%s: %+v, %v", what, info, err)
		}
	}
	if change, ours, err := views.Needs(t.Context(), View{Name: b.client.Table("none")}); change != ViewCreated || ours || err != nil {
		t.Errorf("a view that is not there needs %s, %t, %v", change, ours, err)
	}
}

// A load alters the view of a changed table if the pipeline created that view.
// A failure is left to the next load, unless the run has lost its lock or ends.
func TestViewsThatALoadKeeps(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	old := View{Name: b.client.Table("v"), Query: "SELECT 1 AS id"}
	now := View{Name: old.Name, Query: "SELECT 2 AS id"}
	for what, c := range map[string]struct {
		made    *View // the ledger whose run created it; nil if no run did
		change  func(w *table, l *lock, cancel func())
		none    bool // the table has none
		proved  int64
		altered bool
		kept    bool // state in the cache
		err     string
	}{
		"altered":              {made: &old, proved: 1, altered: true},
		"as it should be":      {made: &now},
		"of no run":            {},
		"the table has failed": {made: &old, change: func(w *table, _ *lock, _ func()) { w.result.Err = errors.New("no") }, kept: true},
		"the table has none":   {made: &old, none: true},
		"nothing has changed since": {made: &old, change: func(w *table, _ *lock, _ func()) {
			v := now
			v.types = w.columns.text()
			w.viewed = v.key()
		}, kept: true},
		"it cannot be altered": {made: &old, change: func(_ *table, l *lock, _ func()) { l.errs = func(int64) error { return errPermanent } }, proved: 1, kept: true},
		"the lock is lost": {made: &old, change: func(_ *table, l *lock, _ func()) {
			l.errs = func(int64) error { return failure.New(failure.Conflict, "lost") }
		}, proved: 1, err: "lost"},
		"the run ends": {made: &old, change: func(_ *table, l *lock, cancel func()) {
			l.errs = func(int64) error { cancel(); return errPermanent }
		}, proved: 1, err: "no such warehouse"},
	} {
		b.exec(t, "DROP VIEW IF EXISTS "+old.Name.String())
		query := old.Query
		if c.made != nil {
			query = c.made.Query
			if err := b.views("uuid").Make(t.Context(), *c.made, ViewCreated); err != nil {
				t.Fatal(err)
			}
		} else {
			b.exec(t, "CREATE VIEW "+old.Name.String()+" AS "+query)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w, l := b.like("t"), new(lock)
		w.viewed, w.columns, b.Lock = "before", columnTypes{"id": number}, l
		if c.change != nil {
			c.change(w, l, cancel)
		}
		b.View = func(*ledger.TableState, func(string) bool) (View, bool) { return now, !c.none }
		err := b.keepViews(ctx, []*table{w})
		cancel()
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) || l.proved.Load() != c.proved {
			t.Errorf("%s: %v, after %d proofs", what, err, l.proved.Load())
		}
		info, err := b.client.Tables().Info(t.Context(), old.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: now.Query, false: query}[c.altered]; strings.TrimSpace(info.Query) != want {
			t.Errorf("%s: the view is %q, want %q", what, info.Query, want)
		}
		v := now
		v.types = w.columns.text()
		want := []string{v.key()}
		switch {
		case c.kept:
			want = []string{w.viewed}
		case c.none, c.err != "":
			want = []string{""}
		}
		if !slices.Contains(want, w.loaded.View) {
			t.Errorf("%s: the cache has %q, want %q", what, w.loaded.View, want)
		}
	}
}
