//go:build unix

package stage_test

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// A run that was configured for snapshots alone takes none for a ledger that got a slot meanwhile: changes would follow it,
// although nothing published its table before. Nor does a run that reads changes take one for a ledger without a slot.
func TestSnapshotsOfTheOtherKindAreRefused(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	s.Publications = postgres.Publications{}
	refused := func() {
		t.Helper()
		_, err := s.SnapshotTables(t.Context(), b.relations("t"))
		if failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), "another source.changes") {
			t.Errorf("%v, want that the origin is of the other kind", err)
		}
	}
	refused()
	at := s.Ledger.State().Position
	for _, body := range []any{
		&ledger.End{Reason: "test"},
		&ledger.Origin{System: b.source.Facts.System, Database: b.source.Facts.Database, Changes: ledger.ChangesNone, ConsistentPoint: at},
	} {
		if _, err := s.Ledger.Append(t.Context(), s.Ledger.Head(), body); err != nil {
			t.Fatal(err)
		}
	}
	b.snapshot(s, "t")
	s.Publications = pubs
	refused()
}
