package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	hashSize   = 16
	recordSize = 2 * hashSize
	maxBuckets = 512
	// bucketBuffer is how many bytes each open bucket buffers before it writes.
	bucketBuffer = 4 << 10
)

// hash is the first half of a SHA-256.
type hash [hashSize]byte

func hashOf(b []byte) hash {
	sum := sha256.Sum256(b)
	return hash(sum[:hashSize])
}

// record is a row: the hash of its key, then the hash of all its cells.
type record [recordSize]byte

func (r *record) key() hash { return hash(r[:hashSize]) }

// spill holds the rows of one end as hashes, partitioned into files by key. One
// goroutine adds rows.
type spill struct {
	files   []*os.File
	writers []*bufio.Writer
	rows    int64
	buf     []byte
}

// newSpill creates its files in dir, which must exist. name distinguishes them.
func newSpill(dir, name string, buckets int) (*spill, error) {
	s := &spill{}
	for i := range buckets {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s-%03d", name, i)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make a spool file: %w", err), s.close())
		}
		s.files = append(s.files, f)
		s.writers = append(s.writers, bufio.NewWriterSize(f, bucketBuffer))
	}
	return s, nil
}

// add adds a row. key lists the places of the key's cells.
func (s *spill) add(cells [][]byte, key []int) error {
	var r record
	k := keyHash(&s.buf, cells, key)
	copy(r[:], k[:])
	row := hashCells(&s.buf, cells)
	copy(r[hashSize:], row[:])
	s.rows++
	bucket := int(binary.BigEndian.Uint32(r[:4]) % uint32(len(s.writers)))
	if _, err := s.writers[bucket].Write(r[:]); err != nil {
		return fmt.Errorf("write a spool file: %w", err)
	}
	return nil
}

func keyHash(buf *[]byte, cells [][]byte, key []int) hash {
	*buf = (*buf)[:0]
	for _, i := range key {
		*buf = appendCell(*buf, cells[i])
	}
	return hashOf(*buf)
}

func hashCells(buf *[]byte, cells [][]byte) hash {
	*buf = (*buf)[:0]
	for _, c := range cells {
		*buf = appendCell(*buf, c)
	}
	return hashOf(*buf)
}

// bucket reads a bucket's records, sorted.
func (s *spill) bucket(i int) ([]record, error) {
	if err := s.writers[i].Flush(); err != nil {
		return nil, fmt.Errorf("write a spool file: %w", err)
	}
	size, err := s.files[i].Seek(0, io.SeekEnd)
	if err == nil {
		_, err = s.files[i].Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("read a spool file: %w", err)
	}
	records := make([]record, size/recordSize)
	in := bufio.NewReaderSize(s.files[i], 64<<10)
	for n := range records {
		if _, err := io.ReadFull(in, records[n][:]); err != nil {
			return nil, fmt.Errorf("read a spool file: %w", err)
		}
	}
	slices.SortFunc(records, func(a, b record) int { return bytes.Compare(a[:], b[:]) })
	return records, nil
}

func (s *spill) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// buckets is the number of buckets needed so that one bucket of both ends fits
// into memory bytes.
func buckets(rows, memory int64) int {
	const slack = 2 // hashes are not spread evenly, and row counts are estimates
	memory = max(memory, 1<<20)
	return int(min(max(1, (rows*2*recordSize*slack+memory-1)/memory), maxBuckets))
}

// compared is the difference between two spills.
type compared struct {
	differing int64
	// first has, by key, how many rows of each end to fetch and describe.
	first map[hash]*unmatched

	key hash // of the last unmatched row
	of  *unmatched

	partly bool // the source has only some of its rows: what only the target has is no difference
}

// unmatched counts the rows with a key that the other end does not have.
type unmatched struct{ source, target int }

// compare compares two spills bucket by bucket. partly means that the source has
// only some of its rows.
func compare(source, target *spill, partly bool) (compared, error) {
	out := compared{first: map[hash]*unmatched{}, partly: partly}
	for i := range source.files {
		a, err := source.bucket(i)
		if err != nil {
			return out, err
		}
		b, err := target.bucket(i)
		if err != nil {
			return out, err
		}
		out.merge(a, b)
	}
	return out, nil
}

// merge walks both sorted lists and records what only one of them has.
func (c *compared) merge(a, b []record) {
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && bytes.Compare(a[0][:], b[0][:]) < 0:
			c.note(a[0].key(), 1, 0)
			a = a[1:]
		case len(a) == 0 || bytes.Compare(a[0][:], b[0][:]) > 0:
			if !c.partly {
				c.note(b[0].key(), 0, 1)
			}
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
}

// note counts an unmatched row. A row with other cells at the other end arrives
// as one row of each end, one right after the other, and counts once.
func (c *compared) note(key hash, source, target int) {
	if c.of == nil || c.key != key {
		c.key, c.of = key, &unmatched{}
		if len(c.first) < MaxDifferences {
			c.first[key] = c.of
		}
	}
	before := max(c.of.source, c.of.target)
	c.of.source, c.of.target = c.of.source+source, c.of.target+target
	c.differing += int64(max(c.of.source, c.of.target) - before)
}
