//go:build cgo && unix

package main

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

const inBronze = benchCatalog + ".bronze."

// TestNamesBesideTheLogs: all names of a pipeline are compared before anything is written, as Unity Catalog compares names.
func TestNamesBesideTheLogs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE orders (id int PRIMARY KEY)", "CREATE TABLE orders_history (id int PRIMARY KEY)",
		`CREATE TABLE "Orders_Current" (id int PRIMARY KEY)`,
		"CREATE SCHEMA shop", "CREATE TABLE shop.orders (id int PRIMARY KEY)")
	long := strings.Repeat("x", 250)
	for _, test := range []struct{ contents, subject, what, remedy string }{
		{
			"[tables.\"public.orders\"]\nhistory = true\n", "public.orders_history",
			"its log would be named " + inBronze + "orders_history, as the history of table public.orders is",
			`give it another name: history_name = "…" under [tables."public.orders"]`,
		},
		{
			"[tables.\"public.orders\"]\ncurrent = \"view\"\n", "public.orders",
			"its current state would be named " + inBronze + "orders_current, as table public.Orders_Current is",
			`current_name = "…" under [tables."public.orders"]`,
		},
		{
			"[tables.\"public.orders\"]\ncurrent = \"table\"\ncurrent_name = \"{table}\"\n", "public.orders",
			"its current state would be named " + inBronze + "orders, as its log is",
			`set load.table_name = "{table}_log"`,
		},
		{
			"[tables.\"public.orders\"]\nhistory = true\nhistory_name = \"x\"\n[tables.\"public.orders_history\"]\ncurrent = \"view\"\ncurrent_name = \"X_Data\"\n",
			"public.orders_history",
			"its current state would be named " + inBronze + "X_Data, as the data of the history of table public.orders is", "current_name",
		},
		{
			"[tables.\"public.orders\"]\ncurrent = \"table\"\ncurrent_name = \"x\"\n[tables.\"public.orders_history\"]\nhistory = true\nhistory_name = \"X_DATA\"\n",
			"public.orders_history",
			"its history would be named " + inBronze + "X_DATA, as the data of the current state of table public.orders is",
			`history_name = "…" under [tables."public.orders_history"]`,
		},
		{
			"[tables.\"public.orders\"]\ncurrent = \"table\"\nhistory = true\ncurrent_name = \"x\"\nhistory_name = \"x\"\n", "public.orders",
			"its history would be named " + inBronze + "x, as its current state is", "history_name",
		},
		{
			"[source]\nschemas = [\"public\", \"shop\"]\n[load]\ntable_name = \"{schema}_{table}\"\n[tables.orders]\nhistory = true\nhistory_name = \"{table}_past\"\n",
			"shop.orders",
			"its history would be named " + inBronze + "orders_past, as the history of table public.orders is",
			`load.history_name = "{schema}_{table}_history"`,
		},
	} {
		b.configure(test.contents)
		b.finds(failure.Usage, finding.Problem, test.subject, test.what, test.remedy)
		b.fails(failure.Usage, "table "+test.subject+": "+test.what, test.remedy, "full-load")
		b.noSlot()
	}
	for _, test := range []struct{ contents, what string }{
		{"current = \"table\"\ncurrent_name = \"" + long + "{table}\"\n",
			"its current state would be named \"" + long + "orders\", which is not a name"},
		{
			"current = \"table\"\ncurrent_name = \"" + long[8:] + "{table}_cur\"\n",
			"the data of its current state would be named \"" + long[8:] + "orders_cur_data\", which is not a name",
		},
		{"history = true\nhistory_name = \"" + long + "{table}\"\n", "its history would be named \"" + long + "orders\", which is not a name"},
	} {
		b.configure("[source]\ntables = [\"orders\"]\n[tables.\"public.orders\"]\n" + test.contents)
		b.finds(failure.Source, finding.Problem, "public.orders", test.what, `under [tables."public.orders"]`)
		b.fails(failure.Source, test.what, `under [tables."public.orders"]`, "full-load")
	}
	// The mirror has the source's own name; the view of a table that loads keep none
	// of is only warned of.
	b.configure("[load]\ntable_name = \"{table}_log\"\ncurrent = \"view\"\ncurrent_name = \"{table}\"\n")
	b.works("check")
	b.configure("[tables.\"public.orders_history\"]\nhistory = true\n")
	b.finds(0, finding.Warning, "public.orders",
		"`ingest views` cannot make its view: it would be named "+inBronze+"orders_current, as table public.Orders_Current is",
		`current_name = "…" under [tables."public.orders"]`)
	b.works("full-load")
	b.fails(failure.Usage, "the view of table public.orders would be named "+inBronze+"orders_current, as table public.Orders_Current is",
		"ingest views --tables",
		"views")
}

