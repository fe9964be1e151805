package vector

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"

	"github.com/ingest-tool/ingest/internal/schema"
)

// AppendJSON appends value i as JSON. Numbers of 64 bits and more, and floats,
// are strings in Postgres's notation. A decimal has all digits of its scale. A
// date is its day number, a timestamp its microsecond number, both since
// 1970-01-01. Bytes are hexadecimal digits. A map is an array of pairs.
func (c *Column) AppendJSON(dst []byte, i int) []byte {
	if c.IsNull(i) {
		return append(dst, "null"...)
	}
	switch c.Type.Kind {
	case schema.Bool:
		return strconv.AppendBool(dst, c.bits[i>>3]&(1<<(i&7)) != 0)
	case schema.Int16:
		return strconv.AppendInt(dst, int64(c.int16s[i]), 10)
	case schema.Int32, schema.Date:
		return strconv.AppendInt(dst, int64(c.int32s[i]), 10)
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		return quoted(dst, strconv.FormatInt(c.int64s[i], 10))
	case schema.Float32:
		return quoted(dst, floatText(float64(c.float32s[i]), 32))
	case schema.Float64:
		return quoted(dst, floatText(c.float64s[i], 64))
	case schema.Decimal:
		return quoted(dst, c.decimals[i].ToString(c.Type.Scale))
	case schema.Binary:
		return quoted(dst, hex.EncodeToString(c.Bytes(i)))
	case schema.List, schema.StringMap:
		return c.appendElements(dst, int(c.offsets[i]), int(c.offsets[i+1]))
	default:
		return quoted(dst, string(c.Bytes(i)))
	}
}

func (c *Column) appendElements(dst []byte, from, to int) []byte {
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		if c.key == nil {
			dst = c.elem.AppendJSON(dst, i)
			continue
		}
		dst = append(c.key.AppendJSON(append(dst, '['), i), ',')
		dst = append(c.elem.AppendJSON(dst, i), ']')
	}
	return append(dst, ']')
}

func quoted(dst []byte, text string) []byte {
	b, _ := json.Marshal(text) // a string always has a JSON form
	return append(dst, b...)
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}
