//go:build cgo && unix

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/loads"
)

// commandPattern finds the first command of a hint: in backticks, or with a
// statement in single quotes, within which backticks quote names.
var commandPattern = regexp.MustCompile("`(ingest [^`]*)`|(ingest sql '[^']*' && ingest [^;\n]*)")

// remedy is the command that a run prints to fix what it found.
func (r result) remedy() string {
	_, hint, _ := strings.Cut(r.stderr, "\nHint: ")
	m := commandPattern.FindStringSubmatch(hint)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// shell runs a command line as it is printed.
func (w *world) shell(line string) (string, error) {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", line)
	cmd.Env = append(append([]string{}, w.env...), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
	cmd.Dir = filepath.Dir(path)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// healedBy insists that a run prints a command, and that this command, exactly as printed, fixes the problem.
func (w *world) healedBy(r result, want string) {
	w.t.Helper()
	line := r.remedy()
	if line != want {
		w.t.Errorf("%s\nwant the remedy %s, not %q", r, want, line)
	}
	if out, err := w.shell(line); err != nil {
		w.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	w.sound()
	w.write(33, 10)
	w.must("cdc")
	w.sound()
}

// sound insists that both ends are the same, by replay and by verify, that no
// place of the log is taken twice, and that nothing needs attention.
func (w *world) sound() {
	w.t.Helper()
	w.must("cdc")
	w.compare("item", "event")
	w.unique("item", "event")
	w.must("verify", "--full")
	w.must("status", "--exit-code")
}

// unique insists that no two rows have the same place in the log.
func (w *world) unique(tables ...string) {
	w.t.Helper()
	for _, table := range tables {
		if twice := w.sql("SELECT `_commit_lsn`, `_seq`, count(*) FROM " + w.target.Table(table).String() +
			" GROUP BY ALL HAVING count(*) > 1").Rows; len(twice) > 0 {
			w.t.Errorf("%s: places that are taken twice: %v", table, twice)
		}
	}
}

// picture is the content of the tables: rows and version, or why they cannot be read.
func (w *world) picture(tables ...string) []string {
	w.t.Helper()
	var out []string
	for _, table := range tables {
		name := w.target.Table(table).String()
		rows, err := w.target.Warehouse().Query(w.t.Context(), "SELECT count(*) FROM "+name)
		if err != nil {
			out = append(out, table+" is not there")
			continue
		}
		version := "view"
		if history, err := w.target.Warehouse().Query(w.t.Context(), "DESCRIBE HISTORY "+name); err == nil {
			version = fmt.Sprint(len(history.Rows))
		}
		out = append(out, fmt.Sprint(table, rows.Rows, version))
	}
	return out
}

// byHand runs statements on the bronze table item; $ stands for its name.
func (w *world) byHand(statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		w.sql(strings.ReplaceAll(s, "$", w.target.Table("item").String()))
	}
}

const (
	repairItem = "ingest load --repair --tables public.item"
	reloadItem = "ingest full-load --tables public.item"
	reloadAll  = "ingest full-load --repair"
)

var mapping = "ALTER TABLE $ SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"

// TestWhatATableShows changes one table by hand in every way that its next load can detect. The load names the table and does not
// touch it, the other table continues, and one command fixes it.
func TestWhatATableShows(t *testing.T) {
	for name, c := range map[string]struct {
		hand   []string
		says   string
		remedy string
	}{
		"dropped":           {[]string{"DROP TABLE $"}, "was dropped or moved", repairItem},
		"made again, empty": {[]string{"DROP TABLE $", "CREATE TABLE $ (id BIGINT)"}, "lost its properties", repairItem},
		"replaced by a view": {[]string{"DROP TABLE $", "CREATE VIEW $ AS SELECT 1 AS id"}, "is a view",
			"ingest sql 'DROP VIEW `dev`.`bronze`.`item`' && " + repairItem},
		"moved": {[]string{"ALTER TABLE $ RENAME TO dev.bronze.item_before"}, "was dropped or moved", repairItem},
		"properties removed": {
			[]string{"ALTER TABLE $ UNSET TBLPROPERTIES ('ingest.ledger', 'ingest.snapshot_entry', 'ingest.snapshot', 'ingest.pipeline')"},
			"lost its properties", repairItem},
		"snapshot's name changed": {[]string{"ALTER TABLE $ SET TBLPROPERTIES ('ingest.snapshot' = 'segments/elsewhere')"},
			"holds a snapshot of entry 2 that the ledger does not have", repairItem},
		"a row above the head": {[]string{"UPDATE $ SET `_entry` = 99 WHERE id = 5000"},
			"holds rows of entry 99, but the ledger's newest entry is", repairItem},
		"a row without an entry": {[]string{"UPDATE $ SET `_entry` = NULL WHERE id = 5000"},
			"does not hold what was loaded", repairItem},
		"an old entry's rows deleted, in part": {[]string{"DELETE FROM $ WHERE id = 5000"}, "does not hold what was loaded", repairItem},
		"an old entry's rows deleted, all":     {[]string{"DELETE FROM $ WHERE `_entry` = 5"}, "does not hold what was loaded", repairItem},
		"the newest entry's rows deleted":      {[]string{"DELETE FROM $ WHERE `_entry` = 6"}, "does not hold what was loaded", repairItem},
		"the snapshot's rows deleted, in part": {[]string{"DELETE FROM $ WHERE `_entry` = 2 AND `_seq` = 3"},
			"does not hold what was loaded", repairItem},
		"emptied": {[]string{"TRUNCATE TABLE $"}, "does not hold what was loaded", repairItem},
		"an old entry's rows there twice": {[]string{"INSERT INTO $ SELECT * FROM $ WHERE `_entry` = 5"},
			"does not hold what was loaded", repairItem},
		"the newest entry's rows there twice": {[]string{"INSERT INTO $ SELECT * FROM $ WHERE `_entry` = 6"},
			"does not hold what was loaded", repairItem},
		"a column dropped": {[]string{mapping, "ALTER TABLE $ DROP COLUMN note"}, `has lost column "note"`, repairItem},
		"a column renamed": {[]string{mapping, "ALTER TABLE $ RENAME COLUMN note TO remark"},
			`has lost column "note"`, repairItem},
		"a metadata column dropped": {[]string{mapping, "ALTER TABLE $ DROP COLUMN `_entry`"},
			`has lost column "_entry"`, repairItem},
		"restored to the version before the last": {[]string{"RESTORE TABLE $ TO VERSION AS OF 1"}, "does not hold what was loaded", repairItem},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			w.byHand(c.hand...)
			before := w.picture("item")
			w.behind()
			r := w.want(3, "cdc")
			if !strings.Contains(r.stderr, "dev.bronze.item "+c.says) {
				t.Errorf("%s\nwant that dev.bronze.item %s", r, c.says)
			}
			if diff := cmp.Diff(before, w.picture("item")); diff != "" {
				t.Errorf("the table was changed (-before +after):\n%s", diff)
			}
			w.compare("event")
			w.healedBy(r, c.remedy)
		})
	}
}

// TestWhatOnlyVerifyShows: only verify finds a change by hand that keeps the number of rows per entry, and any change of a table
// into which nothing is loaded.
func TestWhatOnlyVerifyShows(t *testing.T) {
	for name, c := range map[string]struct {
		hand   string
		code   int
		says   string
		remedy string
	}{
		"a value changed":                   {"UPDATE $ SET note = 'by hand' WHERE id = 5001", 1, "different", reloadItem},
		"rows deleted, and nothing to load": {"DELETE FROM $ WHERE id = 5000", 3, "does not hold what was loaded", repairItem},
		"rows of one entry put into another one": {
			"UPDATE $ SET `_entry` = CASE `_entry` WHEN 5 THEN 2 ELSE 5 END WHERE id = 5000 OR `_entry` = 2 AND `_seq` IN (1, 2)", 3,
			"does not hold what was loaded", repairItem,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			w.byHand(c.hand)
			w.must("cdc")
			r := w.want(c.code, "verify", "--full")
			if !strings.Contains(r.stdout, c.says) {
				t.Errorf("%s\nwant %q", r, c.says)
			}
			w.healedBy(r, c.remedy)
		})
	}
}

