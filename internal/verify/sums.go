package verify

import (
	"strconv"

	"github.com/ingest-tool/ingest/internal/schema"
)

// sums are the aggregates of some rows of the source. The order of the rows
// does not matter. Only one goroutine may use them.
type sums struct {
	codecs  []*codec
	hasher  hasher
	rows    int64
	whole   int128 // of the rows' hashes
	columns []columnSum
}

// columnSum is the aggregate of one column's values.
type columnSum struct {
	values int64 // values that are not NULL
	hashes int128
	// The values that are numbers: their count, sum and extremes.
	numbers          int64
	sum, least, most int128
}

func newSums(codecs []*codec) *sums {
	return &sums{codecs: codecs, columns: make([]columnSum, len(codecs))}
}

// add adds a row of canonical cells. The row's hash is the hash of its values'
// hashes; NULL counts as 0.
func (s *sums) add(cells [][]byte) {
	s.rows++
	row := uint64(hashSeed)
	for i, cell := range cells {
		var hash uint64
		if cell != nil {
			hash = s.codecs[i].hash(&s.hasher, cell)
			column := &s.columns[i]
			column.values++
			column.hashes = column.hashes.plus(fromInt64(int64(hash)))
			if cell[0] == fits {
				s.codecs[i].count(column, cell[1:])
			}
		}
		row = s.hasher.number(row, hash)
	}
	s.whole = s.whole.plus(fromInt64(int64(row)))
}

// count adds a value that fits to the numbers, if it is a number.
func (c *codec) count(to *columnSum, b []byte) {
	var n int128
	switch {
	case !summed(c.kind, c.precision):
		return
	case c.kind == schema.Decimal:
		n = canonicalDecimal(b)
	default:
		n = fromInt64(canonicalInt(b))
	}
	if to.numbers == 0 || n.less(to.least) {
		to.least = n
	}
	if to.numbers == 0 || to.most.less(n) {
		to.most = n
	}
	to.numbers, to.sum = to.numbers+1, to.sum.plus(n)
}

// maxSummedPrecision leaves room for the ten digits by which a DECIMAL's sum
// grows.
const maxSummedPrecision = 28

// summed reports whether values of a type are summed as numbers.
func summed(kind schema.Kind, precision int) bool {
	switch kind {
	case schema.Int16, schema.Int32, schema.Int64, schema.Date, schema.Timestamp, schema.TimestampUTC:
		return true
	default:
		return kind == schema.Decimal && precision <= maxSummedPrecision
	}
}

// merge adds the sums of other.
func (s *sums) merge(other *sums) {
	s.rows += other.rows
	s.whole = s.whole.plus(other.whole)
	for i := range s.columns {
		a, b := &s.columns[i], &other.columns[i]
		a.values, a.hashes = a.values+b.values, a.hashes.plus(b.hashes)
		if b.numbers == 0 {
			continue
		}
		if a.numbers == 0 || b.least.less(a.least) {
			a.least = b.least
		}
		if a.numbers == 0 || a.most.less(b.most) {
			a.most = b.most
		}
		a.numbers, a.sum = a.numbers+b.numbers, a.sum.plus(b.sum)
	}
}

// texts are the sums in the order of aggregatesOf, in the warehouse's format.
func (s *sums) texts() []*string {
	var out []*string
	add := func(some bool, text string) {
		if !some { // the sum of no values is NULL
			out = append(out, nil)
			return
		}
		out = append(out, &text)
	}
	add(true, strconv.FormatInt(s.rows, 10))
	for i := range s.columns {
		c, codec := &s.columns[i], s.codecs[i]
		add(true, strconv.FormatInt(c.values, 10))
		add(c.values > 0, c.hashes.String())
		if !summed(codec.kind, codec.precision) {
			continue
		}
		for _, n := range []int128{c.sum, c.least, c.most} {
			add(c.numbers > 0, n.scaled(codec.scale))
		}
	}
	add(s.rows > 0, s.whole.String())
	return out
}
