package verify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Sample restricts a verification to some ranges of each table's key. The keys
// of randomly drawn rows cut the order of all keys into ranges with about the
// same number of rows. The first and the last range are open. Some ranges are
// then chosen at random, and all rows in them are compared. So the sample finds
// a row that is missing at either end if its key is in a chosen range.
type Sample struct {
	Percent float64 // percentage of the ranges; above 0, up to 100
	Seed    uint64  // the same seed draws the same ranges of an unchanged table
}

// ParsePercent parses a percentage such as 1% or 0.5%.
func ParsePercent(s string) (float64, error) {
	number, ok := strings.CutSuffix(s, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent > 0 && percent <= 100) || strings.ContainsAny(number, "_xXpP+") {
		return 0, failure.New(failure.Usage, "a sample of %q: want a percentage above 0 and up to 100", s).WithHint("write it as in --sample 1%%")
	}
	return percent, nil
}

// SampleResult describes a sample.
type SampleResult struct {
	Percent float64 `json:"percent"`
	Seed    uint64  `json:"seed"`
	Ranges  int     `json:"ranges"` // ranges that were compared
	Of      int     `json:"of"`     // ranges that the key was cut into
}

// equal is the verdict for a sample whose rows are equal. It is never Equal.
func (r SampleResult) equal() Verdict {
	return Verdict("sample of " + strconv.FormatFloat(r.Percent, 'f', -1, 64) + "% by key ranges: " + string(Equal))
}

const (
	// sampledRanges is how many ranges a sample has, so that they come from the
	// whole table.
	sampledRanges = 20
	maxRanges     = 10_000
)

// size is the number of ranges to cut the key into.
func (s Sample) size() int {
	return int(min(max(math.Ceil(sampledRanges*100/s.Percent), 1), maxRanges))
}

// chosen is how many of the ranges are compared: at least one.
func (s Sample) chosen(of int) int {
	return min(of, max(1, int(math.Ceil(float64(of)*s.Percent/100))))
}

// sampled is the sample of one table.
type sampled struct {
	result         SampleResult
	source, target string // conditions that select its rows at both ends
}

// keyRange is a range of keys, from low to below high. A nil bound is open.
type keyRange struct{ low, high *bound }

// bound is a key, or the values of its first columns.
type bound struct {
	texts     []string // Postgres's
	canonical [][]byte
}

// orderedKey is the longest prefix of the key whose columns both ends order
// alike. It may be empty.
func (c *comparison) orderedKey() []int {
	var key []int
	for _, name := range c.table.Key {
		i := slices.IndexFunc(c.table.Columns, func(col schema.Column) bool { return col.Name == name })
		if i < 0 || !c.ordered(c.table.Columns[i]) {
			break
		}
		key = append(key, i)
	}
	return key
}

// ordered reports whether both ends order a column's values alike. They do for
// numbers, dates and times, and for texts ordered by their bytes.
func (c *comparison) ordered(col schema.Column) bool {
	if col.Mask != nil || !col.Type.Equal(schema.Map(col.Postgres).Type) {
		return false
	}
	switch col.Type.Kind {
	case schema.Int16, schema.Int32, schema.Int64, schema.Date, schema.Timestamp, schema.TimestampUTC:
		return true
	case schema.Decimal:
		return col.Postgres.Base == schema.OIDNumeric
	case schema.String:
		switch col.Postgres.Base {
		case schema.OIDUUID:
			return true
		case schema.OIDText, schema.OIDVarchar:
			return c.v.Source.Facts.Encoding == "UTF8"
		}
		return false
	default:
		return false
	}
}

// unsampled says why no sample can be taken.
func (c *comparison) unsampled() string {
	if len(c.table.Key) == 0 {
		return "it has no key to take a sample by: verify it without --sample"
	}
	return fmt.Sprintf("no sample can be taken by its key: column %q has no order that is the same at both ends; verify it without --sample",
		c.table.Key[0])
}

