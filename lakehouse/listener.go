//go:build cgo

package lakehouse

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// listener accepts HTTP and HTTPS on one port, because some clients support only one of them. The first byte of a connection
// decides: no HTTP request begins with that of a TLS handshake record (RFC 8446, 5.1).
type listener struct {
	net.Listener
	config *tls.Config
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, config: l.config}, nil
}

// conn is a connection that becomes TLS when its first byte says so. The HTTP server reads before it writes, so the protocol is
// known when it writes.
type conn struct {
	net.Conn
	config *tls.Config
	begun  bool // only the reader looks at it
	secure atomic.Pointer[tls.Conn]
}

const handshakeRecord = 0x16

func (c *conn) Read(b []byte) (int, error) {
	if s := c.secure.Load(); s != nil {
		return s.Read(b)
	}
	if c.begun || len(b) == 0 {
		return c.Conn.Read(b)
	}
	n, err := c.Conn.Read(b[:1])
	if n == 0 {
		return n, err
	}
	c.begun = true
	if b[0] != handshakeRecord {
		return n, err
	}
	s := tls.Server(&unread{Conn: c.Conn, first: b[:1:1]}, c.config)
	c.secure.Store(s)
	return s.Read(b)
}

func (c *conn) Write(b []byte) (int, error) {
	if s := c.secure.Load(); s != nil {
		return s.Write(b)
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	if s := c.secure.Load(); s != nil {
		return s.Close()
	}
	return c.Conn.Close()
}

// SetLinger is TCP's, for a test that resets the connection.
func (c *conn) SetLinger(seconds int) error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}

// unread gives back the byte that was read to look at it.
type unread struct {
	net.Conn
	first []byte
}

func (u *unread) Read(b []byte) (int, error) {
	if len(u.first) > 0 {
		n := copy(b, u.first)
		u.first = u.first[n:]
		return n, nil
	}
	return u.Conn.Read(b)
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// mark says in r, as the HTTP server would, that it came by TLS.
func mark(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		if s := c.secure.Load(); s != nil {
			state := s.ConnectionState()
			r.TLS = &state
		}
	}
}

// base is the workspace's address as the sender of r reached it.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
