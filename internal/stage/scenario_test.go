//go:build unix

package stage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// same compares the strictly replayed log with the source.
func (b *bench) same(s *stage.Stager, table, key string) {
	b.t.Helper()
	if diff := cmp.Diff(b.table(table, key), b.replay(s.Ledger.State(), table, key)); diff != "" {
		b.t.Errorf("the log of %s replayed differs from the source (-source +log):\n%s", table, diff)
	}
}

// until polls a condition of the server.
func (b *bench) until(what, sql string) {
	b.t.Helper()
	conn := b.another()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		var yes bool
		if err := conn.QueryRow(b.t.Context(), sql).Scan(&yes); err != nil {
			b.t.Fatal(err)
		}
		if yes {
			return
		}
	}
	b.t.Fatalf("%s: it did not come to that", what)
}

// A transaction that wrote to a table before the table was published is not
// decoded for it. So the snapshot must wait for its end and contain its rows.
func TestSnapshotWaitsForWritersFromBeforeThePublication(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", prepared), func(t *testing.T) {
			b := newBench(t, `CREATE TABLE other (id int PRIMARY KEY)`, `CREATE TABLE t (id int PRIMARY KEY, v text)`,
				`INSERT INTO t VALUES (1, 'before')`)
			s := b.stager()
			b.origin(s, "other")
			early := b.another()
			gid := b.source.Facts.Database + "-early"
			execOn(t, early, `BEGIN`, `INSERT INTO t VALUES (2, 'unseen')`)
			if prepared {
				execOn(t, early, `PREPARE TRANSACTION '`+gid+`'`)
			}
			b.publish("t")
			g := b.begin(s, "t")
			g.waits()
			if prepared {
				execOn(t, early, `COMMIT PREPARED '`+gid+`'`)
			} else {
				execOn(t, early, `COMMIT`)
			}
			g.end()
			b.exec(`UPDATE t SET v = v || '!'`)
			b.drain(s)
			b.same(s, "t", "id")
		})
	}
}

// Changes that committed before a snapshot and are staged after its begin entry
// have separate segments. A load of that snapshot skips those segments. If the
// snapshot is abandoned, the old table continues with them.
func TestChangesVisibleInASnapshotHaveSeparateSegments(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t VALUES (1, 'a')`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (2, 'in both')`)
	broken := errors.New("the upload broke")
	b.volume.onUpload = func(name string) error {
		if !strings.Contains(name, "snapshot-") {
			return nil
		}
		// The second snapshot is begun and read. Stage what it already shows.
		b.drain(b.stager())
		return broken
	}
	results, err := s.SnapshotTables(t.Context(), b.relations("t"))
	if err != nil || !errors.Is(results[0].Err, broken) {
		t.Fatalf("snapshot: %v, %v; want the upload's error for the table", err, results)
	}
	b.volume.onUpload = nil
	state, err := s.Ledger.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for _, c := range state.Tables[schema.TableName{Schema: "public", Name: "t"}].Changes {
		for _, seg := range c.Segments {
			marked += len(seg.VisibleIn)
		}
	}
	if marked != 1 {
		t.Errorf("%d marks on segments, want 1: the insert is visible in the second snapshot", marked)
	}
	b.same(s, "t", "id") // the first snapshot continues with the marked segment

	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (3, 'after')`)
	b.drain(s)
	b.same(s, "t", "id")
}

// A table cannot be rewritten while its ranges are read. Otherwise COPY would
// find no rows, or lose rows between two ranges.
func TestTableCannotBeRewrittenWhileItIsRead(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i`)
	s := b.stager()
	b.origin(s, "t")
	s.Options.SegmentBytes = 1 // upload early
	conn := b.another()
	execOn(t, conn, `SET lock_timeout = '100ms'`)
	var once sync.Once
	b.volume.onUpload = func(string) error {
		once.Do(func() {
			for _, sql := range []string{`ALTER TABLE t ALTER id TYPE bigint`, `VACUUM FULL t`, `TRUNCATE t`} {
				_, err := conn.Exec(context.Background(), sql)
				var pg *pgconn.PgError
				if !errors.As(err, &pg) || pg.Code != "55P03" {
					t.Errorf("%s while the table is read: %v, want a lock timeout", sql, err)
				}
			}
		})
		return nil
	}
	b.snapshot(s, "t")
	b.same(s, "t", "id")
}

