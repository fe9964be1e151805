package postgres

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// errUnanswered means that the server has sent all of an answer that has not ended here: the
// connection is broken, but neither end noticed.
var errUnanswered = errors.New("the server has sent its answer, but not all of it arrived: the connection lost bytes")

// readAhead is how much is read from a connection at once: the driver asks for at most 8 KiB, which
// costs a system call for a few rows.
const readAhead = 128 << 10

// link is the connection of one session. It reads ahead, and knows how long a read has been waiting.
// One goroutine at a time reads from it.
type link struct {
	net.Conn
	among   *links
	pid     atomic.Uint32 // of the session; 0 while it is being opened
	waiting atomic.Int64  // start of the waiting read, Unix time in ns; 0 if none waits
	cut     atomic.Bool
	buffer  []byte
	ahead   []byte // part of the buffer: read and not yet consumed
}

func (l *link) Read(b []byte) (int, error) {
	if len(l.ahead) == 0 {
		if l.buffer == nil {
			l.buffer = make([]byte, readAhead)
		}
		l.waiting.Store(time.Now().UnixNano())
		n, err := l.Conn.Read(l.buffer)
		l.waiting.Store(0)
		if err != nil && l.cut.Load() {
			err = errUnanswered
		}
		if err != nil {
			return copy(b, l.buffer[:n]), err
		}
		l.ahead = l.buffer[:n]
	}
	n := copy(b, l.ahead)
	l.ahead = l.ahead[n:]
	return n, nil
}

func (l *link) Close() error {
	l.among.forget(l)
	return l.Conn.Close()
}

// links are the open connections of a source. It is safe for concurrent use.
type links struct {
	mu  sync.Mutex
	all map[*link]bool
}

func (ls *links) add(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.all == nil {
		ls.all = map[*link]bool{}
	}
	ls.all[l] = true
}

func (ls *links) forget(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.all, l)
}

// waiting returns the links of sessions that have waited for this long.
func (ls *links) waiting(long time.Duration) map[uint32]*link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	found := map[uint32]*link{}
	before := time.Now().Add(-long).UnixNano()
	for l := range ls.all {
		if since := l.waiting.Load(); since != 0 && since < before && l.pid.Load() != 0 {
			found[l.pid.Load()] = l
		}
	}
	return found
}

// linked turns the connections of a configuration into links, and returns the newest.
func (e *endpoint) linked(config *pgx.ConnConfig) func() *link {
	var newest atomic.Pointer[link]
	config.BuildFrontend = lettingGo(config.BuildFrontend)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l := &link{Conn: conn, among: &e.links}
		e.links.add(l)
		newest.Store(l)
		return l, nil
	}
	return newest.Load
}

// cutWaiting cuts sessions that wait for an answer which the server has sent long ago. It asks the
// server on another session. Bytes that were lost on the way would otherwise be waited for forever.
func (e *endpoint) cutWaiting(ctx context.Context, conn *pgx.Conn) error {
	waiting := e.links.waiting(e.opt.StallAfter)
	if len(waiting) == 0 {
		return nil
	}
	var pids []int32
	for pid := range waiting {
		pids = append(pids, int32(pid))
	}
	// Behind a pooler, the session's number may belong to another client.
	rows, err := conn.Query(ctx,
		`SELECT pid FROM pg_stat_activity WHERE pid = ANY($1::int4[]) AND application_name = current_setting('application_name')
		AND state LIKE 'idle%' AND state_change < clock_timestamp() - make_interval(secs => $2)`, pids, e.opt.StallAfter.Seconds())
	if err != nil {
		return err
	}
	idle, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	for _, pid := range idle {
		l := waiting[uint32(pid)]
		e.opt.Log.Warn("cutting a connection that lost bytes", "pid", pid)
		l.cut.Store(true)
		_ = l.Close() // the waiting read reports why
	}
	return nil
}
