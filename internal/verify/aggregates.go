package verify

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

// maxAggregated is the maximum number of columns in the warehouse's answer. A
// table needs up to five of them for each of its own columns.
const maxAggregated = 250

// Both ends compute the same aggregates for every column: the number of values
// that are not NULL, and the sum of their hashes. The sum does not depend on
// the order of the rows. Numbers and dates are also summed themselves, for
// people to read. The hash of a row covers the hashes of all its columns; the
// sum of these finds values that moved between rows. The source sends its rows
// by COPY, and this program computes its aggregates. The warehouse computes its
// own in one statement.

// aggregateSQL is the warehouse's query. from provides the rows as fold numbers
// them.
func aggregateSQL(columns []schema.Column, from string) string {
	var inner, hashes, outer []string
	outer = append(outer, shown("count(*)"))
	for i, c := range columns {
		h, value, rescued := fmt.Sprintf("h%d", i), fmt.Sprintf("c%d", i), fmt.Sprintf("r%d", i)
		inner = append(inner, "CASE WHEN "+value+" IS NOT NULL THEN "+hashExpr(value, c.Type)+" WHEN "+rescued+" IS NOT NULL THEN "+
			hashText(rescued)+" END AS "+h)
		hashes = append(hashes, "coalesce("+h+", CAST(0 AS BIGINT))")
		outer = append(outer, shown("count("+h+")"), hashSum(h))
		if number := numberExpr(value, c.Type); number != "" {
			n := fmt.Sprintf("n%d", i)
			inner = append(inner, number+" AS "+n)
			outer = append(outer, shown("sum("+n+")"), shown("min("+n+")"), shown("max("+n+")"))
		}
	}
	outer = append(outer, hashSum("whole"))
	for i, e := range outer {
		outer[i] = fmt.Sprintf("%s AS a%d", e, i)
	}
	return "SELECT\n  " + strings.Join(outer, ",\n  ") + "\nFROM (SELECT *, xxhash64(" + strings.Join(hashes, ", ") +
		") AS whole FROM (SELECT\n  " +
		strings.Join(inner, ",\n  ") + "\nFROM (" + from + ") rows_) hashes_) sums_"
}

func shown(number string) string { return "CAST(" + number + " AS STRING)" }

// hashSum is exact for 10^11 rows.
func hashSum(hash string) string { return shown("sum(CAST(" + hash + " AS DECIMAL(20,0)))") }

// numberExpr is an exact number; "" for types that have none.
func numberExpr(x string, t schema.Type) string {
	switch {
	case !summed(t.Kind, int(t.Precision)):
		return ""
	case t.Kind == schema.Decimal:
		return x
	}
	return "CAST(" + cellExpr(x, t) + " AS DECIMAL(20,0))"
}

// aggregate is one column of the answer.
type aggregate struct{ column, what string }

// aggregatesOf lists the answer's columns in order.
func aggregatesOf(columns []schema.Column) []aggregate {
	out := []aggregate{{"", "rows"}}
	for _, c := range columns {
		out = append(out, aggregate{c.Name, "values that are not NULL"}, aggregate{c.Name, "hash"})
		if summed(c.Type.Kind, int(c.Type.Precision)) {
			out = append(out, aggregate{c.Name, "sum"}, aggregate{c.Name, "minimum"}, aggregate{c.Name, "maximum"})
		}
	}
	return append(out, aggregate{"", "hash of the rows"})
}

// aggregable reports whether both ends can compute the same sums. They cannot
// for VARIANT: the warehouse has no text of a VARIANT that depends only on its
// value.
func (c *comparison) aggregable() bool {
	if len(c.table.Columns) == 0 || len(c.relation.Leaves) == 0 { // no columns to ask for, or no table to ask
		return false
	}
	for _, col := range c.table.Columns {
		if hasVariant(col.Type) {
			return false
		}
	}
	return len(c.table.Columns) <= maxAggregated
}

// exact reports whether different sums prove a difference. They do not if a
// column's type in the target is not its own, if a column has a mask, or if the
// database has no encoding. Then one end may rescue a value that fits at the
// other, and only the comparison of cells reads rescued texts.
func (c *comparison) exact() bool {
	for _, col := range c.table.Columns {
		if col.Mask != nil || !col.Type.Equal(schema.Map(col.Postgres).Type) {
			return false
		}
	}
	return c.v.Source.Facts.Encoding != "SQL_ASCII"
}

