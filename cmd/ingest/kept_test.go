//go:build cgo && unix

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// keptBench is a bench whose table a has a current state and a history beside its
// log, and b has none.
func keptBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text, f float8)", "INSERT INTO a VALUES (1, 'x', 1), (2, 'y', 'NaN'), (3, 'z', NULL)",
		"CREATE TABLE b (id int PRIMARY KEY)")
	b.configure("[tables.a]\ncurrent = \"table\"\nhistory = true\n")
	b.works("full-load")
	b.exec("UPDATE a SET v = 'xx' WHERE id = 1", "DELETE FROM a WHERE id = 2")
	b.works("cdc")
	return b
}

// status is what the command says of a table.
func (b *bench) status(table string) replicate.TableStatus {
	b.t.Helper()
	stdout, _ := b.works("status", "--output", "json")
	var s replicate.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		b.t.Fatal(err)
	}
	for _, one := range s.Tables {
		if one.Table == table {
			return one
		}
	}
	b.t.Fatalf("no table %s in %s", table, stdout)
	return replicate.TableStatus{}
}

// TestRebuildReportsWhatItCannotDo: a rebuild of unknown kinds, and of kinds that a table does not have, is refused.
func TestRebuildReportsWhatItCannotDo(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.fails(failure.Usage, `"log": want current, history or both`, "", "load", "--rebuild", "log")
	b.fails(failure.Usage, "want current, history or both", "", "load", "--rebuild", "")
	b.fails(failure.Usage, `rebuild current: no chosen table that is loaded has current = "table" in the configuration`, "ingest status",
		"load", "--rebuild", "current", "--tables", "b")
	b.configure("[tables.a]\ncurrent = \"table\"\n")
	b.fails(failure.Usage, "rebuild history: no chosen table that is loaded has history = true", "ingest status", "load",
		"--rebuild", "current,history")
	stdout, _ := b.works("load", "--rebuild", "current", "--output", "json")
	var s replicate.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || len(s.Tables) != 1 || len(s.Tables[0].Kept) != 1 {
		t.Fatalf("%v in %s", err, stdout)
	}
	if k := s.Tables[0].Kept[0]; k.Kind != "current" || !k.Replaced || k.View != inBronze+"a_current" || k.Data != inBronze+"a_current_data" {
		t.Errorf("%+v", k)
	}
}

// TestStatusOfWhatIsKept: how far the tables beside a log are, and which is
// quarantined while its log goes on.
func TestStatusOfWhatIsKept(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	for _, k := range b.status("public.a").Kept {
		if k.State != "kept" || k.Entry == 0 || k.Entry != k.Waiting || !strings.HasPrefix(k.View, inBronze+"a_") {
			t.Errorf("%+v", k)
		}
	}
	if kept := b.status("public.b").Kept; kept != nil {
		t.Errorf("%+v", kept)
	}
	b.exec("INSERT INTO a VALUES (4, 'late', 0)")
	b.works("cdc", "--stage-only")
	if stdout, _ := b.works("status"); !strings.Contains(stdout, "current behind: at entry ") ||
		!strings.Contains(stdout, "history behind: at entry ") {
		t.Error(stdout)
	}
	b.works("sql", "DELETE FROM bronze.a_history_data WHERE _op = 'position'")
	const rebuild = "ingest load --rebuild history --tables public.a"
	b.fails(failure.Tables, "has 0 position rows instead of one", rebuild, "load")
	if stdout, _ := b.fails(failure.Tables, "1 of 2 tables need attention", "", "status", "--exit-code"); !strings.Contains(stdout,
		"history quarantined since ") || !strings.Contains(stdout, rebuild) {
		t.Error(stdout)
	}
	for _, k := range b.status("public.a").Kept {
		want := map[bool]string{true: "quarantined", false: "kept"}[k.Kind == "history"]
		if k.State != want || (k.Remedy == rebuild) != (want == "quarantined") {
			t.Errorf("%+v", k)
		}
	}
	if n := b.rows("a"); n != 6 {
		t.Errorf("the log has %d rows: it did not go on", n)
	}
	stdout, _ := b.fails(failure.Tables, "the history of public.a is quarantined since", rebuild, "load", "--output", "json")
	if !strings.Contains(stdout, `"kind": "history"`) {
		t.Error(stdout)
	}
	b.fails(failure.Tables, "1 of 2 tables could not be verified", rebuild, "verify")
	b.works("load", "--rebuild", "history", "--tables", "a")
	b.works("status", "--exit-code")
	b.works("verify", "--full")
}

