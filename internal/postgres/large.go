package postgres

import (
	"io"
	"runtime/debug"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// largeMessage is the size of a message after which memory is given back at once.
const largeMessage = 16 << 20

// letGo is what a session's messages are read through. The driver reads a large
// message into a buffer of its size, and keeps the newest CopyData until another
// one has come whole: two large rows in turn would be held together. So an
// empty one is put in between, which changes nothing in a COPY and is ignored
// elsewhere, and then what is no longer used is given back before the next
// message is read.
type letGo struct {
	io.Reader
	between bool // an empty CopyData may be put in
	left    int  // bytes of a large message that are still to come
	next    afterLarge
}

// afterLarge is what the next read after a large message does.
type afterLarge uint8

const (
	onlyRead afterLarge = iota
	putBetween
	giveBack
)

var emptyCopyData = []byte{'d', 0, 0, 0, 4}

func (l *letGo) Read(b []byte) (int, error) {
	switch l.next {
	case putBetween:
		if l.next = giveBack; l.between && len(b) >= len(emptyCopyData) {
			return copy(b, emptyCopyData), nil
		}
		fallthrough
	case giveBack:
		l.next = onlyRead
		debug.FreeOSMemory()
	}
	if l.left == 0 && len(b) >= largeMessage {
		l.left = len(b)
	}
	n, err := l.Reader.Read(b)
	if l.left > 0 {
		if l.left -= min(n, l.left); l.left == 0 {
			l.next = putBetween
		}
	}
	return n, err
}

// lettingGo makes a driver's frontend read through letGo.
func lettingGo(build pgconn.BuildFrontendFunc, between bool) pgconn.BuildFrontendFunc {
	return func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return build(&letGo{Reader: r, between: between}, w)
	}
}
