package fold

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Columns of the answer to a check of a kept table. The answer has at least one
// row. The first four columns say what the table was checked as. The others are
// NULL if nothing differs.
const (
	CheckPositions = "positions" // number of position rows
	CheckEntry     = "entry"     // of the position row
	CheckSnapshot  = "snapshot"  // of the position row
	CheckLog       = "log"       // whether the log begins with the snapshot
	CheckDiffering = "differing" // rows that differ, in total
	CheckKind      = "kind"      // missing, extra, cell, twice or overlap
	CheckKey       = "key"
	CheckColumn    = "column"
	CheckWant      = "want" // of a cell, by the log
	CheckHave      = "have" // of a cell, in the table
)

// checked is a value to compare beside the source's columns.
type checked struct{ name, want, have string }

// CheckCurrent is a query for the differences between a current-state table and
// the fold of its log up to batch.To. It gives at most limit differences.
func (k *Kept) CheckCurrent(batch Batch, limit int) string {
	b := newBuilder(k.Table, Options{Moves: batch.Moves})
	k.log(b, batch)
	b.keyed(latest, b.marksFrom("changes"))
	k.checks(b, "state", "`_op` <> '"+opPosition+"'", "1", "1", []checked{
		{schema.MetaDeletedTS, "next.commit_ts", "`_deleted_ts`"},
		{schema.MetaOp, "coalesce(next.op, op)", "`_op`"},
		{schema.MetaCommitTS, "coalesce(next.commit_ts, commit_ts)", "`_commit_ts`"},
		{schema.MetaEntry, "coalesce(next.entry, entry)", "`_entry`"},
		{schema.MetaCommitLSN, "coalesce(next.commit_lsn, commit_lsn)", "`_commit_lsn`"},
	})
	return k.answerCheck(b, "", limit)
}

// CheckHistory is a query for the differences between a history table and the
// periods of its log from the entry done up to batch.To. Periods that began
// before done are compared by what they hold since. Older periods are only
// checked for overlaps: no two periods of a key may overlap. keyed is the entry
// since which the key is the present one; 0 means always. See overlaps.
func (k *Kept) CheckHistory(done, keyed int64, batch Batch, limit int) string {
	b := k.builder(batch) // columns that the source no longer has distinguish periods, too
	k.log(b, batch)
	b.keyed(settled, b.marksFrom("changes"))
	k.spans(b)
	after := func(of, value string) string { return fmt.Sprintf("CASE WHEN %s > %d THEN %s END", of, done, value) }
	lasts := func(end string) string { return fmt.Sprintf("(%s IS NULL OR %[1]s > %d)", end, done) }
	k.checks(b, "periods WHERE NOT gone AND "+lasts("until.entry"), "`_op` <> '"+opPosition+"' AND "+lasts("`_end_entry`"),
		"struct("+after("since.entry", "since.entry")+", "+after("since.entry", "since.commit_lsn")+")",
		"struct("+after("`_entry`", "`_entry`")+", "+after("`_entry`", "`_commit_lsn`")+")", []checked{
			{columnStart, after("since.entry", "since.commit_ts"), after("`_entry`", "`"+columnStart+"`")},
			{schema.MetaOp, after("since.entry", "since.begun"), after("`_entry`", "`_op`")},
			{columnEnd, "until.commit_ts", "`" + columnEnd + "`"},
			{columnEndEntry, "until.entry", "`" + columnEndEntry + "`"},
			{columnEndLSN, "until.commit_lsn", "`" + columnEndLSN + "`"},
		})
	return k.answerCheck(b, k.overlaps(b, keyed), limit)
}