// TestAKeyThatIsThereTwice: a batch that touches it quarantines its table alone.
func TestAKeyThatIsThereTwice(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	for _, kind := range []string{"current", "history"} {
		b.works("sql", "INSERT INTO bronze.a_"+kind+"_data SELECT * FROM bronze.a_"+kind+"_data WHERE id = 3")
		b.exec("UPDATE a SET v = 'of another' WHERE id = 1")
		b.works("cdc") // which does not touch it
		for _, change := range []string{"UPDATE a SET v = v || 'z' WHERE id = 3",
			"BEGIN; TRUNCATE a; INSERT INTO a VALUES (1, 'x', 1), (3, 'z', NULL); COMMIT"} {
			b.exec(change)
			rebuild := "ingest load --rebuild " + kind + " --tables public.a"
			b.fails(failure.Tables, "table "+inBronze+"a_"+kind+"_data has a key twice: rows were added by hand", rebuild, "cdc")
			b.works("load", "--rebuild", kind)
			b.works("verify", "--full")
			b.works("sql", "INSERT INTO bronze.a_"+kind+"_data SELECT * FROM bronze.a_"+kind+"_data WHERE id = 3")
		}
		b.works("load", "--rebuild", kind)
	}
}

// TestHistoryOverAFullLoadWithoutAKey: of three full loads, the second has a log without a key, which shows no periods. Earlier
// periods continue, and the third full load corrects them.
func TestHistoryOverAFullLoadWithoutAKey(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.configure("")
	b.exec("ALTER TABLE a DROP CONSTRAINT a_pkey", "ALTER TABLE a REPLICA IDENTITY FULL")
	b.works("full-load", "--tables", "a")
	b.exec("UPDATE a SET v = 'between' WHERE id = 1")
	b.works("cdc")
	b.exec("UPDATE a SET v = 'then' WHERE id = 1", "ALTER TABLE a ADD PRIMARY KEY (id)")
	b.configure("[tables.a]\ncurrent = \"table\"\nhistory = true\n")
	if _, stderr := b.works("full-load", "--tables", "a"); strings.Contains(stderr, "the history lacks changes") {
		t.Errorf("the log without a key was folded into the history: %s", stderr)
	}
	var values []string
	for _, row := range b.table("SELECT v, _op, __END_AT IS NULL FROM bronze.a_history WHERE id = 1 ORDER BY _entry, _commit_lsn") {
		values = append(values, strings.Join(row, " "))
	}
	if diff := cmp.Diff([]string{"x snapshot false", "xx update false", "then snapshot true"}, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.works("verify", "--full")
}

// TestKeyColumnThatIsDropped: a log that lost its key waits for a full load. Its tables of
// current state and history wait with it, and are not quarantined.
func TestKeyColumnThatIsDropped(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.works("full-load", "--stage-only", "--tables", "a")
	b.exec("ALTER TABLE a DROP CONSTRAINT a_pkey", "ALTER TABLE a DROP COLUMN id", "INSERT INTO a (v) VALUES ('without a key')")
	b.works("cdc", "--stage-only")
	b.works("load")
	b.exec("ALTER TABLE a ADD COLUMN id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
	b.works("full-load", "--tables", "a")
	b.works("verify", "--full")
}

// TestChangesOfAnotherTableUnderTheName: b is loaded under its new name before a is. Until a full load
// of a, the changes of the table that is called a now go into the log of the one that was. They have
// other columns, with the same attribute numbers. The tables of a's current state and history wait.
func TestChangesOfAnotherTableUnderTheName(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.exec("INSERT INTO a (id) VALUES (8), (9)", "ALTER TABLE b RENAME COLUMN id TO code", "ALTER TABLE a RENAME TO between",
		"ALTER TABLE b RENAME TO a", "ALTER TABLE between RENAME TO b")
	b.works("cdc")
	b.works("full-load", "--tables", "b")
	b.exec("INSERT INTO a VALUES (1), (2)", "INSERT INTO b VALUES (10)")
	b.works("cdc")
	s := b.status("public.a")
	if s.State != "reload needed" || s.Quarantine != "" || len(s.Kept) > 0 {
		t.Errorf("%+v", s)
	}
	b.works("full-load", "--tables", "a")
	b.works("verify", "--full")
}

// TestNameOfATableWithoutAKey: the table that has a key takes the name of one that has none. The
// configuration is for it. The log of the other one waits for the full load and is not refused.
func TestNameOfATableWithoutAKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (v text)", "ALTER TABLE a REPLICA IDENTITY FULL", "INSERT INTO a VALUES ('x')",
		"CREATE TABLE b (id int PRIMARY KEY)")
	b.works("full-load")
	b.configure("[tables.a]\ncurrent = \"table\"\n")
	b.exec("INSERT INTO a VALUES ('y')")
	b.fails(failure.Tables, "it has no key, and current = \"table\" needs one", "ADD PRIMARY KEY", "cdc")
	b.exec("ALTER TABLE a RENAME TO between", "ALTER TABLE b RENAME TO a", "ALTER TABLE between RENAME TO b", "INSERT INTO a VALUES (1)",
		"INSERT INTO b VALUES ('z')")
	b.works("cdc")
	if s := b.status("public.a"); s.State != "reload needed" || len(s.Kept) > 0 {
		t.Errorf("%+v", s)
	}
	b.works("full-load", "--tables", "a,b")
	if s := b.status("public.a"); s.State != "loaded" || len(s.Kept) != 1 {
		t.Errorf("%+v", s)
	}
	b.works("verify", "--full")
}

