package vector

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Field names a column of a batch.
type Field struct {
	Name string
	Type schema.Type
}

// Layout is the ordered list of a batch's fields. It is immutable and can be
// shared.
type Layout struct {
	Fields []Field
}

// NewLayout returns a layout.
func NewLayout(fields []Field) *Layout { return &Layout{Fields: fields} }

// Arrow builds the layout's Arrow schema. Every field is nullable. The schema
// is not cached: there can be many thousand layouts, and the schema would be
// the larger part of each.
func (l *Layout) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(l.Fields))
	for i, f := range l.Fields {
		fields[i] = arrow.Field{Name: f.Name, Type: f.Type.Arrow(), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// RowBytes returns the bytes that a row of NULLs takes in a batch. Texts and
// elements are extra.
func (l *Layout) RowBytes() int64 {
	var bits int64
	for _, f := range l.Fields {
		bits += 1 + width(f.Type.Kind)
	}
	return (bits + 7) / 8
}

// width returns the size of a value in the fixed-width buffer, in bits.
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
	default:
		return 32
	}
}

// Batch is a set of columns of the same length, one per field of its layout.
type Batch struct {
	Layout  *Layout
	Columns []*Column
}

// NewBatch returns an empty batch.
func NewBatch(l *Layout) *Batch {
	b := &Batch{Layout: l, Columns: make([]*Column, len(l.Fields))}
	for i, f := range l.Fields {
		b.Columns[i] = NewColumn(f.Type)
	}
	return b
}

// Rows returns the number of complete rows. That is the length of the last
// column, because a row is appended column by column from first to last.
func (b *Batch) Rows() int {
	if len(b.Columns) == 0 {
		return 0
	}
	return b.Columns[len(b.Columns)-1].Len()
}

// Size returns the number of bytes that the batch's values take.
func (b *Batch) Size() int {
	n := 0
	for _, c := range b.Columns {
		n += c.Size()
	}
	return n
}

// Truncate keeps the first n rows. It also drops the values of an incomplete
// row.
func (b *Batch) Truncate(n int) {
	for _, c := range b.Columns {
		c.Truncate(n)
	}
}

// Reset empties the batch and keeps its buffers. The caller must not use any
// record made from it afterwards.
func (b *Batch) Reset() {
	for _, c := range b.Columns {
		c.Reset()
	}
}

// Record returns the batch as an Arrow record over the same memory. The caller
// releases the record before it changes or resets the batch.
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
