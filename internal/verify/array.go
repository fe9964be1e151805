package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// appendList appends the elements of an array as array_out prints it, or of a
// vector. Only the empty array and arrays of one dimension from 1 on are lists.
// The manual: "Array Input and Output Syntax".
func (c *codec) appendList(dst, text []byte) (_ []byte, ok bool) {
	n := len(text)
	if n < 2 || text[0] != c.bounds[0] || text[n-1] != c.bounds[1] {
		return dst, false
	}
	text = text[1 : n-1]
	for first := true; len(text) > 0; first = false {
		if !first {
			if text[0] != c.delim {
				return dst, false
			}
			text = text[1:]
		}
		var element []byte
		var null bool
		if element, null, text, ok = c.element(text); !ok {
			return dst, false
		}
		if null {
			dst = append(dst, 0)
			continue
		}
		canonical, ok := c.elem.appendText([]byte{fits}, element)
		if !ok {
			return dst, false
		}
		dst = appendCell(dst, canonical)
	}
	return dst, true
}

// element splits one element off text.
func (c *codec) element(text []byte) (element []byte, null bool, rest []byte, ok bool) {
	if len(text) == 0 || text[0] == '{' {
		return nil, false, nil, false
	}
	if text[0] != '"' {
		end := bytes.IndexByte(text, c.delim)
		if end < 0 {
			end = len(text)
		}
		return text[:end], string(text[:end]) == "NULL", text[end:], end > 0
	}
	element, rest, ok = quoted(text)
	return element, false, rest, ok
}

// quoted splits a quoted text off text. A backslash escapes.
func quoted(text []byte) (inner, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	inner = []byte{} // nil is NULL
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return inner, text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return nil, nil, false
			}
		}
		inner = append(inner, text[i])
	}
	return nil, nil, false
}

// appendJSONList appends the elements of the target's array, which is a JSON
// array of the texts that elementExpr makes.
func (c *codec) appendJSONList(dst []byte, text string) ([]byte, error) {
	var elements []*string
	if err := json.Unmarshal([]byte(text), &elements); err != nil {
		return nil, fmt.Errorf("read an array: %w", err)
	}
	for _, e := range elements {
		if e == nil {
			dst = append(dst, 0)
			continue
		}
		canonical, err := c.elem.appendTargetText([]byte{fits}, *e)
		if err != nil {
			return nil, err
		}
		dst = appendCell(dst, canonical)
	}
	return dst, nil
}

// appendTargetText appends the text that elementExpr makes of a value.
func (c *codec) appendTargetText(dst []byte, s string) ([]byte, error) {
	switch c.kind {
	case schema.Float32, schema.Float64:
		bits := 64
		if c.kind == schema.Float32 {
			bits = 32
		}
		f, err := strconv.ParseFloat(s, bits)
		return appendFloat(dst, f), err
	case schema.Variant:
		dst, ok := appendJSON(dst, []byte(s))
		if !ok {
			return nil, fmt.Errorf("read a VARIANT: %q", s)
		}
		return dst, nil
	case schema.Decimal:
		dst, ok := appendDecimal(dst, []byte(s), c.precision, c.scale)
		if !ok {
			return nil, fmt.Errorf("read a DECIMAL(%d,%d): %q", c.precision, c.scale, s)
		}
		return dst, nil
	case schema.Binary:
		return hex.AppendDecode(dst, []byte(s))
	case schema.List:
		return c.appendJSONList(dst, s)
	case schema.StringMap:
		return appendJSONMap(dst, s)
	default:
		return append(dst, s...), nil
	}
}

func (c *codec) displayList(b []byte) string {
	var parts []string
	for len(b) > 0 {
		if b[0] == 0 {
			parts, b = append(parts, "NULL"), b[1:]
			continue
		}
		size, n := binary.Uvarint(b[1:])
		b = b[1+n:]
		parts, b = append(parts, *c.elem.display(b[:size])), b[size:]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
