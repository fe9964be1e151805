package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/shape"
)

// mistake is one wrong line of the file.
type mistake struct {
	line int // 0 if unknown
	text string
	hint string // may be empty
}

// mistaken is the error of a file with mistakes.
type mistaken struct {
	text string
	list []Mistake
}

func (m *mistaken) Error() string { return m.text }

// file is the configuration file while it is read. apply puts values into a Config. The file collects
// mistakes, so that one run shows all of them.
type file struct {
	path     string
	meta     toml.MetaData
	apply    func(k key, line int, values []string) error
	tables   []tableSection
	options  []Setting // of sections of tables
	mistakes []mistake

	lines       []string // of the file
	label       string   // of the section that is being read, and its pattern
	pattern     Pattern
	names       []Name // of sections of tables
	columnNames []ColumnName
}

// readFile reads the text of a configuration file and passes each value to apply. It returns the
// sections of tables, the least specific first.
func readFile(path, contents string, apply func(k key, line int, values []string) error) (*file, []shape.Section, error) {
	f := &file{path: path, apply: apply, lines: strings.Split(contents, "\n")}
	var top map[string]toml.Primitive
	meta, err := toml.Decode(contents, &top)
	if err != nil {
		if parse, ok := errors.AsType[toml.ParseError](err); ok {
			f.mistakes = []mistake{{line: parse.Position.Line, text: withoutValues(parse.Message)}}
		} else {
			f.mistakes = []mistake{{text: withoutValues(err.Error())}}
		}
		return nil, nil, f.err()
	}
	f.meta = meta
	for _, name := range sorted(top) {
		f.section(name, top[name])
	}
	return f, f.bySpecificity(), f.err()
}

func (f *file) section(name string, value toml.Primitive) {
	if name == tablesSection {
		f.readTables(value)
		return
	}
	if !slices.Contains(sections(), name) {
		f.unknownSection(name, value)
		return
	}
	if t := f.meta.Type(name); t != "Hash" && t != "" { // none: implied by its members
		f.mistake(value, fmt.Sprintf("%s: want a section, [%s], not a value", name, name))
		return
	}
	var entries map[string]toml.Primitive
	if err := f.meta.PrimitiveDecode(value, &entries); err != nil {
		f.mistake(value, fmt.Sprintf("%s: %v", name, err))
		return
	}
	for _, leaf := range sorted(entries) {
		f.entry(name, leaf, entries[leaf])
	}
}

func (f *file) entry(section, leaf string, value toml.Primitive) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == section+"."+leaf })
	if i < 0 {
		f.mistake(value, unknownKey(section, leaf))
		return
	}
	k := keys[i]
	var raw any
	if err := f.meta.PrimitiveDecode(value, &raw); err != nil {
		f.mistake(value, fmt.Sprintf("%s: %v", k.name, err))
		return
	}
	values, err := k.fromTOML(raw)
	if err == nil {
		err = f.apply(k, f.line(value), values)
	}
	if err != nil {
		f.mistakes = append(f.mistakes, mistake{line: f.line(value), text: fmt.Sprintf("%s: %v", k.name, err), hint: failure.HintOf(err)})
	}
}

// fromTOML converts a TOML value to the text that set accepts. A refused value is not repeated: any
// key may hold a password.
func (k key) fromTOML(raw any) ([]string, error) {
	switch v := raw.(type) {
	case string:
		if k.kind == text || k.kind == size || k.kind == duration {
			return []string{v}, nil
		}
	case int64:
		if k.kind == integer || k.kind == size {
			return []string{strconv.FormatInt(v, 10)}, nil
		}
	case bool:
		if k.kind == boolean {
			return []string{strconv.FormatBool(v)}, nil
		}
	case []any:
		values := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok || k.kind != list {
				return nil, errors.New(k.kind.want())
			}
			values[i] = s
		}
		if k.kind == list {
			return values, nil
		}
	}
	return nil, errors.New(k.kind.want())
}

