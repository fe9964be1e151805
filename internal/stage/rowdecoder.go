package stage

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/vector"
)

// rowDecoder appends the values of one relation. It collects, row by row, the
// values that do not fit their columns.
type rowDecoder struct {
	table    schema.TableName
	columns  []schema.Column
	decoders []*value.Decoder
	masks    []*shape.Masker  // by column; nil for unmasked values
	charset  *charset.Charset // of the values; nil for UTF-8
	masked   []byte           // scratch
	rescue   []byte           // JSON of the current row, without its closing brace; empty if nothing was rescued
	rescued  map[string]int64 // number of values by target column since the map was taken
}

// newRowDecoder returns the decoder of columns. Their values arrive in the form
// that decoders expect.
func newRowDecoder(rules *shape.Shape, table schema.TableName, columns []schema.Column, decoders []*value.Decoder,
	values *charset.Charset) (rowDecoder, error) {
	d := rowDecoder{table: table, columns: columns, decoders: decoders, charset: values,
		masks: make([]*shape.Masker, len(columns)), rescued: map[string]int64{}}
	for i, c := range columns {
		var err error
		if d.masks[i], err = rules.Masker(c); err != nil {
			return d, err
		}
	}
	return d, nil
}

// constant reports whether column i is always NULL.
func (d *rowDecoder) constant(i int) bool { return d.masks[i] != nil && d.masks[i].Null() }

// append appends the value of column i. nil is NULL.
func (d *rowDecoder) append(dst *vector.Column, i int, wire []byte) error {
	if wire == nil {
		dst.AppendNull()
		return nil
	}
	if m := d.masks[i]; m != nil { // the unmasked value goes no further
		if d.masked = m.Append(d.masked[:0], d.plain(wire)); m.Null() {
			dst.AppendNull()
			return nil
		}
		wire = d.masked
	}
	text, err := d.decoders[i].Append(dst, wire)
	if err != nil {
		return fmt.Errorf("decode %s column %q (%s): %w", d.table, d.columns[i].Name, d.columns[i].Postgres.Name, err)
	}
	if text != nil {
		d.rescue = value.AppendRescued(d.rescue, d.columns[i].Target(), text)
		d.rescued[d.columns[i].Target()]++
	}
	return nil
}

// plain returns a value in UTF-8 for the mask. A value that has no
// UTF-8 equivalent stays as it is.
func (d *rowDecoder) plain(wire []byte) []byte {
	if d.charset == nil || charset.ASCII(wire) {
		return wire
	}
	if text, ok := d.charset.Append(nil, wire); ok {
		return text
	}
	return wire
}

// finishRow appends the row's _rescued value.
func (d *rowDecoder) finishRow(dst *vector.Column) {
	if len(d.rescue) == 0 {
		dst.AppendNull()
		return
	}
	d.rescue = value.CloseRescued(d.rescue)
	dst.AppendBytes(d.rescue)
	d.rescue = d.rescue[:0]
}

// forget drops the row that is being decoded.
func (d *rowDecoder) forget() { d.rescue = d.rescue[:0] }
