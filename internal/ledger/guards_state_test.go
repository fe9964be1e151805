package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// An entry has one body, and its kind names it.
func TestKindNamesTheBody(t *testing.T) {
	bodies := map[Kind]func(*Entry){
		KindOrigin:    func(e *Entry) { e.Origin = origin(10) },
		KindBegin:     func(e *Entry) { e.Begin = begin(20, orders) },
		KindDone:      func(e *Entry) { e.Done = done(2, orders, column("id")) },
		KindAbandoned: func(e *Entry) { e.Abandoned = &Abandoned{Begin: 2, Tables: []schema.TableName{orders}} },
		KindChanges:   func(e *Entry) { e.Changes = changes(10, 20, orders) },
		KindEnd:       func(e *Entry) { e.End = &End{Reason: "x"} },
	}
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	add(t, l, begin(20, orders))
	for kind := range bodies {
		for body, set := range bodies {
			e := &Entry{Kind: kind}
			set(e)
			if err := validate(l.State(), e); (err == nil) != (kind == body) {
				t.Errorf("kind %s with the body of %s: %v", kind, body, err)
			}
		}
		e := &Entry{Kind: kind}
		bodies[kind](e)
		if kind != KindEnd {
			bodies[KindEnd](e)
		} else {
			bodies[KindOrigin](e)
		}
		if err := validate(l.State(), e); err == nil || !strings.Contains(err.Error(), "bodies") {
			t.Errorf("kind %s with two bodies: %v", kind, err)
		}
	}
}

// Sums equal the parts that they replace. They still identify the rows that an
// open snapshot or the table's own snapshot may contain.
func TestSumsOfFoldedParts(t *testing.T) {
	part := func(entry int64, inserts, deletes, rescued int64, visibleIn ...int64) StagedChanges {
		return StagedChanges{Entry: entry, TableChanges: TableChanges{
			Table: orders, Generation: 5, Columns: []schema.Column{column("id")},
			Rows: map[schema.Op]int64{schema.OpInsert: inserts, schema.OpDelete: deletes}, Rescued: map[string]int64{"id": rescued},
			Segments: []Segment{{Rows: inserts + deletes, VisibleIn: visibleIn}},
		}}
	}
	s := NewState()
	s.OriginNumber = 1
	table := s.table(orders)
	table.Snapshot = &Done{Begin: 5}
	table.Changes = []StagedChanges{part(6, 2, 0, 1, 5), part(7, 1, 3, 0, 5, 4), part(8, 0, 1, 0), part(9, 1, 0, 0)}
	s.foldTable(table, 8)
	want := []FoldedChanges{{
		First: 6, Last: 8, Generation: 5, Rows: 7, VisibleIn: map[int64]int64{5: 6},
		Ops:     map[schema.Op]int64{schema.OpInsert: 3, schema.OpDelete: 4},
		Rescued: map[string]int64{"id": 1}, Columns: []schema.Column{column("id")},
	}}
	if diff := cmp.Diff(want, table.Folded); diff != "" {
		t.Error(diff)
	}
	if len(table.Changes) != 1 || table.Changes[0].Entry != 9 {
		t.Errorf("left are %+v", table.Changes)
	}
	empty := &TableState{Table: items}
	if s.foldTable(empty, 8); len(empty.Folded) != 0 {
		t.Errorf("of nothing: %+v", empty.Folded)
	}
}

// If several tables have one OID, its changes belong to the table with the
// newest snapshot of that OID. A snapshot of another relation does not count.
func TestTableOfAnOID(t *testing.T) {
	s := NewState()
	for name, begin := range map[string]int64{"a": 0, "b": 3, "c": 7, "d": 7, "e": 0} {
		table := s.table(table(name))
		if table.OID = 16384; begin > 0 {
			table.Snapshot = &Done{Begin: begin, OID: 16384}
		}
	}
	s.table(table("f")).OID = 16384
	s.Tables[table("f")].Snapshot = &Done{Begin: 9, OID: 16385}
	for range 20 { // map order is random
		if got := s.ByOIDs()[16384]; got.Table != table("c") {
			t.Fatalf("changes belong to %s, want c", got.Table)
		}
	}
}

// Known partitions stay known if a part of changes names none.
func TestPartitionsStayKnown(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	first := changes(10, 20, orders)
	first.Tables[0].Partitions = []uint32{1, 2}
	add(t, l, first)
	add(t, l, changes(20, 30, orders))
	want(t, "partitions", l.State().Tables[orders].Partitions, []uint32{1, 2})
	last := changes(30, 40, orders)
	last.Tables[0].Partitions = []uint32{3}
	add(t, l, last)
	want(t, "partitions", l.State().Tables[orders].Partitions, []uint32{3})
}

