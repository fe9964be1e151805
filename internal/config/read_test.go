package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// write writes a configuration file into its own directory.
func write(t *testing.T, contents string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ingest.toml")
	if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	const file = "[destination]\ncatalog = \"of_file\"\nhost = \"https://of.file\"\n"
	tests := []struct {
		name        string
		environment []string
		flags       []Flag
		catalog     string
		host        string
	}{
		{"file over default", nil, nil, "of_file", "https://of.file"},
		{"environment over file", []string{"INGEST_CATALOG=of_env", "INGEST_HOST=of.env"}, nil, "of_env", "of.env"},
		{"standard name over file", []string{"DATABRICKS_HOST=https://of.sdk"}, nil, "of_file", "https://of.sdk"},
		{"our name over standard name", []string{"DATABRICKS_HOST=https://of.sdk", "INGEST_HOST=https://of.env"}, nil,
			"of_file", "https://of.env"},
		{"an empty variable is not set", []string{"INGEST_CATALOG=", "DATABRICKS_HOST="}, nil, "of_file", "https://of.file"},
		{"flag over environment", []string{"INGEST_CATALOG=of_env"}, []Flag{{"--catalog", "destination.catalog", "of_flag"}},
			"of_flag", "https://of.file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Read(Inputs{File: write(t, file), Environment: test.environment, Flags: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			if c.Destination.Catalog != test.catalog || c.Destination.Host != test.host {
				t.Errorf("catalog %q, host %q; want %q, %q", c.Destination.Catalog, c.Destination.Host, test.catalog, test.host)
			}
		})
	}
}

