//go:build cgo && unix

package tests

import (
	"strings"
	"testing"
)

// TestKeyOfAHistoryChanges: after a full load with another key, each row of the source has one open period, and ended periods are
// unchanged. Open periods with the same value of the new key all end.
func TestKeyOfAHistoryChanges(t *testing.T) {
	t.Parallel()
	w := keeping(t, `CREATE TABLE item (a int PRIMARY KEY, b int NOT NULL, c int NOT NULL, v text)`,
		`INSERT INTO item VALUES (1, 5, 1, 'x'), (2, 5, 2, 'y'), (3, 6, 3, 'z'), (4, 5, 4, 'gone'), (5, 6, 5, 'gone')`)
	w.must("full-load")
	w.exec(`DELETE FROM item WHERE a IN (4, 5)`)
	w.must("cdc")
	const history = "SELECT a, b, c, v, _op, __END_AT IS NULL FROM bronze.item_history"
	w.exec(`DELETE FROM item WHERE a = 2`, `ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (b)`)
	w.must("full-load")
	if got, want := w.lines(history),
		"1 5 1 x snapshot false\n1 5 1 x snapshot true\n2 5 2 y snapshot false\n3 6 3 z snapshot true\n4 5 4 gone snapshot false\n5 6 5 gone snapshot false"; got != want {
		t.Errorf("with b as the key:\n%s\nwant\n%s", got, want)
	}
	w.exec(`UPDATE item SET v = upper(v)`) // the period of b = 6 began with that of the row that is gone
	w.must("cdc")
	if got, want := w.lines(history),
		"1 5 1 X update true\n1 5 1 x snapshot false\n1 5 1 x snapshot false\n2 5 2 y snapshot false\n3 6 3 Z update true\n3 6 3 z snapshot false\n4 5 4 gone snapshot false\n5 6 5 gone snapshot false"; got != want {
		t.Errorf("after an update:\n%s\nwant\n%s", got, want)
	}
	w.exec(`DELETE FROM item`, `ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (c)`,
		`INSERT INTO item VALUES (1, 7, 1, 'p'), (1, 7, 2, 'q')`)
	w.must("full-load")
	w.exec(`ALTER TABLE item DROP CONSTRAINT item_pkey, ADD d int, ADD PRIMARY KEY (a, c)`)
	w.must("full-load")
	w.exec(`UPDATE item SET d = c`, `ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (d)`)
	w.must("full-load")
	want := "1 5 1 X update false\n1 5 1 x snapshot false\n1 5 1 x snapshot false\n1 7 1 p snapshot false\n1 7 1 p snapshot true\n1 7 2 q snapshot false\n1 7 2 q snapshot true\n2 5 2 y snapshot false\n3 6 3 Z update false\n3 6 3 z snapshot false\n4 5 4 gone snapshot false\n5 6 5 gone snapshot false"
	if got := w.lines(history); got != want {
		t.Errorf("with d as the key:\n%s\nwant\n%s", got, want)
	}
	// Older rows with the same value of this key do not count as overlapping; a row that exists twice does.
	w.must("verify", "--full")
	w.sql("INSERT INTO bronze.item_history_data SELECT * FROM bronze.item_history_data WHERE v = 'gone'")
	if r := w.run("verify"); !strings.Contains(r.stdout, "two periods of row d=NULL overlap") ||
		!strings.Contains(r.stdout, "2 rows differ from the log") {
		t.Errorf("two periods of before that are there twice: %s", r)
	}
}
