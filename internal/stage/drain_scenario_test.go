//go:build unix

package stage_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// transports are the two transports, for subtests.
var transports = []string{"peek", "stream"}

// by selects the transport.
func by(transport string, s *stage.Stager) *stage.Stager {
	if transport == "stream" {
		s.Options.PeekMaxWAL = 1
	}
	return s
}

// A page of WAL starts with a header of this size, except a segment's
// first page.
const (
	walPage   = 8192
	walHeader = 24
)

// An entry may end at any requested position: at a commit at the start of a WAL
// page, at that page's boundary, or in the middle of its header or of a record.
func TestDrainToAnyPlaceAroundACommitOnAPageBoundary(t *testing.T) {
	for _, transport := range transports {
		for _, commit := range []string{"on", "off"} {
			t.Run(transport+", synchronous_commit = "+commit, func(t *testing.T) {
				t.Parallel()
				server := newServer(t, map[string]string{"bgwriter_delay": "10s", "autovacuum": "off"})
				b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY)`)
				b.origin(b.stager(), "t")
				b.exec(`SET synchronous_commit = ` + commit)
				for id, offset := range []int{-8, 0, 1, walHeader - 1, walHeader, walHeader + 1, walHeader + 20, walHeader + 200} {
					// The first transaction requires an entry, which then ends
					// at the target.
					b.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d)`, 200+id), `BEGIN`, fmt.Sprintf(`INSERT INTO t VALUES (%d)`, id))
					boundary := b.fillPage()
					b.exec(`COMMIT`)
					b.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d)`, 100+id), `SELECT pg_logical_emit_message(false, '', repeat('x', 2000))`)
					for _, target := range []lsn{boundary + lsn(offset), boundary + 1000} {
						if _, err := by(transport, b.stager()).Drain(t.Context(), target, nil); err != nil {
							t.Fatalf("to the boundary %s and %d: %v", boundary, offset, err)
						}
					}
				}
				// In the middle of a page, an entry can end at a commit's own
				// LSN.
				b.exec(`INSERT INTO t VALUES (300)`, `BEGIN`, `INSERT INTO t VALUES (301)`)
				at := b.now()
				b.exec(`COMMIT`, `SELECT pg_logical_emit_message(false, '', repeat('x', 2000))`)
				s := by(transport, b.stager())
				if _, err := s.Drain(t.Context(), at, nil); err != nil {
					t.Fatal(err)
				}
				if end := s.Ledger.State().Position; transport == "peek" && end != at {
					t.Errorf("the entry ends at %s, want the next commit's own LSN %s", end, at)
				}
				s = by(transport, b.stager())
				b.drain(s)
				b.same(s, "t", "id")
			})
		}
	}
}

// fillPage writes messages until the next record starts a page. It returns the
// page's first byte.
func (b *bench) fillPage() lsn {
	b.t.Helper()
	const probe = 300 // characters
	emit := func(characters int) lsn {
		b.exec(fmt.Sprintf(`SELECT pg_logical_emit_message(false, '', repeat('x', %d))`, characters))
		return b.now()
	}
	for range 50 {
		before := b.now()
		at := emit(probe)
		rest := walPage - int(at)%walPage
		if rest < walPage/4 || at/walPage != before/walPage {
			emit(walPage / 2) // past the page's end
			continue
		}
		if at = emit(rest - (int(at-before) - probe)); at%walPage == walHeader {
			return at - walHeader
		}
	}
	b.t.Fatal("no record came to begin a page")
	return 0
}

// A transaction that idles in the middle of a record blocks decoding up to
// there, because the record's rest is not flushed until someone commits. The
// drain handles this, even if a commit would wait for a standby.
func TestDrainWhileTheFlushPointIsInsideAnIdleTransactionsRecord(t *testing.T) {
	for name, settings := range map[string]map[string]string{"alone": nil, "without its standby": noStandby} {
		for target, toFlush := range map[string]bool{"to the flush point": true, "to the insert point": false} {
			t.Run(name+", "+target, func(t *testing.T) {
				t.Parallel()
				server := newServer(t, settings)
				b := newBenchAt(t, server.URL(""), `CREATE TABLE t (id int PRIMARY KEY, v text)`, `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`)
				if settings != nil {
					b.exec(`ALTER DATABASE postgres SET synchronous_commit = on`) // for the runs' sessions
				}
				s := b.stager()
				b.origin(s, "t")
				b.exec(`INSERT INTO t VALUES (1, 'before')`)
				idle := b.another()
				execOn(t, idle, `BEGIN`, `INSERT INTO t VALUES (2, repeat('x', 100000))`)
				b.until("the flush point is at a page's end",
					`SELECT pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn() AND (pg_current_wal_flush_lsn() - '0/0') % 8192 = 0`)
				to, flush, err := b.source.WAL(b.conn).Positions(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if toFlush {
					to = flush
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				if _, err := s.Drain(ctx, to, nil); err != nil {
					t.Fatal(err)
				}
				if _, changes := b.log(s.Ledger.State(), "t"); len(changes) != 1 {
					t.Errorf("staged %d rows, want the one that is committed", len(changes))
				}
				execOn(t, idle, `SET synchronous_commit = local`, `COMMIT`)
				b.drain(s)
				b.same(s, "t", "id")
			})
		}
	}
}

// An open transaction holds restart_lsn back, so each span is decoded from
// there. The spans grow, and the transaction's changes arrive when it commits.
func TestOpenTransactionOverManySpans(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`)
			s := by(transport, b.stager())
			s.Options.SpanBytes = 4 << 10
			b.origin(s, "t")
			b.snapshot(s, "t")
			open := b.another()
			execOn(t, open, `BEGIN`, `INSERT INTO t VALUES (-1, 'open')`, `SAVEPOINT s`, `INSERT INTO t VALUES (-2, 'open')`)
			for i := range 200 {
				b.exec(fmt.Sprintf(`INSERT INTO t VALUES (%d, repeat('v', 500))`, i))
			}
			r := b.drain(s)
			if r.Rows != 200 || r.Entries < 3 || r.Entries > 20 {
				t.Errorf("staged %d rows in %d entries, want 200 in some entries that get longer", r.Rows, r.Entries)
			}
			execOn(t, open, `INSERT INTO t VALUES (-3, 'open')`, `COMMIT`)
			if r := b.drain(s); r.Rows != 3 || r.Transactions != 1 {
				t.Errorf("staged %+v, want the three rows of the transaction that was open", r)
			}
			b.same(s, "t", "id")
		})
	}
}

