package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

var orders = schema.TableName{Schema: "public", Name: "orders"}

// A table whose answer is already known is not asked.
func TestWhatIsNotProvedWithoutAsking(t *testing.T) {
	state := ledger.NewState()
	done := &ledger.TableState{Table: orders, Snapshot: &ledger.Done{Begin: 5}}
	loaded := loads.Table{Snapshot: 5}
	quarantined := loads.Table{Snapshot: 5, Quarantine: &loads.Quarantine{}}
	for _, test := range []struct {
		table  *ledger.TableState
		cached loads.Table
		want   string
	}{
		{done, loaded, ""}, {nil, loaded, "no complete snapshot"}, {&ledger.TableState{Table: orders}, loaded, "no complete snapshot"},
		{done, loads.Table{Snapshot: 3}, "not loaded"}, {done, quarantined, "quarantined"},
	} {
		if got := unproved(state, test.table, test.cached); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%+v, %+v: %q, want %q", test.table, test.cached, got, test.want)
		}
	}
	items := schema.TableName{Schema: "public", Name: "items"}
	state.Open[7] = &ledger.OpenBegin{Number: 7, Pending: map[schema.TableName]bool{items: true}}
	if got := unproved(state, done, loaded); got != "" {
		t.Errorf("while a snapshot of another table is taken: %q", got)
	}
	state.Open[7].Pending[orders] = true
	if got := unproved(state, done, loaded); !strings.Contains(got, "not finished") {
		t.Errorf("while a snapshot is taken: %q", got)
	}
}

