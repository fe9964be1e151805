// Package resources_test checks the Databricks bundle as far as it can be
// checked without a workspace: that its references resolve in each target, and
// that its jobs keep the rules that docs/deploy.md states. tests/ plays it.
package resources_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ingest-tool/ingest/tests/bundle"
)

var targets = []string{"dev", "qa", "prod"}

// load gives a target with the variables that have no default.
func load(t *testing.T, target string) (*bundle.Bundle, map[string]bundle.Job) {
	t.Helper()
	variables := map[string]string{"warehouse_id": "1234567890abcdef"}
	if target != "dev" {
		variables["service_principal"] = "00000000-0000-0000-0000-00000000000" + target[:1]
	}
	b, err := bundle.Load("..", bundle.Options{Target: target, Variables: variables, FilePath: "/files"})
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	jobs, err := b.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	return b, jobs
}

func read(t *testing.T, path string, into any) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

func TestVariablesAreDeclaredAndUsed(t *testing.T) {
	var root struct{ Variables map[string]any }
	read(t, "variables.yml", &root)
	files, err := filepath.Glob("*.yml")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range append(files, "../databricks.yml") {
		for _, m := range regexp.MustCompile(`\$\{var\.(\w+)\}`).FindAllStringSubmatch(read(t, file, new(any)), -1) {
			used[m[1]] = true
			if _, ok := root.Variables[m[1]]; !ok {
				t.Errorf("%s uses the variable %s, which variables.yml does not declare", file, m[1])
			}
		}
	}
	for name := range root.Variables {
		if !used[name] {
			t.Errorf("nothing uses the variable %s", name)
		}
	}
}

func TestTargetsAreApart(t *testing.T) {
	seen := map[string]string{}
	for _, target := range targets {
		b, _ := load(t, target)
		for _, name := range []string{"catalog", "secret_scope"} {
			value := b.Variables[name].(string)
			if name == "secret_scope" && target == "dev" {
				continue
			}
			if other, ok := seen[value]; ok {
				t.Errorf("%s and %s have the same %s, %s", other, target, name, value)
			}
			seen[value] = target
		}
		mode, _ := b.Root["mode"].(string)
		if want := map[bool]string{true: "development", false: "production"}[target == "dev"]; mode != want {
			t.Errorf("%s: mode %q, want %q", target, mode, want)
		}
		if target == "dev" {
			continue
		}
		runAs, _ := b.Root["run_as"].(map[string]any)
		if runAs["service_principal_name"] != b.Variables["service_principal"] {
			t.Errorf("%s runs as %v", target, runAs)
		}
		workspace, _ := b.Root["workspace"].(map[string]any)
		path, _ := workspace["root_path"].(string)
		if !strings.HasSuffix(path, "/ingest/"+target) || strings.HasPrefix(path, "/Workspace/Shared") {
			t.Errorf("%s: root path %q is not its own", target, path)
		}
		if b.Root["permissions"] == nil {
			t.Errorf("%s: no permissions", target)
		}
	}
}

func TestProductionNeedsItsServicePrincipal(t *testing.T) {
	_, err := bundle.Load("..", bundle.Options{Target: "prod", Variables: map[string]string{"warehouse_id": "1"}})
	if err == nil || !strings.Contains(err.Error(), "service_principal has no value") {
		t.Errorf("got %v", err)
	}
}

// Only one run at a time may read the slot: two jobs that start by themselves
// and do so would fail in turn.
func TestWhatStartsByItself(t *testing.T) {
	want := map[string][]string{"dev": nil, "qa": nil, "prod": {"ingest_job", "prune_job"}}
	for _, target := range targets {
		_, jobs := load(t, target)
		var on []string
		for key, job := range jobs {
			starts := job.Schedule
			if starts == nil {
				starts = job.Continuous
			}
			if starts == nil {
				continue
			}
			switch starts.PauseStatus {
			case "UNPAUSED":
				on = append(on, key)
			case "PAUSED":
			default:
				t.Errorf("%s: %s: pause_status %q", target, key, starts.PauseStatus)
			}
			if job.Schedule != nil && len(strings.Fields(starts.Cron)) != 6 {
				t.Errorf("%s: %s: %q is no Quartz expression", target, key, starts.Cron)
			}
		}
		slices.Sort(on)
		if !slices.Equal(on, want[target]) {
			t.Errorf("%s: %v start by themselves, want %v", target, on, want[target])
		}
	}
}

func TestJobs(t *testing.T) {
	_, jobs := load(t, "prod")
	for key, job := range jobs {
		t.Run(key, func(t *testing.T) {
			if job.MaxRuns != 1 {
				t.Errorf("%d runs at a time, want 1", job.MaxRuns)
			}
			if job.Queue.Enabled == (job.Continuous != nil) {
				t.Errorf("queue enabled: %v", job.Queue.Enabled)
			}
			keys := map[string]bool{}
			for _, task := range job.Tasks {
				for _, d := range task.DependsOn {
					if !keys[d.Key] {
						t.Errorf("%s depends on %s, which does not come before it", task.Key, d.Key)
					}
				}
				keys[task.Key] = true
				checkTask(t, job, task)
			}
		})
	}
}

