package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// keeping makes a world whose tables are kept as current state and history.
func keeping(t *testing.T, statements ...string) *world {
	t.Helper()
	w := newWorld(t, statements...)
	w.env = append(w.env, "INGEST_LOAD_CURRENT=table", "INGEST_LOAD_HISTORY=true")
	return w
}

// lines answers a query, one line a row, sorted.
func (w *world) lines(query string) string {
	w.t.Helper()
	var rows []string
	for _, row := range w.sql(query).Rows {
		rows = append(rows, strings.Trim(fmt.Sprint(row), "[]"))
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

// TestCurrentAndHistory: a table of the current state and one of periods follow
// each load, and a full load that changes nothing changes no period.
func TestCurrentAndHistory(t *testing.T) {
	t.Parallel()
	w := keeping(t,
		`CREATE TABLE prices (id int PRIMARY KEY, v numeric(6,2), note text)`,
		`INSERT INTO prices VALUES (1, 1.5, 'a'), (2, 2.5, 'b'), (3, 3.5, 'c')`)
	w.must("full-load")
	const current, history = "SELECT id, v, note, _op, _deleted_ts IS NULL FROM bronze.prices_current",
		"SELECT id, v, note, _op, __END_AT IS NULL FROM bronze.prices_history"
	if got, want := w.lines(current), "1 1.50 a snapshot true\n2 2.50 b snapshot true\n3 3.50 c snapshot true"; got != want {
		t.Errorf("after the first load:\n%s\nwant\n%s", got, want)
	}
	w.exec(`UPDATE prices SET v = 9 WHERE id = 1`, `DELETE FROM prices WHERE id = 2`, `UPDATE prices SET id = 30 WHERE id = 3`,
		`INSERT INTO prices VALUES (4, 4, 'd')`)
	w.must("cdc")
	if got, want := w.lines(current),
		"1 9.00 a update true\n2 2.50 b delete false\n3 3.50 c delete false\n30 3.50 c insert true\n4 4.00 d insert true"; got != want {
		t.Errorf("after changes:\n%s\nwant\n%s", got, want)
	}
	periods := "1 1.50 a snapshot false\n1 9.00 a update true\n2 2.50 b snapshot false\n3 3.50 c snapshot false\n30 3.50 c insert true\n4 4.00 d insert true"
	if got := w.lines(history); got != periods {
		t.Errorf("periods:\n%s\nwant\n%s", got, periods)
	}
	w.exec(`UPDATE prices SET note = 'late' WHERE id = 1`) // staged with the full load alone
	w.must("cdc", "--stage-only")
	w.must("full-load")
	periods = "1 1.50 a snapshot false\n1 9.00 a update false\n1 9.00 late update true\n2 2.50 b snapshot false\n3 3.50 c snapshot false\n30 3.50 c insert true\n4 4.00 d insert true"
	if got := w.lines(history); got != periods {
		t.Errorf("periods after a full load:\n%s\nwant\n%s", got, periods)
	}
	if got, want := w.lines(current), "1 9.00 late snapshot true\n30 3.50 c snapshot true\n4 4.00 d snapshot true"; got != want {
		t.Errorf("after a full load:\n%s\nwant\n%s", got, want)
	}
	w.exec(`ALTER TABLE prices ADD COLUMN extra text`, `TRUNCATE prices`, `INSERT INTO prices VALUES (1, 9, 'late', NULL), (5, 5, 'e', 'x')`)
	w.must("cdc")
	if got, want := w.lines("SELECT id, extra, _op FROM bronze.prices_current WHERE _deleted_ts IS NULL"),
		"1 <nil> insert\n5 x insert"; got != want {
		t.Errorf("after a truncate:\n%s\nwant\n%s", got, want)
	}
}

// TestKeyBehindManyColumns: a table is clustered by its key, whatever the position of the key's columns.
func TestKeyBehindManyColumns(t *testing.T) {
	t.Parallel()
	columns := make([]string, 40)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%02d text DEFAULT '%[1]d'", i)
	}
	w := keeping(t, `CREATE TABLE wide (`+strings.Join(columns, ", ")+`, "an, odd key" int, id int, PRIMARY KEY (id, "an, odd key"))`,
		`INSERT INTO wide (id, "an, odd key") VALUES (1, 1), (2, 1)`)
	w.must("full-load")
	w.exec(`UPDATE wide SET c00 = 'x' WHERE id = 2`)
	w.must("cdc")
	if got, want := w.lines("SELECT id, c00 FROM bronze.wide_current"), "1 0\n2 x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := w.lines("SELECT id, c00 FROM bronze.wide_history"), "1 0\n2 0\n2 x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestViewThatIsGone: a rebuild also creates the view again.
func TestViewThatIsGone(t *testing.T) {
	t.Parallel()
	w := keeping(t, `CREATE TABLE prices (id int PRIMARY KEY, v int)`, `INSERT INTO prices VALUES (1, 10)`)
	w.must("full-load")
	w.sql("DROP VIEW bronze.prices_current")
	w.must("load", "--rebuild", "current", "--tables", "public.prices")
	if got := w.lines("SELECT id, v FROM bronze.prices_current"); got != "1 10" {
		t.Errorf("the view: %s", got)
	}
}

// TestOptionsThatAreSetLater: the next load creates the tables of new options, even if the log got no new rows.
func TestOptionsThatAreSetLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE prices (id int PRIMARY KEY, v int)`, `INSERT INTO prices VALUES (1, 10)`)
	w.must("full-load")
	w.exec(`UPDATE prices SET v = 11`)
	w.must("cdc")
	w.env = append(w.env, "INGEST_LOAD_CURRENT=view")
	w.must("cdc")
	if got := w.lines("SELECT id, v FROM bronze.prices_current"); got != "1 11" {
		t.Errorf("the view: %s", got)
	}
	w.env = append(w.env, "INGEST_LOAD_CURRENT=table", "INGEST_LOAD_HISTORY=true")
	w.must("cdc")
	if got := w.lines("SELECT id, v, _op FROM bronze.prices_current"); got != "1 11 update" {
		t.Errorf("the table: %s", got)
	}
	if got := w.lines("SELECT id, v, _op, __END_AT IS NULL FROM bronze.prices_history"); got != "1 10 snapshot false\n1 11 update true" {
		t.Errorf("the history: %s", got)
	}
	// The earlier periods of a history exist nowhere else: no load begins it again by itself.
	w.sql("DROP TABLE bronze.prices_history_data")
	w.exec(`UPDATE prices SET v = 12`)
	if r := w.want(3, "cdc"); !strings.Contains(r.stderr, "ingest load --rebuild history --tables public.prices") {
		t.Errorf("%s\nwant the rebuild", r)
	}
	if got := w.lines("SELECT id, v FROM bronze.prices_current"); got != "1 12" {
		t.Errorf("the table of the current state goes on: %s", got)
	}
}

// TestKeptTablesWithoutAKey: an option that needs a key is refused even if the log got no new rows, and nothing is created.
func TestKeptTablesWithoutAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE loose (id int, v int)`, `ALTER TABLE loose REPLICA IDENTITY FULL`, `INSERT INTO loose VALUES (1, 10)`)
	w.must("full-load")
	w.env = append(w.env, "INGEST_LOAD_CURRENT=table")
	if r := w.want(3, "load"); !strings.Contains(r.stderr, "has no key") {
		t.Errorf("%s\nwant the reason", r)
	}
	if got := w.lines("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'loose%'"); got != "1" {
		t.Errorf("%s tables, want the log alone", got)
	}
}

