package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/s2"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// A row is large if its texts together reach this size. If a quarter of the
// writer's memory is less, that is the limit.
const mostLarge = 4 << 20

// pieceBytes is how much of a large row's text is compressed at once. The
// Parquet writer handles shorter texts.
const (
	pieceBytes = 1 << 20
	shortText  = 4 << 10
)

// largeGroups are the row groups of large rows. Each large row has its own row
// group. The Parquet writer would hold a value five times: in the growing page,
// in the assembled page, compressed, and in the row group's memory, which also
// grows. Here the value goes from the batch to the file in pieces. The Parquet
// writer does not know about these row groups, so the offsets of its own row
// groups are moved in the footer.
type largeGroups struct {
	footer *metadata.FileMetaData // of these groups only; nil if there are none
	places []place
	bytes  int64 // total of all groups
}

// place is where a large row's group is: in front of the position that the
// Parquet writer believes it is at.
type place struct{ at, bytes int64 }

// texts returns the total size of a row's flat texts.
func texts(b *vector.Batch, row int) int64 {
	var n int64
	for _, c := range b.Columns {
		if flatText(c.Type) && !c.IsNull(row) {
			n += int64(len(c.Bytes(row)))
		}
	}
	return n
}

func flatText(t schema.Type) bool { return t.Kind == schema.String || t.Kind == schema.Binary }

// mayHaveLarge reports whether any row of the batch can be large. It only looks
// at the lengths of the texts.
func (w *Writer) mayHaveLarge(b *vector.Batch) bool {
	if int64(b.Size()) < w.large {
		return false
	}
	var most int64
	for _, c := range b.Columns {
		if flatText(c.Type) {
			most += int64(c.Longest())
		}
	}
	return most >= w.large
}

// writeLarge writes a batch that may contain large rows. It keeps the order of
// the rows.
func (w *Writer) writeLarge(b *vector.Batch) error {
	var large []int
	for row := range b.Rows() {
		if texts(b, row) >= w.large {
			large = append(large, row)
		}
	}
	if len(large) == 0 {
		return w.write(b)
	}
	next := 0
	for _, row := range append(large, b.Rows()) {
		others := vector.NewBatch(b.Layout)
		for ; next < row; next++ {
			for i, c := range others.Columns {
				c.CopyFrom(b.Columns[i], next)
			}
		}
		if err := w.write(others); err != nil {
			return err
		}
		if row == b.Rows() {
			break
		}
		if err := w.EndRowGroup(); err != nil {
			return err
		}
		if err := w.writeLargeRow(b, row); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
		next++
	}
	return nil
}

// writeLargeRow writes a row group of one row. The Parquet writer first makes a
// group in memory with NULL in place of the long texts. That group supplies the
// metadata of the columns.
func (w *Writer) writeLargeRow(b *vector.Batch, row int) error {
	small, long := vector.NewBatch(b.Layout), map[int64][]byte{}
	leaf := int64(0)
	for i, c := range b.Columns {
		if flatText(c.Type) && !c.IsNull(row) && len(c.Bytes(row)) > shortText {
			long[leaf] = c.Bytes(row)
			small.Columns[i].AppendNull()
		} else {
			small.Columns[i].CopyFrom(c, row)
		}
		leaf += leaves(c.Type)
	}
	var chunks bytes.Buffer
	footer, err := w.spool.oneGroup(&chunks, w.layout, w.page, small)
	if err != nil {
		return err
	}
	start, group := w.sink.n, footer.RowGroups[0]
	var stored, plain int64
	for i, c := range group.Columns {
		m, at := c.MetaData, w.sink.n
		if text, ok := long[int64(i)]; ok {
			m.TotalCompressedSize, m.TotalUncompressedSize, err = w.writePage(text)
		} else {
			_, err = w.sink.Write(chunks.Bytes()[m.DataPageOffset:][:m.TotalCompressedSize])
		}
		if err != nil {
			return err
		}
		c.FileOffset, m.DataPageOffset = at, at
		stored += m.TotalCompressedSize
		plain += m.TotalUncompressedSize
	}
	group.FileOffset, group.TotalCompressedSize, group.TotalByteSize = &start, &stored, plain
	w.groups++
	w.rows++
	return w.larges.add(footer, place{at: start - w.larges.bytes, bytes: w.sink.n - start})
}

