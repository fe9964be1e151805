//go:build unix

package stage_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/stage"
)

// size returns the size of a test. A variable makes it larger.
func size(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// within checks that the accounted memory stayed within the budget and that the
// spool is empty. Rows get an eighth of the budget and open segments a quarter.
// A batch is written before it is counted.
func within(t *testing.T, s *stage.Stager) {
	t.Helper()
	rows, segments, waiting := s.Peaks.Rows.Load(), s.Peaks.Segments.Load(), s.Peaks.Waiting.Load()
	t.Logf("at most %d bytes of rows, %d of open segments, %d waiting, of a budget of %d", rows, segments, waiting, s.Options.Memory)
	if rows == 0 || rows > s.Options.Memory/8+64<<10 {
		t.Errorf("rows took %d bytes of a budget of %d", rows, s.Options.Memory)
	}
	if segments == 0 || segments > s.Options.Memory/2 {
		t.Errorf("open segments took %d bytes of a budget of %d", segments, s.Options.Memory)
	}
	onlyLock(t, s)
}

func onlyLock(t *testing.T, s *stage.Stager) {
	t.Helper()
	entries, err := os.ReadDir(s.Spool.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("%s is left on the spool", e.Name())
		}
	}
}

// A transaction of many times the budget, with rolled back savepoints, takes no
// more than the budget with either transport.
func TestLargeTransactionStaysWithinTheBudget(t *testing.T) {
	n := size(t, "INGEST_TEST_LARGE_ROWS", 100_000)
	statements := []string{
		`BEGIN`,
		fmt.Sprintf(`INSERT INTO t SELECT i, i, 'row number ' || i FROM generate_series(1, %d) i`, n),
		`SAVEPOINT a`,
		fmt.Sprintf(`UPDATE t SET v = -1 WHERE id <= %d`, n/10),
		`ROLLBACK TO SAVEPOINT a`,
		fmt.Sprintf(`INSERT INTO t SELECT -i, i, 'gone' FROM generate_series(1, %d) i`, n/10),
		`ROLLBACK TO SAVEPOINT a`,
		`UPDATE t SET v = v + 1, note = note || ', again'`,
		`COMMIT`,
	}
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id bigint PRIMARY KEY, v bigint, note text)`)
			s := b.stager()
			s.Options.Memory, s.Options.SegmentBytes = 4<<20, 256<<10
			by(transport, s)
			b.origin(s, "t")
			b.exec(statements...)
			r := b.drain(s)
			want := map[schema.Op]int64{schema.OpInsert: int64(n), schema.OpUpdate: int64(n)}
			if diff := cmp.Diff(want, r.Tables[schema.TableName{Schema: "public", Name: "t"}]); diff != "" {
				t.Errorf("staged (-want +got):\n%s", diff)
			}
			if r.Transactions != 1 {
				t.Errorf("%d transactions, want 1", r.Transactions)
			}
			within(t, s)
		})
	}
}

// Any number of tables with changes in one entry stays within the budget
// together. Each table has one segment if its rows fit into one.
func TestManyTablesStayWithinTheBudget(t *testing.T) {
	n := size(t, "INGEST_TEST_LARGE_TABLES", 150)
	var ddl, names []string
	for i := range n {
		names = append(names, fmt.Sprintf("t%d", i))
		ddl = append(ddl, fmt.Sprintf(`CREATE TABLE t%d (id bigint PRIMARY KEY, a text, b text, c bigint, d text)`, i))
	}
	b := newBench(t, ddl...)
	s := b.stager()
	b.origin(s, names...)
	b.exec(fmt.Sprintf(`DO $$ BEGIN
		FOR round IN 1..6 LOOP
			FOR i IN 0..%d LOOP
				EXECUTE format('INSERT INTO t%%s SELECT x, repeat(''a'', 20) || x, NULL, x, ''b'' FROM generate_series(%%s, %%s) x', i, 10 * round, 10 * round + 9);
				EXECUTE format('UPDATE t%%s SET a = a || ''!'' WHERE id < %%s', i, 10 * round + 5);
			END LOOP;
			COMMIT;
		END LOOP;
	END $$`, n-1))
	s.Options.Memory = int64(n) * 20 << 10
	b.drain(s)
	within(t, s)
	state := s.Ledger.State()
	for _, name := range names {
		table := schema.TableName{Schema: "public", Name: name}
		if changes := state.Tables[table].Changes; len(changes) != 1 || len(changes[0].Segments) != 1 {
			t.Fatalf("%s: %d parts, the first with %d segments, want 1 and 1", name, len(changes), len(changes[0].Segments))
		}
	}
	for _, name := range []string{names[0], names[n/2], names[n-1]} {
		if diff := cmp.Diff(b.table(name, "id"), b.replay(state, name, "id")); diff != "" {
			t.Errorf("%s (-source +log):\n%s", name, diff)
		}
	}
}

// slow blocks every upload until the reader has been made to wait.
type slow struct {
	stage.Uploader
	told chan struct{}
}

func (s slow) Upload(ctx context.Context, name string, body io.ReadSeeker, bytes int64) error {
	select {
	case <-s.told:
		return s.Uploader.Upload(ctx, name, body, bytes)
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(5 * time.Minute):
		return fmt.Errorf("upload %s: the reader did not wait", name)
	}
}

// listener is a log handler that watches for one message.
type listener struct {
	slog.Handler
	message string
	heard   func()
}

func (l listener) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, l.message) {
		l.heard()
	}
	return nil
}

func (l listener) Enabled(context.Context, slog.Level) bool { return true }

// While uploads are slow, the reader waits, so that the spool holds only a few
// segments.
func TestSlowUploadsBoundTheSpool(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t, `CREATE TABLE t (id bigint PRIMARY KEY, note text)`)
			s := b.stager()
			s.Options.Memory, s.Options.SegmentBytes = 2<<20, 64<<10
			by(transport, s)
			b.origin(s, "t")
			b.exec(`INSERT INTO t SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, 60000) i`)
			told := make(chan struct{})
			s.Files = slow{Uploader: b.volume, told: told}
			s.Log = slog.New(listener{Handler: slog.DiscardHandler, message: "waiting for uploads", heard: sync.OnceFunc(func() { close(told) })})
			b.drain(s)
			if waiting, most := s.Peaks.Waiting.Load(), 16*s.Options.SegmentBytes; waiting > most {
				t.Errorf("segments of %d bytes waited on the spool, want at most %d", waiting, most)
			}
			onlyLock(t, s)
		})
	}
}

// A row that is larger than the whole budget is still staged, from a snapshot
// and with either transport. Open segments keep nothing of it in memory.
func TestRowLargerThanTheBudget(t *testing.T) {
	n := size(t, "INGEST_TEST_LARGE_VALUE", 3<<20)
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := newBench(t,
				`CREATE TABLE t (id bigint PRIMARY KEY, a text, b bytea, c jsonb)`, `ALTER TABLE t REPLICA IDENTITY FULL`,
				// Texts that snappy cannot compress.
				`CREATE FUNCTION noise(n int) RETURNS text LANGUAGE sql AS $$ SELECT left(string_agg(md5(i::text), ''), n) FROM generate_series(0, n / 32) i $$`,
				fmt.Sprintf(`INSERT INTO t VALUES (1, noise(%d), '', '{}')`, n))
			s := b.stager()
			s.Options.Memory = 2 << 20
			b.origin(s, "t")
			b.snapshot(s, "t")
			b.exec(
				fmt.Sprintf(`INSERT INTO t SELECT 2, '', decode(repeat('ab', %d), 'hex'), '{}'`, n),
				fmt.Sprintf(`INSERT INTO t SELECT 3, '', '', jsonb_build_object('k', repeat('y', %d))`, n),
				fmt.Sprintf(`INSERT INTO t SELECT 4, noise(%d), NULL, NULL`, n),
				`UPDATE t SET a = a || '!' WHERE id = 1`,
				`UPDATE t SET id = 5 WHERE id = 2`,
				`DELETE FROM t WHERE id = 4`)
			b.drain(by(transport, s))
			log := b.replay(s.Ledger.State(), "t", "id")
			got := map[string][3]int{}
			for id, r := range log {
				got[id] = [3]int{len(r["a"]), len(r["b"]), len(r["c"])}
			}
			if diff := cmp.Diff(map[string][3]int{"1": {n + 1, 0, 2}, "3": {0, 0, n + 9}, "5": {0, base64.StdEncoding.EncodedLen(n), 2}},
				got); diff != "" {
				t.Errorf("lengths of the rows' values (-want +got):\n%s", diff)
			}
			if segments := s.Peaks.Segments.Load(); segments == 0 || segments > s.Options.Memory/4 {
				t.Errorf("open segments took %d bytes of a budget of %d", segments, s.Options.Memory)
			}
			onlyLock(t, s)
		})
	}
}