// If decoding a span needs more temporary files than the server allows, the
// span is streamed.
func TestSpanBeyondTheLimitOfTemporaryFiles(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`ALTER DATABASE `+b.source.Facts.Database+` SET temp_file_limit = '100kB'`,
		`INSERT INTO t SELECT i, repeat('v', 500) FROM generate_series(1, 2000) i`)
	var streamed atomic.Bool
	s.Log = slog.New(slog.NewTextHandler(writerFunc(func(line []byte) {
		if strings.Contains(string(line), "streaming it") && strings.Contains(string(line), "temp_file_limit") {
			streamed.Store(true)
		}
	}), nil))
	s.Options.WorkMem = "64kB"
	if r := b.drain(s); r.Rows != 2000 {
		t.Errorf("staged %d rows, want 2000", r.Rows)
	}
	if !streamed.Load() {
		t.Error("the span was not streamed because of temp_file_limit")
	}
	b.same(s, "t", "id")
}

// Other messages between rows: origins, logical messages inside and outside
// transactions, descriptions of an enum and of an unpublished table, another
// identity, and truncates of a partition and with CASCADE.
func TestMessagesThatAreNoRows(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE TYPE mood AS ENUM ('sad', 'glad')`, `CREATE TABLE t (id int PRIMARY KEY, v text, m mood)`,
				`CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t)`, `CREATE TABLE unpublished (id int PRIMARY KEY)`,
				`CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)`,
				`CREATE TABLE p2 PARTITION OF p DEFAULT`)
			s := by(transport, b.stager())
			b.origin(s, "t", "child", "p")
			b.snapshot(s, "t", "child", "p")
			origin := "origin of " + b.source.Facts.Database
			b.exec(`SELECT pg_logical_emit_message(false, 'a', 'outside')`, `INSERT INTO t VALUES (1, 'a', 'sad')`,
				`ALTER TYPE mood ADD VALUE 'mad'`,
				`SELECT pg_replication_origin_create('`+origin+`')`, `SELECT pg_replication_origin_session_setup('`+origin+`')`,
				`BEGIN`, `SELECT pg_replication_origin_xact_setup('1/2A', now())`, `INSERT INTO t VALUES (2, 'b', 'mad')`,
				`SELECT pg_logical_emit_message(true, 'a', 'inside')`,
				`INSERT INTO unpublished VALUES (1)`, `INSERT INTO child VALUES (1, 2)`, `COMMIT`,
				`SELECT pg_replication_origin_session_reset()`, `SELECT pg_replication_origin_drop('`+origin+`')`,
				`BEGIN`, `UPDATE t SET v = 'c' WHERE id = 1`, `ALTER TABLE t REPLICA IDENTITY FULL`, `UPDATE t SET v = 'd' WHERE id = 1`,
				`DELETE FROM t WHERE id = 1`, `COMMIT`,
				`TRUNCATE t CASCADE`, `INSERT INTO t VALUES (3, 'e', NULL)`, `INSERT INTO p VALUES (1), (11)`, `TRUNCATE p1`)
			r := b.drain(s)
			ops := func(name string) map[schema.Op]int64 { return r.Tables[schema.TableName{Schema: "public", Name: name}] }
			for name, want := range map[string]map[schema.Op]int64{
				"t":     {schema.OpInsert: 3, schema.OpUpdate: 2, schema.OpDelete: 1, schema.OpTruncate: 1},
				"child": {schema.OpInsert: 1, schema.OpTruncate: 1},
				"p":     {schema.OpInsert: 2}, // a partition's TRUNCATE is not sent through its root: a documented limit
			} {
				if diff := cmp.Diff(want, ops(name)); diff != "" {
					t.Errorf("%s: staged operations differ (-want +got):\n%s", name, diff)
				}
			}
			b.same(s, "t", "id")
			b.same(s, "child", "id")
		})
	}
}
