package fold

import (
	"fmt"
	"strings"

	"ingest/internal/databricks"
)

// answer ends the statement: the columns of the state under their names.
func (b *builder) answer() {
	carried := len(b.table.Key) > 0 && !b.options.Whole
	value := func(i int, field string) string {
		if carried && !b.key[i] {
			return fmt.Sprintf("s%d.%s", i, field)
		}
		return fmt.Sprintf("%s%d", map[string]string{"v": "c", "r": "r"}[field], i)
	}
	b.addf("\nSELECT\n")
	for i, c := range b.table.Columns {
		if b.options.Numbered {
			b.addf("  %s AS c%d, %s AS r%d%s\n", value(i, "v"), i, value(i, "r"), i, comma(i < len(b.table.Columns)-1))
			continue
		}
		b.addf("  %s AS %s,\n", value(i, "v"), databricks.Quote(c.Target()))
	}
	switch {
	case b.options.Numbered && len(b.table.Columns) == 0:
		b.addf("  0 AS nothing\n")
	case !b.options.Numbered:
		b.rescuedColumn(func(i int) string { return value(i, "r") })
		b.addf("  commit_ts AS `_commit_ts`,\n  commit_lsn AS `_commit_lsn`\n")
	}
	b.addf("FROM state")
	if carried {
		// The error's text names the condition.
		b.addf("\nWHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END")
	}
}

func comma(more bool) string {
	if more {
		return ","
	}
	return ""
}

// rescuedColumn puts the rescued texts of all columns, which may come from
// different rows of the log, together again.
func (b *builder) rescuedColumn(text func(i int) string) {
	texts := b.each(", ", text)
	if texts == "" {
		b.addf("  CAST(NULL AS STRING) AS `_rescued`,\n")
		return
	}
	b.addf("  CASE WHEN coalesce(%s) IS NOT NULL THEN concat('{', concat_ws(',',\n", strings.Join([]string{texts, "NULL"}, ", "))
	for i, c := range b.table.Columns {
		b.addf("    %s%s\n", databricks.RescuedMember(c.Target(), text(i)), comma(i < len(b.table.Columns)-1))
	}
	b.addf("  ), '}') END AS `_rescued`,\n")
}
