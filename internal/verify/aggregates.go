package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"ingest/internal/fold"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// maxAggregated keeps the source's query below Postgres's limit of 1,664
// columns in an answer.
const maxAggregated = 250

// Both ends compute the same: every value becomes a text that is defined alike
// for both (dialect.text), the text a MD5 sum, and 15 digits of it a number,
// whose sum over the rows does not depend on their order. Numbers and dates are
// summed themselves as well, for people to look at. The sum over all columns'
// hashes of a row finds values that changed places between rows.

// dialect writes the expressions of one end.
type dialect interface {
	// text is a value's text, NULL for NULL.
	text(i int, c schema.Column) string
	// number is an exact number, "" for types that have none.
	number(i int, c schema.Column) string
	// md5 is the hexadecimal sum of a text.
	md5(text string) string
	// digits is a number from a hexadecimal sum.
	digits(sum string) string
	// show makes text of a number.
	show(number string) string
}

// aggregateSQL is the query; from gives the rows.
func aggregateSQL(d dialect, columns []schema.Column, from string) string {
	var inner, sums, outer []string
	outer = append(outer, d.show("count(*)"))
	for i, c := range columns {
		m := fmt.Sprintf("m%d", i)
		inner = append(inner, d.md5(d.text(i, c))+" AS "+m)
		sums = append(sums, "coalesce("+m+", '-')")
		outer = append(outer, d.show("count("+m+")"), d.show("sum("+d.digits(m)+")"))
		if number := d.number(i, c); number != "" {
			n := fmt.Sprintf("n%d", i)
			inner = append(inner, number+" AS "+n)
			outer = append(outer, d.show("sum("+n+")"), d.show("min("+n+")"), d.show("max("+n+")"))
		}
	}
	outer = append(outer, d.show("sum("+d.digits("whole")+")"))
	return "SELECT\n  " + strings.Join(numbered(outer), ",\n  ") + "\nFROM (SELECT *, " + d.md5(strings.Join(sums, " || ")) + " AS whole FROM (SELECT\n  " +
		strings.Join(inner, ",\n  ") + "\nFROM (" + from + ") rows_) hashes_) sums_"
}

// numbered gives the answer's columns names, which must differ in Databricks.
func numbered(exprs []string) []string {
	out := make([]string, len(exprs))
	for i, e := range exprs {
		out[i] = fmt.Sprintf("%s AS a%d", e, i)
	}
	return out
}

// aggregate is one of the answer's columns.
type aggregate struct{ column, what string }

// aggregatesOf lists the answer's columns in order.
func aggregatesOf(d dialect, columns []schema.Column) []aggregate {
	out := []aggregate{{"", "rows"}}
	for i, c := range columns {
		out = append(out, aggregate{c.Name, "values that are not NULL"}, aggregate{c.Name, "hash"})
		if d.number(i, c) != "" {
			out = append(out, aggregate{c.Name, "sum"}, aggregate{c.Name, "minimum"}, aggregate{c.Name, "maximum"})
		}
	}
	return append(out, aggregate{"", "hash of the rows"})
}

// aggregable says whether both ends compute the same sums: of masked columns,
// and of those that are another type in the target, they would not, nor in a
// database without an encoding, whose texts need not have hashes at both ends.
func (c *comparison) aggregable() bool {
	if len(c.table.Columns) == 0 || len(c.relation.Leaves) == 0 { // nothing to ask for, or nobody to ask
		return false
	}
	for _, col := range c.table.Columns {
		if col.Mask != nil || !col.Type.Equal(schema.Map(col.Postgres).Type) {
			return false
		}
	}
	return len(c.table.Columns) <= maxAggregated && c.v.Source.Facts.Encoding != "SQL_ASCII"
}

// aggregates compares both ends by one query each.
func (c *comparison) aggregates(ctx context.Context) (Result, error) {
	var source, target []*string
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { source, err = c.aggregateSource(gctx); return err })
	group.Go(func() (err error) { target, err = c.aggregateTarget(gctx); return err })
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	r := Result{Verdict: Equal, Mode: Aggregates}
	for i, a := range aggregatesOf(&sourceDialect{}, c.table.Columns) {
		if same(source[i], target[i]) {
			continue
		}
		r.Verdict = Different
		if len(r.Differences) < MaxDifferences {
			r.Differences = append(r.Differences, Difference{Kind: "aggregate", Column: a.column, What: a.what, Source: source[i], Target: target[i]})
		}
	}
	for _, n := range []struct {
		to   *int64
		from *string
	}{{&r.SourceRows, source[0]}, {&r.TargetRows, target[0]}} {
		if _, err := fmt.Sscan(*n.from, n.to); err != nil {
			return r, fmt.Errorf("read a count of rows: %w", err)
		}
	}
	c.progress(r.SourceRows + r.TargetRows)
	return r, nil
}

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func (c *comparison) aggregateSource(ctx context.Context) ([]*string, error) {
	conn, err := c.point.snapshot.Join(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var leaves []string
	for _, leaf := range c.leaves() {
		fields := make([]string, len(c.table.Columns))
		for i, col := range c.table.Columns {
			fields[i] = fmt.Sprintf("%s AS c%d", schema.QuotePostgres(col.Name), i)
		}
		leaves = append(leaves, "SELECT "+strings.Join(fields, ", ")+c.from(leaf))
	}
	d := &sourceDialect{utf8: c.v.Source.Facts.Encoding == "UTF8"}
	rows, err := conn.Query(ctx, aggregateSQL(d, c.table.Columns, strings.Join(leaves, " UNION ALL ")))
	if err != nil {
		return nil, postgres.Error("aggregate "+c.relation.Name.String(), err)
	}
	answer, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) ([]*string, error) {
		texts := make([]*string, len(row.FieldDescriptions()))
		pointers := make([]any, len(texts))
		for i := range texts {
			pointers[i] = &texts[i]
		}
		return texts, row.Scan(pointers...)
	})
	if err != nil {
		return nil, postgres.Error("aggregate "+c.relation.Name.String(), err)
	}
	return answer, nil
}

func (c *comparison) aggregateTarget(ctx context.Context) ([]*string, error) {
	answer, err := c.v.Warehouse.Query(ctx, aggregateSQL(&targetDialect{}, c.table.Columns, fold.Select(c.target, c.table, c.options)))
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
