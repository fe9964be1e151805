//go:build cgo && unix

package main

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingest-tool/ingest/lakehouse"
)

// complete asks as a shell does, and returns the proposals and the directive.
func complete(t *testing.T, env []string, args ...string) (values []string, directive string) {
	t.Helper()
	var out bytes.Buffer
	code := process{
		args: append([]string{cobra.ShellCompRequestCmd}, args...), environment: env, stdout: &out, stderr: io.Discard,
		signals: make(chan os.Signal), unnotify: func() {}, completionTime: 2 * time.Minute, // this machine may be slow
	}.run()
	stdout := out.String()
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if code != 0 || len(lines) == 0 {
		t.Fatalf("%q: exit code %d, %q", args, code, stdout)
	}
	return lines[:len(lines)-1], lines[len(lines)-1]
}

// TestEveryFlagIsCompleted: no flag and no argument falls back to the names of files, except where a file is meant.
func TestEveryFlagIsCompleted(t *testing.T) {
	t.Parallel()
	files := []string{"file", "config", "local", "dir", "man", "to"}
	root := newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context()))
	flags := 0
	for _, cmd := range commandsBelow(root) {
		path := strings.Fields(cmd.CommandPath())[1:]
		if cmd.Runnable() && cmd.Name() != "help" && cmd.Name() != "ingest" {
			if _, directive := complete(t, nil, append(path, "")...); directive != ":4" {
				t.Errorf("%s: an argument is completed with %s", cmd.CommandPath(), directive)
			}
		}
		check := func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			flags++
			values, directive := complete(t, nil, append(slices.Clone(path), "--"+f.Name+"=")...)
			if isFile := slices.Contains(files, f.Name); isFile == (directive == ":4") {
				t.Errorf("%s --%s: %q, directive %s", cmd.CommandPath(), f.Name, values, directive)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(check)
		cmd.PersistentFlags().VisitAll(check)
	}
	if flags < 25 {
		t.Errorf("%d flags", flags)
	}
}

// TestNamesAreCompleted: names come from the ledger and the source, over HTTP from a workspace and from the files of a local one.
// No SQL warehouse is used.
func TestNamesAreCompleted(t *testing.T) {
	t.Parallel()
	statements := make(chan string, 1000)
	b := newBench(t, func(_ int64, r *http.Request) *lakehouse.Fault {
		if strings.Contains(r.URL.Path, "/sql/") {
			statements <- r.URL.Path
		}
		return nil
	})
	b.exec("CREATE TABLE artist (id int PRIMARY KEY)", "CREATE TABLE album (id int PRIMARY KEY)", `CREATE TABLE "A,B" (id int PRIMARY KEY)`,
		"CREATE VIEW av AS SELECT 1 AS one", "CREATE SCHEMA sales", "CREATE TABLE sales.item (id int PRIMARY KEY)",
		"CREATE TABLE public.later (id int PRIMARY KEY)")
	b.works("full-load", "--tables", "artist,album")
	b.works("full-load", "--stage-only", "--tables", `"A,B"`)
	for len(statements) > 0 {
		<-statements
	}
	local := maps.Clone(b.env)
	local["INGEST_LOCAL"], local["DATABRICKS_HOST"] = b.dir, ""
	for name, env := range map[string]map[string]string{"workspace": b.env, "local": local} {
		list := (&bench{env: env}).environment()
		for _, test := range []struct {
			args []string
			want string
		}{
			{[]string{"load", "--tables", ""}, `public."A,B" public.album public.artist`},
			{[]string{"verify", "--tables", "public.ar"}, "public.artist"},
			{[]string{"views", "--tables", "al"}, "album"},
			{[]string{"load", "--tables", "public.artist,"}, `public.artist,public."A,B" public.artist,public.album`},
			{[]string{"load", "--tables", `"A,B",ar`}, `"A,B",artist`},
			{[]string{"load", "--tables", `public.\"A`}, `public."A,B"`}, // as fish passes words
			{[]string{"load", "--tables", `'public.al`}, "public.album"},
			{[]string{"load", "--tables", `"\"A,B\",ar`}, `"A,B",artist`},
			{[]string{"full-load", "--tables", "public.l"}, "public.later"},
			{[]string{"full-load", "--tables", "sales."}, ""}, // not selected by the configuration
			{[]string{"init", "--tables", "la"}, "later"},
			{[]string{"status", "--pipeline", ""}, "default"},
			{[]string{"load", "--pipeline", "other", "--tables", ""}, ""},
			{[]string{"load", "--rebuild", "current,"}, "current,history"},
		} {
			got, directive := complete(t, list, test.args...)
			if strings.Join(got, " ") != test.want || directive != ":4" {
				t.Errorf("%s: %q: %q %s, want %q", name, test.args, got, directive, test.want)
			}
		}
		if got, _ := complete(t, list, "cdc", "--schema", ""); !slices.Contains(got, "bronze") {
			t.Errorf("%s: the schemas are %q", name, got)
		}
	}
	if len(statements) > 0 {
		t.Errorf("the warehouse was asked: %s", <-statements)
	}
	if got, _ := complete(t, (&bench{env: local}).environment(), "cdc", "--catalog", ""); !slices.Equal(got, []string{benchCatalog}) {
		t.Errorf("the catalogs are %q", got)
	}
	profiles := b.file("profiles", "[DEFAULT]\nhost = x\n\n[prod]\n")
	got, _ := complete(t, []string{"DATABRICKS_CONFIG_FILE=" + profiles}, "init", "--profile", "")
	if !slices.Equal(got, []string{"DEFAULT", "prod"}) {
		t.Errorf("the profiles are %q", got)
	}
}

