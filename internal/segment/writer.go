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

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// File is a finished segment on the spool. The caller uploads it and then calls
// Release.
type File struct {
	Path     string // on the local disk
	Rows     int64
	Bytes    int64
	Checksum string // SHA-256, hex

	spool *Spool
}

// Release returns the file to its spool. The spool removes the file or reuses
// it for another segment. The file must not be read afterwards.
func (f File) Release() error { return f.spool.takeBack(f.Path) }

// A row group holds at most this many rows.
const rowGroupRows = 1 << 20

// The memory that a writer takes, as measured: the buffer of its file, the
// Parquet writer's bookkeeping per column, and its bookkeeping per column of
// each finished row group.
const (
	fileBuffer  = 64 << 10
	columnBytes = 14 << 10
	chunkBytes  = 700
)

// Minimum and maximum size of a page, before compression.
const (
	minPage = 8 << 10
	maxPage = 1 << 20
)

// pageCopies is how many times the Parquet writer holds the open page of a
// column: in the buffer that grows by doubling, in the assembled page, and in
// the compression output.
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
	open   int64 // bytes of the rows in the open row group
	leaves int64 // columns of the file; a list's elements count as one
	page   int64 // size of a full page
	groups int64 // finished row groups
	large  int64 // minimum size of a large row's texts
	larges largeGroups
	piece  []byte // scratch for a large row's text
}

// NewWriter starts a segment of the layout on the spool. dictionary says for
// each field whether to try dictionary encoding. It pays off for columns that
// repeat and is expensive for others. memory is the writer's target: pages get
// half of it, so more columns mean smaller pages. Held returns what the writer
// actually takes. The caller ends row groups in time to keep Held within
// memory.
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

// Spark's Parquet reader looks for this key in the footer to decide how to read
// dates and timestamps. For a file without a version, the reader's options or
// session decide. On Databricks this means that days before 1582-10-15 are read
// as Julian and shifted. From version 3.0.0 on (3.1.0 for INT96), days are read
// as proleptic Gregorian, like those of Postgres, unless a "legacy" key is set.
// Segments have no such key. Spark compares versions as texts.
const (
	sparkVersionKey = "org.apache.spark.version"
	sparkVersion    = "3.5.0"
)

// properties returns the Parquet writer's settings for a layout and a page
// size.
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
			// No statistics: the writer would keep six copies of a large value.
			opts = append(opts, parquet.WithCompressionLevelFor(field.Name, plainLevel))
		case !field.Type.Nested():
			opts = append(opts, parquet.WithStatsFor(field.Name, true))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

// leaves returns the number of columns that a value of a type takes in a file.
func leaves(t schema.Type) int64 {
	switch {
	case t.Kind == schema.StringMap:
		return 1 + leaves(*t.Elem)
	case t.Nested():
		return leaves(*t.Elem)
	}
	return 1
}

// Write appends a batch's rows. The caller may reset the batch when Write
// returns. A row whose texts are large compared with the writer's memory gets
// its own row group, which takes no memory.
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

// A row group is closed when its encoded pages reach this size, in bytes.
const rowGroupBytes = 128 << 20

// EndRowGroup writes the open row group to the file, which frees its memory. It
// does nothing if the row group is empty.
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

// Rows returns the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Bytes returns the size so far: the bytes in the file plus the encoded pages
// in memory. It does not count the open page of each column.
func (w *Writer) Bytes() int64 { return w.sink.n + w.pq.RowGroupTotalBytesWritten() }

// Held returns an upper bound of the memory that the writer takes. It is the
// sum of the encoded pages of the open row group (in buffers that grow by
// doubling), the open pages, Footer and Fixed.
func (w *Writer) Held() int64 {
	unfinished := min(2*w.open, pageCopies*w.page*w.leaves)
	return w.Fixed() + w.Footer() + 2*w.pq.RowGroupTotalBytesWritten() + unfinished
}

// Fixed returns the memory that the writer takes without any rows.
func (w *Writer) Fixed() int64 { return fileBuffer + columnBytes*w.leaves }

// Footer returns the memory for the footer entries of finished row groups. Only
// Close frees it.
func (w *Writer) Footer() int64 { return chunkBytes * w.leaves * w.groups }

// Close finishes the segment: it writes the footer, flushes and closes the
// file. The checksum covers the whole file.
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
// The Parquet writer opens a new row group when it ends one, so the last row
// group may be empty. Some readers refuse a file with an empty row group
// (Spark: "Illegal row group of 0 rows"). An empty row group comes last, so the
// writer's output for it is dropped. Then the footer is written without it, and
// with the row groups of large rows, which the Parquet writer does not know.
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

// Discard abandons the segment and removes its file.
func (w *Writer) Discard() error {
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// sink counts and hashes what goes to the file. It has no Close method, so that
// the Parquet writer cannot close the file before it is flushed.
type sink struct {
	w     io.Writer
	hash  hash.Hash
	n     int64
	muted bool // drop all output
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
