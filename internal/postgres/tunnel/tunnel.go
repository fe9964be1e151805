package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Options define which SSH server to use, and how to sign in to it.
type Options struct {
	Address string // host:port, or host for port 22
	User    string
	// IdentityFile is the file of a private key. IdentityKey is a private key itself (PEM), and takes
	// precedence. The agent at AgentSocket signs in if there is neither, or if the key has a
	// passphrase.
	IdentityFile string
	IdentityKey  []byte
	AgentSocket  string // SSH_AUTH_SOCK; empty: no agent
	// KnownHosts is a file in OpenSSH's format with the server's key.
	KnownHosts string

	Timeout   time.Duration // to connect and sign in; 0: 15 s
	KeepAlive time.Duration // between keep-alives; 0: 30 s
}

// Tunnel makes connections through one SSH connection. It opens that with the first connection, and
// again after it broke. Its methods are safe for concurrent use. The caller closes it.
type Tunnel struct {
	opt     Options
	running sync.WaitGroup // goroutines of connections and of keep-alives

	mu     sync.Mutex
	conn   *connection // nil: none, or it broke
	closed bool
}

// New makes a tunnel that is not connected yet.
func New(o Options) *Tunnel {
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		o.Address = net.JoinHostPort(o.Address, "22")
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 30 * time.Second
	}
	return &Tunnel{opt: o}
}

// Dial connects from the SSH server to an address. The SSH server resolves the name. The network is
// tcp, or unix for a socket on that server.
func (t *Tunnel) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	channel, err := t.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = channel.Close()
		return nil, net.ErrClosed
	}
	return t.relay(channel), nil
}

// open opens a channel. If the SSH connection turns out to have ended, open retries once with a new
// one.
func (t *Tunnel) open(ctx context.Context, network, address string) (net.Conn, error) {
	for first := true; ; first = false {
		conn, err := t.connected(ctx)
		if err != nil {
			return nil, err
		}
		channel, err := conn.dial(ctx, network, address)
		if err == nil {
			return channel, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect through %s: %w", t.opt.Address, context.Cause(ctx))
		}
		var refused *ssh.OpenChannelError
		if errors.As(err, &refused) || !first {
			return nil, failure.New(failure.Source, "connect from the SSH server %s to %s: %w", t.opt.Address, address, err).
				WithHint("is the server up, and reachable from %s? check host and port (source.url, PGHOST, PGPORT), "+
					"and that the SSH server allows forwarding (AllowTcpForwarding)", t.opt.Address)
		}
		t.drop(conn)
	}
}

// drop ends an SSH connection, so that the next caller gets another.
func (t *Tunnel) drop(conn *connection) {
	_ = conn.client.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == conn {
		t.conn = nil
	}
}

// connected returns the SSH connection.
func (t *Tunnel) connected(ctx context.Context) (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, net.ErrClosed
	}
	if t.conn != nil {
		return t.conn, nil
	}
	client, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	ended, end := context.WithCancel(context.Background())
	t.conn = &connection{client, ended}
	t.running.Add(1)
	go t.watch(t.conn, end)
	return t.conn, nil
}

// connection is an SSH connection. ended is done once it has ended.
type connection struct {
	client *ssh.Client
	ended  context.Context
}

// dial opens a channel. A channel that is opened in the moment in which the connection ends may never
// get an answer, so dial gives up at that end.
func (c *connection) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ended, cancel)()
	return c.client.DialContext(ctx, network, address)
}

// watch sends keep-alives to the server until the connection ends, and ends the connection if there is
// no reply.
func (t *Tunnel) watch(conn *connection, end context.CancelFunc) {
	defer t.running.Done()
	client := conn.client
	go func() {
		defer end()
		_ = client.Wait()
	}()
	tick := time.NewTicker(t.opt.KeepAlive)
	defer tick.Stop()
	for alive := true; alive; {
		select {
		case <-conn.ended.Done():
			alive = false
		case <-tick.C:
			// The request ends at the latest when the connection does.
			silent := time.AfterFunc(t.opt.Timeout, func() { _ = client.Close() })
			_, _, _ = client.SendRequest("keepalive@openssh.com", true, nil)
			silent.Stop()
		}
	}
	t.drop(conn)
	<-conn.ended.Done()
}

// Close ends the SSH connection and all connections through it. It returns when their goroutines have
// ended.
func (t *Tunnel) Close() {
	t.mu.Lock()
	t.closed = true
	conn := t.conn
	t.mu.Unlock()
	if conn != nil {
		_ = conn.client.Close()
	}
	t.running.Wait()
}