// oneGroup writes a Parquet file of one batch, without dictionaries, and
// returns its footer.
func (s *Spool) oneGroup(to *bytes.Buffer, layout *vector.Layout, page int64, b *vector.Batch) (*metadata.FileMetaData, error) {
	pq, err := pqarrow.NewFileWriter(layout.Arrow(), to, s.properties(layout, nil, page), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	rec := b.Record()
	defer rec.Release()
	if err := pq.WriteBuffered(rec); err != nil {
		return nil, err
	}
	if err := pq.Close(); err != nil {
		return nil, err
	}
	return pq.FileMetadata()
}

// writePage writes a page with one value of a nullable text column. It returns
// the page's size in the file and its uncompressed size, headers included. The
// text is compressed twice, because the header comes first and holds the
// compressed size.
//
// The header is the PageHeader of parquet-format's parquet.thrift, in Thrift's
// compact protocol. It holds the page's type (0 is DATA_PAGE), the two sizes,
// and a DataPageHeader with the number of values and the encodings of values (0
// is PLAIN) and levels (3 is RLE).
func (w *Writer) writePage(text []byte) (stored, plain int64, err error) {
	const (
		integer   = 0x15 // the next field, an i32
		structure = 0x2c // the field after the next, a struct
	)
	// The definition levels are a run of one 1, with its length before it. The
	// text's length follows.
	front := []byte{2, 0, 0, 0, 1 << 1, 1}
	front = binary.LittleEndian.AppendUint32(front, uint32(len(text)))
	block := binary.AppendUvarint(nil, uint64(len(front)+len(text)))
	block = append(block, byte(len(front)-1)<<2) // a literal
	block = append(block, front...)
	size := int64(len(block))
	if err := w.eachPiece(text, func(piece []byte) error { size += int64(len(piece)); return nil }); err != nil {
		return 0, 0, err
	}
	header := []byte{integer, 0, integer}
	header = binary.AppendVarint(header, int64(len(front)+len(text)))
	header = binary.AppendVarint(append(header, integer), size)
	header = append(header, structure, integer, 1<<1, integer, 0<<1, integer, 3<<1, integer, 3<<1, 0, 0)
	if _, err := w.sink.Write(append(header, block...)); err != nil {
		return 0, 0, err
	}
	err = w.eachPiece(text, func(piece []byte) error { _, err := w.sink.Write(piece); return err })
	return int64(len(header)) + size, int64(len(header) + len(front) + len(text)), err
}

// eachPiece compresses a text piece by piece. The length of the whole text
// followed by all pieces is one snappy block, because the elements of a piece
// refer only to earlier bytes of that piece.
func (w *Writer) eachPiece(text []byte, write func([]byte) error) error {
	if w.piece == nil {
		w.piece = make([]byte, s2.MaxEncodedLen(pieceBytes))
	}
	for len(text) > 0 {
		n := min(len(text), pieceBytes)
		block := s2.EncodeSnappy(w.piece, text[:n])
		_, lengthBytes := binary.Uvarint(block)
		if err := write(block[lengthBytes:]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

func (l *largeGroups) add(footer *metadata.FileMetaData, at place) error {
	l.places = append(l.places, at)
	l.bytes += at.bytes
	if l.footer == nil {
		l.footer = footer
		return nil
	}
	return l.footer.AppendRowGroups(footer)
}

// insert adds the row groups to the footer that the Parquet writer wrote. It
// moves the other row groups to their real offsets.
func (l *largeGroups) insert(footer *metadata.FileMetaData) {
	if l.footer == nil {
		return
	}
	var next int
	var shift int64
	all := footer.RowGroups[:0:0]
	for _, group := range footer.RowGroups {
		for next < len(l.places) && l.places[next].at <= group.Columns[0].FileOffset {
			all = append(all, l.footer.RowGroups[next])
			shift += l.places[next].bytes
			next++
		}
		for _, c := range group.Columns {
			c.FileOffset += shift
			c.MetaData.DataPageOffset += shift
			if at := c.MetaData.DictionaryPageOffset; at != nil {
				*at += shift
			}
		}
		*group.FileOffset += shift
		all = append(all, group)
	}
	all = append(all, l.footer.RowGroups[next:]...)
	for i, group := range all {
		ordinal := int16(i)
		group.Ordinal = &ordinal
	}
	footer.RowGroups, footer.NumRows = all, footer.NumRows+int64(len(l.places))
}
