//go:build cgo && unix

package tests

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

const (
	allCurrent = "SELECT id, v, _op, _deleted_ts IS NULL, _entry FROM bronze.prices_current_data"
	allHistory = "SELECT id, v, _op, __START_AT, __END_AT, _entry, _end_entry FROM bronze.prices_history_data"
)

// oldPrices is a world whose history has a past: a full load came after some changes.
func oldPrices(t *testing.T) *world {
	t.Helper()
	w := keeping(t, `CREATE TABLE prices (id int PRIMARY KEY, v int)`, `INSERT INTO prices VALUES (1, 1), (2, 2), (3, 3)`)
	w.must("full-load")
	w.exec(`UPDATE prices SET v = 10 WHERE id = 1`, `DELETE FROM prices WHERE id = 2`)
	w.must("cdc")
	w.must("full-load")
	w.exec(`UPDATE prices SET v = 100 WHERE id = 1`, `INSERT INTO prices VALUES (2, 20)`, `DELETE FROM prices WHERE id = 3`)
	w.must("cdc")
	return w
}

// TestRebuild: after any change by hand, a rebuild makes the tables beside a log as they were.
func TestRebuild(t *testing.T) {
	t.Parallel()
	w := oldPrices(t)
	current, history := w.lines(allCurrent), w.lines(allHistory)
	same := func(after string) {
		t.Helper()
		if got := w.lines(allCurrent); got != current {
			t.Errorf("after %s the current state is\n%s\nwant\n%s", after, got, current)
		}
		if got := w.lines(allHistory); got != history {
			t.Errorf("after %s the history is\n%s\nwant\n%s", after, got, history)
		}
	}
	for _, damage := range []string{
		"DELETE FROM bronze.%s_data WHERE _op = 'position'",
		"INSERT INTO bronze.%s_data SELECT * FROM bronze.%[1]s_data",
		"INSERT INTO bronze.%s_data SELECT * FROM bronze.%[1]s_data WHERE _op <> 'position'",
		"DELETE FROM bronze.%s_data WHERE _entry > 6 AND _op <> 'position'",
		"UPDATE bronze.%s_data SET v = v + 1 WHERE _entry > 6",
	} {
		w.byHand(strings.ReplaceAll(strings.ReplaceAll(damage, "%s", "prices_current"), "%[1]s", "prices_current"),
			strings.ReplaceAll(strings.ReplaceAll(damage, "%s", "prices_history"), "%[1]s", "prices_history"))
		w.must("load", "--rebuild", "current,history", "--tables", "prices")
		same(damage)
	}
	// What a load finds is quarantined, and the others go on.
	w.byHand("DELETE FROM bronze.prices_history_data WHERE _op = 'position'")
	w.exec(`INSERT INTO prices VALUES (4, 4)`)
	r := w.run("cdc")
	if r.code != 3 || !strings.Contains(r.stderr, "ingest load --rebuild history --tables public.prices") {
		t.Fatalf("without a position row: %s", r)
	}
	if got, want := w.lines("SELECT count(*) FROM bronze.prices_current WHERE id = 4"), "1"; got != want {
		t.Errorf("the current state did not go on: %s", got)
	}
	if r := w.run("cdc"); r.code != 3 || !strings.Contains(r.stderr, "the history of public.prices is quarantined since") {
		t.Errorf("the run after it: %s", r)
	}
	w.must("load", "--rebuild", "history")
	w.must("cdc")
	if got, want := w.lines("SELECT v, __END_AT IS NULL FROM bronze.prices_history WHERE id = 4"), "4 true"; got != want {
		t.Errorf("the history did not go on: %s", got)
	}
	// Without anything to keep it starts at the snapshot.
	w.byHand("DROP TABLE bronze.prices_history_data")
	if r := w.must("load", "--rebuild", "history"); !strings.Contains(r.stdout,
		"history rebuilt; it starts at the snapshot, because it had no ended periods to keep") {
		t.Errorf("a history from nothing: %s", r)
	}
}

// TestPositionOfAnotherCopy: a load does not merge into a table beside a log that has the expected entry, but of another copy of
// the ledger. It rebuilds the table, or corrects it.
func TestPositionOfAnotherCopy(t *testing.T) {
	t.Parallel()
	w := oldPrices(t)
	w.byHand("UPDATE bronze.prices_current_data SET _snapshot = 'of another copy' WHERE _op = 'position'",
		"UPDATE bronze.prices_current_data SET v = -1 WHERE id = 1 AND _op <> 'position'",
		"UPDATE bronze.prices_history_data SET _snapshot = 'of another copy' WHERE _op = 'position'",
		"UPDATE bronze.prices_history_data SET v = -1 WHERE id = 1 AND __END_AT IS NULL AND _op <> 'position'")
	w.exec(`UPDATE prices SET v = 21 WHERE id = 2`)
	w.must("cdc")
	if got, want := w.lines("SELECT id, v FROM bronze.prices_current WHERE _deleted_ts IS NULL"), "1 100\n2 21"; got != want {
		t.Errorf("the current state is\n%s\nwant\n%s", got, want)
	}
	if got, want := w.lines("SELECT id, v FROM bronze.prices_history WHERE __END_AT IS NULL"), "1 100\n2 21"; got != want {
		t.Errorf("the periods that last are\n%s\nwant\n%s", got, want)
	}
}

// TestRebuildKilled: a rebuild that is killed at any statement is continued by
// the next load, which is not asked to rebuild.
func TestRebuildKilled(t *testing.T) {
	t.Parallel()
	w := oldPrices(t)
	current, history := w.lines(allCurrent), w.lines(allHistory)
	for n := int64(1); ; n++ {
		w.byHand("DELETE FROM bronze.prices_current_data WHERE id = 1",
			"INSERT INTO bronze.prices_history_data SELECT * FROM bronze.prices_history_data WHERE _op <> 'position'")
		var statements atomic.Int64
		killed := w.killedAt(func(_ int64, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/sql/") && statements.Add(1) == n
		}, afterRequest, "load", "--rebuild", "history,current")
		w.must("load")
		if got := w.lines(allCurrent); got != current {
			t.Fatalf("killed at statement %d, the current state is\n%s\nwant\n%s", n, got, current)
		}
		if got := w.lines(allHistory); got != history {
			t.Fatalf("killed at statement %d, the history is\n%s\nwant\n%s", n, got, history)
		}
		if !killed {
			if n < 8 {
				t.Errorf("a rebuild sent %d statements", n-1)
			}
			return
		}
	}
}
