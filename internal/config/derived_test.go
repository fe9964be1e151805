package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// readDerived reads a configuration from a file.
func readDerived(t *testing.T, contents string, environment ...string) *Config {
	t.Helper()
	c, err := Read(Inputs{File: write(t, contents), Environment: environment})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDerived: the most specific section decides each option separately.
func TestDerived(t *testing.T) {
	orders, items := schema.TableName{Schema: "public", Name: "orders"}, schema.TableName{Schema: "Sales", Name: "OrderItems"}
	audit := schema.TableName{Schema: "public", Name: "audit_log"}
	c := readDerived(t, `
[load]
current = "view"
history_except = ["seen"]
key = ["nr"]
[tables."public.orders"]
current = "table"
history = false
history_except = []
current_name = "orders_now"
[tables."*"]
history = true
deletes = "hard"
change_data_feed = true
[tables."audit*"]
current = "none"
key = ["id", "at"]
history_name = "past_of_{table}"
`, "INGEST_LOAD_DELETES=soft")
	for _, test := range []struct {
		table schema.TableName
		want  Derived
	}{
		{orders, Derived{
			Current: CurrentTable, CurrentName: "orders_now", HistoryName: "orders_history", HistoryExcept: []string{},
			Deletes: DeletesHard, Key: []string{"nr"},
			ChangeDataFeed: true,
		}},
		{items, Derived{
			Current: CurrentView, CurrentName: "OrderItems_current", History: true, HistoryName: "OrderItems_history",
			HistoryExcept: []string{"seen"},
			Deletes:       DeletesHard, Key: []string{"nr"},
			ChangeDataFeed: true,
		}},
		{audit, Derived{
			Current: CurrentNone, CurrentName: "audit_log_current", History: true, HistoryName: "past_of_audit_log", HistoryExcept: []string{"seen"},
			Deletes: DeletesHard,
			Key:     []string{"id", "at"}, ChangeDataFeed: true,
		}},
	} {
		if diff := cmp.Diff(test.want, c.Derived(test.table)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.table, diff)
		}
	}
	t.Chdir(t.TempDir())
	bare, err := Read(Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	want := Derived{Current: CurrentNone, CurrentName: "orders_current", HistoryName: "orders_history", Deletes: DeletesSoft}
	if diff := cmp.Diff(want, bare.Derived(orders)); diff != "" {
		t.Errorf("without a configuration (-want +got):\n%s", diff)
	}
	if bare.Derived(orders).Kept() || !c.Derived(orders).Kept() || !c.Derived(audit).Kept() {
		t.Error("Kept is of tables alone")
	}
	if key := c.Derived(orders).KeyOf([]string{"id"}); key[0] != "id" {
		t.Errorf("the key is %v, and Postgres names (id)", key)
	}
}

// TestNamesOfWhatIsDerived: by default the names follow the log's name, as views did before there were
// options. {table} is the source's name, so that a mirror can have the same name.
func TestNamesOfWhatIsDerived(t *testing.T) {
	table := schema.TableName{Schema: "public", Name: "Order Items"}
	for _, test := range []struct{ contents, log, current, history string }{
		{"", "Order_Items", "Order_Items_current", "Order_Items_history"},
		{"[load]\nnaming = \"snake_case\"\n", "order_items", "order_items_current", "order_items_history"},
		{"[load]\ntable_name = \"{schema}__{table}\"\n", "public__Order_Items", "public__Order_Items_current", "public__Order_Items_history"},
		{
			"[load]\ntable_name = \"{table}_log\"\ncurrent_name = \"{table}\"\nhistory_name = \"{schema}_{table}_past\"\n",
			"Order_Items_log", "Order_Items",
			"public_Order_Items_past",
		},
		{"[load]\ntable_name = \"{table}_log\"\ncurrent_name = \"{table}\"\nnaming = \"snake_case\"\n", "order_items_log", "order_items",
			"order_items_log_history"},
		{"[tables.\"Order Items\"]\nname = \"Orders_V2\"\nnaming = \"snake_case\"\nhistory_name = \"Past\"\n", "Orders_V2",
			"Orders_V2_current", "Past"},
		{"[tables.\"*\"]\nname = \"x\"\nhistory_name = \"{table}\"\n", "x", "x_current", "Order_Items"},
	} {
		c := readDerived(t, test.contents)
		d := c.Derived(table)
		if got := [3]string{c.TargetName(table), d.CurrentName, d.HistoryName}; got != [3]string{test.log, test.current, test.history} {
			t.Errorf("%s: %q", test.contents, got)
		}
	}
	if DataName("orders_current") != "orders_current_data" {
		t.Error(DataName("orders_current"))
	}
}

// TestDerivedOptionsThatAreWrong: each is an error that gives its position and what the value must be.
func TestDerivedOptionsThatAreWrong(t *testing.T) {
	for _, test := range []struct{ contents, want string }{
		{"[load]\ncurrent = \"tables\"\n", `:2: load.current: want "none" or "view" or "table", not "tables"`},
		{"[load]\ndeletes = \"keep\"\n", `:2: load.deletes: want "soft" or "hard", not "keep"`},
		{"[load]\nhistory = \"yes\"\n", ":2: load.history: want true or false, without quotes"},
		{
			"[load]\ncurrent_name = \"current\"\n",
			`:2: load.current_name: want {table} or {log} in it, as in "{table}_current", not "current": tables would share one name`,
		},
		{"[load]\nhistory_name = \"{schema}_history\"\n", `:2: load.history_name: want {table} or {log} in it`},
		{"[load]\nhistory_name = \"{log}_of_{schema}\"\n", `:2: load.history_name: want either {log}, or {table} and {schema}, in `},
		{"[load]\ncurrent_name = \"{table}_{x}\"\n", ":2: load.current_name: want no other braces than {table}, {schema} and {log}"},
		{"[load]\ncurrent_name = \"a.{table}\"\n", ":2: load.current_name: want a name of 1 to 255 bytes without dots"},
		{"[load]\ncurrent_name = \"\"\n", ":2: load.current_name: want {table} or {log} in it"},
		{"[load]\nhistory_except = [\"a\", \"a\"]\n", `:2: load.history_except: want each column once: "a" is listed twice`},
		{"[load]\nkey = [\"\"]\n", ":2: load.key: want a name of 1 to 63 bytes"},
		{"[load]\nkey = \"id\"\n", ":2: load.key: want an array of strings"},
		{"[tables.orders]\ncurrent = \"yes\"\n", `:2: [tables."orders"] current: want "none" or "view" or "table", not "yes"`},
		{"[tables.orders]\ncurrent = true\n", `:2: [tables."orders"] current: want a string in quotes`},
		{"[tables.orders]\nhistory = 1\n", `:2: [tables."orders"] history: want true or false`},
		{"[tables.orders]\nchange_data_feed = \"on\"\n", `:2: [tables."orders"] change_data_feed: want true or false`},
		{"[tables.orders]\ndeletes = \"\"\n", `:2: [tables."orders"] deletes: want "soft" or "hard"`},
		{"[tables.orders]\ncurrent_name = \"\"\n", `:2: [tables."orders"] current_name: want a name`},
		{"[tables.orders]\ncurrent_name = \"a.b\"\n", `:2: [tables."orders"] current_name: want a name of 1 to 255 bytes without dots`},
		{"[tables.orders]\ncurrent_name = \"${x}\"\n", `:2: [tables."orders"] current_name: want {table} or {log}`},
		{"[tables.\"ord*\"]\nhistory_name = \"past\"\n", `:2: [tables."ord*"] history_name: want {table} or {log} in it`},
		{"[tables.orders]\nkey = \"id\"\n", `:2: [tables."orders"] key: want an array of strings`},
		{"[tables.orders]\nkey = [\"id\", \"id\"]\n", `:2: [tables."orders"] key: want each column once`},
		{"[tables.orders]\nhistory_exept = [\"a\"]\n", `:2: unknown key "history_exept" under [tables."orders"]; did you mean "history_except"?`},
	} {
		_, err := Read(Inputs{File: write(t, test.contents)})
		if err == nil || !strings.Contains(err.Error(), test.want) || failure.KindOf(err) != failure.Usage {
			t.Errorf("%s\ngot  %v\nwant %s", test.contents, err, test.want)
		}
	}
	_, err := Read(Inputs{File: write(t, ""), Environment: []string{"INGEST_LOAD_CURRENT=log"}})
	if err == nil || !strings.Contains(err.Error(), `INGEST_LOAD_CURRENT: want "none" or "view" or "table"`) {
		t.Error(err)
	}
}

// TestColumnsOfDerivedOptionsHaveAPlace: the columns that the options name must exist in the source,
// and a mistake gives its position.
func TestColumnsOfDerivedOptionsHaveAPlace(t *testing.T) {
	c := readDerived(t, "[load]\nhistory_except = [\n \"a\",\n \"b\",\n]\n[tables.orders]\nkey = [\"c\"]\nhistory_except = [\"d\"]\n",
		"INGEST_LOAD_KEY=e")
	got := map[string]string{}
	for _, n := range c.ColumnNames {
		_, place, _ := strings.Cut(n.Where, ".toml:")
		got[n.Column] = strings.Join([]string{n.Label, n.Option, n.Pattern.String(), place}, " ")
		if n.Column == "e" {
			got["e"] = n.Where
		}
	}
	want := map[string]string{
		"a": "[load] history_except * 3", "b": "[load] history_except * 4", "c": `[tables."orders"] key orders 7`,
		"d": `[tables."orders"] history_except orders 8`,
		"e": "INGEST_LOAD_KEY",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCheckDerived: what the configuration asks of a table but the table cannot have.
func TestCheckDerived(t *testing.T) {
	integer := schema.PostgresType{OID: schema.OIDInt4, Base: schema.OIDInt4, Name: "integer", BaseTypmod: -1}
	var columns []schema.Column
	for _, name := range []string{"id", "at", "note"} {
		columns = append(columns, schema.Column{Name: name, Postgres: integer})
	}
	own, none := []string{"id"}, []string(nil)
	const orders, all = "[tables.\"public.orders\"]\n", "[tables.\"*\"]\n"
	for _, test := range []struct {
		name, contents string
		key            []string
		want           string // in the only problem; empty: none
		remedy         string
		mistake        shape.Mistake
	}{
		{"nothing", "", none, "", "", 0},
		{"a view needs no key", orders + "current = \"view\"\n", none, "", "", 0},
		{"a table with a key", orders + "current = \"table\"\nhistory = true\nhistory_except = [\"note\"]\n", own, "", "", 0},
		{
			"a table without one", orders + "current = \"table\"\n", none, `it has no key, and current = "table" needs one`,
			`key = […] under [tables."public.orders"]`, 0,
		},
		{"for all", "[load]\ncurrent = \"table\"\n", none, `it has no key, and current = "table" needs one`, "REPLICA IDENTITY", 0},
		{"history without a key", orders + "history = true\n", none, "it has no key, and history = true needs one", "ADD PRIMARY KEY", 0},
		{"the view that remains", all + "current = \"table\"\n", none, "it has no key", `current = "view"`, 0},
		{"a key of the configuration", orders + "current = \"table\"\nkey = [\"id\", \"note\"]\n", none, "", "", 0},
		{"a key that is taken back", "[load]\nkey = [\"id\"]\n" + orders + "current = \"table\"\nkey = []\n", none,
			"it has no key", "key = […]", 0},
		{
			"a key that is not needed", orders + "key = [\"id\"]\n", own, `[tables."public.orders"] key is not needed: the table has the key (id)`,
			`remove key from [tables."public.orders"]`, 0,
		},
		{"none, where none is needed", orders + "key = []\n", own, "", "", 0},
		{"a key for the tables that need it", all + "key = [\"note\"]\n", own, "", "", 0},
		{
			"a key that is not there", orders + "key = [\"ident\"]\n", none,
			`[tables."public.orders"] key names column "ident", which it does not have`,
			"its columns are id, at, note", shape.NoColumn,
		},
		{
			"a key for all that is not there", "[load]\nkey = [\"ident\"]\nhistory = true\n", none,
			`[load] key names column "ident", which this table does not have`,
			`under [tables."public.orders"]`, 0,
		},
		{"a key for all that is not needed for anything", "[load]\nkey = [\"ident\"]\n", none, "", "", 0},
		{"a key that is excluded", orders + "key = [\"note\"]\nexclude_columns = [\"note\"]\n", none,
			`key names column "note", which is excluded`, "hmac-sha256",
			0},
		{
			"a key with one value", orders + "key = [\"note\"]\nmask = { note = { fixed = \"x\" } }\n", none,
			`key names column "note", which has the mask "fixed"`,
			"hmac-sha256", 0,
		},
		{
			"a key without a value", orders + "key = [\"note\"]\nmask = { note = \"null\" }\n", none,
			`key names column "note", which has the mask "null"`,
			"hmac-sha256", 0,
		},
		{"a key under HMAC", orders + "key = [\"note\"]\nmask = { note = \"hmac-sha256\" }\n", none, "", "", 0},
		{
			"a key that may be NULL", orders + "key = [\"at\"]\n", none, `key names column "at", which may be NULL`,
			`ALTER TABLE "public"."orders" ALTER COLUMN "at" SET NOT NULL;`, 0,
		},
		{
			"an exception that is not there", orders + "history_except = [\"not\"]\n", own,
			`[tables."public.orders"] history_except names column "not", which it does not have`, "its columns are", shape.NoColumn,
		},
		{"an exception for those that have it", all + "history = true\nhistory_except = [\"not\"]\n", own, "", "", 0},
		{
			"an exception of the key", "[load]\nhistory = true\nhistory_except = [\"id\"]\n", own,
			`[load] history_except names column "id", which belongs to the key`,
			`history_except under [tables."public.orders"]`, 0,
		},
		{
			"… of the key of the configuration", orders + "key = [\"note\"]\nhistory_except = [\"note\"]\nhistory = true\n", none,
			`history_except names column "note", which belongs to the key`, "", 0,
		},
		{
			"an exception that is excluded", orders + "history_except = [\"note\"]\nexclude_columns = [\"note\"]\n", own,
			`history_except names column "note", which is excluded`, "exclude_columns", 0,
		},
	} {
		c := readDerived(t, test.contents)
		got := c.CheckDerived(DerivedSource{
			Table: schema.TableName{Schema: "public", Name: "orders"}, Columns: columns, Key: test.key, Nullable: []string{"at"},
		})
		switch {
		case test.want == "" && len(got) > 0:
			t.Errorf("%s: %v", test.name, got)
		case test.want != "" &&
			(len(got) != 1 || !strings.Contains(got[0].What, test.want) || got[0].Why == "" || !strings.Contains(got[0].Remedy, test.remedy) ||
				got[0].Mistake != test.mistake):
			t.Errorf("%s: %+v, want %q and %q", test.name, got, test.want, test.remedy)
		}
	}
}
