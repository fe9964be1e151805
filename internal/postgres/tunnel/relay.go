package tunnel

import (
	"io"
	"net"
)

// conn is one end of a pipe. The other end is copied to and from a channel. The pipe supports the
// deadlines that a channel lacks.
type conn struct {
	net.Conn
	local, remote net.Addr
}

// LocalAddr is the channel's address.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the channel's address.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// relay copies in both directions until one of them ends, and then ends both.
func (t *Tunnel) relay(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	for _, way := range []struct{ to, from net.Conn }{{channel, far}, {far, channel}} {
		t.running.Go(func() {
			_, _ = io.Copy(way.to, way.from)
			_ = far.Close()
			_ = channel.Close()
		})
	}
	return &conn{near, channel.LocalAddr(), channel.RemoteAddr()}
}