// loseStaged gives the table something to load whose segments are then lost.
func (w *world) loseStaged() {
	w.t.Helper()
	before := w.files("segments")
	w.behind()
	w.must("cdc", "--stage-only")
	for name := range w.files("segments") {
		if _, old := before[name]; !old && strings.Contains(name, "public.item") {
			if err := os.Remove(filepath.Join(w.root(), name)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// TestLostSegments: staged segments are lost before they are loaded, or segments that a repair needs. The table stays as it is,
// and a full load fixes it.
func TestLostSegments(t *testing.T) {
	t.Run("not loaded yet", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.loseStaged()
		before := w.picture("item")
		r := w.want(3, "cdc")
		if !strings.Contains(r.stderr, "/public.item/") || !strings.Contains(r.stderr, "entry 7 names, is missing") {
			t.Errorf("%s\nwant the segment and its entry", r)
		}
		if diff := cmp.Diff(before, w.picture("item")); diff != "" {
			t.Errorf("the table was changed (-before +after):\n%s", diff)
		}
		w.compare("event")
		w.healedBy(r, reloadItem)
	})
	t.Run("of a snapshot", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		before := w.picture("item")
		w.must("full-load", "--stage-only", "--tables", "item")
		entries := w.entries()
		segment := entries[len(entries)-1].Done.Segments[0].Path
		if err := os.Truncate(filepath.Join(w.root(), segment), 100); err != nil {
			t.Fatal(err)
		}
		r := w.want(3, "load")
		if !strings.Contains(r.stderr, segment+" has 100 bytes") {
			t.Errorf("%s\nwant the segment, and what is wrong with it", r)
		}
		if diff := cmp.Diff(before, w.picture("item")); diff != "" {
			t.Errorf("the table was changed (-before +after):\n%s", diff)
		}
		w.healedBy(r, reloadItem)
	})
	t.Run("needed by a repair", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.byHand("DELETE FROM $ WHERE id = 5000")
		for _, e := range w.entries() {
			if e.Changes != nil {
				for _, part := range e.Changes.Tables {
					if part.Table.Name == "item" {
						_ = os.Remove(filepath.Join(w.root(), part.Segments[0].Path))
					}
				}
			}
		}
		before := w.picture("item")
		r := w.want(3, "load", "--repair", "--tables", "item")
		if !strings.Contains(r.stderr, "is missing (2 in all)") {
			t.Errorf("%s\nwant what is missing", r)
		}
		if diff := cmp.Diff(before, w.picture("item")); diff != "" {
			t.Errorf("the repair began although it cannot end (-before +after):\n%s", diff)
		}
		w.healedBy(r, reloadItem)
	})
}

// keep copies a directory of the pipeline; the function that it returns restores the copy.
func (w *world) keep(dir string) (putBack func()) {
	w.t.Helper()
	path, copied := filepath.Join(w.root(), dir), filepath.Join(w.t.TempDir(), "kept")
	if err := os.CopyFS(copied, os.DirFS(path)); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		w.t.Helper()
		if err := os.RemoveAll(path); err != nil {
			w.t.Fatal(err)
		}
		if err := os.CopyFS(path, os.DirFS(copied)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) lose(dir string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.root(), dir)); err != nil {
		w.t.Fatal(err)
	}
}