// TestCollisionsOfLoadedTables: if a later configuration causes a collision, only the tables concerned are not loaded.
func TestCollisionsOfLoadedTables(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY)", "CREATE TABLE c (id int PRIMARY KEY)",
		"CREATE TABLE keyless (id int NOT NULL)",
		"ALTER TABLE keyless REPLICA IDENTITY FULL")
	b.works("full-load")
	for _, test := range []struct{ contents, what, hint string }{
		{"[tables.a]\ncurrent = \"view\"\ncurrent_name = \"B\"\n", "tables public.a and public.b both need the name " + inBronze, "ingest check"},
		{"[tables.a]\nhistory = true\nhistory_name = \"A\"\n",
			"table public.a needs the name " + inBronze + "a for two things: it is not loaded", "ingest check"},
		{"[tables.keyless]\nhistory = true\n", "table public.keyless: it has no key, and history = true needs one", "key = […]"},
		{
			"[tables.keyless]\ncurrent = \"table\"\nkey = [\"id\"]\nexclude_columns = [\"id\"]\n",
			`table public.keyless: [tables."keyless"] key names column "id", which is excluded`, "hmac-sha256",
		},
		{"[tables.a]\nkey = [\"id\"]\n", `table public.a: [tables."a"] key is not needed: the table has the key (id)`, "remove key"},
		{"[tables.a]\nhistory = true\nhistory_name = \"" + strings.Repeat("x", 254) + "\"\n",
			"which is not a name that Unity Catalog accepts", "history_name"},
	} {
		b.exec("INSERT INTO a SELECT count(*) + 1 FROM a", "INSERT INTO b SELECT count(*) + 1 FROM b", "INSERT INTO c SELECT count(*) + 1 FROM c",
			"INSERT INTO keyless SELECT count(*) + 1 FROM keyless")
		b.configure(test.contents)
		b.fails(failure.Tables, test.what, test.hint, "cdc")
		b.fails(failure.Tables, test.what, test.hint, "load")
	}
	if n := b.rows("c"); n != 6 {
		t.Errorf("the table that is not concerned has %d rows, want 6", n)
	}
	if n := b.rows("a"); n >= 6 {
		t.Errorf("the table that is refused has %d rows", n)
	}
	b.configure("")
	b.works("cdc")
	for _, table := range []string{"a", "b", "c", "keyless"} {
		if n := b.rows(table); n != 6 {
			t.Errorf("table %s has %d rows, want 6", table, n)
		}
	}
}

// TestWhatATableCannotHaveBesideItsLog: options that a table cannot have are refused beforehand, with the fix.
func TestWhatATableCannotHaveBesideItsLog(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE keyless (id int NOT NULL, at int, note text NOT NULL)", "ALTER TABLE keyless REPLICA IDENTITY FULL",
		"CREATE TABLE orders (id int PRIMARY KEY, note text)")
	for _, test := range []struct{ table, contents, what, remedy string }{
		{"keyless", "current = \"table\"\n", `it has no key, and current = "table" needs one`, `ALTER TABLE "public"."keyless" ADD PRIMARY KEY`},
		{"keyless", "history = true\n", "it has no key, and history = true needs one", `key = […] under [tables."public.keyless"]`},
		{"keyless", "history = true\nkey = [\"at\"]\n", `key names column "at", which may be NULL`, `ALTER COLUMN "at" SET NOT NULL;`},
		{"keyless", "key = [\"id\"]\nexclude_columns = [\"id\"]\n", `key names column "id", which is excluded`, ""},
		{"keyless", "key = [\"note\"]\nmask = { note = \"null\" }\n", `key names column "note", which has the mask "null"`, ""},
		{"orders", "key = [\"note\"]\n", "key is not needed: the table has the key (id)", "remove key"},
		{"orders", "history = true\nhistory_except = [\"id\"]\n", `history_except names column "id", which belongs to the key`, ""},
	} {
		b.configure("[source]\ntables = [\"" + test.table + "\"]\n[tables.\"public." + test.table + "\"]\n" + test.contents)
		b.finds(failure.Source, finding.Problem, "public."+test.table, test.what, test.remedy)
		b.fails(failure.Source, "table public."+test.table+": ", test.remedy, "full-load")
		b.noSlot()
	}
	for _, test := range []struct{ contents, text, hint string }{
		{
			"[tables.orders]\nhistory_except = [\"nte\"]\n",
			`ingest.toml:2: [tables."orders"] history_except names column "nte", which it does not have`,
			`did you mean "note"?`,
		},
		{"[tables.keyless]\nkey = [\"idd\"]\n", `ingest.toml:2: [tables."keyless"] key names column "idd"`, `did you mean "id"?`},
		{"[load]\nhistory_except = [\"nte\"]\n", `ingest.toml:2: [load] history_except names column "nte"`, `did you mean "note"?`},
		{"[load]\nkey = [\"idd\"]\n", `ingest.toml:2: [load] key names column "idd"`, `did you mean "id"?`},
	} {
		b.configure(test.contents)
		b.finds(failure.Usage, finding.Problem, "configuration", test.text, test.hint)
		b.fails(failure.Usage, test.text, test.hint, "full-load")
	}
	b.env["INGEST_LOAD_HISTORY_EXCEPT"] = "nte"
	b.configure("")
	b.fails(failure.Usage, `INGEST_LOAD_HISTORY_EXCEPT: [load] history_except names column "nte"`, `did you mean "note"?`, "full-load")
	delete(b.env, "INGEST_LOAD_HISTORY_EXCEPT")
	b.configure("[load]\nkey = [\"id\", \"note\"]\ncurrent = \"view\"\n[tables.keyless]\nmask = { note = \"hmac-sha256\" }\n")
	b.env["INGEST_MASK_KEY"] = "hunter2hunter2hunter2"
	b.secrets = append(b.secrets, b.env["INGEST_MASK_KEY"])
	b.works("check")
}

