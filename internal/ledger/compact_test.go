package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pglogrepl"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/schema"
)

const keptInTests = 3

// history is a store that remembers every entry that was ever created.
type history struct {
	*memory
	all *memory // holds entries only and deletes nothing
}

func newHistory() *history { return &history{newMemory(), newMemory()} }

// record copies the entries that are in the store now. It does not replace
// existing ones.
func (h *history) record() {
	for name, data := range h.copied().files {
		if !strings.HasPrefix(name, CheckpointDirectory) && !strings.HasPrefix(name, PackDirectory) && h.all.files[name] == nil {
			h.all.files[name] = data
		}
	}
}

func openKeeping(t testing.TB, store Store, run string) *Ledger {
	t.Helper()
	l, err := tryKeeping(t, store, run)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func tryKeeping(t testing.TB, store Store, run string) (*Ledger, error) {
	return Open(t.Context(), store, Options{Run: run, Version: "1.0.0", Now: clock, kept: keptInTests})
}

func compact(t testing.TB, l *Ledger, loaded map[schema.TableName]int64) Compacted {
	t.Helper()
	done, err := l.Compact(t.Context(), loaded)
	if err != nil {
		t.Fatalf("compact: %v", err)
	}
	return done
}

// normal returns the state with everything folded that can be. This makes
// states comparable that were folded at different times.
func normal(s *State) *State {
	n := s.clone()
	everything := map[schema.TableName]int64{}
	for name := range n.Tables {
		everything[name] = math.MaxInt64
	}
	n.fold(n.Head, n.Checksum, everything, 0)
	return n
}

// same compares a state with the state of all entries, read one by one.
func same(t interface {
	Helper()
	Errorf(format string, args ...any)
}, what string, got, all *State) {
	t.Helper()
	if diff := cmp.Diff(normal(all), normal(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-all entries +got):\n%s", what, diff)
	}
}

// grow appends n changes entries, each with changes of both tables.
func grow(t testing.TB, l *Ledger, n int) {
	t.Helper()
	for range n {
		s, err := l.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		add(t, l, changes(s.Position, s.Position+10, orders, items))
	}
}

// begun returns a ledger with an origin, a completed snapshot of orders, an
// open snapshot of items, and n changes.
func begun(t testing.TB, store Store, n int) *Ledger {
	t.Helper()
	l := openKeeping(t, store, "r")
	add(t, l, origin(10))
	add(t, l, begin(15, orders, items))
	add(t, l, done(2, orders, column("id")))
	grow(t, l, n)
	return l
}

// A checkpoint plus the entries after it equals all entries, at whichever entry
// the checkpoint was written. Everything that it folded can be unfolded.
func TestCheckpointAndRestAreAllEntries(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory()
		l := openKeeping(t, h, "a")
		var handed []frozen
		for i := range rapid.IntRange(1, 40).Draw(rt, "entries") {
			if rapid.IntRange(0, 3).Draw(rt, "reopen") == 0 {
				l = openKeeping(t, h, "b")
			}
			s := l.State()
			handed = append(handed, frozen{s, text(t, s)})
			if _, err := l.Append(t.Context(), s.Head, draw(rt, s, i)); err != nil {
				rt.Fatal(err)
			}
			h.record()
			if rapid.IntRange(0, 3).Draw(rt, "compact") == 0 {
				loaded := map[schema.TableName]int64{orders: rapid.Int64Range(0, int64(i)).Draw(rt, "loaded")}
				if _, err := l.Compact(t.Context(), loaded); err != nil {
					rt.Fatal(err)
				}
			}
		}
		all := open(t, h.all, "all").State()
		same(rt, "in one process", l.State(), all)
		again := openKeeping(t, h, "again")
		s := again.State()
		same(rt, "opened again", s, all)
		for _, table := range s.Sorted() {
			from := rapid.Int64Range(0, s.Head+1).Draw(rt, "from")
			part, err := again.Unfold(t.Context(), s, table, from)
			if err != nil {
				rt.Fatal(err)
			}
			if i := slices.IndexFunc(part.Folded, func(f FoldedChanges) bool { return f.Last >= from }); i >= 0 {
				rt.Errorf("unfolded from %d, %s has %+v folded", from, table.Table, part.Folded[i])
			}
			whole, err := again.Unfold(t.Context(), s, part, 0)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(all.Tables[table.Table], whole, cmpopts.EquateEmpty()); diff != "" {
				rt.Errorf("%s unfolded (-all entries +got):\n%s", table.Table, diff)
			}
		}
		for _, f := range handed {
			if now := text(t, f.state); now != f.text {
				rt.Errorf("a state that was handed out at head %d changed:\n%s", f.state.Head, cmp.Diff(f.text, now))
			}
		}
	})
}

