//go:build unix

package stage_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/stage"
)

// relay forwards connections to a server. In each stream, after each Begin, it
// adds a keepalive that claims that the server has decoded everything up to a
// position.
type relay struct {
	listener net.Listener
	to       string
	said     lsn
	onBegin  func() // called once the client has read the Begin; nil for none
	replies  chan struct{}
	done     chan struct{} // closed at the end
	wg       sync.WaitGroup
}

func newRelay(t *testing.T, to string, said lsn, onBegin func()) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, to: to, said: said, onBegin: onBegin, replies: make(chan struct{}, 100), done: make(chan struct{})}
	r.wg.Go(r.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		close(r.done)
		r.wg.Wait()
	})
	return r
}

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		end := func() { _, _ = client.Close(), server.Close() }
		r.wg.Go(func() { defer end(); _, _ = io.Copy(io.MultiWriter(server, r), client) })
		r.wg.Go(func() { defer end(); r.answer(client, server) })
	}
}

// answer forwards the server's messages one by one.
func (r *relay) answer(client io.Writer, server io.Reader) {
	header := make([]byte, 5) // the kind, and the length without it
	for {
		if _, err := io.ReadFull(server, header); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if _, err := client.Write(append(header[:5:5], body...)); err != nil {
			return
		}
		const inXLogData = 25 // bytes before the plugin's message
		if header[0] == 'd' && len(body) > inXLogData && body[0] == 'w' && body[inXLogData] == 'B' {
			if r.onBegin != nil && !r.read(client) {
				return
			}
			if _, err := client.Write(r.keepalive(false)); err != nil {
				return
			}
		}
	}
}

// keepalive returns a keepalive with the decoded position. It may ask for a
// reply.
func (r *relay) keepalive(reply bool) []byte {
	message := append([]byte{'d', 0, 0, 0, 22, 'k'}, make([]byte, 17)...)
	binary.BigEndian.PutUint64(message[6:], uint64(r.said))
	if reply {
		message[len(message)-1] = 1
	}
	return message
}

// Write counts the replies in what the client sends.
func (r *relay) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 5 && rest[0] == 'd' &&
		rest[5] == 'r'; rest = rest[min(len(rest), 1+int(binary.BigEndian.Uint32(rest[1:]))):] {
		select {
		case r.replies <- struct{}{}:
		default:
		}
	}
	return len(data), nil
}

// read waits until the client has read everything that was sent to it, and
// calls onBegin. One or two replies may answer earlier requests of the server.
func (r *relay) read(client io.Writer) bool {
	for len(r.replies) > 0 {
		<-r.replies
	}
	for range 3 {
		if _, err := client.Write(r.keepalive(true)); err != nil {
			return false
		}
		select {
		case <-r.replies:
		case <-r.done:
			return false
		}
	}
	r.onBegin()
	return true
}

// An entry must not end at the position of a keepalive between a transaction's
// Begin and Commit, because changes below that position may still arrive.
func TestKeepaliveInsideATransactionMovesNothing(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	direct, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	through := *direct
	far := b.now() + 1<<30
	through.Host = newRelay(t, direct.Host, far, nil).listener.Addr().String()
	b.url = through.String()
	s.Source = b.open("test")
	b.url = direct.String()
	stop, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.volume.onAppend = func(kind string) {
		if kind == string(ledger.KindChanges) {
			cancel()
		}
	}
	if _, err := s.Follow(t.Context(), stop, stage.FollowOptions{}); err != nil {
		t.Fatal(err)
	}
	if position := s.Ledger.State().Position; position >= far {
		t.Errorf("the entry ends at %s, where only a keepalive inside the transaction was", position)
	}
	b.volume.onAppend = nil
	b.exec(`INSERT INTO t VALUES (2)`)
	b.drain(b.stager())
	b.same(b.stager(), "t", "id")
}

// A run must stop when a transaction has begun and none of its rows has
// arrived. It drops the transaction and ends without an error, and the next run
// stages it.
func TestAskedToEndAtTheBeginOfATransaction(t *testing.T) {
	b := newBench(t, `CREATE TABLE t (id int PRIMARY KEY)`)
	s := b.stager()
	b.origin(s, "t")
	b.snapshot(s, "t")
	b.exec(`INSERT INTO t VALUES (1)`)
	direct, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	stop, end := context.WithCancel(t.Context())
	defer end()
	through := *direct
	through.Host = newRelay(t, direct.Host, 0, end).listener.Addr().String()
	b.url = through.String()
	s.Source = b.open("test")
	b.url = direct.String()
	if r, err := s.Follow(t.Context(), stop, stage.FollowOptions{}); err != nil || r.Rows != 0 {
		t.Errorf("staged %d rows, %v; want none, and no error", r.Rows, err)
	}
	if r := b.drain(b.stager()); r.Rows != 1 {
		t.Errorf("the next run staged %d rows, want the one that was given up", r.Rows)
	}
}