// TestWhatIsLeftOfAPipeline removes parts of the pipeline's directory, or restores older copies. The next run reports it before
// it writes anything at either end, and one command fixes it.
func TestWhatIsLeftOfAPipeline(t *testing.T) {
	older := "the ledger is older than what was loaded"
	for name, c := range map[string]struct {
		spoil func(w *world)
		says  string
	}{
		"the ledger is lost":        {func(w *world) { w.lose(ledger.Directory) }, "the ledger is lost: /Volumes/dev/bronze/ingest/"},
		"the directory is lost":     {func(w *world) { w.lose("") }, "whose name is this pipeline's"},
		"the Volume was dropped":    {func(w *world) { w.sql("DROP VOLUME dev.bronze.ingest") }, "whose name is this pipeline's"},
		"ledger and slot":           {func(w *world) { w.lose(ledger.Directory); w.dropSlot() }, "says that tables were loaded"},
		"directory and slot":        {func(w *world) { w.lose(""); w.dropSlot() }, "nothing was loaded yet"},
		"the newest entry is lost":  {func(w *world) { w.loseNewest() }, older + ": entry 6 of table public.event is in loads/"},
		"an older copy of a ledger": {func(w *world) { w.behind(); back := w.keep(ledger.Directory); w.must("cdc"); back() }, older},
		"an older copy of the directory": {func(w *world) { w.behind(); back := w.keep(""); w.must("cdc"); back() },
			"ahead of the ledger's"},
		"the ledger before the present one": {func(w *world) {
			back := w.keep(ledger.Directory)
			w.lose(ledger.Directory)
			w.behind()
			w.must("full-load", "--repair")
			back()
		}, "ahead of the ledger's"},
		"an older copy, without a full load": {func(w *world) { back := w.keep(ledger.Directory); w.must("full-load"); back() }, older},
		"a copy that went on by itself": {func(w *world) {
			back := w.keep(ledger.Directory)
			w.must("full-load")
			kept := w.keep(loads.Directory)
			back()
			w.lose(loads.Directory)
			w.must("full-load", "--stage-only")
			kept()
		}, "the ledger is another copy than the one that was loaded from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			c.spoil(w)
			w.behind()
			tables, files, slots := w.picture("item", "event"), w.files(""), w.slots()
			r := w.want(12, "cdc")
			if !strings.Contains(r.stderr, c.says) {
				t.Errorf("%s\nwant %q", r, c.says)
			}
			if strings.Contains(c.says, "nothing was loaded") {
				r = w.want(12, "full-load")
			} else if again := w.want(12, "full-load"); again.remedy() != r.remedy() {
				t.Errorf("%s\nwant the same remedy", again)
			}
			if s := w.want(12, "status", "--exit-code"); !strings.Contains(c.says, "nothing was loaded") && s.remedy() != r.remedy() {
				t.Errorf("%s\nwant the same remedy", s)
			}
			if diff := cmp.Diff(tables, w.picture("item", "event")); diff != "" {
				t.Errorf("the tables were changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(files, w.files("")); diff != "" || w.slots() != slots {
				t.Errorf("something was written: %s (slots %s, then %s)", diff, slots, w.slots())
			}
			w.healedBy(r, reloadAll)
		})
	}
}

