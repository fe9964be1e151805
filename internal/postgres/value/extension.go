package value

import (
	"bytes"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// vectorElement is the type in which pgvector prints its numbers.
var vectorElement = schema.PostgresType{OID: schema.OIDFloat4, Typmod: -1, Name: "real", Base: schema.OIDFloat4, BaseTypmod: -1, Class: "b"}

// decodeVector reads a vector as vector_out and halfvec_out print it: numbers in brackets, none of
// them NULL.
func decodeVector(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) < 2 || wire[0] != '[' || wire[len(wire)-1] != ']' {
		return malformed
	}
	for rest, more := wire[1:len(wire)-1], len(wire) > 2; more; {
		var element []byte
		element, rest, more = bytes.Cut(rest, []byte{','})
		rescued, err := d.elem.Append(dst.Elem(), element)
		if err != nil || rescued != nil {
			dst.DropElements()
			if d.cause = err; err != nil {
				return malformed
			}
			return unfit
		}
	}
	dst.EndList()
	return fits
}

// decodeHstore reads a set of pairs as hstore_out prints it:
//
//	"key"=>"value", "other"=>NULL
//
// with a backslash before quotes and backslashes. Keys are unique, and in an
// order of hstore's own.
func decodeHstore(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if d.opts.CheckUTF8 && !utf8.Valid(wire) {
		return unfit
	}
	for rest, more := wire, len(wire) > 0; more; {
		var ok bool
		if rest, ok = d.appendPair(dst, rest); !ok {
			dst.DropElements()
			return malformed
		}
		if more = len(rest) > 0; more {
			if rest, ok = bytes.CutPrefix(rest, []byte(", ")); !ok {
				dst.DropElements()
				return malformed
			}
		}
	}
	dst.EndList()
	return fits
}

// appendPair takes one pair off text.
func (d *Decoder) appendPair(dst *vector.Column, text []byte) (rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, false
	}
	key, rest, ok := d.quoted(text[1:])
	if !ok {
		return nil, false
	}
	dst.Key().AppendBytes(key) // before the value, which may share its memory
	if rest, ok = bytes.CutPrefix(rest, []byte("=>")); !ok {
		return nil, false
	}
	if rest, null := bytes.CutPrefix(rest, []byte("NULL")); null {
		dst.Elem().AppendNull()
		return rest, true
	}
	if len(rest) == 0 || rest[0] != '"' {
		return nil, false
	}
	value, rest, ok := d.quoted(rest[1:])
	if ok {
		dst.Elem().AppendBytes(value)
	}
	return rest, ok
}