// Both transports stage the same rows.
func TestPeekAndStreamStageTheSameRows(t *testing.T) {
	b := newBench(t,
		`CREATE TABLE t (id int PRIMARY KEY, v text, big text)`, `ALTER TABLE t ALTER big SET STORAGE EXTERNAL`,
		`CREATE TABLE f (a int, b text)`, `ALTER TABLE f REPLICA IDENTITY FULL`, `CREATE TABLE n (a int)`,
	)
	// Two slots at the same position, each with its own ledger.
	first, second := b.stager(), newVolume()
	b.origin(first, "t", "f", "n")
	b.volume, second = second, b.volume
	other := b.stager()
	other.Slot += "_2"
	b.origin(other, "t", "f", "n")
	b.exec(
		`INSERT INTO t SELECT i, 'v' || i, repeat('b', 3000) FROM generate_series(1, 50) i`, `UPDATE t SET v = 'w' WHERE id % 3 = 0`,
		`UPDATE t SET id = id + 1000 WHERE id % 7 = 0`, `DELETE FROM t WHERE id % 5 = 0`,
		`INSERT INTO f SELECT i, 'x' FROM generate_series(1, 20) i`, `UPDATE f SET b = NULL WHERE a > 15`, `DELETE FROM f WHERE a < 3`,
		`INSERT INTO n VALUES (1), (2)`, `UPDATE n SET a = 3`, `DELETE FROM n`, `TRUNCATE f, n`, `SELECT pg_logical_emit_message(true, 'p', 'm')`,
		`BEGIN`, `INSERT INTO t VALUES (5000, 'a', 'b')`, `SAVEPOINT s`, `INSERT INTO t VALUES (5001, 'a', 'b')`, `ROLLBACK TO s`, `COMMIT`,
	)
	other.Options.PeekMaxWAL = 1 // forces streaming
	var logs [2]map[string][]row
	for i, s := range []*stage.Stager{first, other} {
		if i == 0 {
			b.volume, second = second, b.volume
		} else {
			b.volume = second
		}
		b.drain(s)
		logs[i] = map[string][]row{}
		for _, table := range []string{"t", "f", "n"} {
			_, logs[i][table] = b.log(s.Ledger.State(), table)
		}
	}
	if len(logs[0]["t"]) != 91 || len(logs[0]["n"]) != 3 {
		t.Errorf("staged %d rows of t, and %d of n, want 91, and 3: two inserts and a truncate", len(logs[0]["t"]), len(logs[0]["n"]))
	}
	if diff := cmp.Diff(logs[0], logs[1]); diff != "" {
		t.Errorf("the transports differ (-peek +stream):\n%s", diff)
	}
}

// Invariant 8: a table without a replica identity keeps working.
func TestInvariant8NothingAskedOfTheApplication(t *testing.T) {
	b := newBench(t, `CREATE TABLE n (a int)`, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE nothing (id int PRIMARY KEY)`,
		`ALTER TABLE nothing REPLICA IDENTITY NOTHING`,
		`CREATE TABLE part (id int, k int) PARTITION BY LIST (k)`, `CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1)`)
	s := b.stager()
	b.origin(s, "n", "t", "nothing", "part")
	b.snapshot(s, "n", "t", "nothing", "part")
	b.exec(`INSERT INTO n VALUES (1)`, `UPDATE n SET a = 2`, `DELETE FROM n`, `INSERT INTO nothing VALUES (1)`,
		`UPDATE nothing SET id = 2`, `DELETE FROM nothing`,
		`INSERT INTO part VALUES (1, 1)`, `UPDATE part SET id = 2`, `DELETE FROM part`)
	r := b.drain(s)
	for _, name := range []string{"n", "nothing", "part"} {
		got := r.Tables[schema.TableName{Schema: "public", Name: name}]
		if diff := cmp.Diff(map[schema.Op]int64{schema.OpInsert: 1}, got); diff != "" {
			t.Errorf("%s: staged operations differ (-want +got):\n%s", name, diff)
		}
	}
}

// An update of the key becomes a delete and an insert. Columns that the update
// did not carry are listed, and their values are in the deleted row.
func TestKeyChangeWithUnchangedToast(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text, big text)`, `ALTER TABLE t ALTER big SET STORAGE EXTERNAL`,
		`INSERT INTO t VALUES (1, 'a', repeat('z', 5000))`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`UPDATE t SET id = 2`, `UPDATE t SET v = 'b'`, `ALTER TABLE t REPLICA IDENTITY FULL`, `UPDATE t SET v = 'c'`, `UPDATE t SET id = 3`)
	b.drain(s)
	_, changes := b.log(s.Ledger.State(), "t")
	var ops []string
	for _, r := range changes {
		ops = append(ops, r["_op"]+" "+r["id"]+" "+r["_unchanged"])
	}
	want := []string{"delete 1 ", `insert 2 ["big"]`, `update 2 ["big"]`, "update 2 ", "delete 2 ", "insert 3 "}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Errorf("changes differ (-want +got):\n%s", diff)
	}
	b.same(s, "t", "id")
}