// TestPeriodsKeepWhatADroppedColumnHeld: a later change in place keeps the dropped column's value, in however many loads it
// comes. The drop begins no period, and a rebuild gives the same.
func TestPeriodsKeepWhatADroppedColumnHeld(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]bool{"one load": false, "a load for each change": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.exec("CREATE TABLE a (id int PRIMARY KEY, v text, seen int, old date)",
				"INSERT INTO a VALUES (1, 'x', 1, '2026-01-01'), (2, 'y', 1, 'infinity')")
			b.configure("[tables.a]\nhistory = true\nhistory_except = [\"seen\"]\n")
			b.works("full-load")
			for _, sql := range []string{
				"UPDATE a SET old = NULL WHERE id = 1", "UPDATE a SET old = '2026-02-02' WHERE id = 1", "ALTER TABLE a DROP COLUMN old",
				"UPDATE a SET seen = 2", "UPDATE a SET v = v", "UPDATE a SET v = 'z'", "UPDATE a SET seen = 3",
			} {
				b.exec(sql)
				if each {
					b.works("cdc")
				}
			}
			b.works("cdc")
			periods := func() (list []string) {
				for _, row := range b.table("SELECT id, v, seen, old, _rescued, _op FROM bronze.a_history ORDER BY id, _entry, _commit_lsn") {
					list = append(list, strings.Join(row, " "))
				}
				return list
			}
			want := []string{"1 x 1 2026-01-01 null snapshot", "1 x 1 null null update", "1 x 2 2026-02-02 null update", "1 z 3 null null update",
				`2 y 2 null {"old":"infinity"} snapshot`, "2 z 3 null null update"}
			if diff := cmp.Diff(want, periods()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			b.works("verify", "--full")
			b.works("load", "--rebuild", "history")
			if diff := cmp.Diff(want, periods()); diff != "" {
				t.Errorf("rebuilt (-want +got):\n%s", diff)
			}
			b.works("verify", "--full")
		})
	}
}

// TestPeriodsOfARenamedColumnThatIsNotSent: a large value that an update does not send is the value under both names, and begins
// no period, in however many loads.
func TestPeriodsOfARenamedColumnThatIsNotSent(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]bool{"one load": false, "a load for each change": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.exec("CREATE TABLE a (id int PRIMARY KEY, v text, seen int, big text)", "ALTER TABLE a ALTER big SET STORAGE EXTERNAL",
				"INSERT INTO a VALUES (1, 'x', 1, repeat('b', 3000))")
			b.configure("[tables.a]\nhistory = true\nhistory_except = [\"seen\"]\n")
			b.works("full-load")
			for _, sql := range []string{
				"UPDATE a SET seen = 2", "UPDATE a SET v = 'y'", "UPDATE a SET seen = 3", "ALTER TABLE a RENAME COLUMN big TO large",
				"UPDATE a SET seen = 4", "UPDATE a SET v = 'z'", "UPDATE a SET large = 's'",
			} {
				b.exec(sql)
				if each {
					b.works("cdc")
				}
			}
			b.works("cdc")
			var periods []string
			for _, row := range b.table("SELECT v, seen, length(large), length(big), _op FROM bronze.a_history ORDER BY _entry, _commit_lsn") {
				periods = append(periods, strings.Join(row, " "))
			}
			if diff := cmp.Diff([]string{"x 2 3000 3000 snapshot", "y 4 3000 3000 update", "z 4 3000 null update", "z 4 1 null update"},
				periods); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			b.works("verify", "--full")
		})
	}
}

