package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
)

// Canonical values: equal values have equal bytes, whichever end they come
// from. The first byte says whether the column's type holds the value. After
// fits, the bytes depend only on the type. After unfit, they are Postgres's
// text.
const (
	fits  = 'v'
	unfit = 't'
)

// codec converts the values of one column to canonical values.
type codec struct {
	kind      schema.Kind
	precision int
	scale     int
	money     bool
	numeric   bool   // in the source
	bounds    string // of an array: its first and last byte
	delim     byte   // of an array
	elem      *codec // of an array
	mask      *shape.Masker
	masked    []byte
	plain     []byte // scratch
}

// utf8 converts a text to UTF-8. A text without a UTF-8 counterpart becomes the
// text that it is rescued as. A mask gets this text unchanged.
func (c *codec) utf8(from *charset.Charset, text []byte) []byte {
	if from == nil || charset.ASCII(text) {
		return text
	}
	var ok bool
	if c.plain, ok = from.Append(c.plain[:0], text); ok {
		return c.plain
	}
	if c.mask != nil {
		return text
	}
	c.plain = hex.AppendEncode(append(c.plain[:0], `\x`...), text)
	return c.plain
}

func newCodec(t schema.Type, p schema.PostgresType) *codec {
	c := &codec{
		kind: t.Kind, precision: int(t.Precision), scale: int(t.Scale), money: p.Base == schema.OIDMoney,
		numeric: p.Base == schema.OIDNumeric, bounds: "{}", delim: ',',
	}
	if p.IsVector() {
		c.bounds = "[]"
	}
	if t.Kind != schema.List {
		return c
	}
	var elem schema.PostgresType
	if p.Elem != nil {
		elem = *p.Elem
	}
	for _, d := range []string{elem.Delim, p.Delim} {
		if len(d) == 1 {
			c.delim = d[0]
			break
		}
	}
	c.elem = newCodec(*t.Elem, elem)
	return c
}

// masking appends the canonical form of what replaces a value, given as
// Postgres's text. Without a mask, this is the value itself. ok is false if the
// result is NULL.
func (c *codec) masking(dst, text []byte) (_ []byte, ok bool) {
	if c.mask == nil {
		return c.source(dst, text), true
	}
	if c.mask.Null() {
		return dst, false
	}
	c.masked = c.mask.Append(c.masked[:0], text)
	return c.source(dst, c.masked), true
}

// source appends the canonical form of Postgres's text of a value, or of the
// result of a mask. A rescued text has the same form.
func (c *codec) source(dst, text []byte) []byte {
	if (c.kind == schema.List || c.kind == schema.StringMap) && !utf8.Valid(text) { // from a database without an encoding
		return hex.AppendEncode(append(dst, unfit, '\\', 'x'), text)
	}
	mark := len(dst)
	dst, ok := c.appendText(append(dst, fits), text)
	if ok {
		return dst
	}
	return append(append(dst[:mark], unfit), text...)
}

// appendText appends the value of a text. ok is false if the type cannot hold
// it.
func (c *codec) appendText(dst, text []byte) (_ []byte, ok bool) {
	switch c.kind {
	case schema.Bool:
		return append(dst, text...), string(text) == "t" || string(text) == "f"
	case schema.Int16, schema.Int32, schema.Int64:
		if c.numeric && bytes.IndexByte(text, '.') > 0 { // a numeric that is stored as an integer
			text = bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
		}
		n, ok := parseInt(text, c.kind)
		return strconv.AppendInt(dst, n, 10), ok
	case schema.Float32, schema.Float64:
		bits := 64
		if c.kind == schema.Float32 {
			bits = 32
		}
		f, err := strconv.ParseFloat(string(text), bits)
		return appendFloat(dst, f), err == nil
	case schema.Decimal:
		if c.money {
			text = withoutCurrency(text)
		}
		return appendDecimal(dst, text, c.precision, c.scale)
	case schema.Binary:
		if len(text) < 2 || string(text[:2]) != `\x` {
			return dst, false
		}
		dst, err := hex.AppendDecode(dst, text[2:])
		return dst, err == nil
	case schema.Date:
		days, ok := parseDate(text)
		return strconv.AppendInt(dst, days, 10), ok
	case schema.Timestamp, schema.TimestampUTC:
		micros, ok := parseTimestamp(text, c.kind == schema.TimestampUTC)
		return strconv.AppendInt(dst, micros, 10), ok
	case schema.Variant:
		return appendJSON(dst, text)
	case schema.List:
		return c.appendList(dst, text)
	case schema.StringMap:
		return appendHstore(dst, text)
	default:
		if !utf8.Valid(text) { // from a database without an encoding
			return hex.AppendEncode(append(dst, `\x`...), text), true
		}
		return append(dst, text...), true
	}
}

// appendFloat appends the bits. All NaNs have the same bits.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		f = math.NaN()
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// withoutCurrency removes the signs of lc_monetary C: -$1,234.50.
func withoutCurrency(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, b := range text {
		if b != '$' && b != ',' {
			out = append(out, b)
		}
	}
	return out
}

// appendCell appends a canonical value so that different rows of cells have
// different bytes. nil is NULL.
func appendCell(dst, canonical []byte) []byte {
	if canonical == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(append(dst, 1), uint64(len(canonical)))
	return append(dst, canonical...)
}

// display formats a canonical value for people; nil is NULL.
func (c *codec) display(canonical []byte) *string {
	if canonical == nil {
		return nil
	}
	s := string(canonical[1:])
	if canonical[0] == fits {
		s = c.displayFitting(canonical[1:])
	}
	if r := []rune(s); len(r) > maxDisplay {
		s = string(r[:maxDisplay]) + fmt.Sprintf("… (%d characters)", len(r))
	}
	return &s
}

const maxDisplay = 200

func (c *codec) displayFitting(b []byte) string {
	switch c.kind {
	case schema.Float32, schema.Float64:
		bits := 64
		if c.kind == schema.Float32 {
			bits = 32
		}
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'g', -1, bits)
	case schema.Binary:
		return `\x` + hex.EncodeToString(b)
	case schema.Date:
		days, _ := strconv.ParseInt(string(b), 10, 64)
		return time.Unix(days*86400, 0).UTC().Format(time.DateOnly)
	case schema.Timestamp, schema.TimestampUTC:
		micros, _ := strconv.ParseInt(string(b), 10, 64)
		return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
	case schema.List:
		return c.displayList(b)
	case schema.StringMap:
		return displayMap(b)
	default:
		return string(b)
	}
}
