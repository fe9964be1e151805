package fold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/schema"
)

// Table is what the fold needs to know of a bronze table.
type Table struct {
	// Columns are the source's columns that the target has, in the order of the
	// answer. A column that the source has no more must be left out: in a
	// multiset it would keep a row's delete from meeting its insert.
	Columns []schema.Column
	// Key is Key's answer; all of it is among Columns.
	Key []string
}

// DefaultMoves is a generous number of key changes in a row.
const DefaultMoves = 4

// Options restrict the log and say what is known of it. The zero value folds
// all of a log in which no key change left a column out.
type Options struct {
	// From leaves out the rows of older entries.
	From int64
	// Visible, if set, leaves out changes whose transaction the snapshot does
	// not show. Rows of the entry From and rows of a snapshot stay.
	Visible *schema.Snapshot
	// Whole promises that no row has anything in _unchanged, which makes the
	// statement simpler. See Survey.
	Whole bool
	// Moves is how many key changes in a row may have left the same column out.
	// A log that has more makes the statement fail; each one makes it dearer.
	Moves int
	// Numbered names the answer's columns by their place in Table.Columns: c0
	// with its rescued text r0, c1 with r1 and so on, and nothing else (a column
	// without a meaning, where there are no others). Without it they have their own names, and _rescued, _commit_ts and _commit_lsn of
	// the row's newest change follow.
	Numbered bool
}

// Survey is a statement that tells what Options need to be told: one row with
// the number of rows that leave a column out (unchanged) and of those among
// them that are key changes (moves).
func Survey(t databricks.Table, o Options) string {
	left := "coalesce(size(`_unchanged`), 0) > 0"
	return "SELECT count_if(" + left + ") AS `unchanged`, count_if(" + left + " AND `_op` = 'insert') AS `moves`\n" +
		"FROM " + t.String() + o.where()
}

// Surveyed takes Survey's answer in. Moves becomes atMost where the log has
// more key changes than that.
func (o Options) Surveyed(unchanged, moves int64, atMost int) Options {
	o.Whole, o.Moves = unchanged == 0, int(min(moves, int64(atMost)))
	return o
}

// View is a statement that makes or replaces a view of the current state.
func View(t, view databricks.Table, table Table, o Options) string {
	return "CREATE OR REPLACE VIEW " + view.String() + " AS\n" + Select(t, table, o)
}

// Select is a query for the current state, in no order.
func Select(t databricks.Table, table Table, o Options) string {
	b := builder{table: table, options: o, key: make([]bool, len(table.Columns))}
	for i, c := range table.Columns {
		b.key[i] = slices.Contains(table.Key, c.Name)
	}
	b.log(t)
	switch {
	case len(table.Key) == 0:
		b.multiset()
	case o.Whole:
		b.newest()
	default:
		b.carry()
	}
	b.answer()
	return b.String()
}

// order is the order of the log.
var order = [...]string{"entry", "commit_lsn", "seq"}

type builder struct {
	strings.Builder
	table   Table
	options Options
	key     []bool // by column
}

func (b *builder) addf(format string, args ...any) { fmt.Fprintf(b, format, args...) }

// each joins what f gives for every column.
func (b *builder) each(separator string, f func(i int) string) string {
	var parts []string
	for i := range b.table.Columns {
		if s := f(i); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, separator)
}

// where is the restriction of the log.
func (o Options) where() string {
	var all []string
	if o.From > 0 {
		all = append(all, "`_entry` >= "+strconv.FormatInt(o.From, 10))
	}
	if o.Visible != nil {
		all = append(all, "("+o.visible()+")")
	}
	if len(all) == 0 {
		return ""
	}
	return "\n  WHERE " + strings.Join(all, " AND ")
}