func (h *history) entries() []int64 {
	var numbers []int64
	for n := int64(1); n < 1000; n++ {
		if h.files[FileName(n)] != nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func TestCompactionKeepsTheNewestEntries(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 7)
	if got := compact(t, l, nil); got != (Compacted{Checkpoint: 10, Packed: 10, Removed: 7}) {
		t.Errorf("compacted %+v", got)
	}
	want(t, "entries", h.entries(), []int64{8, 9, 10})
	if got := compact(t, l, nil); got != (Compacted{}) {
		t.Errorf("with nothing new, compacted %+v", got)
	}
	grow(t, l, 4)
	if got := compact(t, l, nil); got != (Compacted{Checkpoint: 14, Packed: 4, Removed: 4}) {
		t.Errorf("compacted %+v", got)
	}
	grow(t, l, 1)
	compact(t, l, nil)
	want(t, "entries", h.entries(), []int64{13, 14, 15})
	checkpoints, err := l.checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, "checkpoints", checkpoints, []int64{15, 14})
}

func TestCompactionIsDueByTheEntriesBehindTheCheckpoint(t *testing.T) {
	store := newMemory()
	l := begun(t, store, CompactAfter-3)
	if l.Due() {
		t.Errorf("due after %d entries", l.State().Head)
	}
	grow(t, l, 1)
	if !l.Due() || !openKeeping(t, store, "again").Due() {
		t.Errorf("not due after %d entries", l.State().Head)
	}
	compact(t, l, nil)
	if l.Due() || openKeeping(t, store, "again").Due() {
		t.Error("due after a compaction")
	}
}

// Loaded changes are folded at once. Other changes are folded when they are
// old. A table's newest part is never folded.
func TestFoldedAreLoadedChangesAndOldOnes(t *testing.T) {
	l := begun(t, newMemory(), 10) // entries 4 to 13
	compact(t, l, map[schema.TableName]int64{orders: 12, items: 5})
	s := l.State()
	want(t, "orders", stagedEntries(s.Tables[orders]), []int64{12, 13})
	want(t, "items", stagedEntries(s.Tables[items]), []int64{11, 12, 13})
	if f := s.Tables[orders].Folded; len(f) != 1 || f[0].First != 4 || f[0].Last != 11 || f[0].Rows != 16 {
		t.Errorf("orders: %+v", f)
	}
	l = begun(t, newMemory(), 10)
	compact(t, l, map[schema.TableName]int64{orders: 13, items: 99})
	want(t, "orders, all loaded", stagedEntries(l.State().Tables[orders]), []int64{13})
	want(t, "items, all loaded", stagedEntries(l.State().Tables[items]), []int64{13})
}

// Sums do not extend across the begin of a snapshot that may still be
// completed.
func TestSnapshotThatIsDoneAfterACompaction(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 5)
	add(t, l, begin(l.State().Position+5, orders))
	grow(t, l, 6)
	compact(t, l, nil)
	add(t, l, done(9, orders, column("id")))
	compact(t, l, nil)
	h.record()
	s := openKeeping(t, h, "again").State()
	if f := s.Tables[orders].Folded; len(f) != 1 || f[0].First != 10 {
		t.Errorf("orders: %+v, want what follows entry 9", f)
	}
}

