package postgres

import (
	"io"
	"runtime/debug"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// largeMessage is the size of a message after which memory is released at once.
const largeMessage = 16 << 20

// letGo is the reader of a session's messages. The driver reads a large message into a buffer of its
// size. letGo releases that memory before the next message is read. Otherwise two large rows in a row
// would be in memory together until the garbage collector runs.
type letGo struct {
	io.Reader
	left int // bytes of a large message still to come
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
