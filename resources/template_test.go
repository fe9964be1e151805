package resources_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/ingest-tool/ingest/tests/bundle"
)

const templateDir = "template"

// property is a question of `databricks bundle init`.
type property struct {
	Default string `json:"default"`
	Pattern string `json:"pattern"`
}

// instantiate writes the template's files as `databricks bundle init` does: names and *.tmpl are Go templates,
// everything else is copied.
func instantiate(t *testing.T, answers map[string]string) string {
	t.Helper()
	out := t.TempDir()
	execute := func(text string) string {
		parsed, err := template.New("").Option("missingkey=error").Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var b strings.Builder
		if err := parsed.Execute(&b, answers); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return b.String()
	}
	source := os.DirFS(filepath.Join(templateDir, "template"))
	err := fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(source, path) // also through a link, which keeps one copy of what the bundle has too
		if err != nil {
			return err
		}
		to := filepath.Join(out, execute(strings.TrimSuffix(path, ".tmpl")))
		if strings.HasSuffix(path, ".tmpl") {
			text = []byte(execute(string(text)))
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(out, answers["project_name"])
}

// TestTemplate: a bundle of the template resolves, and its jobs are those of this repository's bundle, with the
// catalog, schema and schedule that were asked for.
func TestTemplate(t *testing.T) {
	var schema struct{ Properties map[string]property }
	read := func(path string, into any) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	read(filepath.Join(templateDir, "databricks_template_schema.json"), &schema)
	answers := map[string]string{}
	for name, p := range schema.Properties {
		answers[name] = p.Default
	}
	answers["warehouse_id"], answers["source_schemas"], answers["prod_catalog"] = "1234567890abcdef", "shop, billing", "lake"
	for name, p := range schema.Properties {
		if p.Pattern != "" && !regexp.MustCompile(p.Pattern).MatchString(answers[name]) {
			t.Errorf("%s: %q does not match %s", name, answers[name], p.Pattern)
		}
	}
	dir := instantiate(t, answers)
	for _, target := range []string{"dev", "prod"} {
		variables := map[string]string{}
		if target == "prod" {
			variables["service_principal"] = "00000000-0000-0000-0000-00000000000p"
		}
		b, err := bundle.Load(dir, bundle.Options{Target: target, Variables: variables, FilePath: "/files"})
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		jobs, err := b.Jobs()
		if err != nil {
			t.Fatal(err)
		}
		_, ours := load(t, "prod")
		for key, job := range jobs {
			for i, outer := range job.Tasks {
				if got, want := command(t, outer.Innermost()), command(t, ours[key].Tasks[i].Innermost()); got != want {
					t.Errorf("%s: %s runs %q, want %q", target, key, got, want)
				}
			}
		}
		settings := b.Variables["settings"].(string)
		for _, want := range []string{"INGEST_SOURCE_SCHEMAS='shop, billing'", "INGEST_SCHEMA=bronze", "INGEST_WAREHOUSE=1234567890abcdef"} {
			if !strings.Contains(settings, want) {
				t.Errorf("%s: the settings %q lack %s", target, settings, want)
			}
		}
		if build := b.Root["artifacts"].(map[string]any)["binaries"].(map[string]any)["build"]; build != "scripts/fetch-release latest" {
			t.Errorf("%s is built by %v", target, build)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "scripts", "fetch-release")); err != nil {
		t.Error(err)
	}
}
