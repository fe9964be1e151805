package verify

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"ingest/internal/fold"
	"ingest/internal/schema"
)

// maxAggregated bounds the columns of the warehouse's answer: a table has up to
// five for each of its own.
const maxAggregated = 250

// Both ends compute the same for every column: how many values are not NULL, and
// the sum of their hashes, which does not depend on the order of the rows. Numbers
// and dates are summed themselves as well, for people to look at. The sum of the
// rows' hashes, each over all columns' hashes, finds values that changed places
// between rows. The source gives its rows as COPY does, and all is computed here;
// the warehouse computes its side in one statement.

// aggregateSQL is the warehouse's query; from gives the rows as fold numbers them.
func aggregateSQL(columns []schema.Column, from string) string {
	var inner, hashes, outer []string
	outer = append(outer, shown("count(*)"))
	for i, c := range columns {
		h, value, rescued := fmt.Sprintf("h%d", i), fmt.Sprintf("c%d", i), fmt.Sprintf("r%d", i)
		inner = append(inner, "CASE WHEN "+value+" IS NOT NULL THEN "+hashExpr(value, c.Type)+" WHEN "+rescued+" IS NOT NULL THEN "+hashText(rescued)+" END AS "+h)
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
	return "SELECT\n  " + strings.Join(outer, ",\n  ") + "\nFROM (SELECT *, xxhash64(" + strings.Join(hashes, ", ") + ") AS whole FROM (SELECT\n  " +
		strings.Join(inner, ",\n  ") + "\nFROM (" + from + ") rows_) hashes_) sums_"
}

func shown(number string) string { return "CAST(" + number + " AS STRING)" }

// hashSum is exact for 10^11 rows.
func hashSum(hash string) string { return shown("sum(CAST(" + hash + " AS DECIMAL(20,0)))") }

// numberExpr is an exact number, "" for types that have none.
func numberExpr(x string, t schema.Type) string {
	switch {
	case !summed(t.Kind, int(t.Precision)):
		return ""
	case t.Kind == schema.Decimal:
		return x
	}
	return "CAST(" + cellExpr(x, t) + " AS DECIMAL(20,0))"
}

// aggregate is one of the answer's columns.
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

// aggregable says whether both ends can compute the same sums. Of VARIANT they
// cannot: the warehouse has no text of one that depends on its value alone.
func (c *comparison) aggregable() bool {
	if len(c.table.Columns) == 0 || len(c.relation.Leaves) == 0 { // nothing to ask for, or no table to ask
		return false
	}
	for _, col := range c.table.Columns {
		if hasVariant(col.Type) {
			return false
		}
	}
	return len(c.table.Columns) <= maxAggregated
}

// exact says whether sums that differ prove a difference. Where a column has
// another type than its own in the target, or a mask, or the database no encoding,
// a value may be rescued at one end that fits at the other: only the comparison of
// cells reads rescued texts.
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

// aggregates compares sums of both ends. The source comes first: where both ends
// share a machine, or the network, its statements are not kept waiting by the
// warehouse's.
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
	c.progress(r.TargetRows)
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

// aggregateSource adds the source's rows up, on all cores.
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

// aggregateTarget asks the warehouse. Where the ledger knows of no change that
// could have left a column out, the same statement proves it; else, or if it
// proves the contrary, the log is surveyed first.
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

// likelyWhole says whether no row of the log leaves a column out, by what the
// ledger knows: only an update does, and the insert of one that changed the key.
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

// aggregated is the one row of an answer.
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
