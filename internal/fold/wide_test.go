package fold_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

// wide returns a table of n columns and its name. Every other column is a text.
func wide(n int) (databricks.Table, fold.Table) {
	table := fold.Table{Key: []string{"column_0000"}}
	for i := range n {
		c := schema.Column{Name: fmt.Sprintf("column_%04d", i), Type: schema.Type{Kind: schema.Int64}}
		if i%2 == 1 {
			c.Type = schema.Type{Kind: schema.String}
		}
		table.Columns = append(table.Columns, c)
	}
	return databricks.Table{Catalog: "dev", Schema: "bronze", Name: fmt.Sprintf("wide_%d", n)}, table
}

// fillWide fills a wide table with a snapshot of the given number of rows, and
// an update of each tenth row that leaves its first text out.
func fillWide(t failer, name databricks.Table, table fold.Table, rows int) {
	t.Helper()
	b := open(t)
	b.exec(t, databricks.CreateEmptyTable(name, targetColumns(table.Columns), databricks.TableOptions{}))
	values := func(left bool) string {
		var out []string
		for i, c := range table.Columns {
			switch {
			case i == 1 && left:
				out = append(out, "NULL")
			case c.Type.Kind == schema.String:
				out = append(out, fmt.Sprintf("concat('text %d of ', CAST(id AS STRING))", i))
			default:
				out = append(out, "id")
			}
		}
		return strings.Join(out, ", ")
	}
	b.exec(t, fmt.Sprintf("INSERT INTO %s SELECT %s, 'snapshot', 10, id, 1, NULL, NULL, NULL, NULL, NULL, 4, NULL FROM range(%d)",
		name, values(false), rows))
	b.exec(t, fmt.Sprintf(
		"INSERT INTO %s SELECT %s, 'update', 20, id, 1, NULL, 5, NULL, array('column_0001'), NULL, 5, NULL FROM range(%d) WHERE id %% 10 = 0",
		name, values(true), rows))
}

// readWide creates the view of a wide table and reads all of it. It returns the
// view's text and the duration.
func readWide(t failer, name databricks.Table, table fold.Table, rows int) (text string, took time.Duration) {
	t.Helper()
	b := open(t)
	current := databricks.Table{Catalog: name.Catalog, Schema: name.Schema, Name: name.Name + "_current"}
	text = databricks.CreateView(current, fold.Select(name, table, fold.Options{Moves: fold.DefaultMoves}), true, nil)
	b.exec(t, "DROP VIEW IF EXISTS "+current.String())
	start := time.Now()
	b.exec(t, text)
	var sums []string
	for _, c := range table.Columns {
		sums = append(sums, "count("+databricks.Quote(c.Name)+")")
	}
	want := strings.TrimSuffix(strings.Repeat(fmt.Sprint(rows)+"|", len(sums)), "|")
	if got := b.rows(t, "SELECT "+strings.Join(sums, ", ")+" FROM "+current.String()); len(got) != 1 || got[0] != want {
		t.Fatalf("%d columns: got %.200v", len(table.Columns), got)
	}
	return text, time.Since(start)
}

// BenchmarkView creates and reads the current-state view of wide tables.
func BenchmarkView(b *testing.B) {
	const rows = 2000
	for _, columns := range []int{20, 200, 1000} {
		b.Run(fmt.Sprintf("columns=%d", columns), func(b *testing.B) {
			name, table := wide(columns)
			fillWide(b, name, table, rows)
			b.ResetTimer()
			for range b.N {
				text, _ := readWide(b, name, table, rows)
				b.ReportMetric(float64(len(text)), "characters")
			}
		})
	}
}
