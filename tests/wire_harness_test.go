//go:build cgo && unix

package tests

import (
	"bytes"
	wire "encoding/binary"
	"strings"

	"github.com/jackc/pglogrepl"
)

// What the server's bytes on a link are for.
const (
	forCopy      = "a snapshot's rows"
	forPeek      = "a peek's changes"
	forStream    = "a stream's changes"
	forStatement = "a statement's answer"
)

// purpose says what the bytes are for that the server sends next. p.mu is held.
func (l *link) purpose() string {
	switch {
	case l.stream:
		return forStream
	case strings.Contains(l.sql, "pg_logical_slot_peek_binary_changes"):
		return forPeek
	case strings.HasPrefix(l.sql, "COPY "):
		return forCopy
	}
	return forStatement
}

// wireFault happens once, on the first link that carries so many of the
// server's bytes for a purpose.
type wireFault struct {
	purpose string
	after   int64
	drop    int    // so many bytes vanish there
	do      func() // else this is called, and the link
	goesOn  bool   // goes on, or is reset

	done bool
	on   *link // that loses bytes
	lost int
}

// stop is what happens to a message of a client.
type stop int

const (
	goOn       stop = iota
	stopBefore      // the server does not see it
	stopAfter       // it is handled, and the answer is lost
)

// asker sees what clients send, before the server does, and may stop it: do is
// called then, while nothing passes on the link, which ends after that. execution
// says that the server does something upon it. It is called from several
// goroutines; nil stops nothing.
type asker func(l *link, execution bool) (when stop, do func())

// meddle looks at what passes on a link, does what is to be done to it, and
// returns what passes and whether the link goes on.
func (p *proxy) meddle(l *link, data []byte, fromServer bool) ([]byte, bool) {
	if fromServer {
		return p.answering(l, data)
	}
	p.mu.Lock()
	execution := l.read(data)
	asked := p.asked
	p.mu.Unlock()
	if asked == nil || len(data) == 0 {
		return data, true
	}
	when, do := asked(l, execution)
	if when == stopBefore {
		do()
		return nil, false
	}
	if when == stopAfter {
		p.set(func() { l.answered = do })
	}
	return data, true
}

// read notes what a client says, and tells whether the server does something
// upon it. p.mu is held.
func (l *link) read(data []byte) (execution bool) {
	l.acking = false
	for len(data) >= 5 {
		kind, size := data[0], int(wire.BigEndian.Uint32(data[1:]))
		if size < 4 || 1+size > len(data) {
			return execution
		}
		text := data[5 : 1+size]
		data = data[1+size:]
		switch kind {
		case 'Q':
			l.sql, execution = string(bytes.TrimRight(text, "\x00")), true
		case 'P':
			_, query, _ := bytes.Cut(text, []byte{0})
			l.sql = string(query[:max(0, bytes.IndexByte(query, 0))])
		case 'E':
			execution = true
		case 'd': // a standby's status: written, flushed, applied
			if len(text) < 17 || text[0] != 'r' {
				continue
			}
			flushed := pglogrepl.LSN(wire.BigEndian.Uint64(text[9:]))
			l.acking = l.acked != 0 && flushed > l.acked
			l.acked = max(l.acked, flushed)
			execution = l.acking
		}
	}
	return execution
}

// answering does to the server's bytes what is to be done.
func (p *proxy) answering(l *link, data []byte) ([]byte, bool) {
	p.mu.Lock()
	answered := l.answered
	l.answered = nil
	p.mu.Unlock()
	if answered != nil {
		answered()
		return nil, false
	}
	p.mu.Lock()
	purpose, f := l.purpose(), p.fault
	before := p.passed[purpose]
	p.passed[purpose] = before + int64(len(data))
	hit := f != nil && !f.done && f.purpose == purpose && before+int64(len(data)) > f.after
	if hit {
		f.done, f.on = true, l
	}
	mine := f != nil && f.on == l
	p.mu.Unlock()
	if !mine {
		return data, true
	}
	if f.drop > 0 {
		from := 0
		if hit {
			from = int(max(0, f.after-before))
		}
		n := min(f.drop-f.lost, len(data)-from)
		f.lost += n
		return append(data[:from:from], data[from+n:]...), true
	}
	if !hit {
		return data, true
	}
	at := int(max(0, f.after-before))
	if f.do != nil {
		f.do()
	}
	if f.goesOn {
		return data, true
	}
	return data[:at], false
}

// breaks lets a fault happen, the bytes counted from here on.
func (p *proxy) breaks(f *wireFault) {
	p.set(func() {
		clear(p.passed)
		p.fault = f
	})
}

// happened says whether the fault has happened.
func (p *proxy) happened() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault != nil && p.fault.done
}