// visible is schema.Snapshot.Visible as a predicate.
func (o Options) visible() string {
	v := o.Visible
	shown := []string{"`_xid` IS NULL", fmt.Sprintf("`_xid` < %d", v.Xmin)}
	if o.From > 0 {
		shown = append(shown, fmt.Sprintf("`_entry` = %d", o.From))
	}
	if v.Xmax > v.Xmin {
		ended := fmt.Sprintf("`_xid` < %d", v.Xmax)
		if len(v.Xip) > 0 {
			ids := make([]string, len(v.Xip))
			for i, id := range v.Xip {
				ids[i] = strconv.FormatUint(id, 10)
			}
			ended += " AND `_xid` NOT IN (" + strings.Join(ids, ", ") + ")"
		}
		shown = append(shown, ended)
	}
	return strings.Join(shown, " OR ")
}

// log begins the statement: the log under names that no column of the source
// can have, then what of it no truncate has cleared.
func (b *builder) log(t databricks.Table) {
	b.addf("WITH log AS (\n  SELECT\n")
	for i, c := range b.table.Columns {
		name := databricks.Quote(c.Target())
		b.addf("    %s AS c%d,\n    CASE WHEN %s IS NULL THEN %s END AS r%d,\n", name, i, name, databricks.RescuedText(c.Target()), i)
	}
	b.addf("    `_op` AS op, `_unchanged` AS unchanged, `_commit_ts` AS commit_ts,\n    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n")
	b.addf("  FROM %s%s\n)", t, b.options.where())
	b.addf(`,
cut AS (
  SELECT entry, commit_lsn, seq FROM log WHERE op = 'truncate'
  ORDER BY entry DESC, commit_lsn DESC, seq DESC LIMIT 1
),
since AS (
  SELECT log.* FROM log LEFT JOIN cut ON TRUE
  WHERE log.op <> 'truncate' AND (cut.entry IS NULL OR log.entry > cut.entry
    OR log.entry = cut.entry AND (log.commit_lsn > cut.commit_lsn
    OR log.commit_lsn = cut.commit_lsn AND log.seq > cut.seq))
)`)
}

// multiset keeps, of rows that are equal, as many of the newest inserts as
// there are more inserts than deletes.
func (b *builder) multiset() {
	same := b.each(", ", func(i int) string {
		return fmt.Sprintf("%s, r%d", grouped(fmt.Sprintf("c%d", i), b.table.Columns[i].Type, true), i)
	})
	if same == "" { // a row of no columns is like any other
		same = "0"
	}
	b.addf(`,
numbered AS (
  SELECT *,
    row_number() OVER (PARTITION BY %s, op = 'delete' ORDER BY entry, commit_lsn, seq) AS number,
    count_if(op = 'delete') OVER (PARTITION BY %s) AS deleted
  FROM since WHERE op <> 'update'
),
state AS (
  SELECT * FROM numbered WHERE op <> 'delete' AND number > deleted
)`, same, same)
}

// partition lists the key's columns. A key that its type cannot hold is told
// apart by its rescued text.
func (b *builder) partition() string {
	return b.each(", ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return fmt.Sprintf("%s, r%d", grouped(fmt.Sprintf("c%d", i), b.table.Columns[i].Type, false), i)
	})
}

// grouped is an expression that rows are grouped by to group them by x. It is
// another one for maps and VARIANT, which nothing can be grouped by and whose
// order means nothing, and for floats: whether 0.0 and -0.0 are one group, as in a key of
// the source, or signs tell them apart, their rows keep them.
func grouped(x string, t schema.Type, signs bool) string {
	switch t.Kind {
	case schema.Float32, schema.Float64:
		if signs {
			return "CAST(" + x + " AS STRING)"
		}
		return "(" + x + " + 0)"
	case schema.List:
		if elem := grouped("e", *t.Elem, signs); elem != "e" {
			return "transform(" + x + ", e -> " + elem + ")"
		}
	case schema.Variant:
		return "to_json(" + x + ")"
	case schema.StringMap:
		return "to_json(transform(array_sort(map_keys(" + x + ")), k -> array(k, " + x + "[k])))"
	}
	return x
}

