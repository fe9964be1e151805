package fold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// historyOwn lists the columns that a history table has beside the source's
// columns.
func historyOwn() []databricks.TargetColumn {
	return []databricks.TargetColumn{
		{Name: schema.MetaRescued, Type: text, Comment: "JSON object: column → Postgres text of a value that the column's type cannot hold"},
		{Name: columnStart, Type: timestamp, Comment: "commit time of the transaction that began the period"},
		{Name: columnEnd, Type: timestamp, Comment: "commit time of the transaction that ended it; NULL while it lasts"},
		{
			Name: schema.MetaOp, Type: text,
			Comment: "what began it: snapshot, insert or update; position in the one row that says how far of the log is in",
		},
		{Name: schema.MetaEntry, Type: number, Comment: "ledger entry that began it"},
		{Name: schema.MetaCommitLSN, Type: number, Comment: "commit LSN that began it"},
		{Name: columnEndEntry, Type: number, Comment: "ledger entry that ended it"},
		{Name: columnEndLSN, Type: number, Comment: "commit LSN that ended it"},
		{Name: columnSnapshot, Type: text, Comment: "of the position row: the snapshot that the log begins with"},
	}
}

// HistoryColumns lists the columns of a history table.
func (k *Kept) HistoryColumns() []databricks.TargetColumn { return k.declared(historyOwn()) }

// open is the condition that selects open periods, those without an end.
const open = "`_op` <> '" + opPosition + "' AND `_end_entry` IS NULL"

// StartHistory is a query for a history table without periods. It gives only
// the position row, at a position before everything.
func (k *Kept) StartHistory() string { return k.positionRow(historyOwn(), Position{}, "") }

// MergeHistory is the statement that applies a batch to a history table. A
// period of a key begins with the transaction that creates or changes the row.
// It ends with the next transaction that changes or removes the row.
func (k *Kept) MergeHistory(batch Batch) string {
	b := k.builder(batch)
	k.at(b, batch.From)
	b.addf(",\n")
	k.batch(b, batch, stored{where: open, live: "TRUE", at: "`" + columnStart + "`", entry: "`_entry`", lsn: "`_commit_lsn`"})
	b.keyed(settled, b.marksFrom("changes"))
	k.periods(b, batch)
	b.addf("\nUNION ALL\n%s", k.positionRow(historyOwn(), Position{k.Snapshot.Directory, batch.To}, " FROM position"))
	return k.merge(b.onPeriod(), b.String())
}

// onPeriod matches open periods by their key and the commit that began them.
// Ended periods stay as they are, even if another key distinguished them.
func (b *builder) onPeriod() string {
	return b.on() + " AND (t.`_op` = '" + opPosition +
		"' OR t.`_end_entry` IS NULL AND t.`_entry` = s.`_entry` AND t.`_commit_lsn` = s.`_commit_lsn`)"
}

// onRow matches ending periods with the rows that are equal in all columns. The
// key may have changed since these periods began.
func (b *builder) onRow() string {
	row := func(alias string) string {
		return "struct(" + b.each("", func(i int) string {
			return grouped(alias+"."+databricks.Quote(b.table.Columns[i].Target()), b.table.Columns[i].Type, true) + ", "
		}) + grouped(textsOf(alias+".`_rescued`"), schema.Type{Kind: schema.StringMap}, true) + ")"
	}
	return b.onPeriod() + " AND (s.`_end_entry` IS NULL OR " + row("t") + " <=> " + row("s") + ")"
}

// content is the expression that rows are compared by. It excludes the columns
// that begin no period; rest is the expression of these.
func (k *Kept) content(b *builder, column func(i int) string, texts string) (content, rest string) {
	var in, out []string
	for i, c := range k.Table.Columns {
		value := grouped(column(i), c.Type, true)
		if slices.Contains(k.Except, c.Name) {
			out = append(out, value, texts+"["+databricks.Literal(c.Target())+"]")
		} else {
			in = append(in, value)
		}
	}
	in = append(in, b.objectOf(texts, func(i int) bool {
		return k.isNow(i) && !slices.Contains(k.Except, k.Table.Columns[i].Name)
	}))
	if len(out) == 0 {
		out = []string{"TRUE"}
	}
	return "struct(" + strings.Join(in, ", ") + ")", "struct(" + strings.Join(out, ", ") + ")"
}

