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

// errUnanswered says that a server has nothing more to send of an answer that
// has not ended here: the connection is broken, but neither end noticed.
var errUnanswered = errors.New("the server has sent its answer, and not all of it came: the connection lost bytes")

// readAhead is how much is read from a connection at once: the driver asks for
// 8 KiB at most, which costs a system call for a few rows.
const readAhead = 128 << 10

// link is the connection of one session. It reads ahead, and knows how long a
// read waits. One goroutine at a time reads from it.
type link struct {
	net.Conn
	source  *Source
	pid     atomic.Uint32 // of the session; 0 while it is being opened
	waiting atomic.Int64  // Unix time in ns at which the read that waits began; 0 if none does
	cut     atomic.Bool
	buffer  []byte
	ahead   []byte // of the buffer: what was read and not taken yet
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
	l.source.links.forget(l)
	return l.Conn.Close()
}

// links are the open connections of a source, for several goroutines.
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

// waiting are the links of sessions that have waited for so long.
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

// linked makes the connections of a configuration links, and gives the newest.
func (s *Source) linked(config *pgx.ConnConfig) func() *link {
	var newest atomic.Pointer[link]
	config.BuildFrontend = lettingGo(config.BuildFrontend)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l := &link{Conn: conn, source: s}
		s.links.add(l)
		newest.Store(l)
		return l, nil
	}
	return newest.Load
}

// cutWaiting cuts the sessions that wait for an answer which the server, asked
// on another session, has sent long ago: bytes that were lost on the way are
// waited for for ever else.
func (s *Source) cutWaiting(ctx context.Context, conn *pgx.Conn) error {
	waiting := s.links.waiting(s.opt.StallAfter)
	if len(waiting) == 0 {
		return nil
	}
	var pids []int32
	for pid := range waiting {
		pids = append(pids, int32(pid))
	}
	// Behind a pooler, the session's number may be somebody else's.
	rows, err := conn.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE pid = ANY($1::int4[]) AND application_name = current_setting('application_name')
		AND state LIKE 'idle%' AND state_change < clock_timestamp() - make_interval(secs => $2)`, pids, s.opt.StallAfter.Seconds())
	if err != nil {
		return err
	}
	idle, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	for _, pid := range idle {
		l := waiting[uint32(pid)]
		s.opt.Log.Warn("cutting a connection that lost bytes", "pid", pid)
		l.cut.Store(true)
		_ = l.Close() // the read that waits tells why
	}
	return nil
}
