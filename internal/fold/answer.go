package fold

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// answer ends the statement. It selects the columns of the state under their
// names.
func (b *builder) answer() {
	b.addf("\nSELECT\n")
	for i, c := range b.table.Columns {
		if b.options.Numbered {
			b.addf("  c%d, texts[%s] AS r%d%s\n", i, databricks.Literal(c.Target()), i, comma(i < len(b.table.Columns)-1))
		} else {
			b.addf("  c%d AS %s,\n", i, databricks.Quote(c.Target()))
		}
	}
	switch {
	case b.options.Numbered && len(b.table.Columns) == 0:
		b.addf("  0 AS nothing\n")
	case !b.options.Numbered:
		b.addf("  %s AS `_rescued`,\n  commit_ts AS `_commit_ts`,\n  commit_lsn AS `_commit_lsn`\n", b.object("texts"))
	}
	b.addf("FROM state")
}

func comma(more bool) string {
	if more {
		return ","
	}
	return ""
}

// object is the expression of a JSON object of rescued texts, in the order of
// the columns. texts is an expression of a map of them. The object is NULL if
// there are no texts. It ignores the texts of columns that the source no longer
// has.
func (b *builder) object(texts string) string {
	return b.objectOf(texts, func(int) bool { return true })
}

// objectOf is like object, for the columns that of selects.
func (b *builder) objectOf(texts string, of func(i int) bool) string {
	names := b.each(", ", func(i int) string {
		if !of(i) {
			return ""
		}
		return databricks.Literal(b.table.Columns[i].Target())
	})
	if names == "" {
		return "CAST(NULL AS STRING)"
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN nullif(concat('{', array_join(transform(filter(array(%s), n -> %s[n] IS NOT NULL), n -> concat(%s, ':', %s)), ','), '}'), '{}') END",
		texts, names, texts, databricks.JSONString("n"), databricks.JSONString(texts+"[n]"))
}
