package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/ledger/ledgertest"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/value"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/vector"
)

// shelf keeps what is uploaded.
type shelf struct {
	mu     sync.Mutex
	files  map[string][]byte
	refuse error         // returned instead of keeping the upload
	gate   chan struct{} // uploads wait until it is closed; nil: they do not wait
}

func (s *shelf) Upload(_ context.Context, name string, body io.ReadSeeker, _ int64) error {
	if s.gate != nil {
		<-s.gate
	}
	data, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.files[name] = data
	return err
}

// numbers is the fixture of an encoder with outputs that have one column of
// numbers.
type numbers struct {
	t     *testing.T
	shelf *shelf
	s     *Stager
	e     *encoder

	mu    sync.Mutex
	ready map[*output][]ledger.Segment
}

func newNumbers(t *testing.T, memory, segmentBytes int64) *numbers {
	t.Helper()
	spool, err := segment.OpenSpool(t.TempDir(), "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = spool.Close() })
	n := &numbers{t: t, shelf: &shelf{files: map[string][]byte{}}, ready: map[*output][]ledger.Segment{}}
	n.s = &Stager{Spool: spool, Files: n.shelf, Ledger: ledgertest.Open(t, nil, false),
		Options: Options{Run: "run", SegmentBytes: segmentBytes}}
	n.e = n.s.newEncoder(t.Context(), memory, false)
	return n
}

func (n *numbers) output(column string) *output {
	o := &output{layout: vector.NewLayout([]vector.Field{{Name: column, Type: schema.Type{Kind: schema.Int64}}})}
	o.name = func() string { return n.s.segmentName(schema.TableName{Schema: "public", Name: column}, "changes") }
	o.finish = func(seg ledger.Segment) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.ready[o] = append(n.ready[o], seg)
	}
	return o
}

// batch returns a batch of count numbers from first on.
func (n *numbers) batch(o *output, first, count int) *vector.Batch {
	b := n.e.batch(o)
	if b.Layout != o.layout {
		n.t.Errorf("a batch of columns %v for an output of %v", b.Layout.Fields, o.layout.Fields)
		b = vector.NewBatch(o.layout)
	}
	for i := range count {
		b.Columns[0].AppendInt64(int64(first + i))
	}
	return b
}

// segments returns an output's segments in the order of their names.
func (n *numbers) segments(o *output) []ledger.Segment {
	list := n.ready[o]
	slices.SortFunc(list, func(a, b ledger.Segment) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// read returns the numbers in a segment.
func (n *numbers) read(seg ledger.Segment) (out []int64) {
	n.t.Helper()
	pf, err := file.NewParquetReader(bytes.NewReader(n.shelf.files[seg.Path]))
	if err != nil {
		n.t.Fatal(err)
	}
	reader, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		n.t.Fatal(err)
	}
	table, err := reader.ReadTable(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	defer table.Release()
	for _, chunk := range table.Column(0).Data().Chunks() {
		for i := range chunk.Len() {
			out = append(out, chunk.(*array.Int64).Value(i))
		}
	}
	return out
}

func upTo(n int) (out []int64) {
	for i := range n {
		out = append(out, int64(i))
	}
	return out
}

// Rows of several outputs arrive in turns. All of them are in their output's
// segments, in order, even if they were spilled. A segment states the commits
// between which its rows lie.
func TestRowsOfOutputsThatComeInTurns(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<20)
	a, b := n.output("a"), n.output("b")
	for i := range 4 {
		n.e.write(a, n.batch(a, 10*i, 10), pglogrepl.LSN(100+i), pglogrepl.LSN(100+i))
		n.e.write(b, n.batch(b, 5*i, 5), pglogrepl.LSN(200+i), pglogrepl.LSN(200+i))
	}
	many := int(n.e.batchBytes) / 8 // too large to spill: the segment is opened, and spilled rows come first
	n.e.write(a, n.batch(a, 40, many), 110, 111)
	n.e.write(a, n.batch(a, 40+many, 10), 112, 113)
	n.e.closeOutput(a, n.batch(a, 50+many, 10), 114, 115)
	n.e.closeOutput(b, nil, 0, 0)
	if err := n.e.wait(); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		of          *output
		rows        int
		first, last pglogrepl.LSN
	}{"opened": {a, 60 + many, 100, 115}, "put by": {b, 20, 200, 203}} {
		list := n.segments(c.of)
		if len(list) != 1 {
			t.Errorf("%s: %d segments, want 1", what, len(list))
			continue
		}
		if s := list[0]; s.First != c.first || s.Last != c.last || s.Rows != int64(c.rows) {
			t.Errorf("%s: %d rows of the commits %d to %d, want %d of %d to %d", what, s.Rows, s.First, s.Last, c.rows, c.first, c.last)
		}
		if got := n.read(list[0]); !slices.Equal(got, upTo(c.rows)) {
			t.Errorf("%s: the rows are not those that were written: %d of %d", what, len(got), c.rows)
		}
	}
	if len(n.e.open) > 0 || n.e.held != 0 || n.e.spill.file != nil || n.e.spill.live != 0 {
		t.Errorf("left are %d open segments of %d bytes, and %d batches that were put by", len(n.e.open), n.e.held, n.e.spill.live)
	}
}

