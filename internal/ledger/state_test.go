package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// fold appends bodies to a new ledger and returns it with its state.
func fold(t testing.TB, bodies ...any) (*Ledger, *State) {
	t.Helper()
	l := open(t, newMemory(), "r")
	for _, body := range bodies {
		add(t, l, body)
	}
	return l, l.State()
}

func watching(s *State, t schema.TableName) []int64 {
	var numbers []int64
	for _, o := range s.Watching(t) {
		numbers = append(numbers, o.Number)
	}
	return numbers
}

func stagedEntries(t *TableState) []int64 {
	var numbers []int64
	for _, c := range t.Changes {
		numbers = append(numbers, c.Entry)
	}
	return numbers
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOnlyOriginAndChangesMoveThePosition(t *testing.T) {
	l := open(t, newMemory(), "r")
	for _, step := range []struct {
		body     any
		position pglogrepl.LSN
	}{
		{origin(10), 10}, {begin(20, orders, items), 10}, {done(2, orders, column("id")), 10},
		{&Abandoned{Begin: 2, Tables: []schema.TableName{items}}, 10}, {changes(10, 15), 15}, {changes(15, 15), 15},
		{&End{}, 15}, {origin(7), 7},
	} {
		e := add(t, l, step.body)
		want(t, string(e.Kind), l.State().Position, step.position)
	}
}

func TestBeginStaysOpenUntilDoneAndPastTheFence(t *testing.T) {
	settle := map[string]any{
		"done":      done(2, orders, column("id")),
		"abandoned": &Abandoned{Begin: 2, Tables: []schema.TableName{orders}},
	}
	for how, body := range settle {
		t.Run(how+" before the fence", func(t *testing.T) {
			l, s := fold(t, origin(10), begin(20, orders))
			want(t, "watching after begin", watching(s, orders), []int64{2})
			want(t, "watching another table", watching(s, items), []int64(nil))
			add(t, l, body)
			if how == "abandoned" {
				want(t, "open", len(l.State().Open), 0)
				return
			}
			want(t, "watching after done", watching(l.State(), orders), []int64{2})
			add(t, l, changes(10, 19))
			want(t, "watching just before the fence", watching(l.State(), orders), []int64{2})
			add(t, l, changes(19, 20))
			want(t, "open at the fence", len(l.State().Open), 0)
		})
		t.Run(how+" after the fence", func(t *testing.T) {
			l, _ := fold(t, origin(10), begin(20, orders), changes(10, 20))
			want(t, "watching at the fence", watching(l.State(), orders), []int64(nil))
			want(t, "pending", l.State().Open[2].Pending, map[schema.TableName]bool{orders: true})
			add(t, l, body)
			want(t, "open", len(l.State().Open), 0)
		})
	}
	t.Run("one of two tables", func(t *testing.T) {
		l, _ := fold(t, origin(10), begin(20, orders, items), done(2, orders, column("id")), changes(10, 30))
		o := l.State().Open[2]
		want(t, "pending", o.Pending, map[schema.TableName]bool{items: true})
		want(t, "run", o.Run, "r")
		add(t, l, &Abandoned{Begin: 2, Tables: []schema.TableName{items}})
		want(t, "open", len(l.State().Open), 0)
	})
	t.Run("a fence at or below the position", func(t *testing.T) {
		_, s := fold(t, origin(30), begin(20, orders))
		want(t, "watching", watching(s, orders), []int64(nil))
		want(t, "pending", len(s.Open[2].Pending), 1)
	})
}

func TestDoneInAnyOrderTheNewestBeginWins(t *testing.T) {
	for _, order := range [][]int64{{2, 3, 4}, {2, 4, 3}, {3, 2, 4}, {3, 4, 2}, {4, 2, 3}, {4, 3, 2}} {
		l, _ := fold(t, origin(10), begin(20, orders), begin(21, orders), begin(22, orders))
		want(t, "watching", watching(l.State(), orders), []int64{2, 3, 4})
		newest := int64(0)
		for _, b := range order {
			newest = max(newest, b)
			add(t, l, done(b, orders, column("id")))
			ts := l.State().Tables[orders]
			want(t, "snapshot", ts.Snapshot.Begin, newest)
			want(t, "begin's fence", ts.Begin.Fence, pglogrepl.LSN(18+newest))
		}
		want(t, "watching after all", watching(l.State(), orders), []int64{2, 3, 4})
		add(t, l, changes(10, 22))
		want(t, "open", len(l.State().Open), 0)
	}
}

// A relation that was renamed and loaded again is in the ledger under two
// names.
func TestARelationBelongsToItsNewestSnapshot(t *testing.T) {
	for _, names := range [][]schema.TableName{{orders, items}, {items, orders}} {
		_, s := fold(t, origin(10), begin(20, names[0]), done(2, names[0], column("id")), changes(10, 30, names[0]),
			begin(40, names[1]), done(5, names[1], column("id")))
		want(t, "table", s.ByOIDs()[16384].Table, names[1])
	}
	_, s := fold(t, origin(10), changes(10, 20, orders))
	want(t, "table without a snapshot", s.ByOIDs()[16384].Table, orders)
	want(t, "no table", s.ByOIDs()[1], (*TableState)(nil))
}

func TestChangesFromTheBeginOnBelongToTheSnapshot(t *testing.T) {
	l, s := fold(t, origin(10), changes(10, 20, orders), begin(25, orders), changes(20, 30, orders))
	ts := s.Tables[orders]
	want(t, "before a snapshot", stagedEntries(ts), []int64{2, 4})
	if ts.Snapshot != nil || s.Current(ts) || s.Current(nil) || s.Current(s.Tables[items]) {
		t.Error("a table without a snapshot is current")
	}
	add(t, l, done(3, orders, column("id")))
	s = l.State()
	want(t, "after done", stagedEntries(s.Tables[orders]), []int64{4})
	want(t, "current", s.Current(s.Tables[orders]), true)
	add(t, l, changes(30, 40, orders, items))
	want(t, "later", stagedEntries(l.State().Tables[orders]), []int64{4, 6})
	c := l.State().Tables[orders].Changes[1]
	want(t, "start and end", []pglogrepl.LSN{c.Start, c.End}, []pglogrepl.LSN{30, 40})

	// A snapshot that begins earlier and completes later supersedes nothing.
	l, _ = fold(t, origin(10), begin(20, orders), changes(10, 15, orders), begin(21, orders), changes(15, 18, orders),
		done(4, orders, column("id")), done(2, orders, column("id")))
	want(t, "after a superseded done", stagedEntries(l.State().Tables[orders]), []int64{5})
}

func TestSegmentsVisibleInASnapshotNameItsBegin(t *testing.T) {
	marked := func(begins ...int64) *Changes {
		c := changes(10, 15, orders)
		c.Tables[0].Segments[0].VisibleIn = begins
		return c
	}
	l, _ := fold(t, origin(10), begin(20, orders), begin(21, items), begin(22, orders))
	for _, bad := range [][]int64{{1}, {3}, {5}, {2, 3}, {-1}, {99}} {
		if _, err := l.Append(t.Context(), 4, marked(bad...)); err == nil || !strings.Contains(err.Error(), "public.orders") {
			t.Errorf("visible in %v: %v", bad, err)
		}
	}
	add(t, l, marked(2, 4))
	add(t, l, done(4, orders, column("id")))
	c := l.State().Tables[orders].Changes
	want(t, "entries after begin 4", stagedEntries(l.State().Tables[orders]), []int64{5})
	want(t, "visible in", c[0].Segments[0].VisibleIn, []int64{2, 4})
}

func TestColumnsAreTheNewestKnown(t *testing.T) {
	before, after := []schema.Column{column("id")}, []schema.Column{column("id"), column("added")}
	staged := func(start, end pglogrepl.LSN, oid uint32, columns []schema.Column) *Changes {
		c := changes(start, end, orders)
		c.Tables[0].Columns, c.Tables[0].OID = columns, oid
		return c
	}
	other := slices.Clone(before) // of another relation than the snapshot's: its numbers say nothing
	other[0].Number = 0
	newer := done(2, orders, after...)
	newer.OID = 200
	tests := map[string]struct {
		bodies []any
		want   []schema.Column
		oid    uint32
	}{
		"changes before any snapshot":                 {[]any{origin(10), staged(10, 20, 100, before)}, before, 100},
		"a snapshot":                                  {[]any{origin(10), begin(20, orders), newer}, after, 200},
		"changes beyond the fence after done":         {[]any{origin(10), begin(20, orders), newer, staged(10, 30, 100, before)}, other, 100},
		"changes beyond the fence before done":        {[]any{origin(10), begin(20, orders), staged(10, 30, 100, before), newer}, after, 200},
		"changes up to the fence, staged after done":  {[]any{origin(10), begin(20, orders), newer, staged(10, 20, 100, before)}, after, 200},
		"changes up to the fence, staged before done": {[]any{origin(10), begin(20, orders), staged(10, 20, 100, before), newer}, after, 200},
		"changes of a new slot, below the old's fence": {
			[]any{origin(10), begin(20, orders), newer, origin(5), staged(5, 6, 300, before)}, before, 300,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, s := fold(t, test.bodies...)
			want(t, "columns", s.Tables[orders].Columns, test.want)
			want(t, "OID", s.Tables[orders].OID, test.oid)
		})
	}
}

