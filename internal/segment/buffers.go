package segment

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Buffers of less than smallBuffer bytes come from Go's heap as ever.
const smallBuffer = 4 << 10

// buffers is the allocator of the Parquet writer. Its pages and column chunks
// grow by doubling and are freed with each row group: they come from pools, one
// for each power of two, which the garbage collector empties when no writer is active.
// It is safe for concurrent use.
type buffers struct {
	pools [bits.UintSize]sync.Pool // of *[]byte; pool n has those of 2^n bytes
	heap  memory.GoAllocator
}

var _ memory.Allocator = (*buffers)(nil)

// pooled is what every writer of this process allocates from.
var pooled = &buffers{}

// Allocate gives size zeroed bytes.
func (b *buffers) Allocate(size int) []byte {
	buf, dirty := b.get(size)
	if dirty {
		clear(buf)
	}
	return buf
}

// get gives size bytes, which hold something from before if they are dirty.
func (b *buffers) get(size int) (buf []byte, dirty bool) {
	if size < smallBuffer {
		return b.heap.Allocate(size), false
	}
	n := bits.Len(uint(size - 1))
	if p, ok := b.pools[n].Get().(*[]byte); ok {
		return (*p)[:size], true
	}
	return make([]byte, size, 1<<n), false
}

// Reallocate gives size bytes that begin with buf's; the rest is zero. buf must
// not be used again.
func (b *buffers) Reallocate(size int, buf []byte) []byte {
	if size <= cap(buf) {
		if size > len(buf) {
			clear(buf[len(buf):size])
		}
		return buf[:size]
	}
	grown, dirty := b.get(size)
	n := copy(grown, buf)
	if dirty {
		clear(grown[n:])
	}
	b.Free(buf)
	return grown
}

// Free takes a buffer back, which must not be used again. What is not of a
// pool's size is left to the garbage collector.
func (b *buffers) Free(buf []byte) {
	n := cap(buf)
	if n < smallBuffer || n&(n-1) != 0 {
		return
	}
	buf = buf[:n]
	b.pools[bits.TrailingZeros(uint(n))].Put(&buf)
}
