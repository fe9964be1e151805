package stage_test

import (
	"testing"

	"github.com/ingest-tool/ingest/internal/postgres"
)

// The lowest of the limits of server, database and role caps the connections
// that a snapshot may use.
func TestFreeConnectionsOfTheSource(t *testing.T) {
	b := newBench(t, `CREATE TABLE a (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "a")
	relations := b.relations("a")
	free := func() int {
		t.Helper()
		snap, err := b.source.OpenSnapshot(t.Context(), []*postgres.Relation{&relations[0]})
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		n, err := snap.FreeConnections(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// Other tests open and close sessions on this server, but not in this
	// database.
	if n := free(); n < 1 || n > 1000 {
		t.Errorf("%d connections are free without a limit", n)
	}
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 7', current_database()); END $$`)
	b.until("that the first snapshot's session is gone",
		`SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`)
	if n := free(); n != 7-3 {
		t.Errorf("%d connections are free of 7, of which the snapshot's and this test's two are taken", n)
	}
}

// If no number of sessions is set, it follows from cores and free connections.
// It is at least one, even if no connection is free.
func TestSnapshotOfItsOwnWidth(t *testing.T) {
	b := newBench(t, `CREATE TABLE a (id int PRIMARY KEY, pad text)`,
		`INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i`)
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database()); END $$`) // does not apply to superusers
	s := b.stager()
	s.Options.Jobs = 0
	b.origin(s, "a")
	results := b.snapshot(s, "a")
	if results[0].Ranges < 10 || results[0].Done == nil || results[0].Done.Rows != 5000 {
		t.Errorf("%+v, want 5000 rows of many ranges", results[0])
	}
}
