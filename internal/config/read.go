package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
)

// DefaultFile is the file that is read from the working directory by default. It need not exist.
const DefaultFile = "ingest.toml"

// fileVariable is the environment variable that names the file.
const fileVariable = "INGEST_CONFIG"

// testPrefix begins the variables that belong to the project's tests.
const testPrefix = "INGEST_TEST_"

// Inputs is all that a Config is made from.
type Inputs struct {
	File        string   // of --config; empty: INGEST_CONFIG, then DefaultFile
	Environment []string // NAME=value, as os.Environ gives it
	Flags       []Flag   // that were given
	NoFile      bool     // read no file, whatever File and the environment say
}

// Flag is the value of a flag for a key of the file. A key with a secret has no flag, except that init
// takes the source's address, whose password it does not keep.
type Flag struct {
	Name  string // with its dashes, for errors
	Key   string // section.key
	Value string
}

// rank orders the origins of a value: the greater wins.
type rank int

const (
	fromFile rank = iota + 1
	fromStandard
	fromVariable
	fromFlag
)

// origin is where a key's value comes from.
type origin struct {
	rank rank
	text string
}

// reading is a Config in progress.
type reading struct {
	config  *Config
	origins map[string]origin
	lines   map[string]map[string]int // of the file, by key and value, of arrays of names

	replaced  map[string][]origin // lower origins that set the key too
	overruled map[string]string   // the key that was used instead, by key
	options   []Setting           // of sections of tables
}

// Read makes the configuration. Every error is a usage error that gives the value's position and what
// the value must be.
func Read(in Inputs) (*Config, error) {
	r, errs := readAll(in)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return r.config, nil
}

// readAll goes on after an error, so that all of them can be listed. The errors are in the order of the
// origins: file, environment, flags.
func readAll(in Inputs) (*reading, []error) {
	r := &reading{
		config: Default(), origins: map[string]origin{}, lines: map[string]map[string]int{},
		replaced: map[string][]origin{}, overruled: map[string]string{},
	}
	env := variables(in.Environment)
	var errs []error
	if !in.NoFile {
		if err := r.readFile(in.File, env[fileVariable]); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, r.readEnvironment(env)...)
	for _, f := range in.Flags {
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == f.Key })
		if i < 0 {
			errs = append(errs, fmt.Errorf("flag %s is for %q, which is no key", f.Name, f.Key))
		} else if err := r.setText(keys[i], origin{fromFlag, f.Name}, f.Value); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return r, errs
	}
	if err := r.decide(); err != nil {
		return r, []error{err}
	}
	r.config.Names = append(r.names(), r.config.Names...)
	r.config.ColumnNames = append(r.columnNames(), r.config.ColumnNames...)
	return r, nil
}

// variables is an environment as a map, without empty variables.
func variables(environ []string) map[string]string {
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			env[name] = value
		}
	}
	return env
}

func (r *reading) readFile(flag, variable string) error {
	path, named := flag, "--config"
	if path == "" {
		path, named = variable, fileVariable
	}
	if path == "" {
		path, named = DefaultFile, ""
	}
	contents, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named == "":
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure.New(failure.Usage, "read configuration %s: no such file, named by %s", path, named)
	case err != nil:
		return failure.New(failure.Usage, "read configuration: %w", err)
	}
	r.config.File = path
	f, sections, err := readFile(path, string(contents), func(k key, line int, values []string) error {
		if slices.Contains(nameKeys, k.name) || slices.Contains(columnKeys, k.name) {
			r.lines[k.name] = map[string]int{}
			for _, value := range values {
				r.lines[k.name][value] = itemLine(strings.Split(string(contents), "\n"), line, value)
			}
		}
		return r.set(k, origin{fromFile, fmt.Sprintf("%s:%d", path, line)}, values)
	})
	if err != nil {
		return err
	}
	r.config.Shape.Sections, r.config.Names, r.config.ColumnNames = sections, f.names, f.columnNames
	r.config.DerivedSections = f.derivedSections()
	r.options = f.options
	return nil
}

