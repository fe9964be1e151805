package tunnel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres/tunnel/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo listens and returns what it receives.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

func open(t *testing.T, change func(*sshtest.Server, *Options)) (*sshtest.Server, *Tunnel) {
	t.Helper()
	target := echo(t)
	s := sshtest.Start(t, map[string]string{"db.internal:5432": target, "nobody.internal:5432": "127.0.0.1:1", "silent.internal:5432": ""})
	o := Options{Address: s.Address, User: sshtest.User, IdentityFile: s.Identity, KnownHosts: s.Known, Timeout: 5 * time.Second}
	if change != nil {
		change(s, &o)
	}
	tun := New(o)
	t.Cleanup(tun.Close)
	return s, tun
}

// roundTrip sends bytes and reads them back.
func roundTrip(t *testing.T, c net.Conn, size int) {
	t.Helper()
	sent, got := make([]byte, size), make([]byte, size)
	_, _ = rand.Read(sent)
	written := make(chan error, 1)
	go func() { _, err := c.Write(sent); written <- err }()
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil || !bytes.Equal(sent, got) {
		t.Errorf("other bytes came back, error %v", err)
	}
}

func TestConnectionsGoThroughOneSSHConnection(t *testing.T) {
	s, tun := open(t, nil)
	for range 3 {
		c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		roundTrip(t, c, 300_000)
	}
	if n, f := s.SignIns.Load(), s.Forwarded.Load(); n != 1 || f != 3 {
		t.Errorf("%d SSH connections and %d forwarded, want 1 and 3", n, f)
	}
}

func TestConnectionsHaveDeadlines(t *testing.T) {
	_, tun := open(t, nil)
	c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, c, 1000)
}

func TestABrokenSSHConnectionIsOpenedAgain(t *testing.T) {
	s, tun := open(t, nil)
	c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	s.Drop()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	c, err = tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roundTrip(t, c, 1000)
	if n := s.SignIns.Load(); n != 2 {
		t.Errorf("%d SSH connections, want 2", n)
	}
}

// TestChannelOfAConnectionThatEnds: a channel that is opened while the SSH connection ends may get no
// answer. Opening it does not wait for one.
func TestChannelOfAConnectionThatEnds(t *testing.T) {
	_, tun := open(t, nil)
	conn, err := tun.connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := (&connection{conn.client, ended}).dial(ctx, "tcp", "silent.internal:5432"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it gives up", err)
	}
}

func TestClosingEndsConnections(t *testing.T) {
	_, tun := open(t, nil)
	c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	tun.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	if _, err := tun.Dial(t.Context(), "tcp", "db.internal:5432"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
}

// TestASilentServerIsGivenUp: the server no longer answers keep-alives.
func TestASilentServerIsGivenUp(t *testing.T) {
	front, tun := frozen(t)
	c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	front.freeze()
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v, want the end of the connection", err)
	}
}

// front relays to an SSH server until it is frozen. Then it discards everything and keeps the
// connection.
type front struct{ stop chan struct{} }

func (f *front) freeze() { close(f.stop) }

