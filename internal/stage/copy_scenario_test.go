//go:build unix

package stage_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/stage"
)

// A table's children have their own rows, which arrive under their own names.
func TestSnapshotOfAParentHasNoRowsOfItsChildren(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t)`, `INSERT INTO t VALUES (1)`,
		`INSERT INTO child VALUES (2)`)
	s := b.stager()
	b.origin(s, "t", "child")
	b.snapshot(s, "t", "child")
	for name, want := range map[string]string{"t": "1", "child": "2"} {
		if rows, _ := b.log(s.Ledger.State(), name); len(rows) != 1 || rows[0]["id"] != want {
			t.Errorf("the snapshot of %s has %v, want the one row %s", name, rows, want)
		}
	}
}

// A role under a row security policy would silently get fewer rows. The
// snapshot fails instead. This also holds if the snapshot's own session reads
// because another session queues for the table's lock.
func TestSnapshotUnderAPolicyFails(t *testing.T) {
	for name, queued := range map[string]bool{"read by a worker": false, "read by the snapshot's session": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1), (2)`)
			s := b.stager()
			b.origin(s, "t")
			role := "reader_" + b.source.Facts.Database
			b.exec(`ALTER TABLE t ENABLE ROW LEVEL SECURITY`, `CREATE ROLE `+role+` LOGIN REPLICATION PASSWORD 'reader'`,
				`GRANT SELECT ON t TO `+role, `CREATE POLICY one ON t TO `+role+` USING (id = 1)`)
			direct, err := url.Parse(b.url)
			if err != nil {
				t.Fatal(err)
			}
			under := *direct
			under.User = url.UserPassword(role, "reader")
			b.url = under.String()
			s.Source = b.open("test")
			b.url = direct.String()
			over := make(chan struct{})
			close(over)
			if queued {
				over = make(chan struct{})
				b.volume.onAppend = func(kind string) {
					if kind == string(ledger.KindBegin) {
						go func() {
							defer close(over)
							if _, err := b.conn.Exec(t.Context(), `LOCK TABLE t; ALTER TABLE t DISABLE ROW LEVEL SECURITY`); err != nil {
								t.Error(err)
							}
						}()
						b.until("somebody queues for the lock",
							`SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted)`)
					}
				}
			}
			results, err := s.SnapshotTables(t.Context(), b.relationsOf("t"))
			<-over
			if err != nil || results[0].Err == nil || !strings.Contains(results[0].Err.Error(), "row-level security") {
				t.Errorf("snapshot: %v, %+v; want that the policy stops the table", err, results)
			}
			b.exec(`DROP OWNED BY `+role, `DROP ROLE `+role)
		})
	}
}

// relationsOf reads tables from the catalog on a separate session.
func (b *bench) relationsOf(names ...string) []relation {
	b.t.Helper()
	kept := b.conn
	defer func() { b.conn = kept }()
	b.conn = b.another()
	return b.relations(names...)
}

// A table that grew after the catalog was read is cut into ranges by its size
// at the time of the snapshot.
func TestTableThatGrewIsCutAsItIs(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'small')`)
	s := b.stager()
	b.origin(s, "t")
	relations := b.relations("t")
	b.exec(`INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(2, 2000) i`)
	results, err := s.SnapshotTables(t.Context(), relations)
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	if n := results[0].Ranges; n < 5 {
		t.Errorf("%d ranges of about 64 kB for 1 MB", n)
	}
	b.same(s, "t", "id")
}

// A partition that was created after the catalog was read is in the snapshot.
func TestPartitionThatIsYoungerThanTheCatalog(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)`,
		`CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	relations := b.relations("t")
	b.exec(`CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)`, `INSERT INTO t VALUES (11)`)
	results, err := s.SnapshotTables(t.Context(), relations)
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	b.exec(`INSERT INTO t VALUES (2), (12)`)
	b.drain(s)
	b.same(s, "t", "id")
}

// No segment contains a value that a mask hides: not in snapshots, changes, the
// old key of an update, or rescued values.
func TestMaskedValuesReachNoSegment(t *testing.T) {
	const key, secret = "a key of thirty-two characters..", "confidential"
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, name text, note text, n int)`, `ALTER TABLE t REPLICA IDENTITY FULL`,
				`INSERT INTO t VALUES (1, '`+secret+`', '`+secret+`', 1)`)
			s := by(transport, b.stager())
			s.Shape = &shape.Rules{Key: shape.Key(key),
				Sections: []shape.Section{{Label: "[tables.t]", Exact: true, Matches: func(n schema.TableName) bool { return n.Name == "t" },
					Options: shape.Options{Masks: map[string]schema.Mask{"name": {Kind: schema.MaskHMAC}, "note": {Kind: schema.MaskNull}}}}}}
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(`INSERT INTO t VALUES (2, '`+secret+`', '`+secret+`', 2)`, `UPDATE t SET n = 3`, `UPDATE t SET id = id + 10`,
				`ALTER TABLE t ALTER n TYPE text USING '`+secret+`'`, `DELETE FROM t`)
			rules := s.Shape
			rules.Sections[0].Masks["n"] = schema.Mask{Kind: schema.MaskFixed, Fixed: "hidden"}
			s = by(transport, b.stager()) // the next run
			s.Shape = rules
			b.drain(s)
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(secret))
			masked := hex.EncodeToString(mac.Sum(nil))
			snapshot, changes := b.log(s.Ledger.State(), "t")
			seen := 0
			for _, r := range append(snapshot, changes...) {
				if strings.Contains(fmt.Sprint(r), secret) {
					t.Errorf("a masked value is in a segment: %v", r)
				}
				if r["name"] == masked {
					seen++
				}
			}
			if len(snapshot) != 1 || len(changes) != 9 || seen != 10 {
				t.Errorf("%d rows of the snapshot, %d changes, %d masked names; want 1, 9 and all of them", len(snapshot), len(changes), seen)
			}
		})
	}
}