// A full segment is closed. The next segment may start in the same commit and
// says so.
func TestFullSegments(t *testing.T) {
	n := newNumbers(t, 1<<20, 4<<10)
	o := n.output("a")
	const batches, rows = 6, 20_000
	for i := range batches {
		n.e.write(o, n.batch(o, i*rows, rows), pglogrepl.LSN(100+i), pglogrepl.LSN(100+i))
	}
	n.e.closeOutput(o, nil, 0, 0)
	if err := n.e.wait(); err != nil {
		t.Fatal(err)
	}
	var all []int64
	list := n.segments(o)
	for i, s := range list {
		all = append(all, n.read(s)...)
		if i > 0 && s.First > list[i-1].Last+1 || s.Last < s.First {
			t.Errorf("segment %d is of the commits %d to %d, after one that ends with %d", i, s.First, s.Last, list[i-1].Last)
		}
	}
	if len(list) < 2 || !slices.Equal(all, upTo(batches*rows)) {
		t.Errorf("%d segments have %d rows, want %d in their order", len(list), len(all), batches*rows)
	}
}

// The open segments together stay within their memory, however many there are,
// and no row is lost.
func TestOpenSegmentsKeepWithinTheirMemory(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<30)
	var outputs []*output
	for i := range 12 {
		outputs = append(outputs, n.output(fmt.Sprintf("c%d", i)))
	}
	const turns, rows = 4, 9_000
	value := func(i int) int64 { return int64(uint64(i) * 0x9e3779b97f4a7c15) } // incompressible by any encoding
	for i := range turns {
		for _, o := range outputs {
			b := n.e.batch(o)
			for j := range rows {
				b.Columns[0].AppendInt64(value(i*rows + j))
			}
			n.e.write(o, b, 1, 1)
		}
	}
	for _, o := range outputs {
		n.e.closeOutput(o, nil, 0, 0)
	}
	if err := n.e.wait(); err != nil {
		t.Fatal(err)
	}
	want := make([]int64, turns*rows)
	for i := range want {
		want[i] = value(i)
	}
	for _, o := range outputs {
		var all []int64
		for _, s := range n.segments(o) {
			all = append(all, n.read(s)...)
		}
		if !slices.Equal(all, want) {
			t.Errorf("%s has %d rows, want %d in their order", o.layout.Fields[0].Name, len(all), len(want))
		}
	}
	// A batch is added to the account before the budget is enforced.
	if peak := n.s.Peaks.Segments.Load(); peak > 2*n.e.budget {
		t.Errorf("open segments held %d bytes, and may hold %d", peak, n.e.budget)
	} else if peak < n.e.budget/2 {
		t.Errorf("open segments held %d bytes of %d: the test shows nothing", peak, n.e.budget)
	}
}

// The encoder ends with the first error of the spool or of an upload. Later
// writes do not block.
func TestEncoderEndsWithItsError(t *testing.T) {
	t.Run("of the spool", func(t *testing.T) {
		n := newNumbers(t, 1<<20, 1<<20)
		o, other := n.output("a"), n.output("b")
		if err := os.RemoveAll(n.s.Spool.Dir()); err != nil {
			t.Fatal(err)
		}
		many := int(n.e.batchBytes)
		n.e.write(o, n.batch(o, 0, 10), 1, 1)           // spilled
		n.e.write(other, n.batch(other, 0, many), 1, 1) // oversize: write waits for it
		n.e.closeOutput(o, nil, 0, 0)
		if err := n.e.wait(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "create a file on the spool") {
			t.Errorf("got %v, want the first error, that no file can be made", err)
		}
		if len(n.ready) > 0 {
			t.Errorf("segments are named after an error: %v", n.ready)
		}
	})
	t.Run("of an upload", func(t *testing.T) {
		n := newNumbers(t, 1<<20, 1<<20)
		n.shelf.refuse = io.ErrShortWrite
		for _, name := range []string{"a", "b"} {
			o := n.output(name)
			n.e.closeOutput(o, n.batch(o, 0, 10), 1, 1)
		}
		if err := n.e.wait(); !errors.Is(err, io.ErrShortWrite) || len(n.ready) > 0 {
			t.Errorf("got %v and segments %v, want the upload's error and none", err, n.ready)
		}
		left, err := os.ReadDir(n.s.Spool.Dir())
		if err != nil || len(left) > 2 { // its lock and one file for reuse
			t.Errorf("on the spool are %v, %v", left, err)
		}
	})
}

