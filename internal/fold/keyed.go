package fold

import (
	"fmt"

	"ingest/internal/databricks"
)

// keyed is the state of a table with a key: the newest row of each key. A row
// that leaves nothing out is taken as it is. One that leaves columns out is put
// together from its history, which only the keys are looked at for that any row
// left something out of: so the text grows by little with the columns, and the
// work by little with the log.
func (b *builder) keyed() {
	b.addf(",\nnewest AS (\n  SELECT *, row_number() OVER (PARTITION BY %s ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since\n)",
		b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) }))
	if !b.options.Whole {
		b.history()
		b.lives()
		b.carried()
	}
	columns := b.each("", func(i int) string { return fmt.Sprintf("c%d, ", i) })
	b.addf(",\nstate AS (\n  SELECT %scommit_ts, commit_lsn, %s AS texts\n  FROM newest WHERE number = 1 AND op <> 'delete'", columns, textsOf("rescued"))
	if !b.options.Whole {
		b.addf(" AND NOT %s\n  UNION ALL\n  SELECT %scommit_ts, commit_lsn, %s\n  FROM carried", leavesOut(""), columns, b.carriedTexts())
		// The error's text names the condition.
		b.addf("\n  WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END")
	}
	b.addf("\n)")
}

// leavesOut says of a row that it leaves a column out.
func leavesOut(row string) string { return "coalesce(size(" + row + "unchanged) > 0, FALSE)" }

// carries says of a row that it does not leave the column n out.
func carries(row string) string {
	return "NOT coalesce(array_contains(" + row + "unchanged, n), FALSE)"
}

// before finds the delete that is the first half of a change of the key, of
// which i is the second.
const before = "d.op = 'delete' AND d.entry = i.entry AND d.commit_lsn = i.commit_lsn AND d.seq = i.seq - 1"

// history is the log of the keys that matter: those of rows that left something
// out, and those that such rows came from. A row's life is its key and what
// began the row there.
func (b *builder) history() {
	touched := "SELECT id FROM since WHERE " + leavesOut("")
	if b.options.Moves > 0 {
		touched += "\n  UNION\n  SELECT d.id FROM since i JOIN since d ON " + before + " WHERE i.op = 'insert' AND " + leavesOut("i.")
	}
	const window = "PARTITION BY since.id ORDER BY since.entry, since.commit_lsn, since.seq"
	b.addf(`,
touched AS (
  %s
),
history AS (
  SELECT since.*, lead(since.op) OVER (%s) AS following,
    struct(since.id, last_value(CASE WHEN since.op IN ('snapshot', 'insert') THEN struct(since.entry, since.commit_lsn, since.seq) END)
      IGNORE NULLS OVER (%s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS life
  FROM since LEFT SEMI JOIN touched ON since.id = touched.id
)`, touched, window, window)
}

// lives finds, for each row that is there now and leaves a column out, the lives
// whose log has its values: its own, and those before changes of its key that
// left a column out. cut says that there are more of these than are followed.
func (b *builder) lives() {
	lives, joins, cut := "e.life", "", "FALSE"
	if b.options.Moves > 0 {
		b.addf(",\nmoved AS (\n  SELECT i.life, d.life AS origin FROM history i JOIN history d ON %s WHERE i.op = 'insert' AND %s\n)", before, leavesOut("i."))
		from := "e.life"
		for level := 1; level <= b.options.Moves+1; level++ {
			joins += fmt.Sprintf("\n    LEFT JOIN moved m%d ON m%d.life = %s", level, level, from)
			from = fmt.Sprintf("m%d.origin", level)
			if level <= b.options.Moves {
				lives += ", " + from
			}
		}
		cut = fmt.Sprintf("m%d.life IS NOT NULL", b.options.Moves+1)
	}
	b.addf(`,
lives AS (
  SELECT shown, cut, explode(filter(lives, l -> l IS NOT NULL)) AS life FROM (
    SELECT e.life AS shown, array(%s) AS lives, %s AS cut
    FROM (SELECT life FROM history WHERE following IS NULL AND op <> 'delete' AND %s) e%s
  )
)`, lives, cut, leavesOut(""), joins)
}

// carried puts these rows together from the values that were carried last.
func (b *builder) carried() {
	b.addf(",\ngathered AS (\n  SELECT\n")
	for i, c := range b.table.Columns {
		if b.key[i] {
			b.addf("    max_by(c%d, place) AS c%d,\n", i, i)
		} else {
			b.addf("    max_by(c%d, if(array_contains(unchanged, %s), NULL, place)) AS c%d,\n", i, databricks.Literal(c.Target()), i)
		}
	}
	b.addf(`    max_by(commit_ts, place) AS commit_ts, max_by(commit_lsn, place) AS commit_lsn, max_by(unchanged, place) AS unchanged,
    collect_list(struct(place, unchanged, rescued)) AS carriers, max(rescued) AS rescued, bool_or(cut) AS cut
  FROM (
    SELECT h.*, l.shown, l.cut, row_number() OVER (PARTITION BY l.shown ORDER BY h.entry, h.commit_lsn, h.seq) AS place
    FROM lives l JOIN history h ON h.life = l.life WHERE h.op <> 'delete'
  ) GROUP BY shown
),
carried AS (
  SELECT *, cut AND exists(unchanged, n -> NOT exists(carriers, c -> %s)) AS more_key_changes_than_the_fold_follows
  FROM gathered
)`, carries("c."))
}

// carriedTexts are the rescued texts of such a row, by column: each is in the
// row that carried its column last.
func (b *builder) carriedTexts() string {
	last := "array_max(filter(carriers, c -> " + carries("c.") + ")).rescued"
	return "CASE WHEN rescued IS NOT NULL THEN map_from_arrays(" + b.names() + ", transform(" + b.names() + ", n -> " + textsOf(last) + "[n])) END"
}

// textsOf are the rescued texts by column, given the text of _rescued.
func textsOf(rescued string) string { return "from_json(" + rescued + ", 'MAP<STRING, STRING>')" }

// names is an array of the columns' names in the target.
func (b *builder) names() string {
	return "array(" + b.each(", ", func(i int) string { return databricks.Literal(b.table.Columns[i].Target()) }) + ")"
}
