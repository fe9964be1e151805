//go:build cgo && unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/failure"
)

// oneObject fails unless s is one JSON object and nothing else.
func oneObject(t *testing.T, what, s string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatalf("%s: %v in %q", what, err, s)
	}
	if rest, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("%s: after the object comes %v (%v) in %q", what, rest, err, s)
	}
	return object
}

// With --output json, standard output is one object, whether the run succeeded or not. Everything else is on standard error, one
// JSON object per line, except the error.
func TestOutputIsOneObject(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)", "CREATE TABLE nokey (id int)",
		"CREATE TABLE bad (_op int PRIMARY KEY)")
	for _, step := range []struct {
		code int
		args []string
		key  string
	}{
		{12, []string{"cdc"}, "error"},
		{12, []string{"prune"}, "error"},
		{12, []string{"cdc", "--dry-run"}, "error"},
		{3, []string{"plan"}, "tables"},
		{0, []string{"status"}, "problem"},
		{10, []string{"check"}, "findings"},
		{3, []string{"full-load"}, "tables"},
		{0, []string{"cdc"}, "tables"},
		{0, []string{"load"}, "tables"},
		{0, []string{"prune", "--dry-run"}, "removed"},
		{0, []string{"prune"}, "removed"},
		{0, []string{"status"}, "slot"},
		{64, []string{"full-load", "--tables", "zzz"}, "error"},
	} {
		code, stdout, stderr := b.run(append(step.args, "--output", "json")...)
		if code != step.code {
			t.Errorf("%v: exit code %d, want %d: %s", step.args, code, step.code, stderr)
		}
		if _, ok := oneObject(t, step.args[0], stdout)[step.key]; !ok {
			t.Errorf("%v: no %q in %s", step.args, step.key, stdout)
		}
		for line := range strings.Lines(stderr) {
			if !json.Valid([]byte(line)) && !strings.HasPrefix(line, "Error: ") && !strings.HasPrefix(line, "Hint: ") {
				t.Errorf("%v: standard error has %q", step.args, line)
			}
		}
	}
}

// Not even the debug log has a secret; the bench searches for them.
func TestSecretsAtDebugLevel(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.role("SUPERUSER")
	u, err := url.Parse(b.env["INGEST_SOURCE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	words := fmt.Sprintf("host=127.0.0.1 port=%s user=%s password='%s' dbname=%s sslmode=disable", u.Port(),
		u.User.Username(), password, b.database())
	for _, source := range []string{u.String(), words} {
		b.env["INGEST_SOURCE_URL"] = source
		for _, command := range []string{"check", "full-load", "cdc", "load", "status"} {
			if _, stderr := b.works(command, "--log-level", "debug"); !strings.Contains(stderr, `"level":"DEBUG"`) {
				t.Errorf("%s is not talkative: %s", command, stderr)
			}
		}
	}
	b.env["INGEST_SOURCE_URL"] = strings.Replace(words, "user=", "user=no", 1)
	b.fails(failure.Source, "password authentication failed", "", "cdc", "--log-level", "debug")
	wrong := b.file("secret.toml", "[source]\nurl = \""+u.String()+"\"\nurll = \"x\"\n")
	b.fails(failure.Usage, `unknown key "urll"`, "", "cdc", "--config", wrong)
	if !strings.Contains(b.said.String(), "REDACTED") {
		t.Error("the configuration was not logged")
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	for _, args := range [][]string{{"check"}, {"full-load"}, {"cdc"}, {"load"}, {"status"}} {
		stdout, stderr := b.works(append(args, "--quiet")...)
		if stderr != "" || stdout == "" {
			t.Errorf("%v --quiet: standard error %q, standard output %q", args, stderr, stdout)
		}
	}
	b.exec("CREATE TABLE nokey (id int)")
	if _, stderr := b.works("full-load", "--quiet", "--log-format", "text"); strings.Contains(stderr, "level=INFO") ||
		!strings.Contains(stderr, "level=WARN") {
		t.Errorf("--quiet: %s", stderr)
	}
}

// Check on a setup where all is well can be read, and ends with 0.
func TestCheckOfWhatIsWell(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	stdout, stderr := b.works("check")
	if !strings.HasSuffix(stderr, ". Ready. Next: `ingest full-load`\n") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("standard error: %s", stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "ok       ") && !strings.HasPrefix(line, "note     ") {
			t.Errorf("not well: %s", line)
		}
	}
	b.works("full-load")
	stdout, _ = b.works("check")
	for _, want := range []string{
		"ok       source: PostgreSQL 1", "ok       source: wal_level is logical\n", "ok       destination: signed in to " + b.server.URL(),
		"ok       destination: catalog " + benchCatalog + " is there\n", "ok       destination: SQL warehouse ", "ok       spool: ",
		" fits the ledger, which stands at ", "ok       public.a: ready\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// If the reader goes away, the program ends by SIGPIPE, without a message. A full disk is an error.
func TestOutputCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load")
	for _, args := range [][]string{{"status"}, {"check"}, {"status", "--output", "json"}, {"cdc"}} {
		// The shell says the program's exit code where nothing else writes; the
		// reader is gone before the program starts.
		code, _, stderr := b.child(`{ sleep 0.2; "$0" "$@"; echo "code $?" >&2; } | :`, args...)
		if code != 0 || stderr != "code 141\n" {
			t.Errorf("%v into a closed pipe: %d, %q", args, code, stderr)
		}
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		code, _, stderr := b.child(`exec "$0" "$@" > /dev/full`, "status")
		if code != 1 || !strings.HasPrefix(stderr, "Error: write result: ") {
			t.Errorf("a full disk: %d, %q", code, stderr)
		}
	}
	b.works("cdc")
}

// notRun are commands whose examples other tests run, or that ask, or that end only by
// a signal.
var notRun = []string{"workspace", "demo", "completion", "init"}

// Every example in --help runs as printed, in the order in which a user would run them.
func TestHelpExamples(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	if err := chinook.Create(t.Context(), b.admin, 1); err != nil {
		t.Fatal(err)
	}
	var leaves []*cobra.Command
	for _, cmd := range newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context())).Commands() {
		if cmd.IsAvailableCommand() && !slices.Contains(notRun, cmd.Name()) {
			leaves = append(leaves, cmd)
		}
	}
	order := []string{"version", "check", "full-load", "simulate", "cdc"} // the others in their own order, drop last
	place := func(c *cobra.Command) int {
		if i := slices.Index(order, c.Name()); i >= 0 {
			return i
		}
		if c.Name() == "drop" {
			return len(order) + 1
		}
		return len(order)
	}
	slices.SortStableFunc(leaves, func(x, y *cobra.Command) int { return place(x) - place(y) })
	for _, cmd := range leaves {
		examples := 0
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "ingest ") {
				continue
			}
			examples++
			t.Run(line, func(t *testing.T) { b.example(t, line) })
		}
		if examples == 0 {
			t.Errorf("%s has no example", cmd.Name())
		}
	}
}