// A few batches are kept, but none that a large row inflated.
func TestBatchesThatAreKept(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<20)
	defer func() { _ = n.e.wait() }()
	o := n.output("a")
	for range freeBatches + 2 {
		b := vector.NewBatch(o.layout)
		b.Columns[0].AppendInt64(1)
		n.e.recycle(b)
	}
	if len(n.e.free) != freeBatches || n.e.batch(o).Rows() > 0 {
		t.Errorf("%d batches are kept, want %d that are empty", len(n.e.free), freeBatches)
	}
	before := len(n.e.free)
	large := vector.NewBatch(o.layout)
	for range n.e.batchBytes {
		large.Columns[0].AppendInt64(1)
	}
	if n.e.recycle(large); len(n.e.free) != before {
		t.Error("a batch that a large row blew up is kept")
	}
	large = vector.NewBatch(o.layout)
	for range n.e.batchBytes {
		large.Columns[0].AppendInt64(1)
	}
	if n.e.write(o, large, 1, 1); len(large.Columns) > 0 {
		t.Error("a batch that a large row blew up is not waited for")
	}
	n.e.closeOutput(o, nil, 0, 0)
}

// An encoder with spooling makes the reader wait while more than a few segments
// are on the spool, and no longer. Other encoders accept as many segments as
// are uploaded concurrently.
func TestWaitingForUploads(t *testing.T) {
	n := newNumbers(t, 1<<20, 1<<10)
	n.shelf.gate = make(chan struct{})
	u := newUploads(t.Context(), n.s, true)
	hand := func(bytes int64) {
		t.Helper()
		w, err := n.s.Spool.NewWriter(n.output("a").layout, []bool{false}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		f.Bytes = bytes
		u.add(upload{file: f, name: n.s.segmentName(schema.TableName{Schema: "public", Name: "a"}, "changes"), finish: func(ledger.Segment) {}})
	}
	if hand(u.limit); u.crowded() != nil {
		t.Error("it is crowded at its limit")
	}
	hand(1)
	room := u.crowded()
	if room == nil {
		t.Fatal("it is not crowded beyond its limit")
	}
	for range 2 * uploaders {
		hand(0)
	}
	if u.running != uploaders {
		t.Errorf("%d uploads run at once, want %d", u.running, uploaders)
	}
	close(n.shelf.gate)
	<-room
	if err := u.wait(); err != nil || u.crowded() != nil || u.waiting != 0 || u.running != 0 {
		t.Errorf("at the end: %v, %d bytes wait, %d run", err, u.waiting, u.running)
	}
	if got := len(n.shelf.files); got != 2+2*uploaders {
		t.Errorf("%d segments are uploaded, want %d", got, 2+2*uploaders)
	}
	_ = n.e.wait()
}

// Large rows of a snapshot are handed over one by one, and small rows together.
// Rows with many NULL columns are handed over before there are many.
func TestRowsOfASnapshotThatAreHandedOver(t *testing.T) {
	type row struct{ bytes, waiting int } // waiting: rows that are not handed over at that point
	for what, c := range map[string]struct {
		columns int
		rows    []row
	}{
		"large ones":      {1, []row{{10, 1}, {10, 2}, {1 << 16, 0}, {1 << 16, 0}, {10, 1}}},
		"of many columns": {128, slices.Concat(slices.Repeat([]row{{0, -1}}, 255), []row{{0, 0}, {0, 1}})},
	} {
		n := newNumbers(t, 1<<20, 1<<20)
		var columns []schema.Column
		var decoders []*value.Decoder
		for i := range c.columns {
			column := schema.Column{Name: fmt.Sprintf("v%d", i), Postgres: postgresType(schema.OIDText, -1), Type: schema.Type{Kind: schema.String}}
			decoder, err := value.NewText(column.Postgres, column.Type, value.Options{})
			if err != nil {
				t.Fatal(err)
			}
			columns, decoders = append(columns, column), append(decoders, decoder)
		}
		o := n.output("a")
		o.layout = snapshotLayout(columns)
		copier := &rangeCopier{stager: n.s, table: &tableCopy{
			relation: &postgres.Relation{},
		}, columns: columns, meta: bindSnapshot(o.layout, len(columns)), encoder: n.e, out: o, batch: n.e.batch(o)}
		var err error
		if copier.dec, err = newRowDecoder((*shape.Rules)(nil).Of(schema.TableName{Name: "t"}), schema.TableName{Name: "t"}, columns,
			decoders, nil); err != nil {
			t.Fatal(err)
		}
		for i, r := range c.rows {
			fields := make([][]byte, c.columns)
			if r.bytes > 0 {
				fields[0] = bytes.Repeat([]byte("x"), r.bytes)
			}
			if err := copier.row(fields); err != nil {
				t.Fatal(err)
			}
			if got := copier.batch.Rows(); r.waiting >= 0 && got != r.waiting {
				t.Errorf("%s: row %d: %d rows wait, want %d", what, i, got, r.waiting)
			}
		}
		if err := copier.finish(); err != nil {
			t.Fatal(err)
		}
		if list := n.segments(o); len(list) != 1 || list[0].Rows != int64(len(c.rows)) {
			t.Errorf("%s: segments %+v, want one of %d rows", what, list, len(c.rows))
		}
	}
}