// faulty is the store as one process sees it. Just before one of its calls,
// another process acts or this process is killed.
type faulty struct {
	*memory
	mu     sync.Mutex
	calls  int
	at     int    // the call, counted from 1
	before func() // what the other process does
	killed bool   // this call and all later ones fail
	late   bool   // … but this one takes effect
}

var errKilled = errors.New("killed")

// step returns whether the call fails and whether it takes effect.
func (f *faulty) step() (err error, effect bool) {
	f.mu.Lock()
	f.calls++
	call := f.calls
	f.mu.Unlock()
	if call == f.at && f.before != nil {
		f.before()
	}
	if f.killed && call >= f.at {
		return errKilled, f.late && call == f.at
	}
	return nil, true
}

func (f *faulty) Create(ctx context.Context, name string, data []byte) error {
	err, effect := f.step()
	if effect {
		err = errors.Join(err, f.memory.Create(ctx, name, data))
	}
	return err
}

func (f *faulty) Delete(ctx context.Context, name string) error {
	err, effect := f.step()
	if effect {
		err = errors.Join(err, f.memory.Delete(ctx, name))
	}
	return err
}

func (f *faulty) Read(ctx context.Context, name string) ([]byte, error) {
	if err, _ := f.step(); err != nil {
		return nil, err
	}
	return f.memory.Read(ctx, name)
}

func (f *faulty) Names(ctx context.Context, dir string) ([]string, error) {
	if err, _ := f.step(); err != nil {
		return nil, err
	}
	return f.memory.Names(ctx, dir)
}

// A compaction may be killed at any of its calls, before or after the call
// takes effect. The ledger keeps its content, and the next compaction finishes
// the work.
func TestCompactionKilledAtEveryCall(t *testing.T) {
	for _, late := range []bool{false, true} {
		for at := 1; ; at += stride() {
			h := newHistory()
			l := begun(t, h, 4)
			h.record()
			compact(t, l, nil)
			grow(t, openKeeping(t, h, "r"), 6)
			h.record()
			all := open(t, h.all, "all").State()
			f := &faulty{memory: h.memory}
			l = openKeeping(t, f, "killed")
			f.calls, f.at, f.killed, f.late = 0, at, true, late
			_, err := l.Compact(t.Context(), nil)
			if err == nil {
				if f.calls >= at {
					t.Errorf("killed at call %d, the compaction says that it succeeded", at)
				}
				if at < 15 {
					t.Errorf("a compaction takes %d calls only", at-1)
				}
				break
			}
			what := fmt.Sprintf("killed at call %d (late: %v)", at, late)
			l = openKeeping(t, h, "next")
			same(t, what, l.State(), all)
			compact(t, l, nil)
			again := openKeeping(t, h, "again")
			same(t, what+", and compacted", again.State(), all)
			unfolds(t, what, again, all)
			grow(t, again, 5)
			compact(t, again, nil)
			want(t, what+": entries at the end", h.entries(), []int64{16, 17, 18})
		}
	}
}

// stride is from one call, or byte, that goes wrong to the next: each does, or one of six in
// a short run.
func stride() int {
	if testing.Short() {
		return 6
	}
	return 1
}

// unfolds checks that everything folded can be read from the packs.
func unfolds(t *testing.T, what string, l *Ledger, all *State) {
	t.Helper()
	s := l.State()
	for _, table := range s.Sorted() {
		whole, err := l.Unfold(t.Context(), s, table, 0)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if diff := cmp.Diff(all.Tables[table.Table], whole, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s unfolded (-all entries +got):\n%s", what, table.Table, diff)
		}
	}
}