// A key with an unchanged TOAST value arrives in the old key, not in the new
// row.
func TestKeyThatIsUnchangedToast(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id text PRIMARY KEY, v int)`, `ALTER TABLE t ALTER id SET STORAGE EXTERNAL`,
		`INSERT INTO t VALUES (repeat('k', 2500), 1)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`UPDATE t SET v = 2`)
	b.drain(s)
	b.same(s, "t", "id")
}

// Schema changes never stop the run. They mark the table exactly if rows
// changed that were not sent.
func TestSchemaChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		ddl    []string
		reason string // part of the mark's reason; "" for none
	}{
		{"column added", []string{`ALTER TABLE t ADD c int`, `INSERT INTO t (id, v, c) VALUES (2, 'b', 7)`}, ""},
		{"column added with a default", []string{`ALTER TABLE t ADD c int DEFAULT 5`, `INSERT INTO t (id, v) VALUES (2, 'b')`}, ""},
		{"column added with a default of each row's own", []string{`ALTER TABLE t ADD c serial`, `INSERT INTO t (id, v) VALUES (2, 'b')`},
			`"c" was added with a default`},
		{"column dropped", []string{`ALTER TABLE t DROP v`, `INSERT INTO t (id) VALUES (2)`}, ""},
		{"column renamed", []string{`ALTER TABLE t RENAME v TO w`, `INSERT INTO t (id, w) VALUES (2, 'b')`}, ""},
		{"column renamed, and its type is another", []string{`ALTER TABLE t RENAME v TO w`, `ALTER TABLE t ALTER w TYPE int USING 1`,
			`INSERT INTO t (id, w) VALUES (2, 2)`}, `"v" was renamed to "w"`},
		{"column dropped and added again", []string{`ALTER TABLE t DROP v`, `ALTER TABLE t ADD v text`, `INSERT INTO t (id, v) VALUES (2, 'b')`,
			`ALTER TABLE t ADD c int`, `INSERT INTO t (id) VALUES (3)`}, `"v" was dropped and added again`},
		{"column dropped and added again behind the others", []string{`ALTER TABLE t DROP v`, `ALTER TABLE t ADD v text`,
			`INSERT INTO t (id, v) VALUES (2, 'b')`}, `"v" was dropped and added again`},
		{"primary key changed", []string{`ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n)`, `UPDATE t SET v = 'b'`},
			`its key changed from (id) to (n)`},
		{"type widened with a rewrite", []string{`ALTER TABLE t ALTER n TYPE bigint`, `INSERT INTO t (id, n) VALUES (2, 5000000000)`}, ""},
		{"type widened without a rewrite",
			[]string{`ALTER TABLE t ALTER s TYPE text`, `INSERT INTO t (id, s) VALUES (2, repeat('long', 50))`}, ""},
		{"type changed", []string{`ALTER TABLE t ALTER n TYPE text USING n::text || ' pieces'`, `INSERT INTO t (id, n) VALUES (2, 'many')`},
			`"n" changed its type from integer to text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text, s varchar(10), n int)`, `INSERT INTO t VALUES (1, 'a', 's', 1)`)
			s := b.stager()
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(c.ddl...)
			r := b.drain(s)
			got := ""
			if len(r.Reload) > 0 {
				got = r.Reload[0].Reason
			}
			if (c.reason == "") != (got == "") || !strings.Contains(got, c.reason) {
				t.Errorf("marked %q, want %q", got, c.reason)
			}
			if r.Rows == 0 {
				t.Error("nothing was staged")
			}
			b.snapshot(s, "t")
			b.exec(`UPDATE t SET id = id`)
			b.drain(s)
			if m := s.Ledger.State().Tables[schema.TableName{Schema: "public", Name: "t"}].Reload; m != nil {
				t.Errorf("still marked after a full load: %s", m.Reason)
			}
			b.same(s, "t", "id")
		})
	}
}

