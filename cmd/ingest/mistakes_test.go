//go:build cgo && unix

package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// mistake is a row of the table: what a person did wrong, the command, and what it answers.
type mistake struct {
	name string
	// set changes the bench before the command. Variables that it sets hold for this row only.
	set  func(b *bench)
	args string // of the command line, separated by spaces
	code failure.Kind
	// text and hint are parts of the error and of its hint. $slot, $dir, $db and $warehouse stand for the bench's own.
	text, hint string
	// stdout is a part of the result.
	stdout string
}

// with sets variables for a row.
func with(pairs ...string) func(*bench) {
	return func(b *bench) {
		for i := 0; i < len(pairs); i += 2 {
			b.env[pairs[i]] = b.expand(pairs[i+1])
		}
	}
}

// without removes variables for a row.
func without(names ...string) func(*bench) {
	return func(b *bench) {
		for _, name := range names {
			delete(b.env, name)
		}
	}
}

func (b *bench) expand(s string) string {
	slot, _ := b.left()
	return strings.NewReplacer("$slot", slot, "$dir", b.dir, "$db", b.database(), "$warehouse", b.server.WarehouseID()).Replace(s)
}

// try runs the rows in their order.
func (b *bench) try(t *testing.T, rows []mistake) {
	for _, m := range rows {
		t.Run(m.name, func(t *testing.T) {
			b.t = t
			before := maps.Clone(b.env)
			defer func() { b.env = before }()
			if m.set != nil {
				m.set(b)
			}
			var stdout string
			if text, hint := b.expand(m.text), b.expand(m.hint); m.code == 0 {
				stdout, _ = b.works(strings.Fields(m.args)...)
			} else {
				stdout, _ = b.fails(m.code, text, hint, strings.Fields(m.args)...)
			}
			if !strings.Contains(stdout, b.expand(m.stdout)) {
				t.Errorf("%q lacks %q", stdout, m.stdout)
			}
		})
	}
}

const nothingLoaded = "nothing was loaded yet: /Volumes/" + benchCatalog + "/bronze/ingest/default has no ledger"

