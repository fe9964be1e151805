package copybinary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	signature = "PGCOPY\n\xff\r\n\x00"
	// A header is the signature, flags and the length of its extension.
	headerSize = len(signature) + 4 + 4
	// These flag bits change the format; others may be ignored.
	criticalFlags = 0xffff0000
	// No server has a value this large.
	maxField = 1 << 30
	// Memory above this size, used for a large value, is released after the value.
	keepRest = 1 << 20
)

var errClosed = errors.New("write to a closed parser")

// state is what the parser expects next.
type state uint8

const (
	inHeader state = iota
	inExtension
	inTuples
	afterTrailer
)

// Parser is an io.Writer that receives the stream and calls back for each tuple. One goroutine uses
// it. After an error it accepts nothing more.
type Parser struct {
	tuple  func(fields [][]byte) error
	fields [][]byte
	state  state
	skip   uint32 // bytes of the header's extension still to come
	rest   []byte // incomplete header or tuple of the last chunk
	need   int    // length of rest below which parsing again is useless
	tuples int64
	err    error
}

// NewParser makes a parser for a stream whose tuples have the given number of fields. It calls tuple
// for each tuple, in the stream's order, with its fields. A nil field is NULL; a value is never nil.
// Fields alias the stream's chunk or the parser's buffer. They, and the slice that holds them, are
// valid during the call. An error of tuple ends the parsing and is returned unchanged.
func NewParser(fields int, tuple func(fields [][]byte) error) *Parser {
	return &Parser{tuple: tuple, fields: make([][]byte, fields)}
}

// Tuples is the number of tuples that the callback accepted.
func (p *Parser) Tuples() int64 { return p.tuples }

// Write parses the next chunk of the stream, of any size. It keeps no reference to chunk.
func (p *Parser) Write(chunk []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	if len(p.rest) == 0 {
		n, err := p.parse(chunk)
		if err != nil {
			p.err = err
			return 0, err
		}
		p.rest = append(p.rest, chunk[n:]...)
		return len(chunk), nil
	}
	p.rest = append(p.rest, chunk...)
	if len(p.rest) < p.need {
		return len(chunk), nil
	}
	n, err := p.parse(p.rest)
	if err != nil {
		p.err = err
		return 0, err
	}
	if left := p.rest[n:]; cap(p.rest) > keepRest && len(left) < keepRest {
		p.rest = append([]byte(nil), left...)
	} else {
		p.rest = p.rest[:copy(p.rest, left)]
	}
	return len(chunk), nil
}

// Close returns an error unless the stream was complete, that is, unless its trailer arrived. The error
// then wraps io.ErrUnexpectedEOF.
func (p *Parser) Close() error {
	if p.err != nil {
		return p.err
	}
	if p.state != afterTrailer {
		p.err = fmt.Errorf("parse COPY stream: no trailer after %d tuples: %w", p.tuples, io.ErrUnexpectedEOF)
		return p.err
	}
	p.err = errClosed
	return nil
}

// parse consumes as many whole pieces of data as there are and returns their length. The rest of data
// must grow to p.need bytes before the next piece can be whole.
func (p *Parser) parse(data []byte) (int, error) {
	pos := 0
	for {
		n, err := p.piece(data[pos:])
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return pos, nil
		}
		pos += n
	}
}

// piece consumes one piece. 0 means that the piece is not whole, and needs p.need bytes.
func (p *Parser) piece(data []byte) (int, error) {
	switch p.state {
	case inTuples:
		return p.parseTuple(data)
	case inHeader:
		return p.parseHeader(data)
	case inExtension:
		n := int(min(int64(p.skip), int64(len(data))))
		p.need = 1
		if p.skip -= uint32(n); p.skip == 0 {
			p.state = inTuples
			if n == 0 {
				return p.parseTuple(data)
			}
		}
		return n, nil
	default:
		p.need = 1
		if len(data) > 0 {
			return 0, fmt.Errorf("parse COPY stream: %d bytes after the trailer", len(data))
		}
		return 0, nil
	}
}

func (p *Parser) parseHeader(data []byte) (int, error) {
	p.need = headerSize
	n := min(len(data), len(signature))
	if string(data[:n]) != signature[:n] {
		return 0, fmt.Errorf("parse COPY stream: it begins with %q, which is not the binary format's signature", data[:n])
	}
	if len(data) < headerSize {
		return 0, nil
	}
	flags := binary.BigEndian.Uint32(data[len(signature):])
	if flags&criticalFlags != 0 {
		return 0, fmt.Errorf("parse COPY stream: flags %#08x in the header say that the format is one that is not known here", flags)
	}
	p.skip = binary.BigEndian.Uint32(data[len(signature)+4:])
	if p.skip >= maxField {
		return 0, fmt.Errorf("parse COPY stream: a header extension of %d bytes", int32(p.skip))
	}
	p.state = inExtension
	return headerSize, nil
}

func (p *Parser) parseTuple(data []byte) (int, error) {
	if len(data) < 2 {
		p.need = 2
		return 0, nil
	}
	count := int(int16(binary.BigEndian.Uint16(data)))
	if count == -1 {
		p.state = afterTrailer
		return 2, nil
	}
	if count != len(p.fields) {
		return 0, fmt.Errorf("parse COPY stream: tuple %d has %d fields, want %d", p.tuples+1, count, len(p.fields))
	}
	pos := 2
	for i := range p.fields {
		if len(data)-pos < 4 {
			p.need = pos + 4
			return 0, nil
		}
		length := int(int32(binary.BigEndian.Uint32(data[pos:])))
		pos += 4
		if length == -1 {
			p.fields[i] = nil
			continue
		}
		if length < 0 || length >= maxField {
			return 0, fmt.Errorf("parse COPY stream: field %d of tuple %d has a length of %d bytes", i+1, p.tuples+1, length)
		}
		if len(data)-pos < length {
			p.need = pos + length
			return 0, nil
		}
		p.fields[i] = data[pos : pos+length : pos+length]
		pos += length
	}
	if err := p.tuple(p.fields); err != nil {
		return 0, err
	}
	p.tuples++
	if pos > keepRest {
		clear(p.fields)
	}
	return pos, nil
}