// TestColumnsThatNoRowHasYet: a view shows the same columns and values, whether it folds the
// log or is over a table, also before the first change that has a new column or name.
func TestColumnsThatNoRowHasYet(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, table := range []string{"a", "b"} {
		b.exec("CREATE TABLE "+table+" (id int PRIMARY KEY, v numeric(5,2), x text)",
			"INSERT INTO "+table+" VALUES (1, 1.5, 'x'), (2, 'NaN', 'y')")
	}
	b.configure("[load]\ncurrent = \"view\"\n[tables.a]\ncurrent = \"table\"\ndeletes = \"hard\"\nhistory = true\n")
	b.works("full-load")
	same := func(what string) {
		t.Helper()
		describe := func(view string) (list []string) {
			for _, row := range b.table("DESCRIBE TABLE bronze." + view) {
				list = append(list, row[0]+" "+row[1])
			}
			slices.Sort(list)
			return list
		}
		own := []string{"_op string", "_entry bigint", "_loaded_ts timestamp"}
		columns := slices.DeleteFunc(describe("a_current"), func(c string) bool { return slices.Contains(own, c) })
		if diff := cmp.Diff(describe("b_current"), columns); diff != "" {
			t.Errorf("%s: columns (-view +table):\n%s", what, diff)
		}
		var names []string
		for _, c := range columns {
			if name, _, _ := strings.Cut(c, " "); !strings.HasPrefix(name, "_") {
				names = append(names, name)
			}
		}
		list := strings.Join(names, ", ") + ", _rescued"
		want := b.table("SELECT " + list + " FROM bronze.b_current ORDER BY id")
		if diff := cmp.Diff(want, b.table("SELECT "+list+" FROM bronze.a_current ORDER BY id")); diff != "" {
			t.Errorf("%s: current (-view +table):\n%s", what, diff)
		}
		for i, row := range want { // a history shows former columns, and their texts
			want[i] = row[:len(names)]
		}
		if diff := cmp.Diff(want,
			b.table("SELECT "+strings.Join(names, ", ")+" FROM bronze.a_history WHERE __END_AT IS NULL ORDER BY id")); diff != "" {
			t.Errorf("%s: history (-view +table):\n%s", what, diff)
		}
	}
	same("loaded")
	for _, alter := range []string{"ADD COLUMN n int DEFAULT 5", "ADD COLUMN plain text", "RENAME COLUMN v TO w",
		"ADD COLUMN late date DEFAULT 'infinity'"} {
		b.exec("ALTER TABLE a "+alter, "ALTER TABLE b "+alter)
		b.works("cdc")
		same(alter)
	}
	b.exec("UPDATE a SET x = 'z' WHERE id = 1", "UPDATE b SET x = 'z' WHERE id = 1")
	b.works("cdc")
	same("a change")
	b.works("verify", "--full")
	b.exec("ALTER TABLE a RENAME COLUMN w TO v", "ALTER TABLE b RENAME COLUMN w TO v")
	b.works("cdc")
	b.exec("UPDATE a SET x = 'zz' WHERE id = 2", "UPDATE b SET x = 'zz' WHERE id = 2")
	b.works("cdc")
	same("another change")
	b.works("verify", "--full")
}