// beforeTheFirstLoad are mistakes on a new machine. None of them makes anything at either end.
var beforeTheFirstLoad = []mistake{
	{"an sslmode that is misspelt", with("INGEST_SOURCE_URL", "postgres://u@h/db?sslmode=requires"), "cdc", failure.Usage,
		"its sslmode is not valid: want disable, allow, prefer, require, verify-ca, verify-full", "did you mean sslmode=require?", ""},
	{"a certificate that is not there", with("INGEST_SOURCE_URL", "postgres://u@h/db?sslmode=verify-ca&sslrootcert=/nowhere.pem"), "cdc",
		failure.Usage, "/nowhere.pem: no such file", "name a file that exists", ""},
	{"a parameter that is misspelt", with("INGEST_SOURCE_URL", "postgres://u@h/db?ssl_mode=disable"), "cdc", failure.Usage,
		`is not known; did you mean "sslmode"?`, "the parameters are libpq's: ", ""},
	{"a role without LOGIN", func(b *bench) { b.exec("ALTER ROLE " + b.role("") + " NOLOGIN") }, "cdc", failure.Source,
		"is not permitted to log in", "let the role sign in: ALTER ROLE ", ""},
	{"a profile, and no file of profiles", func(b *bench) {
		b.signIn("", "")
		without("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_FILE")(b)
		b.env["DATABRICKS_CONFIG_PROFILE"], b.env["DATABRICKS_CONFIG_FILE"] = "prod", filepath.Join(b.files, "none")
	}, "cdc", failure.Usage, `profile "prod" is named, and there is no file `, "`databricks auth login --profile prod", ""},
	{"a secret scope that is missing", func(b *bench) {
		delete(b.env, "INGEST_SOURCE_URL")
		b.env["INGEST_SOURCE_URL_SECRET"] = "nope/pg"
	}, "cdc", failure.Destination, "read secret nope/pg: ", "databricks secrets create-scope nope`", ""},
	{"a standby that does not answer", with("INGEST_SOURCE_STANDBY", "127.0.0.1:1"), "full-load", failure.Source,
		"source.standby: connect to 127.0.0.1:1/$db", "check host and port (source.standby)", ""},
	{"a standby that is none", func(b *bench) { b.env["INGEST_SOURCE_STANDBY"] = b.address() }, "full-load", failure.Source,
		"is not a standby", "leave source.standby out", ""},
	{"a warehouse that does not exist", with("INGEST_WAREHOUSE", "ffff"), "full-load", failure.Destination,
		`find SQL warehouse "ffff": there is none of this id or name that you may use`, "use one of: $warehouse", ""},
	{"cdc before the first load", nil, "cdc", failure.Conflict, nothingLoaded, "run `ingest full-load` first", ""},
	{"load before the first load", nil, "load", failure.Conflict, nothingLoaded, "run `ingest full-load` first", ""},
	{"verify before the first load", nil, "verify", failure.Conflict, nothingLoaded, "run `ingest full-load` first", ""},
	{"status before the first load, as a check", nil, "status --exit-code", failure.Conflict, "nothing was loaded yet",
		"ingest full-load", ""},
	{"a table before the first load", nil, "sql SELECT*FROM`a`", failure.Destination, "TABLE_OR_VIEW_NOT_FOUND",
		"`ingest full-load` creates missing ones, and their schema", ""},
	{"drop before the first load", nil, "drop --yes", failure.Conflict, "there is no pipeline to drop",
		"check --catalog, --schema and --pipeline", ""},
	{"a flag that is misspelt", nil, "full-load --table a", failure.Usage, "unknown flag: --table", "did you mean --tables?", ""},
	{"a command that is misspelt", nil, "stauts", failure.Usage, `unknown command "stauts"`, "did you mean `ingest status`?", ""},
	{"--version", nil, "--version", 0, "", "", "ingest "},
	{"a directory of a local workspace that is misspelt", with("INGEST_LOCAL", "$dirr"), "cdc", failure.Usage,
		"there is no local workspace in $dirr", "did you mean --local $dir?", ""},
	{"a catalog of a local workspace that is misspelt", with("INGEST_LOCAL", "$dir", "INGEST_CATALOG", "dev_chinook_lakehous"), "status",
		failure.Usage, "has no catalog dev_chinook_lakehous; it has dev_chinook_lakehouse", "did you mean --catalog dev_chinook_lakehouse?", ""},
	{"a local workspace that another process serves", with("INGEST_LOCAL", "$dir"), "status", failure.Destination,
		"$dir is served by another process (pid ", "`ingest workspace --dir '$dir' > workspace.env`", ""},
	{"wrong arguments, as JSON", nil, "cdc --nonsense -o json", failure.Usage, "unknown flag", "--help", `"exit_code": 64`},
	{"a statement that fails, as JSON", nil, "sql nonsense -o json", failure.Destination, "", "", `"error": `},
}

// afterTheFirstLoad are mistakes with a pipeline that has loaded.
var afterTheFirstLoad = []mistake{
	{"a mask without a key", func(b *bench) { b.configure("[tables.\"public.a\".mask]\nv = \"hmac-sha256\"\n") }, "full-load", failure.Usage,
		`column "v" has the mask hmac-sha256, but there is no key`, "export INGEST_MASK_KEY", ""},
	{"a mask of a missing column", func(b *bench) { b.configure("[tables.\"public.a\".mask]\nnope = \"null\"\n") }, "full-load", failure.Usage,
		`ingest.toml:2: [tables."public.a"] mask names column "nope", which it does not have`, "its columns are id, v", ""},
	{"a publication that was renamed in the configuration", with("INGEST_SOURCE_PUBLICATION", "other"), "cdc", failure.Conflict,
		`the ledger belongs to publication "ingest_`, `set source.publication to "ingest_`, ""},
	{"a table that another tool made", func(b *bench) {
		b.exec("CREATE TABLE theirs (id int PRIMARY KEY)")
		b.works("sql", "CREATE TABLE bronze.theirs (i INT)")
	}, "full-load --tables theirs", failure.Conflict, "theirs is not this pipeline's: it has no property ingest.ledger",
		"if it can be dropped: ingest sql 'DROP TABLE ", ""},
	{"the same beside a good table", nil, "full-load --tables theirs,a", failure.Tables, "1 of 2 tables failed, the first: ",
		"if it can be dropped: ingest sql 'DROP TABLE ", "public.a"},
	{"a plan begins with what it does", nil, "plan", failure.Tables, "", "", "`ingest cdc --snapshot-new` would do this (nothing was done): "},
	{"status with a lost ledger", (*bench).ledgerLost, "status --exit-code", failure.Conflict, "the ledger is lost: /Volumes/",
		"put the directory back from a backup of the Volume", "slot $slot"},
	{"cdc with a lost ledger", nil, "cdc", failure.Conflict, "but slot $slot, whose name is this pipeline's, exists",
		"`ingest full-load --repair`", ""},
	{"verify with a lost ledger", nil, "verify", failure.Conflict, "but slot $slot, whose name is this pipeline's, exists",
		"`ingest full-load --repair`", ""},
	{"drop with a lost ledger", nil, "drop --yes", failure.Conflict, "slot $slot, which keeps ", "`ingest drop --yes --without-ledger`", ""},
	{"that drop", nil, "drop --yes --without-ledger", 0, "", "", "dropped slot ingest_"},
	{"a second drop", func(b *bench) {
		b.env["INGEST_PIPELINE"], b.env["INGEST_SCHEMA"] = "twice", "twice"
		b.works("full-load", "--tables", "a", "--stage-only")
	},
		"drop --yes", 0, "", "", "dropped slot ingest_twice_"},
	{"a third drop", with("INGEST_PIPELINE", "twice", "INGEST_SCHEMA", "twice"), "drop --yes", 0, "", "",
		"nothing to drop: the pipeline was dropped before, and its slot and publications are gone"},
}

