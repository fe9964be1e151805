package loads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/schema"
)

// broken is a store whose files cannot be read.
type broken struct {
	ledgertest.Store
	err error
}

func (b *broken) Read(context.Context, string) ([]byte, error) { return nil, b.err }

var orders = schema.TableName{Schema: "public", Name: "orders"}

// A cache that is damaged, or not the newest of this ledger, counts as empty.
func TestCacheThatCannotBeUsedIsEmpty(t *testing.T) {
	const whole = `{"number": 7, "ledger": "ours", "tables": {"public.orders": {"snapshot": 5, "entry": 6, "rows": 3}}}`
	for what, c := range map[string]struct {
		files  map[string]string
		ledger string
		tables int
		number int64
	}{
		"whole":                       {map[string]string{cacheName(7): whole}, "ours", 1, 7},
		"of any ledger":               {map[string]string{cacheName(7): whole}, "", 1, 7},
		"none":                        {nil, "ours", 0, 0},
		"of another ledger":           {map[string]string{cacheName(7): whole}, "theirs", 0, 7},
		"cut short":                   {map[string]string{cacheName(7): whole[:40]}, "ours", 0, 7},
		"without tables":              {map[string]string{cacheName(7): `{"number": 7, "ledger": "ours"}`}, "ours", 0, 7},
		"an older one is never taken": {map[string]string{cacheName(7): whole, cacheName(8): ""}, "ours", 0, 8},
		"of another form":             {map[string]string{cacheName(7): strings.Replace(whole, "7,", `"seven",`, 1)}, "ours", 0, 7},
		"files of other names": {map[string]string{
			cacheName(7): whole, Directory + "/9.json": "", Directory + "/x.json": "", cacheName(9) + ".part": "",
		}, "ours", 1, 7},
	} {
		m := ledgertest.Store{}
		for name, text := range c.files {
			m[name] = []byte(text)
		}
		got, err := Read(t.Context(), m, c.ledger)
		if err != nil || len(got.Tables) != c.tables || got.Number != c.number {
			t.Errorf("%s: %+v, %v", what, got, err)
			continue
		}
		if got.Tables == nil {
			t.Errorf("%s: nothing can be added", what)
		}
		// write uses a number after all existing ones, even if a faster run
		// wrote them.
		m[cacheName(c.number+1)] = []byte("another run's")
		if err := got.Write(t.Context(), m); err != nil || string(m[cacheName(c.number+1)]) != "another run's" ||
			len(m[cacheName(c.number+2)]) == 0 {
			t.Errorf("%s: written as %d, %v", what, got.Number, err)
		}
	}
	unreadable := &broken{ledgertest.Store{cacheName(7): []byte(whole)}, errors.New("connection reset")}
	if _, err := Read(t.Context(), unreadable, "ours"); err == nil {
		t.Error("a cache that could not be read is taken for an empty one")
	}
	unreadable.err = fmt.Errorf("read: %w", fs.ErrNotExist) // another run removed it after it was listed
	if got, err := Read(t.Context(), unreadable, "ours"); err != nil || len(got.Tables) != 0 {
		t.Errorf("a cache that was removed meanwhile: %+v, %v", got, err)
	}
}

// The ledger must have what was loaded: the entry, and exactly that snapshot.
func TestCacheIsWithinTheLedger(t *testing.T) {
	for what, c := range map[string]struct {
		loaded   Table
		snapshot *ledger.Done // of the ledger
		want     string
	}{
		"the same":                                {Table{Snapshot: 5, Directory: "d", Entry: 9}, &ledger.Done{Begin: 5, Directory: "d"}, ""},
		"nothing loaded":                          {Table{}, nil, ""},
		"nothing loaded of a table":               {Table{}, &ledger.Done{Begin: 5, Directory: "d"}, ""},
		"an older snapshot":                       {Table{Snapshot: 3, Directory: "c", Entry: 4}, &ledger.Done{Begin: 5, Directory: "d"}, ""},
		"a cache of before directories were kept": {Table{Snapshot: 5, Entry: 9}, &ledger.Done{Begin: 5, Directory: "d"}, ""},
		"an entry that the ledger lacks": {Table{Snapshot: 5, Directory: "d", Entry: 11},
			&ledger.Done{Begin: 5, Directory: "d"}, "entry 11"},
		"a snapshot that the ledger lacks": {Table{Snapshot: 7, Directory: "e", Entry: 9},
			&ledger.Done{Begin: 5, Directory: "d"}, "another copy"},
		"a snapshot of a table that has none": {Table{Snapshot: 5, Directory: "d", Entry: 9}, nil, "another copy"},
		"another attempt at the snapshot": {Table{Snapshot: 5, Directory: "e", Entry: 9},
			&ledger.Done{Begin: 5, Directory: "d"}, "another copy"},
		"another directory of an older one is fine": {Table{Snapshot: 3, Directory: "e", Entry: 4}, &ledger.Done{Begin: 5, Directory: "d"}, ""},
	} {
		for _, there := range []bool{true, false} { // whether the ledger has the table
			state := ledger.NewState()
			state.Head = 10
			if there {
				state.Tables[orders] = &ledger.TableState{Table: orders, Snapshot: c.snapshot}
			} else if c.snapshot != nil {
				continue
			}
			cache := &Cache{Number: 3, Tables: map[schema.TableName]Table{orders: c.loaded}}
			err := cache.Within(state)
			if c.want == "" && err != nil || c.want != "" && (failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v, want %q", what, err, c.want)
			}
			cache.Forget(state)
			if kept := len(cache.Tables) == 1; kept != (c.want == "") {
				t.Errorf("%s: after forgetting what the ledger lacks, kept is %t", what, kept)
			}
		}
	}
}
