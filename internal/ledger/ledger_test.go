package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

func wantConflict(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if failure.KindOf(err) != failure.Conflict || failure.HintOf(err) == "" {
		t.Errorf("%v: kind %d, hint %q", err, failure.KindOf(err), failure.HintOf(err))
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
}

func TestEmptyLedgerWritesNothing(t *testing.T) {
	store := newMemory()
	s := open(t, store, "r").State()
	if s.Head != 0 || s.Origin != nil || s.Ledger != "" || store.creates != 0 {
		t.Errorf("state %+v after %d writes", s, store.creates)
	}
}

// If two ledgers append at the same number, exactly one wins. The other gets
// ErrLost and reads the winner's entry.
func TestInvariant3OneLineTwoRunsOneWins(t *testing.T) {
	for range 50 {
		store := newMemory()
		add(t, open(t, store, "origin"), origin(10))
		ledgers := []*Ledger{open(t, store, "a"), open(t, store, "b")}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, l := range ledgers {
			wg.Go(func() { _, errs[i] = l.Append(t.Context(), 1, changes(10, 20, table("by_"+l.opt.Run))) })
		}
		wg.Wait()
		winner := slices.Index(errs, nil)
		if winner < 0 || !errors.Is(errs[1-winner], ErrLost) {
			t.Fatalf("errors are %v, want one ErrLost", errs)
		}
		name := table("by_" + ledgers[winner].opt.Run)
		for i, l := range ledgers {
			s := l.State()
			if s.Head != 2 || len(s.Tables) != 1 || s.Tables[name] == nil {
				t.Errorf("ledger %d has head %d and tables %v, want the winner's", i, s.Head, s.Tables)
			}
		}
		if _, err := ledgers[1-winner].Append(t.Context(), 2, changes(20, 30)); err != nil {
			t.Errorf("the loser cannot go on: %v", err)
		}
	}
}

// Appended gets each entry that this run has appended, once, and no entry of
// another run.
func TestAppendedSeesTheRunsOwnEntries(t *testing.T) {
	store := newMemory()
	add(t, open(t, store, "origin"), origin(10))
	var seen []int64
	a := open(t, store, "a")
	a.opt.Appended = func(e *Entry) { seen = append(seen, e.Number) }
	add(t, a, changes(10, 20))
	add(t, open(t, store, "b"), changes(20, 30))
	if _, err := a.Append(t.Context(), 2, changes(20, 40)); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	add(t, a, changes(30, 40))
	if want := []int64{2, 4}; !slices.Equal(seen, want) {
		t.Errorf("entries %d, want %d", seen, want)
	}
}

// Goroutines of one run share a ledger. A goroutine that decided on an old head
// gets ErrLost.
func TestAppendDecidedOnAnOldHeadIsLost(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	old := l.State().Head
	add(t, l, changes(10, 20))
	if _, err := l.Append(t.Context(), old, changes(10, 30)); !errors.Is(err, ErrLost) {
		t.Errorf("error is %v", err)
	}
	if store.creates != 2 {
		t.Errorf("%d files were written, want 2", store.creates)
	}
}

func TestInvariant3OneLineLostAnswerIsSuccess(t *testing.T) {
	for name, answer := range map[string]error{"network error": errNetwork, "retried by the client": fs.ErrExist} {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			store.create = func(string) (bool, error) { return true, answer }
			l := open(t, store, "r")
			e, err := l.Append(t.Context(), 0, origin(10))
			if err != nil || e.Number != 1 || l.State().Position != 10 {
				t.Fatalf("append gave %v, %v", e, err)
			}
			if s := open(t, store, "other").State(); s.Head != 1 {
				t.Errorf("head is %d", s.Head)
			}
		})
	}
}

// The answer to Create is lost, and the entry there belongs to another run.
// This is a lost race.
func TestInvariant3OneLineLostAnswerOfALostRace(t *testing.T) {
	store := newMemory()
	other := open(t, store, "other")
	l := open(t, store, "r")
	add(t, other, origin(10))
	store.create = func(string) (bool, error) { return false, errNetwork }
	if _, err := l.Append(t.Context(), 0, origin(10)); !errors.Is(err, ErrLost) {
		t.Errorf("error is %v", err)
	}
	if s := l.State(); s.Head != 1 || s.Ledger != other.State().Ledger {
		t.Errorf("the loser has %+v", s)
	}
}

