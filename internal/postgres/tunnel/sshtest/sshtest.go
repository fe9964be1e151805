// Package sshtest gives tests an SSH server on loopback that forwards connections (RFC 4254, 7.2).
// Tests can break the connections.
package sshtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// User may sign in, with Server.Identity.
const User = "tunnel"

// Server is a running SSH server. It ends with the test.
type Server struct {
	Address  string // host:port
	Identity string // file with the private key that signs in
	Known    string // known_hosts file that contains the server

	// Forwarded counts the connections made for clients; SignIns counts the SSH connections.
	Forwarded, SignIns atomic.Int64

	t        testing.TB
	config   *ssh.ServerConfig
	listener net.Listener
	key      ssh.Signer
	names    map[string]string
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

// Start starts a server. names maps host:port to host:port. The server refuses to connect to any other
// address. If a name maps to "", the server never answers.
func Start(t testing.TB, names map[string]string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{
		t: t, names: names, open: map[net.Conn]bool{}, Identity: filepath.Join(dir, "id_ed25519"), Known: filepath.Join(dir, "known_hosts"),
	}
	user := NewKey(t, s.Identity, "")
	s.key = NewKey(t, filepath.Join(dir, "host"), "")
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() == User && string(key.Marshal()) == string(user.PublicKey().Marshal()) {
			return nil, nil //nolint:nilnil // no permissions beyond the sign-in
		}
		return nil, errors.New("not this key")
	}}
	// A second key, of a kind that clients ask for first and that no client knows.
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := ssh.NewSignerFromKey(other)
	if err != nil {
		t.Fatal(err)
	}
	s.config.AddHostKey(unknown)
	s.config.AddHostKey(s.key)
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = s.listener.Addr().String()
	s.know(s.key.PublicKey())
	s.running.Add(1)
	go s.accept()
	t.Cleanup(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		_ = s.listener.Close()
		s.Drop()
		s.running.Wait()
	})
	return s
}

// NewKey writes a new private key to a file, under a passphrase if there is one.
func NewKey(t testing.TB, file, passphrase string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *Server) know(key ssh.PublicKey) {
	line := knownhosts.Line([]string{knownhosts.Normalize(s.Address)}, key)
	if err := os.WriteFile(s.Known, []byte(line+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// KnowAnother adds a key that is not the server's to the known_hosts file.
func (s *Server) KnowAnother() {
	s.t.Helper()
	s.know(NewKey(s.t, filepath.Join(s.t.TempDir(), "another"), "").PublicKey())
}

// Drop breaks all connections.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
}

// keep notes a connection until it is forgotten; false: the server has ended.
func (s *Server) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.open[c] = true
	return true
}

func (s *Server) forget(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	_ = c.Close()
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.keep(c) {
			return
		}
		s.running.Go(func() {
			defer s.forget(c)
			s.serve(c)
		})
	}
}

func (s *Server) serve(c net.Conn) {
	connection, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	s.SignIns.Add(1)
	s.running.Go(func() {
		ssh.DiscardRequests(requests)
	})
	for channel := range channels {
		s.running.Go(func() {
			s.forward(channel)
		})
	}
}

// forward serves one direct-tcpip channel.
func (s *Server) forward(asked ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if asked.ChannelType() != "direct-tcpip" || ssh.Unmarshal(asked.ExtraData(), &to) != nil {
		_ = asked.Reject(ssh.UnknownChannelType, asked.ChannelType())
		return
	}
	target, known := s.names[net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))]
	if !known {
		_ = asked.Reject(ssh.ConnectionFailed, "Name or service not known")
		return
	}
	if target == "" {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		_ = asked.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	if !s.keep(out) {
		_ = asked.Reject(ssh.ConnectionFailed, "shutting down")
		return
	}
	defer s.forget(out)
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	s.Forwarded.Add(1)
	var copying sync.WaitGroup
	copying.Add(3)
	go func() { defer copying.Done(); ssh.DiscardRequests(requests) }()
	for _, way := range []struct {
		to   io.Writer
		from io.Reader
	}{{channel, out}, {out, channel}} {
		go func() {
			defer copying.Done()
			_, _ = io.Copy(way.to, way.from)
			_ = channel.Close()
			_ = out.Close()
		}()
	}
	copying.Wait()
}
