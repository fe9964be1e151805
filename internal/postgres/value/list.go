package value

import (
	"cmp"
	"fmt"

	"github.com/ingest-tool/ingest/internal/vector"
)

// initList prepares d for the text of an array or a vector. Any other text is rescued whole: the
// target became a list when its source was one.
func (d *Decoder) initList() error {
	src := d.src.Elem
	switch {
	case d.src.IsVector():
		src = &vectorElement
	case src == nil:
		d.decode = decodeNothing
		return nil
	}
	converted := d.opts // already converted, with the whole text
	converted.Charset = nil
	elem, err := NewText(*src, *d.target.Elem, converted)
	if err != nil {
		return err
	}
	d.elem, d.delim = elem, ','
	if d.src.IsVector() {
		d.decode = decodeVector
		return nil
	}
	switch delim := cmp.Or(d.src.Elem.Delim, d.src.Delim); len(delim) {
	case 0:
	case 1:
		d.delim = delim[0]
	default:
		return fmt.Errorf("decode %s as text: its elements' delimiter is %q, want one byte", d.src.Name, delim)
	}
	d.decode = decodeList
	return nil
}

// decodeList reads an array as array_out prints it. A list is an array of one dimension with the lower
// bound 1, or an empty array. array_out prints the bounds in front if one of them is not 1. A second
// dimension starts with another brace.
func decodeList(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) > 1 && (wire[0] == '[' || wire[0] == '{' && wire[1] == '{') {
		return unfit
	}
	if len(wire) < 2 || wire[0] != '{' || wire[len(wire)-1] != '}' {
		return malformed
	}
	if result := d.appendElements(dst, wire[1:]); result != fits {
		dst.DropElements()
		return result
	}
	dst.EndList()
	return fits
}

// appendElements appends the elements of text. text begins after the opening brace and ends with the
// closing one.
func (d *Decoder) appendElements(dst *vector.Column, text []byte) outcome {
	if text[0] == '}' {
		return whole(len(text) == 1)
	}
	for {
		element, rest, ok := d.nextElement(text)
		if !ok {
			return malformed
		}
		rescued, err := d.elem.Append(dst.Elem(), element)
		switch {
		case err != nil:
			d.cause = err
			return malformed
		case rescued != nil:
			return unfit
		case rest[0] == '}':
			return whole(len(rest) == 1)
		}
		text = rest[1:]
	}
}

func whole(complete bool) outcome {
	if complete {
		return fits
	}
	return malformed
}

// nextElement reads one element of text and returns it without its quotes; nil is NULL. rest begins
// with the delimiter or the closing brace.
func (d *Decoder) nextElement(text []byte) (element, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		element, rest, ok = d.quoted(text[1:])
	} else {
		element, rest, ok = d.bare(text)
	}
	return element, rest, ok && len(rest) > 0 && (rest[0] == d.delim || rest[0] == '}')
}

// quoted reads up to the closing quote. It aliases text unless it has to remove a backslash.
func (d *Decoder) quoted(text []byte) (element, rest []byte, ok bool) {
	for i, c := range text {
		switch c {
		case '"':
			return text[:i:i], text[i+1:], true
		case '\\':
			return d.escaped(text, i)
		}
	}
	return nil, nil, false
}

// escaped continues from a quoted element's first backslash, at i.
func (d *Decoder) escaped(text []byte, i int) (element, rest []byte, ok bool) {
	d.scratch = append(d.scratch[:0], text[:i]...)
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return d.scratch, text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return nil, nil, false
			}
		}
		d.scratch = append(d.scratch, text[i])
	}
	return nil, nil, false
}

// bare reads an element without quotes. array_out prints one only if it is not empty, is not NULL and
// contains neither white space nor the syntax's own bytes.
func (d *Decoder) bare(text []byte) (element, rest []byte, ok bool) {
	for i, c := range text {
		switch c {
		case d.delim, '}':
			if string(text[:i]) == "NULL" {
				return nil, text[i:], i > 0
			}
			return text[:i:i], text[i:], i > 0
		case '"', '\\', '{':
			return nil, nil, false
		}
	}
	return nil, nil, false
}