// A value that no longer fits its column's type is rescued, not lost.
func TestRetypedValuesAreRescued(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, n int)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER TABLE t ALTER n TYPE text`, `INSERT INTO t VALUES (1, '12'), (2, 'a dozen')`)
	b.drain(s)
	_, changes := b.log(s.Ledger.State(), "t")
	if len(changes) != 2 || changes[0]["n"] != "12" || changes[0]["_rescued"] != "" || changes[1]["n"] != "" ||
		changes[1]["_rescued"] != `{"n":"a dozen"}` {
		t.Errorf("changes %v, want 12 as a number and a dozen rescued", changes)
	}
}

// Invariant 4: the slot is never beyond the newest entry.
func TestInvariant4AcknowledgeLast(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	check := func(when string) {
		t.Helper()
		slot, err := b.source.Slots(b.another()).Find(context.Background(), b.slot())
		if err != nil {
			t.Fatal(err)
		}
		led, err := ledger.Open(context.Background(), b.volume, ledger.Options{Run: "check", Version: "test", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if p := led.State().Position; slot.Confirmed > p {
			t.Errorf("%s: the slot is acknowledged to %s, and the ledger stands at %s", when, slot.Confirmed, p)
		}
	}
	broken := errors.New("the upload broke")
	b.exec(`INSERT INTO t VALUES (1)`)
	b.volume.onUpload = func(string) error { check("before the entry"); return broken }
	if _, err := s.Drain(t.Context(), b.now(), nil); !errors.Is(err, broken) {
		t.Fatalf("drain: %v, want the upload's error", err)
	}
	check("after a failed drain")
	b.volume.onAppend = func(string) { check("before the entry is there") }
	b.volume.onUpload = func(string) error { check("before the entry, again"); return nil }
	b.drain(b.stager())
	check("after the entry")
	b.volume.onUpload = nil
	b.exec(`INSERT INTO t VALUES (2)`)
	b.drain(b.stager())
	check("after another")
	b.same(b.stager(), "t", "id")
}

// Invariant 5: reading starts at the ledger's position. Any other state of the
// slot stops the run. The error says what is lost and how to repair it.
func TestInvariant5FromTheLedger(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	b.drain(s)
	state := s.Ledger.State()
	slot, err := b.source.Slots(b.conn).Find(t.Context(), b.slot())
	if err != nil {
		t.Fatal(err)
	}
	flush := state.Position + 100
	for _, c := range []struct {
		name   string
		change func(*postgres.Slot, *postgres.Facts, *lsn)
		want   string
	}{
		{"fits", func(*postgres.Slot, *postgres.Facts, *lsn) {}, ""},
		{"behind", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Confirmed-- }, ""},
		{"ahead", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Confirmed = state.Position + 1 }, "ahead of the ledger"},
		{"lost", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.WALStatus = "lost" }, "invalidated"},
		{"physical", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Type, s.Plugin = "physical", "" }, "physical"},
		{"another plugin", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Plugin = "wal2json" }, "wal2json"},
		{"temporary", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Temporary, s.ActivePID = true, 77 }, "a temporary one of pid 77"},
		{"two-phase", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.TwoPhase = true }, "two_phase"},
		{"lost for a reason", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.WALStatus, s.Reason = "lost", "rows_removed" },
			"wal_status = lost, reason rows_removed"},
		{"another database", func(s *postgres.Slot, _ *postgres.Facts, _ *lsn) { s.Database = "x" }, `"x"`},
		{"another cluster", func(_ *postgres.Slot, f *postgres.Facts, _ *lsn) { f.System = "1" }, "another cluster"},
		{"another timeline", func(_ *postgres.Slot, f *postgres.Facts, _ *lsn) { f.Timeline++ }, "not in its history"},
		{"a server from before the failover", func(_ *postgres.Slot, f *postgres.Facts, _ *lsn) { f.Timeline-- }, "from before a failover"},
		{"failed over behind all that is staged", func(_ *postgres.Slot, f *postgres.Facts, _ *lsn) {
			f.Timeline, f.Ended = f.Timeline+2, map[int32]lsn{f.Timeline: state.Position, f.Timeline + 1: flush}
		}, ""},
		{"failed over before what is staged", func(_ *postgres.Slot, f *postgres.Facts, _ *lsn) {
			f.Timeline, f.Ended = f.Timeline+1, map[int32]lsn{f.Timeline: state.Position - 1}
		}, "a failover or a restore lost what was committed between"},
		{"restored", func(_ *postgres.Slot, _ *postgres.Facts, at *lsn) { *at = state.Position - 1 }, "beyond the server's WAL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			slot, facts, at := *slot, b.source.Facts, flush
			c.change(&slot, &facts, &at)
			err := stage.CheckSlot(state, &slot, stage.Server{Facts: &facts, Flush: at, Now: time.Now()}, b.slot())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// A commit below the position is never staged again, with either transport.
	for _, peekMax := range []int64{1 << 40, 1} {
		s := b.stager()
		s.Options.PeekMaxWAL = peekMax
		b.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d)`, peekMax%1000+10))
		if r := b.drain(s); r.Rows != 1 || r.Dropped != 0 {
			t.Errorf("staged %+v, want the one new row", r)
		}
	}
	b.same(b.stager(), "t", "id")
}