// overlaps selects the periods that overlap another period of their row, or
// that end before they begin. The present key distinguishes rows since the
// entry since. For periods that ended before it, all columns do: rows that an
// older key distinguished may be one row under the present key.
func (k *Kept) overlaps(b *builder, since int64) string {
	all := newBuilder(Table{Columns: k.columns(), Key: k.Table.Key}, Options{})
	b.addf(",\ndated AS (\n  SELECT\n")
	all.values(all.named)
	b.addf("%s    `_rescued` AS rescued, struct(`_entry`, `_commit_lsn`) AS begun, CASE WHEN `_end_entry` IS NOT NULL THEN struct(`_end_entry`, `_end_lsn`) END AS ended,\n"+
		"    `_entry` < %d AS older, coalesce(`_end_entry` <= %[2]d, FALSE) AS past FROM %[3]s WHERE `_op` <> '%[4]s'\n)",
		all.String(), since, k.Data, opPosition)
	key := b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) })
	row := all.each("", func(i int) string { return grouped(fmt.Sprintf("c%d", i), all.table.Columns[i].Type, true) + ", " })
	start := fmt.Sprintf(
		"CASE WHEN older THEN named_struct('_entry', CAST(%d AS BIGINT), '_commit_lsn', CAST(0 AS BIGINT)) ELSE begun END", since)
	b.addf(",\nordered AS (\n  SELECT *, lead(%s) OVER (PARTITION BY %s ORDER BY begun, ended) AS following FROM dated WHERE NOT past",
		start, key)
	if since > 0 {
		b.addf(
			"\n  UNION ALL\n  SELECT *, lead(begun) OVER (PARTITION BY %srescued ORDER BY begun, ended) AS following FROM dated WHERE past", row)
	}
	b.addf("\n)")
	return "\n  UNION ALL\n  SELECT 'overlap', " + k.keyShown(b, "") + ", " + k.noCell() +
		" FROM ordered WHERE ended <= begun OR following IS NOT NULL AND (ended IS NULL OR following < ended)"
}

// checks writes the CTEs expected, held and matched. expected and held have the
// values to compare. matched pairs their rows by the key and another value. A
// duplicate row of the table gets no partner.
func (k *Kept) checks(b *builder, from, where, wantAt, haveAt string, own []checked) {
	column := func(i int) string { return fmt.Sprintf("c%d", i) }
	b.addf(",\nexpected AS (\n  SELECT %s", b.each("", func(i int) string {
		if !b.key[i] {
			return fmt.Sprintf("c%d, ", i)
		}
		return fmt.Sprintf("c%d, CASE WHEN c%d IS NULL THEN texts[%s] END AS r%d, ", i, i, databricks.Literal(b.table.Columns[i].Target()), i)
	}))
	b.addf("%s AS rescued, %s AS at, CAST(1 AS INT) AS place", b.objectOf("texts", k.isNow), wantAt)
	for n, o := range own {
		b.addf(", %s AS o%d", o.want, n)
	}
	b.addf(" FROM %s\n),\nlisted AS (\n  SELECT\n", from)
	b.stored(func() { b.values(b.named) })
	b.addf("    %s AS rescued, %s AS at", b.objectOf(textsOf("`_rescued`"), k.isNow), haveAt)
	for n, o := range own {
		b.addf(", %s AS o%d", o.have, n)
	}
	key := b.partition(column, func(i int) string { return fmt.Sprintf("r%d", i) })
	b.addf(" FROM %s WHERE %s\n),\n"+
		"held AS (SELECT *, CAST(row_number() OVER (PARTITION BY %s, at ORDER BY rescued) AS INT) AS place FROM listed)", k.Data, where, key)
	pairs := b.each(" AND ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("%s <=> %s AND e.r%d <=> h.r%d", b.group(i, "e.c"), b.group(i, "h.c"), i, i)
	})
	b.addf(",\nmatched AS (\n  SELECT CASE WHEN h.place > 1 THEN 'twice' WHEN e.place IS NULL THEN 'extra' WHEN h.place IS NULL THEN 'missing' ELSE 'cell' END AS kind, %s AS `key`,\n"+
		"    filter(array(%s), x -> x IS NOT NULL) AS cells\n"+
		"  FROM expected e FULL OUTER JOIN held h ON %s AND e.at <=> h.at AND e.place = h.place\n)",
		k.keyShown(b, "e.", "h."), strings.Join(k.cells(b, own), ", "), pairs)
}

