package config

import (
	"errors"
	"reflect"
	"slices"

	"github.com/BurntSushi/toml"
)

var (
	currents     = []CurrentKind{CurrentNone, CurrentView, CurrentTable}
	deletesKinds = []Deletes{DeletesSoft, DeletesHard}
)

// columnKeys are the keys whose values are columns in the source.
var columnKeys = []string{"load.history_except", "load.key"}

func derivedNameKey(name string, at func(*Config) *DerivedName) key {
	return key{
		name: name, kind: text,
		set:     func(c *Config, v []string) (err error) { *at(c), err = parseDerivedName(v[0], false); return err },
		literal: func(c *Config) string { return quote(string(*at(c))) },
	}
}

func columnsKey(name string, at func(*Config) *[]string) key {
	return key{
		name: name, kind: list,
		set: func(c *Config, v []string) error {
			*at(c) = slices.Clone(v)
			return checkColumnList(v)
		},
		literal: func(c *Config) string { return listLiteral(*at(c)) },
	}
}

// derivedOption is one key of a section of tables.
type derivedOption struct {
	name string
	form form
	read func(f *file, where string, value toml.Primitive, s *DerivedSection)
}

// derivedOptions are all of them, in the order of the example.
var derivedOptions = []derivedOption{
	{"current", form{choices: texts(currents)}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.Current = chosen(f, where, value, currents)
	}},
	{"current_name", form{kind: text}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.CurrentName = f.derivedName(where, value, s.Exact)
	}},
	{"deletes", form{choices: texts(deletesKinds)}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.Deletes = chosen(f, where, value, deletesKinds)
	}},
	{"history", form{kind: boolean}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.History = f.boolean(where, value)
	}},
	{"history_name", form{kind: text}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.HistoryName = f.derivedName(where, value, s.Exact)
	}},
	{"history_except", form{kind: list}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.HistoryExcept = f.columnList("history_except", where, value)
	}},
	{"key", form{kind: list}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.Key = f.columnList("key", where, value)
	}},
	{"change_data_feed", form{kind: boolean}, func(f *file, where string, value toml.Primitive, s *DerivedSection) {
		s.ChangeDataFeed = f.boolean(where, value)
	}},
}

// chosen reads one of a few values.
func chosen[T ~string](f *file, where string, value toml.Primitive, choices []T) T {
	s, ok := decodeAs[string](f, where, value, text.want())
	if !ok {
		return ""
	}
	choice, err := choose(s, choices)
	f.noted(where, value, err)
	return choice
}

func (f *file) boolean(where string, value toml.Primitive) *bool {
	on, ok := decodeAs[bool](f, where, value, boolean.want())
	if !ok {
		return nil
	}
	return &on
}

func (f *file) derivedName(where string, value toml.Primitive, exact bool) DerivedName {
	s, ok := decodeAs[string](f, where, value, text.want())
	if !ok {
		return ""
	}
	if s == "" { // which would leave the name to less specific sections
		f.noted(where, value, errors.New(`want a name, as in "{table}_current"`))
		return ""
	}
	name, err := parseDerivedName(s, exact)
	f.noted(where, value, err)
	return name
}

// columnList reads the columns of an option. The result is not nil.
func (f *file) columnList(option, where string, value toml.Primitive) []string {
	columns, ok := decodeAs[[]string](f, where, value, list.want())
	if !ok {
		return nil
	}
	f.noted(where, value, checkColumnList(columns))
	f.note(option, value, columns, false)
	return append([]string{}, columns...)
}

// columnNames lists the columns in keys that apply to all tables.
func (r *reading) columnNames() []ColumnName {
	var out []ColumnName
	for _, key := range columnKeys {
		from, given := r.origins[key]
		if !given {
			continue
		}
		columns, option := r.config.Load.HistoryExcept, "history_except"
		if key == "load.key" {
			columns, option = r.config.Load.Key, "key"
		}
		for _, column := range columns {
			out = append(out, ColumnName{Where: r.place(key, from, column), Label: "[load]", Option: option, Column: column, Pattern: anyTable})
		}
	}
	return out
}

// derivedSections returns them in the order of the sections of tables, which must be sorted by now. It
// leaves out sections without such options.
func (f *file) derivedSections() []DerivedSection {
	var out []DerivedSection
	for _, t := range f.tables {
		if !reflect.ValueOf(t.derived.DerivedOptions).IsZero() {
			out = append(out, t.derived)
		}
	}
	return out
}
