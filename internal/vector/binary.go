package vector

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ingest-tool/ingest/internal/schema"
)

// errCut means that the bytes were not written by AppendBinary for this layout.
var errCut = errors.New("read a batch: it is cut off or of another layout")

// AppendBinary appends the batch's rows to dst. The form is for this process
// only: it uses the machine's byte order and does not describe the layout.
func (b *Batch) AppendBinary(dst []byte) []byte {
	for _, c := range b.Columns {
		dst = c.appendBinary(dst)
	}
	return dst
}

// ReadBinary replaces the batch's rows with rows that AppendBinary wrote from a
// batch of the same layout. It keeps no reference to data.
func (b *Batch) ReadBinary(data []byte) error {
	for _, c := range b.Columns {
		var err error
		if data, err = c.readBinary(data); err != nil {
			return err
		}
	}
	if len(data) > 0 {
		return errCut
	}
	return nil
}

func (c *Column) appendBinary(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.length))
	dst = binary.AppendUvarint(dst, uint64(c.nulls))
	dst = appendPiece(dst, c.valid)
	for _, piece := range c.pieces(-1) {
		dst = appendPiece(dst, piece)
	}
	for _, child := range c.children {
		dst = child.appendBinary(dst)
	}
	return dst
}

func (c *Column) readBinary(data []byte) ([]byte, error) {
	c.Reset()
	length, data, err := readUvarint(data)
	if err != nil {
		return nil, err
	}
	nulls, data, err := readUvarint(data)
	if err != nil {
		return nil, err
	}
	c.length, c.nulls = length, nulls
	var piece []byte
	if piece, data, err = readPiece(data); err != nil {
		return nil, err
	}
	c.valid = append(c.valid, piece...)
	if c.Type.Kind == schema.String || c.Type.Kind == schema.Binary {
		if piece, data, err = readPiece(data); err != nil {
			return nil, err
		}
		c.data = append(c.data, piece...)
	}
	if piece, data, err = readPiece(data); err != nil {
		return nil, err
	}
	fixed := c.pieces(len(piece))
	copy(fixed[len(fixed)-1], piece)
	for _, child := range c.children {
		if data, err = child.readBinary(data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// pieces returns the buffers of the column's kind as bytes, the fixed-width
// buffer last. If size is 0 or more, it first sets the fixed-width buffer to
// that length.
func (c *Column) pieces(size int) [][]byte {
	switch c.Type.Kind {
	case schema.Bool:
		c.bits = sized(c.bits, size, 1)
		return [][]byte{c.bits}
	case schema.Int16:
		c.int16s = sized(c.int16s, size, 2)
		return [][]byte{arrow.Int16Traits.CastToBytes(c.int16s)}
	case schema.Int32, schema.Date:
		c.int32s = sized(c.int32s, size, 4)
		return [][]byte{arrow.Int32Traits.CastToBytes(c.int32s)}
	case schema.Int64, schema.Timestamp, schema.TimestampUTC:
		c.int64s = sized(c.int64s, size, 8)
		return [][]byte{arrow.Int64Traits.CastToBytes(c.int64s)}
	case schema.Float32:
		c.float32s = sized(c.float32s, size, 4)
		return [][]byte{arrow.Float32Traits.CastToBytes(c.float32s)}
	case schema.Float64:
		c.float64s = sized(c.float64s, size, 8)
		return [][]byte{arrow.Float64Traits.CastToBytes(c.float64s)}
	case schema.Decimal:
		c.decimals = sized(c.decimals, size, 16)
		return [][]byte{arrow.Decimal128Traits.CastToBytes(c.decimals)}
	default:
		c.offsets = sized(c.offsets, size, 4)
		offsets := arrow.Int32Traits.CastToBytes(c.offsets)
		if c.Type.Nested() {
			return [][]byte{offsets}
		}
		return [][]byte{c.data, offsets}
	}
}

func sized[T any](s []T, bytes, width int) []T {
	if bytes < 0 {
		return s
	}
	n := bytes / width
	return slices.Grow(s[:0], n)[:n]
}

func appendPiece(dst, piece []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(piece))), piece...)
}

func readPiece(data []byte) (piece, rest []byte, err error) {
	n, data, err := readUvarint(data)
	if err != nil {
		return nil, nil, err
	}
	if n > len(data) {
		return nil, nil, errCut
	}
	return data[:n], data[n:], nil
}

func readUvarint(data []byte) (int, []byte, error) {
	v, n := binary.Uvarint(data)
	if n <= 0 || v > 1<<40 {
		return 0, nil, errCut
	}
	return int(v), data[n:], nil
}
