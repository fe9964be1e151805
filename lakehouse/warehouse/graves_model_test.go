//go:build cgo

package warehouse

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/refusal"
)

// digest is a SELECT list that tells sets of rows apart.
const digest = "count(*), coalesce(sum(v), 0), coalesce(sum((id * 31 + v * 17) % 1000003), 0), coalesce(sum(CASE WHEN note = concat('n', CAST(id AS STRING)) THEN 0 ELSE 1 END), 0)"

// digested is what a SELECT of digest answers for rows.
func digested(rows map[int64]int64) string {
	var sum, mixed int64
	for id, v := range rows {
		sum, mixed = sum+v, mixed+(id*31+v*17)%1000003
	}
	return fmt.Sprintf("%d|%d|%d|0", len(rows), sum, mixed)
}

// gravesModel is a table of a warehouse, and what has to be in each of its versions.
type gravesModel struct {
	*bench
	rows     map[int64]int64 // id → v
	versions []map[int64]int64
	feed     []feedLine
	since    int      // the first version with the present columns
	extra    []string // columns beside id, v and note, which are NULL
	next     int64    // no row has had this id or a higher one
}

// feedLine is what a version has of a kind of change.
type feedLine struct {
	version int
	line    string
}

// commit notes a new version. Rows for which replaced holds were not updated, but deleted and inserted.
func (g *gravesModel) commit(rows map[int64]int64, replaced func(id int64) bool) {
	changes := map[string]map[int64]int64{"delete": {}, "insert": {}, "update_preimage": {}, "update_postimage": {}}
	for id, v := range g.rows {
		now, there := rows[id]
		switch {
		case !there || replaced(id):
			changes["delete"][id] = v
		case now != v:
			changes["update_preimage"][id], changes["update_postimage"][id] = v, now
		}
	}
	for id, v := range rows {
		if _, there := g.rows[id]; !there || replaced(id) {
			changes["insert"][id] = v
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(changes)) {
		if len(changes[kind]) > 0 {
			g.feed = append(g.feed, feedLine{len(g.versions), kind + "|" + digested(changes[kind])})
		}
	}
	g.rows = rows
	g.versions = append(g.versions, rows)
}

func always(int64) bool { return true }
func never(int64) bool  { return false }

// changed runs a statement and notes the rows after it.
func (g *gravesModel) changed(sql string, change func(rows map[int64]int64)) {
	g.t.Helper()
	g.exec(sql)
	rows := maps.Clone(g.rows)
	change(rows)
	g.commit(rows, never)
}

// check compares the table, a few versions or all of them, and the feed, which is the slowest.
func (g *gravesModel) check(r *rand.Rand, all bool) {
	g.t.Helper()
	g.want("SELECT "+digest+" FROM s.t", digested(g.rows))
	for version, rows := range g.versions {
		if all || r.IntN(len(g.versions)) < 2 {
			g.want(fmt.Sprintf("SELECT %s FROM s.t VERSION AS OF %d", digest, version), digested(rows))
		}
	}
	if !all && r.IntN(3) > 0 || g.since == len(g.versions) {
		return
	}
	var want []string
	for _, l := range g.feed {
		if l.version >= g.since {
			want = append(want, fmt.Sprintf("%d|%s", l.version, l.line))
		}
	}
	g.want(fmt.Sprintf("SELECT _commit_version, _change_type, %s FROM table_changes('s.t', %d) GROUP BY 1, 2 ORDER BY 1, 2", digest, g.since),
		want...)
}

// some is the id of a row.
func (g *gravesModel) some(r *rand.Rand) int64 {
	ids := slices.Sorted(maps.Keys(g.rows))
	return ids[r.IntN(len(ids))]
}

// step runs one statement, or opens the directory again.
func (g *gravesModel) step(r *rand.Rand) {
	g.t.Helper()
	from, value := g.some(r), int64(1000+len(g.versions))
	to := from + r.Int64N(300)
	within := func(id int64) bool { return id >= from && id < to }
	switch r.IntN(16) {
	default:
		g.merge(r, value)
	case 6:
		n := 1 + r.Int64N(3)
		k := r.Int64N(n)
		g.changed(fmt.Sprintf("UPDATE s.t SET v = v + 1 WHERE id %% %d = %d", n, k), func(rows map[int64]int64) {
			for id := range rows {
				if id%n == k {
					rows[id]++
				}
			}
		})
	case 7:
		g.changed(fmt.Sprintf("DELETE FROM s.t WHERE id >= %d AND id < %d OR id = %[1]d", from, to), func(rows map[int64]int64) {
			maps.DeleteFunc(rows, func(id, _ int64) bool { return within(id) || id == from })
		})
	case 8:
		n := 1_000 * (1 + r.Int64N(4))
		g.changed(fmt.Sprintf("INSERT INTO s.t (id, v, note) SELECT id, %d, concat('n', CAST(id AS STRING)) FROM range(%d, %d)", value,
			g.next, g.next+n), func(rows map[int64]int64) {
			for range n {
				rows[g.next] = value
				g.next++
			}
		})
	case 9:
		g.exec(fmt.Sprintf("INSERT INTO s.t REPLACE WHERE id >= %d AND id < %d SELECT %[1]d, %[3]d, 'n%[1]d'%[4]s", from, to+1, value,
			strings.Repeat(", NULL", len(g.extra))))
		rows := maps.Clone(g.rows)
		maps.DeleteFunc(rows, func(id, _ int64) bool { return id >= from && id <= to })
		rows[from] = value
		g.commit(rows, func(id int64) bool { return id >= from && id <= to })
	case 10:
		g.alter(r)
	case 11:
		if n := g.since + r.IntN(1+len(g.versions)-g.since); n < len(g.versions) {
			g.exec(fmt.Sprintf("RESTORE TABLE s.t TO VERSION AS OF %d", n))
			g.commit(maps.Clone(g.versions[n]), always)
		}
	case 12:
		of, rows := "", g.rows
		if n := g.since + r.IntN(1+len(g.versions)-g.since); n < len(g.versions) {
			of, rows = fmt.Sprintf(" VERSION AS OF %d", n), g.versions[n]
		}
		g.exec("CREATE OR REPLACE TABLE s.t AS SELECT * FROM s.t" + of)
		g.commit(maps.Clone(rows), always)
	case 13:
		g.bench = g.reopen()
	case 14:
		g.conflict(value)
	}
}

// merge changes a few rows: it updates and deletes some, and inserts others.
func (g *gravesModel) merge(r *rand.Rand, value int64) {
	g.t.Helper()
	var source []string
	rows := maps.Clone(g.rows)
	for range 1 + r.IntN(5) {
		id := g.some(r)
		if _, there := rows[id]; !there || rows[id] == value {
			continue
		}
		switch r.IntN(4) {
		case 0:
			source = append(source, fmt.Sprintf("(%d, 0)", id))
			delete(rows, id)
		case 1:
			source = append(source, fmt.Sprintf("(%d, %d)", g.next, value))
			rows[g.next] = value
			g.next++
		default:
			source = append(source, fmt.Sprintf("(%d, %d)", id, value))
			rows[id] = value
		}
	}
	if source == nil {
		return
	}
	g.exec("MERGE INTO s.t AS t USING (SELECT * FROM VALUES " + strings.Join(source, ", ") + " AS x(id, v)) AS s ON t.id = s.id " +
		"WHEN MATCHED AND s.v = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v " +
		"WHEN NOT MATCHED THEN INSERT (id, v, note) VALUES (s.id, s.v, concat('n', CAST(s.id AS STRING)))")
	g.commit(rows, never)
}

// alter changes the columns or a property.
func (g *gravesModel) alter(r *rand.Rand) {
	g.t.Helper()
	name := fmt.Sprintf("x%d", len(g.versions))
	switch n := len(g.extra); {
	case r.IntN(3) == 0:
		g.exec("ALTER TABLE s.t SET TBLPROPERTIES ('a' = 'b')")
	case n == 0 || r.IntN(3) == 0:
		g.exec("ALTER TABLE s.t ADD COLUMNS (" + name + " INT)")
		g.extra = append(g.extra, name)
		// RESTORE would take the column away again.
		g.since = len(g.versions)
	case r.IntN(2) == 0:
		g.exec("ALTER TABLE s.t RENAME COLUMN " + g.extra[n-1] + " TO " + name)
		g.extra[n-1] = name
		g.since = len(g.versions)
	default:
		g.exec("ALTER TABLE s.t DROP COLUMN " + g.extra[n-1])
		g.extra = g.extra[:n-1]
		g.since = len(g.versions)
	}
	g.commit(g.rows, never)
}

// conflict lets statements commit that read the table before others did.
func (g *gravesModel) conflict(value int64) {
	g.t.Helper()
	ids := slices.Sorted(maps.Keys(g.rows))
	mine, other, third := ids[0], ids[len(ids)/2], ids[len(ids)-1]
	update := func(id, add int64) string { return fmt.Sprintf("UPDATE s.t SET v = v + %d WHERE id = %d", add, id) }
	same, deleted, apart := g.late(update(mine, 5)), g.late(fmt.Sprintf("DELETE FROM s.t WHERE id = %d", mine)), g.late(update(other, value))
	g.changed(update(mine, value), func(rows map[int64]int64) { rows[mine] += value })
	g.changed(update(third, value), func(rows map[int64]int64) { rows[third] += value })
	for _, run := range []func() error{same, deleted} {
		if err := refusal.Of(run()); err == nil || err.Class != "DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES" {
			g.t.Errorf("a statement that changes a row that another changed: %v", err)
		}
	}
	if err := apart(); err != nil {
		g.t.Errorf("a statement that changes another row: %v", err)
	}
	rows := maps.Clone(g.rows)
	rows[other] += value
	g.commit(rows, never)
}
