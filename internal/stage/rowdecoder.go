package stage

import (
	"fmt"

	"ingest/internal/postgres/value"
	"ingest/internal/schema"
	"ingest/internal/vector"
)

// rowDecoder appends the values of one relation and collects, row by row, what
// its columns cannot hold.
type rowDecoder struct {
	table    schema.TableName
	columns  []schema.Column
	decoders []*value.Decoder
	rescue   []byte           // JSON of the current row, unclosed; empty if nothing was rescued
	rescued  map[string]int64 // column → values, since the map was taken
}

// append appends the value of column i; nil is NULL.
func (d *rowDecoder) append(dst *vector.Column, i int, wire []byte) error {
	if wire == nil {
		dst.AppendNull()
		return nil
	}
	text, err := d.decoders[i].Append(dst, wire)
	if err != nil {
		return fmt.Errorf("decode %s column %q (%s): %w", d.table, d.columns[i].Name, d.columns[i].Postgres.Name, err)
	}
	if text != nil {
		d.rescue = value.AppendRescued(d.rescue, d.columns[i].Name, text)
		d.rescued[d.columns[i].Name]++
	}
	return nil
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