func TestAppendThatIsNotStoredAppendsNothing(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	store.create = func(string) (bool, error) { return false, errNetwork }
	if _, err := l.Append(t.Context(), 0, origin(10)); !errors.Is(err, errNetwork) || !strings.Contains(err.Error(), "entry 1") {
		t.Errorf("error is %v", err)
	}
	if l.State().Head != 0 || len(store.files) != 0 {
		t.Errorf("head %d, files %v", l.State().Head, store.files)
	}
	store.create = nil
	add(t, l, origin(10))
}

// Neither Create nor the read back gets an answer. The outcome is unknown until
// Refresh.
func TestAppendOfUnknownOutcome(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	store.create = func(string) (bool, error) { return true, errNetwork }
	store.read = func(string) error { return context.DeadlineExceeded }
	_, err := l.Append(t.Context(), 0, origin(10))
	if !errors.Is(err, errNetwork) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrLost) {
		t.Errorf("error is %v", err)
	}
	store.create, store.read = nil, nil
	s, err := l.Refresh(t.Context())
	if err != nil || s.Head != 1 || s.Position != 10 {
		t.Errorf("refresh gave %+v, %v", s, err)
	}
}

// A request that the client gave up may still arrive. The entry that it writes
// is found later.
func TestAppendThatArrivesLate(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	store.create = func(string) (bool, error) { return false, errNetwork }
	if _, err := l.Append(t.Context(), 1, changes(10, 20)); !errors.Is(err, errNetwork) {
		t.Fatalf("error is %v", err)
	}
	store.create = nil
	e, raw, err := l.compose(changes(10, 20))
	if err != nil {
		t.Fatal(err)
	}
	store.files[FileName(e.Number)] = raw
	if _, err := l.Append(t.Context(), 1, changes(10, 30)); !errors.Is(err, ErrLost) {
		t.Errorf("error is %v", err)
	}
	if p := l.State().Position; p != 20 {
		t.Errorf("position is %s, want the late entry's end", p)
	}
}

// Create is not atomic here: the second writer replaces the first one's entry,
// and both believe that they won. The next append detects it.
func TestInvariant3OneLineShowsASecondWriterWithoutAtomicCreate(t *testing.T) {
	both := func(t *testing.T) (store *memory, a, b *Ledger) {
		store = newMemory()
		store.overwrites = true
		add(t, open(t, store, "origin"), origin(10))
		a, b = open(t, store, "a"), open(t, store, "b")
		add(t, a, changes(10, 20, orders))
		add(t, b, changes(10, 25, items))
		return store, a, b
	}
	t.Run("the first goes on", func(t *testing.T) {
		store, a, b := both(t)
		add(t, a, changes(20, 30))
		_, err := b.Refresh(t.Context())
		wantConflict(t, err, FileName(3), "two runs")
		_, err = Open(t.Context(), store, Options{Run: "c", Now: clock})
		wantConflict(t, err, FileName(3), FileName(2), "two runs")
	})
	t.Run("the second goes on", func(t *testing.T) {
		store, a, b := both(t)
		add(t, b, changes(25, 30))
		_, err := a.Refresh(t.Context())
		wantConflict(t, err, FileName(3), "two runs")
		if s := open(t, store, "c").State(); s.Position != 30 {
			t.Errorf("what is stored is one line, but its position is %s", s.Position)
		}
	})
	t.Run("both go on", func(t *testing.T) {
		store, a, b := both(t)
		add(t, a, changes(20, 30))
		_, err := b.Append(t.Context(), 2, changes(25, 40))
		if err == nil {
			_, err = a.Refresh(t.Context())
			if err == nil {
				_, err = a.Append(t.Context(), 3, changes(30, 50))
			}
			if err == nil {
				_, err = Open(t.Context(), store, Options{Run: "c", Now: clock})
			}
		}
		wantConflict(t, err)
	})
	t.Run("the write is overtaken before it is read back", func(t *testing.T) {
		store := newMemory()
		l := open(t, store, "a")
		other := newMemory()
		add(t, open(t, other, "b"), origin(99))
		store.read = func(name string) error {
			if data, ok := other.files[name]; ok {
				store.files[name] = data
			}
			return nil
		}
		if _, err := l.Append(t.Context(), 0, origin(10)); !errors.Is(err, ErrLost) {
			t.Errorf("error is %v", err)
		}
		if p := l.State().Position; p != 99 {
			t.Errorf("position is %s, want the other run's", p)
		}
	})
}

