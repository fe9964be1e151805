package value

import (
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/postgres/charset"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// Options are the properties of the source that change how values decode.
type Options struct {
	// CheckUTF8 is for SQL_ASCII databases, whose strings may hold any bytes. A string that is not
	// UTF-8 is rescued as hex, with a leading \x.
	CheckUTF8 bool
	// KeepText is for a column whose type in the target is older than its type in the source. A value
	// is stored only if a cast of it to STRING returns its text; otherwise it is rescued.
	KeepText bool
	// Charset is the encoding of the strings; nil for UTF-8, or for CheckUTF8. A string without a
	// counterpart in UTF-8 is rescued in the same way.
	Charset *charset.Charset
}

// outcome is the result of decoding one value.
type outcome uint8

const (
	fits      outcome = iota // appended
	unfit                    // a value that the target cannot hold; nothing appended
	malformed                // not a value of the source's type; nothing appended
)

// Decoder turns the wire values of one column into values of its target type. One goroutine uses it.
type Decoder struct {
	src    schema.PostgresType
	target schema.Type
	opts   Options

	decode func(*Decoder, *vector.Column, []byte) outcome
	// text appends Postgres's own text of a binary value; nil if the wire value is that text.
	text func(dst, wire []byte) []byte
	// retyped means that the target differs from what the source's type maps to. A text of another
	// shape is then a value that does not fit, not a malformed one.
	retyped bool

	elem    *Decoder // of a list's elements
	delim   byte     // between a list's elements
	scratch []byte
	utf8    []byte // the wire value after the charset's conversion
	cause   error  // of a malformed element
}

// Append decodes wire and appends exactly one value to dst, whose type is the decoder's target. A nil
// wire is NULL.
//
// If the target cannot hold the value, Append appends NULL and returns Postgres's own text of the
// value. The text is not nil. It is valid until the next call, and only while wire is valid. A
// malformed value is an error, and nothing is appended.
func (d *Decoder) Append(dst *vector.Column, wire []byte) (rescued []byte, err error) {
	if wire == nil {
		dst.AppendNull()
		return nil, nil
	}
	if d.opts.Charset != nil && !charset.ASCII(wire) {
		var ok bool
		if d.utf8, ok = d.opts.Charset.Append(d.utf8[:0], wire); !ok {
			dst.AppendNull()
			return d.unconvertible(wire), nil
		}
		wire = d.utf8
	}
	switch outcome := d.decode(d, dst, wire); {
	case outcome == fits:
		return nil, nil
	case outcome == malformed && !d.retyped:
		return nil, d.malformed(wire)
	}
	dst.AppendNull()
	return d.rescue(wire), nil
}

// unconvertible rescues a value whose bytes have no counterpart in UTF-8, even if they look like
// UTF-8.
func (d *Decoder) unconvertible(wire []byte) []byte {
	if d.text != nil {
		d.utf8 = d.text(d.utf8[:0], wire)
		wire = d.utf8
	}
	d.scratch = Unconvertible(d.scratch[:0], wire)
	return d.scratch
}

// Unconvertible appends the replacement of a text without a counterpart in UTF-8: its bytes in
// hexadecimal, with a leading \x.
func Unconvertible(dst, text []byte) []byte {
	return hex.AppendEncode(append(dst, `\x`...), text)
}

func (d *Decoder) rescue(wire []byte) []byte {
	text := wire
	if d.text != nil {
		d.scratch = d.text(d.scratch[:0], wire)
		text = d.scratch
	}
	if !d.opts.CheckUTF8 || utf8.Valid(text) {
		return text
	}
	return hex.AppendEncode([]byte(`\x`), text)
}

// maxShown is the maximum length of a malformed value that an error repeats.
const maxShown = 40

func (d *Decoder) malformed(wire []byte) error {
	if d.cause != nil {
		err := fmt.Errorf("element of %s: %w", d.src.Name, d.cause)
		d.cause = nil
		return err
	}
	shown, more := wire, ""
	if len(shown) > maxShown {
		shown, more = shown[:maxShown], fmt.Sprintf("… (%d bytes)", len(wire))
	}
	if d.text != nil {
		return fmt.Errorf(`malformed binary value of %s: \x%x%s`, d.src.Name, shown, more)
	}
	return fmt.Errorf("malformed value of %s, as text %q%s; text is read under the settings that SHOW prints as "+
		"DateStyle ISO, bytea_output hex, lc_monetary C", d.src.Name, shown, more)
}

// NewText makes a decoder of Postgres's own text: pgoutput's text format, and columns that COPY
// selects as text. target may differ from what src maps to: after a retype the table keeps its type,
// and a value that does not fit it is rescued. It is an error if target is no type, or if an array's
// delimiter is longer than one byte.
func NewText(src schema.PostgresType, target schema.Type, o Options) (*Decoder, error) {
	if !valid(target) {
		return nil, fmt.Errorf("decode %s as text: the target (kind %d, precision %d, scale %d) is no type", src.Name, target.Kind,
			target.Precision, target.Scale)
	}
	d := &Decoder{src: src, target: target, opts: o, retyped: !native(src, target)}
	switch target.Kind {
	case schema.String:
		d.decode = decodeString
	case schema.Variant:
		d.decode = decodeVariant
		d.retyped = false
	case schema.Bool:
		d.decode = decodeBoolText
	case schema.Int16, schema.Int32, schema.Int64:
		d.decode = decodeIntText
	case schema.Float32, schema.Float64:
		d.decode = decodeFloatText
	case schema.Decimal:
		d.decode = decodeDecimalText
		if src.Base == schema.OIDMoney {
			d.decode = decodeMoneyText
		}
	case schema.Date:
		d.decode = decodeDateText
	case schema.Timestamp, schema.TimestampUTC:
		d.decode = decodeTimestampText
	case schema.Binary:
		d.decode = decodeByteaText
		if src.Base != schema.OIDBytea {
			d.decode = decodeNothing
		}
	case schema.List:
		if err := d.initList(); err != nil {
			return nil, err
		}
	case schema.StringMap:
		d.decode = decodeHstore
		if !src.IsHstore() {
			d.decode = decodeNothing
		}
	default: // no valid type
	}
	if o.KeepText {
		d.keepText()
	}
	return d, nil
}

func valid(t schema.Type) bool {
	switch t.Kind {
	case schema.Decimal:
		return t.Precision >= 1 && t.Precision <= schema.MaxDecimalPrecision && t.Scale >= 0 && t.Scale <= t.Precision
	case schema.List:
		return t.Elem != nil && t.Elem.Kind != schema.Variant && valid(*t.Elem)
	case schema.StringMap:
		return t.Elem != nil && t.Elem.Kind == schema.String
	default:
		return t.Kind > schema.Invalid && t.Kind < schema.List
	}
}

// native reports whether target has the kind that src maps to, whatever the precision of a decimal.
func native(src schema.PostgresType, target schema.Type) bool {
	return schema.Map(src).Type.Kind == target.Kind ||
		src.Base == schema.OIDNumeric && target.Kind == schema.Decimal
}

func decodeNothing(*Decoder, *vector.Column, []byte) outcome { return unfit }

// binaryRule is how one codec decodes.
type binaryRule struct {
	decode func(*Decoder, *vector.Column, []byte) outcome
	text   func(dst, wire []byte) []byte
}

// binaryRuleOf is the one table of what NewBinary can do.
func binaryRuleOf(codec schema.Codec, target schema.Type) (binaryRule, bool) {
	integer := target.Kind == schema.Int16 || target.Kind == schema.Int32 || target.Kind == schema.Int64
	switch {
	case codec == schema.CodecRawText && target.Kind == schema.String:
		return binaryRule{decodeString, appendRaw}, true
	case codec == schema.CodecJSONB && target.Kind == schema.String:
		return binaryRule{decodeJSONB, appendJSONBText}, true
	case codec == schema.CodecUUID && target.Kind == schema.String:
		return binaryRule{decodeUUID, appendUUID}, true
	case codec == schema.CodecBytea && target.Kind == schema.Binary:
		return binaryRule{decodeBytea, appendByteaText}, true
	case codec == schema.CodecBool && target.Kind == schema.Bool:
		return binaryRule{decodeBool, appendRaw}, true
	case codec == schema.CodecInt2 && integer:
		return binaryRule{decodeInt2, appendInt2Text}, true
	case codec == schema.CodecInt4 && integer:
		return binaryRule{decodeInt4, appendInt4Text}, true
	case codec == schema.CodecInt8 && integer:
		return binaryRule{decodeInt8, appendInt8Text}, true
	case codec == schema.CodecOID && integer:
		return binaryRule{decodeOID, appendOIDText}, true
	case codec == schema.CodecFloat4 && target.Kind == schema.Float32:
		return binaryRule{decodeFloat4, appendRaw}, true
	case codec == schema.CodecFloat8 && target.Kind == schema.Float64:
		return binaryRule{decodeFloat8, appendRaw}, true
	case codec == schema.CodecNumeric && target.Kind == schema.Decimal:
		return binaryRule{decodeNumeric, appendNumericText}, true
	case codec == schema.CodecNumeric && target.Kind == schema.String:
		return binaryRule{decodeNumericString, appendNumericText}, true
	case codec == schema.CodecMoney && target.Kind == schema.Decimal && target.Precision >= 19 && target.Scale == 2:
		return binaryRule{decodeMoney, appendRaw}, true
	case codec == schema.CodecDate && target.Kind == schema.Date:
		return binaryRule{decodeDate, appendDateText}, true
	case codec == schema.CodecTimestamp && target.Kind == schema.Timestamp:
		return binaryRule{decodeTimestamp, appendTimestampText}, true
	case codec == schema.CodecTimestampTZ && target.Kind == schema.TimestampUTC:
		return binaryRule{decodeTimestamp, appendTimestampTZText}, true
	}
	return binaryRule{}, false
}

// appendRaw appends the value unchanged. It is for values that are their own text, and for values that
// always fit, whose text is not needed.
func appendRaw(dst, wire []byte) []byte { return append(dst, wire...) }

// DecodesBinary reports whether NewBinary can decode codec into target: every type into what it maps
// to, integers into integers of any width, and numeric into every DECIMAL and STRING. Any other column
// has to be selected as text.
func DecodesBinary(codec schema.Codec, target schema.Type) bool {
	_, ok := binaryRuleOf(codec, target)
	return ok && valid(target)
}

// NewBinary makes a decoder of a type's binary send format, as in COPY BINARY. It is an error if
// DecodesBinary refuses the pair.
func NewBinary(codec schema.Codec, src schema.PostgresType, target schema.Type, o Options) (*Decoder, error) {
	rule, ok := binaryRuleOf(codec, target)
	if !ok || !valid(target) {
		return nil, fmt.Errorf("decode %s from binary: no way to a target of kind %d; select the column as text", src.Name, target.Kind)
	}
	if codec != schema.CodecRawText && codec != schema.CodecJSONB {
		o.Charset = nil // its format contains no text
	}
	return &Decoder{src: src, target: target, opts: o, decode: rule.decode, text: rule.text}, nil
}