// cells gives, for each compared value, a struct if it differs.
func (k *Kept) cells(b *builder, own []checked) []string {
	cell := func(name, want, have, wantText, haveText string) string {
		return fmt.Sprintf("CASE WHEN NOT (%s <=> %s) THEN named_struct('name', %s, 'want', %s, 'have', %s) END", want, have,
			databricks.Literal(name), wantText, haveText)
	}
	var out []string
	for i, c := range k.Table.Columns {
		want, have := grouped(fmt.Sprintf("e.c%d", i), c.Type, true), grouped(fmt.Sprintf("h.c%d", i), c.Type, true)
		out = append(out, cell(c.Target(), want, have, shownAs(want, c.Type), shownAs(have, c.Type)))
	}
	out = append(out, cell(schema.MetaRescued, "e.rescued", "h.rescued", "e.rescued", "h.rescued"))
	for n, o := range own {
		want, have := fmt.Sprintf("e.o%d", n), fmt.Sprintf("h.o%d", n)
		out = append(out, cell(o.name, want, have, "CAST("+want+" AS STRING)", "CAST("+have+" AS STRING)"))
	}
	return out
}

func (k *Kept) noCell() string {
	return "array(named_struct('name', CAST(NULL AS STRING), 'want', CAST(NULL AS STRING), 'have', CAST(NULL AS STRING)))"
}

// shownAs is the text of an expression that represents a value in a comparison.
func shownAs(x string, t schema.Type) string {
	switch {
	case t.Kind == schema.Variant, t.Kind == schema.StringMap, t.Kind == schema.Float32, t.Kind == schema.Float64: // a text already
		return x
	case t.Kind == schema.Binary:
		return "hex(" + x + ")"
	case t.Nested():
		return "to_json(" + x + ")"
	}
	return "CAST(" + x + " AS STRING)"
}

// keyShown is the text of a row's key. prefixes stand before its columns. Of
// two joined rows, either may be missing.
func (k *Kept) keyShown(b *builder, prefixes ...string) string {
	parts := b.each(", ', ', ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		c := b.table.Columns[i]
		var texts []string
		for _, prefix := range prefixes {
			texts = append(texts, shownAs(grouped(fmt.Sprintf("%sc%d", prefix, i), c.Type, true), c.Type), fmt.Sprintf("%sr%d", prefix, i))
		}
		return databricks.Literal(c.Target()+"=") + ", coalesce(" + strings.Join(texts, ", ") + ", 'NULL')"
	})
	return "concat(" + parts + ")"
}

// answerCheck ends the statement. more adds rows to the differences.
func (k *Kept) answerCheck(b *builder, more string, limit int) string {
	is := "TRUE"
	if of := k.anyOfSnapshot(); of != "" {
		is = of + " IS NOT NULL"
	}
	b.addf(`,
differing AS (
  SELECT *, count(*) OVER () AS differing FROM (
    SELECT kind, %s AS cells FROM matched WHERE kind <> 'cell' OR size(cells) > 0%s
  )
)
SELECT p.positions, p.entry, p.snapshot, CAST(%s AS STRING) AS log, d.differing, d.kind, d.%s, d.cell.name AS %s, d.cell.want AS want, d.cell.have AS have
FROM (SELECT count(*) AS positions, coalesce(max(`+"`_entry`), -1) AS entry, max(`_snapshot`) AS snapshot FROM %s WHERE `_op` = '%s'"+`) p
LEFT JOIN (
  SELECT differing, kind, %[4]s, explode(cells) AS cell FROM differing ORDER BY %[4]s, kind LIMIT %[8]d
) d ON TRUE`, "`key`, CASE WHEN kind = 'cell' THEN cells ELSE "+k.noCell()+" END", more, is, "`key`", "`column`", k.Data, opPosition, limit)
	return b.String()
}
