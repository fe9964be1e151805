package load

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

var (
	intColumn  = schema.Column{Name: "id", Type: schema.Type{Kind: schema.Int32}, Key: true}
	textColumn = schema.Column{Name: "v", Type: schema.Type{Kind: schema.String}}
)

func changes(entry int64, columns []schema.Column, segments ...ledger.Segment) ledger.StagedChanges {
	return ledger.StagedChanges{
		Entry: entry, Start: pglogrepl.LSN(entry * 100), End: pglogrepl.LSN(entry*100 + 100),
		TableChanges: ledger.TableChanges{Columns: columns, Segments: segments},
	}
}

func segment(path string, rows int64, visibleIn ...int64) ledger.Segment {
	return ledger.Segment{Path: path, Rows: rows, VisibleIn: visibleIn}
}

func describe(steps []step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, fmt.Sprintf("entry %d: %d rows, %s", s.entry, s.rows, strings.Join(s.files, " ")))
	}
	return out
}

func TestStepsLeaveOutWhatTheSnapshotHolds(t *testing.T) {
	state := ledger.NewState()
	state.OriginNumber = 1
	table := &ledger.TableState{
		Snapshot: &ledger.Done{Begin: 5, Rows: 10, Columns: []schema.Column{intColumn}},
		Changes: []ledger.StagedChanges{
			changes(6, []schema.Column{intColumn}, segment("a", 1, 5), segment("b", 2), segment("c", 3, 4)),
			changes(7, []schema.Column{intColumn}, segment("d", 4, 5)),
			changes(8, []schema.Column{intColumn, textColumn}, segment("e", 5)),
		},
	}
	want := []string{"entry 5: 10 rows, ", "entry 6: 5 rows, b c", "entry 8: 5 rows, e"}
	if diff := cmp.Diff(want, describe(stepsOf(state, table))); diff != "" {
		t.Errorf("steps differ (-want +got):\n%s", diff)
	}
	state.OriginNumber = 7 // a new slot: changes after it do not continue the snapshot
	if diff := cmp.Diff(want[:2], describe(stepsOf(state, table))); diff != "" {
		t.Errorf("steps behind a new origin differ (-want +got):\n%s", diff)
	}
}

func TestStepsAndGroupsHoldAtMostAThousandFiles(t *testing.T) {
	var many []ledger.Segment
	for i := range 2*databricks.MaxCopyFiles + 1 {
		many = append(many, segment(fmt.Sprint(i), 1))
	}
	columns := []schema.Column{intColumn}
	table := &ledger.TableState{Snapshot: &ledger.Done{Begin: 1}, Changes: []ledger.StagedChanges{
		changes(2, columns, many...), changes(3, columns, segment("x", 1)), changes(4, []schema.Column{intColumn, textColumn}, segment("y", 1)),
		changes(5, columns, segment("z", 1)),
	}}
	steps := stepsOf(ledger.NewState(), table)[1:]
	var sizes []int
	for len(steps) > 0 {
		g := nextGroup(steps)
		sizes = append(sizes, len(g.files))
		steps = steps[len(g.steps):]
	}
	if diff := cmp.Diff([]int{1000, 1000, 2, 1, 1}, sizes); diff != "" {
		t.Errorf("files of each COPY INTO differ (-want +got):\n%s", diff)
	}
}