// TestCompletionEnds: a source and a workspace that accept a connection and do not answer hold up a shell for a short time, and what
// is wrong is not printed.
func TestCompletionEnds(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	release := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer front.Close()
	defer close(release)
	marker := filepath.Join(t.TempDir(), "asked")
	for name, env := range map[string][]string{
		"silent": {
			"INGEST_SOURCE_URL=postgres://u:secretPW@" + silent.Addr().String() + "/db?sslmode=disable", "INGEST_CATALOG=dev",
			"DATABRICKS_HOST=" + front.URL, "DATABRICKS_TOKEN=dapiSECRET", "DATABRICKS_CONFIG_FILE=/dev/null",
		},
		"nothing": nil,
		"mistake": {"INGEST_LOAD_JOBS=many"},
		"asks":    {"INGEST_SOURCE_URL=postgres://u@" + silent.Addr().String() + "/db", "INGEST_SOURCE_PASSWORD_COMMAND=touch," + marker},
	} {
		began := time.Now()
		code, stdout, stderr := run(env, cobra.ShellCompRequestCmd, "full-load", "--tables", "")
		if took := time.Since(began); took > 20*completionTime { // a hang takes minutes; this machine may be slow
			t.Errorf("%s: it took %v", name, took)
		}
		if code != 0 || stdout != ":4\n" || strings.Contains(stderr, "Error") || strings.Contains(stderr, "SECRET") {
			t.Errorf("%s: exit code %d, %q, %q", name, code, stdout, stderr)
		}
	}
	if matches, _ := filepath.Glob(marker); len(matches) > 0 {
		t.Error("the program that prints the password was run")
	}
}

// TestCompletionInBash: the script completes names that need quotes, with and without them, and after an equals sign. The program is
// a function here, and so is what bash-completion has.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	code, script, stderr := run(nil, "completion", "bash")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	dir := t.TempDir()
	const helpers = `
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD words=("${COMP_WORDS[@]}"); }
names=(customers public.customers 'public."A,B"' '"A,B"' 'public.Order Lines' "public.\"it's\"")
ingest() { printf '%s|' "$@" >&3; printf '%s\n' "${names[@]}"; echo :4; }
compopt() { :; }
COMP_TYPE=9
try() { COMP_WORDS=(ingest load "$@") COMP_CWORD=$(($# + 1)); __start_ingest; printf '%s\n' "${COMPREPLY[@]}"; } 3>&1
`
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script+helpers), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ typed, asked, want string }{
		{`cus`, "cus", "customers"},
		{`public.O`, "public.O", `public.Order\ Lines`},
		{`\"A`, `"A`, `\"A\,B\"`},
		{`'public.O`, "public.O", "public.Order Lines"},
		{`'"A`, `"A`, `"A,B"`},
		{`"\"A`, `"A`, `\"A,B\""`},
		{`'public."i`, `public."i`, `public."it'\''s"`},
		{`'cus`, "cus", "customers"},
		{`'public.`, "public.", "public.customers\npublic.\"A,B\"\npublic.Order Lines\npublic.\"it'\\''s\""},
	} {
		for _, words := range [][]string{{"--tables", c.typed}, {"--tables=" + c.typed}} {
			command := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", `. "$0"; try "$@"`, filepath.Join(dir, "script")},
				words...)...)
			out, err := command.CombinedOutput()
			asked := "__complete|load|" + strings.Join(words[:len(words)-1], "") + "|" + c.asked + "|"
			if len(words) == 1 {
				asked = "__complete|load|--tables=" + c.asked + "|"
			}
			if want := asked + c.want + "\n"; err != nil || string(out) != want {
				t.Errorf("%q: %v, %q, want %q", words, err, out, want)
			}
		}
	}
	if _, script, _ := run(nil, "completion", "zsh"); !strings.Contains(script, quotedInZsh) {
		t.Error("the script for zsh does not complete words inside quotes")
	}
}
