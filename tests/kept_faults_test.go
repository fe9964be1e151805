//go:build cgo && unix

package tests

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keptSound insists that the tables beside the logs of item and event agree with logs and source: the current state cell by cell,
// and both tables with a rebuild from the logs. No row exists twice, and no two periods of a key overlap.
func (w *world) keptSound() {
	w.t.Helper()
	before := map[string]string{}
	for _, table := range []string{"item", "event"} {
		columns := w.columns(table)
		w.sameRows(table, w.sourceRows(table, "id", columns), w.keptRows(table+"_current WHERE `_deleted_ts` IS NULL", columns))
		w.sameRows(table, w.sourceRows(table, "id", columns), w.keptRows(table+"_history WHERE `__END_AT` IS NULL", columns))
		if twice := w.lines("SELECT id, `_entry`, `_commit_lsn`, count(*) FROM bronze." + table +
			"_history GROUP BY ALL HAVING count(*) > 1"); twice != "" {
			w.t.Errorf("%s: periods that are there twice:\n%s", table, twice)
		}
		if over := w.lines("SELECT * FROM (SELECT id, `_entry`, `_end_entry`, `_end_lsn`, lead(struct(`_entry`, `_commit_lsn`)) OVER (PARTITION BY id ORDER BY `_entry`, `_commit_lsn`) AS next FROM bronze." +
			table + "_history) x WHERE next IS NOT NULL AND (`_end_entry` IS NULL OR struct(`_end_entry`, `_end_lsn`) > next)"); over != "" {
			w.t.Errorf("%s: periods that overlap:\n%s", table, over)
		}
		before[table] = w.keptLines(table)
	}
	w.must("load", "--rebuild", "current,history")
	for table, was := range before {
		if now := w.keptLines(table); now != was {
			w.t.Errorf("%s, made again:\n%.4000s\nand was:\n%.4000s", table, now, was)
		}
	}
}

// keptLines are all rows beside a log, but for when they were loaded.
func (w *world) keptLines(table string) string {
	w.t.Helper()
	return w.lines("SELECT * EXCEPT (`_loaded_ts`) FROM bronze."+table+"_current") + "\n\n" + w.lines("SELECT * FROM bronze."+table+"_history")
}

// keptRows reads rows of a table beside a log, by id; none may be there twice.
func (w *world) keptRows(from string, columns []string) map[string]row {
	w.t.Helper()
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "CAST(`" + c + "` AS STRING)"
	}
	out := map[string]row{}
	for _, values := range w.sql("SELECT " + strings.Join(list, ", ") + " FROM bronze." + from).Rows {
		r := row{}
		for i, v := range values {
			if text, ok := v.(string); ok {
				r[columns[i]] = text
			}
		}
		if out[r["id"]] != nil {
			w.t.Errorf("%s: id %s is there twice", from, r["id"])
		}
		out[r["id"]] = r
	}
	return out
}

// TestKilledBesideLogs kills loads at request n, before the workspace sees it and after it has handled it: loads
// that make the tables beside the logs, that merge a batch, and that correct a history after a full load. The next
// load continues by itself, and no row exists twice.
func TestKilledBesideLogs(t *testing.T) {
	t.Parallel()
	for what, staged := range map[string][]string{"first": {"full-load"}, "batch": {"cdc"}, "correction": {"cdc", "full-load"}} {
		for _, when := range []moment{beforeRequest, afterRequest} {
			t.Run(fmt.Sprintf("%s, %s the request", what, when), func(t *testing.T) {
				t.Parallel()
				w := keeping(t, shopTables...)
				if what != "first" {
					w.must("full-load")
				}
				step := int64(17)
				if allKills() {
					step = 1
				}
				for n := 1 + int64(when)*2; ; n += step {
					w.write(uint64(n), 4)
					for _, command := range staged {
						w.must(command, "--stage-only")
						w.write(uint64(n)+1000, 2)
					}
					if what == "first" { // as if nothing had been made yet
						if err := os.RemoveAll(filepath.Join(w.root(), "loads")); err != nil {
							t.Fatal(err)
						}
						for _, table := range []string{"item", "event"} {
							w.sql("DROP VIEW IF EXISTS bronze." + table + "_current")
							w.sql("DROP VIEW IF EXISTS bronze." + table + "_history")
							w.sql("DROP TABLE IF EXISTS bronze." + table + "_current_data")
							w.sql("DROP TABLE IF EXISTS bronze." + table + "_history_data")
						}
					}
					came := w.runKilled(n, when, "load")
					w.again("load")
					if !came {
						break
					}
				}
				w.must("cdc")
				w.keptSound()
				w.must("verify", "--full")
				w.must("status", "--exit-code")
			})
		}
	}
}