// Invariant 6: a table is accepted only if it holds a prefix of its steps.
func TestInvariant6EvidenceIsAPrefixOfTheSteps(t *testing.T) {
	steps := []step{{entry: 5, rows: 10}, {entry: 7, rows: 3}, {entry: 7, rows: 4}, {entry: 9, rows: 2}}
	for _, c := range []struct {
		name  string
		rows  map[int64]int64
		floor int64
		total int64
		n     int
		ok    bool
	}{
		{"nothing", nil, 0, 0, 0, true},
		{"the snapshot", map[int64]int64{5: 10}, 0, 10, 1, true},
		{"half an entry", map[int64]int64{5: 10, 7: 3}, 0, 13, 2, true},
		{"a whole entry", map[int64]int64{5: 10, 7: 7}, 0, 17, 3, true},
		{"everything", map[int64]int64{5: 10, 7: 7, 9: 2}, 0, 19, 4, true},
		{"everything, counted from entry 7 on", map[int64]int64{7: 7, 9: 2}, 7, 19, 4, true},
		{"up to the cache", map[int64]int64{7: 7}, 7, 17, 3, true},
		{"a row deleted from an old entry", map[int64]int64{7: 7, 9: 2}, 7, 18, 4, false},
		{"a row deleted from the snapshot", map[int64]int64{5: 9}, 0, 9, 0, false},
		{"a row too many", map[int64]int64{5: 11}, 0, 11, 1, false},
		{"a part of a step", map[int64]int64{5: 10, 7: 5}, 0, 15, 2, false},
		{"a gap", map[int64]int64{5: 10, 9: 2}, 0, 12, 1, false},
		{"rows of an unknown entry", map[int64]int64{5: 10, 8: 1}, 0, 11, 1, false},
		{"rows without an entry", map[int64]int64{0: 1, 5: 10}, 0, 11, 1, false},
		{"twice the same step", map[int64]int64{5: 10, 7: 7, 9: 4}, 0, 21, 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := evidence{rows: c.rows, floor: c.floor, total: c.total}
			if n, ok := e.applied(steps); n != c.n || ok != c.ok {
				t.Errorf("got %d steps, %v; want %d, %v", n, ok, c.n, c.ok)
			}
		})
	}
	empty := evidence{rows: map[int64]int64{}}
	if n, ok := empty.applied([]step{{entry: 5}}); n != 1 || !ok {
		t.Errorf("an empty snapshot: got %d steps, %v; want 1, true", n, ok)
	}
}

// A folded step counts as all of its steps, or it is left undecided.
func TestInvariant6EvidenceOfFoldedSteps(t *testing.T) {
	steps := []step{{entry: 5, rows: 10}, {first: 6, entry: 20, rows: 9, folded: true},
		{first: 22, entry: 30, rows: 5, folded: true}, {entry: 40, rows: 2}}
	for _, c := range []struct {
		name  string
		rows  map[int64]int64
		floor int64
		total int64
		n     int
		ok    bool
	}{
		{"the snapshot", map[int64]int64{5: 10}, 0, 10, 1, false},
		{"a part of the folded", map[int64]int64{5: 10, 7: 3}, 0, 13, 1, false},
		{"the first range", map[int64]int64{5: 10, 7: 3, 20: 6}, 0, 19, 2, false},
		{"all folded", map[int64]int64{5: 10, 7: 3, 20: 6, 22: 5}, 0, 24, 3, true},
		{"everything", map[int64]int64{5: 10, 7: 3, 20: 6, 22: 5, 40: 2}, 0, 26, 4, true},
		{"everything, counted from the newest on", map[int64]int64{40: 2}, 40, 26, 4, true},
		{"all folded, counted from behind them on", nil, 31, 24, 3, true},
		{"a row deleted below the floor", map[int64]int64{40: 2}, 40, 25, 4, false},
		{"a row too many in a range", map[int64]int64{5: 10, 7: 4, 20: 6, 22: 5, 40: 2}, 0, 27, 1, false},
		{"rows between the ranges", map[int64]int64{5: 10, 7: 3, 20: 6, 21: 1, 22: 5, 40: 2}, 0, 27, 4, false},
		{"counted from inside a range on", map[int64]int64{20: 6, 22: 5, 40: 2}, 20, 26, 1, false},
		{"counted from inside a range on, which is all there", map[int64]int64{20: 9, 22: 5, 40: 2}, 20, 26, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := evidence{rows: c.rows, floor: c.floor, total: c.total}
			if n, ok := e.applied(steps); n != c.n || ok != c.ok {
				t.Errorf("got %d steps, %v; want %d, %v", n, ok, c.n, c.ok)
			}
		})
	}
}

