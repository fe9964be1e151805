package segment

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Buffers below smallBuffer bytes come from the Go heap.
const smallBuffer = 4 << 10

// buffers is the allocator of the Parquet writer. The writer's pages and column
// chunks grow by doubling and are freed with each row group. Their buffers come
// from pools, one per power of two. The garbage collector empties the pools
// when no writer is active. buffers is safe for concurrent use.
type buffers struct {
	pools [bits.UintSize]sync.Pool // of *[]byte; pool n holds buffers of 2^n bytes
	heap  memory.GoAllocator
}

var _ memory.Allocator = (*buffers)(nil)

// pooled is the allocator of all writers in this process.
var pooled = &buffers{}

// Allocate returns size zeroed bytes.
func (b *buffers) Allocate(size int) []byte {
	buf, dirty := b.get(size)
	if dirty {
		clear(buf)
	}
	return buf
}

// get returns size bytes. If dirty is true, they still hold old data.
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

// Reallocate returns size bytes that start with the contents of buf. The rest
// is zero. The caller must not use buf afterwards.
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

// Free returns a buffer to its pool. The caller must not use it afterwards. A
// buffer that has no pool's size is left to the garbage collector.
func (b *buffers) Free(buf []byte) {
	n := cap(buf)
	if n < smallBuffer || n&(n-1) != 0 {
		return
	}
	buf = buf[:n]
	b.pools[bits.TrailingZeros(uint(n))].Put(&buf)
}
