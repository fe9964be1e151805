package fold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Kept is a table that loads maintain beside a log. Its rows are the current
// state of the log, or the periods in which each row held.
//
// The table also has one position row, which records how much of the log is in
// the table. A statement that advances the table produces rows only while the
// position is the one that it was written for, and it always moves the
// position. So a late or repeated statement changes nothing. If two run at
// once, one fails.
type Kept struct {
	Log, Data databricks.Table
	// Table has the present columns of the source, and the key.
	Table Table
	// Former are further columns of Data that the source once had.
	Former []Former
	// Except lists columns, by their source names, that do not begin a period
	// if nothing else changes. History only.
	Except []string
	// Snapshot is the snapshot that the log begins with.
	Snapshot Snapshot
}

// Former is a column that the source no longer has. Log rows since then have
// NULL in it. This NULL carries no information: an open period keeps its value.
type Former struct {
	schema.Column
	InLog bool // false: the log was rebuilt without it
	// Entry and LSN identify the first commit whose rows lack the column. They
	// are 0 if the ledger does not record it. Then no NULL of the log counts as
	// a value.
	Entry, LSN int64
}

// Snapshot identifies a log by the snapshot that it begins with.
type Snapshot struct {
	Directory string // directory of its segments; no other attempt has it
	Begin     int64  // the _entry of its rows
	Rows      int64
}

// Position is the content of the position row. Entries up to Entry are in the
// table. The log begins with the snapshot of that directory.
type Position struct {
	Snapshot string
	Entry    int64
}

// Batch is a stretch of the log to apply.
type Batch struct {
	From Position // position of the table
	To   int64    // newest entry to apply
	// Truncates says that the entries may hold a truncate.
	Truncates bool
	// Moves is as in Options.
	Moves int
	// Loaded is the time of the load.
	Loaded time.Time
}

// PositionSnapshot is the position row's column that names the snapshot.
const PositionSnapshot = schema.KeptSnapshot

// Columns that only kept tables have. Their other metadata columns are those of
// logs.
const (
	columnSnapshot = PositionSnapshot
	columnStart    = schema.KeptStart
	columnEnd      = schema.KeptEnd
	columnEndEntry = schema.KeptEndEntry
	columnEndLSN   = schema.KeptEndLSN
)

// opPosition is the _op of the position row.
const opPosition = "position"

var (
	text      = schema.Type{Kind: schema.String}
	number    = schema.Type{Kind: schema.Int64}
	timestamp = schema.Type{Kind: schema.TimestampUTC}
)

// IsColumn reports whether name is a column that a kept table adds, in any
// case.
func IsColumn(name string) bool { return schema.IsKept(name) }

// columns lists the columns of the builder: the source's columns, then the
// former ones.
func (k *Kept) columns() []schema.Column {
	columns := slices.Clone(k.Table.Columns)
	for _, f := range k.Former {
		columns = append(columns, f.Column)
	}
	return columns
}

// isNow reports whether the source still has column i of the builder.
func (k *Kept) isNow(i int) bool { return i < len(k.Table.Columns) }

func (k *Kept) builder(b Batch) *builder {
	return newBuilder(Table{Columns: k.columns(), Key: k.Table.Key, Births: k.Table.Births}, Options{Moves: b.Moves})
}

// declared lists the data table's columns: the source's columns, then its own.
func (k *Kept) declared(own []databricks.TargetColumn) []databricks.TargetColumn {
	var out []databricks.TargetColumn
	for _, c := range k.columns() {
		out = append(out, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
	}
	return append(out, own...)
}

// ReadPositions is a query for the position rows of tables. Each row has the
// table's number in the list, the snapshot and the entry.
func ReadPositions(tables []databricks.Table) string {
	parts := make([]string, len(tables))
	for i, t := range tables {
		parts[i] = fmt.Sprintf("SELECT %d AS `table`, `%s` AS `snapshot`, `%s` AS `entry` FROM %s WHERE `%s` = '%s'",
			i, columnSnapshot, schema.MetaEntry, t, schema.MetaOp, opPosition)
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// anyOfSnapshot is a query for one row of the snapshot in the log. It is "" if
// the snapshot has no rows that could identify the log.
func (k *Kept) anyOfSnapshot() string {
	if k.Snapshot.Rows == 0 {
		return ""
	}
	return fmt.Sprintf("(SELECT `_entry` AS begin FROM %s WHERE `_entry` = %d AND `_op` = 'snapshot' LIMIT 1)", k.Log, k.Snapshot.Begin)
}

// at writes the CTE position. It has one row if the table is at the position
// that the statement was written for and the log is the expected one. Else it
// has no row. The statement's rows are joined with it, because Delta refuses a
// MERGE whose source has a subquery of a Delta table in an expression.
func (k *Kept) at(b *builder, from Position) {
	b.addf("WITH position AS (\n  SELECT p.`_entry` AS reached FROM %s p", k.Data)
	if of := k.anyOfSnapshot(); of != "" {
		b.addf(" CROSS JOIN %s", of)
	}
	b.addf(" WHERE p.`_op` = '%s' AND p.`_entry` = %d AND p.`%s` = %s\n)", opPosition, from.Entry, columnSnapshot,
		databricks.Literal(from.Snapshot))
}

// positionRow is the SELECT of the position row. own are the table's own
// columns. Columns without a value are NULL.
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

// on is the condition that matches rows of the table and of a MERGE's source.
func (b *builder) on() string {
	conditions := []string{"(t.`_op` = 'position') = (s.`_op` = 'position')"}
	for i, c := range b.table.Columns {
		if !b.key[i] {
			continue
		}
		side := func(alias string) (value, rescued string) {
			name := alias + "." + databricks.Quote(c.Target())
			return grouped(name, c.Type, false), "CASE WHEN " + name + " IS NULL THEN " +
				databricks.RescuedTextOf(alias+".`_rescued`", c.Target()) + " END"
		}
		tv, tr := side("t")
		sv, sr := side("s")
		conditions = append(conditions, tv+" <=> "+sv, tr+" <=> "+sr)
	}
	return strings.Join(conditions, " AND ")
}

func (k *Kept) merge(on, source string) string {
	return "MERGE INTO " + k.Data.String() + " t USING (\n" + source + "\n) s\nON " + on +
		"\nWHEN MATCHED THEN UPDATE SET *\nWHEN NOT MATCHED THEN INSERT *"
}
