package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// tablesSection contains a section for each table, or pattern of tables, with options:
// [tables."public.orders"].
const tablesSection = "tables"

// tableSection is one of them, with the pattern that names it.
type tableSection struct {
	pattern Pattern
	section shape.Section
	derived DerivedSection
}

// tableOption is one key of such a section.
type tableOption struct {
	name string
	form form
	read func(f *file, where string, value toml.Primitive, o *shape.Options)
}

// tableOptions are all of them, in the order of the example.
var tableOptions = []tableOption{
	{"name", form{kind: text}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		if s, ok := decodeAs[string](f, where, value, "want a string in quotes"); ok {
			f.noted(where, value, checkObjectName(s))
			o.Name = s
		}
	}},
	{"exclude_columns", form{kind: list}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		if names, ok := decodeAs[[]string](f, where, value, list.want()); ok {
			o.Exclude = names
			f.note("exclude_columns", value, names, false)
		}
	}},
	{"rename", form{each: &form{kind: text}}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		o.Rename = map[string]string{}
		f.columns(where, value, func(column, where string, value toml.Primitive) {
			if s, ok := decodeAs[string](f, where, value, "want a string in quotes"); ok {
				f.noted(where, value, checkColumnName(s))
				o.Rename[column] = s
				f.note("rename", value, []string{column}, false)
			}
		})
	}},
	{"type", form{each: &form{kind: text}}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		o.Types = map[string]schema.Type{}
		f.columns(where, value, func(column, where string, value toml.Primitive) {
			if s, ok := decodeAs[string](f, where, value, `want a type of Databricks in quotes, such as "DECIMAL(38,18)"`); ok {
				t, err := schema.ParseType(s)
				f.noted(where, value, err)
				o.Types[column] = t
				f.note("type", value, []string{column}, false)
			}
		})
	}},
	{"mask", form{each: &form{mask: true}}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		o.Masks = map[string]schema.Mask{}
		f.columns(where, value, func(column, where string, value toml.Primitive) {
			var raw any
			if err := f.meta.PrimitiveDecode(value, &raw); err != nil {
				f.noted(where, value, err)
				return
			}
			m, err := parseMask(raw)
			f.noted(where, value, err)
			o.Masks[column] = m
			f.note("mask", value, []string{column}, isHMAC(m))
		})
	}},
	{"json", form{choices: texts(jsons)}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		if s, ok := decodeAs[string](f, where, value, "want a string in quotes"); ok {
			var err error
			o.JSON, err = choose(s, jsons)
			f.noted(where, value, err)
		}
	}},
	{"naming", form{choices: texts(namings)}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		if s, ok := decodeAs[string](f, where, value, "want a string in quotes"); ok {
			var err error
			o.Naming, err = choose(s, namings)
			f.noted(where, value, err)
		}
	}},
	{"tags", form{each: &form{kind: text}}, func(f *file, where string, value toml.Primitive, o *shape.Options) {
		tags, ok := f.table(where, value, `want tags with a value each, such as { domain = "sales" }`)
		if !ok {
			return
		}
		o.Tags = map[string]string{}
		for _, tag := range sorted(tags) {
			where := fmt.Sprintf("%s: tag %q", where, tag)
			if s, ok := decodeAs[string](f, where, tags[tag], "want a string in quotes"); ok {
				f.noted(where, tags[tag], checkTag(tag, s))
				o.Tags[tag] = s
			}
		}
	}},
}

// checkTag accepts what Unity Catalog accepts as a tag.
func checkTag(name, value string) error {
	switch {
	case name == "" || utf8.RuneCountInString(name) > 255:
		return errors.New("want a name of 1 to 255 characters")
	case strings.ContainsAny(name, ".,-=/:") || strings.TrimSpace(name) != name:
		return errors.New("a name has none of . , - = / : and no space around it")
	case utf8.RuneCountInString(value) > 1000:
		return errors.New("want a value of at most 1000 characters")
	}
	return nil
}

// parseMask reads "hmac-sha256", "null" or {fixed = "…"}.
func parseMask(raw any) (schema.Mask, error) {
	switch v := raw.(type) {
	case string:
		if k := schema.MaskKind(v); k == schema.MaskHMAC || k == schema.MaskNull {
			return schema.Mask{Kind: k}, nil
		}
	case map[string]any:
		if fixed, ok := v["fixed"].(string); ok && len(v) == 1 {
			return schema.Mask{Kind: schema.MaskFixed, Fixed: fixed}, nil
		}
	}
	return schema.Mask{}, errors.New(`want "hmac-sha256", "null" or { fixed = "…" }`)
}

