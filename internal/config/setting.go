package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Setting is the effective value of a key, or of an option of a section of tables, and where it comes
// from.
type Setting struct {
	Key       string   // section.key, or tables."pattern".option
	Literal   string   // the value as TOML; a secret is replaced, an unset text is ""
	Origin    Origin   // of the value
	From      string   // file:line, the variable or the flag; empty for a default
	Variable  string   // the key's variable; empty for an option of tables
	Secret    bool     // the value may contain a password
	Replaced  []string // where lower origins set the key too, the highest first
	Overruled string   // the key that is used instead of this one; empty if this one is used
}

// Origin is the kind of a value's origin.
type Origin string

// The origins, the lowest first.
const (
	FromDefault     Origin = "default"
	FromFile        Origin = "file"
	FromEnvironment Origin = "environment"
	FromFlag        Origin = "flag"
)

func (o origin) kind() Origin {
	switch o.rank {
	case fromFile:
		return FromFile
	case fromStandard, fromVariable:
		return FromEnvironment
	case fromFlag:
		return FromFlag
	}
	return FromDefault
}

// Mistake is one wrong value.
type Mistake struct {
	What string // with its position
	File string // empty for the environment and flags
	Line int    // 0 if it has none
	Hint string // may be empty
}

// Explained is a configuration with the origin of each value.
type Explained struct {
	Config   *Config   // nil if a value is wrong
	File     string    // that was read; empty if there was none
	Settings []Setting // the keys in the order of the example, then the options of tables
	Mistakes []Mistake
	Warnings []string
	// Others are variables without a key that are set: those of libpq and of the Databricks SDK.
	Others []string
}

// libpqVariables are the variables that complete the source's address.
var libpqVariables = strings.Fields(`PGHOST PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGSSLMODE PGSSLCERT
	PGSSLKEY PGSSLPASSWORD PGSSLROOTCERT PGSSLSNI PGCONNECT_TIMEOUT PGTARGETSESSIONATTRS PGOPTIONS PGAPPNAME PGTZ`)

// others are the set variables that libpq or the Databricks SDK reads, and that are no key's.
func others(env map[string]string) (names []string) {
	for name := range env {
		known := slices.ContainsFunc(keys, func(k key) bool { return slices.Contains(k.standard, name) })
		if slices.Contains(libpqVariables, name) || strings.HasPrefix(name, "DATABRICKS_") && !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Explain reads the configuration as Read does. It lists all mistakes: of the file, the environment and
// the flags, and what a run needs and is missing.
func Explain(in Inputs) *Explained {
	r, errs := readAll(in)
	e := &Explained{File: r.config.File, Warnings: r.config.Warnings, Others: others(variables(in.Environment))}
	for _, err := range errs {
		if m, ok := errors.AsType[*mistaken](err); ok {
			e.Mistakes = append(e.Mistakes, m.list...)
			continue
		}
		e.Mistakes = append(e.Mistakes, Mistake{What: err.Error(), Hint: failure.HintOf(err)})
	}
	if len(e.Mistakes) > 0 {
		return e
	}
	e.Config = r.config
	for _, k := range keys {
		from := r.origins[k.name]
		s := Setting{
			Key: k.name, Literal: k.literal(r.config), Origin: from.kind(), From: from.text, Variable: k.variable(), Secret: k.secret,
			Overruled: r.overruled[k.name],
		}
		for _, o := range slices.Backward(r.replaced[k.name]) {
			s.Replaced = append(s.Replaced, o.text)
		}
		e.Settings = append(e.Settings, s)
	}
	e.Settings = append(e.Settings, r.options...)
	e.Mistakes = r.config.lacks()
	return e
}

// lacks are the mistakes that stop a run before it connects although each value is valid: what is
// missing.
func (c *Config) lacks() (out []Mistake) {
	for _, need := range []func() error{c.NeedSource, c.NeedDestination} {
		if err := need(); err != nil {
			out = append(out, Mistake{What: err.Error(), Hint: failure.HintOf(err)})
		}
	}
	if m := c.NeedsKey(); m != nil && c.Mask == (Mask{}) {
		what, remedy := m.WithoutKey()
		out = append(out, Mistake{What: m.Where + ": " + what, Hint: remedy})
	}
	return out
}

// setting notes an option of a section of tables.
func (f *file) setting(label, option string, value toml.Primitive) {
	var raw any
	if f.meta.PrimitiveDecode(value, &raw) != nil {
		return // which is a mistake already
	}
	f.options = append(f.options, Setting{
		Key: fmt.Sprintf("%s.%s.%s", tablesSection, quote(label), option), Literal: literal(raw), Origin: FromFile,
		From: fmt.Sprintf("%s:%d", f.path, f.line(value)),
	})
}

// literal is a value of a section of tables as TOML.
func literal(raw any) string {
	switch v := raw.(type) {
	case string:
		return quote(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = literal(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, bareOrQuoted(name)+" = "+literal(v[name]))
		}
		return "{ " + strings.Join(pairs, ", ") + " }"
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(raw)
}

// bareOrQuoted is a name as a key of TOML.
func bareOrQuoted(name string) string {
	bare := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !bare(r) }) < 0 {
		return name
	}
	return quote(name)
}

// Value is the setting's value: a string, a list, a number or a boolean.
func (s *Setting) Value() any {
	var v map[string]any
	if _, err := toml.Decode("v = "+s.Literal, &v); err != nil {
		return s.Literal
	}
	return v["v"]
}

// Err is the error for all mistakes; nil if there are none. Its hint is the first one's.
func (e *Explained) Err() error {
	if len(e.Mistakes) == 0 {
		return nil
	}
	return mistakesError(e.Mistakes)
}
