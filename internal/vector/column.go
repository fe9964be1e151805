package vector

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Column is a growable column of one type. The caller appends values only with
// the method of the column's kind. It chooses that method once, when it
// compiles its decoder.
//
// A Column is not safe for concurrent use.
type Column struct {
	Type schema.Type

	length int
	nulls  int
	valid  []byte // bitmap, least significant bit first; 1 means not NULL

	bits     []byte // Bool
	int16s   []int16
	int32s   []int32 // Int32, Date
	int64s   []int64 // Int64, Timestamp, TimestampUTC
	float32s []float32
	float64s []float64
	decimals []decimal128.Num
	offsets  []int32   // String, Binary, List, StringMap: length+1 entries, or none before the first append
	data     []byte    // String, Binary
	key      *Column   // StringMap
	elem     *Column   // List, StringMap: in a map, same length as key
	children []*Column // key and elem
}

// NewColumn returns an empty column of type t.
func NewColumn(t schema.Type) *Column {
	c := &Column{Type: t}
	if t.Nested() {
		c.elem = NewColumn(*t.Elem)
		c.children = append(c.children, c.elem)
	}
	if t.Kind == schema.StringMap {
		c.key = NewColumn(schema.Type{Kind: schema.String})
		c.children = append(c.children, c.key)
	}
	return c
}

// Len returns the number of values, NULLs included.
func (c *Column) Len() int { return c.length }

// Nulls returns the number of NULLs.
func (c *Column) Nulls() int { return c.nulls }

// Size returns the number of bytes that the values take, without the spare
// capacity of the buffers.
func (c *Column) Size() int {
	n := len(c.valid) + len(c.bits) + 2*len(c.int16s) + 4*len(c.int32s) + 8*len(c.int64s) +
		4*len(c.float32s) + 8*len(c.float64s) + 16*len(c.decimals) + 4*len(c.offsets) + len(c.data)
	for _, child := range c.children {
		n += child.Size()
	}
	return n
}

func (c *Column) mark(valid bool) {
	if c.length&7 == 0 {
		c.valid = append(c.valid, 0)
	}
	if valid {
		c.valid[c.length>>3] |= 1 << (c.length & 7)
	} else {
		c.nulls++
	}
	c.length++
}

func (c *Column) openOffsets() {
	if len(c.offsets) == 0 {
		c.offsets = append(c.offsets, 0)
	}
}

// AppendNull appends a NULL to a column of any kind.
func (c *Column) AppendNull() {
	switch c.Type.Kind {
	case schema.Bool:
		c.appendBit(false)
	case schema.Int16:
		c.int16s = append(c.int16s, 0)
	case schema.Int32, schema.Date:
		c.int32s = append(c.int32s, 0)
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		c.int64s = append(c.int64s, 0)
	case schema.Float32:
		c.float32s = append(c.float32s, 0)
	case schema.Float64:
		c.float64s = append(c.float64s, 0)
	case schema.Decimal:
		c.decimals = append(c.decimals, decimal128.Num{})
	case schema.String, schema.Binary:
		c.openOffsets()
		c.offsets = append(c.offsets, int32(len(c.data)))
	case schema.List, schema.StringMap:
		c.openOffsets()
		c.offsets = append(c.offsets, int32(c.elem.length))
	default: // no column of a batch has another type
	}
	c.mark(false)
}

func (c *Column) appendBit(v bool) {
	if c.length&7 == 0 {
		c.bits = append(c.bits, 0)
	}
	if v {
		c.bits[c.length>>3] |= 1 << (c.length & 7)
	}
}

// AppendBool appends to a Bool column.
func (c *Column) AppendBool(v bool) { c.appendBit(v); c.mark(true) }

// AppendInt16 appends to an Int16 column.
func (c *Column) AppendInt16(v int16) { c.int16s = append(c.int16s, v); c.mark(true) }

// AppendInt32 appends to an Int32 or Date column. A date is the number of days
// since 1970-01-01.
func (c *Column) AppendInt32(v int32) { c.int32s = append(c.int32s, v); c.mark(true) }