// TestKeptTablesThroughMigrations: the tables beside a log have columns with a default, and renamed columns, as readers of the
// log see them.
func TestKeptTablesThroughMigrations(t *testing.T) {
	t.Parallel()
	w := keeping(t, `CREATE TABLE prices (id int PRIMARY KEY, v int, day date)`,
		`INSERT INTO prices VALUES (1, 10, 'infinity'), (2, 20, '2024-02-29'), (3, 30, NULL)`)
	w.must("full-load")
	w.exec(`UPDATE prices SET v = 11 WHERE id = 1`, `DELETE FROM prices WHERE id = 3`)
	w.must("cdc")
	w.exec(`ALTER TABLE prices ADD COLUMN state text NOT NULL DEFAULT 'new'`, `ALTER TABLE prices RENAME COLUMN day TO valid_to`,
		`INSERT INTO prices VALUES (4, 40, NULL, 'made')`)
	w.must("cdc", "--stage-only")
	w.exec(`UPDATE prices SET state = 'old' WHERE id = 2`)
	w.must("cdc")
	w.must("verify", "--full")
	if got, want := w.lines("SELECT id, v, valid_to, state, _op, get_json_object(_rescued, '$.valid_to') FROM bronze.prices_current"),
		"1 11 <nil> new update infinity\n2 20 2024-02-29 00:00:00 +0000 UTC old update <nil>\n"+
			"3 30 <nil> new delete <nil>\n4 40 <nil> made insert <nil>"; got != strings.ReplaceAll(want, "\\\n", "\n") {
		t.Errorf("current:\n%s\nwant\n%s", got, want)
	}
	if got, want := w.lines("SELECT id, v, state, _op, __END_AT IS NULL, get_json_object(_rescued, '$.valid_to') FROM bronze.prices_history"),
		"1 10 new snapshot false infinity\n1 11 new update true infinity\n2 20 new snapshot false <nil>\n"+
			"2 20 old update true <nil>\n3 30 new snapshot false <nil>\n4 40 made insert true <nil>"; got != want {
		t.Errorf("history:\n%s\nwant\n%s", got, want)
	}
}
