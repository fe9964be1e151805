package stage

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A metadata value goes to the column of its name, in any order of
// schema.MetaColumns.
func TestMetaColumnsAreWrittenByName(t *testing.T) {
	t.Parallel()
	columns := []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int64}}, {Name: "body", Type: schema.Type{Kind: schema.String}}}
	for _, kind := range []struct {
		what  string
		in    func(schema.MetaColumn) bool
		write func(*vector.Layout) *vector.Batch
		want  map[string]string
	}{
		{"changes", func(m schema.MetaColumn) bool { return m.InChanges },
			func(l *vector.Layout) *vector.Batch { return writtenChange(columns, l) },
			map[string]string{
				schema.MetaOp: `"update"`, schema.MetaCommitLSN: `"100"`, schema.MetaCommitTS: `"200"`, schema.MetaXID: `"300"`,
				schema.MetaSeq: `"400"`, schema.MetaLSN: `"500"`, schema.MetaUnchanged: `["body"]`, schema.MetaRescued: `"{\"id\":\"x\"}"`,
			}},
		{"snapshot", func(m schema.MetaColumn) bool { return m.InSnapshot },
			func(l *vector.Layout) *vector.Batch { return writtenSnapshotRow(columns, l) },
			map[string]string{schema.MetaSeq: `"400"`, schema.MetaRescued: `"{\"id\":\"x\"}"`}},
	} {
		metas := slices.Clone(schema.MetaColumns)
		for range 2 {
			for range metas {
				metas = append(metas[1:], metas[0])
				b := kind.write(layout(columns, metas, kind.in))
				got := map[string]string{}
				for i, f := range b.Layout.Fields[len(columns):] {
					column := b.Columns[len(columns)+i]
					if column.Len() != 1 {
						t.Fatalf("%s, first %s: column %s has %d values, want 1", kind.what, metas[0].Name, f.Name, column.Len())
					}
					got[f.Name] = string(column.AppendJSON(nil, 0))
				}
				if d := cmp.Diff(kind.want, got); d != "" {
					t.Errorf("%s, first %s: -want +got\n%s", kind.what, metas[0].Name, d)
				}
			}
			slices.Reverse(metas)
		}
	}
}

// A metadata column that the writer does not know or that the layout lacks is
// detected when the layout is bound, before any row is written.
func TestMetaColumnsOfALayoutAreThoseThatAreWritten(t *testing.T) {
	t.Parallel()
	columns := []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int64}}}
	in := func(m schema.MetaColumn) bool { return m.InChanges }
	other := slices.Clone(schema.MetaColumns)
	other[0].Name = "_other"
	for what, metas := range map[string][]schema.MetaColumn{
		"one more": append(slices.Clone(schema.MetaColumns),
			schema.MetaColumn{Name: "_more", Type: schema.Type{Kind: schema.Int64}, InChanges: true}),
		"one less":  schema.MetaColumns[1:],
		"one other": other,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, "metadata column") {
					t.Errorf("the layout was bound, or failed with %q", said)
				}
			}()
			bindChanges(layout(columns, metas, in), len(columns))
		})
	}
}

// writtenChange returns a batch with the metadata of a change.
func writtenChange(columns []schema.Column, l *vector.Layout) *vector.Batch {
	c, w := changeWriter(columns, l)
	w.unchanged = []int{1}
	w.part.dec.rescue = []byte(`{"id":"x"`)
	w.appendMeta(c, schema.OpUpdate, 500)
	return w.batch
}

func writtenSnapshotRow(columns []schema.Column, l *vector.Layout) *vector.Batch {
	c := &rangeCopier{columns: columns, meta: bindSnapshot(l, len(columns)), batch: vector.NewBatch(l), seq: 400}
	c.dec.rescue = []byte(`{"id":"x"`)
	c.appendMeta()
	return c.batch
}

func changeWriter(columns []schema.Column, l *vector.Layout) (*collector, *writer) {
	c := &collector{}
	c.tx = transaction{final: 100, time: 200, xid: 300, seq: 400}
	p := &part{columns: columns, layout: l, meta: bindChanges(l, len(columns))}
	return c, &writer{part: p, batch: vector.NewBatch(l)}
}

// BenchmarkAppendMeta appends a change's metadata columns.
func BenchmarkAppendMeta(b *testing.B) {
	columns := []schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int64}}}
	c, w := changeWriter(columns, changesLayout(columns))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%batchRows == 0 {
			w.batch.Reset()
		}
		w.appendMeta(c, schema.OpInsert, 500)
	}
}