// newest is the state where every row of the log carries all columns.
func (b *builder) newest() {
	b.addf(`,
numbered AS (
  SELECT *, row_number() OVER (PARTITION BY %s ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since
),
state AS (
  SELECT * FROM numbered WHERE number = 1 AND op <> 'delete'
)`, b.partition())
}

// carry is the state where rows may leave columns out. Each row of the log gets
// the last carried value of every column, as a struct, so that a NULL that was
// carried is one. m says that the value moved here with the row, from another
// key, and is to be looked up there.
func (b *builder) carry() {
	window := "PARTITION BY " + b.partition() + " ORDER BY " + strings.Join(order[:], ", ")
	frame := "OVER (" + window + " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
	b.addf(",\ncarried AS (\n  SELECT op, commit_ts, entry, commit_lsn, seq,\n")
	for i, c := range b.table.Columns {
		if b.key[i] {
			b.addf("    c%d, r%d,\n", i, i)
			continue
		}
		left := "coalesce(array_contains(unchanged, " + databricks.Literal(c.Target()) + "), FALSE)"
		b.addf("    last_value(CASE WHEN op IN ('snapshot', 'insert') OR op = 'update' AND NOT %s\n"+
			"      THEN named_struct('v', c%d, 'r', r%d, 'm', %s) END) IGNORE NULLS %s AS s%d,\n", left, i, i, left, frame, i)
	}
	if b.options.Moves > 0 {
		b.addf("    last_value(CASE WHEN op IN ('snapshot', 'insert')\n"+
			"      THEN named_struct('entry', CASE WHEN size(unchanged) > 0 THEN entry END, 'commit_lsn', commit_lsn, 'seq', seq - 1) END) IGNORE NULLS %s AS origin,\n", frame)
	}
	b.addf("    lead(op) OVER (%s) AS following\n  FROM since\n)", window)
	b.resolve()
}

// resolve finds moved values where they came from: level 0 is the row itself,
// level n the row that the n-th key change before ended.
func (b *builder) resolve() {
	b.addf(",\nstate AS (\n  SELECT l0.commit_ts, l0.commit_lsn,\n")
	var tooMany []string
	for i := range b.table.Columns {
		if b.key[i] {
			b.addf("    l0.c%d, l0.r%d,\n", i, i)
			continue
		}
		var values, moved []string
		for level := range b.options.Moves + 1 {
			values = append(values, fmt.Sprintf("CASE WHEN NOT l%d.s%d.m THEN l%d.s%d END", level, i, level, i))
			moved = append(moved, fmt.Sprintf("l%d.s%d.m", level, i))
		}
		b.addf("    coalesce(%s) AS s%d,\n", strings.Join(append(values, "NULL"), ", "), i)
		tooMany = append(tooMany, strings.Join(moved, " AND "))
	}
	b.addf("    %s AS more_key_changes_than_the_fold_follows\n  FROM carried l0", orFalse(tooMany))
	for level := range b.options.Moves {
		b.addf("\n  LEFT JOIN (SELECT * FROM carried WHERE op = 'delete') l%d ON l%d.entry = l%d.origin.entry AND l%d.commit_lsn = l%d.origin.commit_lsn AND l%d.seq = l%d.origin.seq",
			level+1, level+1, level, level+1, level, level+1, level)
	}
	b.addf("\n  WHERE l0.following IS NULL AND l0.op <> 'delete'\n)")
}

func orFalse(conditions []string) string {
	if len(conditions) == 0 {
		return "FALSE"
	}
	return "coalesce(" + anyOf(conditions) + ", FALSE)"
}

// anyOf joins conditions so that the nesting of a table of many columns stays
// within what parsers of SQL take.
func anyOf(conditions []string) string {
	if n := len(conditions); n > 100 {
		return "(" + anyOf(conditions[:n/2]) + ") OR (" + anyOf(conditions[n/2:]) + ")"
	}
	return strings.Join(conditions, " OR ")
}
