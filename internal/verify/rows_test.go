//go:build unix

package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/verify"
)

// itemsBed has three rows of (id, name, price) at both ends.
func itemsBed(t *testing.T, definition string) *bed {
	b := newBed(t, definition, "INSERT INTO items VALUES (1, 'one', 1.50), (2, 'two', 2.50), (3, NULL, NULL)")
	b.create("items")
	b.log("items", "1, 'one', 1.50, "+meta(0, "NULL"), "2, 'two', 2.50, "+meta(1, "NULL"), "3, NULL, NULL, "+meta(2, "NULL"))
	return b
}

const (
	keyedItems  = "CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(10,2))"
	looseItems  = "CREATE TABLE items (id int, name text, price numeric(10,2)); ALTER TABLE items REPLICA IDENTITY FULL"
	splitItems  = "CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(10,2)) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (2); CREATE TABLE high PARTITION OF items DEFAULT"
	bronzeItems = "`dev`.`bronze`.`items`"
)

func TestEveryKindOfDifferenceIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		definition     string
		source, target string // statement for one end
		want           []string
		differing      int64
	}{
		"nothing":                     {keyedItems, "", "", nil, 0},
		"nothing, partitioned":        {splitItems, "", "", nil, 0},
		"nothing, a multiset":         {looseItems, "", "", nil, 0},
		"a row missing in the target": {keyedItems, "INSERT INTO items VALUES (4, 'four', 0)", "", []string{"missing id=4"}, 1},
		"a row missing, partitioned":  {splitItems, "INSERT INTO items VALUES (0, 'nil', 0)", "", []string{"missing id=0"}, 1},
		"a row only in the target":    {keyedItems, "DELETE FROM items WHERE id = 2", "", []string{"extra id=2"}, 1},
		"a changed cell": {keyedItems, "", "UPDATE " + bronzeItems + " SET name = 'ONE' WHERE id = 1",
			[]string{"cell id=1 name: one / ONE"}, 1},
		"NULL instead of a value": {keyedItems, "", "UPDATE " + bronzeItems + " SET price = NULL WHERE id = 1",
			[]string{"cell id=1 price: 1.50 / NULL"}, 1},
		"an empty text instead of NULL": {keyedItems, "", "UPDATE " + bronzeItems + " SET name = '' WHERE id = 3",
			[]string{"cell id=3 name: NULL / "}, 1},
		"a wrong scale": {keyedItems, "", "UPDATE " + bronzeItems + " SET price = 15.00 WHERE id = 1",
			[]string{"cell id=1 price: 1.50 / 15.00"}, 1},
		"values that changed places": {keyedItems, "",
			"UPDATE " + bronzeItems + " SET name = CASE id WHEN 1 THEN 'two' ELSE 'one' END WHERE id < 3",
			[]string{"cell id=1 name: one / two", "cell id=2 name: two / one"}, 2},
		"two cells of a row": {keyedItems, "UPDATE items SET name = 'x', price = -1 WHERE id = 2", "",
			[]string{"cell id=2 name: x / two", "cell id=2 price: -1.00 / 2.50"}, 1},
		"a duplicate in a multiset": {looseItems, "",
			"INSERT INTO " + bronzeItems + " VALUES (1, 'one', 1.50, " + meta(9, "NULL") + "), (1, 'one', 1.50, " + meta(10, "NULL") + ")",
			[]string{"extra id=1, name=one, price=1.50 2 times"}, 2},
		"a row fewer in a multiset": {looseItems, "INSERT INTO items VALUES (3, NULL, NULL)", "",
			[]string{"missing id=3, name=NULL, price=NULL"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := itemsBed(t, test.definition)
			if test.source != "" {
				b.source(test.source)
			}
			if test.target != "" {
				b.target(test.target)
			}
			verdict := verify.Equal
			if test.want != nil {
				verdict = verify.Different
			}
			r := b.verify("items", true)
			if diff := cmp.Diff(test.want, lines(r)); diff != "" || r.Verdict != verdict || r.Differing != test.differing {
				t.Errorf("%s %s, %d differing (-want +got):\n%s", r.Verdict, r.Reason, r.Differing, diff)
			}
			if r := b.verify("items", false); r.Verdict != verdict {
				t.Errorf("by aggregates: %s %s %v", r.Verdict, r.Reason, lines(r))
			}
			if left, err := os.ReadDir(b.verifier.Spool); err != nil || len(left) > 0 {
				t.Errorf("left in the spool: %v %v", left, err)
			}
		})
	}
}

