package pgoutput

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"
)

var (
	errShort        = errors.New("it ends too early")
	errUnterminated = errors.New("a string has no end")
	errFlags        = errors.New("flags that are not known here")
)

// reader takes fields off a message. After the first error it returns zeros, so the caller checks only
// at the end.
type reader struct {
	data []byte
	pos  int
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// take returns the next n bytes, or nil.
func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.data)-r.pos {
		r.fail(errShort)
		return nil
	}
	b := r.data[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

func (r *reader) left() int { return len(r.data) - r.pos }

func (r *reader) uint8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) lsn() pglogrepl.LSN { return pglogrepl.LSN(r.uint64()) }

// Postgres counts microseconds from 2000-01-01.
const epochMicros = 946_684_800 * 1_000_000

func (r *reader) micros() int64 { return int64(r.uint64()) + epochMicros }

// string reads up to a zero byte.
func (r *reader) string() string {
	if r.err != nil {
		return ""
	}
	end := bytes.IndexByte(r.data[r.pos:], 0)
	if end < 0 {
		r.fail(errUnterminated)
		return ""
	}
	s := string(r.data[r.pos : r.pos+end])
	r.pos += end + 1
	return s
}

// noFlags reads a byte of flags. No flag is in use.
func (r *reader) noFlags() {
	if r.uint8() != 0 {
		r.fail(errFlags)
	}
}

// bytes reads a length and that many bytes.
func (r *reader) bytes() []byte {
	n := int32(r.uint32())
	if n < 0 {
		r.fail(fmt.Errorf("a length of %d", n))
	}
	return r.take(int(n))
}

// tuple appends a row's values to dst.
func (r *reader) tuple(dst []Datum) []Datum {
	// Each value takes at least a byte, so the count cannot make dst grow beyond the message.
	for n := int(r.uint16()); n > 0 && r.err == nil; n-- {
		d := Datum{Kind: r.uint8()}
		switch d.Kind {
		case Null, Unchanged:
		case Text, Binary:
			d.Data = r.bytes()
		default:
			r.fail(fmt.Errorf("a value of the unknown kind %q", d.Kind))
		}
		dst = append(dst, d)
	}
	return dst
}
