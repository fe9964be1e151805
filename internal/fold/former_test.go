package fold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
)

// dropping is a log. Entry 7 is the first entry whose rows no longer have "my
// note".
var dropping = map[int64][]string{
	4: {drop("snapshot", 4, 40, 0, 1, "a", "1", "'x'"), drop("snapshot", 4, 40, 1, 2, "b", "1", "'x'"),
		drop("snapshot", 4, 40, 2, 3, "c", "1", "NULL")},
	5: {drop("update", 5, 50, 0, 1, "a", "1", "'y'"), drop("update", 5, 51, 0, 2, "b", "1", "NULL")},
	6: {drop("update", 6, 60, 0, 2, "b", "1", "'z'"), drop("insert", 6, 61, 0, 4, "d", "1", "'w'"),
		drop("update", 6, 62, 0, 3, "c", "1", "'v'"), drop("update", 6, 63, 0, 3, "c", "1", "NULL")},
	7: {drop("update", 7, 70, 0, 1, "a", "2", "NULL"), drop("update", 7, 71, 0, 2, "b", "1", "NULL"),
		drop("delete", 7, 72, 0, 4, "NULL", "NULL", "NULL")},
	8: {drop("update", 8, 80, 0, 1, "a", "3", "NULL"), drop("update", 8, 81, 0, 2, "bb", "1", "NULL"),
		drop("insert", 8, 82, 0, 4, "d", "1", "NULL")},
	9: {drop("update", 9, 90, 0, 1, "aa", "3", "NULL"), drop("delete", 9, 91, 0, 3, "NULL", "NULL", "NULL"),
		drop("update", 9, 92, 0, 4, "d", "2", "NULL")},
}

func drop(op string, entry, lsn, seq, id int, body, num, note string) string {
	if body != "NULL" {
		body = databricks.Literal(body)
	}
	return fmt.Sprintf("(%d, DATE '2024-02-29', %s, %s, %s, '%s', %d, %d, 1, TIMESTAMP '2026-01-01 00:00:00', %d, NULL, NULL, NULL, %d, NULL)",
		id, body, num, note, op, lsn, seq, lsn, entry)
}

// A dropped column distinguishes periods up to the drop and changes nothing
// afterwards. However the log is cut, the periods are the same and have the
// values of that column.
func TestPeriodsOfADroppedColumnHoweverTheLogIsCut(t *testing.T) {
	b := open(t)
	now := keyed
	now.Columns = slices.Clone(columns[:4]) // without "my note"
	const first, last = int64(4), int64(9)
	var want []string
	for _, cut := range []int{0b00000, 0b11111, 0b00100, 0b01000, 0b10010} { // cuts the log after these entries; bit 0 is the first entry
		fill(t, nil)
		k := fold.Kept{
			Log: bronze, Data: periods, Table: keyed, Except: []string{"num"}, Snapshot: fold.Snapshot{Directory: "segments/4", Begin: 4, Rows: 3},
		}
		b.exec(t, databricks.CreateTableAs(periods, k.HistoryColumns(), k.StartHistory(), databricks.TableOptions{}))
		position := fold.Position{}
		var done int64
		for entry := first; entry <= last; entry++ {
			b.exec(t, "INSERT INTO "+bronze.String()+" VALUES\n"+strings.Join(dropping[entry], ",\n"))
			if entry < last && cut&(1<<(entry-first)) == 0 {
				continue
			}
			if entry >= 7 {
				k.Table, k.Former = now, []fold.Former{{Column: columns[4], InLog: true, Entry: 7, LSN: 70}}
			}
			if position == (fold.Position{}) {
				b.exec(t, k.CorrectHistory(fold.Correction{Entry: first, LSN: 40, Taken: loaded, Moves: 4}))
				position, done = fold.Position{Snapshot: "segments/4", Entry: first}, first
			}
			b.exec(t, k.MergeHistory(fold.Batch{From: position, To: entry, Moves: 4, Loaded: loaded}))
			position.Entry = entry
		}
		got := b.rows(t, "SELECT `id`, `body`, `num`, `my note`, `_op`, `_entry`, `_end_entry` FROM ("+k.HistoryView()+
			") x ORDER BY `id`, `_entry`, `_commit_lsn`")
		if want == nil {
			want = []string{
				`1|a|1.00|x|snapshot|4|5`, `1|a|3.00|y|update|5|9`, `1|aa|3.00|\N|update|9|\N`,
				`2|b|1.00|x|snapshot|4|5`, `2|b|1.00|\N|update|5|6`, `2|b|1.00|z|update|6|8`, `2|bb|1.00|\N|update|8|\N`,
				`3|c|1.00|\N|snapshot|4|6`, `3|c|1.00|v|update|6|6`, `3|c|1.00|\N|update|6|9`,
				`4|d|1.00|w|insert|6|7`, `4|d|2.00|\N|insert|8|\N`,
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut %b (-want +got):\n%s", cut, diff)
		}
		whole := fold.Batch{From: fold.Position{Entry: 3}, To: last, Moves: 4}
		if got := b.rows(t, k.CheckHistory(done, 0, whole, 20)); len(got) != 1 || !strings.HasSuffix(got[0], `|\N|\N|\N|\N|\N|\N`) {
			t.Fatalf("cut %b: a check finds %q", cut, got)
		}
	}
}

// A full load compares the columns that existed when it was done. This also
// holds if the next change, loaded together with it, no longer has one of them.
func TestCorrectionBeforeADrop(t *testing.T) {
	b := open(t)
	for _, gone := range []bool{false, true} {
		fill(t, dropping[4])
		k := fold.Kept{Log: bronze, Data: periods, Table: keyed, Snapshot: fold.Snapshot{Directory: "segments/4", Begin: 4, Rows: 3}}
		b.exec(t, databricks.CreateTableAs(periods, k.HistoryColumns(), k.StartHistory(), databricks.TableOptions{}))
		b.exec(t, k.CorrectHistory(fold.Correction{Entry: 4, LSN: 40, Taken: loaded}))
		from := fold.Position{Snapshot: "segments/4", Entry: 4}
		again := drop("snapshot", 6, 55, 0, 1, "a", "1", "'another'")
		fill(t,
			[]string{again, strings.ReplaceAll(dropping[4][1], "4, NULL)", "6, NULL)"), strings.ReplaceAll(dropping[4][2], "4, NULL)", "6, NULL)")})
		k.Snapshot = fold.Snapshot{Directory: "segments/6", Begin: 6, Rows: 3}
		if gone {
			k.Table.Columns, k.Former = columns[:4], []fold.Former{{Column: columns[4], InLog: true, Entry: 8, LSN: 80}}
		}
		b.exec(t, k.CorrectHistory(fold.Correction{From: from, Entry: 7, LSN: 70, Taken: loaded}))
		want := []string{`1|x|4|7`, `1|another|7|\N`, `2|x|4|\N`, `3|\N|4|\N`}
		if diff := cmp.Diff(want,
			b.rows(t, "SELECT `id`, `my note`, `_entry`, `_end_entry` FROM ("+k.HistoryView()+") x ORDER BY `id`, `_entry`")); diff != "" {
			t.Errorf("gone %t (-want +got):\n%s", gone, diff)
		}
	}
}