// TestVerifyOfWhatIsKept: each difference between a table beside a log and the log is reported, with the rebuild command and the
// usual exit code.
func TestVerifyOfWhatIsKept(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.works("full-load") // the history has a past
	b.exec("UPDATE a SET v = 'xxx' WHERE id = 1", "INSERT INTO a VALUES (2, 'again', '-0')")
	b.works("verify")
	stdout, _ := b.works("verify", "--full")
	if !strings.Contains(stdout, "public.a current  equal") || !strings.Contains(stdout, "public.a history  equal") {
		t.Error(stdout)
	}
	for _, test := range []struct{ kind, sql, says string }{
		{"current", "UPDATE bronze.a_current_data SET v = 'by hand' WHERE id = 3", `row id=3 column v: log "z", table "by hand"`},
		{"current", "UPDATE bronze.a_current_data SET _deleted_ts = now() WHERE id = 3", "row id=3 column _deleted_ts: log NULL, table "},
		{"current", "DELETE FROM bronze.a_current_data WHERE id = 3", "row id=3 of the log is missing in the table"},
		{"current", "INSERT INTO bronze.a_current_data SELECT * FROM bronze.a_current_data WHERE id = 3",
			"row id=3 is in the table more than once"},
		{"current", "UPDATE bronze.a_current_data SET id = 30 WHERE id = 3", "row id=30 is in the table but not in the log"},
		{"history", "UPDATE bronze.a_history_data SET v = 'by hand' WHERE id = 1 AND __END_AT IS NULL",
			`row id=1 column v: log "xxx", table "by hand"`},
		{"history", "DELETE FROM bronze.a_history_data WHERE id = 3", "row id=3 of the log is missing in the table"},
		{"history", "INSERT INTO bronze.a_history_data SELECT * FROM bronze.a_history_data WHERE id = 3",
			"row id=3 is in the table more than once"},
		{"history", "INSERT INTO bronze.a_history_data SELECT * FROM bronze.a_history_data WHERE id = 1 AND v = 'x'",
			"two periods of row id=1 overlap"},
		{"history", "UPDATE bronze.a_history_data SET _end_entry = _end_entry + 1000 WHERE id = 1 AND v = 'x'",
			"two periods of row id=1 overlap"},
		{"history", "UPDATE bronze.a_history_data SET _end_lsn = _end_lsn - 1 WHERE id = 1 AND v = 'xx'", "row id=1 column _end_lsn: log "},
		{"history", "UPDATE bronze.a_history_data SET __END_AT = NULL, _end_entry = NULL, _end_lsn = NULL WHERE id = 1 AND v = 'xx'",
			"two periods of row id=1 overlap"},
	} {
		b.works("sql", "CREATE OR REPLACE TABLE bronze.aside AS SELECT * FROM bronze.a_"+test.kind+"_data")
		b.works("sql", test.sql)
		rebuild := "ingest load --rebuild " + test.kind + " --tables public.a"
		stdout, _ := b.fails(failure.Other, "1 of 2 tables have a current state or history that differs from the log", rebuild, "verify")
		if !strings.Contains(stdout, "public.a "+test.kind+": "+test.says) || !strings.Contains(stdout, rebuild) {
			t.Errorf("%s:\n%s", test.sql, stdout)
		}
		b.works("sql", "INSERT OVERWRITE bronze.a_"+test.kind+"_data SELECT * FROM bronze.aside")
	}
	// What a load finds first is quarantined.
	for _, test := range []struct{ kind, sql, says string }{
		{"current", "UPDATE bronze.a_current_data SET _entry = 1000 WHERE _op = 'position'", "is at entry 1000, and the log ends with entry "},
		{"current", "INSERT INTO bronze.a_current_data SELECT * FROM bronze.a_current_data WHERE _op = 'position'",
			"has 2 position rows instead of one"},
		{"history", "DELETE FROM bronze.a_history_data WHERE _op = 'position'", "has 0 position rows instead of one"},
	} {
		b.works("sql", test.sql)
		rebuild := "ingest load --rebuild " + test.kind + " --tables public.a"
		stdout, _ := b.fails(failure.Tables, "1 of 2 tables could not be verified", rebuild, "verify")
		if !strings.Contains(stdout, "public.a "+test.kind+"  not verified") || !strings.Contains(stdout, test.says) {
			t.Errorf("%s:\n%s", test.sql, stdout)
		}
		b.works("load", "--rebuild", test.kind)
	}
	before := len(b.server.Statements())
	b.works("verify")
	for _, s := range b.server.Statements()[before:] {
		if strings.HasPrefix(s, "MERGE") {
			t.Errorf("verify sent %s", s)
		}
	}
	b.works("sql", "DELETE FROM bronze.a_current_data WHERE id = 3")
	b.works("sql", "DROP TABLE bronze.a_history_data")
	code, stdout, _ := b.run("verify", "--full", "--output", "json")
	var report replicate.VerifyReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 1 || len(report.Tables[0].Kept) != 2 {
		t.Fatalf("%d %v in %s", code, err, stdout)
	}
	if k := report.Tables[0].Kept[0]; k.Verdict != "different" || k.Differing != 1 || k.Differences[0].Kind != "missing" ||
		k.Remedy != "ingest load --rebuild current --tables public.a" {
		t.Errorf("%+v", k)
	}
	if k := report.Tables[0].Kept[1]; k.Verdict != "not verified" || !strings.Contains(k.Reason, "was dropped or moved after it was made") {
		t.Errorf("%+v", k)
	}
	b.works("load", "--rebuild", "current,history")
	b.works("verify", "--full")
}

