//go:build unix

package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/verify"
)

// manyBed has enough rows at both ends for several batches and ranges.
func manyBed(t *testing.T, rows int) *bed {
	b := newBed(t, "CREATE TABLE many (id bigint PRIMARY KEY, body text) PARTITION BY RANGE (id)",
		fmt.Sprintf("CREATE TABLE low PARTITION OF many FOR VALUES FROM (MINVALUE) TO (%d); CREATE TABLE high PARTITION OF many DEFAULT", rows/3),
		fmt.Sprintf(
			`INSERT INTO many SELECT i, CASE WHEN i %% 7 > 0 THEN E'row\n\\' || repeat(i::text, (i %% 50)::int) END FROM generate_series(0, %d) i`,
			rows-1))
	b.create("many")
	b.target(fmt.Sprintf(
		`INSERT INTO %s SELECT id, CASE WHEN id %% 7 > 0 THEN concat('row\n\\', repeat(CAST(id AS STRING), CAST(id %% 50 AS INT))) END,
		'snapshot', 100, id, 1, NULL, NULL, NULL, NULL, NULL, %d, NULL FROM range(%d)`, b.lake.client.Table("many"), begin, rows))
	return b
}

// Several sessions read ranges of the source. They read every row once, in any
// order.
func TestRangesAreReadOnceEach(t *testing.T) {
	b := manyBed(t, 20_000)
	b.verifier.RangeBytes, b.verifier.Jobs = 64<<10, 3
	for _, full := range []bool{false, true} {
		if r := b.verify("many", full); r.Verdict != verify.Equal || r.SourceRows != 20_000 {
			t.Errorf("full %t: %s, %d and %d rows, %v", full, r.Verdict, r.SourceRows, r.TargetRows, lines(r))
		}
	}
	b.source("UPDATE many SET body = body || 'x' WHERE id = 19998")
	r := b.verify("many", false)
	if r.Verdict != verify.Different || len(r.Differences) != 2 || r.Differences[0].Column != "body" ||
		r.Differences[0].What != "hash" || r.Differences[1].What != "hash of the rows" {
		t.Errorf("%s %v", r.Verdict, lines(r))
	}
	if r := b.verify("many", true); r.Differing != 1 || !strings.HasPrefix(lines(r)[0], "cell id=19998 body: ") {
		t.Errorf("%d differ: %v", r.Differing, lines(r))
	}
}

// A client that waits for an exclusive lock on a table waits for the session
// that holds the snapshot. No reader queues behind the client, because that
// session reads the table. The session also survives a reading that ends early.
func TestTableThatSomebodyWaitsToLock(t *testing.T) {
	b := manyBed(t, 20_000)
	b.verifier.RangeBytes = 64 << 10
	b.target("UPDATE " + b.lake.client.Table("many").String() + " SET body = 'x' WHERE id IN (1, 5000)")
	r := b.relation("many")
	point, err := b.verifier.Open(t.Context(), []*postgres.Relation{r})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = point.Close() }()
	locker, err := b.verifier.Source.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = locker.Close(context.Background()) }()
	locked := make(chan error, 1)
	go func() {
		_, err := locker.PgConn().Exec(t.Context(),
			"SET lock_timeout = 0; BEGIN; LOCK TABLE public.low, public.high IN ACCESS EXCLUSIVE MODE; ROLLBACK").ReadAll()
		locked <- err
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for waiting := false; !waiting; <-tick.C {
		if err := b.conn.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'low'::regclass)").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	for _, full := range []bool{false, true} {
		got, err := b.verifier.Table(t.Context(), point, b.state, r, full)
		if err != nil || got.Verdict != verify.Different || got.SourceRows != 20_000 || full && got.Differing != 2 {
			t.Errorf("full %t: %+v, %v", full, got, err)
		}
	}
	if err := point.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

// The warehouse computes its side in one statement, unless a row of the log
// leaves a column out. Then a survey first finds out how to fold the log.
func TestOneStatementForATable(t *testing.T) {
	b := itemsBed(t, keyedItems)
	count := func() (n int) {
		before := len(b.lake.server.Statements())
		if r := b.verify("items", false); r.Verdict != verify.Equal {
			t.Errorf("%s %v", r.Verdict, lines(r))
		}
		return len(b.lake.server.Statements()) - before
	}
	if n := count(); n != 1 {
		t.Errorf("%d statements, want 1", n)
	}
	b.change("update", 3, 0, "1, NULL, 1.50", "array('name')")
	if n := count(); n != 3 {
		t.Errorf("%d statements for a log with a column left out, want 3", n)
	}
}