// others returns what another process does in the meantime: it appends some
// entries, or none, and compacts.
func others(t *testing.T, h *history, appends int) func() {
	return func() {
		l := openKeeping(t, h.memory, "other")
		for range appends {
			grow(t, l, 1)
			h.record()
		}
		compact(t, l, nil)
	}
}

// Another process may act at any moment. A compaction, an append and an open
// then give the right result or change nothing.
func TestAnotherProcessAtEveryCall(t *testing.T) {
	for _, appends := range []int{0, 1, 5} {
		act := map[string]func(l *Ledger) error{
			"compact": func(l *Ledger) error { _, err := l.Compact(t.Context(), nil); return err },
			"refresh": func(l *Ledger) error { _, err := l.Refresh(t.Context()); return err },
			"append": func(l *Ledger) error {
				s := l.State()
				c := changes(s.Position, s.Position+10, orders)
				c.Tables[0].Segments[0].Path = "segments/mine.parquet"
				_, err := l.Append(t.Context(), s.Head, c)
				return err
			},
			"open": func(l *Ledger) error { _, err := tryKeeping(t, l.store, "me"); return err },
		}
		for doing, do := range act {
			for at := 1; ; at += stride() {
				h := newHistory()
				l := begun(t, h, 4)
				h.record()
				compact(t, l, nil)
				grow(t, openKeeping(t, h, "r"), 6)
				h.record()
				f := &faulty{memory: h.memory}
				l = openKeeping(t, f, "me")
				f.calls, f.at, f.before = 0, at, others(t, h, appends)
				err := do(l)
				if f.calls < at {
					break
				}
				h.record()
				what := fmt.Sprintf("%s, where another process appends %d entries and compacts before call %d", doing, appends, at)
				checkOutcome(t, what, h, l, doing == "append", err)
			}
		}
	}
}

func checkOutcome(t *testing.T, what string, h *history, l *Ledger, appending bool, err error) {
	t.Helper()
	all := open(t, h.all, "all")
	_, there := all.taken["segments/mine.parquet"]
	switch {
	case !appending && err != nil, appending && err != nil && !errors.Is(err, ErrLost):
		t.Errorf("%s: %v", what, err)
	case appending && there != (err == nil):
		t.Errorf("%s: the entry is there: %v, but the append says %v", what, there, err)
	}
	fresh := openKeeping(t, h, "fresh")
	same(t, what, fresh.State(), all.State())
	unfolds(t, what, fresh, all.State())
	s, err := l.Refresh(t.Context())
	if err != nil {
		t.Errorf("%s: refresh: %v", what, err)
		return
	}
	same(t, what+", refreshed", s, all.State())
	if _, err := l.Append(t.Context(), s.Head, changes(s.Position, s.Position+10, items)); err != nil {
		t.Errorf("%s: append: %v", what, err)
	}
}