// TestDropOfWhatIsKept: flags decide which kinds of tables are dropped.
func TestDropOfWhatIsKept(t *testing.T) {
	t.Parallel()
	b := keptBench(t)
	b.works("views", "--tables", "b")
	b.fails(failure.Usage, "--allow-drop-kept needs the ledger", "", "drop", "--yes", "--without-ledger", "--allow-drop-kept")
	left := inBronze + "a_current, " + inBronze + "a_current_data, " + inBronze + "a_history, " + inBronze + "a_history_data"
	if stdout, _ := b.works("drop", "--yes"); !strings.Contains(stdout,
		"\nkept in Databricks: "+left+"; `ingest drop --yes --allow-drop-kept` drops these\n") {
		t.Error(stdout)
	}
	if n := b.rows("a_current"); n != 3 {
		t.Errorf("%d rows", n)
	}
	// The logs alone, with the view that is made of one.
	stdout, _ := b.works("drop", "--yes", "--allow-drop-tables", "--output", "json")
	var d replicate.Dropped
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatal(err)
	}
	if strings.Join(d.Tables, ", ") != inBronze+"a, "+inBronze+"b" || strings.Join(d.Views, ", ") != inBronze+"b_current" ||
		strings.Join(d.Left, ", ") != left {
		t.Errorf("%+v", d)
	}
	// An object with one of their names that is not this pipeline's stays.
	b.works("sql", "DROP VIEW bronze.a_current")
	b.works("sql", "CREATE VIEW bronze.a_current AS SELECT 1 AS id")
	if stdout, _ := b.works("drop", "--yes", "--allow-drop-kept"); stdout != "dropped table "+inBronze+"a_current_data, table "+inBronze+
		"a_history_data, view "+inBronze+"a_history\n" {
		t.Error(stdout)
	}
	if n := b.rows("a_current"); n != 1 {
		t.Error("another's view is gone")
	}
}

// TestFullLoadBeforeARowShowsNewColumns: a column was added with a default, or renamed, and no
// row has changed since. A full load then starts no period: the history had these values already.
func TestFullLoadBeforeARowShowsNewColumns(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text, x text)", "INSERT INTO a VALUES (1, 'a', 'b'), (2, NULL, 'c')")
	b.configure("[tables.a]\nhistory = true\n")
	b.works("full-load")
	b.exec("UPDATE a SET x = 'd' WHERE id = 1")
	b.works("cdc")
	periods := func(columns string) [][]string {
		return b.table("SELECT " + columns + ", __START_AT, __END_AT, _op FROM bronze.a_history ORDER BY id, _entry")
	}
	for _, step := range []struct{ alter, columns string }{
		{"ADD COLUMN n int DEFAULT 5", "id, v, x, n"},
		{"RENAME COLUMN v TO w", "id, w, x, n"},
		{"ADD COLUMN late date DEFAULT 'infinity', ADD COLUMN plain text", "id, w, x, n, late, plain, _rescued"},
	} {
		b.exec("ALTER TABLE a " + step.alter)
		b.works("cdc")
		if !strings.Contains(step.alter, "late") {
			if before := periods(step.columns); len(before) != 3 {
				t.Errorf("%s: %v before", step.alter, before)
			}
		}
		b.works("full-load")
		after := periods(step.columns)
		if len(after) != 3 {
			t.Errorf("%s: %v", step.alter, after)
		}
		for _, row := range after[1:] {
			if row[3] != "5" || row[len(row)-2] != "null" {
				t.Errorf("%s: %v", step.alter, after)
			}
		}
		b.works("verify", "--full")
	}
}