func TestFoldedChangesAreSteps(t *testing.T) {
	columns := []schema.Column{intColumn}
	state := ledger.NewState()
	table := &ledger.TableState{
		Snapshot: &ledger.Done{Begin: 5, Rows: 10, Columns: columns},
		Folded: []ledger.FoldedChanges{
			{First: 6, Last: 8, Rows: 12, VisibleIn: map[int64]int64{5: 3}, Rescued: map[string]int64{"a": 1}},
			{First: 9, Last: 9, Rows: 4, VisibleIn: map[int64]int64{5: 4}},
			{First: 11, Last: 20, Rows: 7, Rescued: map[string]int64{"a": 2}},
		},
		Changes: []ledger.StagedChanges{changes(21, columns, segment("z", 1))},
	}
	want := []step{
		{entry: 5, rows: 10, done: table.Snapshot}, {first: 6, entry: 8, rows: 9, folded: true},
		{first: 11, entry: 20, rows: 7, folded: true}, {entry: 21, rows: 1, files: []string{"z"}, bytes: []int64{0}},
	}
	got := stepsOf(state, table)
	for i := range got {
		got[i].columns, got[i].end = nil, 0
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" {
		t.Errorf("steps differ (-want +got):\n%s", diff)
	}
	if last := lastFolded(got); last != 2 {
		t.Errorf("the last folded step is %d, want 2", last)
	}
	if diff := cmp.Diff(Staged{Snapshot: 5, Rows: 27, Rescued: map[string]int64{"a": 3}}, Summarize(state, table)); diff != "" {
		t.Errorf("summary differs (-want +got):\n%s", diff)
	}
	state.OriginNumber = 10 // changes after a new slot do not continue the snapshot
	if got := stepsOf(state, table); len(got) != 2 {
		t.Errorf("%d steps behind a new origin, want 2: %+v", len(got), got)
	}
}

func TestCopyDerivesTheEntryFromTheCommit(t *testing.T) {
	columns := []schema.Column{intColumn}
	g := nextGroup([]step{{entry: 7, end: 800, rows: 1, columns: columns, files: []string{"a"}},
		{entry: 9, end: 1000, rows: 1, columns: columns, files: []string{"b"}}})
	sql := copySQL(databricks.Table{Catalog: "c", Schema: "s", Name: "t"}, g, false, "/Volumes/c/s/v/p", time.UnixMicro(5))
	want := "CASE WHEN `_commit_lsn` < 800 THEN CAST(7 AS BIGINT) WHEN `_commit_lsn` < 1000 THEN CAST(9 AS BIGINT) END AS `_entry`"
	if !strings.Contains(sql, want) {
		t.Errorf("the statement lacks %s:\n%s", want, sql)
	}
	for _, part := range []string{"FILES = ('a', 'b')", "'ignoreMissingFiles' = 'false'", "timestamp_micros(5) AS `_loaded_ts`",
		"CASE WHEN `_op` = 'delete' THEN `_commit_ts` END"} {
		if !strings.Contains(sql, part) {
			t.Errorf("the statement lacks %s:\n%s", part, sql)
		}
	}
}

// Files that were never loaded are loaded once, whatever the client does,
// because COPY INTO remembers files. The load overrides this memory only if the
// table is known to be without the files.
func TestCopyIsForcedOnlyAfterTheSnapshotWasReplaced(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := step{entry: 6, rows: 1, columns: []schema.Column{intColumn}, end: 700, files: []string{"a"}, maybeLoaded: again}
		sql := copySQL(databricks.Table{Catalog: "c", Schema: "s", Name: "t"}, nextGroup([]step{s}), false, "/Volumes/c/s/v", time.Unix(0, 0))
		if forced := strings.Contains(sql, "'force' = 'true'"); forced != again {
			t.Errorf("again %v: forced %v:\n%s", again, forced, sql)
		}
	}
	state := ledger.NewState()
	table := &ledger.TableState{
		Snapshot: &ledger.Done{Begin: 5, Rows: 1, Columns: []schema.Column{intColumn}}, DoneNumber: 7,
		Changes: []ledger.StagedChanges{changes(6, []schema.Column{intColumn}, segment("a", 1)),
			changes(8, []schema.Column{intColumn}, segment("b", 1))},
	}
	var again []bool
	for _, s := range stepsOf(state, table) {
		again = append(again, s.maybeLoaded)
	}
	if diff := cmp.Diff([]bool{false, true, false}, again); diff != "" {
		t.Errorf("steps that may have been loaded before (-want +got):\n%s", diff)
	}
}