// dropSlot drops the pipeline's slot by hand.
func (w *world) dropSlot() {
	w.t.Helper()
	w.ask(`SELECT count(pg_drop_replication_slot(slot_name))::text FROM pg_replication_slots WHERE database = current_database()`)
}

func (w *world) loseNewest() {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.root(), ledger.FileName(int64(len(w.entries()))))); err != nil {
		w.t.Fatal(err)
	}
}

// TestTablesOfAnotherCopy: loads/ is lost too, so only the tables show that the ledger is another copy, whose entries have the
// same numbers.
func TestTablesOfAnotherCopy(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	back := w.keep(ledger.Directory)
	w.must("full-load")
	back()
	w.lose(loads.Directory)
	w.exec(`UPDATE item SET note = 'between'`) // the same number of rows, other values
	w.must("full-load", "--stage-only")
	before := w.picture("item", "event")
	r := w.want(3, "cdc")
	if !strings.Contains(r.stderr, "holds a snapshot of entry 7 that the ledger does not have") {
		t.Error(r)
	}
	if diff := cmp.Diff(before, w.picture("item", "event")); diff != "" {
		t.Errorf("the tables were changed (-before +after):\n%s", diff)
	}
	if out, err := w.shell("ingest load --repair"); err != nil {
		t.Fatal(out)
	}
	w.sound()
}

// TestMovedByConfiguration: another schema is another pipeline, and a run reports the slot of the former one.
func TestMovedByConfiguration(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	slot := w.slot()
	env, tables, slots := w.env, w.picture("item", "event"), w.slots()
	w.env = append(append([]string{}, env...), "INGEST_SCHEMA=elsewhere")
	for _, command := range []string{"cdc", "load", "status"} {
		code := 12
		if command == "status" {
			code = 0
		}
		r := w.want(code, command)
		if out := r.stdout + r.stderr; !strings.Contains(out, "nothing was loaded yet") || !strings.Contains(out, slot) {
			t.Errorf("%s\nwant a word about slot %s", r, slot)
		}
	}
	if diff := cmp.Diff(tables, w.picture("item", "event")); diff != "" || w.slots() != slots {
		t.Errorf("something was changed: %s", diff)
	}
	w.env = env
	w.behind()
	w.sound()
}
