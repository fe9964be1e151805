package fold

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// currentOwn lists the columns that a current-state table has beside the
// source's columns.
func currentOwn() []databricks.TargetColumn {
	return []databricks.TargetColumn{
		{Name: schema.MetaRescued, Type: text, Comment: "JSON object: column → Postgres text of a value that the column's type cannot hold"},
		{Name: schema.MetaDeletedTS, Type: timestamp, Comment: "commit time of what ended the row; NULL while it is there"},
		{
			Name: schema.MetaOp, Type: text,
			Comment: "newest change: snapshot, insert, update, delete or truncate; position in the one row that says how far of the log is in",
		},
		{Name: schema.MetaCommitTS, Type: timestamp, Comment: "commit time of the newest change"},
		{Name: schema.MetaEntry, Type: number, Comment: "ledger entry of the newest change"},
		{Name: schema.MetaCommitLSN, Type: number, Comment: "commit LSN of the newest change"},
		{Name: schema.MetaLoadedTS, Type: timestamp, Comment: "when the load ran"},
		{Name: columnSnapshot, Type: text, Comment: "of the position row: the snapshot that the log begins with"},
	}
}

// HasMoved is part of the error of a statement that would replace a table whose
// position has changed.
const HasMoved = "the_table_is_where_it_was"

// CurrentColumns lists the columns of a current-state table.
func (k *Kept) CurrentColumns() []databricks.TargetColumn { return k.declared(currentOwn()) }

// ReplaceCurrent is a query for all rows of a current-state table. It fails if
// the log does not begin with the snapshot. It also fails, with HasMoved in its
// error, if the table that it replaces is no longer at the position was: so a
// late statement reverts nothing. If was is nil, the query does not check the
// position.
func (k *Kept) ReplaceCurrent(batch Batch, was *Position) string {
	b := k.builder(batch)
	k.log(b, batch)
	b.keyed(latest, b.marksFrom("changes"))
	k.current(b, batch, "")
	// The error texts contain the names of the conditions.
	var holds, asserted []string
	assert := func(query, name string) {
		holds = append(holds, query+" IS NOT NULL AS "+name)
		asserted = append(asserted, "assert_true("+name+") IS NULL")
	}
	if of := k.anyOfSnapshot(); of != "" {
		assert(of, "the_log_begins_with_the_snapshot")
	}
	if was != nil {
		assert(k.isAt(*was), HasMoved)
	}
	from := ""
	if len(holds) > 0 {
		from = "\nFROM (SELECT " + strings.Join(holds, ", ") + ") WHERE " + strings.Join(asserted, " AND ")
	}
	b.addf("\nUNION ALL\n%s", k.positionRow(currentOwn(), Position{k.Snapshot.Directory, batch.To}, from))
	return b.String()
}

// isAt is a query that gives NULL if the table is not at the position.
func (k *Kept) isAt(was Position) string {
	return fmt.Sprintf("(SELECT max(`_entry`) FROM %s WHERE `_op` = '%s' AND `_entry` = %d AND `%s` = %s)", k.Data, opPosition, was.Entry,
		columnSnapshot, databricks.Literal(was.Snapshot))
}

// Restate is a query for all rows of the table. expressions replace the table's
// columns. The query fails, with HasMoved in its error, if the table is no
// longer at the position was.
func (k *Kept) Restate(expressions []string, was Position) string {
	return fmt.Sprintf("SELECT %s FROM %s CROSS JOIN (SELECT %s IS NOT NULL AS %s) WHERE assert_true(%[4]s) IS NULL",
		strings.Join(expressions, ", "), k.Data, k.isAt(was), HasMoved)
}

// MergeCurrent is the statement that applies a batch to a current-state table.
func (k *Kept) MergeCurrent(batch Batch) string {
	b := k.builder(batch)
	k.at(b, batch.From)
	b.addf(",\n")
	k.batch(b, batch, stored{
		where: "`_op` <> '" + opPosition + "'", live: "`_deleted_ts` IS NULL",
		at: "`_commit_ts`", entry: "`_entry`", lsn: "`_commit_lsn`", overwritten: true,
	})
	b.keyed(latest, b.marksFrom("changes"))
	k.current(b, batch, fmt.Sprintf(" CROSS JOIN position\nWHERE coalesce(next.entry, entry) > %d", batch.From.Entry))
	b.addf("\nUNION ALL\n%s", k.positionRow(currentOwn(), Position{k.Snapshot.Directory, batch.To}, " FROM position"))
	return k.merge(b.on(), b.String())
}

// current selects the rows of the state. A row that is gone comes with the
// change that ended it.
func (k *Kept) current(b *builder, batch Batch, where string) {
	b.addf("\nSELECT\n")
	for i, c := range b.table.Columns {
		b.addf("  c%d AS %s,\n", i, databricks.Quote(c.Target()))
	}
	b.addf("  %s AS `_rescued`,\n  next.commit_ts AS `_deleted_ts`,\n  coalesce(next.op, op) AS `_op`,\n"+
		"  coalesce(next.commit_ts, commit_ts) AS `_commit_ts`,\n"+
		"  coalesce(next.entry, entry) AS `_entry`,\n  coalesce(next.commit_lsn, commit_lsn) AS `_commit_lsn`,\n  %s AS `_loaded_ts`,\n"+
		"  CAST(NULL AS STRING) AS `_snapshot`\nFROM state%s",
		b.object("texts"), databricks.Timestamp(batch.Loaded), where)
}

// read lists the columns and _rescued as a view of a kept table reads them,
// each followed by a comma. If former is set, the table has former columns too,
// and read leaves their rescued texts out.
func (b *builder) read(former bool) string {
	columns := b.each("", func(i int) string {
		if value := b.table.value(i); value != b.named(i) {
			return value + " AS " + b.named(i) + ", "
		}
		return b.named(i) + ", "
	})
	rescued := b.table.rescued()
	if rescued != "`_rescued`" || former {
		rescued = b.object(textsOf(rescued)) + " AS `_rescued`"
	}
	return columns + rescued + ", "
}

// CurrentView is the query of the user-facing view. It leaves out the position
// row. It leaves out rows that are gone, unless showGone is set. Births are
// those of columns that the table does not have.
func (k *Kept) CurrentView(showGone bool) string {
	b := newBuilder(k.Table, Options{})
	b.addf("SELECT %s`_commit_ts`, `_commit_lsn`, ", b.read(len(k.Former) > 0))
	where := "`_op` <> '" + opPosition + "'"
	if showGone {
		b.addf("`_deleted_ts`, ")
	} else {
		where += " AND `_deleted_ts` IS NULL"
	}
	b.addf("`_op`, `_entry`, `_loaded_ts`\nFROM %s\nWHERE %s", k.Data, where)
	return b.String()
}