// periods selects the periods that the batch began, ended or changed in place.
func (k *Kept) periods(b *builder, batch Batch) {
	k.spans(b)
	b.addf("\nSELECT\n")
	for i, c := range b.table.Columns {
		value := fmt.Sprintf("c%d", i)
		if !k.isNow(i) {
			value = fmt.Sprintf("p%d.v", i)
		}
		b.addf("  %s AS %s,\n", value, databricks.Quote(c.Target()))
	}
	b.addf("  %s AS `_rescued`,\n  since.commit_ts AS `%s`,\n  until.commit_ts AS `%s`,\n  since.begun AS `_op`,\n"+
		"  since.entry AS `_entry`,\n  since.commit_lsn AS `_commit_lsn`,\n"+
		"  until.entry AS `_end_entry`,\n  until.commit_lsn AS `_end_lsn`,\n  CAST(NULL AS STRING) AS `_snapshot`\n"+
		"FROM periods CROSS JOIN position\nWHERE NOT gone AND (since.entry > %d OR until IS NOT NULL OR altered = 1)",
		b.object("whole_texts"), columnStart, columnEnd, batch.From.Entry)
}

// wholeTexts are the rescued texts of a period. The texts of columns that the
// source no longer has stay with their values.
func (k *Kept) wholeTexts(b *builder) string {
	if len(k.Former) == 0 {
		return "texts"
	}
	var cases, some strings.Builder
	for i := len(k.Table.Columns); i < len(b.table.Columns); i++ {
		fmt.Fprintf(&cases, " WHEN %s THEN p%d.t", databricks.Literal(b.table.Columns[i].Target()), i)
		fmt.Fprintf(&some, " OR p%d.t IS NOT NULL", i)
	}
	return "CASE WHEN texts IS NOT NULL" + some.String() + " THEN map_from_arrays(" + b.names() + ", transform(" + b.names() +
		", n -> CASE n" + cases.String() + " ELSE texts[n] END)) END"
}

// spans writes the CTE periods. It holds the periods of the state, each with
// its newest row, its beginning and its end, and also the periods in which the
// key is gone. A column that the source no longer has began periods while it
// existed. It changes nothing since.
func (k *Kept) spans(b *builder) {
	content, rest := k.content(b, func(i int) string { return fmt.Sprintf("c%d", i) }, "texts")
	const key, inOrder = "PARTITION BY id ORDER BY entry, commit_lsn", "entry, commit_lsn"
	const before = "OVER (" + key + " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
	var held, earlier, last, starts, alters strings.Builder
	for n, f := range k.Former {
		i := len(k.Table.Columns) + n
		fmt.Fprintf(&held, ",\n  CASE WHEN NOT %s AND %s THEN named_struct('v', c%d, 't', texts[%s]) END AS f%[3]d", ends, f.says(i), i,
			databricks.Literal(f.Target()))
		fmt.Fprintf(&earlier, ", last_value(f%d, TRUE) %s AS e%[1]d", i, before)
		fmt.Fprintf(&last, "    last_value(f%d, TRUE) OVER (PARTITION BY id, "+
			"period ORDER BY %s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS p%[1]d,\n", i, inOrder)
		to := &starts
		if slices.Contains(k.Except, f.Name) {
			to = &alters
		}
		value := func(of string) string { return grouped(fmt.Sprintf("%s%d.v", of, i), f.Type, true) }
		fmt.Fprintf(to, " OR f%d IS NOT NULL AND NOT (%s <=> %s AND f%[1]d.t <=> e%[1]d.t)", i, value("f"), value("e"))
	}
	// For a row that is gone, the key's columns come from its delete.
	b.addf(`,
valued AS (SELECT *, %s AS gone, %s AS content, %s AS rest%s FROM state),
compared AS (
  SELECT *, NOT gone AND (NOT had OR moved OR NOT (content <=> earlier)%s) AS starts, gone AND had AS stops, had AND (NOT (rest <=> earlier_rest)%s) AS other
  FROM (SELECT *, coalesce(NOT lag(gone) OVER (%s), FALSE) AS had, lag(content) OVER (%s) AS earlier, lag(rest) OVER (%s) AS earlier_rest%s FROM valued)
),
counted AS (
  SELECT *, count_if(starts OR stops) OVER (%s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS period,
    coalesce(was, CASE WHEN had THEN 'update' ELSE 'insert' END) AS begun
  FROM compared
),
spans AS (
  SELECT *, row_number() OVER (PARTITION BY id, period ORDER BY entry DESC, commit_lsn DESC) AS back,
%s    first_value(struct(commit_ts, begun, entry, commit_lsn)) OVER (PARTITION BY id, period ORDER BY %s) AS since,
    max(CASE WHEN other AND NOT starts THEN 1 ELSE 0 END) OVER (PARTITION BY id, period) AS altered
  FROM counted
),
periods AS (
  SELECT *, lead(since) OVER (PARTITION BY id ORDER BY period) AS until, %s AS whole_texts FROM spans WHERE back = 1
)`, ends, content, rest, held.String(), starts.String(), alters.String(), key, key, key, earlier.String(), key,
		last.String(), inOrder, k.wholeTexts(b))
}