func checkTask(t *testing.T, job bundle.Job, outer bundle.Task) {
	t.Helper()
	task := outer.Innermost()
	if _, err := os.Stat(task.Python.File); err != nil {
		t.Errorf("%s: %v", task.Key, err)
	}
	if !slices.Contains(job.Environments, bundle.Environment{Key: task.Environment}) {
		t.Errorf("%s: no environment %q", task.Key, task.Environment)
	}
	// A continuous job's tasks take no retries and no time limit.
	if job.Continuous == nil && (task.Retries == nil || *task.Retries != 0) ||
		job.Continuous != nil && task.Retries != nil || !task.NoAutomatic {
		t.Errorf("%s: Databricks would repeat it by itself", task.Key)
	}
	if (task.Timeout == 0) != (job.Continuous != nil) {
		t.Errorf("%s: time limit %d s", task.Key, task.Timeout)
	}
	text := strings.Join(task.Python.Parameters, "\n")
	if outer.ForEach != nil {
		text += outer.ForEach.Inputs
		if !strings.Contains(text, "{{input}}") {
			t.Errorf("%s: every round does the same", task.Key)
		}
		if outer.ForEach.Concurrency < 2 {
			t.Errorf("%s: %d at a time", outer.Key, outer.ForEach.Concurrency)
		}
	}
	for _, m := range regexp.MustCompile(`\{\{job\.parameters\.(\w+)\}\}`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(job.Parameters, func(p bundle.Parameter) bool { return p.Name == m[1] }) {
			t.Errorf("%s: no job parameter %q", task.Key, m[1])
		}
	}
}

func TestCommands(t *testing.T) {
	want := map[string]string{
		"full_load_task": "full-load --resume={{job.parameters.resume}} --tables={{job.parameters.tables}}", "cdc_load_task": "cdc",
		"stage_task": "cdc --stage-only", "load_task": "load",
		"follow_task":       "cdc --follow --snapshot-new --stage-every=30s --load-every=5m --max-duration=12h",
		"first_tables_task": "full-load --stage-only --resume={{job.parameters.resume}} --tables={{job.parameters.first}}",
		"large_table_task":  "full-load --stage-only --resume={{job.parameters.resume}} --tables={{input}}",
		"other_tables_task": "full-load --stage-only --resume",
		"check_task":        "check", "status_task": "status --exit-code", "prune_task": "prune --dry-run={{job.parameters.dry_run}}",
	}
	_, jobs := load(t, "dev")
	seen := map[string]bool{}
	for _, job := range jobs {
		for _, outer := range job.Tasks {
			task := outer.Innermost()
			if got := command(t, task); got != want[task.Key] {
				t.Errorf("%s runs %q, want %q", task.Key, got, want[task.Key])
			}
			seen[task.Key] = true
		}
	}
	for key := range want {
		if !seen[key] {
			t.Errorf("there is no %s", key)
		}
	}
}

// command is what run_ingest.py takes for ingest's own arguments.
func command(t *testing.T, task bundle.Task) string {
	t.Helper()
	parameters := task.Python.Parameters
	if len(parameters) == 0 || parameters[0] != "--binaries=/files/dist" {
		t.Fatalf("%s: the first parameter is not --binaries", task.Key)
	}
	variable := regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*|--settings)=`)
	first := slices.IndexFunc(parameters[1:], func(p string) bool { return !variable.MatchString(p) })
	if first < 0 {
		t.Fatalf("%s: no command", task.Key)
	}
	return strings.Join(parameters[1+first:], " ")
}

// The dashboard's file is where its resource says, and its queries name no catalog and no schema.
func TestDashboard(t *testing.T) {
	b, _ := load(t, "prod")
	all := b.Root["resources"].(map[string]any)["dashboards"].(map[string]any)
	for name, d := range all {
		d := d.(map[string]any)
		text, err := os.ReadFile(d["file_path"].(string))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !json.Valid(text) || strings.Contains(string(text), "bronze") {
			t.Errorf("%s: %s is no JSON, or names a schema", name, d["file_path"])
		}
		if d["dataset_catalog"] != "prod_chinook_lakehouse" || d["dataset_schema"] != "bronze" {
			t.Errorf("%s reads %v.%v", name, d["dataset_catalog"], d["dataset_schema"])
		}
	}
	if len(all) != 1 {
		t.Errorf("%d dashboards, want one", len(all))
	}
}

func TestLargeTablesAreJSON(t *testing.T) {
	b, _ := load(t, "dev")
	var tables []string
	if err := json.Unmarshal([]byte(b.Variables["large_tables"].(string)), &tables); err != nil || len(tables) == 0 {
		t.Errorf("large_tables: %v, %d tables", err, len(tables))
	}
}

// The binaries and the wrapper look for one another where the bundle puts them.
func TestArtifactsArrive(t *testing.T) {
	b, _ := load(t, "dev")
	artifacts := b.Root["artifacts"].(map[string]any)
	if build := artifacts["binaries"].(map[string]any)["build"]; build != "make build-static" {
		t.Errorf("the artifact is built by %v", build)
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	wrapper, err := os.ReadFile("run_ingest.py")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(wrapper), `f"ingest-linux-{architecture}"`) {
		t.Error("run_ingest.py looks for another file")
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		if !regexp.MustCompile(`(?m)^build-static:.* dist/ingest-linux-` + architecture).Match(makefile) {
			t.Errorf("make build-static makes no binary for %s", architecture)
		}
		if ok, err := filepath.Match(b.Root["sync"].(map[string]any)["include"].([]any)[0].(string), "dist/ingest-linux-"+architecture); !ok ||
			err != nil {
			t.Errorf("the binary for %s is not synchronised: %v", architecture, err)
		}
	}
}