func TestReloadMarks(t *testing.T) {
	mark := func(start, end, at pglogrepl.LSN) *Changes {
		c := changes(start, end)
		c.Reload = []ReloadMark{{Table: orders, LSN: at, Reason: "because"}}
		return c
	}
	d := done(2, orders, column("id"))
	tests := map[string]struct {
		bodies []any
		want   pglogrepl.LSN // 0: no mark
	}{
		"set":                           {[]any{origin(10), mark(10, 20, 15)}, 15},
		"the later one stays":           {[]any{origin(10), mark(10, 20, 15), mark(20, 30, 25)}, 25},
		"an earlier one changes little": {[]any{origin(10), mark(10, 20, 15), mark(20, 30, 12)}, 15},
		"cleared by a later snapshot":   {[]any{origin(10), begin(20, orders), mark(10, 16, 15), d}, 0},
		"at the fence":                  {[]any{origin(10), begin(20, orders), mark(10, 21, 20), d}, 0},
		"beyond the fence":              {[]any{origin(10), begin(20, orders), mark(10, 30, 21), d}, 21},
		"staged late, before the fence": {[]any{origin(10), begin(20, orders), d, mark(10, 16, 15)}, 0},
		"staged late, at the fence":     {[]any{origin(10), begin(20, orders), d, mark(10, 21, 20)}, 0},
		"staged late, beyond the fence": {[]any{origin(10), begin(20, orders), d, mark(10, 30, 21)}, 21},
		"not cleared by an abandoned": {
			[]any{origin(10), begin(20, orders), mark(10, 16, 15), &Abandoned{Begin: 2, Tables: []schema.TableName{orders}}}, 15,
		},
		"not cleared by a superseded": {[]any{origin(10), begin(20, orders), begin(30, orders), done(3, orders, column("id")), mark(10, 40, 35),
			done(2, orders, column("id"))}, 35},
		"ended by a new slot":            {[]any{origin(100), mark(100, 200, 150), origin(10)}, 0},
		"of a new slot, below old fence": {[]any{origin(10), begin(20, orders), d, origin(5), mark(5, 6, 5)}, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, s := fold(t, test.bodies...)
			var got pglogrepl.LSN
			if ts := s.Tables[orders]; ts != nil && ts.Reload != nil {
				got = ts.Reload.LSN
				want(t, "reason", ts.Reload.Reason, "because")
			}
			want(t, "mark", got, test.want)
		})
	}
}