func (r *reading) readEnvironment(env map[string]string) (errs []error) {
	known := []string{fileVariable}
	for _, k := range keys {
		known = append(known, k.variable())
		for _, name := range slices.Backward(k.standard) {
			if value, ok := env[name]; ok {
				if err := r.setText(k, origin{fromStandard, name}, value); err != nil {
					errs = append(errs, err)
				}
			}
		}
		if value, ok := env[k.variable()]; ok {
			if err := r.setText(k, origin{fromVariable, k.variable()}, value); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"} {
		if _, ok := env[name]; ok {
			r.config.Source.PGVariables = true
		}
	}
	for name := range env {
		ours := strings.HasPrefix(name, "INGEST_") && !strings.HasPrefix(name, testPrefix)
		if ours && !slices.Contains(known, name) {
			warning := fmt.Sprintf("the variable %s is not known and is ignored", name)
			if near := Nearest(name, known); near != "" {
				warning += fmt.Sprintf("; did you mean %s?", near)
			}
			r.config.Warnings = append(r.config.Warnings, warning)
		}
	}
	slices.Sort(r.config.Warnings)
	return errs
}

// setText sets a key from text that is not TOML.
func (r *reading) setText(k key, from origin, value string) error {
	values := []string{value}
	if k.kind == list {
		values = SplitList(value)
	}
	if err := r.set(k, from, values); err != nil {
		return failure.New(failure.Usage, "%s: %w", from.text, err)
	}
	return nil
}

func (r *reading) set(k key, from origin, values []string) error {
	if err := k.set(r.config, values); err != nil {
		return err
	}
	if before, given := r.origins[k.name]; given {
		r.replaced[k.name] = append(r.replaced[k.name], before)
	}
	r.origins[k.name] = from
	return nil
}

// decide resolves two keys for the same setting: the value of the higher origin wins. One origin must
// not set both.
func (r *reading) decide() error {
	source, destination := &r.config.Source, &r.config.Destination
	if source.Failover && source.Standby != "" {
		return failure.New(failure.Usage,
			"source.failover and source.standby exclude each other (%s, %s): a slot on a standby cannot be a failover slot",
			r.origins["source.failover"].text, r.origins["source.standby"].text).WithHint("leave one of them out")
	}
	for _, pair := range []struct {
		a, b   string
		both   bool
		clearA func()
		clearB func()
	}{
		{"source.url", "source.url_secret", source.URL != "" && source.URLSecret != "", func() { source.URL = "" },
			func() { source.URLSecret = "" }},
		{
			"source.ssh_identity_file", "source.ssh_identity_secret", source.SSH.IdentityFile != "" && source.SSH.IdentitySecret != "",
			func() { source.SSH.IdentityFile = "" }, func() { source.SSH.IdentitySecret = "" },
		},
		{"mask.key", "mask.key_secret", r.config.Mask.Key != "" && r.config.Mask.KeySecret != "", func() { r.config.Mask.Key = "" },
			func() { r.config.Mask.KeySecret = "" }},
	} {
		if !pair.both {
			continue
		}
		higher, err := r.higher(pair.a, pair.b)
		if err != nil {
			return err
		}
		if higher == pair.a {
			pair.clearB()
			r.overruled[pair.b] = pair.a
		} else {
			pair.clearA()
			r.overruled[pair.a] = pair.b
		}
	}
	if destination.Local == "" || destination.Host == "" {
		return nil
	}
	// Many shells set DATABRICKS_HOST. It must not turn a local run into one on Databricks.
	if r.origins["destination.host"].rank == fromStandard {
		destination.Host = ""
		r.overruled["destination.host"] = "destination.local"
		return nil
	}
	higher, err := r.higher("destination.local", "destination.host")
	if err != nil {
		return err
	}
	if higher == "destination.local" {
		destination.Host = ""
		r.overruled["destination.host"] = "destination.local"
	} else {
		destination.Local = ""
		r.overruled["destination.local"] = "destination.host"
	}
	return nil
}

func (r *reading) higher(a, b string) (string, error) {
	x, y := r.origins[a], r.origins[b]
	switch {
	case x.rank > y.rank:
		return a, nil
	case x.rank < y.rank:
		return b, nil
	}
	return "", failure.New(failure.Usage, "%s and %s are both set (%s, %s): keep one", a, b, x.text, y.text)
}

// SplitList splits at commas outside of double quotes and trims the space around each item. It drops
// empty items, so "a,b," is two.
func SplitList(s string) []string {
	var items []string
	quoted, start := false, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '"' {
			quoted = !quoted
		}
		if i == len(s) || s[i] == ',' && !quoted {
			if item := strings.TrimSpace(s[start:i]); item != "" {
				items = append(items, item)
			}
			start = i + 1
		}
	}
	return items
}
