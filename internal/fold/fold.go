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
	// Births are those of Columns, by column oldest first.
	Births []Birth
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
	// A log that has more makes the statement fail; each one takes a join of the
	// rows that left a column out.
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

// Select is a query for the current state, in no order.
func Select(t databricks.Table, table Table, o Options) string {
	b := newBuilder(table, o)
	b.log(t)
	switch {
	case len(table.Key) == 0:
		b.multiset()
	default:
		b.keyed(newest, b.marksOf(t))
	}
	b.answer()
	return b.String()
}

type builder struct {
	strings.Builder
	table   Table
	options Options
	key     []bool // by column
}

func newBuilder(table Table, o Options) *builder {
	b := &builder{table: table, options: o, key: make([]bool, len(table.Columns))}
	for i, c := range table.Columns {
		b.key[i] = slices.Contains(table.Key, c.Name)
	}
	return b
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
func (o Options) where() string { return o.and("") }

// and is that restriction and another one, "" for none.
func (o Options) and(other string) string {
	var all []string
	if o.From > 0 {
		all = append(all, "`_entry` >= "+strconv.FormatInt(o.From, 10))
	}
	if o.Visible != nil {
		all = append(all, "("+o.visible()+")")
	}
	if other != "" {
		all = append(all, other)
	}
	if len(all) == 0 {
		return ""
	}
	return "\n  WHERE " + strings.Join(all, " AND ")
}

// moment is the place of a row in the order of the log.
const moment = "struct(`_entry`, `_commit_lsn`, `_seq`)"

// afterTruncate keeps the rows that no truncate has cleared.
func afterTruncate(t databricks.Table, o Options) string {
	return "`_op` <> 'truncate' AND coalesce(" + moment + " > (\n    SELECT max(" + moment + ") FROM " + t.String() + o.and("`_op` = 'truncate'") + "\n  ), TRUE)"
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

// log begins the statement: what of the log no truncate has cleared, under names
// that no column of the source can have.
func (b *builder) log(t databricks.Table) {
	b.addf("WITH since AS (\n  SELECT\n")
	b.values(b.table.value)
	if len(b.table.Key) > 0 {
		b.addf("    %s AS id,\n    %s AS rescued,\n", b.id(), b.table.rescued())
	} else {
		b.addf("    %s AS texts,\n", textsOf(b.table.rescued()))
	}
	b.addf("    `_op` AS op, %s AS unchanged, `_commit_ts` AS commit_ts, %s AS moment,\n    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n", b.table.unchanged(), moment)
	b.addf("  FROM %s%s\n)", t, b.options.and(afterTruncate(t, b.options)))
}

// values selects the columns, given the expression of each, and the rescued texts
// of the key.
func (b *builder) values(column func(i int) string) {
	for i := range b.table.Columns {
		b.addf("    %s AS c%d,\n", column(i), i)
		if b.key[i] {
			b.addf("    %s AS r%d,\n", b.keyText(i), i)
		}
	}
}

// named is a column under its name in the target.
func (b *builder) named(i int) string { return databricks.Quote(b.table.Columns[i].Target()) }

// marksOf selects what marks has of the log.
func (b *builder) marksOf(t databricks.Table) string {
	return fmt.Sprintf("SELECT %s AS id, %s AS moment, `_op` AS op, coalesce(size(`_unchanged`) > 0, FALSE) AS leaves_out,\n"+
		"    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n  FROM %s%s", b.id(), moment, t, b.options.and(afterTruncate(t, b.options)))
}

// id stands for the key.
func (b *builder) id() string {
	return "struct(" + b.partition(b.table.value, b.keyText) + ")"
}

// keyText is the rescued text of a column of the key.
func (b *builder) keyText(i int) string {
	return "CASE WHEN " + b.table.value(i) + " IS NULL THEN " + b.table.text(i) + " END"
}

// multiset keeps, of rows that are equal, as many of the newest inserts as
// there are more inserts than deletes.
func (b *builder) multiset() {
	same := b.each(", ", func(i int) string { return grouped(fmt.Sprintf("c%d", i), b.table.Columns[i].Type, true) })
	if same != "" { // a row of no columns is like any other
		same += ", "
	}
	same += "rescued"
	b.addf(`,
numbered AS (
  SELECT *,
    row_number() OVER (PARTITION BY %s, op = 'delete' ORDER BY entry, commit_lsn, seq) AS number,
    count_if(op = 'delete') OVER (PARTITION BY %s) AS deleted
  FROM (SELECT *, %s AS rescued FROM since WHERE op <> 'update')
),
state AS (
  SELECT * FROM numbered WHERE op <> 'delete' AND number > deleted
)`, same, same, b.object("texts"))
}

// partition lists the key's columns, given what stands for a column and for its
// rescued text: a key that its type cannot hold is told apart by that.
func (b *builder) partition(value, text func(i int) string) string {
	return b.each(", ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return grouped(value(i), b.table.Columns[i].Type, false) + ", " + text(i)
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
