//go:build cgo && unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
)

// initTables are tables of several kinds, which belong to a role of their own.
var initTables = []string{
	"CREATE TABLE orders (id int PRIMARY KEY)", "CREATE TABLE audit (at int)",
	"CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)", "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (1000)",
	"CREATE SCHEMA sales", "CREATE TABLE sales.invoice (id int PRIMARY KEY)", `CREATE TABLE sales."Odd Name" (id int PRIMARY KEY)`,
	"CREATE VIEW seen AS SELECT 1 AS n", "INSERT INTO orders VALUES (1), (2)",
}

// init runs init for a file of its own, and returns its result.
func (b *bench) init(file string, args ...string) initialized {
	b.t.Helper()
	stdout, _ := b.works(append([]string{"init", "-o", "json", "--config", file}, args...)...)
	var r initialized
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	return r
}

// asRole points the source at a role with the password that a person would give it.
func (b *bench) asRole(role string) {
	b.t.Helper()
	const password = "hunter2SECRET"
	b.exec("ALTER ROLE " + pgx.Identifier{role}.Sanitize() + " PASSWORD '" + password + "'")
	b.secrets = append(b.secrets, password)
	b.env["INGEST_SOURCE_URL"] = b.withUser(role, password)
}

// What init prints is what is missing: run as it is, check is green, the pipeline works, and init then
// prints nothing.
func TestInitPrintsWhatTheSourceLacks(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	role := `In"it ` + b.database()
	const tables = "orders, audit, public.p*, sales.*"
	first := b.init("a.toml", "--role", role, "--tables", tables)
	if first.RoleExists || len(first.SQL) != 5 || len(first.Tables) != 5 {
		t.Errorf("%+v", first)
	}
	t.Cleanup(func() { b.dropRole(role) })
	b.exec(first.SQL...)
	if second := b.init("b.toml", "--role", role, "--tables", tables); len(second.SQL) != 0 || !second.RoleExists {
		t.Errorf("what was run is printed again: %q", second.SQL)
	}
	b.asRole(role)
	b.works("check", "--config", "a.toml")
	b.works("full-load", "--config", "a.toml")
	b.exec("INSERT INTO orders VALUES (3)", "INSERT INTO audit VALUES (1)", "DELETE FROM sales.invoice")
	b.works("cdc", "--config", "a.toml")
	b.works("verify", "--full", "--config", "a.toml")
	b.works("drop", "--yes", "--config", "a.toml")
}

