package vector

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// ReadBinary reads what AppendBinary wrote, whatever the batch held before.
func TestBinaryRoundTrip(t *testing.T) {
	for name, typ := range types() {
		t.Run(name, func(t *testing.T) {
			layout := NewLayout([]Field{{"a", typ}, {"b", typ}})
			rapid.Check(t, func(t *rapid.T) {
				from, to := NewBatch(layout), NewBatch(layout)
				for _, b := range []*Batch{from, to} {
					for row := range rapid.IntRange(0, 12).Draw(t, "rows") {
						add(b.Columns[0], value(t, typ, "a"), row)
						add(b.Columns[1], value(t, typ, "b"), row)
					}
				}
				data := from.AppendBinary(nil)
				if err := to.ReadBinary(data); err != nil {
					t.Fatal(err)
				}
				clear(data)
				for i := range from.Columns {
					if diff := cmp.Diff(readAll(from.Columns[i]), readAll(to.Columns[i]), equalDecimals); diff != "" {
						t.Errorf("column %d (-wrote +read):\n%s", i, diff)
					}
					if from.Columns[i].Nulls() != to.Columns[i].Nulls() {
						t.Errorf("column %d: %d NULLs, want %d", i, to.Columns[i].Nulls(), from.Columns[i].Nulls())
					}
				}
				v := value(t, typ, "more")
				add(from.Columns[0], v, 0)
				add(to.Columns[0], v, 0)
				if diff := cmp.Diff(readAll(from.Columns[0]), readAll(to.Columns[0]), equalDecimals); diff != "" {
					t.Errorf("appended to what was read (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestBinaryThatIsCutOff(t *testing.T) {
	for name, typ := range types() {
		layout := NewLayout([]Field{{"a", typ}, {"b", typ}})
		b := NewBatch(layout)
		for _, c := range b.Columns {
			c.AppendNull()
		}
		data := b.AppendBinary(nil)
		for n := range data {
			if err := NewBatch(layout).ReadBinary(data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are no error", name, n, len(data))
			}
		}
		if err := NewBatch(layout).ReadBinary(append(data, 0)); err == nil {
			t.Errorf("%s: a byte too many is no error", name)
		}
	}
}
