//go:build cgo && unix

package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// controlled insists that the control table has each load of the tables once:
// the rows of a snapshot have no entry in common, the first of them is the full
// load, and together they have the rows of the log.
func (w *world) controlled(tables ...string) {
	w.t.Helper()
	if twice := w.lines("SELECT a.source_table, a.first_entry, a.last_entry, b.first_entry, b.last_entry FROM bronze._ingest_loads a " +
		"JOIN bronze._ingest_loads b ON a.ledger = b.ledger AND a.source_table = b.source_table AND a.snapshot = b.snapshot " +
		"AND a.first_entry < b.first_entry AND a.last_entry >= b.first_entry"); twice != "" {
		w.t.Errorf("loads with entries in common:\n%s", twice)
	}
	if twice := w.lines("SELECT ledger, source_table, snapshot, first_entry, count(*) FROM bronze._ingest_loads " +
		"GROUP BY ledger, source_table, snapshot, first_entry HAVING count(*) > 1"); twice != "" {
		w.t.Errorf("loads that are there twice:\n%s", twice)
	}
	for _, table := range tables {
		newest := " FROM bronze._ingest_loads WHERE source_table = 'public." + table + "' AND snapshot = (SELECT max_by(snapshot, first_entry) " +
			"FROM bronze._ingest_loads WHERE kind = 'full_load' AND source_table = 'public." + table + "')"
		got := w.lines("SELECT sum(rows_loaded), count_if(kind = 'full_load'), max(last_entry)" + newest)
		if want := w.lines("SELECT count(*), 1, max(`_entry`) FROM bronze." + table); got != want {
			w.t.Errorf("%s: the control table has %s, and the log %s (rows, full loads, newest entry)", table, got, want)
		}
		known := w.lines("SELECT sum(rows_snapshot), sum(rows_inserted), sum(rows_updated), sum(rows_deleted), sum(rows_truncated)" + newest +
			" HAVING count(*) = count(rows_inserted)")
		if ops := w.lines("SELECT count_if(`_op` = 'snapshot'), count_if(`_op` = 'insert'), count_if(`_op` = 'update'), count_if(`_op` = 'delete'), " +
			"count_if(`_op` = 'truncate') FROM bronze." + table); known != "" && known != ops {
			w.t.Errorf("%s: the control table has %s, and the log %s (by operation)", table, known, ops)
		}
	}
}

// isControl reports whether a request is a statement on the control table.
func isControl(head string) func(int64, *http.Request) bool {
	return func(_ int64, r *http.Request) bool {
		sql, ok := statement(r)
		return ok && strings.HasPrefix(sql, head) && strings.Contains(sql, "_ingest_loads")
	}
}

// isCache reports whether a request writes the cache of loads, right after the control table.
func isCache(_ int64, r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/loads/")
}

// TestControlTableOfKilledLoads kills loads around the statements that write the
// control table. No row is lost or repeated.
func TestControlTableOfKilledLoads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	for i, c := range []struct {
		command string
		when    moment
		at      func(int64, *http.Request) bool
	}{
		{"full-load", afterRequest, isControl("CREATE TABLE")},
		{"cdc", beforeRequest, isControl("MERGE INTO")}, {"cdc", afterRequest, isControl("MERGE INTO")}, {"cdc", beforeRequest, isCache},
		{"full-load", afterRequest, isControl("MERGE INTO")}, {"full-load", beforeRequest, isCache},
	} {
		w.write(uint64(i), 5)
		if !w.killedAt(c.at, c.when, c.command) {
			t.Errorf("%s %d was not killed", c.command, i)
		}
		w.again("cdc")
		w.controlled("item", "event")
	}
	w.sound()
	w.controlled("item", "event")
}

// TestControlTableLate lets the warehouse run a killed load's MERGE late. It adds nothing.
func TestControlTableLate(t *testing.T) {
	t.Parallel()
	for name, between := range map[string][]string{
		"after nothing": nil, "after the next cdc": {"cdc"}, "after a full load": {"full-load"}, "after both": {"full-load", "cdc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shopTables...)
			w.must("full-load")
			w.write(1, 10)
			late := w.killedLeavingAt(1, func(sql string) bool {
				return strings.HasPrefix(sql, "MERGE INTO") && strings.Contains(sql, "_ingest_loads")
			}, "cdc")
			for i, command := range between {
				w.write(uint64(2+i), 10)
				w.again(command)
			}
			late()
			w.again("cdc")
			w.controlled("item", "event")
		})
	}
}

// TestControlTableIsCompletedLater: a control table that cannot be written fails no
// load. The next load adds the rows, also of tables that have nothing new.
func TestControlTableIsCompletedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.refusing(-1, "", "_ingest_loads", lakehouse.Refusal{SQLState: "42501", Class: "INSUFFICIENT_PERMISSIONS", Message: "no MODIFY"})
	if r := w.must("full-load"); !strings.Contains(r.stderr, "cannot write the control table") {
		t.Errorf("%s\nwant a warning", r)
	}
	w.exec(`UPDATE item SET note = 'x'`)
	w.must("cdc")
	w.refusing(0, "", "_ingest_loads", lakehouse.Refusal{})
	w.exec(`UPDATE item SET note = 'y'`)
	w.must("cdc") // item has changes, event has none
	w.controlled("item", "event")
	if got := w.lines("SELECT source_table, kind, count(*) FROM bronze._ingest_loads GROUP BY ALL"); got !=
		"public.event full_load 1\npublic.item full_load 1" {
		t.Errorf("the rows of all loads are in one:\n%s", got)
	}
	w.sql("DROP TABLE bronze._ingest_loads")
	w.exec(`UPDATE item SET note = 'z'`)
	w.must("cdc")
	if got := w.lines("SELECT source_table, kind FROM bronze._ingest_loads"); got != "public.item changes" {
		t.Errorf("after the control table was dropped:\n%s", got)
	}
}

