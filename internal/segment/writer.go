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

// File is a finished segment on the spool. Whoever has it uploads it and then
// calls Remove.
type File struct {
	Path     string // on the local disk
	Rows     int64
	Bytes    int64
	Checksum string // SHA-256, hex
}

// Remove deletes the file from the spool.
func (f File) Remove() error { return os.Remove(f.Path) }

// Row groups hold at most this many rows.
const rowGroupRows = 1 << 20

// Writer writes one segment. It is not safe for concurrent use.
type Writer struct {
	layout *vector.Layout
	file   *os.File
	buffer *bufio.Writer
	sink   *sink
	pq     *pqarrow.FileWriter
	rows   int64
}

// NewWriter begins a segment of the layout on the spool. dictionary says for
// each field whether to try dictionary encoding: it pays for columns that
// repeat, and costs much for those that don't.
func (s *Spool) NewWriter(layout *vector.Layout, dictionary []bool) (*Writer, error) {
	f, err := s.create()
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	w := &Writer{layout: layout, file: f, buffer: bufio.NewWriterSize(f, 256<<10)}
	w.sink = &sink{w: w.buffer, hash: sha256.New()}
	opts := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Snappy),
		parquet.WithDictionaryDefault(false),
		parquet.WithStoreDecimalAsInteger(true),
		parquet.WithMaxRowGroupLength(rowGroupRows),
		parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithVersion(parquet.V2_6),
	}
	for i, field := range layout.Fields {
		if i < len(dictionary) && dictionary[i] {
			opts = append(opts, parquet.WithDictionaryFor(field.Name, true))
		}
		if field.Type.Kind == schema.String || field.Type.Kind == schema.Binary {
			opts = append(opts, parquet.WithCompressionLevelFor(field.Name, plainLevel))
		}
	}
	w.pq, err = pqarrow.NewFileWriter(layout.Arrow(), w.sink, parquet.NewWriterProperties(opts...),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", errors.Join(err, w.Discard()))
	}
	return w, nil
}

// Write appends a batch's rows. The batch may be reset when it returns.
func (w *Writer) Write(b *vector.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	rec := b.Record()
	defer rec.Release()
	if err := w.pq.WriteBuffered(rec); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	w.rows += int64(b.Rows())
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
	return nil
}

// Rows is the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Bytes is the size so far: what has reached the file and the encoded pages
// that still wait in memory, without the page of each column (at most 1 MB
// before compression) that is not full yet.
func (w *Writer) Bytes() int64 { return w.sink.n + w.pq.RowGroupTotalBytesWritten() }

// Buffered is the memory that the encoded pages of the open row group take,
// without the page of each column (at most 1 MB) that is not full yet.
func (w *Writer) Buffered() int64 { return w.pq.RowGroupTotalBytesWritten() }

// Close finishes the segment: footer, flush and close. The checksum is that of
// the whole file.
func (w *Writer) Close() (File, error) {
	if err := w.finish(); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, w.Discard()))
	}
	if err := w.buffer.Flush(); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, w.Discard()))
	}
	if err := w.file.Close(); err != nil {
		return File{}, fmt.Errorf("close segment: %w", errors.Join(err, os.Remove(w.file.Name())))
	}
	return File{Path: w.file.Name(), Rows: w.rows, Bytes: w.sink.n, Checksum: hex.EncodeToString(w.sink.hash.Sum(nil))}, nil
}

// finish writes the last row group and the footer.
//
// The Parquet writer opens a row group as it ends one, so that the last may be
// empty, and some readers refuse a file that has such a row group ("Illegal row
// group of 0 rows" in Spark's). It comes last: what the writer has to say of it
// is dropped, and the footer written without it.
func (w *Writer) finish() error {
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
