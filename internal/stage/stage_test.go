//go:build unix

package stage_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func toText(v any) string { return fmt.Sprint(v) }

func TestSnapshotThenChanges(t *testing.T) {
	b := newBench(t,
		`CREATE TABLE t (id int PRIMARY KEY, name text, n bigint)`,
		`INSERT INTO t SELECT i, 'name ' || i, i * 10 FROM generate_series(1, 5000) i`,
	)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (6000, 'new', NULL)`, `UPDATE t SET name = 'changed' WHERE id = 17`, `DELETE FROM t WHERE id = 18`,
		`UPDATE t SET id = 7000 WHERE id = 19`)
	r := b.drain(s)
	if r.Entries != 1 || r.Transactions != 4 || r.Rows != 5 {
		t.Errorf("staged %+v, want 1 entry, 4 transactions, 5 rows", r)
	}
	if diff := cmp.Diff(b.table("t", "id"), b.replay(s.Ledger.State(), "t", "id")); diff != "" {
		t.Errorf("the log replayed differs from the source (-source +log):\n%s", diff)
	}
	if r := b.drain(b.stager()); r.Entries != 0 {
		t.Errorf("a second drain staged %+v, want nothing", r)
	}
}