// example runs a line as a shell does, in a directory of its own. One that goes on
// until it is interrupted is given an end.
func (b *bench) example(t *testing.T, line string) {
	b.t = t
	if strings.Contains(line, " --follow") {
		line += " --max-duration 500ms"
	}
	if strings.Contains(line, " --watch") { // its next line has no reader
		line += " | head -n 1"
	}
	code, stdout, stderr := b.child(`program=$0; ingest() { "$program" "$@"; }; cd "$1" && `+line, t.TempDir())
	if code != 0 || stdout == "" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestErrorsAreObjects: with --output json, a command that fails before it has a result prints an object with the error, the hint
// and the exit code, also if its arguments are wrong.
func TestErrorsAreObjects(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"full-load", "--table", "a", "-o", "json"}, {"full-load", "-ojson", "--table=a"}, {"--output=json", "nonsense"},
		{"cdc", "--output", "json", "--config", "/nowhere.toml"}, {"cdc", "-o=json", "--stage-every", "1s"}, {"sql", "-o", "json", ""},
	} {
		code, stdout, stderr := run(nil, args...)
		var got struct {
			Error    string
			Hint     string
			ExitCode int `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Errorf("%q: %v in %q", args, err, stdout)
			continue
		}
		if code != 64 || got.ExitCode != 64 || got.Error == "" || !strings.Contains(stderr, "Error: "+got.Error) ||
			got.Hint != "" && !strings.Contains(stderr, "Hint: "+got.Hint) {
			t.Errorf("%q: exit code %d, %+v, %s", args, code, got, stderr)
		}
	}
	for _, args := range [][]string{{"full-load", "--table", "a", "-o", "text"}, {"sql", "--table", "--", "-o", "json"}} {
		if _, stdout, _ := run(nil, args...); stdout != "" {
			t.Errorf("%q: %s", args, stdout)
		}
	}
}

// TestVersionFlag: --version prints what the command version prints.
func TestVersionFlag(t *testing.T) {
	t.Parallel()
	code, flag, _ := run(nil, "--version")
	if _, command, _ := run(nil, "version"); code != 0 || flag != command {
		t.Errorf("exit code %d, %q, want %q", code, flag, command)
	}
}

// TestLastLineOfCheck: check counts its findings and names the next command.
func TestLastLineOfCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	last := func(args ...string) string {
		_, _, stderr := b.run(args...)
		for line := range strings.Lines(stderr) {
			if strings.Contains(line, " ok") && strings.Contains(line, "Next: ") {
				return line
			}
		}
		return stderr
	}
	if got := last("check"); !strings.HasSuffix(got, "`ingest full-load`\n") || !strings.Contains(got, "Ready") {
		t.Errorf("before the first load: %s", got)
	}
	b.works("full-load")
	if got := last("check"); !strings.HasSuffix(got, "`ingest cdc`\n") {
		t.Errorf("after it: %s", got)
	}
	b.exec("CREATE TABLE b (v text)")
	if got := last("check", "--config", b.file("none.toml", "[source]\nschemas = [\"nowhere\"]\n")); !strings.Contains(got, " problem") ||
		!strings.HasSuffix(got, "Next: fix the problems, then `ingest check`\n") {
		t.Errorf("with a problem: %s", got)
	}
	b.exec("INSERT INTO a VALUES (1)")
	stdout, _ := b.works("cdc", "--output", "json")
	var s struct {
		Tables []struct{ Segments, Bytes int64 }
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || len(s.Tables) != 1 || s.Tables[0].Segments != 1 || s.Tables[0].Bytes == 0 {
		t.Errorf("%v: %s", err, stdout)
	}
}