// A load processes tables that lack something, tables to prove, and quarantined
// tables that are named or repaired.
func TestTablesThatALoadTakesUp(t *testing.T) {
	names := map[string]schema.TableName{}
	state, cache := ledger.NewState(), &loads.Cache{Tables: map[schema.TableName]loads.Table{}}
	for what, loaded := range map[string]loads.Table{
		"current": {Snapshot: 5, Directory: "d", Entry: 5}, "behind": {Snapshot: 5, Directory: "d", Entry: 3}, "new": {},
		"attempt": {Snapshot: 5, Directory: "another", Entry: 5}, "old": {Snapshot: 2, Directory: "c", Entry: 5},
		"older":       {Snapshot: 2, Directory: "d", Entry: 5},
		"quarantined": {Snapshot: 5, Directory: "d", Entry: 5, Quarantine: &loads.Quarantine{Snapshot: 5}},
		"reloaded":    {Snapshot: 5, Directory: "d", Entry: 5, Quarantine: &loads.Quarantine{Snapshot: 2}},
		"pending":     {},
	} {
		names[what] = schema.TableName{Schema: "public", Name: what}
		table := &ledger.TableState{Table: names[what], Snapshot: &ledger.Done{Begin: 5, Directory: "d", Rows: 1}}
		if what == "pending" {
			table.Snapshot = nil
		}
		state.Tables[names[what]], cache.Tables[names[what]] = table, loaded
	}
	l := &Loader{Target: func(n schema.TableName) databricks.Table { return databricks.Table{Name: n.Name} }}
	for what, c := range map[string]struct {
		options Options
		todo    []string
		rest    []string
	}{
		"all":   {Options{}, []string{"attempt", "behind", "new", "old", "older"}, []string{"pending", "quarantined"}},
		"named": {Options{Tables: []schema.TableName{names["quarantined"], names["current"]}}, []string{"quarantined"}, nil},
		"none":  {Options{Tables: []schema.TableName{}}, nil, nil},
		"repaired": {Options{Repair: true},
			[]string{"attempt", "behind", "current", "new", "old", "older", "quarantined", "reloaded"}, []string{"pending"}},
		"proved": {Options{Prove: []schema.TableName{names["current"]}},
			[]string{"attempt", "behind", "current", "new", "old", "older"}, []string{"pending", "quarantined"}},
	} {
		todo, rest := l.choose(state, cache, c.options)
		var got, results []string
		for _, w := range todo {
			got = append(got, w.State.Table.Name)
		}
		for _, r := range rest {
			results = append(results, r.Table.Name)
			if r.Pending != (r.Table.Name == "pending") || r.Quarantined != (r.Table.Name == "quarantined") {
				t.Errorf("%s: %+v", what, r)
			}
		}
		if diff := cmp.Diff(c.todo, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if diff := cmp.Diff(c.rest, results); diff != "" {
			t.Errorf("%s, of what is not done: %s", what, diff)
		}
	}
}

// One statement loads files of one kind: the same columns, written in the same
// way.
func TestStepsThatOneStatementLoads(t *testing.T) {
	as := func(t schema.Type, oid uint32, typmod int32) []schema.Column {
		return []schema.Column{{Name: "v", Type: t, Postgres: schema.PostgresType{OID: oid, Typmod: typmod}}}
	}
	number, text := schema.Type{Kind: schema.Int32}, schema.Type{Kind: schema.String}
	base := step{columns: as(text, 25, -1), written: as(number, 23, -1)}
	for what, c := range map[string]struct {
		change func(s *step)
		want   bool
	}{
		"the same":                     {func(*step) {}, true},
		"perhaps loaded before":        {func(s *step) { s.maybeLoaded = true }, false},
		"other columns":                {func(s *step) { s.columns = as(number, 23, -1) }, false},
		"of the table's own snapshot":  {func(s *step) { s.written = nil }, false},
		"without columns":              {func(s *step) { s.written = []schema.Column{} }, false},
		"written with another type":    {func(s *step) { s.written = as(text, 23, -1) }, false},
		"written from another type":    {func(s *step) { s.written = as(number, 20, -1) }, false},
		"written with other modifiers": {func(s *step) { s.written = as(number, 23, 8) }, false},
	} {
		other := base
		c.change(&other)
		if a, b := base.loadsLike(&other), other.loadsLike(&base); a != c.want || b != c.want {
			t.Errorf("%s: %t and %t", what, a, b)
		}
	}
	none, empty := step{columns: base.columns}, step{columns: base.columns, written: []schema.Column{}}
	if none.loadsLike(&empty) {
		t.Error("files of the table's own snapshot are loaded with those of an older one")
	}
	if got := (copyGroup{steps: []step{{entry: 5}, {entry: 5}}}).entries(); got != "5" {
		t.Errorf("entries %s, want 5", got)
	}
	if got := (copyGroup{steps: []step{{entry: 5}, {entry: 9}}}).entries(); got != "5-9" {
		t.Errorf("entries %s, want 5-9", got)
	}
}

// Only the first step may be empty. Rows of a table without steps belong to
// somebody else.
func TestEvidenceOfNoSteps(t *testing.T) {
	if n, ok := (&evidence{rows: map[int64]int64{}}).applied([]step{{entry: 5, rows: 1}, {entry: 6}}); n != 0 || !ok {
		t.Errorf("%d steps, %t; want 0, true", n, ok)
	}
	e := &evidence{rows: map[int64]int64{5: 1}, total: 1}
	if n, ok := e.applied([]step{{entry: 5, rows: 1}, {entry: 6}}); n != 1 || !ok {
		t.Errorf("%d steps, %t; want 1, true", n, ok)
	}
	e = &evidence{rows: map[int64]int64{5: 1}, total: 3, floor: 3} // two rows are older than entry 3
	if n, ok := e.applied([]step{{entry: 5, rows: 1}, {entry: 6, rows: 1}}); n != 1 || ok {
		t.Errorf("%d steps, %t; want 1, false", n, ok)
	}
	if got := Summarize(ledger.NewState(), &ledger.TableState{Table: orders}); got.Snapshot != 0 || got.Rows != 0 {
		t.Errorf("of a table without a snapshot: %+v", got)
	}
	if got := stepsOf(ledger.NewState(), &ledger.TableState{Table: orders}); got != nil {
		t.Errorf("of a table without a snapshot: %+v", got)
	}
	if got := (&step{entry: 9, folded: true, first: 6}).begins(); got != 6 {
		t.Errorf("a folded step begins at %d, want 6", got)
	}
}

// Two tables hold the same snapshot if everything that identifies it is equal.
func TestSameSnapshot(t *testing.T) {
	a := owner{"l", 5, "d", "p"}
	for b, want := range map[owner]bool{
		a: true, {"l", 5, "d", "moved"}: true, {"m", 5, "d", "p"}: false, {"l", 6, "d", "p"}: false, {"l", 5, "e", "p"}: false,
	} {
		if got := a.sameSnapshot(b); got != want {
			t.Errorf("%+v: %t", b, got)
		}
	}
	if got := ownerOf(a.properties()); got != a {
		t.Errorf("%+v came back as %+v", a, got)
	}
	if got := ownerOf(map[string]string{bronze.PropertySnapshot: "five"}); got.snapshot != 0 {
		t.Errorf("a snapshot that is no number: %+v", got)
	}
}

// Statistics are kept for the key, for types that Delta supports and names that
// the property can express.
func TestColumnsWithStatistics(t *testing.T) {
	column := func(name string, kind schema.Kind) schema.Column {
		return schema.Column{Name: name, Type: schema.Type{Kind: kind}}
	}
	list := column("list", schema.List)
	list.Type.Elem = &schema.Type{Kind: schema.Int32}
	d := &ledger.Done{Columns: []schema.Column{
		column("id", schema.Int32), column("code", schema.String), column("a,b", schema.Int32), column("flag", schema.Bool),
		column("raw", schema.Binary),
		column("doc", schema.Variant), list, column("other", schema.Int32),
	}}
	for _, c := range d.Columns[:7] {
		d.PrimaryKey = append(d.PrimaryKey, c.Name)
	}
	if got := statsColumns(d); got != "_entry,_commit_lsn,`id`,`code`" {
		t.Errorf("by the primary key: %s", got)
	}
	d.Identity.Columns = []string{"code"}
	if got := statsColumns(d); got != "_entry,_commit_lsn,`code`" {
		t.Errorf("by the identity: %s", got)
	}
}

// The entry of a row is computed from its commit only if the files are of
// several entries.
func TestEntryOfCopiedRows(t *testing.T) {
	group := func(entries ...int64) copyGroup {
		var g copyGroup
		for _, n := range entries {
			g.steps = append(g.steps, step{entry: n, end: n * 100, columns: []schema.Column{intColumn}})
			g.files = append(g.files, fmt.Sprint(n))
		}
		return g
	}
	for _, test := range []struct {
		entries []int64
		whens   int
	}{{[]int64{5}, 0}, {[]int64{5, 5}, 0}, {[]int64{5, 6}, 2}, {[]int64{5, 5, 6, 6}, 2}} {
		sql := copySQL(databricks.Table{Catalog: "c", Schema: "s", Name: "t"}, group(test.entries...), false, "/v", time.Unix(0, 0))
		if got := strings.Count(sql, " WHEN `_commit_lsn` < "); got != test.whens {
			t.Errorf("entries %v: %d cases, want %d:\n%s", test.entries, got, test.whens, sql)
		}
		for _, n := range slices.Compact(slices.Clone(test.entries)) {
			if !strings.Contains(sql, databricks.Bigint(n)) {
				t.Errorf("entries %v: %d is not named:\n%s", test.entries, n, sql)
			}
		}
	}
	sql := copySQL(databricks.Table{}, group(5), true, "/v", time.Unix(0, 0))
	if !strings.Contains(sql, "'force' = 'true'") {
		t.Errorf("files that may have been loaded before are not forced:\n%s", sql)
	}
}

// Columns that a snapshot's files lack are NULL in the table. An empty snapshot
// still has its columns.
func TestSnapshotStatement(t *testing.T) {
	d := &ledger.Done{Begin: 5, Table: orders, Rows: 3, Directory: "segments/x", Columns: []schema.Column{intColumn}}
	state := &ledger.TableState{Table: orders, Snapshot: d, Begin: &ledger.Begin{Sort: 40, Fence: 41, Taken: time.Unix(0, 0)}}
	sql := snapshotSQL(databricks.Table{Catalog: "c", Schema: "s", Name: "t"}, owner{}, state, "/v", time.Unix(0, 0))
	for name, want := range map[string]string{
		schema.MetaOp: "'snapshot'", schema.MetaCommitLSN: "CAST(40 AS BIGINT)", schema.MetaLSN: "CAST(40 AS BIGINT)",
		schema.MetaEntry: "CAST(5 AS BIGINT)",
		schema.MetaSeq:   "CAST(`_seq` AS BIGINT)", schema.MetaRescued: "CAST(`_rescued` AS STRING)",
		schema.MetaXID: "CAST(NULL AS BIGINT)", schema.MetaDeletedTS: "CAST(NULL AS TIMESTAMP)",
		schema.MetaUnchanged: "CAST(NULL AS ARRAY<STRING>)",
	} {
		if !strings.Contains(sql, "  "+want+" AS `"+name+"`") {
			t.Errorf("%s is not %s:\n%s", name, want, sql)
		}
	}
	if !strings.Contains(sql, "/v/segments/x") {
		t.Errorf("the files are not read:\n%s", sql)
	}
	empty := *d
	empty.Rows = 0
	state.Snapshot = &empty
	if sql := snapshotSQL(databricks.Table{}, owner{}, state, "/v", time.Unix(0, 0)); strings.Contains(sql, "read_files") {
		t.Errorf("an empty snapshot is read from files that are not there:\n%s", sql)
	}
}
