//go:build cgo && unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/probe"
	"github.com/ingest-tool/ingest/internal/prune"
	"github.com/ingest-tool/ingest/internal/replicate"
)

// withoutResult are commands that print no JSON, and why.
var withoutResult = map[string]string{
	"completion bash": "a script", "completion zsh": "a script", "completion fish": "a script", "completion powershell": "a script",
	"config schema": "its result is JSON always: the schema itself", "reference": "hidden: the page is the result",
	"demo":      "a story for people; it refuses --output json",
	"workspace": "runs until it is interrupted: TestWorkspace… read its object",
	"help":      "help",
}

// A result is a command with the code that it ends with. Its object is compared with testdata/results/NAME.json.
type result struct {
	name string
	set  func(b *bench)
	args string
	code int
}

// results run in this order on one source and one workspace. A new command needs a row here, and its golden:
//
//	INGEST_TEST_WRITE_RESULTS=1 go test ./cmd/ingest -run TestResults
//
// writes missing goldens. Look at what it wrote. Its fields belong into docs/output.md, and the type of the result into resultTypes.
var results = []result{
	{"version", nil, "version", 0},
	{"config-check", nil, "config check", 0},
	{"config-check-failed", func(b *bench) { b.configure("[source]\nschema = \"x\"\n") }, "config check", 64},
	{"config-show", func(b *bench) { b.configure("[load]\nhistory = true\n") }, "config show", 0},
	{"init", nil, "init --tables public.a,public.nokey --config $files/made.toml --role newcomer", 0},
	{"check", nil, "check", 10},
	{"cdc-too-early", nil, "cdc", 12},
	{"load-too-early", nil, "load", 12},
	{"prune-too-early", nil, "prune", 12},
	{"verify-too-early", nil, "verify", 12},
	{"views-too-early", nil, "views", 12},
	{"drop-too-early", nil, "drop --yes", 12},
	{"plan-first", nil, "plan", 3},
	{"status-nothing", nil, "status", 0},
	{"full-load", nil, "full-load", 3},
	{"plan", func(b *bench) { b.exec("INSERT INTO a VALUES (2, 'y')", "UPDATE a SET v = 'z' WHERE id = 1") }, "plan", 3},
	{"cdc", nil, "cdc", 0},
	{"cdc-unchanged", nil, "cdc", 0},
	{"load", nil, "load", 0},
	{"status", nil, "status", 0},
	{"report", nil, "report", 0},
	{"verify", nil, "verify --full", 0},
	{"verify-sample", nil, "verify --sample 50% --sample-seed 1", 3},
	{"views", nil, "views", 0},
	{"views-print", nil, "views --print", 0},
	{"sql", nil, "sql SELECT+id,v+FROM+bronze.a+ORDER+BY+id,_op", 0},
	{"sql-failed", nil, "sql SELECT+nonsense", 11},
	{"prune", nil, "prune --dry-run", 0},
	{"simulate", func(b *bench) {
		if err := chinook.Create(b.t.Context(), b.admin, 1); err != nil {
			b.t.Fatal(err)
		}
	}, "simulate 1 1 0 --seed 1", 0},
	{"drop-dry-run", nil, "drop --dry-run", 0},
	{"drop", nil, "drop --yes", 0},
}

// resultTypes are the types of results, by what docs/output.md says about them.
var resultTypes = []any{
	build{}, configMistake{}, shownSetting{}, initialized{}, finding.Finding{}, probe.Report{}, replicate.Summary{}, replicate.Plan{},
	replicate.Status{}, watchedStatus{}, replicate.VerifyReport{}, replicate.View{}, answer{}, prune.Report{}, simulated{},
	replicate.Dropped{}, replicate.Report{}, served{},
}

// madeByHand are fields of results that are made as maps, or by the output itself.
var madeByHand = []string{
	"error", "hint", "exit_code", "findings", "probe", "views", "file", "valid", "mistakes", "warnings", "settings", "other_variables",
}

// TestResults: each command's JSON is what its golden says, in success and failure.
func TestResults(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, v text)", "INSERT INTO a VALUES (1, 'x')", "CREATE TABLE nokey (id int)",
		"CREATE TABLE bad (_op int PRIMARY KEY)", "ANALYZE")
	seen := map[string]bool{}
	for _, r := range results {
		t.Run(r.name, func(t *testing.T) {
			b.t = t
			before := maps.Clone(b.env)
			defer func() { b.env = before }()
			if r.set != nil {
				r.set(b)
			}
			args := strings.Fields(strings.ReplaceAll(r.args, "$files", b.files))
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "+", " ")
			}
			code, stdout, stderr := b.run(append(args, "--output", "json")...)
			if code != r.code {
				t.Errorf("exit code %d, want %d: %s", code, r.code, stderr)
			}
			compareResult(t, r.name, oneObject(t, r.name, stdout))
		})
		seen[commandOf(r.args)] = true
	}
	root := newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context()))
	for _, cmd := range commandsBelow(root) {
		name := strings.TrimPrefix(cmd.CommandPath(), "ingest ")
		if !cmd.Runnable() || cmd.HasSubCommands() || withoutResult[name] != "" || !cmd.HasParent() {
			continue
		}
		if !seen[name] {
			t.Errorf("%s: no golden of its result; add a row to results", name)
		}
	}
	b.t = t
}