// AppendInt64 appends to an Int64, Timestamp or TimestampUTC column. A
// timestamp is the number of microseconds since 1970-01-01.
func (c *Column) AppendInt64(v int64) { c.int64s = append(c.int64s, v); c.mark(true) }

// AppendFloat32 appends to a Float32 column.
func (c *Column) AppendFloat32(v float32) { c.float32s = append(c.float32s, v); c.mark(true) }

// AppendFloat64 appends to a Float64 column.
func (c *Column) AppendFloat64(v float64) { c.float64s = append(c.float64s, v); c.mark(true) }

// AppendDecimal appends to a Decimal column. v is the value times 10 to the
// power of the type's scale.
func (c *Column) AppendDecimal(v decimal128.Num) { c.decimals = append(c.decimals, v); c.mark(true) }

// AppendBytes appends a copy of v to a String or Binary column.
func (c *Column) AppendBytes(v []byte) {
	c.openOffsets()
	c.data = append(c.data, v...)
	c.offsets = append(c.offsets, int32(len(c.data)))
	c.mark(true)
}

// AppendString appends v to a String column.
func (c *Column) AppendString(v string) {
	c.openOffsets()
	c.data = append(c.data, v...)
	c.offsets = append(c.offsets, int32(len(c.data)))
	c.mark(true)
}

// Build writes a String or Binary value in place: fn appends to the slice that
// it receives and returns the result.
func (c *Column) Build(fn func([]byte) []byte) {
	c.openOffsets()
	c.data = fn(c.data)
	c.offsets = append(c.offsets, int32(len(c.data)))
	c.mark(true)
}

// Elem returns the column of a List's elements or a StringMap's values. Append
// the elements to it, then call EndList.
func (c *Column) Elem() *Column { return c.elem }

// Key returns the column of a StringMap's keys. Append one key for each value
// appended to Elem. Keys are not NULL and are unique within a map.
func (c *Column) Key() *Column { return c.key }

// EndList closes a list or map. It holds all elements appended since the
// previous one was closed.
func (c *Column) EndList() {
	c.openOffsets()
	c.offsets = append(c.offsets, int32(c.elem.length))
	c.mark(true)
}

// DropElements drops the elements appended since the last list or map was
// closed. The caller uses it to rescue a value that does not fit.
func (c *Column) DropElements() {
	start := 0
	if n := len(c.offsets); n > 0 {
		start = int(c.offsets[n-1])
	}
	for _, child := range c.children {
		child.Truncate(start)
	}
}

// IsNull reports whether value i is NULL.
func (c *Column) IsNull(i int) bool { return c.valid[i>>3]&(1<<(i&7)) == 0 }

// Bytes returns value i of a String or Binary column. The value must not be
// NULL. The result aliases the column's memory.
func (c *Column) Bytes(i int) []byte { return c.data[c.offsets[i]:c.offsets[i+1]] }

// Longest returns the size of the longest value of a String or Binary column,
// or 0 if the column has no value.
func (c *Column) Longest() int {
	var most int32
	for i := 1; i < len(c.offsets); i++ {
		most = max(most, c.offsets[i]-c.offsets[i-1])
	}
	return int(most)
}

// Truncate keeps the first n values.
func (c *Column) Truncate(n int) {
	if n >= c.length {
		return
	}
	for i := n; i < c.length; i++ {
		if c.IsNull(i) {
			c.nulls--
		}
	}
	c.valid = truncateBits(c.valid, n)
	c.bits = truncateBits(c.bits, n)
	c.int16s = head(c.int16s, n)
	c.int32s = head(c.int32s, n)
	c.int64s = head(c.int64s, n)
	c.float32s = head(c.float32s, n)
	c.float64s = head(c.float64s, n)
	c.decimals = head(c.decimals, n)
	if len(c.offsets) > 0 {
		c.offsets = c.offsets[:n+1]
		for _, child := range c.children {
			child.Truncate(int(c.offsets[n]))
		}
		if !c.Type.Nested() {
			c.data = c.data[:c.offsets[n]]
		}
	}
	c.length = n
}

