package verify

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Both ends hash a value as Spark's xxhash64 does: XXH64 with the seed 42. Its
// input is the eight bytes of a BIGINT or a DOUBLE, or the bytes of a text or a
// BINARY. These depend only on the column's type. hashExpr writes the
// warehouse's side; codec.hash is this side. To hash several values, each hash
// is the seed of the next.
const hashSeed = 42

// hasher computes hashes. Only one goroutine may use it.
type hasher struct {
	digest xxhash.Digest
	long   [8]byte
	text   []byte // of nested values
}

func (h *hasher) bytes(seed uint64, b []byte) uint64 {
	h.digest.ResetWithSeed(seed)
	_, _ = h.digest.Write(b)
	return h.digest.Sum64()
}

// number hashes a BIGINT.
func (h *hasher) number(seed, n uint64) uint64 {
	binary.LittleEndian.PutUint64(h.long[:], n)
	return h.bytes(seed, h.long[:])
}

// hash hashes a canonical value that is not NULL.
func (c *codec) hash(h *hasher, canonical []byte) uint64 {
	b := canonical[1:]
	if canonical[0] == unfit {
		return h.bytes(hashSeed, b)
	}
	switch c.kind {
	case schema.Int16, schema.Int32, schema.Int64, schema.Date, schema.Timestamp, schema.TimestampUTC:
		return h.number(hashSeed, uint64(canonicalInt(b)))
	case schema.Float32, schema.Float64:
		switch f := math.Float64frombits(binary.BigEndian.Uint64(b)); {
		case f == 0 && math.Signbit(f):
			return h.bytes(hashSeed, []byte(minusZero))
		case f != f:
			return h.bytes(hashSeed, []byte(nan))
		default:
			return h.number(hashSeed, math.Float64bits(f))
		}
	case schema.List:
		return c.hashList(h, b)
	case schema.StringMap:
		return hashMap(h, b)
	default:
		return h.bytes(hashSeed, b)
	}
}

// Values that replace a float whose hash is not the hash of its bits. For Spark
// 0.0 and -0.0 are one number, and its xxhash64 gives both the same hash.
const (
	nan       = "NaN"
	minusZero = "-0"
)

// hashList hashes the text of the elements' hashes. NULL is n.
func (c *codec) hashList(h *hasher, b []byte) uint64 {
	mark := len(h.text)
	for len(b) > 0 {
		var element []byte
		if element, b = cell(b); element == nil {
			h.text = append(h.text, "n,"...)
			continue
		}
		h.text = append(strconv.AppendInt(h.text, int64(c.elem.hash(h, element)), 10), ',')
	}
	return h.nested(mark)
}

// hashMap hashes the text of the hashes of keys and values, in the order of the
// keys.
func hashMap(h *hasher, b []byte) uint64 {
	mark := len(h.text)
	for len(b) > 0 {
		var key, value []byte
		key, b = cell(b)
		value, b = cell(b)
		h.text = append(strconv.AppendInt(h.text, int64(h.bytes(hashSeed, key)), 10), ':')
		if value == nil {
			h.text = append(h.text, "n,"...)
			continue
		}
		h.text = append(strconv.AppendInt(h.text, int64(h.bytes(hashSeed, value)), 10), ',')
	}
	return h.nested(mark)
}

// nested hashes the text from mark on, without its last comma, and removes it.
func (h *hasher) nested(mark int) uint64 {
	text := h.text[mark:]
	h.text = h.text[:mark]
	return h.bytes(hashSeed, text[:max(0, len(text)-1)])
}

// cell splits a value that appendCell appended off b; nil is NULL.
func cell(b []byte) (value, rest []byte) {
	if b[0] == 0 {
		return nil, b[1:]
	}
	size, n := binary.Uvarint(b[1:])
	b = b[1+n:]
	return b[:size:size], b[size:]
}

// canonicalInt parses digits that a codec wrote.
func canonicalInt(b []byte) int64 {
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	var n uint64
	for _, d := range b {
		n = n*10 + uint64(d-'0')
	}
	if negative {
		n = -n
	}
	return int64(n)
}

// hashExpr is the warehouse's hash of x, a value of type t that is not NULL. A
// text is hashed as BINARY, because a collation would change the hash.
func hashExpr(x string, t schema.Type) string {
	switch t.Kind {
	case schema.Int16, schema.Int32, schema.Int64:
		return "xxhash64(CAST(" + x + " AS BIGINT))"
	case schema.Date, schema.Timestamp, schema.TimestampUTC:
		return "xxhash64(CAST(" + cellExpr(x, t) + " AS BIGINT))"
	case schema.Float32, schema.Float64:
		double := "CAST(" + x + " AS DOUBLE)"
		return "CASE WHEN isnan(" + double + ") THEN " + hashText("'"+nan+"'") + " WHEN " + double + " = 0 AND CAST(" + double +
			" AS STRING) LIKE '-%' THEN " +
			hashText("'"+minusZero+"'") + " ELSE xxhash64(" + double + ") END"
	case schema.Binary:
		return "xxhash64(" + x + ")"
	case schema.List:
		return hashText("array_join(transform(" + x + ", e -> CASE WHEN e IS NULL THEN 'n' ELSE CAST(" +
			hashExpr("e", *t.Elem) + " AS STRING) END), ',')")
	case schema.StringMap:
		return hashText("array_join(transform(array_sort(map_keys(" + x + ")), k -> concat(CAST(" + hashText("k") + " AS STRING), ':'," +
			" CASE WHEN " + x + "[k] IS NULL THEN 'n' ELSE CAST(" + hashText(x+"[k]") + " AS STRING) END)), ',')")
	default:
		return hashText(elementExpr(x, t))
	}
}

func hashText(text string) string { return "xxhash64(CAST(" + text + " AS BINARY))" }
