package schema

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
)

// TableName is the qualified name of a table in the source, as Postgres stores it: unquoted, case
// preserved.
type TableName struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// String prints the name for people: schema.name. It quotes a part only where Postgres would need it.
func (n TableName) String() string {
	return displayPart(n.Schema) + "." + displayPart(n.Name)
}

// Bare prints the name without its schema, quoted as String does.
func (n TableName) Bare() string { return displayPart(n.Name) }

// Argument prints the name as --tables takes it on a shell's command line.
func (n TableName) Argument() string {
	s := n.String()
	plain := func(r rune) bool {
		return r == '_' || r == '.' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// SQL prints the name for a Postgres statement. It always quotes both parts.
func (n TableName) SQL() string {
	return QuotePostgres(n.Schema) + "." + QuotePostgres(n.Name)
}

// Compare orders names by schema, then by name.
func (n TableName) Compare(m TableName) int {
	return cmp.Or(cmp.Compare(n.Schema, m.Schema), cmp.Compare(n.Name, m.Name))
}

// MarshalText makes a TableName usable as a JSON object's key.
func (n TableName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (n *TableName) UnmarshalText(text []byte) error {
	parsed, err := ParseTableName(string(text), "")
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// ParseTableName reads schema.name or name. Postgres's double quotes enclose a part with a dot, a
// quote or upper case that must be kept. Unquoted parts are taken as they are, without case folding,
// because a configuration file names tables as the catalog shows them. A name without a schema gets
// defaultSchema; if that is empty too, it is an error.
func ParseTableName(s, defaultSchema string) (TableName, error) {
	parts, err := splitQualified(s)
	if err != nil {
		return TableName{}, err
	}
	switch {
	case len(parts) == 1 && defaultSchema != "":
		return TableName{Schema: defaultSchema, Name: parts[0]}, nil
	case len(parts) == 2:
		return TableName{Schema: parts[0], Name: parts[1]}, nil
	}
	return TableName{}, fmt.Errorf("table name %q: want schema.table, with double quotes around a part that holds a dot", s)
}

func splitQualified(s string) ([]string, error) {
	var parts []string
	rest := s
	for {
		var part string
		if strings.HasPrefix(rest, `"`) {
			var b strings.Builder
			i := 1
			for ; i < len(rest); i++ {
				if rest[i] != '"' {
					b.WriteByte(rest[i])
					continue
				}
				if i+1 < len(rest) && rest[i+1] == '"' {
					b.WriteByte('"')
					i++
					continue
				}
				break
			}
			if i >= len(rest) {
				return nil, fmt.Errorf("table name %q: unclosed double quote", s)
			}
			part, rest = b.String(), rest[i+1:]
		} else if dot := strings.IndexByte(rest, '.'); dot >= 0 {
			part, rest = rest[:dot], rest[dot:]
		} else {
			part, rest = rest, ""
		}
		if part == "" {
			return nil, fmt.Errorf("table name %q: an empty part", s)
		}
		parts = append(parts, part)
		if rest == "" {
			return parts, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("table name %q: unexpected %q after a quoted part", s, rest[0])
		}
		rest = rest[1:]
	}
}

// displayPart quotes a part only if ParseTableName, or a list of names, would otherwise read it
// differently.
func displayPart(s string) string {
	if s == "" || strings.ContainsAny(s, `.",`) || strings.TrimSpace(s) != s {
		return QuotePostgres(s)
	}
	return s
}

// FoldCase maps names that Databricks treats as equal to the same text. It folds each character up,
// then down, as Spark compares names: down alone would not equate ς and σ.
func FoldCase(name string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, name)
}

// QuotePostgres quotes an identifier for Postgres.
func QuotePostgres(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// QuotePostgresLiteral quotes a string literal for Postgres. The result does not depend on
// standard_conforming_strings.
func QuotePostgresLiteral(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// HoldsVariable reports whether a name contains ${…}. Where SQL variable substitution is on,
// Databricks replaces it with the variable's value before it parses the statement, even inside quotes.
// A missing variable is replaced with nothing.
func HoldsVariable(name string) bool {
	_, after, found := strings.Cut(name, "${")
	return found && strings.Contains(after, "}")
}
