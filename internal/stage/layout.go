package stage

import (
	"fmt"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// snapshotLayout returns the layout of a snapshot's segments: the source's
// columns, then the metadata columns of snapshots.
func snapshotLayout(columns []schema.Column) *vector.Layout {
	return layout(columns, schema.MetaColumns, func(m schema.MetaColumn) bool { return m.InSnapshot })
}

// changesLayout returns the layout of segments of changes.
func changesLayout(columns []schema.Column) *vector.Layout {
	return layout(columns, schema.MetaColumns, func(m schema.MetaColumn) bool { return m.InChanges })
}

func layout(columns []schema.Column, metas []schema.MetaColumn, in func(schema.MetaColumn) bool) *vector.Layout {
	var fields []vector.Field
	for _, c := range columns {
		fields = append(fields, vector.Field{Name: c.Target(), Type: c.Type.File()})
	}
	for _, m := range metas {
		if in(m) {
			fields = append(fields, vector.Field{Name: m.Name, Type: m.Type})
		}
	}
	return vector.NewLayout(fields)
}

// changesMeta holds the places of the metadata columns in a layout of changes.
type changesMeta struct{ op, commitLSN, seq, lsn, commitTS, xid, unchanged, rescued int }

// bindChanges finds the metadata columns of a layout of changes with n source
// columns.
func bindChanges(l *vector.Layout, n int) (at changesMeta) {
	bindMeta(l, n, map[string]*int{
		schema.MetaOp: &at.op, schema.MetaCommitLSN: &at.commitLSN, schema.MetaSeq: &at.seq, schema.MetaLSN: &at.lsn,
		schema.MetaCommitTS: &at.commitTS, schema.MetaXID: &at.xid, schema.MetaUnchanged: &at.unchanged, schema.MetaRescued: &at.rescued,
	})
	return at
}

// snapshotMeta holds the places of the metadata columns in a snapshot's layout.
type snapshotMeta struct{ seq, rescued int }

// bindSnapshot finds the metadata columns of a snapshot's layout with n source
// columns.
func bindSnapshot(l *vector.Layout, n int) (at snapshotMeta) {
	bindMeta(l, n, map[string]*int{schema.MetaSeq: &at.seq, schema.MetaRescued: &at.rescued})
	return at
}

// bindMeta sets the place of each metadata column by name. The writer appends
// to exactly these columns. An additional column in the layout would stay empty
// and shift the rows. So a mismatch between layout and writer is a bug in this
// program.
func bindMeta(l *vector.Layout, n int, places map[string]*int) {
	if len(l.Fields)-n != len(places) {
		panic(fmt.Sprintf("a layout has %d metadata columns, and %d are written", len(l.Fields)-n, len(places)))
	}
	for i, f := range l.Fields[n:] {
		place := places[f.Name]
		if place == nil {
			panic(fmt.Sprintf("no value is written to metadata column %q", f.Name))
		}
		*place = n + i
	}
}
