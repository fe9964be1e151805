//go:build cgo && unix

package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	currentOfItem = "SELECT id, v FROM bronze.item_current WHERE _deleted_ts IS NULL"
	historyOfItem = "SELECT id, v, _op, __END_AT IS NULL FROM bronze.item_history"
)

// TestKeptIsSwitchedOnLater: an option that is turned on later makes its table from the whole log. A table whose option was off
// for a while continues where it was.
func TestKeptIsSwitchedOnLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE item (id int PRIMARY KEY, v text)`, `INSERT INTO item VALUES (1, 'a'), (2, 'b')`)
	off := w.env
	on := append(slices.Clip(off), "INGEST_LOAD_CURRENT=table", "INGEST_LOAD_HISTORY=true")
	w.must("full-load")
	w.exec(`UPDATE item SET v = 'A' WHERE id = 1`)
	w.must("cdc")
	w.env = on
	w.must("load")
	w.shows("switched on", "1 A\n2 b", "1 A update true\n1 a snapshot false\n2 b snapshot true")
	w.env = off
	w.exec(`UPDATE item SET v = 'B' WHERE id = 2`)
	w.must("cdc")
	w.exec(`DELETE FROM item WHERE id = 1`, `INSERT INTO item VALUES (3, 'c')`)
	w.must("cdc")
	w.env = on
	w.exec(`UPDATE item SET v = 'C' WHERE id = 3`)
	w.must("cdc")
	periods := "1 A update false\n1 a snapshot false\n2 B update true\n2 b snapshot false\n3 C update true\n3 c insert false"
	w.shows("off and on again", "2 B\n3 C", periods)
	w.env = off
	w.exec(`UPDATE item SET v = 'lost' WHERE id = 3`)
	w.must("full-load")
	w.env = on
	w.must("load")
	w.shows("off during a full load", "2 B\n3 lost",
		strings.Replace(periods, "3 C update true", "3 C update false", 1)+"\n3 lost snapshot true")
}

func (w *world) shows(when, current, history string) {
	w.t.Helper()
	if got := w.lines(currentOfItem); got != current {
		w.t.Errorf("%s: current:\n%s\nwant\n%s", when, got, current)
	}
	if got := w.lines(historyOfItem); got != history {
		w.t.Errorf("%s: history:\n%s\nwant\n%s", when, got, history)
	}
}

// TestRetypedHistoryKeepsItsPast: if a full load finds a column with another type, ended periods have their value in the new
// type, or its text in _rescued.
func TestRetypedHistoryKeepsItsPast(t *testing.T) {
	t.Parallel()
	w := keeping(t, `CREATE TABLE item (id int PRIMARY KEY, v int)`, `INSERT INTO item VALUES (1, 10), (2, 20)`)
	w.must("full-load")
	w.exec(`UPDATE item SET v = 11 WHERE id = 1`)
	w.must("cdc")
	w.exec(`ALTER TABLE item ALTER v TYPE text USING CASE WHEN v = 11 THEN 'eleven' ELSE v::text END`)
	w.must("full-load")
	w.shows("int to text", "1 eleven\n2 20", "1 10 snapshot false\n1 11 update false\n1 eleven snapshot true\n2 20 snapshot true")
	w.exec(`ALTER TABLE item ALTER v TYPE int USING length(v)`)
	w.must("full-load")
	w.shows("text to int", "1 6\n2 2",
		"1 10 snapshot false\n1 11 update false\n1 6 snapshot true\n1 <nil> snapshot false\n2 2 snapshot true\n2 20 snapshot false")
	if got, want := w.lines("SELECT id, _rescued FROM bronze.item_history WHERE _rescued IS NOT NULL"), `1 {"v":"eleven"}`; got != want {
		t.Errorf("rescued: %s, want %s", got, want)
	}
	w.exec(`UPDATE item SET v = 7`)
	w.must("cdc")
	w.must("verify", "--full")
	if got := w.lines(currentOfItem); got != "1 7\n2 7" {
		t.Errorf("at last: %s", got)
	}
}

// TestKeptOfARepairedLog: while a log is quarantined, the tables beside it stay as they are. After the repair all continue.
func TestKeptOfARepairedLog(t *testing.T) {
	t.Parallel()
	w := keeping(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	w.must("cdc")
	w.sql("DELETE FROM bronze.item WHERE `_op` = 'snapshot' AND id < 5")
	before := w.lines("SELECT * FROM bronze.item_history")
	w.exec(`UPDATE item SET note = 'x' WHERE id > 30`)
	w.want(3, "cdc")
	if now := w.lines("SELECT * FROM bronze.item_history"); now != before {
		t.Errorf("history of a log that is quarantined:\n%s\nbefore:\n%s", now, before)
	}
	w.must("load", "--repair", "--tables", "public.item")
	w.exec(`UPDATE item SET note = 'y' WHERE id < 10`)
	w.sound()
	w.keptSound()
}

// TestKeptOfManyColumns keeps a table of many columns. As many as Postgres has take more memory than
// the local workspace of a test.
func TestKeptOfManyColumns(t *testing.T) {
	t.Parallel()
	columns := make([]string, 300)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d int", i)
	}
	w := keeping(t, `CREATE TABLE item (id int PRIMARY KEY, `+strings.Join(columns, ", ")+`)`,
		`INSERT INTO item (id, c1, c298) VALUES (1, 1, 1), (2, 2, 2)`)
	w.must("full-load")
	began := time.Now()
	w.exec(`UPDATE item SET c298 = 3 WHERE id = 1`, `UPDATE item SET id = 3 WHERE id = 2`)
	w.must("cdc")
	longest := 0
	for _, sql := range w.server.Statements() {
		longest = max(longest, len(sql))
	}
	t.Logf("a cdc took %v; the longest statement has %d bytes", time.Since(began).Round(time.Millisecond), longest)
	if got, want := w.lines("SELECT id, c1, c298, _op, __END_AT IS NULL FROM bronze.item_history"),
		"1 1 1 snapshot false\n1 1 3 update true\n2 2 2 snapshot false\n3 2 2 insert true"; got != want {
		t.Errorf("history:\n%s\nwant\n%s", got, want)
	}
	if got, want := w.lines("SELECT id, c1, c298 FROM bronze.item_current WHERE _deleted_ts IS NULL"), "1 1 3\n3 2 2"; got != want {
		t.Errorf("current:\n%s\nwant\n%s", got, want)
	}
}
