//go:build cgo && unix

package tests

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/lakehouse"
)

// TestVerifyBesideAFullLoad: a table that another run loads in full after the
// point that verify compares as of is not verified, rather than called
// different: what its log held then is gone.
func TestVerifyBesideAFullLoad(t *testing.T) {
	for name, at := range map[string]func(*world, *http.Request) bool{
		"before the tables are compared": func(w *world, r *http.Request) bool { return w.appends(r, ledger.KindChanges) },
		"before a table is read": func(_ *world, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/sql/") {
				return false
			}
			data, err := body(r)
			return err == nil && bytes.Contains(data, []byte("WITH since AS"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			w.exec(`DELETE FROM item WHERE id = 1`)
			held, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
				if at(w, r) {
					once.Do(func() {
						close(held)
						<-release
					})
				}
				return nil
			})
			verifying := w.start("verify", "--full", "--tables", "item")
			waitFor(t, held, "the verification")
			w.exec(`DELETE FROM item WHERE id = 2`)
			w.must("full-load", "--tables", "item")
			close(release)
			if r := verifying.wait(); r.code != 3 || !strings.Contains(r.stdout, "it was loaded in full meanwhile: verify it again") {
				t.Errorf("%s\nwant 3: the table could not be verified", r)
			}
			w.on(nil)
			w.must("verify", "--full")
		})
	}
}

// A table that is altered between the reading of the catalog and the lock is
// compared as it is then.
func TestVerifyBesideAnAlteration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	altering := w.session()
	for _, sql := range []string{"BEGIN", "ALTER TABLE item ADD COLUMN w int", "UPDATE item SET w = id"} {
		if _, err := altering.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	verifying := w.start("verify", "--full", "--tables", "item")
	w.eventually("verify waits for the lock", func() bool {
		return w.ask(`SELECT count(*) FROM pg_locks WHERE relation = 'item'::regclass AND NOT granted`) == "1"
	})
	if _, err := altering.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if r := verifying.wait(); r.code != 0 || !strings.Contains(r.stdout, "equal") {
		t.Errorf("%s", r)
	}
}
