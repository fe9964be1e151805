package stage

import (
	"errors"
	"fmt"
	"os"

	"github.com/ingest-tool/ingest/internal/segment"
	"github.com/ingest-tool/ingest/internal/vector"
)

// spill is one file on the spool for the small batches of all outputs. It
// belongs to the encoder's goroutine. The zero value is ready to use.
type spill struct {
	file *os.File
	end  int64  // bytes written
	live int64  // batches not taken yet
	buf  []byte // scratch
}

// extent is where a batch is in the spill.
type extent struct{ from, size int64 }

// put appends a batch of an output.
func (s *spill) put(spool *segment.Spool, o *output, b *vector.Batch) error {
	if s.file == nil {
		var err error
		if s.file, err = spool.Scratch(); err != nil {
			return err
		}
	}
	s.buf = b.AppendBinary(s.buf[:0])
	if _, err := s.file.WriteAt(s.buf, s.end); err != nil {
		return fmt.Errorf("put rows by: %w", err)
	}
	size := int64(len(s.buf))
	o.spilled = append(o.spilled, extent{from: s.end, size: size})
	o.spilledSize += size
	s.end += size
	s.live++
	return nil
}

// take passes an output's batches to each, in order. A batch is valid during
// the call only.
func (s *spill) take(o *output, each func(*vector.Batch) error) error {
	if len(o.spilled) == 0 {
		return nil
	}
	extents := o.spilled
	o.spilled, o.spilledSize = nil, 0
	batch := vector.NewBatch(o.layout)
	for _, x := range extents {
		s.buf = s.buf[:x.size] // put made it large enough for each batch
		if _, err := s.file.ReadAt(s.buf, x.from); err != nil {
			return fmt.Errorf("read rows that were put by: %w", err)
		}
		if err := batch.ReadBinary(s.buf); err != nil {
			return err
		}
		if err := each(batch); err != nil {
			return err
		}
	}
	if s.live -= int64(len(extents)); s.live == 0 {
		s.end = 0
		if err := s.file.Truncate(0); err != nil {
			return fmt.Errorf("put rows by: %w", err)
		}
	}
	return nil
}

// discard removes the file.
func (s *spill) discard() {
	if s.file != nil {
		_ = errors.Join(s.file.Close(), os.Remove(s.file.Name()))
		s.file = nil
	}
}
