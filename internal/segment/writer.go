package segment

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"ingest/internal/schema"
	"ingest/internal/vector"
)

// File is a finished segment on the spool. Its owner uploads it and then
// calls Release.
type File struct {
	Path     string // on the local disk
	Rows     int64
	Bytes    int64
	Checksum string // SHA-256, hex

	spool *Spool
}

// Release gives the file back to its spool, which removes it or writes another
// segment over it: it must not be read any more.
func (f File) Release() error { return f.spool.takeBack(f.Path) }

// Row groups hold at most this many rows.
const rowGroupRows = 1 << 20

// What a writer takes of memory, measured: the buffer of its file and the Parquet
// writer's own bookkeeping, for each column, and for each of a row group that
// was ended.
const (
	fileBuffer  = 64 << 10
	columnBytes = 14 << 10
	chunkBytes  = 700
)

// A page is at least and at most so large, before compression.
const (
	minPage = 8 << 10
	maxPage = 1 << 20
)

// pageCopies is how many times the Parquet writer holds the page of a column
// that is not full yet: the buffer that grows by doubling, the page put
// together, and what it is compressed into.
const pageCopies = 4

// Writer writes one segment. It is not safe for concurrent use.
type Writer struct {
	spool  *Spool
	layout *vector.Layout
	file   *os.File
	buffer *bufio.Writer
	sink   *sink
	pq     *pqarrow.FileWriter
	rows   int64
	open   int64 // bytes of rows that were written to the open row group
	leaves int64 // columns of the file; a list's elements are one
	page   int64 // size of a full page
	groups int64 // row groups that were ended
	large  int64 // size of the texts of a large row
	larges largeGroups
	piece  []byte // scratch: of a large row's text
}

// NewWriter begins a segment of the layout on the spool. dictionary says for
// each field whether to try dictionary encoding: it pays for columns that
// repeat, and costs much for those that don't. memory is what the writer should
// take at most: pages get half of it, and the more columns there are, the
// smaller are their pages. What it does take is
// Held: the caller ends row groups in time to keep it within memory.
func (s *Spool) NewWriter(layout *vector.Layout, dictionary []bool, memory int64) (*Writer, error) {
	f, err := s.createSegment()
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	w := &Writer{spool: s, layout: layout, file: f, buffer: bufio.NewWriterSize(f, fileBuffer)}
	for _, field := range layout.Fields {
		w.leaves += leaves(field.Type)
	}
	w.page = min(max(memory/(2*pageCopies*max(w.leaves, 1)), minPage), maxPage)
	w.large = max(min(memory/4, mostLarge), columnBytes*w.leaves)
	w.sink = &sink{w: w.buffer, hash: sha256.New()}
	w.pq, err = pqarrow.NewFileWriter(layout.Arrow(), w.sink, s.properties(layout, dictionary, w.page),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err == nil {
		err = w.pq.AppendKeyValueMetadata(sparkVersionKey, sparkVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", errors.Join(err, w.Discard()))
	}
	return w, nil
}

// What Spark's Parquet reader looks for in a footer before it takes dates and
// timestamps as they are. A file without a version is read as its options or its
// session say, which on Databricks means that days before 1582-10-15 are taken
// for days of the Julian calendar and moved. From 3.0.0 on (3.1.0 for INT96)
// the days are those of the proleptic Gregorian calendar, as Postgres's are,
// unless a key says "legacy", which segments do not have. Spark compares
// versions as texts.
const (
	sparkVersionKey = "org.apache.spark.version"
	sparkVersion    = "3.5.0"
)

// properties are the Parquet writer's settings for a layout, with pages of the
// given size.
func (s *Spool) properties(layout *vector.Layout, dictionary []bool, page int64) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{
		parquet.WithAllocator(s.allocator),
		parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithDictionaryDefault(false),
		parquet.WithStoreDecimalAsInteger(true),
		parquet.WithStats(false),
		parquet.WithMaxRowGroupLength(rowGroupRows),
		parquet.WithDataPageSize(page),
		parquet.WithDictionaryPageSizeLimit(page),
		parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithVersion(parquet.V2_6),
	}
	for i, field := range layout.Fields {
		if i < len(dictionary) && dictionary[i] {
			opts = append(opts, parquet.WithDictionaryFor(field.Name, true))
		}
		switch {
		case flatText(field.Type):
			// No statistics: of a large value the writer would keep six copies.
			opts = append(opts, parquet.WithCompressionLevelFor(field.Name, plainLevel))
		case !field.Type.Nested():
			opts = append(opts, parquet.WithStatsFor(field.Name, true))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

// leaves counts the columns that a value of a type takes in a file.
func leaves(t schema.Type) int64 {
	switch {
	case t.Kind == schema.StringMap:
		return 1 + leaves(*t.Elem)
	case t.Nested():
		return leaves(*t.Elem)
	}
	return 1
}

// Write appends a batch's rows. The batch may be reset when it returns. A row
// whose texts are large against the writer's memory gets a row group of its own,
// which takes no memory.
func (w *Writer) Write(b *vector.Batch) error {
	if w.mayHaveLarge(b) {
		return w.writeLarge(b)
	}
	return w.write(b)
}

func (w *Writer) write(b *vector.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	rec := b.Record()
	defer rec.Release()
	if err := w.pq.WriteBuffered(rec); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	w.rows += int64(b.Rows())
	w.open += int64(b.Size())
	if w.pq.RowGroupTotalBytesWritten() >= rowGroupBytes {
		return w.EndRowGroup()
	}
	return nil
}

// A row group is closed when its encoded pages reach this size.
const rowGroupBytes = 128 << 20

// EndRowGroup writes the open row group out, which frees its memory. An empty
// one stays open.
func (w *Writer) EndRowGroup() error {
	rows, err := w.pq.RowGroupNumRows()
	if err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if rows == 0 {
		return nil
	}
	if err := w.pq.NewBufferedRowGroupChecked(); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	w.open = 0
	w.groups++
	return nil
}

// Rows is the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Bytes is the size so far: what has reached the file and the encoded pages
// that still wait in memory, without the page of each column that is not full
// yet.
func (w *Writer) Bytes() int64 { return w.sink.n + w.pq.RowGroupTotalBytesWritten() }

// Held is the memory that the writer takes, an upper bound: the encoded pages of
// the open row group, in buffers that grow by doubling, the pages that are not
// full yet, Footer and Fixed.
func (w *Writer) Held() int64 {
	unfinished := min(2*w.open, pageCopies*w.page*w.leaves)
	return w.Fixed() + w.Footer() + 2*w.pq.RowGroupTotalBytesWritten() + unfinished
}

// Fixed is the memory that the writer takes without any row.
func (w *Writer) Fixed() int64 { return fileBuffer + columnBytes*w.leaves }

// Footer is the memory of what the file's end says of the row groups that were
// ended, which only Close frees.
func (w *Writer) Footer() int64 { return chunkBytes * w.leaves * w.groups }

// Close finishes the segment: footer, flush and close. The checksum is that of
// the whole file.
func (w *Writer) Close() (File, error) {
	if err := w.finish(); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, w.Discard()))
	}
	if err := errors.Join(w.buffer.Flush(), w.file.Truncate(w.sink.n)); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, w.Discard()))
	}
	if err := w.file.Close(); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, os.Remove(w.file.Name())))
	}
	return File{Path: w.file.Name(), Rows: w.rows, Bytes: w.sink.n, Checksum: hex.EncodeToString(w.sink.hash.Sum(nil)), spool: w.spool}, nil
}

