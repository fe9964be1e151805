package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// back lists the numbers of the entries that Back passes on, down to the given
// one.
func back(t *testing.T, l *Ledger, s *State, downTo int64) (numbers []int64, err error) {
	t.Helper()
	err = l.Back(t.Context(), s, func(e *Entry) (bool, error) {
		numbers = append(numbers, e.Number)
		return e.Number > downTo, nil
	})
	return numbers, err
}

// Back reads entries from the newest to the oldest, from files and packs. This
// also works while another run compacts the ledger.
func TestBackReadsFilesAndPacks(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 2)
	compact(t, l, nil)
	grow(t, l, 12)
	stale := openKeeping(t, h, "stale")
	s := stale.State()
	var all []int64
	for n := s.Head; n > 0; n-- {
		all = append(all, n)
	}
	for _, when := range []string{"before", "after"} {
		for _, downTo := range []int64{s.Head, s.Head - 3, s.Head - 9, 2, 1} {
			got, err := back(t, stale, s, downTo)
			if err != nil || !slices.Equal(got, all[:s.Head-downTo+1]) {
				t.Errorf("%s the compaction, down to %d: %v, %v", when, downTo, got, err)
			}
		}
		grow(t, l, 8)
		compact(t, l, nil) // removes files that the other run would read
	}
	stop := errors.New("stop")
	if err := stale.Back(t.Context(), s, func(*Entry) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want the callback's", err)
	}
}

func TestBackProvesTheChain(t *testing.T) {
	change := func(n int64) func(m *memory) {
		return func(m *memory) {
			m.files[FileName(n)] = []byte(strings.Replace(string(m.files[FileName(n)]), `"rows": `, `"rows":  `, 1))
		}
	}
	for name, damage := range map[string]func(m *memory){
		"an entry was changed": change(5), "the newest entry was changed": change(7),
		"an entry is missing": func(m *memory) { delete(m.files, FileName(5)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := begun(t, m, 4)
			s := l.State()
			damage(m)
			if _, err := back(t, l, s, 1); failure.KindOf(err) != failure.Conflict {
				t.Errorf("error %v, want a conflict that names the damage", err)
			}
		})
	}
}