// says is the condition of rows that carry information about a column of
// before. These are the open period, rows from before the column was dropped,
// and rows that have a value.
func (f *Former) says(i int) string {
	cond := fmt.Sprintf("(was IS NOT NULL OR c%d IS NOT NULL OR texts[%s] IS NOT NULL", i, databricks.Literal(f.Target()))
	if f.Entry > 0 {
		cond += fmt.Sprintf(" OR entry < %d OR entry = %[1]d AND commit_lsn < %d", f.Entry, f.LSN)
	}
	return cond + ")"
}

// Correction describes how a full load corrects a history. The state of the log
// at an entry is compared with the open periods.
type Correction struct {
	From  Position  // position of the table
	Entry int64     // ledger entry by which the snapshot is done
	LSN   int64     // position that the ledger had reached before
	Taken time.Time // when the snapshot was taken
	// Truncates and Moves are as in Batch, for the log up to Entry.
	Truncates bool
	Moves     int
}

// CorrectHistory is the statement that compares open periods with a full load.
// It ends the periods whose rows the full load found changed or gone, and
// begins new ones. If all rows are unchanged, it only moves the position.
func (k *Kept) CorrectHistory(c Correction) string {
	k = k.asOf(c.Entry)
	b := k.builder(Batch{Moves: c.Moves})
	k.at(b, c.From)
	b.addf(",\n")
	batch := Batch{From: Position{Entry: k.Snapshot.Begin - 1}, To: c.Entry, Truncates: c.Truncates}
	k.changes(b, batch)
	b.addf(",\nlog_rows AS (\n  %s\n)", b.changed())
	k.cleared(b, batch)
	b.keyed(newest, b.marksFrom("changes"))
	k.corrections(b, c)
	b.addf("\nUNION ALL\n%s", k.positionRow(historyOwn(), Position{k.Snapshot.Directory, c.Entry}, " FROM position"))
	return k.merge(b.onRow(), b.String())
}

// asOf is the table as it was at an entry. It has the columns that the source
// had then.
func (k *Kept) asOf(entry int64) *Kept {
	then := *k
	then.Table.Columns, then.Former = slices.Clone(k.Table.Columns), nil
	for _, f := range k.Former {
		if f.InLog && f.Entry > entry {
			then.Table.Columns = append(then.Table.Columns, f.Column)
		} else {
			then.Former = append(then.Former, f)
		}
	}
	return &then
}

