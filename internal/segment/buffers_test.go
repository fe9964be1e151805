package segment

import (
	"bytes"
	"testing"
)

// spoiling overwrites freed memory, so that any use after free fails.
type spoiling struct{ buffers }

func (s *spoiling) Reallocate(size int, buf []byte) []byte {
	if size <= cap(buf) {
		return s.buffers.Reallocate(size, buf)
	}
	grown := s.Allocate(size)
	copy(grown, buf)
	s.Free(buf)
	return grown
}

func (s *spoiling) Free(buf []byte) {
	whole := buf[:cap(buf)]
	for i := range whole {
		whole[i] = 0xdb
	}
	s.buffers.Free(buf)
}

func TestBuffersAreZero(t *testing.T) {
	zero := make([]byte, 1<<20)
	for _, size := range []int{0, 1, 64, smallBuffer - 1, smallBuffer, smallBuffer + 1, 10_000, 1 << 16, 1<<16 + 64, 1 << 20} {
		b := &spoiling{}
		for round := range 4 { // from the second round on, freed buffers are dirty
			buf := b.Allocate(size)
			if len(buf) != size || !bytes.Equal(buf, zero[:size]) {
				t.Fatalf("round %d: Allocate(%d) gives %d bytes, and not all zero", round, size, len(buf))
			}
			b.Free(buf)
		}
	}
}

func TestBuffersKeepWhatTheyHeld(t *testing.T) {
	for _, from := range []int{0, 64, smallBuffer, 10_000} {
		for _, to := range []int{64, smallBuffer, 10_000, 1 << 16} {
			b := &spoiling{}
			for size := 64; size <= 1<<16; size *= 2 { // dirty buffers of every size
				b.Free(b.Allocate(size))
			}
			buf := b.Allocate(from)
			for i := range buf {
				buf[i] = byte(i)
			}
			buf = b.Reallocate(to, buf)
			if len(buf) != to {
				t.Fatalf("Reallocate from %d to %d gives %d bytes", from, to, len(buf))
			}
			for i, c := range buf {
				want := byte(0)
				if i < from {
					want = byte(i)
				}
				if c != want {
					t.Fatalf("Reallocate from %d to %d: byte %d is %d, want %d", from, to, i, c, want)
				}
			}
		}
	}
}

// A buffer that shrinks and grows again does not expose its old contents.
func TestBuffersForgetWhatWasCutOff(t *testing.T) {
	b := &spoiling{}
	buf := b.Allocate(10_000)
	for i := range buf {
		buf[i] = 1
	}
	buf = b.Reallocate(10_000, b.Reallocate(100, buf))
	if !bytes.Equal(buf[:100], bytes.Repeat([]byte{1}, 100)) || !bytes.Equal(buf[100:], make([]byte, 9_900)) {
		t.Error("what was cut off is there again")
	}
}

func TestBuffersAreUsedAgain(t *testing.T) {
	b := &buffers{}
	b.Free(b.Allocate(1 << 20))
	if n := testing.AllocsPerRun(100, func() { b.Free(b.Allocate(1<<20 - 64)) }); n > 2 {
		t.Errorf("%v allocations for a buffer that was there", n)
	}
}