// Files that may have been loaded before get a statement of their own. Forcing
// the others would load them twice if a late statement also loads them.
func TestFilesThatMayBeInAreCopiedApart(t *testing.T) {
	columns := []schema.Column{intColumn}
	steps := []step{
		{entry: 6, rows: 1, columns: columns, files: []string{"a"}, maybeLoaded: true},
		{entry: 7, rows: 1, columns: columns, files: []string{"b"}},
		{entry: 8, rows: 1, columns: columns, files: []string{"c"}},
	}
	for _, want := range [][]string{{"a"}, {"b", "c"}} {
		g := nextGroup(steps)
		if diff := cmp.Diff(want, g.files); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		steps = steps[len(g.steps):]
	}
}

// Parts that were staged against an older snapshot are loaded with the table's
// columns, by statements of their own. They are refused if they show a column
// that the table hides.
func TestOlderPartsAreCast(t *testing.T) {
	older := schema.Column{Name: "v", Type: schema.Type{Kind: schema.Int32}, Postgres: schema.PostgresType{OID: schema.OIDText, Typmod: -1}}
	now := schema.Column{Name: "v", Type: schema.Type{Kind: schema.String}, Postgres: schema.PostgresType{OID: schema.OIDText, Typmod: -1}}
	part := func(entry, generation int64, columns ...schema.Column) ledger.StagedChanges {
		c := changes(entry, columns, segment(fmt.Sprint("f", entry), 1))
		c.Generation = generation
		return c
	}
	table := &ledger.TableState{
		Snapshot: &ledger.Done{Begin: 5, Rows: 1, Columns: []schema.Column{intColumn, now}}, DoneNumber: 7,
		Changes: []ledger.StagedChanges{part(8, 2, intColumn, older), part(9, 5, intColumn, now), part(10, 5, intColumn, now)},
	}
	steps := stepsOf(ledger.NewState(), table)[1:]
	g := nextGroup(steps)
	if len(g.steps) != 1 || len(nextGroup(steps[1:]).steps) != 2 {
		t.Errorf("the older part is loaded with %d others", len(g.steps)-1)
	}
	sql := copySQL(databricks.Table{Catalog: "c", Schema: "s", Name: "t"}, g, false, "/Volumes/c/s/v", time.Unix(0, 0))
	for _, part := range []string{"get_json_object(`_rescued`, '$.v') ELSE CAST(`v` AS STRING) END AS `v`", "CAST(`id` AS INT) AS `id`"} {
		if !strings.Contains(sql, part) {
			t.Errorf("the statement lacks %s:\n%s", part, sql)
		}
	}
	if sql := copySQL(databricks.Table{}, nextGroup(steps[1:]), false, "", time.Unix(0, 0)); strings.Contains(sql, "get_json_object") {
		t.Errorf("a part of the table's own snapshot is cast:\n%s", sql)
	}
	masked, excluded := now, *table.Snapshot
	masked.Mask = &schema.Mask{Kind: schema.MaskFixed}
	excluded.Columns, excluded.Excluded = []schema.Column{intColumn}, []string{"v"}
	for name, d := range map[string]*ledger.Done{
		"masked": {Begin: 5, Rows: 1, Columns: []schema.Column{intColumn, masked}}, "excluded": &excluded,
	} {
		hidden := *table
		hidden.Snapshot = d
		if s := stepsOf(ledger.NewState(), &hidden)[1]; s.unfit == nil || !strings.Contains(s.unfit.Error(), `"v"`) {
			t.Errorf("%s: an older part that shows the column is loaded: %v", name, s.unfit)
		}
	}
}