func (k kind) want() string {
	switch k {
	case list:
		return `want an array of strings, such as ["a", "b"]`
	case integer:
		return "want a whole number without quotes"
	case boolean:
		return "want true or false, without quotes"
	case size:
		return `want a size such as "256MB", "1GiB" or a number of bytes`
	case duration:
		return `want a duration with its unit, such as "30s" or "5m"`
	default:
		return "want a string in quotes"
	}
}

func (f *file) unknownSection(name string, value toml.Primitive) {
	said := fmt.Sprintf("unknown section [%s]", name)
	if t := f.meta.Type(name); t != "Hash" && t != "" {
		said = fmt.Sprintf("unknown key %q outside of a section", name)
		for _, k := range keys {
			if k.leaf() == name {
				f.mistake(value, fmt.Sprintf("%s; it belongs under [%s]", said, k.section()))
				return
			}
		}
	}
	if near := Nearest(name, sections()); near != "" {
		said += fmt.Sprintf("; did you mean [%s]?", near)
	} else {
		said += "; the sections are [" + strings.Join(sections(), "], [") + "]"
	}
	f.mistake(value, said)
}

// unknownKey reports the error and suggests the right key: one with a similar spelling in the same
// section, else one of another section.
func unknownKey(section, leaf string) string {
	said := fmt.Sprintf("unknown key %q under [%s]", leaf, section)
	var here, elsewhere []string
	for _, k := range keys {
		switch {
		case k.section() == section:
			here = append(here, k.leaf())
		case k.leaf() == leaf:
			return fmt.Sprintf("%s; it belongs under [%s]", said, k.section())
		default:
			elsewhere = append(elsewhere, k.leaf())
		}
	}
	if near := Nearest(leaf, here); near != "" {
		return fmt.Sprintf("%s; did you mean %q?", said, near)
	}
	if near := Nearest(leaf, elsewhere); near != "" {
		i := slices.IndexFunc(keys, func(k key) bool { return k.section() != section && k.leaf() == near })
		return fmt.Sprintf("%s; did you mean %q under [%s]?", said, near, keys[i].section())
	}
	return said + "; its keys are " + strings.Join(here, ", ")
}

func (f *file) mistake(value toml.Primitive, said string) {
	f.mistakes = append(f.mistakes, mistake{line: f.line(value), text: said})
}

// located makes the decoder fail at a value, which reveals the value's position.
type located struct{}

func (located) UnmarshalTOML(any) error { return errors.New("found") }

// line is the line of a value. A table that is only implied by its members has no position, and gets
// its first member's.
func (f *file) line(value toml.Primitive) int {
	var found toml.ParseError
	if errors.As(f.meta.PrimitiveDecode(value, &located{}), &found) && found.Position.Line > 0 {
		return found.Position.Line
	}
	var members map[string]toml.Primitive
	if f.meta.PrimitiveDecode(value, &members) != nil || len(members) == 0 {
		return 0
	}
	first := math.MaxInt
	for _, m := range members {
		if line := f.line(m); line > 0 {
			first = min(first, line)
		}
	}
	if first == math.MaxInt {
		return 0
	}
	return first
}

func (f *file) err() error {
	if len(f.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(f.mistakes, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	list := make([]Mistake, len(f.mistakes))
	for i, m := range f.mistakes {
		where := f.path
		if m.line > 0 {
			where += ":" + strconv.Itoa(m.line)
		}
		list[i] = Mistake{What: where + ": " + m.text, File: f.path, Line: m.line, Hint: m.hint}
	}
	return mistakesError(list)
}

// mistakesError is the usage error for mistakes, of which there is at least one.
func mistakesError(list []Mistake) error {
	text, hint := list[0].What, ""
	if len(list) > 1 {
		text = fmt.Sprintf("%d mistakes in the configuration", len(list))
	}
	for _, m := range list {
		if len(list) > 1 {
			text += "\n  " + m.What
		}
		hint = cmp.Or(hint, m.Hint)
	}
	return failure.New(failure.Usage, "%w", &mistaken{text: text, list: list}).WithHint("%s", hint)
}

// sections are the names of the sections, in order.
func sections() []string {
	var names []string
	for _, k := range keys {
		if !slices.Contains(names, k.section()) {
			names = append(names, k.section())
		}
	}
	return append(names, tablesSection)
}

func sorted(m map[string]toml.Primitive) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