// corrections compares the open periods with the state. If the key has changed
// and no longer distinguishes some periods, all of these end.
func (k *Kept) corrections(b *builder, c Correction) {
	content, rest := k.content(b, func(i int) string { return fmt.Sprintf("c%d", i) }, "texts")
	keys := b.each("", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf(", CASE WHEN c%d IS NULL THEN texts[%s] END AS r%d", i, databricks.Literal(b.table.Columns[i].Target()), i)
	})
	same := b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) })
	b.addf(",\nfound AS (SELECT *, %s AS content, %s AS rest%s FROM state),\nkept AS (\n"+
		"  SELECT *, %s AS content, %s AS rest, count(*) OVER (PARTITION BY %s) AS copies FROM (\n  SELECT\n",
		content, rest, keys, content, rest, same)
	b.stored(func() { b.values(b.named) })
	b.addf("    %s AS texts, `_op` AS op, `%s` AS commit_ts, `_entry` AS entry, `_commit_lsn` AS commit_lsn\n  FROM %s WHERE %s)\n)",
		textsOf("`_rescued`"), columnStart, k.Data, open)
	pairs := b.each(" AND ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("%s <=> %s AND f.r%d <=> k.r%d", b.group(i, "f.c"), b.group(i, "k.c"), i, i)
	})
	taken := databricks.Timestamp(c.Taken)
	b.addf(`,
paired AS (
  SELECT k.entry IS NULL AS fresh, f.commit_lsn IS NULL AS gone, NOT (f.content <=> k.content) AS other, NOT (f.rest <=> k.rest) AS altered,
    greatest(%s, f.commit_ts, k.commit_ts) AS corrected, k.op, k.commit_ts, k.entry, k.commit_lsn, f.texts AS found_texts, k.texts AS kept_texts%s
  FROM found f FULL OUTER JOIN kept k ON k.copies = 1 AND %s
),
corrections AS (
  SELECT *, explode(CASE
    WHEN fresh THEN array('start')
    WHEN gone THEN array('stop')
    WHEN other THEN array('stop', 'start')
    WHEN altered THEN array('alter')
    ELSE CAST(array() AS ARRAY<STRING>) END) AS correction
  FROM paired
)
SELECT
`, taken, b.each("", func(i int) string { return fmt.Sprintf(", f.c%d AS f%d, k.c%d AS k%d", i, i, i, i) }), pairs)
	for i, col := range b.table.Columns {
		found := fmt.Sprintf("f%d", i)
		if !k.isNow(i) { // the source no longer has it
			found = fmt.Sprintf("CASE WHEN correction = 'alter' THEN k%d ELSE f%d END", i, i)
		}
		b.addf("  CASE WHEN correction = 'stop' THEN k%d ELSE %s END AS %s,\n", i, found, databricks.Quote(col.Target()))
	}
	b.addf("  CASE WHEN correction = 'stop' THEN %s ELSE %s END AS `_rescued`,\n"+
		"  CASE WHEN correction = 'start' THEN corrected ELSE commit_ts END AS `%s`,\n"+
		"  CASE WHEN correction = 'stop' THEN corrected END AS `%s`,\n"+
		"  CASE WHEN correction = 'start' THEN 'snapshot' ELSE op END AS `_op`,\n"+
		"  CASE WHEN correction = 'start' THEN %s ELSE entry END AS `_entry`,\n"+
		"  CASE WHEN correction = 'start' THEN %s ELSE commit_lsn END AS `_commit_lsn`,\n"+
		"  CASE WHEN correction = 'stop' THEN %s END AS `_end_entry`,\n"+
		"  CASE WHEN correction = 'stop' THEN %s END AS `_end_lsn`,\n  CAST(NULL AS STRING) AS `_snapshot`\nFROM corrections CROSS JOIN position",
		b.object("kept_texts"), b.object("found_texts"), columnStart, columnEnd,
		databricks.Bigint(c.Entry), databricks.Bigint(c.LSN), databricks.Bigint(c.Entry), databricks.Bigint(c.LSN))
}

// ResetHistory is a query for the periods as they were at an entry. Periods
// that ended later are open again. Periods that began later are removed. If
// periods of one key then overlap, only the newest remains. The caller computes
// the rest again from the log.
func (k *Kept) ResetHistory(entry int64) string {
	b := newBuilder(Table{Columns: k.columns(), Key: k.Table.Key}, Options{})
	lasts := fmt.Sprintf("coalesce(`_end_entry` > %d, TRUE)", entry)
	var list []string
	for _, c := range k.HistoryColumns() {
		name := databricks.Quote(c.Name)
		switch c.Name {
		case columnEnd, columnEndEntry, columnEndLSN:
			list = append(list, fmt.Sprintf("CASE WHEN %s THEN CAST(NULL AS %s) ELSE %s END AS %s", lasts, c.Type, name, name))
		default:
			list = append(list, name)
		}
	}
	// An ended period may exist twice. Its beginning distinguishes it from
	// others.
	begun := func(name string) string { return "CASE WHEN NOT " + lasts + " THEN `" + name + "` END" }
	return fmt.Sprintf("SELECT %s FROM (\n  SELECT *, row_number() OVER (PARTITION BY %s, %s, %s, %s ORDER BY `_entry` DESC, `_commit_lsn` DESC) AS place FROM %s WHERE `_op` <> '%s' AND `_entry` <= %d\n) WHERE place = 1\nUNION ALL\n%s",
		strings.Join(list, ", "), b.partition(b.named, b.keyText), lasts, begun(schema.MetaEntry),
		begun(schema.MetaCommitLSN), k.Data, opPosition, entry,
		k.positionRow(historyOwn(), Position{"", entry}, ""))
}

// HistoryView is the query of the user-facing view. It leaves out the position
// row. Births are those of columns that the table does not have.
func (k *Kept) HistoryView() string {
	b := k.builder(Batch{})
	return fmt.Sprintf("SELECT %s`%s`, `%s`, `_op`, `_entry`, `_commit_lsn`, `_end_entry`, `_end_lsn`\nFROM %s\nWHERE `_op` <> '%s'",
		b.read(false), columnStart, columnEnd, k.Data, opPosition)
}

// CountPeriods is a query for the number of periods in a table.
func CountPeriods(data databricks.Table) string {
	return fmt.Sprintf("SELECT count(*) AS `periods` FROM %s WHERE `_op` <> '%s'", data, opPosition)
}
