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
	if p := CheckNames(s.Columns(columns)); p != nil {
		out = append(out, *p)
	}
	return out
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

// CheckNames refuses columns whose names the target cannot hold together.
func CheckNames(columns []schema.Column) *Problem {
	seen := map[string]schema.Column{}
	remedy := func(c schema.Column) string {
		return fmt.Sprintf("give it another name: rename = { %q = \"…\" }, or leave it out with exclude_columns, "+
			"in its table's section of the configuration", c.Name)
	}
	for _, c := range columns {
		name := c.Target()
		if schema.HoldsVariable(name) {
			what := fmt.Sprintf("the name of column %q holds ${…}", c.Name)
			if name != c.Name {
				what = fmt.Sprintf("column %q would become %q, which holds ${…}", c.Name, name)
			}
			return &Problem{What: what, Why: "Databricks may replace it by a variable's value in every statement", Remedy: remedy(c)}
		}
		if schema.IsMeta(name) {
			return &Problem{What: fmt.Sprintf("column %q has the name of a metadata column", c.Name), Remedy: remedy(c)}
		}
		folded := schema.FoldCase(name)
		other, ok := seen[folded]
		switch {
		case ok && other.Target() == other.Name && name == c.Name:
			return &Problem{
				What: fmt.Sprintf("columns %q and %q differ only in case, and Delta does not distinguish them", other.Name, c.Name), Remedy: remedy(c),
			}
		case ok:
			return &Problem{What: fmt.Sprintf("columns %q and %q would both become %q", other.Name, c.Name, name), Remedy: remedy(c)}
		}
		seen[folded] = c
	}
	return nil
}
