//go:build cgo && unix

package load

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loadtest"
	"github.com/ingest-tool/ingest/internal/load/view"
)

// A load alters the view of a changed table if the pipeline created that view.
// A failure is left to the next load, unless the run has lost its lock or ends.
func TestViewsThatALoadKeeps(t *testing.T) {
	t.Parallel()
	b := openBed(t)
	old := view.View{Name: b.client.Table("v"), Query: "SELECT 1 AS id"}
	now := view.View{Name: old.Name, Query: "SELECT 2 AS id"}
	for what, c := range map[string]struct {
		made    *view.View // the ledger whose run created it; nil if no run did
		change  func(w *table, l *loadtest.Lock, cancel func())
		none    bool // the table has none
		proved  int64
		altered bool
		kept    bool // state in the cache
		err     string
	}{
		"altered":              {made: &old, proved: 1, altered: true},
		"as it should be":      {made: &now},
		"of no run":            {},
		"the table has failed": {made: &old, change: func(w *table, _ *loadtest.Lock, _ func()) { w.result.Err = errors.New("no") }, kept: true},
		"the table has none":   {made: &old, none: true},
		"nothing has changed since": {made: &old, change: func(w *table, _ *loadtest.Lock, _ func()) {
			v := now
			v = v.Of(w.Columns)
			w.viewed = v.Key()
		}, kept: true},
		"it cannot be altered": {
			made: &old, change: func(_ *table, l *loadtest.Lock, _ func()) { l.Errs = func(int64) error { return loadtest.ErrNotRun } },
			proved: 1, kept: true,
		},
		"the lock is lost": {made: &old, change: func(_ *table, l *loadtest.Lock, _ func()) {
			l.Errs = func(int64) error { return failure.New(failure.Conflict, "lost") }
		}, proved: 1, err: "lost"},
		"the run ends": {made: &old, change: func(_ *table, l *loadtest.Lock, cancel func()) {
			l.Errs = func(int64) error { cancel(); return loadtest.ErrNotRun }
		}, proved: 1, err: "no such warehouse"},
	} {
		b.exec(t, "DROP VIEW IF EXISTS "+old.Name.String())
		query := old.Query
		if c.made != nil {
			query = c.made.Query
			if err := b.views("uuid").Make(t.Context(), *c.made, view.Created); err != nil {
				t.Fatal(err)
			}
		} else {
			b.exec(t, "CREATE VIEW "+old.Name.String()+" AS "+query)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w, l := b.like("t"), new(loadtest.Lock)
		w.viewed, w.Columns, b.Lock = "before", bronze.Types{"id": number}, l
		if c.change != nil {
			c.change(w, l, cancel)
		}
		b.View = func(*ledger.TableState, func(string) bool) (view.View, bool) { return now, !c.none }
		err := b.keepViews(ctx, []*table{w})
		cancel()
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) || l.Proved() != c.proved {
			t.Errorf("%s: %v, after %d proofs", what, err, l.Proved())
		}
		info, err := b.client.Tables().Info(t.Context(), old.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: now.Query, false: query}[c.altered]; strings.TrimSpace(info.Query) != want {
			t.Errorf("%s: the view is %q, want %q", what, info.Query, want)
		}
		v := now
		v = v.Of(w.Columns)
		want := []string{v.Key()}
		switch {
		case c.kept:
			want = []string{w.viewed}
		case c.none, c.err != "":
			want = []string{""}
		}
		if !slices.Contains(want, w.loaded.View) {
			t.Errorf("%s: the cache has %q, want %q", what, w.loaded.View, want)
		}
	}
}