// address is the source's host and port.
func (b *bench) address() string {
	c := b.admin.Config()
	return c.Host + ":" + itoa(uint32(c.Port))
}

// TestMistakesBeforeTheFirstLoad holds what a person reads after a mistake: the message, its hint and the exit code.
func TestMistakesBeforeTheFirstLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)")
	b.try(t, beforeTheFirstLoad)
	b.t = t
	if stdout, _ := b.works("status"); !strings.HasPrefix(stdout, nothingLoaded) {
		t.Errorf("status: %s", stdout)
	}
	b.finds(0, finding.Note, "slot", "does not exist yet; the first full load makes it", "")
	b.works("sql", "SELECT 1") // a session may open in a schema that is to be made
	b.nothingMade()
	_, stderr := b.works("full-load", "--log-format", "text") // which prints what it makes
	for _, made := range []string{"schema " + benchCatalog + ".bronze", "volume " + benchCatalog + ".bronze.ingest"} {
		if !strings.Contains(stderr, `msg="made what was missing"`) || !strings.Contains(stderr, `object="`+made+`"`) {
			t.Errorf("nothing about %s in %s", made, stderr)
		}
	}
	b.works("cdc")
	b.works("status", "--exit-code")
}

// TestMistakesAfterTheFirstLoad is the same with a pipeline.
func TestMistakesAfterTheFirstLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1, 'x')")
	b.works("full-load")
	b.try(t, afterTheFirstLoad)
	b.t = t
}

// TestAnotherRunHoldsThePipeline: the message names the run and the statement that ends its session.
func TestAnotherRunHoldsThePipeline(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load")
	slot, _ := b.left()
	source, err := postgres.Open(t.Context(), postgres.Options{URL: b.url, Run: "another"})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := source.TakeLock(t.Context(), "reading the slot", postgres.LockKey("stage", slot))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	_, stderr := b.fails(failure.Conflict, "another run holds the pipeline for reading the slot: ", "SELECT pg_terminate_backend(", "cdc")
	_, pid, _ := strings.Cut(stderr, "(pid ")
	pid, _, _ = strings.Cut(pid, ",")
	if !strings.Contains(stderr, "SELECT pg_terminate_backend("+pid+");") {
		t.Errorf("the hint does not name pid %q: %s", pid, stderr)
	}
}

// TestHomeIsNotSet: the message says so, and nothing of the SDK's own text.
func TestHomeIsNotSet(t *testing.T) {
	b := newBench(t, nil)
	t.Setenv("HOME", "")
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_FILE"} {
		delete(b.env, name)
	}
	b.env["DATABRICKS_CONFIG_PROFILE"] = "prod"
	b.fails(failure.Usage, "read Databricks sign-in settings: HOME is not set, so ~/.databrickscfg cannot be found", "export HOME", "cdc")
}
