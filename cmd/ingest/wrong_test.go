//go:build cgo && unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// bench is the setup of a user who makes mistakes: a database, a workspace, and a command line that uses both. Everything that it
// prints and stores is searched for secrets.
type bench struct {
	t       *testing.T
	admin   *pgx.Conn
	url     string // as superuser
	dir     string // the workspace's
	files   string // directory of the test's own files
	server  *lakehouse.Server
	env     map[string]string
	secrets []string
	said    bytes.Buffer // both streams of all runs
}

const benchCatalog = "dev_chinook_lakehouse"

// newBench makes a bench on a database of the shared server.
func newBench(t *testing.T, intercept func(n int64, r *http.Request) *lakehouse.Fault) *bench {
	t.Helper()
	return newBenchOn(t, pgtest.NewDatabase(t), intercept)
}

func newBenchOn(t *testing.T, source string, intercept func(n int64, r *http.Request) *lakehouse.Fault) *bench {
	t.Helper()
	b := &bench{t: t, url: source, dir: filepath.Join(t.TempDir(), "lakehouse"), files: t.TempDir()}
	var err error
	if b.admin, err = pgx.Connect(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.admin.Close(context.Background()) })
	b.server, err = lakehouse.Open(t.Context(), lakehouse.Options{
		Dir: b.dir, Catalogs: []string{benchCatalog}, Threads: 1, Intercept: intercept,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.server.Close(); err != nil {
			t.Error(err)
		}
		b.searchSecrets()
	})
	parsed, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := parsed.User.Password()
	b.secrets = append(b.secrets, password, b.server.Token())
	b.env = map[string]string{"INGEST_SOURCE_URL": source, "INGEST_CATALOG": benchCatalog}
	b.signIn(b.server.URL(), b.server.Token())
	return b
}

// signIn sets what the Databricks SDK reads from the environment.
func (b *bench) signIn(host, token string) {
	maps.Copy(b.env, map[string]string{
		"DATABRICKS_HOST": host, "DATABRICKS_TOKEN": token, "DATABRICKS_CLIENT_ID": "", "DATABRICKS_CLIENT_SECRET": "",
		"DATABRICKS_WAREHOUSE_ID": "", "DATABRICKS_HTTP_PATH": "", "DATABRICKS_CONFIG_FILE": os.DevNull,
	})
}