// TestPlanOfWhatIsKept: a plan shows the statements that a run then sends, and
// sends none.
func TestPlanOfWhatIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1, 'x')", "COMMENT ON TABLE a IS 'Clients'",
		"COMMENT ON COLUMN a.v IS 'what they want'", "CREATE TABLE b (id int PRIMARY KEY)")
	b.env["INGEST_LOAD_COLUMN_COMMENTS"] = "true"
	b.configure("[load]\ncurrent = \"table\"\nhistory = true\n[tables.a]\ntags = { domain = \"sales\" }\n")
	heads := func(statements []string) (out []string) {
		for _, s := range statements {
			if line, _, _ := strings.Cut(s, "\n"); strings.Contains(line, "`bronze`.`a") && !strings.HasPrefix(s, "SELECT") &&
				!strings.HasPrefix(s, "SHOW") {
				out = append(out, line)
			}
		}
		return out
	}
	same := func(args ...string) {
		t.Helper()
		before := len(b.server.Statements())
		stdout, _ := b.works(append(args, "--dry-run", "--output", "json")...)
		if n := len(b.server.Statements()) - before; n != 0 {
			t.Errorf("%v: a plan sent %d statements", args, n)
		}
		var plan replicate.Plan
		if err := json.Unmarshal([]byte(stdout), &plan); err != nil {
			t.Fatal(err)
		}
		var planned []string
		for _, p := range plan.Tables {
			planned = append(planned, heads(p.Statements)...)
		}
		b.works(args...)
		sent := heads(b.server.Statements()[before:])
		slices.Sort(planned)
		slices.Sort(sent)
		if diff := cmp.Diff(sent, planned); diff != "" || len(sent) == 0 {
			t.Errorf("%v (-sent +planned):\n%s", args, diff)
		}
	}
	same("full-load")
	b.exec("ALTER TABLE a ADD COLUMN w text", "UPDATE a SET v = 'y', w = 'z'")
	b.works("cdc", "--stage-only")
	same("load")
	same("full-load")
	same("load", "--rebuild", "current,history")
	// Logs that are replaced: the history is first brought to their end.
	for range 2 {
		b.exec("UPDATE a SET w = w || '.'")
		b.works("cdc", "--stage-only")
		b.exec("UPDATE a SET w = w || '!'")
		b.works("full-load", "--stage-only")
	}
	same("load")
	b.exec("UPDATE a SET w = w || '.'")
	b.works("cdc", "--stage-only")
	same("full-load")
	// Columns that older rows have something in: the tables are made again, and merged into then.
	b.exec("ALTER TABLE a ADD COLUMN d text DEFAULT 'was'", "ALTER TABLE a RENAME COLUMN v TO u", "INSERT INTO a VALUES (2, 'x', 'y', 'z')")
	b.works("cdc", "--stage-only")
	same("load")
	// A log that ends before a row shows its new columns.
	b.exec("ALTER TABLE a ADD COLUMN f int DEFAULT 7", "ALTER TABLE a RENAME COLUMN u TO t", "INSERT INTO b VALUES (1)")
	b.works("cdc")
	same("full-load", "--tables", "a")
	b.configure("[load]\ncurrent = \"view\"\n")
	b.exec("ALTER TABLE a ADD COLUMN e text", "INSERT INTO a VALUES (3, 'x', 'y', 'z', 1, 'e')")
	b.works("cdc", "--stage-only")
	same("load")
	b.works("verify", "--full")
}

