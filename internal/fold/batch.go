package fold

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// stored describes how a statement reads the rows of a data table as rows of a
// log. They sort before everything in a batch.
type stored struct {
	where      string // selects rows of the table
	at         string // their commit times
	live       string // whether a row is not gone
	entry, lsn string // of the row's newest change
	// overwritten says that the values of a row do not matter if the batch has
	// others for all of its columns.
	overwritten bool
}

// batch writes the CTE since of a MERGE. It holds the batch's rows of the log,
// and the rows of the data table whose keys they touch. A truncate appears as
// one row for each key that it cleared.
func (k *Kept) batch(b *builder, batch Batch, s stored) {
	k.changes(b, batch)
	if s.overwritten && !batch.Truncates {
		k.affectedByKey(b, s)
	} else {
		k.affected(b, batch, s)
	}
	// With a key in two rows, a MERGE would change both and its fold would pick
	// either. The error text contains the name of the condition.
	b.addf("\n),\nbase AS (\n  SELECT *, explode(CASE WHEN live THEN array(-2) ELSE array(-2, -1) END) AS place\n"+
		"  FROM (SELECT *, row_number() OVER (PARTITION BY %s ORDER BY entry) > 1 AS a_key_is_there_twice FROM affected)\n"+
		"  WHERE CASE WHEN a_key_is_there_twice THEN assert_true(NOT a_key_is_there_twice) IS NULL ELSE TRUE END\n)",
		b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) }))
	b.addf(",\nlog_rows AS (\n  %s\n  UNION ALL\n"+
		"  SELECT %sid, rescued, CASE WHEN place = -2 THEN 'snapshot' ELSE was END, CAST(NULL AS ARRAY<STRING>), commit_ts,\n"+
		"    named_struct('_entry', entry, '_commit_lsn', commit_lsn, '_seq', CAST(place AS BIGINT)), entry, commit_lsn, CAST(place AS BIGINT), was FROM base\n)", b.changed(), b.own())
	k.cleared(b, batch)
}

// affected writes the CTE affected. It holds the touched rows of the data
// table, and with a truncate all that are there.
func (k *Kept) affected(b *builder, batch Batch, s stored) {
	b.addf(",\ntouched AS (\n  SELECT DISTINCT %s FROM changes WHERE op <> 'truncate'\n)", b.touched())
	k.rows(b, "kept", s, true)
	same := b.same(" <=> ")
	b.addf(",\naffected AS (\n  SELECT k.* FROM kept k JOIN touched t ON %s", same)
	if batch.Truncates {
		b.addf("\n  UNION ALL\n  SELECT k.* FROM kept k LEFT ANTI JOIN touched t ON %s\n"+
			"  CROSS JOIN (SELECT op AS truncated FROM changes WHERE op = 'truncate' LIMIT 1)\n  WHERE k.live", same)
	}
}

// affectedByKey writes the CTE affected of a batch without truncates. A row is
// overwritten if every row of the batch that has its key is a whole row. Then
// the fold takes no value of it, and the statement does not read its values:
// the columns of the key are a small part of a table. The values of the other
// rows are found by plain equality of keys, by which a warehouse can skip files
// that hold none of them, and apart from these for keys with a NULL, which are
// rare: most batches have none. Each CTE is named once.
func (k *Kept) affectedByKey(b *builder, s stored) {
	names := b.each("", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("k%d, r%d, ", i, i)
	})
	b.addf(",\ntouched AS (\n  SELECT %sbool_and(whole) AS overwritten FROM (\n"+
		"    SELECT %s, op <> 'delete' AND NOT coalesce(size(unchanged) > 0, FALSE) AS whole FROM changes WHERE op <> 'truncate'\n  ) GROUP BY %s\n)",
		names, b.touched(), strings.TrimSuffix(names, ", "))
	null := func(column string) string {
		return "(" + b.each(" OR ", func(i int) string {
			if !b.key[i] {
				return ""
			}
			return fmt.Sprintf("%s%d IS NULL", column, i)
		}) + ")"
	}
	k.rows(b, "overwritten", s, false)
	k.rows(b, "kept", s, true)
	k.rows(b, "kept_without", s, true)
	b.addf(",\naffected AS (\n  SELECT k.* FROM kept k JOIN touched t ON %s WHERE NOT t.overwritten\n"+
		"  UNION ALL\n  SELECT k.* FROM kept_without k JOIN touched t ON %s WHERE NOT t.overwritten AND %s AND %s\n"+
		"  UNION ALL\n  SELECT k.* FROM overwritten k JOIN touched t ON %[2]s WHERE t.overwritten",
		b.same(" = "), b.same(" <=> "), null("k.c"), null("t.k"))
}

