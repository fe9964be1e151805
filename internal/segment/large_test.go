package segment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/vector"
)

// With largeMemory, rows count as large at the smallest size that the layout of
// every kind allows.
const largeMemory = 1

// noise returns text that snappy cannot compress.
func noise(n int) []byte {
	text := make([]byte, n)
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range text {
		text[i] = byte(' ' + rnd.IntN(90))
	}
	return text
}

// everyRowAnd appends n rows of every kind and replaces their texts with the
// given text and bytes. nil is NULL.
func everyRowAnd(b *vector.Batch, n int, text, bytes []byte) {
	rows := vector.NewBatch(b.Layout)
	everyRow(rows, n)
	for row := range n {
		for i, c := range b.Columns {
			switch name := b.Layout.Fields[i].Name; {
			case name == "string" && text != nil:
				c.AppendBytes(text)
			case name == "binary" && bytes != nil:
				c.AppendBytes(bytes)
			case name == "string", name == "binary":
				c.AppendNull()
			default:
				c.CopyFrom(rows.Columns[i], row)
			}
		}
	}
}

// largeSize returns the size of the smallest large row.
func largeSize(t *testing.T) int {
	t.Helper()
	w, err := openSpool(t).NewWriter(everyKind, nil, largeMemory)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Discard(); err != nil {
		t.Error(err)
	}
	return int(w.large)
}

// readAll reads a segment with the Parquet library.
func readAll(t *testing.T, f File) arrow.Table {
	t.Helper()
	r, err := pqarrow.NewFileReader(openParquet(t, f), pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Release)
	return table
}

// wantTable checks a segment's values against those of a batch.
func wantTable(t *testing.T, f File, b *vector.Batch) {
	t.Helper()
	want := b.Record()
	defer want.Release()
	got := readAll(t, f)
	for i := range b.Columns {
		column, err := array.Concatenate(got.Column(i).Data().Chunks(), memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		if !array.Equal(want.Column(i), column) {
			t.Errorf("column %q differs", want.ColumnName(i))
		}
	}
}

// A large row gets its own row group, in its place among the others. This holds
// whatever else the row contains and however well it compresses.
func TestLargeRows(t *testing.T) {
	size := largeSize(t)
	same, other := bytes.Repeat([]byte("large "), size), noise(3*pieceBytes+17)
	exact := noise(size)
	type rows struct {
		n           int
		text, bytes []byte
	}
	short := []byte("short")
	for _, test := range []struct {
		name  string
		steps [][]rows // batches
		want  []int64  // rows of each row group
	}{
		{"alone", [][]rows{{{1, same, nil}}}, []int64{1}},
		{"at last", [][]rows{{{3, short, nil}, {1, nil, other}}}, []int64{3, 1}},
		{"at first", [][]rows{{{1, other, short}, {5, nil, short}}}, []int64{1, 5}},
		{"between", [][]rows{{{3, short, nil}, {1, other, same}, {2, nil, short}}}, []int64{3, 1, 2}},
		{"several", [][]rows{{{4, same, other}}, {{2, short, short}}, {{1, nil, same}}}, []int64{1, 1, 1, 1, 2, 1}},
		{"between batches", [][]rows{{{30, short, nil}}, {{1, other, same}}, {{20, short, nil}}, {{30, nil, short}}, {{2, same, same}},
			{{9, short, short}}}, []int64{30, 1, 50, 1, 1, 9}},
		{"just large", [][]rows{{{2, short, nil}, {1, exact, nil}, {1, exact[1:], nil}, {1, exact[1:], exact[:1]}}}, []int64{2, 1, 1, 1}},
		{"not quite", [][]rows{{{2, short, nil}, {3, exact[1:], nil}}}, []int64{5}},
	} {
		for _, dictionary := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, dictionary=%t", test.name, dictionary), func(t *testing.T) {
				s := openSpool(t)
				all := make([]bool, len(everyKind.Fields))
				for i := range all {
					all[i] = dictionary
				}
				w, err := s.NewWriter(everyKind, all, largeMemory)
				if err != nil {
					t.Fatal(err)
				}
				want := vector.NewBatch(everyKind)
				for _, step := range test.steps {
					b := vector.NewBatch(everyKind)
					for _, r := range step {
						everyRowAnd(b, r.n, r.text, r.bytes)
						everyRowAnd(want, r.n, r.text, r.bytes)
					}
					before := w.Bytes()
					write(t, w, b)
					if w.Bytes() < before {
						t.Errorf("Bytes() went from %d to %d", before, w.Bytes())
					}
				}
				f := closed(t, w)
				wantSealed(t, f)
				wantGroups(t, f, test.want...)
				wantTable(t, f, want)
			})
		}
	}
}

