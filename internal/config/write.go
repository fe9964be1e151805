package config

import (
	"slices"
	"strings"
)

// writtenSections are the sections that FileText writes.
var writtenSections = []string{"pipeline", "source", "destination"}

// oneLine is the number of items up to which an array is written on one line.
const oneLine = 4

// FileText is a configuration file with the keys of pipeline, source and destination that differ from
// their defaults. Each string of before comes as a comment above that key, or above the section if the
// section has no such key. It contains no secret: the URL is to be a public one, and keys that may hold
// another secret are left out.
func (c *Config) FileText(before map[string]string) string {
	var b strings.Builder
	for _, section := range writtenSections {
		var body strings.Builder
		for _, k := range keys {
			if k.section() != section || k.secret && k.name != "source.url" {
				continue
			}
			literal := k.literal(c)
			if literal == k.literal(Default()) && k.name != "destination.schema" && k.name != "source.schemas" {
				continue
			}
			if text := before[k.name]; text != "" {
				body.WriteString(comment(text))
			}
			body.WriteString(k.leaf() + " = " + k.lines(c, literal) + "\n")
		}
		if body.Len() > 0 || before[section] != "" {
			b.WriteString("\n[" + section + "]\n" + comment(before[section]) + body.String())
		}
	}
	return b.String()
}

func comment(text string) string {
	if text == "" {
		return ""
	}
	return "# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n"
}

// lines is the key's literal, a long array with an item per line.
func (k key) lines(c *Config, literal string) string {
	if k.name != "source.tables" || len(c.Source.Tables) <= oneLine {
		return literal
	}
	var out strings.Builder
	out.WriteString("[\n")
	for p := range slices.Values(c.Source.Tables) {
		out.WriteString("  " + quote(p.String()) + ",\n")
	}
	out.WriteString("]")
	return out.String()
}