func head[T any](s []T, n int) []T {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func truncateBits(b []byte, n int) []byte {
	b = head(b, (n+7)/8)
	if n&7 != 0 && len(b) == (n+7)/8 {
		b[n>>3] &= 1<<(n&7) - 1
	}
	return b
}

// CopyFrom appends value i of src, which has the same type.
func (c *Column) CopyFrom(src *Column, i int) {
	if src.IsNull(i) {
		c.AppendNull()
		return
	}
	switch c.Type.Kind {
	case schema.Bool:
		c.AppendBool(src.bits[i>>3]&(1<<(i&7)) != 0)
	case schema.Int16:
		c.AppendInt16(src.int16s[i])
	case schema.Int32, schema.Date:
		c.AppendInt32(src.int32s[i])
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		c.AppendInt64(src.int64s[i])
	case schema.Float32:
		c.AppendFloat32(src.float32s[i])
	case schema.Float64:
		c.AppendFloat64(src.float64s[i])
	case schema.Decimal:
		c.AppendDecimal(src.decimals[i])
	case schema.String, schema.Binary:
		c.AppendBytes(src.Bytes(i))
	case schema.List:
		for j := src.offsets[i]; j < src.offsets[i+1]; j++ {
			c.elem.CopyFrom(src.elem, int(j))
		}
		c.EndList()
	case schema.StringMap:
		for j := src.offsets[i]; j < src.offsets[i+1]; j++ {
			c.key.CopyFrom(src.key, int(j))
			c.elem.CopyFrom(src.elem, int(j))
		}
		c.EndList()
	default: // no column of a batch has another type
	}
}

// Reset empties the column and keeps its buffers. The caller must not use any
// Arrow array made from it afterwards.
func (c *Column) Reset() {
	c.length, c.nulls = 0, 0
	c.valid, c.bits, c.data, c.offsets = c.valid[:0], c.bits[:0], c.data[:0], c.offsets[:0]
	c.int16s, c.int32s, c.int64s = c.int16s[:0], c.int32s[:0], c.int64s[:0]
	c.float32s, c.float64s, c.decimals = c.float32s[:0], c.float64s[:0], c.decimals[:0]
	for _, child := range c.children {
		child.Reset()
	}
}

// Array returns the column as an Arrow array over the same memory. The caller
// must not change or Reset the column while the array is in use.
func (c *Column) Array() arrow.Array {
	data := c.arrayData()
	defer data.Release()
	return array.MakeFromData(data)
}

func (c *Column) arrayData() arrow.ArrayData {
	var validity *memory.Buffer
	if c.nulls > 0 {
		validity = memory.NewBufferBytes(c.valid)
	}
	buffers := []*memory.Buffer{validity}
	var children []arrow.ArrayData
	switch c.Type.Kind {
	case schema.Bool:
		buffers = append(buffers, memory.NewBufferBytes(c.bits))
	case schema.Int16:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int16Traits.CastToBytes(c.int16s)))
	case schema.Int32, schema.Date:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.int32s)))
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.int64s)))
	case schema.Float32:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(c.float32s)))
	case schema.Float64:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(c.float64s)))
	case schema.Decimal:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Decimal128Traits.CastToBytes(c.decimals)))
	case schema.String, schema.Binary:
		c.openOffsets()
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)), memory.NewBufferBytes(c.data))
	case schema.List:
		c.openOffsets()
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)))
		children = []arrow.ArrayData{c.elem.arrayData()}
	case schema.StringMap:
		c.openOffsets()
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offsets)))
		children = []arrow.ArrayData{c.entriesData()}
	default:
		panic(fmt.Sprintf("vector: array of kind %d", c.Type.Kind))
	}
	data := array.NewData(c.Type.Arrow(), c.length, buffers, children, c.nulls, 0)
	for _, child := range children {
		child.Release()
	}
	return data
}

// entriesData returns a map's entries as the struct array that Arrow requires.
func (c *Column) entriesData() arrow.ArrayData {
	key, elem := c.key.arrayData(), c.elem.arrayData()
	defer key.Release()
	defer elem.Release()
	entries := c.Type.Arrow().(*arrow.MapType).Elem()
	return array.NewData(entries, c.elem.length, []*memory.Buffer{nil}, []arrow.ArrayData{key, elem}, 0, 0)
}
