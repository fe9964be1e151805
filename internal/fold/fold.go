package fold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Table describes a bronze table to the fold.
type Table struct {
	// Columns are the source's columns that the target has, in the order of the
	// answer. Leave out columns that the source no longer has. In a multiset
	// they would prevent a row's delete from matching its insert.
	Columns []schema.Column
	// Key lists the columns of the key, as the Key methods of package ledger
	// give them. Columns contains all of them.
	Key []string
	// Births are the births of Columns, oldest first for each column.
	Births []Birth
}

// DefaultMoves is a generous limit on consecutive key changes of a row.
const DefaultMoves = 4

// Options restrict the log and state what is known about it. The zero value
// folds a whole log in which no key change left a column out.
type Options struct {
	// From excludes the rows of older entries.
	From int64
	// Visible, if set, excludes changes of transactions that the snapshot does
	// not show. Rows of the entry From and rows of a snapshot stay.
	Visible *schema.Snapshot
	// Whole promises that _unchanged is empty in every row. The statement is
	// simpler then. See Survey.
	Whole bool
	// Moves is the maximum number of consecutive key changes that left the same
	// column out. The statement fails if the log has more. Each one costs a
	// join of the rows that left a column out.
	Moves int
	// Numbered names the answer's columns by their place in Table.Columns: c0
	// with its rescued text r0, c1 with r1, and so on. The answer has no other
	// columns, except one column without a meaning if there would be none.
	// Without Numbered, the columns have their own names. _rescued, and
	// _commit_ts and _commit_lsn of the row's newest change, follow them.
	Numbered bool
}

// Survey is a statement that collects the facts that Options need. It gives one
// row: the number of rows that leave a column out (unchanged), and how many of
// these are key changes (moves).
func Survey(t databricks.Table, o Options) string {
	left := "coalesce(size(`_unchanged`), 0) > 0"
	return "SELECT count_if(" + left + ") AS `unchanged`, count_if(" + left + " AND `_op` = 'insert') AS `moves`\n" +
		"FROM " + t.String() + o.where()
}

// Surveyed applies the answer of Survey. Moves becomes atMost if the log has
// more key changes than that.
func (o Options) Surveyed(unchanged, moves int64, atMost int) Options {
	o.Whole, o.Moves = unchanged == 0, int(min(moves, int64(atMost)))
	return o
}

// Select is a query for the current state. The rows have no order.
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

// each calls f for every column and joins the results.
func (b *builder) each(separator string, f func(i int) string) string {
	var parts []string
	for i := range b.table.Columns {
		if s := f(i); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, separator)
}

// where is the WHERE clause that restricts the log.
func (o Options) where() string { return o.and("") }

// and is the WHERE clause of that restriction and another one; "" means no
// other.
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

// moment is the expression of a row's place in the order of the log.
const moment = "struct(`_entry`, `_commit_lsn`, `_seq`)"

// afterTruncate selects the rows that no truncate cleared.
func afterTruncate(t databricks.Table, o Options) string {
	return "`_op` <> 'truncate' AND coalesce(" + moment + " > (\n    SELECT max(" + moment + ") FROM " + t.String() +
		o.and("`_op` = 'truncate'") + "\n  ), TRUE)"
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

// log begins the statement. It selects the rows of the log that no truncate
// cleared, under names that no column of the source can have.
func (b *builder) log(t databricks.Table) {
	b.addf("WITH since AS (\n  SELECT\n")
	b.values(b.table.value)
	if len(b.table.Key) > 0 {
		b.addf("    %s AS id,\n    %s AS rescued,\n", b.id(), b.table.rescued())
	} else {
		b.addf("    %s AS texts,\n", textsOf(b.table.rescued()))
	}
	b.addf("    `_op` AS op, %s AS unchanged, `_commit_ts` AS commit_ts, %s AS moment,\n"+
		"    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n", b.table.unchanged(), moment)
	b.addf("  FROM %s%s\n)", t, b.options.and(afterTruncate(t, b.options)))
}

// values selects the columns and the rescued texts of the key. column gives the
// expression of each column.
func (b *builder) values(column func(i int) string) {
	for i := range b.table.Columns {
		b.addf("    %s AS c%d,\n", column(i), i)
		if b.key[i] {
			b.addf("    %s AS r%d,\n", b.keyText(i), i)
		}
	}
}

// named is the quoted target name of a column.
func (b *builder) named(i int) string { return databricks.Quote(b.table.Columns[i].Target()) }

// marksOf selects the columns of marks from the log.
func (b *builder) marksOf(t databricks.Table) string {
	return fmt.Sprintf("SELECT %s AS id, %s AS moment, `_op` AS op, coalesce(size(`_unchanged`) > 0, FALSE) AS leaves_out,\n"+
		"    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n  FROM %s%s", b.id(), moment, t,
		b.options.and(afterTruncate(t, b.options)))
}

// id is the expression that represents the key.
func (b *builder) id() string {
	return "struct(" + b.partition(b.table.value, b.keyText) + ")"
}

// keyText is the expression of the rescued text of a key column.
func (b *builder) keyText(i int) string {
	return "CASE WHEN " + b.table.value(i) + " IS NULL THEN " + b.table.text(i) + " END"
}

// multiset compares equal rows. It keeps as many of the newest inserts as there
// are more inserts than deletes.
func (b *builder) multiset() {
	same := b.each(", ", func(i int) string { return grouped(fmt.Sprintf("c%d", i), b.table.Columns[i].Type, true) })
	if same != "" { // all rows without columns are equal
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

// partition lists the columns of the key. value and text give the expressions
// of a column and of its rescued text. The text distinguishes keys that the
// column's type cannot hold.
func (b *builder) partition(value, text func(i int) string) string {
	return b.each(", ", func(i int) string {
		if !b.key[i] {
			return ""
		}
		return grouped(value(i), b.table.Columns[i].Type, false) + ", " + text(i)
	})
}

// grouped is the expression to group by instead of x. It differs from x in two
// cases. Spark cannot group by maps and VARIANT, and their order has no
// meaning. For floats, signs says whether 0.0 and -0.0 are distinct. Without
// signs they form one group, as in a key of the source. The rows themselves
// keep their signs.
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
		return x
	case schema.Variant:
		return "to_json(" + x + ")"
	case schema.StringMap:
		return "to_json(transform(array_sort(map_keys(" + x + ")), k -> array(k, " + x + "[k])))"
	default:
		return x
	}
}
