//go:build cgo && unix

package tests

import (
	"strings"
	"testing"
)

// TestPruneLeavesWhatAHistoryNeeds: segments from before a snapshot that is not loaded yet stay until the history includes them.
func TestPruneLeavesWhatAHistoryNeeds(t *testing.T) {
	t.Parallel()
	w := keeping(t, `CREATE TABLE prices (id int PRIMARY KEY, v int)`, `INSERT INTO prices VALUES (1, 1)`)
	w.must("full-load")
	w.exec(`UPDATE prices SET v = 2`)
	w.must("cdc", "--stage-only")
	w.exec(`UPDATE prices SET v = 3`)
	w.must("cdc", "--stage-only")
	w.must("full-load", "--stage-only")
	w.age()
	p := w.prune()
	if removed, kept := p.counts(); removed["superseded"] != 0 || removed["loaded"] != 0 || kept["needed"] == 0 {
		t.Errorf("removed %v, kept %v", removed, kept)
	}
	if len(p.Tables) != 1 || !strings.HasPrefix(p.Tables[0].Why, "its history does not have its newest snapshot yet") {
		t.Errorf("%+v", p.Tables)
	}
	w.must("load")
	if got, want := w.lines("SELECT v, __END_AT IS NULL FROM bronze.prices_history"), "1 false\n2 false\n3 true"; got != want {
		t.Errorf("the history has\n%s\nwant\n%s", got, want)
	}
	w.age()
	if removed, kept := w.prune().counts(); removed["superseded"] == 0 || len(kept) != 0 {
		t.Errorf("then removed %v, kept %v", removed, kept)
	}
}
