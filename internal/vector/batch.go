package vector

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"ingest/internal/schema"
)

// Field names a column of a batch.
type Field struct {
	Name string
	Type schema.Type
}

// Layout is the ordered list of a batch's fields. It is immutable and may be
// shared.
type Layout struct {
	Fields []Field
}

// NewLayout makes a layout.
func NewLayout(fields []Field) *Layout { return &Layout{Fields: fields} }

// Arrow makes the layout's Arrow schema. Every field is nullable. It is not
// kept: there may be many thousand layouts, and it is the larger part of one.
func (l *Layout) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(l.Fields))
	for i, f := range l.Fields {
		fields[i] = arrow.Field{Name: f.Name, Type: f.Type.Arrow(), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// RowBytes is what a row of NULLs takes in a batch; texts and elements come on
// top of it.
func (l *Layout) RowBytes() int64 {
	var bits int64
	for _, f := range l.Fields {
		bits += 1 + width(f.Type.Kind)
	}
	return (bits + 7) / 8
}

// width is the size of a value in the buffer of fixed width, in bits.
func width(kind schema.Kind) int64 {
	switch kind {
	case schema.Bool:
		return 1
	case schema.Int16:
		return 16
	case schema.Int64, schema.Timestamp, schema.TimestampUTC, schema.Float64:
		return 64
	case schema.Decimal:
		return 128
	}
	return 32
}

// Batch is a set of columns of the same length, one per field of its layout.
type Batch struct {
	Layout  *Layout
	Columns []*Column
}

// NewBatch makes an empty batch.
func NewBatch(l *Layout) *Batch {
	b := &Batch{Layout: l, Columns: make([]*Column, len(l.Fields))}
	for i, f := range l.Fields {
		b.Columns[i] = NewColumn(f.Type)
	}
	return b
}

// Rows is the number of complete rows, which is the last column's length: a
// row is appended column by column, from the first to the last.
func (b *Batch) Rows() int {
	if len(b.Columns) == 0 {
		return 0
	}
	return b.Columns[len(b.Columns)-1].Len()
}

// Size is the number of bytes that the batch's values take.
func (b *Batch) Size() int {
	n := 0
	for _, c := range b.Columns {
		n += c.Size()
	}
	return n
}

// Truncate keeps the first n rows, and drops what was appended of an
// incomplete one.
func (b *Batch) Truncate(n int) {
	for _, c := range b.Columns {
		c.Truncate(n)
	}
}

// Reset empties the batch and keeps its buffers. No record made from it may be
// in use any more.
func (b *Batch) Reset() {
	for _, c := range b.Columns {
		c.Reset()
	}
}

// Record shows the batch as an Arrow record over the same memory. The caller
// releases it before it changes or resets the batch.
func (b *Batch) Record() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(b.Columns))
	for i, c := range b.Columns {
		arrays[i] = c.Array()
	}
	rec := array.NewRecordBatch(b.Layout.Arrow(), arrays, int64(b.Rows()))
	for _, a := range arrays {
		a.Release()
	}
	return rec
}
