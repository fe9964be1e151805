package stage

import (
	"ingest/internal/schema"
	"ingest/internal/vector"
)

// snapshotLayout is the layout of a snapshot's segments: the source's columns,
// then the metadata columns that such segments hold.
func snapshotLayout(columns []schema.Column) *vector.Layout {
	return layout(columns, func(m schema.MetaColumn) bool { return m.InSnapshot })
}

// changesLayout is the layout of segments of changes.
func changesLayout(columns []schema.Column) *vector.Layout {
	return layout(columns, func(m schema.MetaColumn) bool { return m.InChanges })
}

func layout(columns []schema.Column, meta func(schema.MetaColumn) bool) *vector.Layout {
	var fields []vector.Field
	for _, c := range columns {
		fields = append(fields, vector.Field{Name: c.Target(), Type: c.Type.File()})
	}
	for _, m := range schema.MetaColumns {
		if meta(m) {
			fields = append(fields, vector.Field{Name: m.Name, Type: m.Type})
		}
	}
	return vector.NewLayout(fields)
}
