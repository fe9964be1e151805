package loads

import (
	"testing"
	"time"
)

// TestPastStaysSmall: old loads are added up by the hour and forgotten at last, and none is lost or counted twice before.
func TestPastStaysSmall(t *testing.T) {
	var c Cache
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	sum := func() (loads int, rows int64) {
		for _, p := range c.Past {
			loads += p.Loads
			rows += p.Rows
		}
		return loads, rows
	}
	const few = 24 * 60
	for n := range few {
		c.Note(Past{First: at, Last: at, Loads: 1, Entry: int64(n), Rows: 2, Changed: 1})
		at = at.Add(time.Minute)
	}
	if loads, rows := sum(); loads != few || rows != 2*few {
		t.Errorf("%d loads of %d rows in a day of %d", loads, rows, few)
	}
	if n := len(c.Past); n > singlePast+26 {
		t.Errorf("%d items for a day", n)
	}
	for i, p := range c.Past {
		if i > 0 && !p.First.After(c.Past[i-1].Last) || p.Last.Before(p.First) || p.Changed != p.Loads {
			t.Errorf("item %d: %+v", i, p)
		}
		if single := i >= len(c.Past)-singlePast; single != (p.Loads == 1) && single {
			t.Errorf("a new load was added to others: %+v", p)
		}
	}
	for range 40 * 24 {
		c.Note(Past{First: at, Last: at, Loads: 1})
		at = at.Add(time.Hour)
	}
	if n := len(c.Past); n != mostPast {
		t.Errorf("%d items after 40 days, want %d", n, mostPast)
	}
}