func hasVariant(t schema.Type) bool {
	return t.Kind == schema.Variant || t.Elem != nil && hasVariant(*t.Elem)
}

// aggregates compares the sums of both ends. It reads the source first. If both
// ends share a machine or the network, the warehouse's statement then does not
// delay the source's.
func (c *comparison) aggregates(ctx context.Context) (Result, error) {
	source, err := c.aggregateSource(ctx)
	if err != nil {
		return Result{}, err
	}
	target, err := c.aggregateTarget(ctx)
	if err != nil {
		return Result{}, err
	}
	r := Result{Verdict: Equal, Mode: Aggregates, SourceRows: source.rows}
	if _, err := fmt.Sscan(*target[0], &r.TargetRows); err != nil {
		return r, fmt.Errorf("read a count of rows: %w", err)
	}
	c.progress(false, r.TargetRows)
	texts := source.texts()
	for i, a := range aggregatesOf(c.table.Columns) {
		if same(texts[i], target[i]) {
			continue
		}
		r.Verdict = Different
		if len(r.Differences) < MaxDifferences {
			r.Differences = append(r.Differences, Difference{Kind: "aggregate", Column: a.column, What: a.what, Source: texts[i], Target: target[i]})
		}
	}
	return r, nil
}

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// aggregateSource sums the source's rows on all cores.
func (c *comparison) aggregateSource(ctx context.Context) (*sums, error) {
	workers := make([]*sums, runtime.GOMAXPROCS(0))
	err := c.sourceRows(ctx, len(workers), func(i int, codecs []*codec) rowReader {
		workers[i] = newSums(codecs)
		return func(cells [][]byte) error {
			workers[i].add(cells)
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	for _, w := range workers[1:] {
		workers[0].merge(w)
	}
	return workers[0], nil
}

// aggregateTarget asks the warehouse. If the ledger knows of no change that
// could have left a column out, the same statement proves that there is none.
// Otherwise, or if the proof fails, it surveys the log first.
func (c *comparison) aggregateTarget(ctx context.Context) ([]*string, error) {
	if c.likelyWhole() {
		o := c.options
		o.Whole = true
		texts, err := c.aggregated(ctx, "SELECT * FROM ("+aggregateSQL(c.table.Columns, c.foldSQL(o))+
			") sums_ CROSS JOIN (SELECT CAST(unchanged AS STRING) AS unchanged FROM ("+fold.Survey(c.target, o)+") log_) survey_")
		if err != nil {
			return nil, err
		}
		if last := len(texts) - 1; texts[last] != nil && *texts[last] == "0" {
			return texts[:last], nil
		}
	}
	if err := c.survey(ctx); err != nil {
		return nil, err
	}
	return c.aggregated(ctx, aggregateSQL(c.table.Columns, c.foldSQL(c.options)))
}

// likelyWhole reports whether no row of the log leaves a column out, as far as
// the ledger knows. Only updates, and inserts that changed the key, can do so.
func (c *comparison) likelyWhole() bool {
	for _, folded := range c.state.Folded {
		if folded.Ops[schema.OpUpdate]+folded.Ops[schema.OpDelete] > 0 {
			return false
		}
	}
	for _, staged := range c.state.Changes {
		if staged.Rows[schema.OpUpdate]+staged.Rows[schema.OpDelete] > 0 {
			return false
		}
	}
	return true
}

// aggregated returns the single row of an answer.
func (c *comparison) aggregated(ctx context.Context, sql string) ([]*string, error) {
	answer, err := c.v.Warehouse.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	if len(answer.Rows) != 1 {
		return nil, fmt.Errorf("aggregate %s: %d rows, want 1", c.target.Display(), len(answer.Rows))
	}
	texts := make([]*string, len(answer.Columns))
	for i, v := range answer.Rows[0] {
		if v == nil {
			continue
		}
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("aggregate %s: a value of type %T", c.target.Display(), v)
		}
		texts[i] = &s
	}
	return texts, nil
}
