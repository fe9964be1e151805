package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Name is a name or a pattern that must match something in the source. Only the source can tell
// whether it does.
type Name struct {
	Where   string // file:line, or the variable
	Key     string // source.schemas, source.tables, source.exclude, or the label of a section of tables
	Text    string // as written
	Pattern Pattern
	Section bool // it belongs to a section
}

// ColumnName is a column with an option in a section of tables, or in [load].
type ColumnName struct {
	Where   string // file:line, or the variable
	Label   string // of the section
	Option  string // exclude_columns, rename, type, mask, history_except or key
	Column  string
	Pattern Pattern // of the section
	HMAC    bool    // the option is a mask that needs a key
}

// nameKeys are the keys whose values are names in the source.
var nameKeys = []string{"source.schemas", "source.tables", "source.exclude"}

// names lists the names that were set, without defaults.
func (r *reading) names() []Name {
	var out []Name
	for _, key := range nameKeys {
		from, given := r.origins[key]
		if !given {
			continue
		}
		patterns := r.config.Source.Tables
		switch key {
		case "source.schemas":
			patterns = nil
			for _, s := range r.config.Source.Schemas {
				out = append(out, Name{Where: r.place(key, from, s), Key: key, Text: s})
			}
		case "source.exclude":
			patterns = r.config.Source.Exclude
		}
		for _, p := range patterns {
			out = append(out, Name{Where: r.place(key, from, p.String()), Key: key, Text: p.String(), Pattern: p})
		}
	}
	return out
}

// place is the position of one of a key's values: in a file, an array may span several lines.
func (r *reading) place(key string, from origin, value string) string {
	if line := r.lines[key][value]; from.rank == fromFile && line > 0 {
		return fmt.Sprintf("%s:%d", r.config.File, line)
	}
	return from.text
}

// itemLine is the line of an array's item. The TOML reader gives only the line where the array begins.
func itemLine(lines []string, first int, item string) int {
	for i := max(first-1, 0); i < len(lines); i++ {
		if strings.Contains(lines[i], quote(item)) || strings.Contains(lines[i], "'"+item+"'") {
			return i + 1
		}
		if strings.Contains(lines[i], "]") && i >= first && strings.HasPrefix(strings.TrimSpace(lines[i]), "[") {
			break
		}
	}
	return first
}

// note records the columns that an option names.
func (f *file) note(option string, value toml.Primitive, columns []string, hmac bool) {
	first := f.line(value)
	for _, column := range columns {
		f.columnNames = append(f.columnNames, ColumnName{
			Where: fmt.Sprintf("%s:%d", f.path, itemLine(f.lines, first, column)), Label: f.label, Option: option, Column: column,
			Pattern: f.pattern, HMAC: hmac,
		})
	}
}

// NamesAny reports whether the configuration names anything that the source must have.
func (c *Config) NamesAny() bool { return len(c.Names)+len(c.ColumnNames) > 0 }

// NeedsKey is the first column with an HMAC mask; nil if there is none.
func (c *Config) NeedsKey() *ColumnName {
	i := slices.IndexFunc(c.ColumnNames, func(n ColumnName) bool { return n.HMAC })
	if i < 0 {
		return nil
	}
	return &c.ColumnNames[i]
}

// WithoutKey says that the column's mask needs a key and there is none, and what fixes it.
func (n *ColumnName) WithoutKey() (what, remedy string) {
	return fmt.Sprintf("%s: column %q has the mask hmac-sha256, but there is no key", n.Label, n.Column),
		fmt.Sprintf("export INGEST_MASK_KEY (%d bytes at least), or set mask.key_secret to a Databricks secret", shape.MinKeyBytes)
}

func isHMAC(m schema.Mask) bool { return m.Kind == schema.MaskHMAC }
