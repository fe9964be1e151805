//go:build cgo && unix

package tests

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// alone is the variable of a pipeline of snapshots alone.
const alone = "INGEST_SOURCE_CHANGES=none"

// says insists that a command ends with a code and prints texts.
func (w *world) says(code int, texts []string, args ...string) {
	w.t.Helper()
	r := w.want(code, args...)
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			w.t.Errorf("%s\nwant %q", r, text)
		}
	}
}

// reader makes a role that may read the tables, and nothing else, and lets the runs have it.
func (w *world) reader(server *pgserver.Server, database string) {
	w.t.Helper()
	w.exec(`CREATE ROLE reader LOGIN PASSWORD 'reader'`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`)
	_, at, _ := strings.Cut(server.URL(database), "@")
	w.env = append(w.env, "INGEST_SOURCE_URL=postgres://reader:reader@"+at)
}

// TestSnapshotsAlone: with source.changes = "none", a role with SELECT alone loads from a server that has no place for a slot or
// a WAL sender. Each full load shows the source as it is. Between them, verify tells what the source wrote from what is wrong.
func TestSnapshotsAlone(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{Settings: map[string]string{
		"wal_level": "replica", "max_wal_senders": "0", "max_replication_slots": "0",
	}})
	w := newWorldAt(t, server.URL("postgres"), lakehouse.Switches{}, append(shopTables,
		`CREATE TABLE quiet (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)`,
		`INSERT INTO quiet SELECT i, i FROM generate_series(1, 100) i`,
		`CREATE TABLE still (id int PRIMARY KEY, n int)`, `INSERT INTO still VALUES (1, 1), (2, 2)`)...)
	w.reader(server, "postgres")
	w.says(10, []string{"wal_level is replica", `source.changes = "none"`}, "full-load")
	w.env = append(w.env, alone, "INGEST_LOAD_CURRENT=table", "INGEST_LOAD_HISTORY=true")
	w.says(0, []string{"snapshots alone", "`ingest full-load`"}, "check")
	w.says(0, nil, "plan")
	w.must("full-load")
	w.must("verify", "--full")
	w.says(0, []string{"none: each full load replaces the one before", "as of "}, "status", "--exit-code")
	if got := w.ask(`SELECT count(*)::text FROM pg_publication`); got != "0" {
		t.Errorf("%s publications", got)
	}
	if got := w.sql("SELECT twice FROM bronze.quiet WHERE id = 7").Rows[0][0]; got != int64(14) && got != "14" {
		t.Errorf("the generated column is %v (%T)", got, got)
	}

	w.write(1, 30)
	w.exec(`UPDATE quiet SET n = 0 WHERE id = 3`, `DELETE FROM quiet WHERE id = 4`, `INSERT INTO quiet VALUES (200, 1)`)
	for _, flags := range [][]string{{}, {"--full"}, {"--sample", "100%"}} {
		w.says(0, []string{"as loaded", "the source was written since"}, append([]string{"verify"}, flags...)...)
	}
	w.must("status", "--exit-code")
	w.must("full-load")
	w.compare("item", "event", "quiet")
	w.must("verify", "--full")

	// A defect in the target is found beside what the source wrote.
	w.exec(`UPDATE quiet SET n = 1 WHERE id = 3`)
	w.sql("UPDATE bronze.quiet SET n = 99 WHERE id = 50")
	w.says(1, []string{"differ from the source"}, "verify", "--tables", "quiet")
	w.sql("UPDATE bronze.quiet SET n = 50 WHERE id = 50")
	w.says(0, []string{"as loaded"}, "verify", "--tables", "quiet")
	// Nor does a write elsewhere hide one where nothing was written.
	w.sql("UPDATE bronze.still SET n = 99 WHERE id = 2")
	w.says(1, []string{"1 row differs"}, "verify", "--full")
	w.must("full-load", "--tables", "still")
	w.exec(`ALTER TABLE quiet ADD late int DEFAULT 1`)
	w.says(0, []string{`column "late" was added or renamed since`}, "verify")
	w.must("full-load")
	w.must("verify", "--full")

	w.says(64, []string{`source.changes is "none"`, "wal_level is replica", "may not replicate", "full-load"}, "cdc")
	w.says(64, []string{`source.changes is "none"`}, "cdc", "--follow", "--snapshot-new")
	if r := w.startWith([]string{"INGEST_SOURCE_STANDBY=127.0.0.1"}, "full-load").wait(); r.code != 64 ||
		!strings.Contains(r.stderr, "set source.url to its address") {
		t.Errorf("%s\nwant that a standby is not for changes", r)
	}
	w.must("prune", "--dry-run")
	w.must("load")
	w.says(0, nil, "drop", "--yes")
	w.says(12, []string{"the pipeline was dropped"}, "check")
	w.must("full-load")
	w.must("verify", "--full")
	w.chained()
}

// TestSnapshotsAloneKilled: a full load that was killed is finished by --resume, as with a slot.
func TestSnapshotsAloneKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, alone)
	var entries atomic.Int64
	killed := w.killedAt(func(_ int64, r *http.Request) bool {
		return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/ledger/") && entries.Add(1) == 3 // origin, begin, one table
	}, afterRequest, "full-load")
	if !killed {
		t.Fatal("the run ended first")
	}
	w.write(1, 20)
	w.again("full-load", "--resume")
	w.must("verify")
	w.must("full-load")
	w.compare("item", "event")
	w.must("verify", "--full")
	w.chained()
}

// TestSnapshotsAloneFromAStandby: a standby serves full loads, which show what it has replayed, and verify. A promotion changes
// nothing.
func TestSnapshotsAloneFromAStandby(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	w := newWorldAt(t, p.primary.URL(pairDatabase), lakehouse.Switches{}, shopTables...)
	w.reader(p.standby, pairDatabase)
	w.env = append(w.env, alone)
	p.replayed(w)
	w.says(0, []string{"is a standby", "snapshots alone"}, "check")
	w.must("full-load")
	w.must("verify", "--full")
	w.write(1, 20)
	p.replayed(w)
	w.says(0, []string{"as loaded"}, "verify")
	w.must("full-load")
	w.compare("item", "event")
	w.must("verify", "--full")
	w.says(64, []string{"is a standby"}, "cdc")
	p.stop(p.primary)
	p.promote()
	w.must("full-load")
	w.must("verify", "--full")
	w.must("status", "--exit-code")
	w.chained()
}

// TestGoingOverToReplication: the ledger of snapshots alone goes on with a slot, and nothing of it is lost. A slot is not left
// behind.
func TestGoingOverToReplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_LOAD_HISTORY=true")
	with := append([]string{}, w.env...)
	w.env = append(w.env, alone)
	w.must("full-load")
	w.write(1, 20)
	w.must("full-load")
	before := w.sql("SELECT count(*) FROM bronze.item_history").Rows[0][0]
	ledgerID := w.entries()[0].Ledger

	w.env = with
	w.says(12, []string{"the ledger has no slot", "full-load"}, "cdc")
	w.says(0, []string{"the next full load makes the slot", "`ingest full-load`"}, "check")
	w.must("full-load")
	w.write(2, 20)
	w.must("cdc")
	w.compare("item", "event")
	w.must("verify", "--full")
	w.must("status", "--exit-code")
	if now := w.sql("SELECT count(*) FROM bronze.item_history").Rows[0][0]; now == before {
		t.Errorf("the history has %v rows, and %v before the changes", now, before)
	}
	var origins []bool
	for _, e := range w.entries() {
		if e.Ledger != ledgerID || e.Format != ledger.Format {
			t.Errorf("entry %d has format %d and ledger %s", e.Number, e.Format, e.Ledger)
		}
		if e.Origin != nil {
			origins = append(origins, e.Origin.Replicates())
		}
	}
	if len(origins) != 2 || origins[0] || !origins[1] {
		t.Errorf("origins with a slot: %v, want none, then one", origins)
	}

	w.env = append(w.env, alone)
	slot := []string{"the ledger has slot", "keeps WAL without limit"}
	for _, command := range [][]string{{"full-load"}, {"full-load", "--repair"}, {"check"}, {"verify"}, {"plan"}, {"status", "--exit-code"}} {
		w.says(12, slot, command...)
	}
	w.must("drop", "--yes")
	w.must("full-load")
	w.must("verify", "--full")
	if got := w.ask(`SELECT count(*)::text FROM pg_replication_slots WHERE database = current_database()`); got != "0" {
		t.Errorf("%s slots are left", got)
	}
	w.chained()
}
