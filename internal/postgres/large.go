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
// message into a buffer of its size. What was made of one is given back before
// the next message is read: two large rows in turn would else be held together,
// until the garbage collector has come round.
type letGo struct {
	io.Reader
	left int // bytes of a large message that are still to come
	came bool
}

func (l *letGo) Read(b []byte) (int, error) {
	if l.came {
		l.came = false
		debug.FreeOSMemory()
	}
	if l.left == 0 && len(b) >= largeMessage {
		l.left = len(b)
	}
	n, err := l.Reader.Read(b)
	if l.left > 0 {
		l.left -= min(n, l.left)
		l.came = l.left == 0
	}
	return n, err
}

// lettingGo makes a driver's frontend read through letGo.
func lettingGo(build pgconn.BuildFrontendFunc) pgconn.BuildFrontendFunc {
	return func(r io.Reader, w io.Writer) *pgproto3.Frontend { return build(&letGo{Reader: r}, w) }
}