// take takes the sample.
func (c *comparison) take(ctx context.Context, s Sample) error {
	key := c.orderedKey()
	random := rand.New(rand.NewPCG(s.Seed, uint64(c.relation.OID)))
	bounds, err := c.bounds(ctx, key, s.size()-1, random)
	if err != nil {
		return err
	}
	of := len(bounds) + 1
	chosen := s.chosen(of)
	places := random.Perm(of)[:chosen]
	slices.Sort(places)
	var source, target []string
	for len(places) > 0 {
		first, n := places[0], 1
		for n < len(places) && places[n] == first+n { // adjacent ranges become one
			n++
		}
		places = places[n:]
		var r keyRange
		if first > 0 {
			r.low = &bounds[first-1]
		}
		if last := first + n - 1; last < len(bounds) {
			r.high = &bounds[last]
		}
		source, target = append(source, c.sourceRange(key, r)), append(target, c.targetRange(key, r))
	}
	c.sample = &sampled{
		result: SampleResult{Percent: s.Percent, Seed: s.Seed, Ranges: chosen, Of: of},
		source: allOf(append(c.held(key, c.sourceHolds), anyRange(source))),
		target: allOf(append(c.held(key, func(i int) string { return fmt.Sprintf("c%d IS NOT NULL", i) }), anyRange(target))),
	}
	return nil
}

func anyRange(ranges []string) string { return "(" + strings.Join(ranges, " OR ") + ")" }

func allOf(conditions []string) string { return strings.Join(conditions, " AND ") }