func longLedger(t testing.TB) *memory {
	t.Helper()
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	for i := range pglogrepl.LSN(4) {
		add(t, l, changes(10+10*i, 20+10*i, orders))
	}
	return store
}

func TestInvariant3OneLineWithoutGaps(t *testing.T) {
	for n := int64(1); n <= 5; n++ {
		store := longLedger(t)
		delete(store.files, FileName(n))
		_, err := Open(t.Context(), store, Options{Run: "r", Now: clock})
		if n == 5 { // a ledger without its last entry looks like a shorter ledger
			if err != nil {
				t.Errorf("without entry 5: %v", err)
			}
			continue
		}
		wantConflict(t, err, FileName(n), "missing")
	}
}

// Swapped or misplaced entries are refused.
func TestInvariant3OneLineInOrder(t *testing.T) {
	store := longLedger(t)
	store.files[FileName(3)], store.files[FileName(4)] = store.files[FileName(4)], store.files[FileName(3)]
	_, err := Open(t.Context(), store, Options{Run: "r", Now: clock})
	wantConflict(t, err, FileName(3), "entry 4")
}

func TestForeignFilesAreNamed(t *testing.T) {
	for _, name := range []string{"README.md", "1.json", "00000000000000000006.json.tmp", "00000000000000000000.json",
		"-0000000000000000001.json", "+0000000000000000001.json", "0000000000000000000x.json"} {
		store := longLedger(t)
		store.files[Directory+"/"+name] = []byte("{}")
		_, err := Open(t.Context(), store, Options{Run: "r", Now: clock})
		wantConflict(t, err, Directory+"/"+name)
		if hint := failure.HintOf(err); strings.Contains(hint, "backup") {
			t.Errorf("%s: hint is %q", name, hint)
		}
	}
}

// A file never changes once it exists. Each entry is created once, and an
// appended entry keeps the content that was read back.
func TestInvariant1ImmutableEntries(t *testing.T) {
	store := newMemory()
	store.overwrites = true // makes a second Create of an entry visible
	l := open(t, store, "r")
	seen := map[string][]byte{}
	same := func() {
		t.Helper()
		for name, data := range seen {
			if !bytes.Equal(store.files[name], data) {
				t.Fatalf("%s changed:\n%s", name, cmp.Diff(string(data), string(store.files[name])))
			}
		}
		maps.Copy(seen, store.files)
	}
	for _, body := range []any{origin(10), begin(20, orders, items), changes(10, 15, orders), done(2, orders, column("id")),
		&Abandoned{Begin: 2, Tables: []schema.TableName{items}}, changes(15, 30, items), &End{}, origin(50)} {
		for head := int64(-1); head < l.State().Head; head++ {
			if _, err := l.Append(t.Context(), head, body); !errors.Is(err, ErrLost) {
				t.Fatalf("append behind %d: %v", head, err)
			}
		}
		add(t, l, body)
		same()
	}
	if len(seen) != 8 || store.creates != 8 {
		t.Errorf("%d entries from %d writes, want 8 from 8", len(seen), store.creates)
	}
}

// One changed byte anywhere in an entry that has a successor is detected.
func TestInvariant1ImmutableBytesAreProvedByTheChain(t *testing.T) {
	good := longLedger(t)
	name, next := FileName(3), FileName(4)
	for i := range good.files[name] {
		store := good.copied()
		store.files[name][i] ^= 1
		_, err := Open(t.Context(), store, Options{Run: "r", Now: clock})
		if err == nil {
			t.Fatalf("byte %d of %s may change", i, name)
		}
		wantConflict(t, err)
		if !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), next) {
			t.Errorf("byte %d: error %q names neither %s nor %s", i, err, name, next)
		}
	}
}

