//go:build cgo && unix

package tests

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestLoadThatLostItsLockWritesNothing: a load whose lock's session is ended
// while it looks at the tables sends no statement that changes one.
func TestLoadThatLostItsLockWritesNothing(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"changes": func(w *world) {
			w.must("full-load")
			w.write(1, 20)
			w.must("cdc", "--stage-only")
		},
		"new columns": func(w *world) {
			w.must("full-load")
			w.exec(`ALTER TABLE item ADD fresh text`, `UPDATE item SET fresh = 'x'`)
			w.must("cdc", "--stage-only")
		},
		"snapshots": func(w *world) {
			w.must("full-load")
			w.must("full-load", "--stage-only")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			prepare(w)
			before := len(w.server.Statements())
			conn := w.session()
			var once sync.Once
			w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
				if strings.HasPrefix(r.URL.Path, "/sql/") {
					once.Do(func() {
						var n int
						err := conn.QueryRow(context.WithoutCancel(r.Context()), `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks
							WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n)
						if err != nil || n == 0 {
							t.Errorf("%d sessions ended (%v), want that of the lock", n, err)
						}
					})
				}
				return nil
			})
			if r := w.run("load"); r.code != 12 || !strings.Contains(r.stderr, "the lock for loading is lost") {
				t.Errorf("%s\nwant 12: the lock is lost", r)
			}
			w.on(nil)
			for _, sql := range w.server.Statements()[before:] {
				if writes.MatchString(sql) {
					t.Errorf("without the lock it sent: %.200s", sql)
				}
			}
			w.must("load")
			w.compare("item", "event")
		})
	}
}

// TestForcedCopyWhoseAnswerIsLost: before a load repeats a forced COPY INTO, it looks into the table for the rows.
func TestForcedCopyWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.appends(r, ledger.KindDone) {
			once.Do(func() {
				close(held)
				<-release
			})
		}
		return nil
	})
	snapshot := w.start("full-load", "--tables", "item", "--stage-only")
	waitFor(t, held, "the snapshot's end")
	w.exec(`UPDATE item SET note = 'meanwhile'`, `INSERT INTO item VALUES (7000, 1, 'meanwhile', 'x')`)
	w.must("cdc")
	close(release)
	if r := snapshot.wait(); r.code != 0 {
		t.Fatal(r)
	}
	forced := 0
	var mu sync.Mutex
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, "/sql/") {
			return nil
		}
		if data, err := body(r); err == nil && bytes.Contains(data, []byte("'force' = 'true'")) {
			if forced++; forced == 1 {
				w.relay(r)
				return drop
			}
		}
		return nil
	})
	w.must("load")
	w.on(nil)
	if forced != 1 {
		t.Errorf("%d forced statements were sent, want the one whose answer was lost", forced)
	}
	w.compare("item", "event")
}

// TestRowsAddedWhileATableIsLoaded: the table is counted after the load too, so the same run notices rows that someone adds
// meanwhile.
func TestRowsAddedWhileATableIsLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.exec(`UPDATE item SET note = 'changed'`)
	w.must("cdc", "--stage-only")
	item := w.target.Table("item").String()
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if !strings.HasPrefix(r.URL.Path, "/sql/") {
			return nil
		}
		if data, err := body(r); err == nil && bytes.Contains(data, []byte("COPY INTO")) {
			once.Do(func() { w.sql("INSERT INTO " + item + " SELECT * FROM " + item + " LIMIT 1") })
		}
		return nil
	})
	if r := w.run("load"); r.code != 3 || !strings.Contains(r.stderr, "does not hold what was loaded") {
		t.Errorf("%s\nwant 3: the table holds a row too many", r)
	}
	w.on(nil)
	w.must("load", "--repair", "--tables", "public.item")
	w.compare("item", "event")
}