// finish writes the last row group and the footer.
//
// The Parquet writer opens a row group as it ends one, so that the last may be
// empty, and some readers refuse a file that has such a row group ("Illegal row
// group of 0 rows" in Spark's). It comes last: what the writer has to say of it
// is dropped, and the footer written without it, and with the row groups that it
// does not know of.
func (w *Writer) finish() error {
	if len(w.larges.places) > 0 {
		if err := w.EndRowGroup(); err != nil {
			return err
		}
	}
	rows, err := w.pq.RowGroupNumRows()
	if err != nil {
		return err
	}
	if rows > 0 {
		return w.pq.Close()
	}
	w.sink.muted = true
	err = w.pq.Close()
	w.sink.muted = false
	if err != nil {
		return err
	}
	all, err := w.pq.FileMetadata()
	if err != nil {
		return err
	}
	var filled []int
	for i, group := range all.RowGroups {
		if group.NumRows > 0 {
			filled = append(filled, i)
		}
	}
	footer, err := all.Subset(filled)
	if err != nil {
		return err
	}
	w.larges.insert(footer)
	n, err := footer.WriteTo(w.sink, nil)
	if err != nil {
		return err
	}
	end := append(binary.LittleEndian.AppendUint32(nil, uint32(n)), "PAR1"...)
	_, err = w.sink.Write(end)
	return err
}

// Discard gives the segment up and removes its file.
func (w *Writer) Discard() error {
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// sink counts and hashes what goes to the file. It has no Close, so that the
// Parquet writer does not close the file before it is flushed.
type sink struct {
	w     io.Writer
	hash  hash.Hash
	n     int64
	muted bool // drops what is written
}

func (s *sink) Write(p []byte) (int, error) {
	if s.muted {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	s.hash.Write(p[:n])
	s.n += int64(n)
	return n, err
}
