//go:build unix

package stage_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
)

// Rule 10: the snapshot of a group of tables is released when they are
// complete. A load of many tables must not hold back vacuum throughout.
func TestSnapshotIsReleasedWithItsGroup(t *testing.T) {
	b := newBench(t)
	var names []string
	for i := range 201 { // one more than share a snapshot
		names = append(names, fmt.Sprintf("t%03d", i))
		b.exec(fmt.Sprintf(`CREATE TABLE %s (id int PRIMARY KEY)`, names[i]))
	}
	b.exec(`INSERT INTO t000 VALUES (1)`)
	first, last := names[0], names[200]
	s := b.stager()
	b.origin(s, names...)
	holds := func() string {
		var n string
		if err := b.another().QueryRow(t.Context(), `SELECT count(*)::text FROM pg_stat_activity
			WHERE application_name = 'ingest test' AND datname = current_database() AND backend_xmin IS NOT NULL`).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	// From the first table on, a lock keeps the last table from being read.
	// That table is in its own group.
	locker := b.another()
	var once sync.Once
	b.volume.onUpload = func(string) error {
		once.Do(func() {
			if holds() == "0" {
				t.Errorf("no session holds a snapshot while %s is read", first)
			}
			if _, err := locker.Exec(t.Context(), `BEGIN; LOCK TABLE `+last+` IN ACCESS EXCLUSIVE MODE`); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	group := make(chan struct{})
	tables := 0
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindDone) {
			if tables++; tables == 200 {
				close(group)
			}
		}
	}
	done := make(chan error, 1)
	relations := b.relations(names...)
	go func() {
		results, err := s.SnapshotTables(t.Context(), relations)
		for _, r := range results {
			if r.Err != nil && err == nil {
				err = r.Err
			}
		}
		done <- err
	}()
	select {
	case <-group:
	case err := <-done:
		t.Fatalf("it ended with %v before the first group was done", err)
	}
	b.until("no session holds a snapshot, and the last table waits", `SELECT NOT EXISTS (SELECT FROM pg_stat_activity
		WHERE application_name = 'ingest test' AND datname = current_database() AND backend_xmin IS NOT NULL)`)
	select {
	case err := <-done:
		t.Fatalf("it ended with %v although the last table is locked", err)
	default:
	}
	execOn(t, locker, `COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	state, err := s.Ledger.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begins := map[int64]bool{}
	for _, table := range state.Sorted() {
		begins[table.Snapshot.Begin] = true
	}
	if len(state.Tables) != 201 || len(begins) != 2 {
		t.Errorf("%d tables of %d snapshots, want 201 of 2", len(state.Tables), len(begins))
	}
}
