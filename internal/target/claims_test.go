package target

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// configured are the names of a configuration file with these contents.
func configured(t *testing.T, contents string) Names {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ingest.toml")
	if err := os.WriteFile(path, []byte("[destination]\ncatalog = \"dev\"\nschema = \"bronze\"\n"+contents), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Read(config.Inputs{File: path})
	if err != nil {
		t.Fatal(err)
	}
	return Names{c}
}

// named is the table of a name with its schema.
func named(name string) schema.TableName {
	of, table, _ := strings.Cut(name, ".")
	return schema.TableName{Schema: of, Name: table}
}

// loaded are the tables of a ledger: "current" has a snapshot of the newest origin, "stale" of an older
// one, "begun" has none yet, and "left" has none and gets none. Their OIDs are 1, 2, …
func loaded(tables ...string) *ledger.State {
	state := ledger.NewState()
	state.OriginNumber = 5
	for i, text := range tables {
		how, name, _ := strings.Cut(text, " ")
		table := &ledger.TableState{Table: named(name), OID: uint32(i + 1)}
		state.Tables[table.Table] = table
		switch how {
		case "current":
			table.Snapshot = &ledger.Done{Begin: 6, OID: table.OID}
		case "stale":
			table.Snapshot = &ledger.Done{Begin: 4, OID: table.OID}
		case "begun":
			state.Open[6] = &ledger.OpenBegin{Pending: map[schema.TableName]bool{table.Table: true}}
		}
	}
	return state
}

// A schema of the target holds one table or view of a name. The first table keeps it. The last relation
// of each case is the one whose collisions count.
func TestNamesThatCollide(t *testing.T) {
	const tables, history = "[load]\ncurrent = \"table\"\n", "[load]\nhistory = true\n"
	for what, c := range map[string]struct {
		options string
		ledger  *ledger.State
		take    string
		want    []string // findings of the last: what, and the remedy
	}{
		"none":                {"", loaded(), "public.t public.u", nil},
		"the same name twice": {"", loaded("current public.t"), "public.t public.t", nil},
		"two logs": {"", loaded(), "public.t sales.t", []string{
			`problem it would become dev.bronze.t, as public.t does: set load.table_name = "{schema}_{table}"`}},
		"two logs, and what is beside them": {tables + "history = true\n", loaded(), "public.t sales.t",
			[]string{"problem it would become dev.bronze.t, as public.t does"}},
		"two logs, of which the first keeps it": {"", loaded(), "public.t sales.t other.t", []string{
			"problem it would become dev.bronze.t, as public.t does"}},
		"a table that was loaded": {"", loaded("current public.t"), "sales.t", []string{
			"problem it would become dev.bronze.t, as public.t does: public.t was loaded before"}},
		"a table whose load has begun": {"", loaded("begun public.t"), "sales.t",
			[]string{"problem it would become dev.bronze.t, as public.t does: public.t was loaded before"}},
		"a table of an older origin": {"", loaded("stale public.t"), "sales.t", nil},
		"a table that was given up":  {"", loaded("left public.t"), "sales.t", nil},
		"a table that was renamed": {"", loaded("current sales.t"), "public.t@1", []string{
			"warning it is the loaded table sales.t under a new name, which has the same target: its changes still go into dev.bronze.t"}},
		"another table than the one that was loaded": {"", loaded("current sales.t"), "public.t@7",
			[]string{"problem it would become dev.bronze.t, as sales.t does"}},
		"a view that no load makes":                      {"", loaded(), "public.t_current public.t", nil},
		"a log of the name of a view that no load makes": {"", loaded(), "public.t public.t_current", nil},
		"a view that loads make": {"[load]\ncurrent = \"view\"\n", loaded(), "public.t_current public.t", []string{
			`problem its current state would be named dev.bronze.t_current, as table public.t_current is: ` +
				`give it another name: current_name = "…" under [tables."public.t"] in the configuration$`}},
		"a log of the name of a view that loads make": {"[load]\ncurrent = \"view\"\n", loaded(), "public.t public.t_current", []string{
			`problem its log would be named dev.bronze.t_current, as the current state of table public.t is: ` +
				`give it another name: current_name = "…" under [tables."public.t"] in the configuration$`}},
		"a log of the name of a table of data": {tables, loaded(), "public.t public.t_current_data", []string{
			`problem its log would be named dev.bronze.t_current_data, as the data of the current state of table public.t is`}},
		"a log of the name of a history": {history, loaded(), "public.t public.t_history", []string{
			`problem its log would be named dev.bronze.t_history, as the history of table public.t is: ` +
				`give it another name: history_name = "…" under [tables."public.t"]`}},
		"a log of the name of a history's data": {history, loaded(), "public.t public.t_history_data", []string{
			`problem its log would be named dev.bronze.t_history_data, as the data of the history of table public.t is`}},
		"its own log": {tables + "current_name = \"{table}\"\n", loaded(), "public.t", []string{
			`problem its current state would be named dev.bronze.t, as its log is: ` +
				`give it another name: current_name = "…" under [tables."public.t"] in the configuration, ` +
				`or set load.table_name = "{table}_log" to give the log another one$`}},
		"its own log, seen twice": {tables + "current_name = \"{table}\"\n", loaded("current public.t"), "public.t public.t", []string{
			"problem its current state would be named dev.bronze.t, as its log is"}},
		"its own state": {tables + "history = true\ncurrent_name = \"{table}_x\"\nhistory_name = \"{table}_x\"\n", loaded(), "public.t", []string{
			`problem its history would be named dev.bronze.t_x, as its current state is: ` +
				`give it another name: history_name = "…" under [tables."public.t"] in the configuration$`,
			"problem the data of its history would be named dev.bronze.t_x_data, as the data of its current state is"}},
		"two states of two schemas": {tables + "table_name = \"{schema}_{table}\"\ncurrent_name = \"{table}_now\"\n", loaded(),
			"public.t sales.t", []string{
				`problem its current state would be named dev.bronze.t_now, as the current state of table public.t is: give it another name: ` +
					`current_name = "…" under [tables."sales.t"] in the configuration, or set load.current_name = "{schema}_{table}_current"$`,
				`problem the data of its current state would be named dev.bronze.t_now_data, as the data of the current state of table public.t is`}},
		"two histories of two schemas": {history + "table_name = \"{schema}_{table}\"\nhistory_name = \"{table}_past\"\n", loaded(),
			"public.t sales.t", []string{
				`problem its history would be named dev.bronze.t_past, as the history of table public.t is: give it another name: ` +
					`history_name = "…" under [tables."sales.t"] in the configuration, or set load.history_name = "{schema}_{table}_history"$`,
				`problem the data of its history would be named`}},
		"two states of one schema": {tables + "[tables.t]\ncurrent_name = \"Now\"\n[tables.u]\ncurrent_name = \"now\"\n", loaded(),
			"public.t public.u", []string{
				`problem its current state would be named dev.bronze.now, as the current state of table public.t is: give it another name: ` +
					`current_name = "…" under [tables."public.u"] in the configuration$`,
				`problem the data of its current state would be named`}},
		"a state of the name of another's history": {
			tables + "[tables.\"public.t\"]\nhistory = true\nhistory_name = \"x\"\n[tables.\"sales.u\"]\ncurrent_name = \"x\"\n",
			loaded(), "public.t sales.u", []string{
				`problem its current state would be named dev.bronze.x, as the history of table public.t is: ` +
					`give it another name: current_name = "…" under [tables."sales.u"] in the configuration$`,
				`problem the data of its current state would be named`}},
		// A log, a state and a second log of one name, each order, and each seen twice.
		"a state between two logs": {"[tables.\"public.s\"]\ncurrent = \"table\"\ncurrent_name = \"t\"\n", loaded(),
			"public.t public.s sales.t", []string{
				"problem it would become dev.bronze.t, as public.t does",
				"problem its log would be named dev.bronze.t, as the current state of table public.s is"}},
		"a state before two logs": {"[tables.\"public.s\"]\ncurrent = \"table\"\ncurrent_name = \"t\"\n", loaded(),
			"public.s public.t sales.t", []string{
				"problem its log would be named dev.bronze.t, as the current state of table public.s is",
				"problem it would become dev.bronze.t, as public.t does"}},
		"a state and a log, seen twice": {"[tables.\"public.s\"]\ncurrent = \"table\"\ncurrent_name = \"t\"\n", loaded(),
			"public.s public.t public.s public.t", []string{
				"problem its log would be named dev.bronze.t, as the current state of table public.s is"}},
	} {
		t.Run(what, func(t *testing.T) {
			claims := configured(t, c.options).Claims(c.ledger)
			var got []string
			for text := range strings.FieldsSeq(c.take) {
				r := &postgres.Relation{}
				name, oid, _ := strings.Cut(text, "@")
				r.Name = named(name)
				fmt.Sscan(oid, &r.OID)
				got = nil
				for _, f := range claims.Findings(r) {
					got = append(got, fmt.Sprintf("%s %s: %s$", f.Level, f.What, f.Remedy))
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("%d findings, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%s\nwant %s", got[i], want)
				}
			}
		})
	}
}

// A full load refuses a table whose names are taken, unless it is the one that has them, renamed.
func TestTablesThatAreRefusedForTheirNames(t *testing.T) {
	claims := configured(t, "[load]\ncurrent = \"table\"\n").Claims(loaded("current sales.t", "current public.u"))
	renamed := &postgres.Relation{}
	renamed.OID = 1
	other := &postgres.Relation{}
	other.OID = 7
	logs := claims.Take(public("t"))
	if len(logs) != 1 {
		t.Fatalf("%+v", logs)
	}
	if former, yes := claims.GoesOn(logs[0], renamed); !yes || former != named("sales.t") {
		t.Errorf("a table that was renamed goes on as %v: %v", former, yes)
	}
	if _, yes := claims.GoesOn(logs[0], other); yes {
		t.Error("another table goes on")
	}
	err := claims.Refusal(logs[0])
	check(t, "of two logs", err.Error(), "tables sales.t and public.t would both become dev.bronze.t")
	check(t, "of two logs", failure.HintOf(err), "sales.t was loaded before")
	// The table that was public.u is called public.u_current now: its log is where its state is.
	beside := claims.Take(public("u_current"))
	if len(beside) != 1 {
		t.Fatalf("%+v", beside)
	}
	renamed.OID = 2
	if _, yes := claims.GoesOn(beside[0], renamed); yes {
		t.Error("a table goes on where its state is")
	}
	err = claims.Refusal(beside[0])
	check(t, "of a log and a state", err.Error(),
		"table public.u_current: its log would be named dev.bronze.u_current, as the current state of table public.u is")
	check(t, "of a log and a state", failure.HintOf(err), `current_name = "…" under [tables."public.u"]`)
}

// `ingest views` makes no view where there is something else. A check warns about it, unless loads make
// the view: then its name is a problem, and is reported with the others.
func TestNamesOfViews(t *testing.T) {
	long := strings.Repeat("x", 250)
	for what, c := range map[string]struct {
		options, take string
		warning, err  string
	}{
		"free": {"", "public.t", "", ""},
		"another table's log": {"", "public.t_current public.t", "it would be named dev.bronze.t_current, as table public.t_current is",
			"as table public.t_current is"},
		"another table's view": {"current_name = \"{table}_now\"\ntable_name = \"{schema}_{table}\"\n", "sales.t public.t",
			"as the current state of table sales.t is", "as the current state of table sales.t is"},
		"its own log": {"current_name = \"{table}\"\n", "public.t", "as its log is", "as table public.t is"},
		"of a history without a current state": {"history = true\n", "public.t_current public.t",
			"it would be named dev.bronze.t_current, as table public.t_current is", "as table public.t_current is"},
		"a view that loads make":  {"current = \"view\"\n", "public.t_current public.t", "", "as table public.t_current is"},
		"a name that is too long": {"", "public." + long, "", "which is longer than Unity Catalog allows"},
	} {
		t.Run(what, func(t *testing.T) {
			claims := configured(t, "[load]\n"+c.options).Claims(loaded())
			var table schema.TableName
			for name := range strings.FieldsSeq(c.take) {
				table = named(name)
				claims.Take(table)
			}
			warning := ""
			for _, f := range claims.ViewFindings(table) {
				warning += f.What
			}
			check(t, "warning", warning, c.warning)
			refusal := ""
			if err := claims.CheckView(table); err != nil {
				refusal = err.Error()
				check(t, "hint", failure.HintOf(err), "give the view another name")
			}
			check(t, "error", refusal, c.err)
		})
	}
}
