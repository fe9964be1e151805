package config

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// form is what a value may look like, for tools that cannot call set: editors. It accepts at least all
// values that set accepts.
type form struct {
	kind        kind
	choices     []string
	least, most *int   // of an integer
	pattern     string // of a text; empty: any
	each        *form  // of the values of an inline table with a value for each column or tag
	mask        bool   // a mask
}

// texts are choices as strings.
func texts[T ~string](choices []T) []string {
	out := make([]string, len(choices))
	for i, c := range choices {
		out[i] = string(c)
	}
	return out
}

// orEmpty is the pattern of a text that may be empty, which means that the key is not set.
func orEmpty(e *regexp.Regexp) string { return "^$|" + e.String() }

// Patterns of values with a unit. ParseBytes and time.ParseDuration have the rules.
const (
	sizePattern     = `^[0-9][0-9.,]*\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$`
	durationPattern = `^[+-]?(0|([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
)

// schemaOf is a form as JSON Schema.
func (f *form) schemaOf() map[string]any {
	switch {
	case f.mask:
		fixed := map[string]any{
			"type": "object", "additionalProperties": false, "required": []string{"fixed"},
			"properties": map[string]any{"fixed": map[string]any{"type": "string"}},
		}
		return map[string]any{"anyOf": []any{map[string]any{"enum": []string{"hmac-sha256", "null"}}, fixed}}
	case f.each != nil:
		return map[string]any{"type": "object", "additionalProperties": f.each.schemaOf()}
	case len(f.choices) > 0:
		return map[string]any{"type": "string", "enum": f.choices}
	}
	switch f.kind {
	case list:
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	case boolean:
		return map[string]any{"type": "boolean"}
	case integer:
		s := map[string]any{"type": "integer"}
		if f.least != nil {
			s["minimum"] = *f.least
		}
		if f.most != nil && *f.most < math.MaxInt32 {
			s["maximum"] = *f.most
		}
		return s
	case size:
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "string", "pattern": sizePattern}, map[string]any{"type": "integer", "minimum": 0},
		}}
	case duration:
		return map[string]any{"type": "string", "pattern": durationPattern}
	default:
		s := map[string]any{"type": "string"}
		if f.pattern != "" {
			s["pattern"] = f.pattern
		}
		return s
	}
}

// JSONSchema is the JSON Schema of the file. Its descriptions are the comments of the example. It has
// only keywords with the same meaning in draft 4, which taplo implements, and in later drafts.
func JSONSchema(example string) ([]byte, error) {
	comments := commentsOf(example)
	properties := map[string]any{}
	defaults := Default()
	for _, k := range keys {
		section, ok := properties[k.section()].(map[string]any)
		if !ok {
			section = map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}}
			properties[k.section()] = section
		}
		f := k.form
		f.kind = k.kind
		s := f.schemaOf()
		about := comments[k.name] + "\n\nVariable: " + strings.Join(append([]string{k.variable()}, k.standard...), ", else ") + "."
		s["description"] = strings.TrimSpace(about)
		if d := (&Setting{Literal: k.literal(defaults)}).Value(); d != "" {
			s["default"] = d
		}
		section["properties"].(map[string]any)[k.leaf()] = s
	}
	options := map[string]any{}
	add := func(name string, f form) {
		s := f.schemaOf()
		if about := comments[tablesSection+"."+name]; about != "" {
			s["description"] = about
		}
		options[name] = s
	}
	for _, o := range tableOptions {
		add(o.name, o.form)
	}
	for _, o := range derivedOptions {
		add(o.name, o.form)
	}
	properties[tablesSection] = map[string]any{
		"type":        "object",
		"description": "Options of one table, or of a pattern of tables, such as [tables.\"public.orders\"].",
		"additionalProperties": map[string]any{
			"type": "object", "additionalProperties": false, "properties": options,
		},
	}
	out, err := json.MarshalIndent(map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#",
		"title":   "ingest.toml",
		"type":    "object", "additionalProperties": false, "properties": properties,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return append(out, '\n'), nil
}

var (
	exampleKey    = regexp.MustCompile(`^(?:# )?([a-z_]+) = .*# INGEST_`)
	exampleOption = regexp.MustCompile(`^# ([a-z_]+) = .*?\S\s{2,}# (.*)$`)
)

// commentsOf are the comments of the example, by key. A key without a comment of its own has that of
// the keys above it, which it belongs to.
func commentsOf(example string) map[string]string {
	comments := map[string]string{}
	section := ""
	var block []string
	ended := true // the block belongs to keys above
	for line := range strings.SplitSeq(example, "\n") {
		text, isComment := strings.CutPrefix(line, "#")
		text = strings.TrimSpace(text)
		option := exampleOption.FindStringSubmatch(line)
		key := exampleKey.FindStringSubmatch(line)
		switch {
		case line == "":
			block, ended = nil, true
		case strings.HasPrefix(line, "["):
			section, block, ended = strings.Trim(line, "[]"), nil, true
		case strings.HasPrefix(text, "[") && isComment:
			section = tablesSection
		case key != nil:
			comments[section+"."+key[1]] = strings.Join(block, " ")
			ended = true
		case section == tablesSection && option != nil:
			comments[section+"."+option[1]] = option[2]
		case isComment:
			if ended {
				block, ended = nil, false
			}
			block = append(block, text)
		}
	}
	return comments
}
