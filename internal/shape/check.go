package shape

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Problem is a reason why a table cannot be moved as the rules ask.
type Problem struct {
	What, Why, Remedy string
	Mistake           Mistake // of the rules themselves, if any
}

// What describes problems in one line; "" if there are none.
func What(problems []Problem) string {
	whats := make([]string, len(problems))
	for i, p := range problems {
		whats[i] = p.What
	}
	return strings.Join(whats, "; ")
}

// Remedies are what fixes the problems, in one line.
func Remedies(problems []Problem) string {
	var remedies []string
	for _, p := range problems {
		if p.Remedy != "" && !slices.Contains(remedies, p.Remedy) {
			remedies = append(remedies, p.Remedy)
		}
	}
	return strings.Join(remedies, "; ")
}

// Mistake is an error in the rules themselves, whatever the column is.
type Mistake int

// The mistakes.
const (
	NoMistake Mistake = iota
	NoColumn          // an option names a column that does not exist
	NoKey             // a mask has no key
)

// Check reports problems of the rules for a table. columns are all columns of the source. key are the
// columns that identify its rows.
func (s *Shape) Check(columns []schema.Column, key []string) []Problem {
	var out []Problem
	for _, section := range s.sections {
		out = append(out, s.unknown(section, columns)...)
	}
	for _, c := range columns {
		isKey := slices.Contains(key, c.Name)
		out = append(out, s.checkColumn(c, isKey)...)
	}
	return append(out, s.CheckNames(s.Columns(columns))...)
}

// unknown finds options of an exact section that name missing columns: a misspelt mask hides nothing.
func (s *Shape) unknown(section Section, columns []schema.Column) []Problem {
	if !section.Exact {
		return nil
	}
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	o := section.Options
	var out []Problem
	for _, option := range []struct {
		name    string
		columns []string
	}{
		{"exclude_columns", o.Exclude},
		{"rename", slices.Sorted(maps.Keys(o.Rename))},
		{"type", slices.Sorted(maps.Keys(o.Types))},
		{"mask", slices.Sorted(maps.Keys(o.Masks))},
	} {
		for _, column := range option.columns {
			if !slices.Contains(names, column) {
				out = append(out, Problem{
					What:   fmt.Sprintf("%s %s names column %q, which it does not have", section.Label, option.name, column),
					Why:    "an option for a column that does not exist has no effect: a misspelt mask hides nothing",
					Remedy: "its columns are " + strings.Join(names, ", "), Mistake: NoColumn,
				})
			}
		}
	}
	return out
}

func (s *Shape) checkColumn(c schema.Column, isKey bool) []Problem {
	var out []Problem
	problem := func(why, remedy, format string, args ...any) {
		out = append(out, Problem{What: fmt.Sprintf(format, args...), Why: why, Remedy: remedy})
	}
	if !s.Keeps(c.Name) {
		if isKey {
			problem("without it, updates and deletes do not identify their row", `keep it, or hide it by mask = { … = "hmac-sha256" }`,
				"column %q belongs to the key and is excluded", c.Name)
		}
		return out
	}
	mask := s.mask(c.Name)
	if mask != nil && mask.Kind == schema.MaskHMAC && len(s.key) < MinKeyBytes {
		problem("", fmt.Sprintf("export INGEST_MASK_KEY (%d bytes at least), or set mask.key_secret to a Databricks secret", MinKeyBytes),
			"column %q has the mask hmac-sha256, but there is no key", c.Name)
		out[len(out)-1].Mistake = NoKey
	}
	if mask != nil && mask.Kind != schema.MaskHMAC && isKey {
		problem("all rows would have the same key", "use hmac-sha256, which keeps different keys apart",
			"column %q belongs to the key and has the mask %q", c.Name, mask.Kind)
	}
	to, typed := s.Types[c.Name]
	switch {
	case typed && mask != nil:
		problem("", "keep one of them: what is masked is a STRING", "column %q has both a mask and a type", c.Name)
	case typed && !Castable(c.Postgres, to):
		problem("", "it can become "+strings.Join(targets(c.Postgres), ", "), "column %q (%s) cannot become %s", c.Name, c.Postgres.Name, to)
	}
	return out
}
