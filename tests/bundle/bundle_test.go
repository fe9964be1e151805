package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const root = `
bundle: {name: shop}
include: [more*.yml]
variables:
  a: {default: 1}
  b: {default: "${var.a} and ${bundle.target}"}
  list: {default: [x, "${var.b}"]}
resources: {jobs: {j: {name: "${bundle.name}", first: true}}}
targets:
  dev: {variables: {a: 2}, resources: {jobs: {j: {first: false}}}}
`

func TestLoad(t *testing.T) {
	dir := write(t, map[string]string{"databricks.yml": root, "more.yml": `
resources: {jobs: {j: {number: "${var.a}", list: "${var.list}", other: "${resources.jobs.j.name} in ${workspace.file_path}"}}}
`})
	b, err := Load(dir, Options{Target: "dev", FilePath: "/files"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"bundle": map[string]any{"name": "shop"},
		"resources": map[string]any{"jobs": map[string]any{"j": map[string]any{
			"name": "shop", "first": false, "number": 2, "list": []any{"x", "2 and dev"}, "other": "shop in /files",
		}}},
	}
	if diff := cmp.Diff(want, b.Root); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ more, target, want string }{
		"no target":        {"x: 1", "test", `no target "test"`},
		"unknown variable": {"x: ${var.c}", "dev", "x: variable c has no value"},
		"nowhere":          {"x: ${resources.jobs.k.name}", "dev", "${resources.jobs.k.name} leads nowhere"},
		"unknown":          {"x: a${what.is}", "dev", "${what.is} leads nowhere"},
		"circle":           {"variables: {a: {default: 1}, c: {default: '${var.d}'}, d: {default: '${var.c}'}}", "dev", "refers to itself"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"databricks.yml": root, "more.yml": test.more})
			_, err := Load(dir, Options{Target: test.target})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := Load(write(t, map[string]string{"databricks.yml": root}), Options{Target: "dev"}); err == nil ||
		!strings.Contains(err.Error(), "matches no file") {
		t.Errorf("got %v", err)
	}
}