// checkColumnName accepts what a column of a Delta table can be named.
func checkColumnName(s string) error {
	if s == "" || len(s) > 255 || strings.ContainsRune(s, 0) {
		return fmt.Errorf("want a name of 1 to 255 bytes, not %q", s)
	}
	return checkNoVariable(s)
}

// readTables reads all sections of tables.
func (f *file) readTables(value toml.Primitive) {
	labels, ok := f.table(tablesSection, value, `want sections such as [tables."public.orders"]`)
	if !ok {
		return
	}
	for _, label := range sorted(labels) {
		where := fmt.Sprintf("[%s.%s]", tablesSection, quote(label))
		pattern, err := ParsePattern(label)
		if err != nil {
			f.noted(where, labels[label], err)
			continue
		}
		options, ok := f.table(where, labels[label], `want a section; a name with a dot needs quotes, as in [tables."public.orders"]`)
		if !ok {
			continue
		}
		f.label, f.pattern = where, pattern
		f.names = append(f.names,
			Name{Where: fmt.Sprintf("%s:%d", f.path, f.line(labels[label])), Key: where, Text: label, Pattern: pattern, Section: true})
		_, exact := pattern.Literal("")
		t := tableSection{pattern: pattern, section: shape.Section{Label: where, Exact: exact, Matches: pattern.Match}}
		t.derived = DerivedSection{Label: where, Exact: exact, Matches: pattern.Match}
		for _, name := range sorted(options) {
			f.tableOption(where, name, options[name], &t)
			f.setting(label, name, options[name])
		}
		f.tables = append(f.tables, t)
	}
}

func (f *file) tableOption(where, name string, value toml.Primitive, to *tableSection) {
	var names []string
	for _, o := range tableOptions {
		if names = append(names, o.name); o.name == name {
			o.read(f, where+" "+name, value, &to.section.Options)
			return
		}
	}
	for _, o := range derivedOptions {
		if names = append(names, o.name); o.name == name {
			o.read(f, where+" "+name, value, &to.derived)
			return
		}
	}
	said := fmt.Sprintf("unknown key %q under %s", name, where)
	switch near := Nearest(name, names); {
	case near != "":
		said += fmt.Sprintf("; did you mean %q?", near)
	case f.isTable(value):
		said += `; a name with a dot needs quotes, as in [tables."public.orders"]`
	default:
		said += "; its keys are " + strings.Join(names, ", ")
	}
	f.mistake(value, said)
}

// columns reads a table of column → value.
func (f *file) columns(where string, value toml.Primitive, each func(column, where string, value toml.Primitive)) {
	byColumn, ok := f.table(where, value, `want columns with a value each, such as { email = "…" }`)
	if !ok {
		return
	}
	for _, column := range sorted(byColumn) {
		each(column, fmt.Sprintf("%s of column %q", where, column), byColumn[column])
	}
}

// isTable reports whether a value is a table. The decoder silently reads any other value as an empty
// table.
func (f *file) isTable(value toml.Primitive) bool {
	var raw any
	err := f.meta.PrimitiveDecode(value, &raw)
	_, ok := raw.(map[string]any)
	return err == nil && ok
}

// table decodes a table; another value is a mistake.
func (f *file) table(where string, value toml.Primitive, want string) (map[string]toml.Primitive, bool) {
	if !f.isTable(value) {
		f.mistake(value, where+": "+want)
		return nil, false
	}
	return decodeAs[map[string]toml.Primitive](f, where, value, want)
}

// decodeAs decodes a value; one of another type is a mistake.
func decodeAs[T any](f *file, where string, value toml.Primitive, want string) (T, bool) {
	var v T
	if err := f.meta.PrimitiveDecode(value, &v); err != nil {
		f.mistake(value, where+": "+want)
		return v, false
	}
	return v, true
}

// noted turns an error into a mistake.
func (f *file) noted(where string, value toml.Primitive, err error) {
	if err != nil {
		f.mistake(value, fmt.Sprintf("%s: %v", where, err))
	}
}

// bySpecificity sorts the sections of tables, the least specific first: patterns with a wildcard
// before names, names without a schema before names with one, shorter ones before longer ones.
func (f *file) bySpecificity() []shape.Section {
	rank := func(t tableSection) int {
		switch {
		case !t.section.Exact:
			return 0
		case !t.pattern.Qualified():
			return 1
		}
		return 2
	}
	slices.SortFunc(f.tables, func(a, b tableSection) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.pattern.text), len(b.pattern.text)),
			cmp.Compare(a.pattern.text, b.pattern.text))
	})
	var out []shape.Section
	for _, t := range f.tables {
		out = append(out, t.section)
	}
	return out
}
