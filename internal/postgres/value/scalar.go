package value

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

func decodeString(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if d.opts.CheckUTF8 && !utf8.Valid(wire) {
		return unfit
	}
	dst.AppendBytes(wire)
	return fits
}

// jsonbVersion is the first byte of jsonb's send format.
const jsonbVersion = 1

func decodeJSONB(d *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) == 0 || wire[0] != jsonbVersion {
		return malformed
	}
	return decodeString(d, dst, wire[1:])
}

func appendJSONBText(dst, wire []byte) []byte { return append(dst, wire[1:]...) }

func decodeUUID(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 16 {
		return malformed
	}
	dst.Build(func(b []byte) []byte { return appendUUID(b, wire) })
	return fits
}

func appendUUID(dst, wire []byte) []byte {
	for i, c := range wire {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

func decodeBytea(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	dst.AppendBytes(wire)
	return fits
}

func appendByteaText(dst, wire []byte) []byte {
	return hex.AppendEncode(append(dst, `\x`...), wire)
}

func decodeByteaText(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) < 2 || len(wire)%2 != 0 || wire[0] != '\\' || wire[1] != 'x' {
		return malformed
	}
	digits := wire[2:]
	for _, c := range digits {
		if !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return malformed
		}
	}
	dst.Build(func(b []byte) []byte {
		b, _ = hex.AppendDecode(b, digits) // cannot fail: all digits were looked at
		return b
	})
	return fits
}

func decodeBool(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 1 || wire[0] > 1 {
		return malformed
	}
	dst.AppendBool(wire[0] == 1)
	return fits
}

func decodeBoolText(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 1 || wire[0] != 't' && wire[0] != 'f' {
		return malformed
	}
	dst.AppendBool(wire[0] == 't')
	return fits
}

// appendInt appends v to an integer column, if it is in range.
func appendInt(dst *vector.Column, v int64) outcome {
	switch dst.Type.Kind {
	case schema.Int64:
		dst.AppendInt64(v)
	case schema.Int32:
		if v != int64(int32(v)) {
			return unfit
		}
		dst.AppendInt32(int32(v))
	default:
		if v != int64(int16(v)) {
			return unfit
		}
		dst.AppendInt16(int16(v))
	}
	return fits
}

func decodeInt2(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 2 {
		return malformed
	}
	return appendInt(dst, int64(int16(binary.BigEndian.Uint16(wire))))
}

func decodeInt4(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 4 {
		return malformed
	}
	return appendInt(dst, int64(int32(binary.BigEndian.Uint32(wire))))
}

func decodeInt8(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 8 {
		return malformed
	}
	return appendInt(dst, int64(binary.BigEndian.Uint64(wire)))
}

func decodeOID(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 4 {
		return malformed
	}
	return appendInt(dst, int64(binary.BigEndian.Uint32(wire)))
}

func appendInt2Text(dst, wire []byte) []byte {
	return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(wire))), 10)
}

func appendInt4Text(dst, wire []byte) []byte {
	return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(wire))), 10)
}

func appendInt8Text(dst, wire []byte) []byte {
	return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(wire)), 10)
}

func appendOIDText(dst, wire []byte) []byte {
	return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(wire)), 10)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func decodeIntText(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	v, result := parseInt(wire)
	if result != fits {
		return result
	}
	return appendInt(dst, v)
}

// parseInt reads -?[0-9]+(\.0*)?: a column that was retyped to numeric prints its integers with a
// fraction of zeros.
func parseInt(text []byte) (int64, outcome) {
	digits := text
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	if v, ok := parseShort(digits); ok {
		if negative {
			v = -v
		}
		return v, fits
	}
	whole, fraction, ok := splitNumber(digits)
	if !ok {
		return 0, malformed
	}
	if len(trimTrailingZeros(fraction)) > 0 || len(whole) > 19 {
		return 0, unfit
	}
	// At most 19 digits: below 10^19, which uint64 holds.
	v := parseDigits(0, whole)
	switch {
	case negative && v <= 1<<63:
		return int64(-v), fits
	case !negative && v <= math.MaxInt64:
		return int64(v), fits
	}
	return 0, unfit
}

// parseShort reads the common case of an integer: only digits, and too few to overflow.
func parseShort(digits []byte) (v int64, ok bool) {
	if len(digits) == 0 || len(digits) > maxDigits64 {
		return 0, false
	}
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// splitNumber splits [0-9]+(\.[0-9]*)? into the digits before the point, without leading zeros, and
// the digits after it.
func splitNumber(text []byte) (whole, fraction []byte, ok bool) {
	point := len(text)
	for i, c := range text {
		if isDigit(c) {
			continue
		}
		if c != '.' || point != len(text) {
			return nil, nil, false
		}
		point = i
	}
	if point == 0 {
		return nil, nil, false
	}
	whole = text[:point]
	if point < len(text) {
		fraction = text[point+1:]
	}
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	return whole, fraction, true
}

func trimTrailingZeros(digits []byte) []byte {
	n := len(digits)
	for n > 0 && digits[n-1] == '0' {
		n--
	}
	return digits[:n]
}

// parseDigits appends decimal digits to v. The caller ensures that the result fits.
func parseDigits(v uint64, digits []byte) uint64 {
	for _, c := range digits {
		v = v*10 + uint64(c-'0')
	}
	return v
}
