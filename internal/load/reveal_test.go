package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
)

// foldedTable is loadedTable with entries 6 and 7 folded. Its ledger has no
// pack: reading the entries is an error of the table.
func foldedTable(t *testing.T) *table {
	t.Helper()
	w := loadedTable()
	l, err := ledger.Open(t.Context(), ledgertest.Store{}, ledger.Options{Run: "run", Version: "1.0.0", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.loader.Ledger = l
	w.Whole.Packed = 7
	w.steps[1].folded, w.steps[1].first, w.steps[1].files, w.State.Folded = true, 6, nil, folded(7)
	w.State.Folded[0].Rows = 2
	return w
}

// Folded steps are read from the ledger only if the table shows some of them,
// but not all, in a way that distinguishes the steps.
func TestWhatIsUnfolded(t *testing.T) {
	onlySnapshot := func(w *table) { w.seen.rows, w.seen.total, w.seen.newest = map[int64]int64{5: 10}, 10, 5 }
	for name, c := range map[string]struct {
		change func(*table)
		reads  bool // to see what the table holds
		next   bool // or to load the rest
	}{
		"all is loaded": {func(*table) {}, false, false},
		"all is loaded, and nothing follows what is folded": {func(w *table) {
			w.steps, w.cached.Entry = w.steps[:2], 7
			delete(w.seen.rows, 8)
			w.seen.total, w.seen.newest = 12, 7
		}, false, false},
		"only the snapshot is":   {onlySnapshot, true, true},
		"it is not there":        {func(w *table) { onlySnapshot(w); w.Exists, w.cached = false, loads.Table{} }, false, true},
		"it shows nothing":       {func(w *table) { onlySnapshot(w); w.strange = true }, false, true},
		"it holds an older one":  {func(w *table) { onlySnapshot(w); w.seen.snapshot, w.cached = 2, loads.Table{} }, false, true},
		"rows behind the folded": {func(w *table) { w.seen.rows[6], w.seen.total = 1, 16 }, false, false},
		"rows before the folded": {
			func(w *table) { w.seen.rows[5], w.seen.total, w.seen.newest = 11, 13, 7; delete(w.seen.rows, 8) }, true, true,
		},
		"counted from behind them": {func(w *table) { w.seen.floor, w.seen.rows, w.seen.total = 8, map[int64]int64{8: 3}, 14 }, false, false},
		"nothing of it is folded": {func(w *table) { // the snapshot holds those rows, and the ledger keeps it
			w.steps[1].folded = false
			onlySnapshot(w)
			w.cached = loads.Table{}
		}, false, false},
	} {
		w := foldedTable(t)
		c.change(w)
		err := w.reveal(t.Context())
		read := err != nil
		if read != c.reads || read &&
			(failure.KindOf(err) != failure.Tables || !strings.Contains(failure.HintOf(err), "full-load --tables public.orders")) {
			t.Errorf("%s: to see what it holds: %v", name, err)
		}
		w = foldedTable(t)
		c.change(w)
		if _, err := w.next(t.Context()); (err != nil && strings.Contains(err.Error(), "read what is staged of")) != c.next {
			t.Errorf("%s: to load the rest: %v", name, err)
		}
		w = foldedTable(t)
		w.steps[1].folded = false
		if err := w.unfold(t.Context(), 0); err != nil {
			t.Errorf("what the snapshot holds is read: %v", err)
		}
	}
	w := foldedTable(t)
	w.seen.rows, w.seen.total, w.seen.newest = map[int64]int64{}, 0, 0
	w.Whole.Packed, w.State.Folded = 0, nil // nothing has to be read, and an empty table is not counted
	if err := w.reveal(t.Context()); err != nil || len(w.steps) != 1 {
		t.Errorf("of an empty table: %d steps, %v", len(w.steps), err)
	}
}

// A table that does not exist, or cannot show what it holds, is not counted.
func TestTablesThatShowSomething(t *testing.T) {
	for _, c := range []struct{ exists, strange, want bool }{{true, false, true}, {true, true, false},
		{false, false, false}, {false, true, false}} {
		if got := (&table{Log: bronze.Log{Exists: c.exists}, strange: c.strange}).shows(); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
	if failure.KindOf(failure.New(failure.Conflict, "lost")) == failure.Tables ||
		failure.KindOf(failure.New(failure.Conflict, "lost")) != failure.Conflict {
		t.Error("an error is of another kind than it says")
	}
}

// Only the table's own errors stop it. Errors of the lock, transient errors,
// and errors while the run ends do not count against the table.
func TestErrorsThatAreNotTheTables(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		ended       bool // the run
		failed      error
		want        string // part of the error; "" for none
		quarantined bool
		proved      int64
	}{
		"of the table":        {failure.New(failure.Tables, "odd"), false, nil, "", true, 1},
		"as the run ends":     {failure.New(failure.Tables, "odd"), true, nil, "odd", false, 1},
		"the lock is lost":    {failure.New(failure.Conflict, "lost"), false, nil, "lost", false, 1},
		"of the warehouse":    {loadtest.ErrNotRun, false, nil, "load public.orders: ", false, 1},
		"it has failed":       {loadtest.ErrNotRun, false, errors.New("before"), "", false, 0},
		"what it shows is it": {loadtest.ErrNotRun, false, nil, "", true, 0},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		w := loadedTable()
		w.loader.Files = new(databricks.Files)
		w.cached.Entry, w.seen.total = 7, 12
		delete(w.seen.rows, 8)
		if name == "what it shows is it" {
			w.seen.rows[7] = 1
		}
		w.result.Err = c.failed
		l := &loadtest.Lock{Errs: func(int64) error {
			if c.ended {
				cancel()
			}
			return c.err
		}}
		w.loader.Lock = l
		err := w.bring(ctx)
		if got := (err != nil) == (c.want != ""); !got || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if w.result.Quarantined != c.quarantined || l.Proved() != c.proved {
			t.Errorf("%s: quarantined is %t, after %d statements", name, w.result.Quarantined, l.Proved())
		}
		cancel()
	}
}
