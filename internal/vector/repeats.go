package vector

import (
	"hash/maphash"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Repeats reports whether a dictionary is likely to pay off for the column. It
// looks at the first n values and ignores NULLs. The answer is true if at most
// an eighth of the second half is new. Values that occur only a few times each,
// such as a commit's position, would fill a dictionary that is then discarded.
// The answer is false for kinds without dictionaries (booleans, lists, maps)
// and for fewer than 16 values.
func (c *Column) Repeats(n int) bool {
	n = min(n, c.length)
	if n < 16 || c.Type.Kind == schema.Bool || c.Type.Nested() {
		return false
	}
	seen := make(map[uint64]struct{}, n)
	values, known, late := 0, 0, 0 // late: values in the second half; known: distinct values before it
	for i := range n {
		if i == n/2 {
			known = len(seen)
		}
		if c.IsNull(i) {
			continue
		}
		values++
		if i >= n/2 {
			late++
		}
		seen[c.hash(i)] = struct{}{}
	}
	return values > 0 && 8*(len(seen)-known) <= late && 2*len(seen) <= values
}

var hashSeed = maphash.MakeSeed()

func (c *Column) hash(i int) uint64 {
	switch c.Type.Kind {
	case schema.Int16:
		return uint64(c.int16s[i])
	case schema.Int32, schema.Date:
		return uint64(c.int32s[i])
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		return uint64(c.int64s[i])
	case schema.Float32:
		return maphash.Comparable(hashSeed, c.float32s[i])
	case schema.Float64:
		return maphash.Comparable(hashSeed, c.float64s[i])
	case schema.Decimal:
		return maphash.Comparable(hashSeed, c.decimals[i])
	default:
		return maphash.Bytes(hashSeed, c.Bytes(i))
	}
}
