package fold

import (
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// shown selects which rows of the log make up the state.
type shown int

const (
	// newest is the newest row of each key that exists.
	newest shown = iota
	// latest is the newest row of each key. For a key that is gone, next holds
	// what ended it.
	latest
	// settled is the newest row of each key in each transaction, including the
	// rows that end the key.
	settled
)

// MoreMoves is part of the error of a statement that meets more key changes of
// a row than it follows.
const MoreMoves = "more_key_changes_than_the_fold_follows"

// KeyTwice is part of the error of a statement that finds a key twice in a kept
// table, among the keys that its batch touches.
const KeyTwice = "a_key_is_there_twice"

// Ops of rows that end a key's life. A relation may represent a truncate as one
// row for each key that it cleared. The log itself has it once.
const (
	ends   = "op IN ('delete', 'truncate')"
	begins = "op IN ('snapshot', 'insert')"
)

// keyed writes the CTE state: the whole rows of the relation since. marks is
// what the CTE marks reads from. A row that leaves nothing out is used as it
// is. A row that leaves columns out is assembled from its line. Only the lines
// of such rows are read, so the text grows little with the number of columns,
// and the work grows little with the log. Spark reads a CTE once for each time
// that it is named: since is named three times, and marks has few columns.
func (b *builder) keyed(rows shown, marks string) {
	b.rank(rows)
	if !b.options.Whole {
		b.addf(",\nmarks AS (\n  %s\n)", marks)
		b.lines()
		b.carried()
	}
	columns := b.each("", func(i int) string { return fmt.Sprintf("c%d, ", i) })
	own := "commit_ts, commit_lsn, " + b.further(rows)
	whole := "shown"
	if !b.options.Whole {
		whole += " AND NOT leaves_out"
		if rows == settled {
			whole = "shown AND (" + ends + " OR NOT leaves_out)"
		}
	}
	b.addf(",\nstate AS (\n  SELECT %s%s%s AS texts\n  FROM ranked WHERE %s", columns, own, textsOf("rescued"), whole)
	if !b.options.Whole {
		found := b.each("", func(i int) string {
			if b.key[i] {
				return fmt.Sprintf("c%d, ", i)
			}
			return fmt.Sprintf("v%d.v AS c%d, ", i, i)
		})
		// The error text contains the name of the condition.
		b.addf("\n  UNION ALL\n  SELECT %s%s%s\n  FROM carried WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END",
			found, own, b.carriedTexts())
	}
	b.addf("\n)")
}

// further lists the columns of the state that only some readers need.
func (b *builder) further(rows shown) string {
	switch rows {
	case latest:
		return "id, op, entry, next, "
	case settled:
		return "id, op, entry, was, coalesce(begun.moved, FALSE) AS moved, "
	default:
		return ""
	}
}

// rank marks each row that is shown. It also finds the last time that the row's
// key arrived by a key change that left columns out.
func (b *builder) rank(rows shown) {
	key := b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) })
	const inOrder, backwards = "entry, commit_lsn, seq", "entry DESC, commit_lsn DESC, seq DESC"
	b.addf(",\nranked AS (\n  SELECT *, coalesce(size(unchanged) > 0, FALSE) AS leaves_out,\n")
	if !b.options.Whole {
		b.addf("    max(CASE WHEN op = 'insert' AND size(unchanged) > 0 THEN moment END) OVER (PARTITION BY %s ORDER BY %s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS arrived,\n", key, inOrder)
	}
	switch rows {
	case newest:
		b.addf("    row_number() OVER (PARTITION BY %s ORDER BY %s) = 1 AND NOT %s AS shown", key, backwards, ends)
	case latest:
		b.addf("    NOT %s AND row_number() OVER (PARTITION BY %s ORDER BY CASE WHEN %s THEN 1 ELSE 0 END, %s) = 1 AS shown,\n"+
			"    lead(struct(op, commit_ts, entry, commit_lsn)) OVER (PARTITION BY %s ORDER BY %s) AS next",
			ends, key, ends, backwards, key, inOrder)
	case settled:
		b.addf("    row_number() OVER (PARTITION BY %s, entry, commit_lsn ORDER BY seq DESC) = 1 AS shown,\n"+
			"    max(CASE WHEN %s THEN named_struct('seq', seq, 'moved', coalesce(size(unchanged) > 0, FALSE)) END) OVER (PARTITION BY %s, "+
			"entry, commit_lsn) AS begun",
			key, begins, key)
	}
	b.addf("\n  FROM since\n)")
}

// marksFrom selects the columns of marks from the rows of the fold.
func (b *builder) marksFrom(relation string) string {
	return "SELECT id, moment, op, coalesce(size(unchanged) > 0, FALSE) AS leaves_out, entry, commit_lsn, seq FROM " + relation
}