// TestControlTableOfAnOlderPipeline: a pipeline without a control table gets one at its next load, with one
// row for what was loaded before. A version that does not know the table, and a lost cache, repeat nothing.
func TestControlTableOfAnOlderPipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	without := append(slices.Clip(w.env), "INGEST_LOAD_CONTROL_TABLE=false")
	with := w.env
	w.env = without
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	if got := w.lines("SHOW TABLES IN bronze"); strings.Contains(got, "_ingest_loads") {
		t.Errorf("load.control_table = false, and there is one: %s", got)
	}
	w.env = with
	w.write(2, 10)
	w.must("cdc")
	w.controlled("item", "event")
	for i, forget := range []func(){
		func() { w.forgetRecorded() },
		func() { // the version before
			w.env = without
			w.write(90, 10)
			w.must("cdc")
			w.env = with
			w.forgetRecorded()
		},
		func() {
			if err := os.RemoveAll(filepath.Join(w.root(), "loads")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		forget()
		w.write(uint64(3+i), 10)
		w.must("cdc")
		w.controlled("item", "event")
	}
}

// TestDashboardOfTheControlTable runs the queries of the bundle's dashboard. Every field of a widget is a column of its query.
func TestDashboardOfTheControlTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 10)
	w.must("cdc")
	raw, err := os.ReadFile(filepath.Join("..", "resources", "ingest.lvdash.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Datasets []struct {
			Name       string
			QueryLines []string
		}
		Pages []struct {
			Layout []struct {
				Widget struct {
					Name    string
					Queries []struct {
						Query struct {
							DatasetName string
							Fields      []struct{ Name, Expression string }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	columns := map[string]bool{}
	for _, d := range dashboard.Datasets {
		answer := w.sql(strings.Join(d.QueryLines, ""))
		if len(answer.Rows) == 0 {
			t.Errorf("%s has no rows", d.Name)
		}
		for _, c := range answer.Columns {
			columns[d.Name+"."+c.Name] = true
		}
	}
	widgets := 0
	for _, page := range dashboard.Pages {
		for _, item := range page.Layout {
			for _, q := range item.Widget.Queries {
				widgets++
				for _, f := range q.Query.Fields {
					if !columns[q.Query.DatasetName+"."+f.Name] || f.Expression != "`"+f.Name+"`" {
						t.Errorf("widget %s: %s has no column %s", item.Widget.Name, q.Query.DatasetName, f.Name)
					}
				}
			}
		}
	}
	if widgets < 8 {
		t.Errorf("%d widgets", widgets)
	}
}

// forgetRecorded removes from the cache what it says of the control table.
func (w *world) forgetRecorded() {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.root(), "loads", "*.json"))
	if err != nil || len(names) == 0 {
		w.t.Fatalf("%v, %d caches", err, len(names))
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		var cache map[string]any
		if err := json.Unmarshal(raw, &cache); err != nil {
			w.t.Fatal(err)
		}
		for _, t := range cache["tables"].(map[string]any) {
			delete(t.(map[string]any), "recorded")
		}
		if raw, err = json.Marshal(cache); err == nil {
			err = os.WriteFile(name, raw, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestControlTableOfAQuarantinedTable: a table that is not loaded gets no row; the load after the repair adds one.
func TestControlTableOfAQuarantinedTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.sql("DELETE FROM bronze.item WHERE id = 1")
	w.exec(`UPDATE item SET note = 'x'`, `UPDATE event SET at = 'x'`)
	w.want(3, "cdc")
	w.controlled("event")
	if got := w.lines("SELECT count(*) FROM bronze._ingest_loads WHERE source_table = 'public.item'"); got != "1" {
		t.Errorf("%s loads of the quarantined table, want the full load", got)
	}
	w.must("load", "--repair", "--tables", "item")
	w.must("cdc")
	w.controlled("item", "event")
}

// TestControlTableOfTwoPipelines: two pipelines with one target schema write one control table, at the same time.
func TestControlTableOfTwoPipelines(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, pgtest.NewDatabase(t), lakehouse.Switches{}, shopTables...)
	env := func(table string) []string {
		return []string{"INGEST_PIPELINE=" + w.name + "_" + table, "INGEST_SOURCE_TABLES=" + table, "INGEST_SOURCE_EXCLUDE="}
	}
	for i, command := range []string{"full-load", "cdc", "cdc"} {
		w.write(uint64(i), 10)
		w.exec(`UPDATE item SET note = 'x'`, `UPDATE event SET at = 'x'`)
		one, other := w.startWith(env("item"), command), w.startWith(env("event"), command)
		for _, p := range []*process{one, other} {
			if r := p.wait(); r.code != 0 {
				t.Fatal(r)
			}
		}
	}
	w.controlled("item", "event")
	if got := w.lines("SELECT pipeline, count(DISTINCT ledger), count(DISTINCT source_table), count(*) FROM bronze._ingest_loads GROUP BY pipeline"); got !=
		fmt.Sprintf("%s_event 1 1 3\n%[1]s_item 1 1 3", w.name) {
		t.Errorf("rows by pipeline:\n%s", got)
	}
}
