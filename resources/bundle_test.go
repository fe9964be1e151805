// Package resources_test checks the Databricks bundle as far as it can be
// checked without a workspace.
package resources_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type job struct {
	Tasks []struct {
		Key       string `yaml:"task_key"`
		DependsOn []struct {
			Key string `yaml:"task_key"`
		} `yaml:"depends_on"`
		Environment string `yaml:"environment_key"`
		Retries     *int   `yaml:"max_retries"`
		Python      struct {
			File       string   `yaml:"python_file"`
			Parameters []string `yaml:"parameters"`
		} `yaml:"spark_python_task"`
	} `yaml:"tasks"`
	Parameters   []named `yaml:"parameters"`
	Environments []named `yaml:"environments"`
	MaxRuns      int     `yaml:"max_concurrent_runs"`
}

type named struct {
	Name string `yaml:"name"`            // of a parameter
	Key  string `yaml:"environment_key"` // of an environment
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

func TestVariablesAreDeclared(t *testing.T) {
	var bundle struct{ Variables map[string]any }
	read(t, "../databricks.yml", &bundle)
	files, err := filepath.Glob("*.yml")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range append(files, "../databricks.yml") {
		for _, m := range regexp.MustCompile(`\$\{var\.(\w+)\}`).FindAllStringSubmatch(read(t, file, new(any)), -1) {
			used[m[1]] = true
			if _, ok := bundle.Variables[m[1]]; !ok {
				t.Errorf("%s uses the variable %s, which databricks.yml does not declare", file, m[1])
			}
		}
	}
	for name := range bundle.Variables {
		if !used[name] {
			t.Errorf("nothing uses the variable %s", name)
		}
	}
}

func TestJob(t *testing.T) {
	var file struct{ Resources struct{ Jobs map[string]job } }
	read(t, "ingest_job.yml", &file)
	j, ok := file.Resources.Jobs["ingest_job"]
	if !ok {
		t.Fatal("there is no ingest_job")
	}
	if j.MaxRuns != 1 {
		t.Errorf("%d runs at a time, want 1", j.MaxRuns)
	}
	commands := map[string]string{}
	for _, task := range j.Tasks {
		if _, err := os.Stat(task.Python.File); err != nil {
			t.Errorf("%s: %v", task.Key, err)
		}
		if !slices.ContainsFunc(j.Environments, func(e named) bool { return e.Key == task.Environment }) {
			t.Errorf("%s: no environment %q", task.Key, task.Environment)
		}
		if task.Retries == nil || *task.Retries != 0 {
			t.Errorf("%s: Databricks would repeat it by itself", task.Key)
		}
		commands[task.Key] = command(t, task.Key, task.Python.Parameters)
		for _, p := range task.Python.Parameters {
			for _, m := range regexp.MustCompile(`\{\{job\.parameters\.(\w+)\}\}`).FindAllStringSubmatch(p, -1) {
				if !slices.ContainsFunc(j.Parameters, func(p named) bool { return p.Name == m[1] }) {
					t.Errorf("%s: no job parameter %q", task.Key, m[1])
				}
			}
		}
	}
	if commands["full_load_task"] != "full-load" || commands["cdc_load_task"] != "cdc" {
		t.Errorf("tasks run %v", commands)
	}
}

// command is the first parameter that run_ingest.py takes for the command.
func command(t *testing.T, task string, parameters []string) string {
	t.Helper()
	if len(parameters) == 0 || !strings.HasPrefix(parameters[0], "--binaries=") {
		t.Errorf("%s: the first parameter is not --binaries", task)
		return ""
	}
	variable := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	for _, p := range parameters[1:] {
		if !variable.MatchString(p) {
			return p
		}
	}
	t.Errorf("%s: no command", task)
	return ""
}