func frozen(t *testing.T) (*front, *Tunnel) {
	t.Helper()
	s := sshtest.Start(t, map[string]string{"db.internal:5432": echo(t)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{stop: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in, err := listener.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial("tcp", s.Address)
		if err != nil {
			return
		}
		defer out.Close()
		go func() { _, _ = io.Copy(out, in) }()
		go func() {
			buffer := make([]byte, 64<<10)
			for {
				n, err := out.Read(buffer)
				select {
				case <-f.stop:
					n = 0
				default:
				}
				if _, writeErr := in.Write(buffer[:n]); err != nil || writeErr != nil {
					return
				}
			}
		}()
		<-f.stop
		_, _ = io.Copy(io.Discard, in) // until the client gives up
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	known, err := os.ReadFile(s.Known)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "known")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_, was, _ := net.SplitHostPort(s.Address)
	if err := os.WriteFile(file, bytes.ReplaceAll(known, []byte(":"+was), []byte(":"+port)), 0o600); err != nil {
		t.Fatal(err)
	}
	tun := New(Options{
		Address: listener.Addr().String(), User: sshtest.User, IdentityFile: s.Identity, KnownHosts: file, Timeout: 500 * time.Millisecond,
		KeepAlive: 100 * time.Millisecond,
	})
	t.Cleanup(tun.Close)
	return f, tun
}

func TestTheAgentSignsIn(t *testing.T) {
	_, tun := open(t, func(s *sshtest.Server, o *Options) {
		pem, err := os.ReadFile(s.Identity)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParseRawPrivateKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		keys := agent.NewKeyring()
		if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
		o.AgentSocket = filepath.Join(t.TempDir(), "agent")
		listener, err := net.Listen("unix", o.AgentSocket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_ = agent.ServeAgent(keys, c)
				_ = c.Close()
			}
		}()
		// Only the agent can unlock a key with a passphrase.
		o.IdentityFile = filepath.Join(t.TempDir(), "locked")
		sshtest.NewKey(t, o.IdentityFile, "open sesame")
	})
	c, err := tun.Dial(t.Context(), "tcp", "db.internal:5432")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roundTrip(t, c, 1000)
}

func TestWhatIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	other := filepath.Join(t.TempDir(), "other")
	sshtest.NewKey(t, locked, "open sesame")
	sshtest.NewKey(t, other, "")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, test := range map[string]struct {
		change     func(*sshtest.Server, *Options)
		address    string
		kind       failure.Kind
		text, hint string
	}{
		"an unknown server": {func(_ *sshtest.Server, o *Options) { o.KnownHosts = empty }, "", failure.Source,
			"is not known: its key has the fingerprint SHA256:", "ssh-keyscan -p "},
		"a server with a new key": {func(s *sshtest.Server, _ *Options) { s.KnowAnother() }, "", failure.Source, "has another key (SHA256:",
			"ssh-keygen -R '[127.0.0.1]:"},
		"no file of known hosts": {func(_ *sshtest.Server, o *Options) { o.KnownHosts = empty + ".none" }, "", failure.Usage,
			"read the known SSH hosts", "ssh-keyscan -p "},
		"another user": {func(_ *sshtest.Server, o *Options) { o.User = "root" }, "", failure.Source,
			"as root: no key was accepted", "source.ssh_user"},
		"another key": {func(_ *sshtest.Server, o *Options) { o.IdentityFile = other }, "", failure.Source,
			"no key was accepted", other},
		"no key at all": {func(_ *sshtest.Server, o *Options) { o.IdentityFile = "" }, "", failure.Usage, "there is no key",
			"source.ssh_identity_file"},
		"a key with a passphrase": {func(_ *sshtest.Server, o *Options) { o.IdentityFile = locked }, "", failure.Usage,
			"it has a passphrase", "ssh-add"},
		"a file that is no key": {func(s *sshtest.Server, o *Options) { o.IdentityFile = s.Known }, "", failure.Usage,
			"it is not a private key", ".pub"},
		"a missing key": {func(_ *sshtest.Server, o *Options) { o.IdentityFile = empty + ".none" }, "", failure.Usage,
			"read the SSH key", "source.ssh_identity_file"},
		"no agent at the socket": {func(_ *sshtest.Server, o *Options) { o.IdentityFile, o.AgentSocket = "", empty+".none" }, "", failure.Source,
			"ask the SSH agent", "ssh-agent"},
		"nobody listens": {func(_ *sshtest.Server, o *Options) { o.Address = "127.0.0.1:1" }, "", failure.Source,
			"connect to the SSH server 127.0.0.1:1", "source.ssh_host"},
		"a server that is silent": {func(_ *sshtest.Server, o *Options) {
			o.Address, o.Timeout = silent.Addr().String(), 100*time.Millisecond
		}, "", failure.Source, "no answer within 100ms", "source.ssh_host"},
		"an unknown database host": {nil, "elsewhere.internal:5432", failure.Source, "to elsewhere.internal:5432", "AllowTcpForwarding"},
		"a database that is down":  {nil, "nobody.internal:5432", failure.Source, "Connection refused", "source.url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, tun := open(t, test.change)
			if test.address == "" {
				test.address = "db.internal:5432"
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c, err := tun.Dial(ctx, "tcp", test.address)
			if err == nil {
				_ = c.Close()
				t.Fatal("no error")
			}
			if failure.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.text) || !strings.Contains(failure.HintOf(err), test.hint) {
				t.Errorf("kind %d, error %q, hint %q\nwant kind %d, %q, %q", failure.KindOf(err), err, failure.HintOf(err),
					test.kind, test.text, test.hint)
			}
		})
	}
}