// commandOf is the command in a row's arguments.
func commandOf(args string) string {
	words := strings.Fields(args)
	if words[0] == "config" {
		return words[0] + " " + words[1]
	}
	return words[0]
}

// TestWrongArgumentsAreObjects: each command answers wrong arguments with the same object.
func TestWrongArgumentsAreObjects(t *testing.T) {
	t.Parallel()
	root := newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context()))
	for _, cmd := range commandsBelow(root) {
		path := strings.Fields(cmd.CommandPath())[1:]
		code, stdout, _ := run(nil, append(path, "--no-such-flag", "-o", "json")...)
		object := oneObject(t, cmd.CommandPath(), stdout)
		want := map[string]any{"error": "unknown flag: --no-such-flag", "hint": cmd.CommandPath() + " --help", "exit_code": 64.0}
		if !reflect.DeepEqual(object, want) || code != 64 {
			t.Errorf("%s: exit code %d, %v", cmd.CommandPath(), code, object)
		}
	}
}

// valued are fields whose values a golden has. Of other fields it has the kind of value: they differ from one machine or version of
// PostgreSQL to the next.
var valued = []string{
	"exit_code", "state", "verdict", "mode", "dry_run", "valid", "kind", "slot_action", "command", "table", "staged_rows",
	"loaded_rows", "total_rows", "replaced_rows", "waiting_rows", "snapshot", "change", "columns", "rows", "active",
	"again", "left", "differing", "percent", "seed", "inserted", "updated", "deleted", "reason",
}

// merged are lists whose objects a golden has as one, with the fields of all: how many there are of which kind depends on the version
// of PostgreSQL.
var merged = []string{"findings", "settings", "changes", "values"}

// ofSomeVersions are fields that only some versions of PostgreSQL have.
var ofSomeVersions = []string{"idle_since"}

// compareResult compares an object with its golden.
func compareResult(t *testing.T, name string, object map[string]any) {
	t.Helper()
	got, err := json.MarshalIndent(skeleton("", object), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "results", name+".json")
	want, err := os.ReadFile(path)
	if os.IsNotExist(err) && os.Getenv("INGEST_TEST_WRITE_RESULTS") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is printed:\n%s", path, got)
	}
}

// skeleton is a value without what differs from run to run. Of a list with objects it has each different object once.
func skeleton(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, inner := range v {
			if !slices.Contains(ofSomeVersions, k) {
				out[k] = skeleton(k, inner)
			}
		}
		return out
	case []any:
		list := []any{}
		seen := map[string]bool{}
		if slices.Contains(merged, key) {
			one := map[string]any{}
			for _, inner := range v {
				maps.Copy(one, skeleton(key, inner).(map[string]any))
			}
			return []any{one}
		}
		for _, inner := range v {
			s := skeleton(key, inner)
			text := fmt.Sprint(s)
			if !seen[text] {
				list = append(list, s)
			}
			seen[text] = true
		}
		slices.SortFunc(list, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		return list
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil && !slices.Contains(valued, key) {
			return "time"
		}
	}
	if key == "value" || key == "old" {
		return "value"
	}
	if slices.Contains(valued, key) || value == nil {
		return value
	}
	return fmt.Sprintf("%T", value)
}

// TestResultsAreDocumented: docs/output.md has each field of each result, and no others.
func TestResultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for _, name := range madeByHand {
		fields[name] = true
	}
	for _, v := range resultTypes {
		fieldsOf(reflect.TypeOf(v), fields, map[reflect.Type]bool{})
	}
	words := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		words[m[1]] = true
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !words[name] {
			t.Errorf("docs/output.md lacks the field %s", name)
		}
	}
	inTable := false
	for line := range strings.Lines(string(page)) {
		cell, found := strings.CutPrefix(line, "| ")
		if !found {
			inTable = false
			continue
		}
		cell, _, _ = strings.Cut(cell, " | ")
		if header := strings.HasPrefix(cell, "field"); header || !inTable {
			inTable = inTable || header
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell, -1) {
			if !fields[m[1]] {
				t.Errorf("docs/output.md has the field %s, which no result has", m[1])
			}
		}
	}
}

// fieldsOf adds the names of a type's fields in JSON.
func fieldsOf(of reflect.Type, fields map[string]bool, seen map[reflect.Type]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		fieldsOf(of.Elem(), fields, seen)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[of] || of == reflect.TypeFor[time.Time]() {
		return
	}
	seen[of] = true
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if name != "" {
			fields[name] = true
		}
		if reflect.PointerTo(f.Type).Implements(reflect.TypeFor[json.Marshaler]()) && f.Type.Kind() != reflect.Struct {
			continue
		}
		fieldsOf(f.Type, fields, seen)
	}
}