// No two entries name the same path. Nothing is ever added to the directory of
// a finished snapshot.
func TestInvariant1ImmutablePathsAreNeverNamedTwice(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	add(t, l, begin(20, orders, items))
	d := done(2, orders, column("id"))
	add(t, l, d)
	first := changes(10, 30, orders)
	add(t, l, first)

	again := changes(30, 40, orders)
	again.Tables[0].Segments[0].Path = first.Tables[0].Segments[0].Path
	twice := changes(30, 40, orders)
	twice.Tables[0].Segments = append(twice.Tables[0].Segments, twice.Tables[0].Segments...)
	snapshots := changes(30, 40, orders)
	snapshots.Tables[0].Segments[0].Path = d.Segments[0].Path
	added := changes(30, 40, orders)
	added.Tables[0].Segments[0].Path = d.Directory + "/2.parquet"
	directory := done(2, items, column("id"))
	directory.Directory, directory.Segments[0].Path = d.Directory, d.Directory+"/2.parquet"
	for what, body := range map[string]any{
		"a segment of changes again": again, "twice in an entry": twice, "a snapshot's segment as changes": snapshots,
		"added to a snapshot": added, "a snapshot's directory again": directory,
	} {
		creates := store.creates
		if _, err := l.Append(t.Context(), 4, body); err == nil || store.creates != creates {
			t.Errorf("%s: error %v after %d writes", what, err, store.creates-creates)
		}
	}
	add(t, l, changes(30, 40, orders))
}

type guard func() error

func (g guard) Prove(context.Context) error { return g() }

func TestGuardStopsTheAppendBeforeAnythingIsWritten(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	errGone := errors.New("the lock is gone")
	proved := 0
	holds := guard(func() error { proved++; return nil })
	gone := guard(func() error { return errGone })
	for _, guards := range [][]Guard{{gone}, {holds, gone}, {gone, holds}} {
		if _, err := l.Append(t.Context(), 0, origin(10), guards...); !errors.Is(err, errGone) {
			t.Errorf("error is %v", err)
		}
	}
	if store.creates != 0 || l.State().Head != 0 {
		t.Errorf("%d writes, head %d", store.creates, l.State().Head)
	}
	proved = 0
	if _, err := l.Append(t.Context(), 0, origin(10), holds, holds); err != nil || proved != 2 {
		t.Errorf("append: %v after %d proofs, want 2", err, proved)
	}
}

// Append never writes an entry that could not be read back.
func TestAppendRefusesWhatItCouldNotRead(t *testing.T) {
	store := newMemory()
	l := open(t, store, "r")
	add(t, l, origin(10))
	add(t, l, begin(20, orders))
	nameless := column("id")
	nameless.Type = schema.Type{}
	for what, body := range map[string]any{
		"a type without a name": done(2, orders, nameless),
		"not a body":            "text",
		"a value":               End{},
		"nil":                   nil,
		"a nil body":            (*Changes)(nil),
	} {
		if _, err := l.Append(t.Context(), 2, body); err == nil {
			t.Errorf("%s was appended", what)
		}
	}
	if store.creates != 2 {
		t.Errorf("%d files were written, want 2", store.creates)
	}
	if s := open(t, store, "other").State(); s.Head != 2 {
		t.Errorf("head is %d", s.Head)
	}
}

func TestOpenReportsWhichEntryCannotBeRead(t *testing.T) {
	store := longLedger(t)
	store.read = func(name string) error {
		if name == FileName(4) {
			return errNetwork
		}
		return nil
	}
	if _, err := Open(t.Context(), store, Options{Run: "r", Now: clock}); !errors.Is(err, errNetwork) ||
		!strings.Contains(err.Error(), "entry 4") {
		t.Errorf("error is %v", err)
	}
	store.read = func(name string) error {
		if name == FileName(6) { // the read after the last entry
			return errNetwork
		}
		return nil
	}
	if l, err := Open(t.Context(), store, Options{Run: "r", Now: clock}); !errors.Is(err, errNetwork) || l != nil {
		t.Errorf("ledger %v, error %v", l, err)
	}
}

// Open takes one listing and one request per entry, sixteen at a time.
func BenchmarkOpen(b *testing.B) {
	for _, entries := range []int{50, 500, 5000} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			store := newMemory()
			l := open(b, store, "r")
			add(b, l, origin(10))
			for i := range pglogrepl.LSN(entries - 1) {
				add(b, l, changes(10+10*i, 20+10*i, orders, items))
			}
			b.ReportAllocs()
			for b.Loop() {
				if s := open(b, store, "r").State(); s.Head != int64(entries) {
					b.Fatalf("head is %d", s.Head)
				}
			}
		})
	}
}