// TestDescriptionsOfWhatIsKept: the tables have the comments of their source, are
// clustered by the key, and get and lose a change data feed by the option.
func TestDescriptionsOfWhatIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, email text)", "INSERT INTO a VALUES (1, 'x')", "COMMENT ON TABLE a IS 'Clients'",
		"COMMENT ON COLUMN a.email IS 'where they read'")
	b.env["INGEST_LOAD_COLUMN_COMMENTS"] = "true"
	b.configure("[load]\ncurrent = \"table\"\nhistory = true\n[tables.a]\ntags = { domain = \"sales\" }\n")
	b.works("full-load")
	feed := func(kind string) (on string) {
		for _, row := range b.table("SHOW TBLPROPERTIES bronze.a_" + kind + "_data") {
			if row[0] == "delta.enableChangeDataFeed" {
				on = row[1]
			}
		}
		return on
	}
	for _, kind := range []string{"current", "history"} {
		for _, name := range []string{"bronze.a_" + kind + "_data", "bronze.a_" + kind} {
			if got := b.comments(name); got[""] != "Clients" || got["email"] != "where they read" {
				t.Errorf("%s: %v", name, got)
			}
		}
		if rows := b.table("DESCRIBE DETAIL bronze.a_" + kind + "_data"); !strings.Contains(strings.Join(rows[0], " "), `["id"]`) {
			t.Errorf("%s is not clustered by its key: %v", kind, rows)
		}
		if on := feed(kind); on != "" {
			t.Errorf("%s has a feed: %s", kind, on)
		}
	}
	for i, want := range []string{"true", "false"} {
		b.env["INGEST_LOAD_CHANGE_DATA_FEED"] = want
		b.exec("UPDATE a SET email = email || 'y'")
		b.works("cdc")
		for _, kind := range []string{"current", "history"} {
			if on := feed(kind); on != want {
				t.Errorf("%d: the feed of %s is %q, want %q", i, kind, on, want)
			}
		}
	}
	b.works("sql", "ALTER TABLE bronze.a_current_data SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
	b.exec("UPDATE a SET email = email || 'y'")
	b.works("cdc")
	if on := feed("current"); on != "true" {
		t.Errorf("somebody's feed is %q", on)
	}
}

// TestDescriptionsOfViews: the views have the comments and tags of their log, also after each change of the view, and keep their
// grants. Comments and tags that are already set are not set again.
func TestDescriptionsOfViews(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, email text)", "INSERT INTO a VALUES (1, 'x')", "COMMENT ON TABLE a IS 'Clients'",
		"COMMENT ON COLUMN a.email IS 'where they read'")
	b.env["INGEST_LOAD_COLUMN_COMMENTS"] = "true"
	for _, current := range []string{"view", "table"} {
		b.configure("[load]\ncurrent = \"" + current + "\"\nhistory = true\n[tables.a]\ntags = { domain = \"sales\" }\n")
		b.works("full-load")
		b.works("sql", "GRANT SELECT ON TABLE bronze.a_current TO analysts")
		described := func(when string, want map[string]string, tag string) {
			t.Helper()
			for _, view := range []string{"a_current", "a_history"} {
				got := b.comments("bronze." + view)
				for column, text := range want {
					if got[column] != text {
						t.Errorf("%s, %s: the comment of %q is %q, want %q", when, view, column, got[column], text)
					}
				}
				if tags := b.table("SELECT tag_name, tag_value FROM information_schema.table_tags WHERE table_name = '" + view +
					"'"); fmt.Sprint(tags) != "[["+tag+"]]" {
					t.Errorf("%s, %s: tags %v, want %s", when, view, tags, tag)
				}
			}
			if granted := b.table("SHOW GRANTS ON TABLE bronze.a_current"); len(granted) != 1 {
				t.Errorf("%s: granted %v", when, granted)
			}
		}
		described("at first", map[string]string{"": "Clients", "email": "where they read"}, "domain sales")
		b.exec("ALTER TABLE a ADD COLUMN city_"+current+" text DEFAULT 'here'", "ALTER TABLE a RENAME COLUMN email TO full_name",
			"INSERT INTO a (id) VALUES ((SELECT max(id) + 1 FROM a))")
		b.works("cdc")
		described("after the views were altered", map[string]string{"": "Clients", "full_name": "where they read"}, "domain sales")
		before := len(b.server.Statements())
		b.exec("UPDATE a SET full_name = full_name || 'y'")
		b.works("cdc")
		for _, s := range b.server.Statements()[before:] {
			if strings.HasPrefix(s, "COMMENT ON") || strings.Contains(s, "SET TAGS") {
				t.Errorf("described again: %s", s)
			}
		}
		b.exec("ALTER TABLE a RENAME COLUMN full_name TO email", "COMMENT ON TABLE a IS 'Customers'", "COMMENT ON COLUMN a.email IS 'private'")
		b.works("full-load")
		described("after a full load", map[string]string{"": "Customers", "email": "private"}, "domain sales")
		b.exec("COMMENT ON TABLE a IS 'Clients'", "COMMENT ON COLUMN a.email IS 'where they read'")
	}
}
