package vector

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestBatch(t *testing.T) {
	layout := NewLayout([]Field{{"id", schema.Type{Kind: schema.Int64}}, {"name", schema.Type{Kind: schema.String}}})
	b := NewBatch(layout)
	row := func(id int64, name string) {
		b.Columns[0].AppendInt64(id)
		b.Columns[1].AppendString(name)
	}
	row(1, "one")
	row(2, "two")
	b.Columns[0].AppendInt64(3) // a row whose second value fails to decode
	if b.Rows() != 2 {
		t.Errorf("%d rows, want the 2 complete ones", b.Rows())
	}
	b.Truncate(2)
	row(4, "four")

	rec := b.Record()
	if rec.NumRows() != 3 || !rec.Schema().Equal(layout.Arrow()) {
		t.Errorf("record of %d rows, schema %s", rec.NumRows(), rec.Schema())
	}
	if diff := cmp.Diff(`[1 2 4] ["one" "two" "four"]`, rec.Column(0).String()+" "+rec.Column(1).String()); diff != "" {
		t.Error(diff)
	}
	for i, f := range rec.Schema().Fields() {
		if !f.Nullable || f.Name != layout.Fields[i].Name {
			t.Errorf("field %d is %s", i, f)
		}
	}
	rec.Release()
	if b.Size() == 0 {
		t.Error("a batch of three rows has no size")
	}
	b.Reset()
	if b.Rows() != 0 || b.Size() != 0 {
		t.Errorf("%d rows of %d bytes after Reset", b.Rows(), b.Size())
	}
	if rec := b.Record(); rec.NumRows() != 0 {
		t.Errorf("an empty batch's record has %d rows", rec.NumRows())
	}
	if NewBatch(NewLayout(nil)).Rows() != 0 {
		t.Error("a batch without columns has rows")
	}
}