func TestNewOriginEndsWhatCameBefore(t *testing.T) {
	l, s := fold(t, origin(100), begin(200, orders, items), done(2, orders, column("id")))
	want(t, "current", s.Current(s.Tables[orders]), true)
	c := changes(100, 120)
	c.Unsettled = []uint64{7}
	add(t, l, c)
	want(t, "unsettled", l.State().Unsettled, []uint64{7})
	// Another cluster with lower LSNs.
	add(t, l, origin(50))
	s = l.State()
	want(t, "current after a new origin", s.Current(s.Tables[orders]), false)
	want(t, "watching a snapshot of the old slot", watching(s, orders), []int64(nil))
	want(t, "position", s.Position, pglogrepl.LSN(50))
	want(t, "unsettled", s.Unsettled, []uint64(nil))
	want(t, "origin's number", s.OriginNumber, int64(5))
	add(t, l, done(2, items, column("id"))) // from a run that has not noticed
	s = l.State()
	want(t, "current from an older begin", s.Current(s.Tables[items]), false)
	want(t, "open", len(s.Open), 0)
	add(t, l, begin(60, orders))
	add(t, l, done(7, orders, column("id")))
	s = l.State()
	want(t, "current from a newer begin", s.Current(s.Tables[orders]), true)
}

func TestEndAllowsOnlyAnOrigin(t *testing.T) {
	l, s := fold(t, origin(10), begin(20, orders), &End{Reason: "dropped"})
	want(t, "ended", s.Ended, true)
	for _, body := range []any{changes(10, 20), begin(20, items), done(2, orders, column("id")),
		&Abandoned{Begin: 2, Tables: []schema.TableName{orders}}, &End{}} {
		if _, err := l.Append(t.Context(), 3, body); err == nil || !strings.Contains(err.Error(), "after end") {
			t.Errorf("%T after end: %v", body, err)
		}
	}
	add(t, l, origin(5))
	want(t, "ended", l.State().Ended, false)
}

