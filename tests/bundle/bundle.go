// Package bundle reads the project's Databricks bundle as `databricks bundle deploy` does:
// includes, the overrides of a target, variables and references. It exists because the Databricks
// CLI is not on every machine; tests/deploy uses that. It knows the meaning of no other field; its
// callers read the jobs.
package bundle

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bundle is a bundle as one target sees it, without references but those that
// Databricks resolves when a job runs ({{…}}).
type Bundle struct {
	Target    string
	Variables map[string]any
	Root      map[string]any // databricks.yml with includes and the target's overrides
}

// Options are what a deployment adds to the files.
type Options struct {
	Target    string
	Variables map[string]string // as by --var
	// FilePath is ${workspace.file_path}, where the files arrive.
	FilePath string
}

// Load reads the bundle in dir. A reference to something that does not exist, and a variable without a value, are errors that
// name it.
func Load(dir string, o Options) (*Bundle, error) {
	root, err := readAll(dir)
	if err != nil {
		return nil, err
	}
	targets, _ := root["targets"].(map[string]any)
	target, ok := targets[o.Target].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is no target %q", o.Target)
	}
	delete(root, "targets")
	b := &Bundle{Target: o.Target, Variables: map[string]any{}, Root: root}
	declared, _ := root["variables"].(map[string]any)
	for name, v := range declared {
		if value, ok := v.(map[string]any)["default"]; ok {
			b.Variables[name] = value
		}
	}
	values, _ := target["variables"].(map[string]any)
	for name, value := range values {
		if _, ok := declared[name]; !ok {
			return nil, fmt.Errorf("target %s sets the variable %s, which is not declared", o.Target, name)
		}
		b.Variables[name] = value
	}
	for name, value := range o.Variables {
		b.Variables[name] = value
	}
	delete(root, "variables")
	for name, value := range target {
		if name != "variables" && name != "default" {
			root[name] = merge(root[name], value)
		}
	}
	return b, b.resolve(o)
}

// readAll reads databricks.yml and what it includes.
func readAll(dir string) (map[string]any, error) {
	root, err := readFile(filepath.Join(dir, "databricks.yml"))
	if err != nil {
		return nil, err
	}
	includes, _ := root["include"].([]any)
	delete(root, "include")
	for _, pattern := range includes {
		files, err := filepath.Glob(filepath.Join(dir, fmt.Sprint(pattern)))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("include %v matches no file", pattern)
		}
		for _, file := range files {
			more, err := readFile(file)
			if err != nil {
				return nil, err
			}
			root = merge(root, more).(map[string]any)
		}
	}
	return root, nil
}

func readFile(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tree, nil
}

// merge lays b over a: maps key by key, everything else whole.
func merge(a, b any) any {
	under, ok := a.(map[string]any)
	over, ok2 := b.(map[string]any)
	if !ok || !ok2 {
		return b
	}
	out := maps.Clone(under)
	for key, value := range over {
		out[key] = merge(out[key], value)
	}
	return out
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// resolve replaces every reference. Variables may refer to variables.
func (b *Bundle) resolve(o Options) error {
	meta, _ := b.Root["bundle"].(map[string]any)
	r := resolver{bundle: b, known: map[string]any{
		"bundle.name": meta["name"], "bundle.target": b.Target, "workspace.file_path": o.FilePath,
	}}
	root, err := r.replace(b.Root, nil)
	if err != nil {
		return err
	}
	variables, err := r.replace(b.Variables, nil)
	if err != nil {
		return err
	}
	b.Root, b.Variables = root.(map[string]any), variables.(map[string]any)
	return nil
}

// resolver looks references up; seen are the ones that led to where it is.
type resolver struct {
	bundle *Bundle
	known  map[string]any
}

func (r resolver) value(path string, seen []string) (any, error) {
	if slices.Contains(seen, path) {
		return nil, fmt.Errorf("${%s} refers to itself by way of %s", path, strings.Join(seen, ", "))
	}
	if value, ok := r.known[path]; ok {
		return value, nil
	}
	first, rest, _ := strings.Cut(path, ".")
	var value any = r.bundle.Root
	keys := strings.Split(path, ".")
	switch first {
	case "var":
		if _, ok := r.bundle.Variables[rest]; !ok {
			return nil, fmt.Errorf("variable %s has no value", rest)
		}
		value, keys = r.bundle.Variables, []string{rest}
	case "resources":
	default:
		return nil, fmt.Errorf("${%s} leads nowhere", path)
	}
	for _, key := range keys {
		under, _ := value.(map[string]any)
		var ok bool
		if value, ok = under[key]; !ok {
			return nil, fmt.Errorf("${%s} leads nowhere", path)
		}
	}
	return r.replace(value, append(slices.Clone(seen), path))
}

// replace gives a copy of the tree without references. A text that is nothing
// but a reference takes the value's type.
func (r resolver) replace(tree any, seen []string) (any, error) {
	switch t := tree.(type) {
	case map[string]any:
		out := make(map[string]any, len(t))
		for key, item := range t {
			v, err := r.replace(item, seen)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			out[key] = v
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i, item := range t {
			v, err := r.replace(item, seen)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case string:
		return r.text(t, seen)
	}
	return tree, nil
}

func (r resolver) text(text string, seen []string) (any, error) {
	if m := reference.FindStringSubmatch(text); m != nil && m[0] == text {
		return r.value(m[1], seen)
	}
	var failed error
	out := reference.ReplaceAllStringFunc(text, func(found string) string {
		v, err := r.value(found[2:len(found)-1], seen)
		if err != nil {
			failed = err
			return found
		}
		return fmt.Sprint(v)
	})
	return out, failed
}
