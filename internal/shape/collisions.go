package shape

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/schema"
)

// CheckNames reports each column that cannot have its name in the log: two columns of a table never
// share a name. Each problem has the line of the configuration that gives its column a free name. All
// of these lines together fix the table. columns are as they are moved.
func (s *Shape) CheckNames(columns []schema.Column) []Problem {
	log, _ := s.checkNames(columns)
	return log
}

// CheckBeside reports each column that has the name of a column that the tables beside the log add.
func (s *Shape) CheckBeside(columns []schema.Column) []Problem {
	_, beside := s.checkNames(columns)
	return beside
}

// checkNames gives free names to all columns that need one, so that no two problems give the same name.
func (s *Shape) checkNames(columns []schema.Column) (log, beside []Problem) {
	free := freeNames{}
	for _, c := range columns {
		free.take(c.Target())
	}
	seen := map[string]schema.Column{}
	for _, c := range columns {
		what, why := unnameable(c)
		folded := schema.FoldCase(c.Target())
		if other, ok := seen[folded]; ok && what == "" {
			what = alike(other, c)
		}
		switch {
		case what != "":
			log = append(log, Problem{What: what, Why: why, Remedy: s.rename(c.Name, free.like(c.Target()))})
			continue
		case schema.IsKept(c.Target()):
			beside = append(beside, Problem{
				What: fmt.Sprintf("column %q has the name of a metadata column of the tables beside the log", c.Name),
				Why:  "tables of the current state and of the history have this column", Remedy: s.rename(c.Name, free.like(c.Target())),
			})
		}
		seen[folded] = c
	}
	return log, beside
}

// unnameable returns why a column cannot have its name whatever the other columns are; "" if it can.
func unnameable(c schema.Column) (what, why string) {
	name := c.Target()
	switch {
	case schema.HoldsVariable(name) && name == c.Name:
		return fmt.Sprintf("the name of column %q holds ${…}", c.Name), whyVariable
	case schema.HoldsVariable(name):
		return fmt.Sprintf("column %q would become %q, which holds ${…}", c.Name, name), whyVariable
	case schema.IsMeta(name):
		return fmt.Sprintf("column %q has the name of a metadata column", c.Name), ""
	}
	return "", ""
}

const whyVariable = "Databricks may replace it by a variable's value in every statement"

// alike describes two columns whose names are one for Delta.
func alike(one, other schema.Column) string {
	if one.Target() == one.Name && other.Target() == other.Name {
		return fmt.Sprintf("columns %q and %q differ only in case, and Delta does not distinguish them", one.Name, other.Name)
	}
	return fmt.Sprintf("columns %q and %q would both become %q", one.Name, other.Name, other.Target())
}

// rename is the remedy that gives a column another name. Lines with a dotted key can stand together in
// a section, one for each column. An inline table takes no such line beside it: the name goes into it.
func (s *Shape) rename(column, name string) string {
	label, line := fmt.Sprintf("[tables.%q]", s.table.String()), fmt.Sprintf("rename.%s = %s", quoted(column), quoted(name))
	for _, section := range s.sections {
		if !section.Exact {
			continue
		}
		label = section.Label
		if len(section.Rename) > 0 {
			line = fmt.Sprintf("rename = { …, %s = %s }", quoted(column), quoted(name))
		}
	}
	return fmt.Sprintf("give it another name: %s under %s in the configuration, or leave it out with exclude_columns", line, label)
}

// quoted is a TOML string.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// freeNames are the names that columns of a table cannot take, folded in case.
type freeNames map[string]bool

func (f freeNames) take(name string) { f[schema.FoldCase(name)] = true }

// maxName is the number of bytes that a name of the configuration may have.
const maxName = 255

// like returns a name like another one that is free, and takes it: op for _op, and name_2 for a second
// name.
func (f freeNames) like(name string) string {
	base := strings.TrimLeft(strings.NewReplacer("${", "_", "}", "").Replace(name), "_")
	if !schema.HoldsVariable(name) && !schema.IsMeta(name) && !schema.IsKept(name) {
		base = name
	}
	if base == "" {
		base = "column"
	}
	for i := 1; ; i++ {
		end := ""
		if i > 1 {
			end = fmt.Sprintf("_%d", i)
		}
		free := cut(base, maxName-len(end)) + end
		if !f[schema.FoldCase(free)] {
			f.take(free)
			return free
		}
	}
}

// cut cuts a name to at most so many bytes of whole characters.
func cut(name string, bytes int) string {
	if len(name) <= bytes {
		return name
	}
	for !utf8.RuneStart(name[bytes]) {
		bytes--
	}
	return name[:bytes]
}