// masks are the rules of a run that hides a table's column.
func masks(table, column string) *shape.Rules {
	return &shape.Rules{Sections: []shape.Section{{Label: "[tables." + table + "]", Exact: true,
		Matches: func(n schema.TableName) bool { return n.Name == table },
		Options: shape.Options{Masks: map[string]schema.Mask{column: {Kind: schema.MaskNull}}}}}}
}

// A full load that masks a column is taken while a stream collects an entry,
// whose table was read in clear text before. The rows of this entry must not
// be uploaded, not even as a segment that no entry names.
func TestNoSegmentShowsWhatASnapshotHidesMeanwhile(t *testing.T) {
	const secret = "confidential"
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, name text)`, `INSERT INTO t VALUES (1, 'one')`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	s = b.stager()
	s.Options.EntryEvery, s.Options.EntryRows = time.Hour, 2
	var uploaded atomic.Int64
	b.volume.onUpload = func(name string) error {
		if strings.Contains(name, "changes") {
			uploaded.Add(1)
		}
		return nil
	}
	done, target := make(chan error, 1), b.now()
	go func() {
		_, err := s.Follow(t.Context(), t.Context(), stage.FollowOptions{Target: target})
		done <- err
	}()
	b.exec(`UPDATE t SET name = 'two'`)
	b.eventually("a row of the entry", func() bool { return s.Peaks.Rows.Load() > 0 })
	masking := b.stager()
	masking.Shape = masks("t", "name")
	b.snapshot(masking, "t")
	b.exec(`INSERT INTO t VALUES (2, '` + secret + `')`)
	err := <-done
	if failure.KindOf(err) != failure.Conflict || !strings.Contains(err.Error(), `column "name" is masked (null) in the full load of entry`) {
		t.Errorf("got %v, want the full load that masks the column", err)
	}
	if n := uploaded.Load(); n != 0 {
		t.Errorf("%d segments with rows in clear text were uploaded", n)
	}
	b.drain(masking)
	_, changes := b.log(masking.Ledger.State(), "t")
	if len(changes) != 1 || strings.Contains(fmt.Sprint(changes), secret) {
		t.Errorf("changes %v after the full load, want one without the name", changes)
	}
}

// A table that cannot be copied fails alone. The session on which the server
// refused it is not used for the next table. The row filter that fails needs PostgreSQL 15.
func TestTablesAfterOneThatCannotBeCopied(t *testing.T) {
	b := newBenchAt(t, pgtest.NewDatabaseSince(t, 15), `CREATE TABLE a (id int PRIMARY KEY)`, `CREATE TABLE b (id int PRIMARY KEY)`,
		`INSERT INTO a VALUES (0)`, `INSERT INTO b VALUES (1), (2)`)
	s := b.stager()
	s.Options.Jobs = 1
	b.origin(s, "a", "b")
	b.exec(`ALTER PUBLICATION ` + pubs.All + ` SET TABLE a WHERE (1 / id > 0), b`)
	results, err := s.SnapshotTables(t.Context(), b.relations("a", "b"))
	if err != nil || len(results) != 2 {
		t.Fatalf("%+v, %v", results, err)
	}
	if a := results[0]; a.Err == nil || !strings.Contains(a.Err.Error(), "division by zero") || a.Done != nil {
		t.Errorf("%s: %v", a.Table, a.Err)
	}
	if r := results[1]; r.Err != nil || r.Done == nil || r.Done.Rows != 2 {
		t.Errorf("%s: %+v, %v", r.Table, r.Done, r.Err)
	}
}

// A table that the end of a run cuts off has not failed: the run counts it among those that are left.
func TestTableThatAnInterruptCutsOff(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`, `INSERT INTO t VALUES (1)`)
	s := b.stager()
	b.origin(s, "t")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	b.volume.onUpload = func(string) error { interrupt(); return nil }
	s.Watch.Ended = func(table schema.TableName, complete bool) { t.Errorf("%s has ended, complete %v", table, complete) }
	if results, err := s.SnapshotTables(ctx, b.relations("t")); err == nil {
		t.Errorf("no error, and %+v", results)
	}
	b.volume.onUpload = nil
	s.Watch.Ended = nil
	b.snapshot(s, "t")
	b.same(s, "t", "id")
}