// Compactions and appends run concurrently.
func TestCompactionsBesideAppends(t *testing.T) {
	h := newHistory()
	begun(t, h, 4)
	h.record()
	var wg sync.WaitGroup
	for i := range 3 {
		l := openKeeping(t, h.memory, fmt.Sprint(i))
		wg.Go(func() {
			for range 20 {
				if _, err := l.Refresh(t.Context()); err != nil {
					t.Errorf("refresh: %v", err)
				}
				if _, err := l.Compact(t.Context(), nil); err != nil {
					t.Errorf("compact: %v", err)
				}
			}
		})
	}
	for i := range 3 {
		l := openKeeping(t, h.memory, fmt.Sprint("appender", i))
		wg.Go(func() {
			for k := range 30 {
				s := l.State()
				c := changes(s.Position, s.Position+1, orders)
				c.Tables[0].Segments[0].Path = fmt.Sprintf("segments/%d-%d.parquet", i, k)
				if _, err := l.Append(t.Context(), s.Head, c); err != nil && !errors.Is(err, ErrLost) {
					t.Errorf("append: %v", err)
				} else if errors.Is(err, ErrLost) {
					if _, err := l.Refresh(t.Context()); err != nil {
						t.Errorf("refresh: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	l := openKeeping(t, h, "after")
	s := l.State()
	table, err := l.Unfold(t.Context(), s, s.Tables[orders], 0)
	if err != nil {
		t.Fatal(err)
	}
	position, staged := pglogrepl.LSN(0), stagedEntries(table)
	for i, c := range table.Changes {
		if i > 0 && c.Start != position {
			t.Errorf("entry %d starts at %s, and the one before ended at %s", c.Entry, c.Start, position)
		}
		position = c.End
	}
	if len(staged) != int(s.Head-3) || s.Position != position {
		t.Errorf("head %d, position %s, %d entries staged up to %s", s.Head, s.Position, len(staged), position)
	}
}

// Invariant 1: a run never names a path twice. This holds after a compaction by
// this or another run has folded the entry that named the path.
func TestInvariant1ImmutablePathsAreNeverNamedTwiceAfterACompaction(t *testing.T) {
	for what, compacts := range map[string]func(t *testing.T, store *memory, l *Ledger){
		"its own": func(t *testing.T, _ *memory, l *Ledger) { compact(t, l, nil) },
		"another run's": func(t *testing.T, store *memory, l *Ledger) {
			compact(t, openKeeping(t, store, "another"), nil)
			compact(t, l, nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			store := newMemory()
			l := begun(t, store, 3*keptInTests)
			s := l.State()
			first := s.Tables[orders].Changes[0].Segments[0].Path
			d := s.Tables[orders].Snapshot
			add(t, l, begin(s.Position+5, orders))
			add(t, l, done(l.Head(), orders, column("id"))) // supersedes the first one
			grow(t, l, 3*keptInTests)
			compacts(t, store, l)
			if _, there := l.taken[first]; there || l.State().Tables[orders].Folded == nil {
				t.Fatalf("%s was not folded", first)
			}
			add(t, l, begin(l.State().Position+5, orders))
			again := changes(l.State().Position, l.State().Position+10, orders)
			again.Tables[0].Segments[0].Path = first
			before := changes(l.State().Position, l.State().Position+10, orders)
			before.Tables[0].Segments[0].Path = path.Dir(first) + "/1.parquet"
			added := changes(l.State().Position, l.State().Position+10, orders)
			added.Tables[0].Segments[0].Path = d.Directory + "/1.parquet"
			directory := done(l.Head(), orders, column("id"))
			directory.Directory, directory.Segments[0].Path = d.Directory, d.Directory+"/1.parquet"
			for what, body := range map[string]any{
				"a segment": again, "a name before it": before, "a segment of a snapshot": added, "a snapshot's directory": directory,
			} {
				creates := store.creates
				if _, err := l.Append(t.Context(), l.Head(), body); err == nil || store.creates != creates {
					t.Errorf("%s again: error %v after %d writes", what, err, store.creates-creates)
				}
			}
			grow(t, l, 1)
		})
	}
}

// The memory that an open ledger uses for the paths that it has named does not
// grow with its age.
func TestWhatARunKeepsIsBounded(t *testing.T) {
	store := newMemory()
	l := begun(t, store, 0)
	for range 20 {
		grow(t, l, 2*keptInTests)
		compact(t, l, map[schema.TableName]int64{orders: l.Head(), items: l.Head()})
		if named := takenIn(l.state); len(l.taken) != len(named) || len(l.taken) > 2*(keptInTests+2) {
			t.Fatalf("after %d entries, %d paths are kept; the state names %d", l.Head(), len(l.taken), len(named))
		}
		if len(l.named.numbers) > 2 || len(l.named.directories) > 1 { // two tables' changes and one snapshot
			t.Fatalf("after %d entries, these names are kept: %v", l.Head(), l.named)
		}
	}
}
