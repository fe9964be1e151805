package config

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// anySchema replaces the schema that a pattern leaves out. No schema of Postgres has this name, since
// a name contains no NUL.
const anySchema = "\x00"

// Pattern matches tables: name or schema.name, where * matches any run of characters and ? matches
// one. Parts are quoted as in schema.ParseTableName. Case matters.
type Pattern struct {
	text      string
	table     schema.TableName
	qualified bool
}

// anyTable is the pattern *.
var anyTable = Pattern{text: "*", table: schema.TableName{Schema: anySchema, Name: "*"}}

// ParsePattern reads a pattern.
func ParsePattern(s string) (Pattern, error) {
	table, err := schema.ParseTableName(s, anySchema)
	if err != nil {
		return Pattern{}, err
	}
	if strings.ContainsRune(s, 0) {
		return Pattern{}, fmt.Errorf("table name %q: a NUL", s)
	}
	return Pattern{text: s, table: table, qualified: table.Schema != anySchema}, nil
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Literal is the one table that the pattern names, if it has no * and no ?. A pattern without a schema
// gets defaultSchema.
func (p Pattern) Literal(defaultSchema string) (schema.TableName, bool) {
	table := p.table
	if !p.qualified {
		table.Schema = defaultSchema
	}
	return table, !strings.ContainsAny(table.Schema+table.Name, "*?")
}

// All is the one schema whose tables the pattern matches, all of them: schema.*.
func (p Pattern) All() (schemaName string, ok bool) {
	return p.table.Schema, p.qualified && p.table.Name == "*" && !strings.ContainsAny(p.table.Schema, "*?")
}

// In is the pattern in a schema: a pattern without a schema gets this one.
func (p Pattern) In(schemaName string) (Pattern, error) {
	if p.qualified {
		return p, nil
	}
	return ParsePattern(schema.TableName{Schema: schemaName, Name: p.table.Name}.String())
}

// Qualified reports whether the pattern names a schema.
func (p Pattern) Qualified() bool { return p.qualified }

// Match reports whether the pattern matches the table. A pattern without a schema matches in every
// schema.
func (p Pattern) Match(table schema.TableName) bool {
	return glob([]rune(p.table.Name), []rune(table.Name)) &&
		(!p.qualified || glob([]rune(p.table.Schema), []rune(table.Schema)))
}

// glob backtracks only to the last *, so its time is at most the product of the lengths.
func glob(pattern, s []rune) bool {
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// NamePattern builds the name of a target table: {table} and {schema} are the source's.
type NamePattern string

func parseNamePattern(s string) (NamePattern, error) {
	if !strings.Contains(s, "{table}") {
		return "", fmt.Errorf(`want {table} in it, as in "{schema}_{table}", not %s`, shown(s))
	}
	rest := strings.NewReplacer("{table}", "", "{schema}", "").Replace(s)
	if strings.ContainsAny(rest, "{}") {
		return "", fmt.Errorf("want no other braces than {table} and {schema}, not %s", shown(s))
	}
	if rest != "" {
		if err := checkObjectName(rest); err != nil {
			return "", err
		}
	}
	return NamePattern(s), nil
}

// Name is the target table's name. Characters that Unity Catalog accepts in no object name (a period,
// a space, a slash, control characters) become _. The name may still be longer than Unity Catalog
// accepts.
func (p NamePattern) Name(table schema.TableName) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '.' || r == '/' || r == 0x7f {
			return '_'
		}
		return r
	}, p.expand(table))
}

// Keeps reports whether Name keeps the source's names as they are.
func (p NamePattern) Keeps(table schema.TableName) bool { return p.Name(table) == p.expand(table) }

func (p NamePattern) expand(table schema.TableName) string {
	return strings.NewReplacer("{table}", table.Name, "{schema}", table.Schema).Replace(string(p))
}
