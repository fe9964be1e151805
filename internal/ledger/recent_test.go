package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
)

// recent lists the numbers of the entries since a moment.
func recent(t *testing.T, l *Ledger, s *State, since time.Time) (numbers []int64, err error) {
	t.Helper()
	err = l.Recent(t.Context(), s, since, func(e *Entry) error {
		numbers = append(numbers, e.Number)
		return nil
	})
	return numbers, err
}

func TestRecentReadsFilesAndPacksBackwards(t *testing.T) {
	h := newHistory()
	l := begun(t, h, 2)
	h.record()
	compact(t, l, nil)
	grow(t, l, 6)
	compact(t, l, nil)
	grow(t, l, 3)
	h.record()
	s := openKeeping(t, h, "reader")
	var want []int64
	for n := s.State().Head; n > 0; n-- {
		want = append(want, n)
	}
	got, err := recent(t, s, s.State(), time.Time{})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := recent(t, s, s.State(), clock().Add(time.Hour)); len(got) > 0 || err != nil {
		t.Errorf("after the newest entry: %v, %v", got, err)
	}
	stop := errors.New("stop")
	if err := s.Recent(t.Context(), s.State(), time.Time{}, func(*Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want the callback's", err)
	}
}

// TestRecentReadsNoMoreThanThePeriod: the entry before the period ends it, and no file before that one's chunk is read.
func TestRecentReadsNoMoreThanThePeriod(t *testing.T) {
	m := newMemory()
	at := clock()
	l, err := Open(t.Context(), m, Options{Run: "r", Version: "1.0.0", Now: func() time.Time { at = at.Add(time.Minute); return at }})
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, origin(10))
	grow(t, l, backMost+50)
	s := l.State()
	delete(m.files, FileName(1)) // it is in the chunk before the newest
	since := at.Add(-10 * time.Minute)
	got, err := recent(t, l, s, since)
	down := slices.IsSortedFunc(got, func(a, b int64) int { return int(b - a) })
	if err != nil || len(got) == 0 || len(got) > 11 || got[0] != s.Head || !down {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := recent(t, l, s, time.Time{}); failure.KindOf(err) != failure.Conflict {
		t.Errorf("a missing entry: %v, want a conflict", err)
	}
}

func TestRecentProvesTheChain(t *testing.T) {
	for _, n := range []int64{5, 7} {
		m := newMemory()
		l := begun(t, m, 4)
		s := l.State()
		m.files[FileName(n)] = []byte(strings.Replace(string(m.files[FileName(n)]), `"rows": `, `"rows":  `, 1))
		if _, err := recent(t, l, s, time.Time{}); failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), FileName(n)) {
			t.Errorf("entry %d was changed: %v, want a conflict that names it", n, err)
		}
	}
}