// held collects the condition of each key column and skips empty ones.
func (c *comparison) held(key []int, condition func(int) string) []string {
	var out []string
	for _, i := range key {
		if s := condition(i); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// bounds draws up to n different keys and sorts them. Each one is the key of a
// row in another block of the table.
func (c *comparison) bounds(ctx context.Context, key []int, n int, random *rand.Rand) ([]bound, error) {
	blocks := drawBlocks(c.relation.Leaves, n, random)
	if len(blocks) == 0 {
		return nil, nil
	}
	conn, err := c.point.snapshot.Join(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	codecs, err := c.codecs()
	if err != nil {
		return nil, err
	}
	columns := make([]schema.Column, len(key))
	for i, place := range key {
		columns[i] = c.table.Columns[place]
	}
	conditions := append(c.held(key, c.sourceHolds), c.relation.Published.Filter)
	var out []bound
	for i, leaf := range c.relation.Leaves {
		if len(blocks[i]) == 0 {
			continue
		}
		rows, err := c.point.snapshot.Draw(ctx, conn, columns, leaf.Name, blocks[i], random.Int64(), conditions...)
		if err != nil {
			return nil, err
		}
		for _, texts := range rows {
			b := bound{texts: texts}
			for j, text := range texts {
				b.canonical = append(b.canonical, codecs[key[j]].source(nil, []byte(text)))
			}
			out = append(out, b)
		}
	}
	compare := func(a, b bound) int {
		for j, place := range key {
			if d := codecs[place].compare(a.canonical[j], b.canonical[j]); d != 0 {
				return d
			}
		}
		return 0
	}
	slices.SortFunc(out, compare)
	return slices.CompactFunc(out, func(a, b bound) bool { return compare(a, b) == 0 }), nil
}

// drawBlocks draws n blocks, spread evenly over the table. It returns them by
// leaf.
func drawBlocks(leaves []postgres.Leaf, n int, random *rand.Rand) map[int][]int64 {
	var all int64
	for _, l := range leaves {
		all += l.Blocks
	}
	out := map[int][]int64{}
	parts := min(int64(n), all)
	for part := range parts {
		low, high := all*part/parts, all*(part+1)/parts
		block := low + random.Int64N(high-low)
		for i, l := range leaves {
			if block < l.Blocks {
				out[i] = append(out[i], block)
				break
			}
			block -= l.Blocks
		}
	}
	return out
}

// compare orders two canonical values that fit, as both ends do.
func (c *codec) compare(a, b []byte) int {
	a, b = a[1:], b[1:]
	switch c.kind {
	case schema.String:
		return bytes.Compare(a, b)
	case schema.Decimal:
		x, y := canonicalDecimal(a), canonicalDecimal(b)
		return cmp.Or(cmp.Compare(x.high, y.high), cmp.Compare(x.low, y.low))
	default:
		return cmp.Compare(canonicalInt(a), canonicalInt(b))
	}
}

// sourceHolds is the condition under which the target's type can hold a value
// of a column; "" if it always can. A sample excludes rows with other keys.
func (c *comparison) sourceHolds(i int) string {
	x := schema.QuotePostgres(c.table.Columns[i].Name)
	switch c.table.Columns[i].Type.Kind {
	case schema.Decimal:
		return x + " NOT IN ('NaN', 'Infinity', '-Infinity')"
	case schema.Date:
		return x + " BETWEEN '0001-01-01' AND '9999-12-31'"
	case schema.Timestamp:
		return x + " >= '0001-01-01 00:00' AND " + x + " < '10000-01-01 00:00'"
	case schema.TimestampUTC:
		return x + " >= '0001-01-01 00:00+00' AND " + x + " < '10000-01-01 00:00+00'"
	default:
		return ""
	}
}

// sourceRange selects the rows of a range. Postgres uses the key's index,
// unless a text's collation does not order by bytes.
func (c *comparison) sourceRange(key []int, r keyRange) string {
	columns := make([]string, len(key))
	for i, place := range key {
		columns[i] = schema.QuotePostgres(c.table.Columns[place].Name)
		if base := c.table.Columns[place].Postgres.Base; base == schema.OIDText || base == schema.OIDVarchar {
			columns[i] += ` COLLATE "C"`
		}
	}
	side := func(operator string, b *bound) string {
		if b == nil {
			return ""
		}
		values := make([]string, len(key))
		for i, text := range b.texts {
			values[i] = schema.QuotePostgresLiteral(text)
		}
		return "(" + strings.Join(columns, ", ") + ") " + operator + " (" + strings.Join(values, ", ") + ")"
	}
	return between(side(">=", r.low), side("<", r.high))
}

// between is the condition for two sides, either of which may be open.
func between(low, high string) string {
	switch {
	case low == "" && high == "":
		return "TRUE"
	case low == "" || high == "":
		return low + high
	}
	return "(" + low + " AND " + high + ")"
}

// targetRange is sourceRange for the fold's columns.
func (c *comparison) targetRange(key []int, r keyRange) string {
	side := func(strict, last string, b *bound) string {
		if b == nil {
			return ""
		}
		sql := ""
		for i, k := range slices.Backward(key) {
			x, value := c.targetOrder(k, b.canonical[i])
			if sql == "" {
				sql = x + " " + last + " " + value
				continue
			}
			sql = "(" + x + " " + strict + " " + value + " OR (" + x + " = " + value + " AND " + sql + "))"
		}
		return sql
	}
	return between(side(">", ">=", r.low), side("<", "<", r.high))
}

// targetOrder returns the expression that orders the target's rows by a column,
// and a canonical value as an expression to compare with it.
func (c *comparison) targetOrder(place int, canonical []byte) (expr, value string) {
	x, t, text := fmt.Sprintf("c%d", place), c.table.Columns[place].Type, databricks.Literal(string(canonical[1:]))
	switch t.Kind {
	case schema.String: // by bytes, regardless of the collation
		return "CAST(" + x + " AS BINARY)", "CAST(" + text + " AS BINARY)"
	case schema.Decimal:
		return x, "CAST(" + text + " AS " + t.String() + ")"
	default:
		return cellExpr(x, t), "CAST(" + text + " AS BIGINT)"
	}
}

// foldSQL is the query for the target's rows to compare.
func (c *comparison) foldSQL(o fold.Options) string {
	sql := fold.Select(c.target, c.table, o)
	if c.sample == nil {
		return sql
	}
	return "SELECT * FROM (\n" + sql + "\n) sampled_ WHERE " + c.sample.target
}