// rows writes a CTE of the rows of the data table, with or without the values
// that are not of the key.
func (k *Kept) rows(b *builder, name string, s stored, values bool) {
	b.addf(",\n%s AS (\n  SELECT\n", name)
	b.stored(func() {
		value, rescued := b.named, "`_rescued`"
		if !values {
			value, rescued = func(i int) string {
				if b.key[i] {
					return b.named(i)
				}
				return databricks.Null(b.table.Columns[i].Type)
			}, "CAST(NULL AS STRING)"
		}
		b.values(value)
		b.addf(
			"    %s AS id, %s AS rescued, `_op` AS was, %s AS commit_ts, %s AS entry, %s AS commit_lsn, %s AS live\n  FROM %s WHERE %s\n)",
			b.id(), rescued, s.at, s.entry, s.lsn, s.live, k.Data, s.where)
	})
}

// touched lists the keys of the batch's rows, with the rescued texts.
func (b *builder) touched() string {
	return b.each(", ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("%s AS k%d, r%d", b.group(i, "c"), i, i)
	})
}

// same is the condition that a row k of the data table has the key of touched
// as t. equal compares the columns.
func (b *builder) same(equal string) string {
	return b.each(" AND ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("%s%st.k%d AND k.r%d <=> t.r%d", b.group(i, "k.c"), equal, i, i, i)
	})
}

// log writes the CTE since of a statement that reads a whole stretch of the log
// and no rows of the data table.
func (k *Kept) log(b *builder, batch Batch) {
	b.addf("WITH ")
	k.changes(b, batch)
	b.addf(",\nlog_rows AS (\n  %s\n)", b.changed())
	k.cleared(b, batch)
}

// stored calls write, which writes an expression that reads the data table.
// Rows of the data table already hold the values that log rows from before a
// birth get only when they are read.
func (b *builder) stored(write func()) {
	births := b.table.Births
	b.table.Births = nil
	write()
	b.table.Births = births
}

// own lists the columns and the rescued texts of the key, each followed by a
// comma.
func (b *builder) own() string {
	return b.each("", func(i int) string { return fmt.Sprintf("c%d, ", i) }) + b.keyTexts()
}

// changed selects the rows of changes, without the truncates.
func (b *builder) changed() string {
	return "SELECT " + b.own() +
		"id, rescued, op, unchanged, commit_ts, moment, entry, commit_lsn, seq, CAST(NULL AS STRING) AS was FROM changes WHERE op <> 'truncate'"
}

// changes writes the CTE changes. It holds the batch's rows of the log.
func (k *Kept) changes(b *builder, batch Batch) {
	b.addf("changes AS (\n  SELECT\n")
	b.values(func(i int) string {
		if n := i - len(k.Table.Columns); n >= 0 && !k.Former[n].InLog {
			return databricks.Null(b.table.Columns[i].Type)
		}
		return b.table.value(i)
	})
	b.addf("    %s AS id, %s AS rescued, `_op` AS op, %s AS unchanged, `_commit_ts` AS commit_ts,\n"+
		"    %s AS moment, `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n"+
		"  FROM %s WHERE `_entry` > %d AND `_entry` <= %d\n)", b.id(), b.table.rescued(), b.table.unchanged(), moment,
		k.Log, batch.From.Entry, batch.To)
}

// cleared adds rows to since that end lives: for each truncate, the lives that
// it cleared. A truncate clears a life if it is the first one after the life's
// newest row.
func (k *Kept) cleared(b *builder, batch Batch) {
	if !batch.Truncates {
		b.addf(",\nsince AS (SELECT * FROM log_rows)")
		return
	}
	key := b.each("", func(i int) string {
		if b.key[i] {
			return fmt.Sprintf("c%d, r%d, ", i, i)
		}
		return ""
	})
	values := b.each("", func(i int) string {
		if b.key[i] {
			return fmt.Sprintf("c%d, ", i)
		}
		return databricks.Null(b.table.Columns[i].Type) + ", "
	})
	b.addf(`,
truncates AS (SELECT collect_list(struct(moment, commit_ts)) AS list FROM changes WHERE op = 'truncate'),
since AS (
  SELECT * FROM log_rows
  UNION ALL
  SELECT %s%sid, CAST(NULL AS STRING), 'truncate', CAST(NULL AS ARRAY<STRING>), t.commit_ts, t.moment, t.moment._entry, t.moment._commit_lsn, t.moment._seq, CAST(NULL AS STRING) FROM (
    SELECT %sid, array_min(filter(list, x -> x.moment > moment AND coalesce(x.moment < following, TRUE))) AS t
    FROM (SELECT %sid, op, moment, lead(moment) OVER (PARTITION BY id ORDER BY entry, commit_lsn, seq) AS following FROM log_rows) CROSS JOIN truncates
    WHERE NOT %s
  ) WHERE t IS NOT NULL
)`, values, b.keyTexts(), key, key, ends)
}

// keyTexts lists the rescued texts of the key, each followed by a comma.
func (b *builder) keyTexts() string {
	return b.each("", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("r%d, ", i)
	})
}

// group is the expression to group by for column i of the key. prefix stands
// before the column's number.
func (b *builder) group(i int, prefix string) string {
	return grouped(fmt.Sprintf("%s%d", prefix, i), b.table.Columns[i].Type, false)
}