// The Parquet writer and writeLarge store the same values of a large row, for
// any mix of rows and any row group boundaries.
func TestLargeRowsAmongOthers(t *testing.T) {
	s := openSpool(t)
	text := noise(200 << 10)
	rapid.Check(t, func(r *rapid.T) {
		layout := vector.NewLayout(everyKind.Fields[8:11])
		w, err := s.NewWriter(layout, []bool{false, rapid.Bool().Draw(r, "dictionary")}, largeMemory)
		if err != nil {
			r.Fatal(err)
		}
		want := vector.NewBatch(layout)
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			b := vector.NewBatch(layout)
			for range rapid.IntRange(0, 4).Draw(r, "rows") {
				b.Columns[0].AppendNull()
				for _, c := range b.Columns[1:] {
					n := rapid.SampledFrom([]int{-1, 0, 1, shortText, shortText + 1, columnBytes*3 - 1, columnBytes * 3, len(text)}).Draw(r, "length")
					if n < 0 {
						c.AppendNull()
					} else {
						c.AppendBytes(text[:n])
					}
				}
			}
			write(t, w, b)
			for i, c := range want.Columns {
				for row := range b.Rows() {
					c.CopyFrom(b.Columns[i], row)
				}
			}
			if rapid.Bool().Draw(r, "end") {
				if err := w.EndRowGroup(); err != nil {
					r.Fatal(err)
				}
			}
		}
		f := closed(t, w)
		if f.Rows != int64(want.Rows()) || f.Rows != w.Rows() {
			r.Fatalf("%d rows, want %d", f.Rows, want.Rows())
		}
		if f.Rows > 0 {
			wantTable(t, f, want)
		}
		if err := f.Release(); err != nil {
			r.Fatal(err)
		}
	})
}

// The footer describes a large row's columns like any others. The pages have no
// empty statistics, which would take two bytes.
func TestLargeRowsFooter(t *testing.T) {
	text := noise(largeSize(t))
	var footers [][]string
	for _, memory := range []int64{testMemory, largeMemory} {
		s := openSpool(t)
		w, err := s.NewWriter(everyKind, nil, memory)
		if err != nil {
			t.Fatal(err)
		}
		b := vector.NewBatch(everyKind)
		everyRowAnd(b, 1, text, text[:shortText+1])
		write(t, w, b)
		group, large := openParquet(t, closed(t, w)).MetaData().RowGroup(0), memory == largeMemory
		var says []string
		var plain, stored int64
		end := int64(len("PAR1"))
		for i := range group.NumColumns() {
			c, err := group.ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			set, err := c.StatsSet()
			if err != nil {
				t.Fatal(err)
			}
			bytes := c.TotalUncompressedSize()
			if path := c.PathInSchema().String(); large && (path == "string" || path == "binary") {
				bytes += 2
			}
			says = append(says,
				fmt.Sprint(c.PathInSchema(), c.Compression(), c.Encodings(), c.EncodingStats(), c.NumValues(), bytes, c.HasDictionaryPage(), set))
			if large && (c.DataPageOffset() != end || c.FileOffset() != end) {
				t.Errorf("%s is at %d and %d, want %d", c.PathInSchema(), c.DataPageOffset(), c.FileOffset(), end)
			}
			end = c.DataPageOffset() + c.TotalCompressedSize()
			plain, stored = plain+c.TotalUncompressedSize(), stored+c.TotalCompressedSize()
		}
		if group.TotalByteSize() != plain || group.TotalCompressedSize() != stored {
			t.Errorf("the group has %d and %d bytes, want %d and %d", group.TotalByteSize(), group.TotalCompressedSize(), plain, stored)
		}
		footers = append(footers, append(says, fmt.Sprint(group.NumRows(), group.FileOffset(), group.Ordinal())))
	}
	if diff := cmp.Diff(footers[0], footers[1]); diff != "" {
		t.Errorf("(-by the Parquet writer +of a large row):\n%s", diff)
	}
}

// The memory for a large row does not grow with the row.
func TestLargeRowTakesNoMemory(t *testing.T) {
	s := openSpool(t)
	layout := vector.NewLayout(everyKind.Fields[8:11])
	w, err := s.NewWriter(layout, nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b := vector.NewBatch(layout)
	b.Columns[0].AppendNull()
	b.Columns[1].AppendBytes(noise(32 << 20))
	b.Columns[2].AppendBytes(bytes.Repeat([]byte("x"), 32<<20))
	write(t, w, b) // allocates the scratch buffers
	allocated := testing.Benchmark(func(bench *testing.B) {
		bench.ReportAllocs()
		for bench.Loop() {
			write(t, w, b)
		}
	}).AllocedBytesPerOp()
	if allocated > 4<<20 { // the race detector defeats the pools
		t.Errorf("%d bytes were allocated for a row of 64 MB", allocated)
	}
	if w.Held() > 1<<20 {
		t.Errorf("%d bytes are held", w.Held())
	}
	if err := w.Discard(); err != nil {
		t.Error(err)
	}
}