// What exists or is granted is not printed, for exactly the chosen tables.
func TestInitPrintsNoMore(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	name := "init_" + b.database()
	role := `"` + name + `"`
	t.Cleanup(func() { b.dropRole(name) })
	const both = "orders,sales.invoice"
	files := 0
	lacks := func(tables string) []string {
		files++
		return b.init(filepath.Join(t.TempDir(), "ingest.toml"), "--role", name, "--tables", tables).SQL
	}
	pubs := lacks(both)
	pubs = pubs[len(pubs)-2:]
	if !strings.HasPrefix(pubs[0], "CREATE PUBLICATION ") {
		t.Fatalf("%q", pubs)
	}
	publication := strings.Fields(pubs[0])[2]
	for _, step := range []struct {
		what, tables string
		before, want []string
	}{
		{"nothing exists", both, nil, append([]string{"CREATE ROLE " + role + " LOGIN REPLICATION;",
			`GRANT USAGE ON SCHEMA "sales" TO ` + role + ";",
			`GRANT SELECT ON "public"."orders", "sales"."invoice" TO ` + role + ";"}, pubs...)},
		{"a role without REPLICATION", both, []string{"CREATE ROLE " + role + " LOGIN", "GRANT USAGE ON SCHEMA sales TO " + role,
			"GRANT SELECT ON orders TO " + role},
			append([]string{"ALTER ROLE " + role + " REPLICATION;", `GRANT SELECT ON "sales"."invoice" TO ` + role + ";"}, pubs...)},
		{"no right to connect", both, []string{"ALTER ROLE " + role + " REPLICATION", "GRANT SELECT ON sales.invoice TO " + role,
			"REVOKE CONNECT ON DATABASE " + b.database() + " FROM PUBLIC"},
			append([]string{`GRANT CONNECT ON DATABASE "` + b.database() + `" TO ` + role + ";"}, pubs...)},
		{"publications", both, []string{"GRANT CONNECT ON DATABASE " + b.database() + " TO " + role, pubs[0], pubs[1]}, nil},
		{"another table", both + ",audit", []string{"GRANT SELECT ON audit TO " + role},
			[]string{"ALTER PUBLICATION " + strings.TrimSuffix(publication, `"`) + `_inserts" ADD TABLE ONLY "public"."audit";`}},
		{"its own table, and another's publication", both + ",audit", []string{"ALTER TABLE audit OWNER TO " + role},
			[]string{"ALTER PUBLICATION " + strings.TrimSuffix(publication, `"`) + `_inserts" ADD TABLE ONLY "public"."audit";`}},
		{"only some columns", "orders", []string{"REVOKE SELECT ON orders FROM " + role, "GRANT SELECT (id) ON orders TO " + role},
			[]string{`GRANT SELECT ON "public"."orders" TO ` + role + ";"}},
		{"a partition that it may not read", "orders,part", []string{"GRANT SELECT ON orders, part TO " + role,
			"ALTER PUBLICATION " + publication + " ADD TABLE part"}, []string{`GRANT SELECT ON "public"."part_1" TO ` + role + ";"}},
		{"row level security", "orders", []string{"ALTER TABLE orders ENABLE ROW LEVEL SECURITY"},
			[]string{"ALTER ROLE " + role + " BYPASSRLS;"}},
		{"a policy is bypassed", "orders", []string{"ALTER ROLE " + role + " BYPASSRLS"}, nil},
		{"no updates", "orders", []string{"ALTER PUBLICATION " + publication + " SET (publish = 'insert')"},
			[]string{"ALTER PUBLICATION " + publication + " SET (publish = 'insert, update, delete, truncate');"}},
		{"the role makes its own", "orders", []string{"DROP PUBLICATION " + publication, "ALTER TABLE orders OWNER TO " + role,
			"GRANT CREATE ON DATABASE " + b.database() + " TO " + role, "ALTER ROLE " + role + " NOBYPASSRLS"}, nil},
		{"its own table hides rows", "orders", []string{"ALTER TABLE orders FORCE ROW LEVEL SECURITY"},
			[]string{"ALTER ROLE " + role + " BYPASSRLS;"}},
		{"a publication for all tables", both, []string{"ALTER TABLE orders NO FORCE ROW LEVEL SECURITY",
			"DROP PUBLICATION " + strings.TrimSuffix(publication, `"`) + `_inserts"`, "CREATE PUBLICATION " + publication + " FOR ALL TABLES",
			"REVOKE CREATE ON DATABASE " + b.database() + " FROM " + role}, nil},
	} {
		b.exec(step.before...)
		if diff := cmp.Diff(strings.Join(step.want, "\n"), strings.Join(lacks(step.tables), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

// After scripts/postgres-role.sql, only the publications are missing: script and init have the same
// rules. With the statements that init prints, check is green.
func TestInitAfterTheRoleScript(t *testing.T) {
	contents, err := os.ReadFile("../../scripts/postgres-role.sql")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	admin := b.env["INGEST_SOURCE_URL"]
	b.runRoleScript(string(contents))
	role := b.env["INGEST_SOURCE_URL"]
	b.env["INGEST_SOURCE_URL"] = admin
	lacks := b.init("ingest.toml", "--role", `Ingest "`+b.database()+`"`, "--tables", "public.*")
	for _, sql := range lacks.SQL {
		if !strings.HasPrefix(sql, "CREATE PUBLICATION ") {
			t.Errorf("the script leaves out %s", sql)
		}
	}
	b.env["INGEST_SOURCE_URL"] = role
	if own := b.init("own.toml", "--tables", "public.*"); !slices.Equal(own.SQL, lacks.SQL) { // asked as the role itself
		t.Errorf("an administrator sees %q, the role itself %q", lacks.SQL, own.SQL)
	}
	b.exec(lacks.SQL...)
	b.works("check", "--config", "ingest.toml")
	b.works("check", "--config", "own.toml")
}

// The file has what was chosen, no secret, and is never overwritten. config check finds no mistake.
func TestInitWritesTheFile(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	b.secrets = append(b.secrets, "sesame")
	source := b.env["INGEST_SOURCE_URL"] + "&sslpassword=sesame"
	delete(b.env, "INGEST_SOURCE_URL")
	_, stderr := b.works("init", "--source", source, "--role", "reader", "--tables", "public.*,sales.*", "--pipeline", "p-1",
		"--warehouse", "w1")
	for _, want := range []string{"sales.Odd Name", "left out: it is a view", "PGPASSWORD", "ingest check"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	written, err := os.ReadFile("ingest.toml")
	if err != nil {
		t.Fatal(err)
	}
	host := b.admin.Config().Host
	for _, want := range []string{
		"#:schema ./ingest.schema.json\n", "[pipeline]\nname = \"p-1\"\n", "url = \"postgres://reader@", "schemas = [\"public\", \"sales\"]\n",
		"catalog = \"" + benchCatalog + "\"\n", "warehouse = \"w1\"\n", "host = ",
	} {
		if !strings.Contains(string(written), want) {
			t.Errorf("no %q in (host %s)\n%s", want, host, written)
		}
	}
	if strings.Contains(string(written), "tables =") || bytes.Contains(written, []byte("sesame")) {
		t.Errorf("%s", written)
	}
	b.works("config", "check")
	b.fails(failure.Usage, "ingest.toml exists, and init overwrites nothing", "--config other.toml", "init", "--source", source,
		"--tables", "*")
	if after, err := os.ReadFile("ingest.toml"); err != nil || !bytes.Equal(after, written) {
		t.Errorf("%v: the file was changed", err)
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v: want the file and its schema", entries, err)
	}
}

// A file that appears while init works stays as well, and nothing is left aside.
func TestWriteNewReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, aside := filepath.Join(dir, "ingest.toml"), filepath.Join(dir, "aside")
	for _, file := range []string{path, aside} {
		if err := os.WriteFile(file, []byte("first"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeNew(path, []byte("second"), "r"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if err := giveName(aside, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
}

// Names that match nothing, tables that cannot be taken, and a source that does not answer are errors,
// and nothing is written.
func TestInitMistakes(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	b.fails(failure.Usage, "ordres", "correct the name", "init", "--tables", "ordres")
	b.fails(failure.Usage, "no table is selected", "public.*", "init", "--tables", "seen")
	b.fails(failure.Usage, "--source", "", "init", "--source", "mysql://h", "--tables", "orders")
	b.fails(failure.Usage, "init lacks --tables", "--tables", "init")
	b.env["INGEST_SOURCE_URL"] = b.withUser("no such role", "x")
	b.fails(failure.Source, "no such role", "", "init", "--tables", "orders")
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	// Another file in the directory does not matter.
	if err := os.WriteFile("ingest.toml", []byte("[nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env["INGEST_SOURCE_URL"] = b.url
	b.works("init", "--config", "other.toml", "--tables", "orders")
}

// On a terminal, init asks until it has an answer that it can use.
func TestInitAsks(t *testing.T) {
	b := newBench(t, nil)
	t.Chdir(t.TempDir())
	b.exec(initTables...)
	source := b.env["INGEST_SOURCE_URL"]
	for _, name := range []string{"INGEST_SOURCE_URL", "INGEST_CATALOG", "DATABRICKS_HOST"} {
		delete(b.env, name)
	}
	parsed, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := parsed.User.Password()
	parsed.User = url.User(parsed.User.Username())
	public := parsed.String()
	keys, tty := terminal(t)
	role := "asked_" + b.database()
	for _, answer := range []string{
		"mysql://h", b.withUser("no such role", "x"), public, password, role, "sales, nowhere", "public, sales", "ordres", "orders, audit",
		"", "dev lake", benchCatalog, "silver", "adb.example.com", "",
	} {
		if _, err := keys.WriteString(answer + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	p := process{
		args: []string{"init"}, environment: b.environment(), stdin: tty, stdout: &stdout, stderr: &stderr, signals: make(chan os.Signal),
		unnotify: func() {},
	}
	if code := p.run(); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	for _, want := range []string{
		"postgres://", "no such role", "sales", `schema "nowhere"`, "ordres", "sales.invoice", "no catalog", "want a name",
		"Password, which is not written: \n",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in\n%s", want, stderr.String())
		}
	}
	if !strings.Contains(stdout.String(), `CREATE ROLE "`+role+`" LOGIN REPLICATION;`) {
		t.Errorf("%s", stdout.String())
	}
	b.heard(stdout.String(), stderr.String())
	written, err := os.ReadFile("ingest.toml")
	if err != nil {
		t.Fatal(err)
	}
	b.heard(string(written), "")
	_, got, _ := strings.Cut(string(written), "schemas")
	want := ` = ["public"]
tables = ["public.orders", "public.audit"]

[destination]
catalog = "` + benchCatalog + `"
schema = "silver"
host = "adb.example.com"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