// Two runs start at the same time. The error of the second one names the holder
// of the slot.
func TestASecondDrainNamesTheReader(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	var second error
	b.volume.onUpload = func(string) error {
		other := b.stager()
		other.Source = b.open("other")
		_, second = other.Drain(context.Background(), b.flushed(), nil)
		return nil
	}
	b.drain(s)
	if second == nil || !strings.Contains(second.Error(), "another run holds the pipeline for reading the slot: ingest test (pid ") {
		t.Errorf("the second drain: %v, want an error that names the holder of the slot", second)
	}
}

// A run loses a connection and continues. The server has not noticed the loss,
// so the run finds its own lock and its own stream. It terminates them.
func TestTheLostSessionsOfThisRunAreEnded(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	lost, err := b.source.TakeLock(t.Context(), "reading the slot", postgres.LockKey("stage", s.Slot))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := b.source.Feed(s.Slot, pubs).Stream(t.Context(), s.Ledger.State().Position)
	if err != nil {
		t.Fatal(err)
	}
	b.exec(`INSERT INTO t VALUES (1)`)
	if r := b.drain(s); r.Rows != 1 {
		t.Errorf("staged %+v, want the one row", r)
	}
	if err := lost.Prove(t.Context()); !errors.Is(err, postgres.ErrLockLost) || !postgres.Passing(err) {
		t.Errorf("the lost session's lock: %v", err)
	}
	_ = lost.Close()
	_ = stream.Close()
}

// Partitions arrive under their root. Moving a row between partitions is a key
// update only if the key changes.
func TestPartitionedTable(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k)`,
		`CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)`, `CREATE TABLE t2 (v text, k int NOT NULL, id int NOT NULL)`,
		`ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2)`,
		`INSERT INTO t SELECT i, 1 + i % 2, 'v' || i FROM generate_series(1, 1000) i`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`UPDATE t SET v = 'w' WHERE id % 10 = 0`, `UPDATE t SET k = 3 - k WHERE id % 7 = 0`, `DELETE FROM t WHERE id % 11 = 0`,
		`INSERT INTO t2 (id, k, v) VALUES (5000, 2, 'straight')`)
	b.drain(s)
	b.same(s, "t", "id")
	state := s.Ledger.State().Tables[schema.TableName{Schema: "public", Name: "t"}]
	if len(state.Snapshot.Partitions) != 2 || !slices.IsSorted(state.Snapshot.Partitions) {
		t.Errorf("partitions %v, want two, ascending", state.Snapshot.Partitions)
	}
}