// TestViewsThatLoadsKeep: `ingest views` says so, and makes the others.
func TestViewsThatLoadsKeep(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY)", "INSERT INTO b VALUES (1)")
	b.works("full-load")
	b.configure("[tables.a]\ncurrent = \"table\"\ncurrent_name = \"a_now\"\n[tables.b]\ncurrent = \"view\"\ncurrent_name = \"b_now\"\n")
	stdout, _ := b.works("views", "--print")
	if !strings.HasPrefix(stdout, "-- "+inBronze+"a_now: kept by each load, over a table\nCREATE VIEW") {
		t.Error(stdout)
	}
	if stdout, _ = b.works("views"); stdout != inBronze+"a_now: kept by each load, over a table\n"+inBronze+"b_now: created\n" {
		t.Error(stdout)
	}
	if stdout, _ = b.works("views", "--tables", "a", "--output", "json"); !strings.Contains(stdout, `"change": "kept"`) {
		t.Error(stdout)
	}
	if n := b.rows("b_now"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestNamesBesideTheLogsThatAreTaken: an object that this pipeline did not make keeps its name, and is found before the source is
// read.
func TestNamesBesideTheLogsThatAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE orders (id int PRIMARY KEY)", "CREATE TABLE other (id int PRIMARY KEY)")
	b.works("full-load", "--tables", "other")
	b.works("views")
	for _, sql := range []string{
		"CREATE VIEW orders_current AS SELECT 1 AS id", "CREATE TABLE orders_now (x STRING)", "CREATE TABLE orders_then_data (x STRING)",
		"CREATE VIEW orders_past_data AS SELECT 1 AS id",
	} {
		b.works("sql", sql)
	}
	quoted := "`" + benchCatalog + "`.`bronze`."
	for _, test := range []struct {
		contents, what, drop string
		kind                 failure.Kind
	}{
		{
			"current = \"view\"\n",
			"its current state would be named " + inBronze + "orders_current, and a view of that name is not this pipeline's: it has no property",
			"VIEW " + quoted + "`orders_current`", failure.Conflict,
		},
		{
			"current = \"table\"\ncurrent_name = \"Orders_Now\"\n", "its current state would be named " + inBronze + "Orders_Now, which is a table",
			"TABLE " + quoted + "`Orders_Now`", failure.Destination,
		},
		{
			"current = \"table\"\ncurrent_name = \"orders_then\"\n",
			"the data of its current state would be named " + inBronze + "orders_then_data, and a table of that name is not",
			"TABLE " + quoted + "`orders_then_data`",
			failure.Conflict,
		},
		{
			"history = true\nhistory_name = \"orders_past\"\n",
			"the data of its history would be named " + inBronze + "orders_past_data, which is a view",
			"VIEW " + quoted + "`orders_past_data`", failure.Destination,
		},
	} {
		b.configure("[tables.\"public.orders\"]\n" + test.contents)
		remedy := "ingest sql 'DROP " + test.drop + "' && ingest full-load --tables public.orders; else give it another name: "
		b.finds(test.kind, finding.Problem, "public.orders", test.what, remedy)
		b.fails(test.kind, "no table can be loaded, the first: "+test.what, remedy, "full-load", "--tables", "orders")
		b.fails(failure.Tables, "1 of 1 tables failed", remedy, "cdc", "--snapshot-new")
	}
	// A load may take over a view that `ingest views` made.
	b.configure("[source]\ntables = [\"other\"]\n[load]\ncurrent = \"view\"\n")
	b.works("check")
	b.works("full-load")
}
