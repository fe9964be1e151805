package stage_test

import (
	"testing"

	"ingest/internal/postgres"
)

// What a snapshot may take of the source's connections ends at the lowest of
// the limits that the server, the database and the role have.
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
	// Other tests open and close sessions of this server, not of this database.
	if n := free(); n < 1 || n > 1000 {
		t.Errorf("%d connections are free without a limit", n)
	}
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 7', current_database()); END $$`)
	b.until("that the first snapshot's session is gone", `SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`)
	if n := free(); n != 7-3 {
		t.Errorf("%d connections are free of 7, of which the snapshot's and this test's two are taken", n)
	}
}

// Without a number of sessions, those of a snapshot follow from cores and free
// connections: there is one at least, whatever is free.
func TestSnapshotOfItsOwnWidth(t *testing.T) {
	b := newBench(t, `CREATE TABLE a (id int PRIMARY KEY, pad text)`, `INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i`)
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database()); END $$`) // which holds for no superuser
	s := b.stager()
	s.Options.Jobs = 0
	b.origin(s, "a")
	results := b.snapshot(s, "a")
	if results[0].Ranges < 10 || results[0].Done == nil || results[0].Done.Rows != 5000 {
		t.Errorf("%+v, want 5000 rows of many ranges", results[0])
	}
}
