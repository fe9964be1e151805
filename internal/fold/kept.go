package fold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/schema"
)

// Kept is a table that loads keep beside a log: its rows are those of the log's
// current state, or the periods in which each row held.
//
// Beside these the table has one position row, which says how far of the log is
// in it. A statement that brings the table further has rows only while the
// position is the one that it was made for, and always moves it. So a statement
// that comes late, or twice, changes nothing, and of two at once one fails.
type Kept struct {
	Log, Data databricks.Table
	// Table says which columns the source has now, and the key.
	Table Table
	// Former are further columns of Data: the source had them once.
	Former []Former
	// Except are columns, by their names in the source, that begin no period
	// where nothing else changes. History only.
	Except []string
	// Snapshot is the one that the log begins with.
	Snapshot Snapshot
}

// Former is a column that the source has no more. Rows of the log since then have
// NULL in it, which says nothing: a period that lasts keeps the value that it had.
type Former struct {
	schema.Column
	InLog bool // else the log was made again without it
	// Entry and LSN are of the first commit that has rows without the column. 0 where the
	// ledger does not say it: then no NULL of the log is taken for a value.
	Entry, LSN int64
}

// Snapshot tells the log that begins with it from any other.
type Snapshot struct {
	Directory string // of its segments; no other attempt has it
	Begin     int64  // the _entry of its rows
	Rows      int64
}

// Position is what the position row says: entries up to Entry are in the table,
// of a log that begins with the snapshot of that directory.
type Position struct {
	Snapshot string
	Entry    int64
}

// Batch is a stretch of the log.
type Batch struct {
	From Position // where the table is
	To   int64    // entries up to this one are taken in
	// Truncates says that the entries may hold a truncate.
	Truncates bool
	// Moves is as in Options.
	Moves int
	// Loaded is when the load runs.
	Loaded time.Time
}

// PositionSnapshot is the column of the position row that names the snapshot.
const PositionSnapshot = "_snapshot"

// Columns of a kept table, beside those that logs have, too.
const (
	columnSnapshot = PositionSnapshot
	columnStart    = "__START_AT"
	columnEnd      = "__END_AT"
	columnEndEntry = "_end_entry"
	columnEndLSN   = "_end_lsn"
)

// opPosition is the _op of the position row.
const opPosition = "position"

var (
	text      = schema.Type{Kind: schema.String}
	number    = schema.Type{Kind: schema.Int64}
	timestamp = schema.Type{Kind: schema.TimestampUTC}
)

// IsColumn says whether a kept table has a column of that name of its own, in
// any case.
func IsColumn(name string) bool {
	return slices.ContainsFunc([]string{columnSnapshot, columnStart, columnEnd, columnEndEntry, columnEndLSN},
		func(own string) bool { return strings.EqualFold(own, name) })
}

// columns are those of the builder: the source's, then the former.
func (k *Kept) columns() []schema.Column {
	columns := slices.Clone(k.Table.Columns)
	for _, f := range k.Former {
		columns = append(columns, f.Column)
	}
	return columns
}

// isNow says that the source has a column of the builder.
func (k *Kept) isNow(i int) bool { return i < len(k.Table.Columns) }

func (k *Kept) builder(b Batch) *builder {
	return newBuilder(Table{Columns: k.columns(), Key: k.Table.Key, Births: k.Table.Births}, Options{Moves: b.Moves})
}

// declared are the data table's columns: the source's, then its own.
func (k *Kept) declared(own []databricks.TargetColumn) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range k.columns() {
		out = append(out, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
	}
	return append(out, own...)
}

// ReadPositions is a query for the position rows of tables: number of the table
// in the list, snapshot and entry.
func ReadPositions(tables []databricks.Table) string {
	parts := make([]string, len(tables))
	for i, t := range tables {
		parts[i] = fmt.Sprintf("SELECT %d AS `table`, `%s` AS `snapshot`, `%s` AS `entry` FROM %s WHERE `%s` = '%s'",
			i, columnSnapshot, schema.MetaEntry, t, schema.MetaOp, opPosition)
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// anyOfSnapshot is a query for a row of the snapshot in the log, "" where that has
// no rows to tell the log by.
func (k *Kept) anyOfSnapshot() string {
	if k.Snapshot.Rows == 0 {
		return ""
	}
	return fmt.Sprintf("(SELECT `_entry` AS begin FROM %s WHERE `_entry` = %d AND `_op` = 'snapshot' LIMIT 1)", k.Log, k.Snapshot.Begin)
}

// at writes the CTE position: one row while the table is where the statement
// found it and the log is the one that it was made for, else none. A statement's
// rows are joined with it: Delta refuses a MERGE whose source has a subquery of a
// Delta table in an expression.
func (k *Kept) at(b *builder, from Position) {
	b.addf("WITH position AS (\n  SELECT p.`_entry` AS reached FROM %s p", k.Data)
	if of := k.anyOfSnapshot(); of != "" {
		b.addf(" CROSS JOIN %s", of)
	}
	b.addf(" WHERE p.`_op` = '%s' AND p.`_entry` = %d AND p.`%s` = %s\n)", opPosition, from.Entry, columnSnapshot, databricks.Literal(from.Snapshot))
}

// positionRow is the SELECT of the position row: own gives its values of the
// table's own columns, NULL where there is none.
func (k *Kept) positionRow(own []databricks.TargetColumn, to Position, from string) string {
	var values []string
	for _, c := range k.declared(own) {
		value := databricks.Null(c.Type)
		switch c.Name {
		case schema.MetaOp:
			value = databricks.Literal(opPosition)
		case schema.MetaEntry:
			value = databricks.Bigint(to.Entry)
		case columnSnapshot:
			value = databricks.Literal(to.Snapshot)
		}
		values = append(values, value+" AS "+databricks.Quote(c.Name))
	}
	return "SELECT " + strings.Join(values, ", ") + from
}

// on is the condition that pairs rows of the table and of a MERGE's source.
func (b *builder) on() string {
	conditions := []string{"(t.`_op` = 'position') = (s.`_op` = 'position')"}
	for i, c := range b.table.Columns {
		if !b.key[i] {
			continue
		}
		side := func(alias string) (value, rescued string) {
			name := alias + "." + databricks.Quote(c.Target())
			return grouped(name, c.Type, false), "CASE WHEN " + name + " IS NULL THEN " + databricks.RescuedTextOf(alias+".`_rescued`", c.Target()) + " END"
		}
		tv, tr := side("t")
		sv, sr := side("s")
		conditions = append(conditions, tv+" <=> "+sv, tr+" <=> "+sr)
	}
	return strings.Join(conditions, " AND ")
}

func (k *Kept) merge(on, source string) string {
	return "MERGE INTO " + k.Data.String() + " t USING (\n" + source + "\n) s\nON " + on + "\nWHEN MATCHED THEN UPDATE SET *\nWHEN NOT MATCHED THEN INSERT *"
}