// file writes a file for the next commands, and returns its path.
func (b *bench) file(name, contents string) string {
	b.t.Helper()
	path := filepath.Join(b.files, name)
	if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// configure writes the configuration file of the next commands.
func (b *bench) configure(contents string) {
	b.t.Helper()
	b.env["INGEST_CONFIG"] = b.file("ingest.toml", contents)
}

func (b *bench) exec(statements ...string) {
	b.t.Helper()
	for _, sql := range statements {
		if _, err := b.admin.Exec(b.t.Context(), sql); err != nil {
			b.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// role makes a role that can sign in, with what is granted, and points the
// source at it. Roles outlive their database: the name is made of its.
func (b *bench) role(attributes string, grants ...string) string {
	b.t.Helper()
	name := "loader_" + strings.TrimPrefix(b.database(), "test_")
	const password = "hunter2SECRET"
	b.exec("CREATE ROLE " + name + " LOGIN PASSWORD '" + password + "' " + attributes)
	for _, g := range grants {
		b.exec(strings.ReplaceAll(g, "$role", name))
	}
	b.t.Cleanup(func() { b.dropRole(name) })
	b.env["INGEST_SOURCE_URL"] = b.withUser(name, password)
	b.secrets = append(b.secrets, password)
	return name
}

// dropRole removes a role and what it owns here.
func (b *bench) dropRole(name string) {
	b.t.Helper()
	name = pgx.Identifier{name}.Sanitize()
	for _, sql := range []string{"REASSIGN OWNED BY " + name + " TO postgres", "DROP OWNED BY " + name, "DROP ROLE " + name} {
		if _, err := b.admin.Exec(context.Background(), sql); err != nil {
			b.t.Error(err)
		}
	}
}

func (b *bench) database() string { return b.admin.Config().Database }

func (b *bench) withUser(name, password string) string {
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

func (b *bench) environment() []string {
	var list []string
	for name, value := range b.env {
		list = append(list, name+"="+value)
	}
	return list
}

// run runs a command line in this process.
func (b *bench) run(args ...string) (code int, stdout, stderr string) {
	b.t.Helper()
	code, stdout, stderr = run(b.environment(), args...)
	b.heard(stdout, stderr)
	return code, stdout, stderr
}

func (b *bench) heard(stdout, stderr string) {
	b.said.WriteString(stdout)
	b.said.WriteString(stderr)
}

// works runs a command that must succeed.
func (b *bench) works(args ...string) (stdout, stderr string) {
	b.t.Helper()
	code, stdout, stderr := b.run(args...)
	if code != 0 {
		b.t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout, stderr
}

var errorForm = regexp.MustCompile(`(?m)^Error: (INGEST_|[^A-Z\n])\S*[^\n]*\n(Hint: [^\n]+\n)?$`)

// lastError is the error that a command ended with: one line, and at most one of
// hint. It is "" if it has another form, or if there are several.
func lastError(stderr string) string {
	at := strings.LastIndex("\n"+stderr, "\nError: ")
	if at < 0 || strings.Count("\n"+stderr, "\nError: ") != 1 || !errorForm.MatchString(stderr[at:]) {
		return ""
	}
	return stderr[at:]
}

// fails runs a command that must end with the code, and say one error that
// holds the text, and one hint that holds the other.
func (b *bench) fails(code failure.Kind, text, hint string, args ...string) (stdout, stderr string) {
	b.t.Helper()
	got, stdout, stderr := b.run(args...)
	line := strings.Join(args, " ")
	if got != int(code) {
		b.t.Errorf("%s: exit code %d, want %d\n%s%s", line, got, code, stdout, stderr)
		return stdout, stderr
	}
	last := lastError(stderr)
	if last == "" {
		b.t.Errorf("%s: not one line of error and one of hint: %q", line, stderr)
	}
	said, hinted, _ := strings.Cut(last, "\nHint: ")
	if !strings.Contains(said, text) {
		b.t.Errorf("%s: %q, want %q", line, said, text)
	}
	if !strings.Contains(hinted, hint) {
		b.t.Errorf("%s: hint %q, want %q", line, hinted, hint)
	}
	return stdout, stderr
}

// TestWrongInput runs scripts with a source and a workspace, which they leave as
// they are: wrong input is refused before anything is made.
func TestWrongInput(t *testing.T) {
	b := newBench(t, nil)
	var mu sync.Mutex
	refused := func(ts *testscript.TestScript, neg bool, args []string) {
		exitCode(ts, neg, append([]string{strconv.Itoa(int(failure.Usage)), "ingest"}, args...))
		stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
		mu.Lock()
		b.heard(stdout, stderr)
		mu.Unlock()
		if lastError(stderr) == "" {
			ts.Fatalf("not one line of error and one of hint: %q", stderr)
		}
	}
	t.Run("script", func(t *testing.T) { // which ends after its scripts, which run in parallel
		testscript.Run(t, testscript.Params{
			Dir: "testdata/wrong",
			Setup: func(e *testscript.Env) error {
				for name, value := range b.env {
					e.Setenv(name, value)
				}
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"refused": refused},
		})
	})
	b.nothingMade()
}

// finds runs check and looks for a finding; a problem must end it with the code.
func (b *bench) finds(code failure.Kind, level finding.Level, subject, what, remedy string) {
	b.t.Helper()
	got, stdout, stderr := b.run("check", "--output", "json")
	if got != int(code) {
		b.t.Errorf("check: exit code %d, want %d: %s", got, code, stderr)
	}
	var answer struct{ Findings []finding.Finding }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		b.t.Fatalf("%v in %s", err, stdout)
	}
	if !slices.ContainsFunc(answer.Findings, func(f finding.Finding) bool {
		return f.Level == level && f.Subject == subject && strings.Contains(f.What, what) && strings.Contains(f.Remedy, remedy)
	}) {
		b.t.Errorf("check: no %s of %s with %q, remedy %q, in\n%s", level, subject, what, remedy, stdout)
	}
}

// rows counts the rows of a bronze table.
func (b *bench) rows(table string) int {
	b.t.Helper()
	stdout, _ := b.works("sql", "SELECT count(*) AS n FROM "+table, "--output", "json")
	var answer struct{ Rows []struct{ N int } }
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		b.t.Fatal(err)
	}
	return answer.Rows[0].N
}

// nothingMade fails if the schema or the volume exists, or a slot or a publication of a pipeline.
func (b *bench) nothingMade() {
	b.t.Helper()
	client := databrickstest.Open(b.t, b.server, databricks.Config{Catalog: benchCatalog, Schema: "bronze", Volume: "ingest"})
	if missing, err := client.Place().Missing(b.t.Context()); err != nil || len(missing) != 2 {
		b.t.Errorf("only missing are %q, %v", missing, err)
	}
	var publications []string
	if err := b.admin.QueryRow(b.t.Context(),
		"SELECT coalesce(array_agg(pubname::text), '{}') FROM pg_publication WHERE pubname ~ '^ingest_'").Scan(&publications); err != nil {
		b.t.Fatal(err)
	}
	if len(publications) > 0 {
		b.t.Errorf("publications %q were made", publications)
	}
	b.noSlot()
}

func (b *bench) noSlot() {
	b.t.Helper()
	var n int
	if err := b.admin.QueryRow(b.t.Context(),
		"SELECT count(*) FROM pg_replication_slots WHERE database = current_database()").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	if n != 0 {
		b.t.Errorf("%d slots were made", n)
	}
}

// searchSecrets looks into what was printed and into all that the workspace
// keeps: ledger, segments, statements.
func (b *bench) searchSecrets() {
	check := func(where string, contents []byte) {
		for _, secret := range b.secrets {
			if secret != "" && bytes.Contains(contents, []byte(secret)) {
				b.t.Errorf("%s holds the secret %s", where, secret)
			}
		}
	}
	check("the output", b.said.Bytes())
	files := 0
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "credentials.json" { // the workspace's own
			return err
		}
		contents, err := os.ReadFile(path)
		check(path, contents)
		files++
		return err
	})
	if err != nil || files == 0 {
		b.t.Errorf("search %s: %d files, %v", b.dir, files, err)
	}
}
