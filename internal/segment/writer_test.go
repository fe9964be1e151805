package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// testMemory is enough for pages of the maximum size.
const testMemory = 256 << 20

// openSpool opens a spool whose allocator overwrites freed memory.
func openSpool(t testing.TB) *Spool {
	t.Helper()
	s, err := OpenSpool(t.TempDir(), "run")
	if err != nil {
		t.Fatal(err)
	}
	if _, timed := t.(*testing.B); !timed {
		s.allocator = &spoiling{}
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func decimalType(precision, scale int32) schema.Type {
	return schema.Type{Kind: schema.Decimal, Precision: precision, Scale: scale}
}

// everyKind is a layout with a field of each kind, decimals of each width, and
// lists and maps of two kinds.
var everyKind = vector.NewLayout([]vector.Field{
	{Name: "bool", Type: schema.Type{Kind: schema.Bool}},
	{Name: "int16", Type: schema.Type{Kind: schema.Int16}},
	{Name: "int32", Type: schema.Type{Kind: schema.Int32}},
	{Name: "int64", Type: schema.Type{Kind: schema.Int64}},
	{Name: "float32", Type: schema.Type{Kind: schema.Float32}},
	{Name: "float64", Type: schema.Type{Kind: schema.Float64}},
	{Name: "decimal9", Type: decimalType(9, 2)},
	{Name: "decimal18", Type: decimalType(18, 0)},
	{Name: "decimal38", Type: decimalType(38, 10)},
	{Name: "string", Type: schema.Type{Kind: schema.String}},
	{Name: "binary", Type: schema.Type{Kind: schema.Binary}},
	{Name: "date", Type: schema.Type{Kind: schema.Date}},
	{Name: "timestamp", Type: schema.Type{Kind: schema.Timestamp}},
	{Name: "timestamp utc", Type: schema.Type{Kind: schema.TimestampUTC}},
	{Name: "list.int", Type: schema.Type{Kind: schema.List, Elem: &schema.Type{Kind: schema.Int32}}},
	{Name: `list "of" lists`, Type: schema.Type{
		Kind: schema.List, Elem: &schema.Type{Kind: schema.List, Elem: &schema.Type{Kind: schema.String}},
	}},
	{Name: "map", Type: schema.Type{Kind: schema.StringMap, Elem: &schema.Type{Kind: schema.String}}},
	{Name: "list of maps", Type: schema.Type{
		Kind: schema.List, Elem: &schema.Type{Kind: schema.StringMap, Elem: &schema.Type{Kind: schema.String}},
	}},
})

func text38(s string) decimal128.Num {
	n, err := decimal128.FromString(s, 38, 10)
	if err != nil {
		panic(err)
	}
	return n
}

// everyRow appends n rows that alternate between smallest values, largest
// values, NULLs and ordinary values.
func everyRow(b *vector.Batch, n int) {
	c := b.Columns
	for i := range n {
		switch i % 4 {
		case 0:
			c[0].AppendBool(true)
			c[1].AppendInt16(math.MinInt16)
			c[2].AppendInt32(math.MinInt32)
			c[3].AppendInt64(math.MinInt64)
			c[4].AppendFloat32(float32(math.Inf(-1)))
			c[5].AppendFloat64(-math.MaxFloat64)
			c[6].AppendDecimal(decimal128.FromI64(-999999999))
			c[7].AppendDecimal(decimal128.FromI64(-999999999999999999))
			c[8].AppendDecimal(text38("-9999999999999999999999999999.9999999999"))
			c[9].AppendString("")
			c[10].AppendBytes(nil)
			c[11].AppendInt32(-719162) // 0001-01-01
			c[12].AppendInt64(-62135596800000000)
			c[13].AppendInt64(-1)
			c[14].EndList()
			c[15].EndList()
			c[16].EndList()
			c[17].EndList()
		case 1:
			for _, column := range c {
				column.AppendNull()
			}
		case 2:
			c[0].AppendBool(false)
			c[1].AppendInt16(math.MaxInt16)
			c[2].AppendInt32(math.MaxInt32)
			c[3].AppendInt64(math.MaxInt64)
			c[4].AppendFloat32(math.MaxFloat32)
			c[5].AppendFloat64(math.Inf(1))
			c[6].AppendDecimal(decimal128.FromI64(999999999))
			c[7].AppendDecimal(decimal128.FromI64(999999999999999999))
			c[8].AppendDecimal(text38("9999999999999999999999999999.9999999999"))
			c[9].AppendString("naïve ✓ \x00 \"quoted\"\n")
			c[10].AppendBytes([]byte{0, 255, 128})
			c[11].AppendInt32(2932896) // 9999-12-31
			c[12].AppendInt64(253402300799999999)
			c[13].AppendInt64(1772600767123456)
			c[14].Elem().AppendInt32(1)
			c[14].Elem().AppendNull()
			c[14].Elem().AppendInt32(-2)
			c[14].EndList()
			c[15].Elem().Elem().AppendString("a")
			c[15].Elem().Elem().AppendNull()
			c[15].Elem().EndList()
			c[15].Elem().AppendNull()
			c[15].Elem().EndList() // empty
			c[15].EndList()
			c[16].Key().AppendString("k")
			c[16].Elem().AppendString("v")
			c[16].Key().AppendString("")
			c[16].Elem().AppendNull()
			c[16].EndList()
			c[17].Elem().Key().AppendString("k")
			c[17].Elem().Elem().AppendNull()
			c[17].Elem().EndList()
			c[17].Elem().AppendNull()
			c[17].Elem().EndList() // empty
			c[17].EndList()
		case 3:
			c[0].AppendBool(true)
			c[1].AppendInt16(int16(i))
			c[2].AppendInt32(int32(i))
			c[3].AppendInt64(int64(i))
			c[4].AppendFloat32(1.5)
			c[5].AppendFloat64(0.1)
			c[6].AppendDecimal(decimal128.FromI64(-1))
			c[7].AppendDecimal(decimal128.FromI64(int64(i)))
			c[8].AppendDecimal(text38("0.0000000001"))
			c[9].AppendString("repeated")
			c[10].AppendBytes([]byte("bytes"))
			c[11].AppendInt32(0)
			c[12].AppendInt64(0)
			c[13].AppendInt64(0)
			c[14].Elem().AppendNull()
			c[14].EndList()
			c[15].Elem().Elem().AppendString("")
			c[15].Elem().EndList()
			c[15].EndList()
			c[16].Key().AppendString("=")
			c[16].Elem().AppendString("")
			c[16].EndList()
			c[17].Elem().EndList()
			c[17].EndList()
		}
	}
}

func newWriter(t testing.TB, s *Spool, l *vector.Layout, dictionary ...bool) *Writer {
	t.Helper()
	w, err := s.NewWriter(l, dictionary, testMemory)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t testing.TB, w *Writer, b *vector.Batch) {
	t.Helper()
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

func closed(t testing.TB, w *Writer) File {
	t.Helper()
	f, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openParquet(t *testing.T, f File) *file.Reader {
	t.Helper()
	r, err := file.OpenParquetFile(f.Path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	wantTodaysCalendar(t, r)
	return r
}

// wantTodaysCalendar checks that Spark reads the file's dates and timestamps
// unchanged. The footer must name a version that is 3.1.0 or later when
// compared as text. It must not mark any kind of value as Julian. No column may
// be INT96, because separate options and session settings govern that type.
func wantTodaysCalendar(t *testing.T, r *file.Reader) {
	t.Helper()
	footer := r.MetaData().KeyValueMetadata()
	if version := footer.FindValue("org.apache.spark.version"); version == nil || *version < "3.1.0" {
		t.Errorf("the footer's keys are %v, its version of Spark %v", footer.Keys(), version)
	}
	for _, key := range footer.Keys() {
		if strings.HasPrefix(key, "org.apache.spark.legacy") {
			t.Errorf("the footer has the key %s", key)
		}
	}
	for i := range r.MetaData().Schema.NumColumns() {
		if column := r.MetaData().Schema.Column(i); column.PhysicalType() == parquet.Types.Int96 {
			t.Errorf("%s is an INT96", column.Path())
		}
	}
}

// wantGroups checks the number of rows in each row group. No row group may be
// empty.
func wantGroups(t *testing.T, f File, want ...int64) {
	t.Helper()
	r := openParquet(t, f)
	var rows []int64
	var total int64
	for i := range r.NumRowGroups() {
		rows = append(rows, r.MetaData().RowGroup(i).NumRows())
		total += rows[i]
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows of the row groups (-want +got):\n%s", diff)
	}
	if r.NumRows() != total || f.Rows != total {
		t.Errorf("the footer says %d rows, the file's description %d, want %d", r.NumRows(), f.Rows, total)
	}
}

// wantSealed checks the fields of a File against the file's bytes.
func wantSealed(t *testing.T, f File) {
	t.Helper()
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if f.Checksum != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(data)) {
		t.Errorf("%+v, but the file has %d bytes and checksum %x", f, len(data), sum)
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file is %v, %v", info.Mode(), err)
	}
}

func TestEveryKindRoundTrips(t *testing.T) {
	for _, dictionary := range []bool{false, true} {
		t.Run(fmt.Sprintf("dictionary=%t", dictionary), func(t *testing.T) {
			s := openSpool(t)
			all := make([]bool, len(everyKind.Fields))
			for i := range all {
				all[i] = dictionary
			}
			w := newWriter(t, s, everyKind, all...)
			b := vector.NewBatch(everyKind)
			everyRow(b, 403)
			write(t, w, b)
			f := closed(t, w)
			wantSealed(t, f)
			wantGroups(t, f, 403)
			r, err := pqarrow.NewFileReader(openParquet(t, f), pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			records, err := r.GetRecordReader(t.Context(), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer records.Release()
			got, err := records.Read()
			if err != nil {
				t.Fatal(err)
			}
			want := b.Record()
			defer want.Release()
			for i, field := range want.Schema().Fields() {
				if g := got.Column(i); !array.Equal(want.Column(i), g) || got.ColumnName(i) != field.Name {
					t.Errorf("column %q: want\n%v\ngot %q\n%v", field.Name, want.Column(i), got.ColumnName(i), g)
				}
			}
		})
	}
}

// Decimals use the smallest integer that holds them. All pages are snappy.
// Dictionaries exist exactly where requested.
func TestPhysicalForm(t *testing.T) {
	s := openSpool(t)
	b := vector.NewBatch(everyKind)
	everyRow(b, 400)
	dictionary := make([]bool, 10)
	dictionary[9] = true // string
	w := newWriter(t, s, everyKind, dictionary...)
	write(t, w, b)
	meta := openParquet(t, closed(t, w)).MetaData()
	for name, want := range map[string]parquet.Type{
		"decimal9": parquet.Types.Int32, "decimal18": parquet.Types.Int64, "decimal38": parquet.Types.FixedLenByteArray,
		"int16": parquet.Types.Int32, "timestamp": parquet.Types.Int64, "string": parquet.Types.ByteArray,
	} {
		if got := meta.Schema.Column(meta.Schema.ColumnIndexByName(name)).PhysicalType(); got != want {
			t.Errorf("%s is stored as %s, want %s", name, got, want)
		}
	}
	for i := range meta.Schema.NumColumns() {
		chunk, err := meta.RowGroup(0).ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		path := chunk.PathInSchema().String()
		if chunk.Compression() != compress.Codecs.Snappy {
			t.Errorf("%s is compressed with %s", path, chunk.Compression())
		}
		if chunk.HasDictionaryPage() != (path == "string") {
			t.Errorf("%s: dictionary is %t", path, chunk.HasDictionaryPage())
		}
	}
}

var narrowLayout = vector.NewLayout([]vector.Field{{Name: "id", Type: schema.Type{Kind: schema.Int64}}})

func numbers(n int) *vector.Batch {
	b := vector.NewBatch(narrowLayout)
	for i := range n {
		b.Columns[0].AppendInt64(int64(i))
	}
	return b
}

// No row group is empty and no row is lost, wherever row groups end.
func TestEndRowGroup(t *testing.T) {
	tests := map[string]struct {
		steps []int // rows of a batch; -1 ends the row group
		want  []int64
	}{
		"nothing":             {nil, nil},
		"only ends":           {[]int{-1, -1}, nil},
		"only empty batches":  {[]int{0, -1, 0}, nil},
		"first":               {[]int{-1, 5}, []int64{5}},
		"between":             {[]int{5, -1, 6}, []int64{5, 6}},
		"last":                {[]int{5, -1}, []int64{5}},
		"several times":       {[]int{-1, 5, -1, -1, -1, 6, 7, -1, -1}, []int64{5, 13}},
		"empty batch at last": {[]int{5, -1, 0}, []int64{5}},
		"a group filled":      {[]int{rowGroupRows - 1, 2}, []int64{rowGroupRows, 1}},
		"a group just filled": {[]int{rowGroupRows, -1}, []int64{rowGroupRows}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := openSpool(t)
			w := newWriter(t, s, narrowLayout)
			var rows int64
			for _, n := range test.steps {
				if n >= 0 {
					write(t, w, numbers(n))
					rows += int64(n)
					continue
				}
				if err := w.EndRowGroup(); err != nil {
					t.Fatal(err)
				}
				if w.Held() != w.Fixed()+w.Footer() {
					t.Errorf("%d bytes are held after the row group's end, want %d", w.Held(), w.Fixed()+w.Footer())
				}
			}
			if w.Rows() != rows {
				t.Errorf("Rows() = %d, want %d", w.Rows(), rows)
			}
			f := closed(t, w)
			wantSealed(t, f)
			wantGroups(t, f, test.want...)
		})
	}
}

func TestNoColumns(t *testing.T) {
	s := openSpool(t)
	layout := vector.NewLayout(nil)
	w := newWriter(t, s, layout)
	write(t, w, vector.NewBatch(layout))
	if err := w.EndRowGroup(); err != nil {
		t.Fatal(err)
	}
	f := closed(t, w)
	wantSealed(t, f)
	wantGroups(t, f)
}

// Bytes never decreases. After the end of a row group, only the footer is
// missing from it.
func TestBytesFollowsTheFile(t *testing.T) {
	s := openSpool(t)
	w := newWriter(t, s, everyKind)
	b := vector.NewBatch(everyKind)
	everyRow(b, 1<<14)
	last := int64(0)
	for i := range 20 {
		write(t, w, b)
		if w.Bytes() < last {
			t.Errorf("Bytes() went from %d to %d", last, w.Bytes())
		}
		last = w.Bytes()
		if i%7 == 6 {
			if err := w.EndRowGroup(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.EndRowGroup(); err != nil {
		t.Fatal(err)
	}
	last = w.Bytes()
	f := closed(t, w)
	if footer := f.Bytes - last; footer <= 0 || footer > 16<<10 {
		t.Errorf("Bytes() was %d at the end, and the file has %d", last, f.Bytes)
	}
}

func TestWriteOfAnotherLayoutIsRefused(t *testing.T) {
	s := openSpool(t)
	w := newWriter(t, s, everyKind)
	if err := w.Write(numbers(1)); err == nil || !strings.HasPrefix(err.Error(), "write segment: ") {
		t.Errorf("error is %v", err)
	}
	if err := w.Discard(); err != nil {
		t.Error(err)
	}
}

func TestDiscardAndRelease(t *testing.T) {
	s := openSpool(t)
	w := newWriter(t, s, narrowLayout)
	write(t, w, numbers(10))
	others := []*Writer{newWriter(t, s, narrowLayout), newWriter(t, s, narrowLayout)}
	if err := w.Discard(); err != nil {
		t.Error(err)
	}
	for _, other := range others {
		write(t, other, numbers(10))
		f := closed(t, other)
		wantSealed(t, f)
		if err := f.Release(); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.Dir(), "0*"))
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v; want the one that is kept to be written again", left, err)
	}
}

// A reused file keeps nothing of its old contents.
func TestReleasedFileIsWrittenAgain(t *testing.T) {
	s := openSpool(t)
	var paths []string
	for _, n := range []int{5000, 10, 3000} {
		w := newWriter(t, s, narrowLayout)
		write(t, w, numbers(n))
		f := closed(t, w)
		wantSealed(t, f)
		wantGroups(t, f, int64(n))
		paths = append(paths, f.Path)
		if err := f.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if paths[0] != paths[1] || paths[1] != paths[2] {
		t.Errorf("the segments were in %v, want one file for all", paths)
	}
}
