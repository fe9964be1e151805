package value

import (
	"bytes"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// keepText applies to a column with another type than its source. Its decoder stores a value only if a
// cast of it to STRING returns its text. The next full load gives the column the source's type, and
// casts the rows that were staged before. Conversions between numbers do not need this: they are
// stored only if they are equal.
func (d *Decoder) keepText() {
	want := schema.Map(d.src).Type
	if want.Equal(d.target) || number(d.target) && number(want) || d.target.Kind == schema.List {
		return // each element of a list handles this
	}
	written, ok := writtenAs[d.target.Kind]
	if !ok {
		written = func(*Decoder, []byte) bool { return false }
	}
	decode := d.decode
	d.decode = func(d *Decoder, dst *vector.Column, wire []byte) outcome {
		if !written(d, wire) {
			return unfit
		}
		return decode(d, dst, wire)
	}
}

func number(t schema.Type) bool {
	switch t.Kind {
	case schema.Int16, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.Decimal:
		return true
	default:
		return false
	}
}

// writtenAs reports, by the target's kind, whether a text is what a cast of its value to STRING
// returns. A kind that is missing here writes its values differently than Postgres.
var writtenAs = map[schema.Kind]func(d *Decoder, text []byte) bool{
	schema.String:    func(*Decoder, []byte) bool { return true },
	schema.Variant:   func(*Decoder, []byte) bool { return true }, // a text in the file
	schema.Int16:     func(_ *Decoder, text []byte) bool { return plainNumber(text, 0) },
	schema.Int32:     func(_ *Decoder, text []byte) bool { return plainNumber(text, 0) },
	schema.Int64:     func(_ *Decoder, text []byte) bool { return plainNumber(text, 0) },
	schema.Decimal:   func(d *Decoder, text []byte) bool { return plainNumber(text, int(d.target.Scale)) },
	schema.Date:      func(_ *Decoder, text []byte) bool { return plainDate(text) },
	schema.Timestamp: func(_ *Decoder, text []byte) bool { return plainTimestamp(text) },
}

// plainNumber reports whether text is a number with scale decimals. It has no plus sign, no minus
// before zero, and no leading zero.
func plainNumber(text []byte, scale int) bool {
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	whole, fraction, point := bytes.Cut(digits, []byte("."))
	switch {
	case len(whole) == 0, len(whole) > 1 && whole[0] == '0', len(fraction) != scale, point != (scale > 0):
		return false
	case negative && len(bytes.Trim(digits, "0.")) == 0:
		return false
	}
	return allDigits(whole) && allDigits(fraction)
}

func allDigits(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// plainDate reports whether text is YYYY-MM-DD.
func plainDate(text []byte) bool { return shaped(text, "0000-00-00") }

// plainTimestamp reports whether text is YYYY-MM-DD HH:MM:SS, with a fraction of up to six digits that
// does not end with a zero.
func plainTimestamp(text []byte) bool {
	const seconds = "0000-00-00 00:00:00"
	if len(text) <= len(seconds) {
		return shaped(text, seconds)
	}
	fraction := text[len(seconds):]
	return shaped(text[:len(seconds)], seconds) && len(fraction) <= 7 && shaped(fraction, ".000000"[:len(fraction)]) && len(fraction) > 1 &&
		fraction[len(fraction)-1] != '0'
}

// shaped reports whether text matches the pattern: a 0 in the pattern matches any digit, and any other
// character matches itself.
func shaped(text []byte, pattern string) bool {
	if len(text) != len(pattern) {
		return false
	}
	for i, c := range text {
		if pattern[i] == '0' && (c < '0' || c > '9') || pattern[i] != '0' && c != pattern[i] {
			return false
		}
	}
	return true
}