// lines finds the stretches of the log that provide the values of a row that
// leaves columns out. The first stretch is that of the row's own key since the
// row arrived there. The others are those of its previous keys, each for as
// long as the row had it. A move is an insert that leaves a column out. It is
// the second half of a key change; the first half is the delete right before it
// in the log. A key has one line for each time that a row arrived at it. cut
// says that there are more moves than the statement follows.
func (b *builder) lines() {
	stretches, joins, cut := []string{"named_struct('id', s.id, 'since', s.arrived, 'until', s.until)"}, "", "FALSE"
	if b.options.Moves > 0 {
		b.addf(`,
moves AS (
  SELECT i.id, i.moment, d.id AS origin FROM marks i
  JOIN marks d ON d.op = 'delete' AND d.entry = i.entry AND d.commit_lsn = i.commit_lsn AND d.seq = i.seq - 1
  WHERE i.op = 'insert' AND i.leaves_out
),
steps AS (
  SELECT moment, origin, earlier FROM (
    SELECT moment, origin, side.came, max(CASE WHEN side.came THEN moment END) OVER (PARTITION BY side.id ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS earlier
    FROM (SELECT moment, origin, explode(array(named_struct('id', id, 'came', TRUE), named_struct('id', origin, 'came', FALSE))) AS side FROM moves)
  ) WHERE NOT came
)`)
		from := "s.arrived"
		for level := 1; level <= b.options.Moves; level++ {
			joins += fmt.Sprintf("\n    LEFT JOIN steps m%d ON m%d.moment = %s", level, level, from)
			from = fmt.Sprintf("m%d.earlier", level)
			stretches = append(stretches, fmt.Sprintf("named_struct('id', m%d.origin, 'since', %s, 'until', m%d.moment)", level, from, level))
		}
		cut = from + " IS NOT NULL"
	}
	b.addf(`,
lines AS (
  SELECT id, arrived, cut, explode(filter(stretches, x -> x.id IS NOT NULL)) AS stretch FROM (
    SELECT s.id, s.arrived, array(%s) AS stretches, %s AS cut
    FROM (SELECT id, arrived, max(moment) AS until FROM ranked WHERE shown AND leaves_out AND NOT %s GROUP BY id, arrived) s%s
  )
)`, strings.Join(stretches, ",\n      "), cut, ends, joins)
}

// carried assembles these rows from the newest values in their lines.
func (b *builder) carried() {
	left := b.each(", ", func(i int) string {
		if b.key[i] {
			return ""
		}
		return fmt.Sprintf("v%d IS NULL", i)
	})
	values := b.each("", func(i int) string {
		if b.key[i] {
			return ""
		}
		return fmt.Sprintf("\n    last_value(if(array_contains(unchanged, %s), NULL, named_struct('v', c%d, 't', rescued)), "+
			"TRUE) OVER (PARTITION BY line ORDER BY place) AS v%d,",
			databricks.Literal(b.table.Columns[i].Target()), i, i)
	})
	if left == "" {
		left = "FALSE"
	}
	b.addf(`,
gathered AS (
  SELECT l.*, struct(o.id, o.arrived) AS line, o.cut, l.shown AND l.leaves_out AND l.id = o.id AND l.arrived <=> o.arrived AS wanted,
    row_number() OVER (PARTITION BY o.id, o.arrived ORDER BY l.entry, l.commit_lsn, l.seq) AS place
  FROM lines o JOIN ranked l ON l.id = o.stretch.id AND l.moment <= o.stretch.until AND (o.stretch.since IS NULL OR l.moment >= o.stretch.since)
  WHERE NOT l.%s
),
carried AS (
  SELECT *, cut AND array_contains(array(%s), TRUE) AS more_key_changes_than_the_fold_follows
  FROM (SELECT *,%s
    max(rescued) OVER (PARTITION BY line) AS any_text
    FROM gathered)
  WHERE wanted
)`, ends, left, values)
}

// carriedTexts are the rescued texts of such a row, by column. Each one comes
// from the row that carried its column last.
func (b *builder) carriedTexts() string {
	carriers := b.each(", ", func(i int) string {
		text := "rescued"
		if !b.key[i] {
			text = fmt.Sprintf("v%d.t", i)
		}
		return "named_struct('n', " + databricks.Literal(b.table.Columns[i].Target()) + ", 't', " + text + ")"
	})
	return "CASE WHEN any_text IS NOT NULL THEN map_from_arrays(" + b.names() + ", transform(array(" + carriers + "), x -> " +
		textsOf("x.t") + "[x.n])) END"
}

// textsOf is the map of rescued texts by column. rescued is an expression of
// _rescued.
func textsOf(rescued string) string { return "from_json(" + rescued + ", 'MAP<STRING, STRING>')" }

// names is an array of the columns' target names.
func (b *builder) names() string {
	return "array(" + b.each(", ", func(i int) string { return databricks.Literal(b.table.Columns[i].Target()) }) + ")"
}
