package charset

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Charset is an encoding that this package converts. It is safe for concurrent use.
type Charset struct {
	name string
	// length is the number of bytes of a character, by its first byte.
	length [256]uint8
	// single are the characters of one byte from 0x80 on, "" if there is none.
	single [128]string
	// rows are the characters of several bytes, by all bytes but the last. The last byte is from 0xA1
	// to 0xFE.
	rows map[uint32]*[rowLength]string
}

const (
	rowFirst  = 0xA1
	rowLength = 0xFE - rowFirst + 1
)

//go:embed tables
var tables embed.FS

// Open returns the encoding with the server's name for it. It returns nil if the text needs no
// conversion, or if there is no table.
func Open(name string) (*Charset, error) {
	raw, err := tables.ReadFile("tables/" + name + ".gz")
	if err != nil {
		return nil, nil //nolint:nilerr // no table
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("table of %s: %w", name, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("table of %s: %w", name, err)
	}
	return parse(name, string(text))
}

// parse reads a table. Each line is a row: the bytes before the last in hexadecimal, then, after tabs,
// a character for each last byte. The row without leading bytes holds the characters of one byte.
func parse(name, text string) (*Charset, error) {
	c := &Charset{name: name, length: lengths(name), rows: map[uint32]*[rowLength]string{}}
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		prefix, characters := fields[0], fields[1:]
		if prefix == "" {
			if copy(c.single[:], characters) != len(c.single) {
				return nil, fmt.Errorf("table of %s: %d characters of one byte", name, len(characters))
			}
			continue
		}
		key, err := strconv.ParseUint(prefix, 16, 32)
		if err != nil || len(characters) != rowLength {
			return nil, fmt.Errorf("table of %s: row %q has %d characters", name, prefix, len(characters))
		}
		c.rows[uint32(key)] = (*[rowLength]string)(characters)
	}
	return c, nil
}

// lengths are those of pg_encoding_mblen.
func lengths(name string) (n [256]uint8) {
	second, third := uint8(1), uint8(1) // of characters after SS2 and SS3
	wide := uint8(1)
	switch name {
	case "EUC_JP", "EUC_JIS_2004", "EUC_KR", "JOHAB":
		wide, second, third = 2, 2, 3
	case "EUC_CN":
		wide, second, third = 2, 3, 3
	case "EUC_TW":
		wide, second, third = 2, 4, 3
	}
	for i := range n {
		switch {
		case i < utf8.RuneSelf:
			n[i] = 1
		case i == 0x8E:
			n[i] = second
		case i == 0x8F:
			n[i] = third
		default:
			n[i] = wide
		}
	}
	return n
}

// Name is the server's name for the encoding.
func (c *Charset) Name() string { return c.name }

// ASCII reports whether text is the same in every encoding.
func ASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Append appends text in UTF-8. ok is false if a part of it has no counterpart; the appended bytes are
// then of no use.
func (c *Charset) Append(dst, text []byte) (_ []byte, ok bool) {
	for len(text) > 0 {
		b := text[0]
		if b < utf8.RuneSelf {
			dst, text = append(dst, b), text[1:]
			continue
		}
		n := int(c.length[b])
		if n > len(text) {
			return dst, false
		}
		s := c.character(text[:n])
		if s == "" {
			return dst, false
		}
		dst, text = append(dst, s...), text[n:]
	}
	return dst, true
}

// character returns the character of a byte above 0x7F, or of several bytes; "" if there is none.
func (c *Charset) character(code []byte) string {
	if len(code) == 1 {
		return c.single[code[0]-utf8.RuneSelf]
	}
	prefix, last := uint32(0), code[len(code)-1]
	for _, b := range code[:len(code)-1] {
		prefix = prefix<<8 | uint32(b)
	}
	row := c.rows[prefix]
	if row == nil || last < rowFirst || last-rowFirst >= rowLength {
		return ""
	}
	return row[last-rowFirst]
}

// Text is text in UTF-8 for people to read: bytes without a counterpart become U+FFFD.
func (c *Charset) Text(text []byte) string {
	var out []byte
	for len(text) > 0 {
		n := min(int(c.length[text[0]]), len(text))
		if s, ok := c.Append(nil, text[:n]); ok {
			out = append(out, s...)
		} else {
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		text = text[n:]
	}
	return string(out)
}

// Encode is the reverse, for names in commands. It searches the table for each non-ASCII character.
func (c *Charset) Encode(text string) (string, error) {
	var out []byte
	for _, r := range text {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
			continue
		}
		code := c.code(string(r))
		if code == nil {
			return "", fmt.Errorf("%q has no counterpart in %s", r, c.name)
		}
		out = append(out, code...)
	}
	return string(out), nil
}

func (c *Charset) code(character string) []byte {
	for i, s := range c.single {
		if s == character {
			return []byte{byte(i + utf8.RuneSelf)}
		}
	}
	best := uint32(0) // the shortest, as the server does
	for prefix, row := range c.rows {
		for i, s := range row {
			if code := prefix<<8 | uint32(i+rowFirst); s == character && (best == 0 || code < best) {
				best = code
			}
		}
	}
	if best == 0 {
		return nil
	}
	return bytes.TrimLeft([]byte{byte(best >> 24), byte(best >> 16), byte(best >> 8), byte(best)}, "\x00")
}