func TestSorted(t *testing.T) {
	_, s := fold(t, origin(10), changes(10, 20, table("b"), schema.TableName{Schema: "a", Name: "z"}, table("a")))
	var names []string
	for _, ts := range s.Sorted() {
		names = append(names, ts.Table.String())
	}
	want(t, "names", names, []string{"a.z", "public.a", "public.b"})
}

func TestValidateRefuses(t *testing.T) {
	opened := []any{origin(10), begin(20, orders)}
	edit := func(c *Changes, f func(*Segment)) *Changes { f(&c.Tables[0].Segments[0]); return c }
	editDone := func(f func(*Done)) *Done { d := done(2, orders, column("id")); f(d); return d }
	tests := map[string]struct {
		before []any
		body   any
		want   string
	}{
		"changes first":                         {nil, changes(0, 10), "before any origin"},
		"end first":                             {nil, &End{}, "before any origin"},
		"origin without a slot":                 {nil, &Origin{ConsistentPoint: 1}, "without a slot"},
		"origin without a point":                {nil, &Origin{Slot: "s"}, "consistent point"},
		"origin of a later version":             {nil, &Origin{Slot: "s", ConsistentPoint: 1, Changes: "some"}, `changes "some"`},
		"origin of snapshots alone with a slot": {nil, &Origin{Slot: "s", ConsistentPoint: 1, Changes: ChangesNone}, "snapshots alone"},
		"origin of snapshots alone with a publication": {
			nil, &Origin{Publications: []string{"p"}, ConsistentPoint: 1, Changes: ChangesNone}, "snapshots alone",
		},
		"changes without a slot": {[]any{alone(1)}, changes(1, 2), "without a slot"},
		"begin without tables":   {opened, begin(20), "without tables"},
		"begin without a fence":  {opened, &Begin{Snapshot: schema.Snapshot{Xmax: 1}, Sort: 1, Tables: []BeginTable{{Table: orders}}}, "fence"},
		"begin without a sort LSN": {opened,
			&Begin{Snapshot: schema.Snapshot{Xmax: 1}, Fence: 1, Tables: []BeginTable{{Table: orders}}}, "fence"},
		"begin sorted late": {opened, &Begin{Snapshot: schema.Snapshot{Xmax: 1}, Fence: 1, Sort: 2, Tables: []BeginTable{{Table: orders}}},
			"fence 0/1 before 0/2"},
		"begin without a snapshot": {opened, &Begin{Fence: 1, Sort: 1, Tables: []BeginTable{{Table: orders}}}, "without a snapshot"},
		"done of another table":    {opened, done(2, items, column("id")), "no open snapshot of public.items"},
		"done of no begin":         {opened, done(1, orders, column("id")), "entry 1 has no open snapshot"},
		"done twice": {[]any{origin(10), begin(20, orders), done(2, orders, column("id"))},
			done(2, orders, column("id")), "no open snapshot"},
		"done after abandoned": {[]any{origin(10), begin(20, orders), &Abandoned{Begin: 2, Tables: []schema.TableName{orders}}},
			done(2, orders, column("id")), "no open snapshot"},
		"done with other rows": {opened, editDone(func(d *Done) { d.Rows = 2 }), "has 2 rows, but its segments 3"},
		"done elsewhere":       {opened, editDone(func(d *Done) { d.Directory = "segments/other" }), "is not in segments/other"},
		"done beside":          {opened, editDone(func(d *Done) { d.Directory = strings.TrimSuffix(d.Directory, "2") }), "is not in"},
		"abandoned twice": {[]any{origin(10), begin(20, orders), &Abandoned{Begin: 2, Tables: []schema.TableName{orders}}},
			&Abandoned{Begin: 2, Tables: []schema.TableName{orders}}, "no open snapshot"},
		"abandoned of no begin": {opened, &Abandoned{Begin: 9, Tables: []schema.TableName{orders}}, "entry 9 has no open snapshot"},
		"abandoned after done": {[]any{origin(10), begin(20, orders, items), done(2, orders, column("id"))},
			&Abandoned{Begin: 2, Tables: []schema.TableName{items, orders}}, "no open snapshot of public.orders"},
		"changes with a gap":      {opened, changes(11, 20), "start at 0/B, but the position is 0/A"},
		"changes that overlap":    {opened, changes(9, 20), "start at 0/9"},
		"changes backwards":       {opened, changes(10, 9), "before their start"},
		"commit before the start": {opened, edit(changes(10, 20, orders), func(s *Segment) { s.First = 9 }), "outside"},
		"commit at the end":       {opened, edit(changes(10, 20, orders), func(s *Segment) { s.Last = 20 }), "outside"},
		"last before first":       {opened, edit(changes(10, 20, orders), func(s *Segment) { s.First, s.Last = 15, 14 }), "outside"},
		"no commits":              {opened, edit(changes(10, 20, orders), func(s *Segment) { s.First, s.Last = 0, 0 }), "outside"},
		"no rows":                 {opened, edit(changes(10, 20, orders), func(s *Segment) { s.Rows = 0 }), "0 rows"},
		"negative bytes":          {opened, edit(changes(10, 20, orders), func(s *Segment) { s.Bytes = -1 }), "-1 bytes"},
		"no checksum":             {opened, edit(changes(10, 20, orders), func(s *Segment) { s.Checksum = "" }), "checksum"},
	}
	for _, path := range []string{"", ".", "/segments/1", "../1", "segments/../../1", "segments//1", "segments/1/", "./segments/1"} {
		tests["path "+path] = struct {
			before []any
			body   any
			want   string
		}{opened, edit(changes(10, 20, orders), func(s *Segment) { s.Path = path }), "not relative and clean"}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			l := open(t, store, "r")
			for _, body := range test.before {
				add(t, l, body)
			}
			_, err := l.Append(t.Context(), l.State().Head, test.body)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if store.creates != len(test.before) {
				t.Error("it was written all the same")
			}
		})
	}
}

