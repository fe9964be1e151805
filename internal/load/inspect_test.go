//go:build cgo && unix

package load

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
)

// The properties say who owns a table and what it holds. A table is left alone
// unless it belongs to this ledger and holds a snapshot that the ledger has.
func TestWhoseATableIs(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	root := b.Files.Root()
	ours := owner{"uuid", 5, "d", root}
	for i, c := range []struct {
		what    string
		shown   owner
		change  func(*table)
		asked   bool   // the table itself
		failed  string // quarantined
		strange bool
		err     string // ends the run
	}{
		{what: "this snapshot", shown: ours},
		{what: "of a pipeline that moved", shown: owner{"uuid", 5, "d", "/elsewhere"}},
		{what: "an older snapshot", shown: owner{"uuid", 3, "c", root}, asked: true},
		{what: "an older snapshot, at the head", shown: owner{"uuid", 3, "c", root}, asked: true, change: func(w *table) { w.Whole.Head = 5 }},
		{what: "another attempt", shown: owner{"uuid", 5, "e", root}, asked: true, failed: "another copy of the ledger was", strange: true},
		{what: "a newer snapshot", shown: owner{"uuid", 7, "e", root}, asked: true, failed: "another copy of the ledger was", strange: true},
		{what: "a newer snapshot in the same place", shown: owner{"uuid", 7, "d",
			root}, asked: true, failed: "another copy of the ledger was", strange: true},
		{what: "a snapshot beyond the head", shown: owner{"uuid", 10, "e",
			root}, asked: true, failed: "the ledger is older than the table", strange: true},
		{what: "a snapshot of the head", shown: owner{"uuid", 9, "e", root}, asked: true, failed: "another copy of the ledger", strange: true},
		{what: "lost its properties", asked: true, failed: "lost its properties", strange: true},
		{what: "lost its properties, to be repaired", change: func(w *table) { w.repair = true }, asked: true, strange: true},
		{what: "no pipeline's", change: func(w *table) {
			w.cached = loads.Table{}
		}, asked: true, failed: "is not this pipeline's: it has no property"},
		{what: "no pipeline's, to be repaired", change: func(w *table) {
			w.cached, w.repair = loads.Table{}, true
		}, asked: true, failed: "is not this pipeline's"},
		{
			what: "another ledger's", shown: owner{"theirs", 5, "d", "/elsewhere"}, asked: true, failed: "it belongs to ledger theirs in /elsewhere",
		},
		{
			what: "another ledger's, to be repaired", shown: owner{"theirs", 5, "d", "/elsewhere"},
			change: func(w *table) { w.repair = true }, asked: true, failed: "it belongs to ledger theirs",
		},
		{what: "a lost ledger's", shown: owner{"theirs", 5, "d", root}, asked: true, err: "belongs to ledger theirs, which was in " + root},
		{what: "a lost ledger's, to be repaired", shown: owner{"theirs", 5, "d", root}, change: func(w *table) {
			w.repair = true
		}, asked: true, strange: true},
	} {
		w := b.like(fmt.Sprint("t", i))
		create := "CREATE TABLE " + w.Target.String() + " (id INT, " + metaColumns() + ")"
		if c.shown != (owner{}) {
			var parts []string
			for k, v := range c.shown.properties() {
				parts = append(parts, "'"+k+"' = '"+v+"'")
			}
			create += " TBLPROPERTIES (" + strings.Join(parts, ", ") + ")"
		}
		b.exec(t, create)
		if c.change != nil {
			c.change(w)
		}
		before := len(b.server.Statements())
		err := b.inspect(t.Context(), []*table{w})
		if (err != nil) != (c.err != "") || err != nil && (!strings.Contains(err.Error(), c.err) || failure.KindOf(err) != failure.Conflict) {
			t.Errorf("%s: %v, want %q", c.what, err, c.err)
		}
		if (w.result.Err != nil) != (c.failed != "") ||
			w.result.Err != nil && !strings.Contains(w.result.Err.Error(), c.failed) || w.strange != c.strange {
			t.Errorf("%s: %v, want %q; strange is %t", c.what, w.result.Err, c.failed, w.strange)
		}
		if asked := len(b.server.Statements()) > before; asked != c.asked || !w.Exists || !w.Columns.Has("id") {
			t.Errorf("%s: the table is asked: %t; it is there: %t, %v", c.what, asked, w.Exists, w.Columns)
		}
	}
	w := b.like("late") // the catalog shows the properties late
	w.seen.owner, w.Columns = ours, bronze.TypesOf(nil)
	w.Columns.Add(bronze.Columns(nil))
	if err := w.judge(); err != nil || w.result.Err != nil || w.strange {
		t.Errorf("of this snapshot, by itself: %v, %v", err, w.result.Err)
	}
	for want, p := range map[string]map[string]string{
		"it has no property " + bronze.PropertyLedger: {}, "it belongs to ledger a": {bronze.PropertyLedger: "a"},
		"it belongs to ledger a in b": {bronze.PropertyLedger: "a", bronze.PropertyPipeline: "b"},
	} {
		if got := bronze.Whose(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A table that the run may not read is quarantined, and the others continue. If
// it may read none, no table is to blame.
func TestTablesThatMayNotBeLookedAt(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for what, c := range map[string]struct {
		tables, denied, failed []string
		err                    bool
	}{
		"one of two": {[]string{"a", "b"}, []string{"b"}, []string{"b"}, false},
		"both":       {[]string{"a", "b"}, []string{"a", "b"}, nil, true},
		"the only":   {[]string{"a"}, []string{"a"}, []string{"a"}, false},
		"none":       {[]string{"a", "b"}, nil, nil, false},
	} {
		b.denying(c.denied...)
		var todo []*table
		for _, name := range c.tables {
			todo = append(todo, b.like(name))
		}
		err := b.inspect(t.Context(), todo)
		if (err != nil) != c.err {
			t.Errorf("%s: %v", what, err)
		}
		for _, w := range todo {
			failed := w.result.Err != nil
			if failed != slices.Contains(c.failed, w.State.Table.Name) || w.Exists ||
				failed && !strings.Contains(w.result.Err.Error(), "look at dev.bronze.") {
				t.Errorf("%s: table %s: %v", what, w.State.Table, w.result.Err)
			}
		}
	}
}

// If a view has the name, nothing is done. The hint names the next command.
func TestNamesThatAViewHas(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	b.exec(t, "CREATE VIEW "+b.client.Table("v").String()+" AS SELECT 1 AS id")
	for cached, want := range map[int64]string{5: "ingest load --repair --tables public.v", 2: "ingest load --tables public.v"} {
		w := b.like("v")
		w.cached.Snapshot = cached
		err := b.inspect(t.Context(), []*table{w})
		if got := w.result.Err; err != nil || got == nil || !strings.HasSuffix(got.Error(), "is a view") ||
			!strings.Contains(failure.HintOf(got), "&& "+want+";") {
			t.Errorf("loaded before as of %d: %v, %v", cached, err, got)
		}
		w = b.like("v")
		w.cached.Snapshot = cached
		var plan Plan
		err = planner{w, &plan}.load(t.Context(), Options{})
		if err != nil || plan.Err == nil || !strings.HasSuffix(plan.Err.Error(), "is a view") || len(plan.Statements) != 0 {
			t.Errorf("its plan: %+v, %v", plan, err)
		}
	}
}

// A table that the warehouse refuses to count is quarantined, and the others
// are counted. If it refuses all, no table is to blame.
func TestTablesThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	refusal := lakehouse.Refusal{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "no"}
	ended := lakehouse.Refusal{SQLState: "57014", Class: "OPERATION_CANCELED", Message: "somebody ended it"}
	for what, c := range map[string]struct {
		tables int
		text   string // of the statements that are refused
		other  *lakehouse.Refusal
		from   int64 // the first that it is the answer to
		failed []int
		err    bool
	}{
		"none":      {3, "no such text", nil, 0, nil, false},
		"one":       {3, "`t1`", nil, 0, []int{1}, false},
		"all":       {2, "count(*)", nil, 0, []int{0, 1}, true},
		"the only":  {1, "count(*)", nil, 0, []int{0}, false},
		"ended one": {3, "`t1`", &ended, 2, nil, true},
		"ended":     {1, "count(*)", &ended, 1, nil, true},
	} {
		b.refuse.Store(nil)
		var todo []*table
		for i := range c.tables {
			todo = append(todo,
				counted(t, b.Loader, fmt.Sprint("t", i), "SELECT CAST(1 AS BIGINT) AS `_entry` UNION ALL SELECT 9", 0, []step{{entry: 1, rows: 1}}))
			todo[i].Whole, todo[i].State.Snapshot.Directory = &ledger.State{}, "d"
		}
		var refused atomic.Int64
		f := func(sql string) *lakehouse.Refusal {
			if !strings.Contains(sql, c.text) {
				return nil
			}
			if refused.Add(1) >= c.from && c.other != nil {
				return c.other
			}
			return &refusal
		}
		b.refuse.Store(&f)
		before := len(b.server.Statements())
		err := b.evidence(t.Context(), todo, func(*table) bool { return true })
		if (err != nil) != c.err {
			t.Errorf("%s: %v", what, err)
		}
		for i, w := range todo {
			if failed := w.result.Err != nil; failed != slices.Contains(c.failed, i) {
				t.Errorf("%s: table %d: %v", what, i, w.result.Err)
			}
			// Rows of an entry that has no step count under that entry.
			if w.result.Err == nil && err == nil && (w.seen.total != 2 || w.seen.rows[1] != 1 || w.seen.rows[9] != 1) {
				t.Errorf("%s: table %d: %+v", what, i, w.seen)
			}
		}
		if n := len(b.server.Statements()) - before; what == "none" && n != 1 {
			t.Errorf("%d statements for three tables, want 1", n)
		}
	}
	b.refuse.Store(nil)
	chosen := counted(t, b.Loader, "chosen", "SELECT CAST(1 AS BIGINT) AS `_entry`", 0, []step{{entry: 1, rows: 1}})
	other := counted(t, b.Loader, "other", "SELECT CAST(1 AS BIGINT) AS `_entry`", 0, []step{{entry: 1, rows: 1}})
	failed := counted(t, b.Loader, "failed", "SELECT CAST(1 AS BIGINT) AS `_entry`", 0, []step{{entry: 1, rows: 1}})
	failed.result.Err = failure.New(failure.Tables, "before")
	if err := b.evidence(t.Context(), []*table{chosen, other, failed}, func(w *table) bool { return w != other }); err != nil {
		t.Fatal(err)
	}
	if chosen.seen.total != 1 || other.seen.rows != nil || failed.seen.rows != nil {
		t.Errorf("counted: %+v, %+v, %+v", chosen.seen, other.seen, failed.seen)
	}
	above := counted(t, b.Loader, "above", "SELECT CAST(1 AS BIGINT) AS `_entry`", 9, []step{{entry: 1, rows: 1}})
	if err := b.count(t.Context(), []*table{above}); err != nil || above.seen.total != 1 || len(above.seen.rows) != 0 {
		t.Errorf("a table of which no step is counted: %+v, %v", above.seen, err)
	}
}

// A table is asked once for each step from the floor on.
func TestStepsThatAreAskedFor(t *testing.T) {
	w := loadedTable()
	w.steps = append(w.steps, step{entry: 8, rows: 4})
	q := questionsOf(w)
	if len(q) != 1 || len(q[0].steps) != 1 || q[0].steps[0].entry != 8 || q[0].from != 8 {
		t.Errorf("from entry 8 on: %+v", q)
	}
	w.prove = true
	if q := questionsOf(w); len(q) != 1 || len(q[0].steps) != 3 || q[0].from != 0 {
		t.Errorf("all: %+v", q)
	}
}

// Segments must exist as they were written. If a whole directory is read, it
// must contain nothing else.
func TestSegmentsAreAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	for name, text := range map[string]string{
		"d/1": "one", "d/2": "three", "extra/1": "one", "extra/2": "more", "c/7": "seven", "c/8": "eight",
	} {
		if err := b.Files.Create(t.Context(), name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, err error, want string) {
		t.Helper()
		if (err != nil) != (want != "") || err != nil && (failure.KindOf(err) != failure.Tables || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	segments := func(dir string, bytes ...int64) *ledger.Done {
		d := &ledger.Done{Begin: 5, Directory: dir, Rows: 1}
		for i, n := range bytes {
			d.Segments = append(d.Segments, ledger.Segment{Path: fmt.Sprint(dir, "/", i+1), Bytes: n})
		}
		return d
	}
	w := b.like("t")
	for what, c := range map[string]struct {
		done *ledger.Done
		want string
	}{
		"all are there": {segments("d", 3, 5), ""}, "one is longer": {segments("d", 3, 4), "d/2 has 5 bytes, and was written with 4"},
		"one is missing":    {segments("d", 3, 5, 7), "segment d/3 is missing"},
		"one is too many":   {segments("extra", 3), "extra holds 2, which entry 5 does not name"},
		"an empty snapshot": {&ledger.Done{Directory: "extra"}, ""},
	} {
		check(what, w.segments().directory(t.Context(), c.done), c.want)
	}
	for what, c := range map[string]struct {
		bytes map[string]int64
		want  string
	}{
		"all are there": {map[string]int64{"c/7": 5, "c/8": 5, "d/1": 3}, ""},
		"one was changed": {map[string]int64{"c/7": 5, "c/8": 6},
			"c/8 of table public.t, which entry 8 names, was changed after it was written (1"},
		"one is missing": {map[string]int64{"c/7": 5, "c/9": 5},
			"segment c/9 of table public.t, which entry 9 names, is missing (1 in all)"},
		"changed, and another missing": {map[string]int64{"c/7": 4, "c/9": 5},
			"segment c/9 of table public.t, which entry 9 names, is missing (1 in all)"},
	} {
		steps := []step{{entry: 5, done: &ledger.Done{}}}
		for name, n := range c.bytes {
			steps = append(steps, step{entry: int64(name[2] - '0'), files: []string{name}, bytes: []int64{n}})
		}
		check(what, w.segments().complete(t.Context(), steps), c.want)
	}
	if got := entryOf(nil, "c/7"); got != 0 {
		t.Errorf("a file that no step has is of entry %d", got)
	}
}

// A snapshot's comments and tags are set after it, if they are wanted and it
// was written.
func TestStatementsAfterASnapshot(t *testing.T) {
	for what, c := range map[string]struct {
		comments, tags bool
		fails          int // the statement that fails, from 1
		want           []string
	}{
		"plain":             {false, false, 0, []string{"CREATE"}},
		"with comments":     {true, false, 0, []string{"CREATE", "COMMENT"}},
		"with tags":         {false, true, 0, []string{"CREATE", "TAGS"}},
		"with both":         {true, true, 0, []string{"CREATE", "COMMENT", "TAGS"}},
		"it fails":          {true, true, 1, []string{"CREATE"}},
		"its comment fails": {true, true, 2, []string{"CREATE", "COMMENT"}},
	} {
		w := loadedTable()
		w.loader.Files = new(databricks.Files)
		w.steps, w.State.Begin = w.steps[:1], &ledger.Begin{}
		w.State.Snapshot = &ledger.Done{Begin: 5, Columns: w.steps[0].columns, Comments: map[string]string{"id": "the key"}}
		w.loader.ColumnComments = c.comments
		if c.tags {
			w.loader.Tags = func(schema.TableName) map[string]string { return map[string]string{"a": "b"} }
		}
		var got []string
		err := statements{w, func(op bronze.Operation) error {
			for _, kind := range []string{"CREATE", "COMMENT ", "TAGS"} {
				if strings.Contains(op.SQL, kind) && !(kind == "COMMENT " && strings.HasPrefix(op.SQL, "CREATE")) {
					got = append(got, strings.TrimSpace(kind))
				}
			}
			if len(got) == c.fails {
				return loadtest.ErrNotRun
			}
			return nil
		}}.replace(t.Context())
		if !slices.Equal(got, c.want) || (err != nil) != (c.fails > 0) {
			t.Errorf("%s: %v, %v; want %v", what, got, err, c.want)
		}
	}
}
