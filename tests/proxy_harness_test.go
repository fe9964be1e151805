//go:build cgo && unix

package tests

import (
	"bytes"
	"maps"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pglogrepl"
)

// proxy stands between a run and its server and does to their connections what
// networks do. Its methods may be called from any goroutine.
type proxy struct {
	t        *testing.T
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // after each change of what follows
	links   map[*link]bool
	stalled func(*link) bool // of which links nothing passes; nil for none
	refuses bool             // new connections are reset
	closed  bool
	cut     int64 // a stream is reset within the server's bytes when so many more have passed; below 0: none
	fault   *wireFault
	asked   asker
	passed  map[string]int64 // bytes that servers sent, by what for
}

// link is one connection through the proxy.
type link struct {
	client, server *net.TCPConn
	stream         bool // it speaks the replication protocol
	broken         bool
	sql            string        // newest statement
	acked          pglogrepl.LSN // newest position that was acknowledged on a stream
	acking         bool          // what was sent last raised it
	answered       func()        // called once when the server says more
}

// newProxy starts a proxy for the server of a connection string, which the test
// ends.
func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: listener, to: u.Host, links: map[*link]bool{}, cut: -1, passed: map[string]int64{}}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

// url gives a connection string that leads through the proxy.
func (p *proxy) url(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		p.t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	return u.String()
}

// set changes what is done to the bytes, and wakes who waits for that.
func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

// all and streams choose links.
func all(*link) bool       { return true }
func streams(l *link) bool { return l.stream }

// reset ends the links that which chooses, as a firewall does.
func (p *proxy) reset(which func(*link) bool) {
	p.set(func() {
		for l := range p.links {
			if which(l) {
				p.breakOff(l, true)
			}
		}
	})
}

// end ends all links in order, as a server does.
func (p *proxy) end() {
	p.set(func() {
		for l := range p.links {
			p.breakOff(l, false)
		}
	})
}

// stall stops all bytes on the links that which chooses, also on new ones, until flow. Neither end notices.
func (p *proxy) stall(which func(*link) bool) { p.set(func() { p.stalled = which }) }

// stallPresent lets nothing pass any more on the links that there are; new ones
// work.
func (p *proxy) stallPresent() {
	p.set(func() {
		present := maps.Clone(p.links)
		p.stalled = func(l *link) bool { return present[l] }
	})
}

// flow ends a stall.
func (p *proxy) flow() { p.set(func() { p.stalled = nil }) }

// refuse resets new connections, or takes them again.
func (p *proxy) refuse(yes bool) { p.set(func() { p.refuses = yes }) }

// cutAfter resets a stream when so many more bytes have come from the server on
// streams, in the middle of whatever it is saying.
func (p *proxy) cutAfter(bytes int64) { p.set(func() { p.cut = bytes }) }

// pending says whether a cut is still to come.
func (p *proxy) pending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut >= 0
}

// close ends the proxy and waits for its goroutines.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.closed, p.stalled = true, nil })
	p.reset(all)
	p.wg.Wait()
}

// breakOff ends a link. p.mu is held.
func (p *proxy) breakOff(l *link, reset bool) {
	if reset {
		_ = l.client.SetLinger(0)
		_ = l.server.SetLinger(0)
	}
	l.broken = true
	_ = l.client.Close()
	_ = l.server.Close()
	delete(p.links, l)
}

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		client := conn.(*net.TCPConn)
		server, err := net.Dial("tcp", p.to)
		p.mu.Lock()
		if err != nil || p.refuses || p.closed {
			_ = client.SetLinger(0)
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			p.mu.Unlock()
			continue
		}
		l := &link{client: client, server: server.(*net.TCPConn)}
		p.links[l] = true
		p.mu.Unlock()
		p.wg.Go(func() { p.pass(l, l.client, l.server, false) })
		p.wg.Go(func() { p.pass(l, l.server, l.client, true) })
	}
}

// pass carries bytes one way until the link ends.
func (p *proxy) pass(l *link, from, to *net.TCPConn, fromServer bool) {
	buffer := make([]byte, 16<<10)
	for first := true; ; first = false {
		n, err := from.Read(buffer)
		if first && !fromServer && bytes.Contains(buffer[:n], []byte("\x00replication\x00")) {
			p.set(func() { l.stream = true })
		}
		part, goesOn := p.allow(l, buffer[:n], fromServer)
		if goesOn {
			part, goesOn = p.meddle(l, part, fromServer)
		}
		if _, writeErr := to.Write(part); err != nil || writeErr != nil || !goesOn {
			p.set(func() { p.breakOff(l, !goesOn) })
			return
		}
	}
}

// allow waits out a stall and returns what passes of data, and whether the link
// goes on after that.
func (p *proxy) allow(l *link, data []byte, fromServer bool) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled != nil && p.stalled(l) && !l.broken && !p.closed {
		p.changed.Wait()
	}
	if !fromServer || !l.stream || len(data) == 0 || p.cut < 0 {
		return data, true
	}
	if int64(len(data)) < p.cut {
		p.cut -= int64(len(data))
		return data, true
	}
	part := data[:p.cut]
	p.cut = -1
	return part, false
}