func TestCloneIsNotChangedByLaterEntries(t *testing.T) {
	l, _ := fold(t, origin(10), begin(20, orders, items), changes(10, 11, orders), changes(11, 12, orders), changes(12, 13, orders))
	old := l.State()
	before := old.clone()
	// Appends to a clone's slices must not change the ledger's.
	mine := l.State()
	mine.Tables[orders].Changes = append(mine.Tables[orders].Changes, StagedChanges{Entry: 99})
	delete(mine.Open[2].Pending, items)
	add(t, l, changes(13, 15, orders, items))
	c := changes(15, 30)
	c.Reload = []ReloadMark{{Table: orders, LSN: 25}}
	add(t, l, c)
	add(t, l, done(2, orders, column("id")))
	add(t, l, &Abandoned{Begin: 2, Tables: []schema.TableName{items}})
	want(t, "an older clone", old, before)
	want(t, "staged", stagedEntries(l.State().Tables[orders]), []int64{3, 4, 5, 6})
	want(t, "a clone that was appended to", mine.Tables[orders].Changes[3].Entry, int64(99))
	if !slices.Equal(stagedEntries(old.Tables[orders]), []int64{3, 4, 5}) || len(old.Open) != 1 {
		t.Errorf("the clone has %+v", old)
	}
}
