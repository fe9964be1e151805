//go:build cgo

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
)

// serving is an `ingest workspace` that runs in this process.
type serving struct {
	signals chan os.Signal
	code    chan int
	stdout  *bufio.Scanner
}

func serve(t *testing.T, args ...string) serving {
	t.Helper()
	r, w := io.Pipe()
	s := serving{signals: make(chan os.Signal), code: make(chan int, 1), stdout: bufio.NewScanner(r)}
	p := process{
		args: append([]string{"workspace"}, args...), stdout: w, stderr: io.Discard,
		signals: s.signals, unnotify: func() {},
	}
	go func() {
		code := p.run()
		w.Close()
		s.code <- code
	}()
	return s
}

// stop interrupts the workspace, which must end well.
func (s serving) stop(t *testing.T) {
	t.Helper()
	s.signals <- syscall.SIGTERM
	for s.stdout.Scan() {
		t.Errorf("more on standard output: %s", s.stdout.Text())
	}
	if code := <-s.code; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// exports reads the lines that a shell evaluates.
func (s serving) exports(t *testing.T) map[string]string {
	t.Helper()
	variables := map[string]string{}
	for range 7 {
		if !s.stdout.Scan() {
			t.Fatalf("standard output ended; exit code %d", <-s.code)
		}
		rest, ok := strings.CutPrefix(s.stdout.Text(), "export ")
		name, value, assigned := strings.Cut(rest, "=")
		if !ok || !assigned || !strings.HasPrefix(value, "'") || !strings.HasSuffix(value, "'") {
			t.Fatalf("no export: %s", s.stdout.Text())
		}
		variables[name] = strings.Trim(value, "'")
	}
	return variables
}

func TestWorkspaceServesUntilInterrupted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "lakehouse")
	s := serve(t, "--dir", dir, "--catalog", "one", "--catalog", "two")
	env := s.exports(t)
	for _, name := range []string{"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_WAREHOUSE_ID", "DATABRICKS_HTTP_PATH",
		"DATABRICKS_SERVER_HOSTNAME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"} {
		if env[name] == "" {
			t.Errorf("%s is not exported", name)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["DATABRICKS_HOST"]+"/api/2.1/unity-catalog/catalogs", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+env["DATABRICKS_TOKEN"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Catalogs []struct{ Name string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range answer.Catalogs {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"one", "two"}, names); diff != "" {
		t.Errorf("catalogs (-want +got):\n%s", diff)
	}
	s.stop(t)
}

func TestWorkspaceMemory(t *testing.T) {
	for _, size := range []string{"5x", "1MB", "-1"} {
		if code, _, stderr := run(nil, "workspace", "--memory", size); code != 64 || !strings.Contains(stderr, "--memory: want a size") {
			t.Errorf("--memory %s: exit code %d, %s", size, code, stderr)
		}
	}
	s := serve(t, "--dir", filepath.Join(t.TempDir(), "lakehouse"), "--memory", "64MiB")
	var environment []string
	for name, value := range s.exports(t) {
		environment = append(environment, name+"="+value)
	}
	const sorted = "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY t) AS n, t FROM (SELECT concat(repeat('x', 100000000), CAST(id AS STRING)) AS t FROM range(3)))"
	code, stdout, stderr := run(environment, "sql", sorted, "--catalog", "dev_chinook_lakehouse", "--dataset", "default")
	if code != 11 || !strings.Contains(stderr, "LOCAL_WORKSPACE_OUT_OF_MEMORY") || !strings.Contains(stderr, "--memory") {
		t.Errorf("a statement that takes more: exit code %d, %s, %s", code, stdout, stderr)
	}
	s.stop(t)
}

func TestSQLOnLocalWorkspace(t *testing.T) {
	t.Chdir(t.TempDir())
	environment := []string{"INGEST_LOCAL=lakehouse", "INGEST_CATALOG=c", "INGEST_SCHEMA=default"}
	code, stdout, stderr := run(environment, "sql", "SELECT 1 AS one, 'x' AS two", "--output", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var got any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	want := map[string]any{"columns": []any{"one", "two"}, "rows": []any{map[string]any{"one": 1.0, "two": "x"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	code, stdout, stderr = run(environment, "sql", "SELECT * FROM nowhere")
	if code != 11 || stdout != "" || !strings.Contains(stderr, "TABLE_OR_VIEW_NOT_FOUND") {
		t.Errorf("a table that is not there: exit code %d, %q, %q", code, stdout, stderr)
	}
}

// TestSQLOnServedWorkspace connects like any other Databricks client: through the variables that `ingest workspace` exports,
// which the SDK reads.
func TestSQLOnServedWorkspace(t *testing.T) {
	t.Parallel()
	s := serve(t, "--dir", filepath.Join(t.TempDir(), "lakehouse"))
	var environment []string
	for name, value := range s.exports(t) {
		environment = append(environment, name+"="+value)
	}
	code, stdout, stderr := run(environment, "sql", "SELECT 40 + 2 AS answer", "--catalog", "dev_chinook_lakehouse", "--dataset", "default")
	if code != 0 || !strings.HasSuffix(stdout, "\n    42\n") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	s.stop(t)
}

// TestLocalWorkspaceThatIsNotThere: a command that only uses a local workspace refuses a directory and a catalog that do not
// exist, names the nearest, and makes nothing. Commands that make them report that.
func TestLocalWorkspaceThatIsNotThere(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if err := os.MkdirAll(filepath.Join(parent, "lakehouse", "catalogs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parent, "lakehouse", "catalogs", "sales.duckdb"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	near := "did you mean --local " + filepath.Join(parent, "lakehouse")
	for _, c := range []struct{ dir, catalog, what, hint, logged string }{
		{"lakehouse", "Sales", "", "", ""},
		{"lakehosue", "sales", "there is no local workspace in ", near, "the local workspace is new"},
		{"elsewhere", "sales", "there is no local workspace in ", "`ingest full-load` makes one", "the local workspace is new"},
		{"lakehouse", "sale", "has no catalog sale; it has sales", "did you mean --catalog sales?", "the catalog is new"},
		{"lakehouse", "other", "has no catalog other; it has sales", "`ingest full-load` makes it", "the catalog is new"},
	} {
		var log bytes.Buffer
		e := ends{log: slog.New(slog.NewTextHandler(&log, nil)), config: &config.Config{}}
		e.config.Destination.Local, e.config.Destination.Catalog = filepath.Join(parent, c.dir), c.catalog
		err := e.checkLocal()
		if c.what == "" {
			if err != nil || log.Len() > 0 {
				t.Errorf("%+v: %v, %s", c, err, &log)
			}
			continue
		}
		if failure.KindOf(err) != failure.Usage || !strings.Contains(err.Error(), c.what) || !strings.Contains(failure.HintOf(err), c.hint) {
			t.Errorf("%+v: %v, hint %q", c, err, failure.HintOf(err))
		}
		e.makesLocal = true
		if err := e.checkLocal(); err != nil || !strings.Contains(log.String(), c.logged) {
			t.Errorf("%+v, made: %v, %s", c, err, &log)
		}
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("made %v, %v", entries, err)
	}
}