// A zero with a lost or added sign is a difference. Warehouse and Postgres
// treat both zeros as one number, but 1/x distinguishes them.
func TestSignOfZero(t *testing.T) {
	b := newBed(t, `CREATE TABLE zeros (id int PRIMARY KEY, d double precision, r real, a double precision[], n real[])`,
		`INSERT INTO zeros SELECT i, x, x, ARRAY[x], ARRAY[1, x] FROM (VALUES (1, '0'::float8), (2, '-0')) v (i, x)`)
	b.create("zeros")
	row := func(id int, x string) string {
		return fmt.Sprintf("%d, %sD, CAST(%[2]sD AS FLOAT), array(%[2]sD), array(CAST(1 AS FLOAT), CAST(%[2]sD AS FLOAT)), %s",
			id, x, meta(id, "NULL"))
	}
	b.log("zeros", row(1, "0.0"), row(2, "-0.0"))
	check := func(want ...string) {
		t.Helper()
		verdict := verify.Equal
		if want != nil {
			verdict = verify.Different
		}
		if r := b.verify("zeros", true); r.Verdict != verdict || !slices.Equal(lines(r), want) {
			t.Errorf("%s %s %q, want %q", r.Verdict, r.Reason, lines(r), want)
		}
		if r := b.verify("zeros", false); r.Verdict != verdict {
			t.Errorf("by aggregates: %s %s %q, want %q", r.Verdict, r.Reason, lines(r), want)
		}
	}
	check()
	for column, values := range map[string]struct{ plain, signed, shown, other string }{
		"d": {"0.0D", "-0.0D", "0", "-0"},
		"r": {"CAST(0.0D AS FLOAT)", "CAST(-0.0D AS FLOAT)", "0", "-0"},
		"a": {"array(0.0D)", "array(-0.0D)", "{0}", "{-0}"},
		"n": {"array(CAST(1 AS FLOAT), CAST(0.0D AS FLOAT))", "array(CAST(1 AS FLOAT), CAST(-0.0D AS FLOAT))", "{1, 0}", "{1, -0}"},
	} {
		set := func(id int, to string) {
			b.target(fmt.Sprintf("UPDATE `dev`.`bronze`.`zeros` SET %s = %s WHERE id = %d", column, to, id))
		}
		set(1, values.signed)
		check("cell id=1 " + column + ": " + values.shown + " / " + values.other)
		set(1, values.plain)
		set(2, values.plain)
		check("cell id=2 " + column + ": " + values.other + " / " + values.shown)
		set(2, values.signed)
	}
	check()
}

// change appends a row of a change to the log of items.
func (b *bed) change(op string, xid uint64, seq int, values, unchanged string) {
	b.t.Helper()
	b.log("items", fmt.Sprintf("%s, '%s', %d, %d, 1, TIMESTAMP '2026-01-01 00:00:00', %d, NULL, %s, NULL, %d, NULL", values, op, 200+xid,
		seq, xid, unchanged, begin+1))
}

func TestChangesCountOnlyIfThePointShowsThem(t *testing.T) {
	b := itemsBed(t, keyedItems)
	xid := func() (id uint64) {
		if err := b.conn.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text::bigint").Scan(&id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	b.source("BEGIN; UPDATE items SET id = 7 WHERE id = 1; DELETE FROM items WHERE id = 3")
	shown := xid()
	b.source("COMMIT")
	b.change("delete", shown, 0, "1, NULL, NULL", "NULL")
	b.change("insert", shown, 1, "7, NULL, 1.50", "array('name')")
	b.change("delete", shown, 2, "3, NULL, NULL", "NULL")
	r := b.relation("items")
	point, err := b.verifier.Open(t.Context(), []*postgres.Relation{r})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = point.Close() }()
	b.source("BEGIN; UPDATE items SET name = 'later'")
	later := xid()
	b.source("COMMIT")
	b.change("update", later, 0, "7, 'later', 1.50", "NULL")
	b.change("update", later, 1, "2, 'later', 2.50", "NULL")
	for _, full := range []bool{false, true} {
		got, err := b.verifier.Table(t.Context(), point, b.state, r, full)
		if err != nil || got.Verdict != verify.Equal || got.SourceRows != 2 || got.TargetRows != 2 {
			t.Errorf("full %t: %+v, %v %v", full, got, err, lines(got))
		}
	}
	if got := b.verify("items", true); got.Verdict != verify.Equal {
		t.Errorf("at a later point: %v", lines(got))
	}
	if !point.Visible.Visible(shown) || point.Visible.Visible(later) || point.Fence == 0 {
		t.Errorf("the point is %+v", point)
	}
}