// TestLateStatementsBesideLogs lets the warehouse run a killed client's statements for the tables beside the logs late: when
// further runs have ended, or right before the next run sends the same.
func TestLateStatementsBesideLogs(t *testing.T) {
	t.Parallel()
	const merge, correction, current, history = "MERGE INTO", "corrections AS", "CREATE OR REPLACE TABLE", "CREATE TABLE"
	const restated = current + " " // the tables are made again for a column that older rows have something in
	for name, c := range map[string]struct {
		head    string
		n       int
		command []string
		between []string
	}{
		"tables for columns after the next cdc": {restated, 4, []string{"cdc"}, []string{"cdc"}},
		"merges after the next cdc":             {merge, 4, []string{"cdc"}, []string{"cdc"}},
		"merges after nothing":                  {merge, 4, []string{"cdc"}, nil},
		"merges after a full load":              {merge, 4, []string{"cdc"}, []string{"full-load"}},
		"merges after a full load and cdc":      {merge, 4, []string{"cdc"}, []string{"full-load", "cdc"}},
		"corrections after the next cdc":        {correction, 2, []string{"full-load"}, []string{"cdc"}},
		"corrections after another full load":   {correction, 2, []string{"full-load"}, []string{"full-load", "cdc"}},
		"current made again after the next cdc": {current, 2, []string{"full-load"}, []string{"cdc"}},
		"current made again after a full load":  {current, 2, []string{"full-load"}, []string{"full-load", "cdc"}},
		"current made again after its own load": {current, 2, []string{"full-load"}, []string{"load", "cdc"}},
		"history made after a full load":        {history, 2, []string{"cdc"}, []string{"full-load", "cdc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := keeping(t, shopTables...)
			if c.head == history {
				kept := w.env
				w.env = kept[:len(kept)-2]
				w.must("full-load")
				w.env = kept
			} else {
				w.must("full-load")
			}
			w.write(1, 20)
			if c.head == restated {
				w.exec(`ALTER TABLE item ADD d int DEFAULT 5`, `ALTER TABLE event ADD d int DEFAULT 5`, `INSERT INTO item (id, d) VALUES (-1, 1)`,
					`INSERT INTO event (id, d) VALUES (-1, 1)`)
			}
			name := "_data`"
			if c.head == history { // the current states are made for the first time, too
				name = "_history_data`"
			}
			late := w.killedLeavingAt(c.n, func(sql string) bool {
				return (strings.HasPrefix(sql, c.head) || c.head == correction && strings.Contains(sql, correction)) &&
					strings.Contains(sql[:min(len(sql), 80)], name)
			}, c.command...)
			for i, command := range c.between {
				w.exec(`UPDATE item SET note = note || '.'`, `DELETE FROM event WHERE id % 7 = 3`, `UPDATE event SET at = coalesce(at, '') || '.'`)
				if c.head == restated {
					w.exec(`UPDATE item SET d = id`, `UPDATE event SET d = id`)
				}
				w.write(uint64(2+i), 10)
				w.again(command)
			}
			before := w.keptLines("item") + w.keptLines("event")
			late()
			if now := w.keptLines("item") + w.keptLines("event"); len(c.between) > 0 && now != before {
				t.Errorf("late statements changed what is kept:\n%.3000s\nwas:\n%.3000s", now, before)
			}
			w.again("cdc")
			w.exec(`UPDATE item SET note = note || '!'`, `UPDATE event SET at = at || '!'`)
			w.sound()
			w.keptSound()
		})
	}
}

// TestTwoMergesAtOnce: a run is suspended at its statements for tables beside logs, and loses its locks. It wakes up while
// another run sends the same statements. Of each two, one succeeds, and the other fails or does nothing.
func TestTwoMergesAtOnce(t *testing.T) {
	t.Parallel()
	w := keeping(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	p, wake := w.suspend(func(r *http.Request) bool {
		sql, ok := statement(r)
		return ok && strings.HasPrefix(sql, "MERGE INTO")
	}, "cdc")
	w.loseLocks()
	w.write(2, 20)
	w.must("cdc")
	wake()
	if r := p.wait(); r.code != 0 && r.code != 12 {
		t.Errorf("%s\nwant 0, or 12", r)
	}
	w.on(nil)
	w.write(3, 10)
	w.sound()
	w.keptSound()
}

// TestOneRequestGoesWrongBesideLogs lets one request of each kind of a load fail in every way, with tables
// beside the logs.
func TestOneRequestGoesWrongBesideLogs(t *testing.T) {
	t.Parallel()
	probe := keeping(t, shopTables...)
	probe.must("full-load")
	probe.write(1, 20)
	probe.must("cdc", "--stage-only")
	kinds, _ := probe.requestKinds("load")
	for what, fault := range faults {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := keeping(t, shopTables...)
			w.must("full-load")
			for i, kind := range kinds {
				if i%3 != len(what)%3 && !allKills() {
					continue
				}
				w.write(uint64(i), 5)
				w.must("cdc", "--stage-only")
				w.survives(kind, fault, "load")
			}
			w.sound()
			w.keptSound()
		})
	}
}