func TestHasWhatTheSourceHad(t *testing.T) {
	d := Done{Columns: []schema.Column{{Name: "id"}}, Excluded: []string{"secret"}}
	for name, want := range map[string]bool{"id": true, "secret": true, "other": false} {
		if got := d.Has(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestEntryInThePlaceOfAnother(t *testing.T) {
	for raw, ok := range map[string]bool{
		`{"number": 5, "previous": "ab"}`: true, `{"number": 6, "previous": "ab"}`: false, `{"number": "5"}`: false,
	} {
		if link, err := linkOf(5, []byte(raw)); (err == nil) != ok || ok && link != "ab" {
			t.Errorf("%s: %q, %v", raw, link, err)
		}
	}
}

// A packed entry that is missing from the checkpoint's sums is reported as
// damage.
func TestSumsThatLackAnEntryAreNotUnfolded(t *testing.T) {
	h, _ := compactedTwice(t)
	l := openKeeping(t, h, "r")
	for what, c := range map[string]struct {
		from   int64
		change func(f []FoldedChanges) []FoldedChanges
		want   string
	}{
		"an entry between two sums": {0, func(f []FoldedChanges) []FoldedChanges {
			a, b := f[0].clone(), f[0].clone()
			a.Last, b.First = 5, 7
			return append([]FoldedChanges{a, b}, f[1:]...)
		}, "that the checkpoint does not know"},
		"fewer rows before the entries that are asked for": {f0(l).First + 1, func(f []FoldedChanges) []FoldedChanges {
			a := f[0].clone()
			a.Rows = 1
			return append([]FoldedChanges{a}, f[1:]...)
		}, "have other counts of public.orders"},
	} {
		s := l.State()
		s.Tables[orders].Folded = c.change(s.Tables[orders].Folded)
		_, err := l.Unfold(t.Context(), s, s.Tables[orders], c.from)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

func f0(l *Ledger) FoldedChanges { return l.State().Tables[orders].Folded[0] }

// A pack that is listed but missing is reported as damage. There is no wait for
// it.
func TestWalkMeetsAPackThatIsGone(t *testing.T) {
	h, _ := compactedTwice(t)
	l := openKeeping(t, h, "r")
	asked := 0
	h.read = func(name string) error {
		if name != PackName(1, 7) {
			return nil
		}
		if asked++; asked > 3 {
			return errors.New("asked for again and again")
		}
		return fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	_, err := walked(t, l, l.State())
	wantConflict(t, err, PackName(1, 7), "removed meanwhile")
}

// A mark of the newest snapshot ends with that snapshot. A mark that applies to
// any snapshot outlives it and is replaced only by a later mark of its kind.
func TestMarkThatReplacesAnother(t *testing.T) {
	mark := func(generation int64, lsn pglogrepl.LSN) *ReloadMark {
		return &ReloadMark{Table: orders, Generation: generation, LSN: lsn}
	}
	for _, test := range []struct {
		m, later *ReloadMark
		yields   bool
	}{
		{mark(5, 10), mark(5, 20), false}, {mark(5, 10), mark(6, 20), false},
		{mark(0, 10), mark(0, 20), true}, {mark(0, 10), mark(0, 10), false}, {mark(0, 20), mark(0, 10), false},
		{mark(5, 10), mark(0, 5), true}, {mark(0, 10), mark(5, 20), false},
	} {
		if got := test.m.yields(test.later); got != test.yields {
			t.Errorf("%+v, then %+v: %t", test.m, test.later, got)
		}
		s := NewState()
		if s.Marked(test.later) {
			t.Error("a table that is not there is marked")
		}
		s.table(orders)
		if s.Marked(test.later) {
			t.Error("a table without a mark is marked")
		}
		s.Tables[orders].Reload = test.m
		if got := s.Marked(test.later); got == test.yields {
			t.Errorf("%+v, then %+v: marked %t", test.m, test.later, got)
		}
	}
}

// Columns count if their part was compared with the table's snapshot or has no
// known generation. All columns count if the snapshot covers the commit.
func TestColumnsThatCount(t *testing.T) {
	s := NewState()
	s.OriginNumber = 1
	table := s.table(orders)
	part := func(entry, generation int64, column string) StagedChanges {
		return StagedChanges{
			Entry: entry, TableChanges: TableChanges{Table: orders, Generation: generation, Columns: []schema.Column{{Name: column}}},
		}
	}
	table.Changes = []StagedChanges{part(4, 1, "older"), part(6, 5, "newer"), part(7, 0, "unknown")}
	names := func(columns map[string]schema.Column) (names []string) {
		for name := range columns {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	all := []string{"newer", "older", "unknown"}
	want(t, "without a snapshot", names(s.KnownAt(orders, 50)), all)
	want(t, "parts without a snapshot", len(table.Since()), 3)
	mark := &ReloadMark{Table: orders, Generation: 5}
	want(t, "a mark of a snapshot that is not there asks for a reload", s.needs(table, mark), false)
	want(t, "of no table", len(s.KnownAt(items, 50)), 0)
	table.Snapshot, table.Begin, table.DoneNumber = &Done{Begin: 5, Columns: []schema.Column{{Name: "id"}}}, &Begin{Fence: 40}, 6
	want(t, "behind the snapshot", names(s.KnownAt(orders, 41)), []string{"id", "newer", "unknown"})
	want(t, "at the fence", names(s.KnownAt(orders, 40)), append([]string{"id"}, all...))
	want(t, "parts since the snapshot", len(table.Since()), 2)
	want(t, "a mark of the snapshot asks for a reload", s.needs(table, mark), true)
	s.OriginNumber = 9
	want(t, "a mark of before a new origin asks for a reload", s.needs(table, mark), false)
	want(t, "of an older origin", names(s.KnownAt(orders, 50)), append([]string{"id"}, all...))
	s.OriginNumber = 1
	for _, test := range []struct {
		entry int64
		last  pglogrepl.LSN
		want  int64
	}{{7, 41, 5}, {6, 41, 1}, {7, 40, 1}} {
		if got := s.inferred(table, test.entry, test.last); got != test.want {
			t.Errorf("entry %d with a last commit at %s is of generation %d, want %d", test.entry, test.last, got, test.want)
		}
	}
	s.OriginNumber = 9
	if got := s.inferred(table, 10, 50); got != 9 {
		t.Errorf("generation %d behind a new origin, want 9", got)
	}
}