func TestNotVerified(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		state  func(*ledger.TableState)
		want   string
	}{
		"not loaded": {"", func(s *ledger.TableState) { s.Snapshot = nil }, "it has not been loaded"},
		"a reload needed": {"", func(s *ledger.TableState) { s.Reload = &ledger.ReloadMark{LSN: pglogrepl.LSN(16), Reason: "because"} },
			"a full load is needed since 0/10: because"},
		"made again":   {"", func(s *ledger.TableState) { s.Snapshot.OID++ }, "dropped and made again"},
		"a new column": {"ALTER TABLE items ADD extra int", nil, `column "extra" is new`},
		"another key":  {"ALTER TABLE items DROP CONSTRAINT items_pkey", nil, "its key was"},
		"another type": {"ALTER TABLE items ALTER name TYPE date USING NULL", nil, `column "name" changed its type`},
	} {
		t.Run(name, func(t *testing.T) {
			b := itemsBed(t, keyedItems)
			if test.source != "" {
				b.source(test.source)
			}
			if test.state != nil {
				test.state(b.state)
			}
			for _, full := range []bool{false, true} {
				r := b.verify("items", full)
				if r.Verdict != verify.NotVerified || !strings.Contains(r.Reason, test.want) || r.Table != b.state.Table {
					t.Errorf("full %t: %+v, want %q", full, r, test.want)
				}
			}
		})
	}
}

func TestNotVerifiedWithoutATarget(t *testing.T) {
	b := itemsBed(t, keyedItems)
	b.target("DROP TABLE " + bronzeItems)
	if r := b.verify("items", true); r.Verdict != verify.NotVerified || !strings.Contains(r.Reason, "dev.bronze.items is not there") {
		t.Errorf("%+v", r)
	}
}

// The fold follows a value through this many changes of its row's key, and no
// more.
func TestKeyChangesInARow(t *testing.T) {
	for moves, want := range map[int]verify.Verdict{16: verify.Equal, 17: verify.NotVerified} {
		b := itemsBed(t, keyedItems)
		b.source(fmt.Sprintf("UPDATE items SET id = %d WHERE id = 1", 100+moves))
		at := 1
		for n := range moves {
			b.change("delete", 3, 2*n, fmt.Sprintf("%d, NULL, NULL", at), "NULL")
			at = 101 + n
			b.change("insert", 3, 2*n+1, fmt.Sprintf("%d, NULL, 1.50", at), "array('name')")
		}
		for _, full := range []bool{false, true} {
			if r := b.verify("items", full); r.Verdict != want {
				t.Errorf("%d key changes, full %t: %s %s %v", moves, full, r.Verdict, r.Reason, lines(r))
			}
		}
	}
}

// A column that the source dropped stays in the target and is ignored.
func TestADroppedColumnIsIgnored(t *testing.T) {
	for _, definition := range []string{keyedItems, looseItems} {
		b := itemsBed(t, definition)
		b.source("ALTER TABLE items DROP COLUMN price")
		for _, full := range []bool{false, true} {
			if r := b.verify("items", full); r.Verdict != verify.Equal {
				t.Errorf("full %t: %s %s %v", full, r.Verdict, r.Reason, lines(r))
			}
		}
	}
}

func TestManyRowsInLittleMemory(t *testing.T) {
	const rows = 120_000
	b := newBed(t, "CREATE TABLE many (id bigint PRIMARY KEY, body text)",
		fmt.Sprintf("INSERT INTO many SELECT i, 'row ' || i FROM generate_series(0, %d) i", rows-1))
	b.create("many")
	table := b.lake.client.Table("many").String()
	b.target(fmt.Sprintf("INSERT INTO %s SELECT id, concat('row ', CAST(id AS STRING)), 'snapshot', 100, id, 1, NULL, NULL, NULL, NULL, NULL, %d, NULL FROM range(%d)", table, begin, rows))
	b.state.Snapshot.Rows = rows
	var log bytes.Buffer
	var seen atomic.Int64
	b.verifier.Memory = 1 << 20
	b.verifier.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.verifier.Progress = func(_ schema.TableName, _ bool, n int64) { seen.Add(n) }
	if r := b.verify("many", true); r.Verdict != verify.Equal || r.SourceRows != rows || r.TargetRows != rows {
		t.Fatalf("%+v", r)
	}
	var line struct{ Buckets int }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Buckets < 10 {
		t.Errorf("%d buckets, %v", line.Buckets, err)
	}
	if seen.Load() != 2*rows {
		t.Errorf("progress of %d rows, want %d", seen.Load(), 2*rows)
	}
	b.target("UPDATE " + table + " SET body = 'x' WHERE id % 4000 = 7")
	b.target("DELETE FROM " + table + " WHERE id = 99999")
	r := b.verify("many", true)
	if r.Differing != 31 || len(r.Differences) != verify.MaxDifferences {
		t.Errorf("%d differing, %d named", r.Differing, len(r.Differences))
	}
	for _, l := range lines(r) {
		if l != "missing id=99999" && !strings.HasSuffix(l, " / x") {
			t.Error(l)
		}
	}
	if sorted := slices.IsSortedFunc(lines(r), strings.Compare); r.TargetRows != rows-1 || !sorted {
		t.Errorf("%d rows, sorted %t", r.TargetRows, sorted)
	}
}
