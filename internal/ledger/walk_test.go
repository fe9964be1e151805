package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
)

// walked lists what a walk names, as text.
func walked(t *testing.T, l *Ledger, s *State) (names []string, err error) {
	t.Helper()
	err = l.Walk(t.Context(), s, func(n Named) error {
		names = append(names, fmt.Sprintf("%d %s %d %s", n.Entry, n.Table, n.Begin, n.Path))
		return nil
	})
	return names, err
}

func TestWalkNamesEverySegmentOfFilesAndPacks(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 2)
	h.record()
	compact(t, l, nil)
	grow(t, l, 6)
	h.record()
	stale := openKeeping(t, h, "stale")
	want, err := walked(t, open(t, h.all.copied(), "all"), stale.State())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(want, func(n string) bool { return strings.HasPrefix(n, "3 ") }) || len(want) < 17 {
		t.Errorf("entries name %v, want a snapshot's segment and 16 of changes", want)
	}
	got, err := walked(t, stale, stale.State())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-all entries +packs and files):\n%s", err, diff)
	}
	grow(t, l, 6)
	compact(t, l, nil) // removes files that the other run would read
	got, err = walked(t, stale, stale.State())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("after a compaction: %v (-all entries +packs and files):\n%s", err, diff)
	}
	stop := errors.New("stop")
	if err := stale.Walk(t.Context(), stale.State(), func(Named) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want the callback's", err)
	}
}

func TestWalkProvesTheChain(t *testing.T) {
	for name, damage := range map[string]func(m *memory){
		"an entry was changed": func(m *memory) {
			m.files[FileName(5)] = []byte(strings.Replace(string(m.files[FileName(5)]), `"rows": `, `"rows":  `, 1))
		},
		"the newest entry was changed": func(m *memory) {
			m.files[FileName(7)] = []byte(strings.Replace(string(m.files[FileName(7)]), `"rows": `, `"rows":  `, 1))
		},
		"an entry is missing": func(m *memory) { delete(m.files, FileName(5)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := begun(t, m, 4)
			s := l.State()
			damage(m)
			if _, err := walked(t, l, s); failure.KindOf(err) != failure.Conflict {
				t.Errorf("error %v, want a conflict that names the damage", err)
			}
		})
	}
}