func TestFileIsFound(t *testing.T) {
	named := write(t, "[pipeline]\nname = \"named\"\n")
	t.Chdir(t.TempDir())
	check := func(what string, in Inputs, pipeline, file string) {
		t.Helper()
		c, err := Read(in)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if c.Pipeline != pipeline || c.File != file {
			t.Errorf("%s: pipeline %q of file %q, want %q of %q", what, c.Pipeline, c.File, pipeline, file)
		}
	}
	check("no file at all", Inputs{}, "default", "")
	check("INGEST_CONFIG", Inputs{Environment: []string{"INGEST_CONFIG=" + named}}, "named", named)
	if err := os.WriteFile("ingest.toml", []byte("[pipeline]\nname = \"here\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("the working directory", Inputs{}, "here", "ingest.toml")
	check("--config before INGEST_CONFIG", Inputs{File: named, Environment: []string{"INGEST_CONFIG=nowhere.toml"}}, "named", named)

	for _, in := range []Inputs{{File: "nowhere.toml"}, {Environment: []string{"INGEST_CONFIG=nowhere.toml"}}} {
		if _, err := Read(in); err == nil || !strings.Contains(err.Error(), "nowhere.toml: no such file") {
			t.Errorf("Read(%+v) = %v, want an error that names the file", in, err)
		}
	}
}

func TestEveryKindFromEveryOrigin(t *testing.T) {
	fromFile := `
[source]
url = "postgres://u:p@h/d"
schemas = ["a", "b"]
tables = ['"odd,name"', "a.x_*"]
jobs = 7
lock_timeout = "1m30s"
peek_max_wal = "2GiB"
logical_decoding_work_mem = 134217728
[load]
table_name = "{schema}__{table}"
`
	environment := []string{
		"INGEST_SOURCE_URL=postgres://u:p@h/d",
		"INGEST_SOURCE_SCHEMAS=a, b,",
		`INGEST_SOURCE_TABLES="odd,name",a.x_*`,
		"INGEST_SOURCE_JOBS=7",
		"INGEST_SOURCE_LOCK_TIMEOUT=90s",
		"INGEST_SOURCE_PEEK_MAX_WAL=2147483648",
		"INGEST_SOURCE_LOGICAL_DECODING_WORK_MEM=128mib",
		"INGEST_LOAD_TABLE_NAME={schema}__{table}",
	}
	want := Default()
	odd, _ := ParsePattern(`"odd,name"`)
	x, _ := ParsePattern("a.x_*")
	want.Source.URL = "postgres://u:p@h/d"
	want.Source.Schemas = []string{"a", "b"}
	want.Source.Tables = []Pattern{odd, x}
	want.Source.Jobs = 7
	want.Source.LockTimeout = 90 * time.Second
	want.Source.PeekMaxWAL = 2 << 30
	want.Source.LogicalDecodingWorkMem = 128 << 20
	want.Load.TableName = "{schema}__{table}"

	t.Chdir(t.TempDir())
	for name, in := range map[string]Inputs{
		"file":        {File: write(t, fromFile)},
		"environment": {Environment: environment},
	} {
		got, err := Read(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Pattern{}), cmpopts.IgnoreFields(Config{}, "File", "Names")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMistakesNameLineAndKey(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{"misspelt key", "[destination]\n\ncatlog = \"x\"\n", `:3: unknown key "catlog" under [destination]; did you mean "catalog"?`},
		{"swapped letters", "[destination]\ncatalgo = \"x\"\n", `:2: unknown key "catalgo" under [destination]; did you mean "catalog"?`},
		{"key of another section", "[source]\ncatalog = \"x\"\n", `:2: unknown key "catalog" under [source]; it belongs under [destination]`},
		{"misspelt key of another section", "[source]\nwarehose = \"x\"\n",
			`:2: unknown key "warehose" under [source]; did you mean "warehouse" under [destination]?`},
		{"nothing near", "[load]\nxyzzy = 1\n",
			`:2: unknown key "xyzzy" under [load]; its keys are interval, jobs, table_name, column_comments, control_table, reload, naming, json`},
		{"case matters", "[source]\nURL = \"x\"\n", `:2: unknown key "URL" under [source]`},
		{"misspelt section", "[sources]\nurl = \"x\"\n", ":1: unknown section [sources]; did you mean [source]?"},
		{"implied section", "\n[table.\"public.orders\"]\nmask = 1\n", ":2: unknown section [table]; did you mean [tables]?"},
		{"tables as a value", "tables = 3\n", `:1: tables: want sections such as [tables."public.orders"]`},
		{"options of a bad name", "[tables.\"a.b.c\"]\nname = \"x\"\n", `:1: [tables."a.b.c"]: table name "a.b.c": want schema.table`},
		{"name without quotes", "[tables.public.orders]\nname = \"x\"\n",
			`:1: unknown key "orders" under [tables."public"]; a name with a dot needs quotes`},
		{"misspelt option", "[tables.orders]\n\nmaks = { a = \"null\" }\n",
			`:3: unknown key "maks" under [tables."orders"]; did you mean "mask"?`},
		{"no option", "[tables.orders]\nxyzzyx = 1\n", "its keys are name, exclude_columns, rename, type, mask, json, naming"},
		{"mask of another kind", "[tables.orders]\nmask = { email = \"md5\" }\n",
			`:2: [tables."orders"] mask of column "email": want "hmac-sha256", "null" or { fixed = "…" }`},
		{"mask with too much", "[tables.orders.mask]\nemail = { fixed = \"x\", key = \"y\" }\n",
			`:2: [tables."orders"] mask of column "email": want "hmac-sha256"`},
		{"mask for all", "[tables.orders]\nmask = \"null\"\n", `:2: [tables."orders"] mask: want columns with a value each`},
		{"type that is none", "[tables.orders]\ntype = { price = \"MONEY\" }\n",
			`:2: [tables."orders"] type of column "price": type "MONEY": want BOOLEAN`},
		{"type as a number", "[tables.orders]\ntype = { price = 1 }\n",
			`:2: [tables."orders"] type of column "price": want a type of Databricks in quotes`},
		{"rename to nothing", "[tables.orders]\nrename = { a = \"\" }\n",
			`:2: [tables."orders"] rename of column "a": want a name of 1 to 255 bytes`},
		{"target with a dot", "[tables.orders]\nname = \"a.b\"\n", `:2: [tables."orders"] name: want a name of 1 to 255 bytes`},
		{"one column excluded", "[tables.orders]\nexclude_columns = \"a\"\n", `:2: [tables."orders"] exclude_columns: want an array of strings`},
		{"naming of another kind", "[load]\nnaming = \"camelCase\"\n", `:2: load.naming: want "keep" or "snake_case", not "camelCase"`},
		{"json of a table", "[tables.orders]\njson = \"struct\"\n", `:2: [tables."orders"] json: want "string" or "variant", not "struct"`},
		{"key that is too short", "[mask]\nkey = \"hunter2\"\n", ":2: mask.key: want a key of 16 bytes at least"},
		{"both keys", "[mask]\nkey = \"hunter2hunter2hunter2\"\nkey_secret = \"a/b\"\n", "mask.key and mask.key_secret are both set ("},
		{"failover slot on a standby", "[source]\nfailover = true\nstandby = \"replica\"\n",
			"ingest.toml:3): a slot on a standby cannot be a failover slot"},
		{"key without a section", "catalog = \"x\"\n", `:1: unknown key "catalog" outside of a section; it belongs under [destination]`},
		{"section as a value", "source = 3\n", ":1: source: want a section, [source], not a value"},
		{"array of tables", "[[source]]\njobs = 1\n", ":1: source: want a section"},
		{"table under a key", "[source.url]\nx = 1\n", ":1: source.url: want a string in quotes"},
		{"number for text", "[destination]\nwarehouse = 12\n", ":2: destination.warehouse: want a string in quotes"},
		{"text for a number", "[load]\njobs = \"8\"\n", ":2: load.jobs: want a whole number without quotes"},
		{"number out of range", "[load]\njobs = 0\n", ":2: load.jobs: want a whole number from 1 to 256, not 0"},
		{"text for a list", "[source]\nschemas = \"public\"\n", ":2: source.schemas: want an array of strings"},
		{"number in a list", "[source]\nschemas = [\"a\",\n 1]\n", ":2: source.schemas: want an array of strings"},
		{"no schema", "[source]\nschemas = []\n", ":2: source.schemas: want at least one schema"},
		{"system schema", "[source]\nschemas = [\"pg_catalog\"]\n", `:2: source.schemas: "pg_catalog" is one of Postgres's own schemas`},
		{"bad pattern", "[source]\nexclude = [\"a.b.c\"]\n", `:2: source.exclude: table name "a.b.c": want schema.table`},
		{"number for a duration", "[source]\nlock_timeout = 10\n", `:2: source.lock_timeout: want a duration with its unit`},
		{"text for a boolean", "[source]\nfailover = \"yes\"\n", ":2: source.failover: want true or false, without quotes"},
		{"duration without a unit", "[source]\nlock_timeout = \"10\"\n", `:2: source.lock_timeout: want a duration with its unit`},
		{"negative duration", "[source]\nlock_timeout = \"-5s\"\n", ":2: source.lock_timeout: want at least 1ms, not -5s"},
		{"bad unit", "[staging]\nmemory = \"1 parsec\"\n", `:2: staging.memory: want a size such as "256MB"`},
		{"negative size", "[staging]\nmemory = -1\n", ":2: staging.memory: want a size such as"},
		{"size too small", "[staging]\nmemory = \"10\"\n", ":2: staging.memory: want at least 1MiB, not 10"},
		{"size too large", "[staging]\nmemory = \"99999EB\"\n", ":2: staging.memory: want a size such as"},
		{"pipeline's name", "[pipeline]\nname = \"../x\"\n", ":2: pipeline.name: want at most 40 lower-case letters"},
		{"empty name", "[pipeline]\nname = \"\"\n", ":2: pipeline.name: want at most 40 lower-case letters"},
		{"slot's name", "[source]\nslot = \"My-Slot\"\n", ":2: source.slot: want at most 63 lower-case letters"},
		{"catalog with a dot", "[destination]\ncatalog = \"a.b\"\n", ":2: destination.catalog: want a name"},
		{"catalog with a variable", "[destination]\ncatalog = \"a${x}\"\n", ":2: destination.catalog: want a name without ${…}"},
		{"schema with a variable", "[destination]\nschema = \"${env:HOME}\"\n", ":2: destination.schema: want a name without ${…}"},
		{"volume with a variable", "[destination]\nvolume = \"${}\"\n", ":2: destination.volume: want a name without ${…}"},
		{"pipeline with a variable", "[pipeline]\nname = \"${x}\"\n", ":2: pipeline.name: want at most 40 lower-case letters"},
		{"table with a variable", "[tables.orders]\nname = \"a${x}\"\n", `:2: [tables."orders"] name: want a name without ${…}`},
		{"column with a variable", "[tables.orders]\nrename = { a = \"${x}\" }\n",
			`:2: [tables."orders"] rename of column "a": want a name without ${…}`},
		{"host with a password", "[destination]\nhost = \"https://me:hunter2@x\"\n", ":2: destination.host: want the workspace's address"},
		{"secret without a key", "[source]\nurl_secret = \"scope\"\n", `:2: source.url_secret: want "scope/key"`},
		{"table name without the table", "[load]\ntable_name = \"t\"\n", `:2: load.table_name: want {table} in it`},
		{"unknown brace", "[load]\ntable_name = \"{table}{db}\"\n", ":2: load.table_name: want no other braces"},
		{"url of another database", "[source]\nurl = \"mysql://u:hunter2@h/d\"\n", `:2: source.url: want a URL that begins with "postgres://"`},
		{"url that cannot be parsed", "[source]\nurl = \"postgres://u:hunter2%@h/d\"\n",
			":2: source.url: the URL cannot be parsed; percent-encode"},
		{"no TOML", "[source]\nurl = postgres://u:hunter2@h\n", ":2: "},
		{"key twice", "[load]\njobs = 1\njobs = 2\n", ":3: "},
		{"both ways to say where", "[source]\nurl = \"postgres://h\"\nurl_secret = \"a/b\"\n", "source.url and source.url_secret are both set ("},
		{"Databricks and local", "[destination]\nlocal = \"x\"\nhost = \"h\"\n", "destination.local and destination.host are both set ("},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file)
			_, err := Read(Inputs{File: path})
			if err == nil {
				t.Fatal("no error")
			}
			if got := failure.KindOf(err); got != failure.Usage {
				t.Errorf("kind %d, want %d", got, failure.Usage)
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got  %v\nwant %s", err, path+test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestOptionsOfTables(t *testing.T) {
	c, err := Read(Inputs{File: write(t, `
[tables."public.orders"]
name = "orders_v2"
exclude_columns = ["card_number"]
type = { price = "decimal(38, 18)" }
[tables."public.orders".mask]
email = "hmac-sha256"
phone = { fixed = "***" }
[tables."*"]
mask = { phone = "null", iban = "null" }
json = "variant"
naming = "snake_case"
[tables.orders]
naming = "keep"
rename = { "From" = "sender" }
exclude_columns = ["junk"]
`), Environment: []string{"INGEST_LOAD_TABLE_NAME={schema}_{table}"}})
	if err != nil {
		t.Fatal(err)
	}
	orders, items := schema.TableName{Schema: "public", Name: "orders"}, schema.TableName{Schema: "Sales", Name: "OrderItems"}
	text := schema.PostgresType{Base: schema.OIDText}
	column := func(table schema.TableName, name string, typ schema.PostgresType) schema.Column {
		return c.Shape.Of(table).Column(schema.Column{Name: name, Postgres: typ})
	}
	fixed, null := schema.Mask{Kind: schema.MaskFixed, Fixed: "***"}, schema.Mask{Kind: schema.MaskNull}
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"the table's own name", c.TargetName(orders), "orders_v2"},
		{"a name by the pattern and in snake case", c.TargetName(items), "sales_order_items"},
		{"excluded by either section", c.Shape.Of(orders).Excluded([]schema.Column{{Name: "id"}, {Name: "card_number"}, {Name: "junk"}}),
			[]string{"card_number", "junk"}},
		{"kept elsewhere", c.Shape.Of(items).Keeps("card_number"), true},
		{"the table's mask before the pattern's", column(orders, "phone", text).Mask, &fixed},
		{"the pattern's mask", column(orders, "iban", text).Mask, &null},
		{"the pattern's mask elsewhere", column(items, "phone", text).Mask, &null},
		{"a masked column's type", column(orders, "email", schema.PostgresType{Base: schema.OIDInt4}).Type.String(), "STRING"},
		{"a type", column(orders, "price", schema.PostgresType{Base: schema.OIDNumeric, BaseTypmod: -1}).Type.String(), "DECIMAL(38,18)"},
		{"json", column(orders, "doc", schema.PostgresType{Base: schema.OIDJSONB}).Type.String(), "VARIANT"},
		{"a rename", column(orders, "From", text).Target(), "sender"},
		{"naming kept by name", column(orders, "ShipTo", text).Target(), "ShipTo"},
		{"naming by the pattern", column(items, "ShipTo", text).Target(), "ship_to"},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

func TestMaskKeyIsNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Read(Inputs{Environment: []string{"INGEST_MASK_KEY=hunter2hunter2hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Mask.Key.Reveal() != "hunter2hunter2hunter2" {
		t.Errorf("the key is %q", c.Mask.Key.Reveal())
	}
	marshalled, err := json.Marshal(c.Mask)
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{c.String(), c.LogValue().String(), fmt.Sprintf("%v %+v %#v", c.Mask, c.Mask, c.Mask), string(marshalled)} {
		if strings.Contains(said, "hunter2") || !strings.Contains(said, redacted) {
			t.Errorf("%s", said)
		}
	}
}

func TestAllMistakesAreNamedInOrder(t *testing.T) {
	path := write(t, "[source]\nurll = \"x\"\njobs = 65\n[destination]\ncatalgo = \"y\"\n")
	_, err := Read(Inputs{File: path})
	if err == nil {
		t.Fatal("no error")
	}
	want := strings.ReplaceAll(`3 mistakes in the configuration
  @:2: unknown key "urll" under [source]; did you mean "url"?
  @:3: source.jobs: want a whole number from 0 to 64, not 65
  @:5: unknown key "catalgo" under [destination]; did you mean "catalog"?`, "@", path)
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakesOutsideTheFileNameTheirOrigin(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		in   Inputs
		want string
	}{
		{Inputs{Environment: []string{"INGEST_LOAD_JOBS=many"}}, `INGEST_LOAD_JOBS: want a whole number, not "many"`},
		{Inputs{Environment: []string{"INGEST_LOAD_JOBS=99999999999999999999"}}, "INGEST_LOAD_JOBS: want a whole number from 1 to 256"},
		{Inputs{Environment: []string{"DATABRICKS_HOST=::"}}, "DATABRICKS_HOST: want the workspace's address"},
		{Inputs{Flags: []Flag{{"--catalog", "destination.catalog", "a b"}}}, "--catalog: want a name"},
	} {
		_, err := Read(test.in)
		if err == nil || !strings.Contains(err.Error(), test.want) || failure.KindOf(err) != failure.Usage {
			t.Errorf("got %v, want a usage error with %s", err, test.want)
		}
	}
}

func TestUnknownVariableIsAWarning(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Read(Inputs{Environment: []string{"INGEST_CATALGO=x", "INGEST_CONFIG=", "INGEST_TEST_X=1", "OTHER=1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the variable INGEST_CATALGO is not known and is ignored; did you mean INGEST_CATALOG?"}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHigherOriginDecides(t *testing.T) {
	t.Chdir(t.TempDir())
	secret := write(t, "[source]\nurl_secret = \"a/b\"\n[destination]\nlocal = \"./l\"\n")
	c, err := Read(Inputs{File: secret, Environment: []string{"INGEST_SOURCE_URL=postgres://h/d", "DATABRICKS_HOST=https://h"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Source.URL != "postgres://h/d" || c.Source.URLSecret != "" {
		t.Errorf("url %v, secret %q: the variable did not win", c.Source.URL, c.Source.URLSecret)
	}
	if c.Destination.Local != "./l" || c.Destination.Host != "" {
		t.Errorf("local %q, host %q: DATABRICKS_HOST beat the local workspace", c.Destination.Local, c.Destination.Host)
	}
	c, err = Read(Inputs{File: secret, Environment: []string{"INGEST_HOST=https://h"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Destination.Local != "" || c.Destination.Host != "https://h" {
		t.Errorf("local %q, host %q: INGEST_HOST did not win over the file", c.Destination.Local, c.Destination.Host)
	}
}

func TestNeeds(t *testing.T) {
	t.Chdir(t.TempDir())
	bare, err := Read(Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	for name, need := range map[string]func() error{
		"source": bare.NeedSource, "destination": bare.NeedDestination,
	} {
		err := need()
		if failure.KindOf(err) != failure.Usage || failure.HintOf(err) == "" {
			t.Errorf("%s: got %v with hint %q, want a usage error with a hint", name, err, failure.HintOf(err))
		}
	}
	full, err := Read(Inputs{Environment: []string{"PGHOST=h", "INGEST_CATALOG=c"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, need := range map[string]func() error{
		"source": full.NeedSource, "destination": full.NeedDestination,
	} {
		if err := need(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
