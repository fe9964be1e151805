package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

// frozen is a state that was handed out, with its text at that moment.
type frozen struct {
	state *State
	text  string
}

func text(t testing.TB, s *State) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// draw returns a body that may follow the state. serial is unique per call.
func draw(rt *rapid.T, s *State, serial int) any {
	tables := []schema.TableName{orders, items, table("t3")}
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(tables), 1, 3, rapid.ID[schema.TableName])
	step := func(label string) pglogrepl.LSN { return pglogrepl.LSN(rapid.IntRange(1, 30).Draw(rt, label)) }
	kind := rapid.SampledFrom([]Kind{KindOrigin, KindBegin, KindBegin, KindDone, KindDone, KindAbandoned, KindChanges, KindChanges,
		KindChanges, KindEnd}).Draw(rt, "kind")
	if s.Origin == nil || s.Ended {
		kind = KindOrigin
	}
	var open []int64
	for n, o := range s.Open {
		if len(o.Pending) > 0 {
			open = append(open, n)
		}
	}
	slices.Sort(open)
	switch {
	case kind == KindOrigin:
		return origin(10 + step("origin"))
	case kind == KindEnd:
		return &End{}
	case kind == KindBegin:
		return begin(s.Position+step("fence"), some.Draw(rt, "tables")...)
	case kind == KindChanges || len(open) == 0:
		c := changes(s.Position, s.Position+step("end"), some.Draw(rt, "tables")...)
		for i := range c.Tables {
			part := &c.Tables[i]
			part.Columns = []schema.Column{column("id"), column(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "column"))}
			part.Segments[0].Path = fmt.Sprintf("segments/run/%s/%d.parquet", part.Table, serial)
			for _, o := range s.Watching(part.Table) {
				part.Segments[0].VisibleIn = append(part.Segments[0].VisibleIn, o.Number)
			}
		}
		if rapid.Bool().Draw(rt, "mark") {
			c.Reload = []ReloadMark{{Table: c.Tables[0].Table, LSN: c.Start + step("marked"), Reason: "drawn"}}
		}
		return c
	}
	number := rapid.SampledFrom(open).Draw(rt, "begin")
	pending := slices.SortedFunc(maps.Keys(s.Open[number].Pending), schema.TableName.Compare)
	name := rapid.SampledFrom(pending).Draw(rt, "pending")
	if kind == KindAbandoned {
		return &Abandoned{Begin: number, Tables: []schema.TableName{name}}
	}
	return done(number, name, column("id"))
}

// Every reader gets the same state, whether it reads the ledger at once, in
// steps, or by appending to it. No handed-out state changes later.
func TestFoldDoesNotDependOnTheReader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := newMemory()
		writers := []*Ledger{open(t, store, "a"), open(t, store, "b")}
		follower := open(t, store, "follower")
		var handed []frozen
		keep := func(s *State) { handed = append(handed, frozen{s, text(t, s)}) }
		for i := range rapid.IntRange(1, 25).Draw(rt, "entries") {
			l := rapid.SampledFrom(writers).Draw(rt, "writer")
			s, err := l.Refresh(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			keep(s)
			if _, err := l.Append(t.Context(), s.Head, draw(rt, s, i)); err != nil {
				rt.Fatal(err)
			}
			keep(l.State())
			if rapid.Bool().Draw(rt, "follow") {
				s, err := follower.Refresh(t.Context())
				if err != nil {
					rt.Fatal(err)
				}
				keep(s)
			}
		}
		whole := open(t, store, "whole").State()
		for _, l := range append(writers, follower) {
			s, err := l.Refresh(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(whole, s); diff != "" {
				rt.Errorf("%s (-in one go +in steps):\n%s", l.opt.Run, diff)
			}
		}
		for _, f := range handed {
			if now := text(t, f.state); now != f.text {
				rt.Errorf("a state that was handed out at head %d changed:\n%s", f.state.Head, cmp.Diff(f.text, now))
			}
		}
		invariants(rt, whole, store)
	})
}

// invariants compares the state with the entries, which it reads without
// folding.
func invariants(rt *rapid.T, s *State, store *memory) {
	newest := map[schema.TableName]*Done{}
	var position pglogrepl.LSN
	staged := map[schema.TableName][]int64{}
	for n := int64(1); n <= s.Head; n++ {
		var e Entry
		if err := json.NewDecoder(bytes.NewReader(store.files[FileName(n)])).Decode(&e); err != nil {
			rt.Fatal(err)
		}
		switch {
		case e.Origin != nil:
			position = e.Origin.ConsistentPoint
		case e.Done != nil && (newest[e.Done.Table] == nil || newest[e.Done.Table].Begin < e.Done.Begin):
			newest[e.Done.Table] = e.Done
		case e.Changes != nil:
			position = e.Changes.End
			for _, part := range e.Changes.Tables {
				staged[part.Table] = append(staged[part.Table], n)
			}
		}
	}
	if s.Position != position {
		rt.Errorf("position is %s, want %s", s.Position, position)
	}
	for name, ts := range s.Tables {
		if diff := cmp.Diff(newest[name], ts.Snapshot); diff != "" {
			rt.Errorf("snapshot of %s (-want +got):\n%s", name, diff)
		}
		wantStaged := staged[name]
		if d := newest[name]; d != nil {
			wantStaged = slices.DeleteFunc(wantStaged, func(n int64) bool { return n < d.Begin })
		}
		if got := stagedEntries(ts); !slices.Equal(got, wantStaged) {
			rt.Errorf("changes of %s are entries %v, want %v", name, got, wantStaged)
		}
	}
}
