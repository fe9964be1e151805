//go:build cgo && unix

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
)

// pooler stands between a run and its server as a pooler of connections does. It
// keeps parameters of the session's start, and gives what a session did so far
// to another one of the server's.
type pooler struct {
	t        *testing.T
	listener net.Listener
	server   string // connection string
	keeps    func(parameter string) bool
	shares   bool // a session gets another one of the server's when the next one begins
	refuses  bool // a start with parameters that it keeps, as PgBouncer does

	wg       sync.WaitGroup
	mu       sync.Mutex
	sessions []*pooled
}

// pooled is a session of a client's.
type pooled struct {
	mu     sync.Mutex
	client net.Conn
	server net.Conn
	former []net.Conn // that it had before
}

func newPooler(t *testing.T, server string, keeps func(string) bool, shares bool) *pooler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{t: t, listener: listener, server: server, keeps: keeps, shares: shares}
	p.wg.Go(p.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		for _, s := range p.sessions {
			s.close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (s *pooled) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range append(s.former, s.client, s.server) {
		_ = conn.Close()
	}
}

func (p *pooler) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if err := p.begin(client); err != nil {
			_ = client.Close()
		}
	}
}

// begin passes a client's start on, without the parameters that are kept.
func (p *pooler) begin(client net.Conn) error {
	message, err := pgproto3.NewBackend(client, client).ReceiveStartupMessage()
	if err != nil {
		return err
	}
	start, ok := message.(*pgproto3.StartupMessage)
	if !ok {
		return io.ErrUnexpectedEOF // a cancellation
	}
	for name := range start.Parameters {
		if p.keeps(name) && p.refuses {
			refusal, err := (&pgproto3.ErrorResponse{
				Severity: "FATAL", Code: pgerrcode.ProtocolViolation, Message: "unsupported startup parameter: " + name,
			}).Encode(nil)
			if err == nil {
				_, err = client.Write(refusal)
			}
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if p.keeps(name) {
			delete(start.Parameters, name)
		}
	}
	u, err := url.Parse(p.server)
	if err != nil {
		return err
	}
	server, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err
	}
	packet, err := start.Encode(nil)
	if err != nil {
		return err
	}
	if _, err := server.Write(packet); err != nil {
		return err
	}
	s := &pooled{client: client, server: server}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shares {
		for _, before := range p.sessions {
			p.swap(before)
		}
	}
	p.sessions = append(p.sessions, s)
	p.wg.Go(func() { _, _ = io.Copy(client, server) })
	p.wg.Go(func() { s.relay() })
	return nil
}

// relay passes a client's messages to the session of the server's that it has.
func (s *pooled) relay() {
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(s.client, head); err != nil {
			s.close()
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(s.client, body); err != nil {
			s.close()
			return
		}
		s.mu.Lock()
		_, err := s.server.Write(slices.Concat(head, body))
		s.mu.Unlock()
		if err != nil {
			s.close()
			return
		}
	}
}

// swap gives an idle session another one of the server's.
func (p *pooler) swap(s *pooled) {
	conn, err := pgconn.Connect(context.Background(), p.server)
	if err != nil {
		p.t.Error(err)
		return
	}
	// A driver that was slow to write reads in the background, and would take
	// what the server answers next.
	if err := conn.SyncConn(context.Background()); err != nil {
		p.t.Error(err)
		return
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.former, s.server = append(s.former, s.server), hijacked.Conn
	p.wg.Go(func() { _, _ = io.Copy(s.client, hijacked.Conn) })
}

// TestAPoolerIsInBetween: a pooler is recognised by its behaviour, whichever it is.
func TestAPoolerIsInBetween(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	through := func(keeps func(string) bool, shares bool) {
		t.Helper()
		p := newPooler(t, b.url, keeps, shares)
		b.source(func(u *url.URL) { u.Host = p.listener.Addr().String() })
	}
	const hint = "set the address of the server itself"
	through(func(string) bool { return false }, false)
	b.works("check") // a proxy that does nothing is none

	kept := []string{"user", "database", "application_name", "client_encoding"}
	through(func(name string) bool { return !slices.Contains(kept, name) }, false)
	what := "settings of the session did not reach the server ("
	b.finds(failure.Source, finding.Problem, "source", what, hint)
	for _, command := range []string{"full-load", "cdc", "status", "verify"} {
		b.fails(failure.Source, what, hint, command)
	}
	through(func(name string) bool { return name == "lock_timeout" }, false)
	b.fails(failure.Source, what+"lock_timeout)", hint, "full-load")

	through(func(name string) bool { return name == "replication" }, false)
	b.fails(failure.Source, "identify the system", hint, "full-load")

	through(func(string) bool { return false }, true)
	b.finds(failure.Source, finding.Problem, "source",
		"a pooler that shares sessions is in between: one session was two on the server, pid ", hint)
	b.noSlot()
}

// TestSnapshotsAloneGoThroughAPooler: a pooler that keeps a session for each client passes on few of the session's settings, or
// refuses the others, as PgBouncer does. Snapshots alone get them by SQL. One that shares sessions is refused.
func TestSnapshotsAloneGoThroughAPooler(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY, at timestamptz, f float8)", "INSERT INTO a VALUES (1, '2026-01-01', 0.1)",
		`ALTER DATABASE `+b.database()+` SET timezone = 'Asia/Kolkata'`, `ALTER DATABASE `+b.database()+` SET extra_float_digits = -15`)
	b.env["INGEST_SOURCE_CHANGES"] = "none"
	kept := []string{"user", "database", "application_name", "client_encoding"}
	through := func(p *pooler) {
		b.source(func(u *url.URL) { u.Host = p.listener.Addr().String() })
	}
	keeps := func(name string) bool { return !slices.Contains(kept, name) }
	through(newPooler(t, b.url, keeps, false))
	b.works("full-load")
	b.works("verify", "--full")
	b.works("check")
	b.noSlot()

	refusing := newPooler(t, b.url, keeps, false)
	refusing.refuses = true
	through(refusing)
	b.works("full-load")
	b.works("verify", "--full")

	through(newPooler(t, b.url, keeps, true))
	b.fails(failure.Source, "a pooler that shares sessions is in between", "pool_mode = session", "full-load")
}
