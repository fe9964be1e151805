package fold

import (
	"fmt"
	"strings"

	"ingest/internal/databricks"
)

// keyed is the state of a table with a key: the newest row of each key. A row
// that leaves nothing out is taken as it is. One that leaves columns out is put
// together from its history, which only the keys are looked at for that any row
// left something out of: so the text grows by little with the columns, and the
// work by little with the log.
func (b *builder) keyed(t databricks.Table) {
	b.addf(",\nnewest AS (\n  SELECT *, row_number() OVER (PARTITION BY %s ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since\n)",
		b.partition(func(i int) string { return fmt.Sprintf("c%d", i) }, func(i int) string { return fmt.Sprintf("r%d", i) }))
	if !b.options.Whole {
		b.marks(t)
		b.origins()
		b.carried()
	}
	columns := b.each("", func(i int) string { return fmt.Sprintf("c%d, ", i) })
	b.addf(",\nstate AS (\n  SELECT %scommit_ts, commit_lsn, %s AS texts\n  FROM newest WHERE number = 1 AND op <> 'delete'", columns, textsOf("rescued"))
	if !b.options.Whole {
		b.addf(" AND NOT coalesce(size(unchanged) > 0, FALSE)\n  UNION ALL\n  SELECT %scommit_ts, commit_lsn, %s\n  FROM carried", columns, b.carriedTexts())
		// The error's text names the condition.
		b.addf("\n  WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END")
	}
	b.addf("\n)")
}

// carries says of a row that it does not leave the column n out.
func carries(row string) string {
	return "NOT coalesce(array_contains(" + row + "unchanged, n), FALSE)"
}

// marks is what the log says of keys, from few columns: Spark reads it once for
// each time that it is named.
func (b *builder) marks(t databricks.Table) {
	b.addf(",\nmarks AS (\n  SELECT %s AS id, %s AS moment, `_op` AS op, coalesce(size(`_unchanged`) > 0, FALSE) AS leaves_out,\n"+
		"    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq\n  FROM %s%s\n)", b.id(), moment, t, b.options.and(afterTruncate(t, b.options)))
}

// origins finds for each row that is there now and leaves a column out (shown)
// the stretches of the log that have its values: of its own key, since it came
// there, and of the keys that it came from, as long as it was there. A move is
// an insert that leaves a column out: the second half of a change of the key,
// of which the row before it in the log, a delete, is the first half. cut says
// that there are more moves than are followed.
func (b *builder) origins() {
	stretches, joins, cut := []string{"named_struct('id', s.id, 'since', CAST(NULL AS STRUCT<" + momentFields + ">), 'until', s.moment)"}, "", "FALSE"
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
		stretches[0] = "named_struct('id', s.id, 'since', m1.moment, 'until', s.moment)"
		joins = "\n    LEFT JOIN (SELECT id, max(moment) AS moment FROM moves GROUP BY id) m0 ON m0.id = s.id"
		for level := 1; level <= b.options.Moves; level++ {
			from, since := fmt.Sprintf("m%d.earlier", level-1), fmt.Sprintf("m%d.moment", level+1)
			if level == 1 {
				from = "m0.moment"
			}
			if level == b.options.Moves {
				since = fmt.Sprintf("m%d.earlier", level)
			}
			joins += fmt.Sprintf("\n    LEFT JOIN steps m%d ON m%d.moment = %s", level, level, from)
			stretches = append(stretches, fmt.Sprintf("named_struct('id', m%d.origin, 'since', %s, 'until', m%d.moment)", level, since, level))
		}
		cut = fmt.Sprintf("m%d.earlier IS NOT NULL", b.options.Moves)
	}
	b.addf(`,
origins AS (
  SELECT shown, cut, explode(filter(stretches, x -> x.id IS NOT NULL)) AS stretch FROM (
    SELECT s.id AS shown, array(%s) AS stretches, %s AS cut
    FROM (SELECT id, max(moment) AS moment FROM marks GROUP BY id HAVING max_by(op, moment) <> 'delete' AND max_by(leaves_out, moment)) s%s
  )
)`, strings.Join(stretches, ",\n      "), cut, joins)
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
    SELECT l.*, o.shown, o.cut, row_number() OVER (PARTITION BY o.shown ORDER BY l.moment) AS place
    FROM origins o JOIN since l ON l.id = o.stretch.id AND l.moment <= o.stretch.until AND (o.stretch.since IS NULL OR l.moment >= o.stretch.since)
    WHERE l.op <> 'delete'
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
