package value

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/vector"
)

// One NaN for each type, Postgres's own, so that NaN has the same bytes in both formats.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

func decodeFloat4(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 4 {
		return malformed
	}
	appendFloat32(dst, math.Float32frombits(binary.BigEndian.Uint32(wire)))
	return fits
}

func decodeFloat8(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 8 {
		return malformed
	}
	appendFloat64(dst, math.Float64frombits(binary.BigEndian.Uint64(wire)))
	return fits
}

func appendFloat32(dst *vector.Column, v float32) {
	if v != v {
		v = math.Float32frombits(nan32)
	}
	dst.AppendFloat32(v)
}

func appendFloat64(dst *vector.Column, v float64) {
	if v != v {
		v = math.Float64frombits(nan64)
	}
	dst.AppendFloat64(v)
}

// decodeFloatText reads a number, NaN, Infinity or -Infinity. A float type's own text is the shortest
// that reads back exactly, so it always fits. A number of another type fits if the float's shortest
// text has the same digits: otherwise the float would be a different number.
func decodeFloatText(d *Decoder, dst *vector.Column, wire []byte) outcome {
	bits := 64
	if dst.Type.Kind == schema.Float32 {
		bits = 32
	}
	var v float64
	switch string(wire) {
	case "NaN":
		v = math.Float64frombits(nan64)
	case "Infinity":
		v = math.Inf(1)
	case "-Infinity":
		v = math.Inf(-1)
	default:
		if !isFloat(wire) {
			return malformed
		}
		var err error
		// The string does not outlive the call: only an error keeps it, as a copy.
		v, err = strconv.ParseFloat(unsafe.String(unsafe.SliceData(wire), len(wire)), bits)
		if err != nil {
			return unfit
		}
		if !d.exactFloat(bits) && !d.sameDigits(wire, v, bits) {
			return unfit
		}
	}
	if bits == 32 {
		appendFloat32(dst, float32(v))
	} else {
		appendFloat64(dst, v)
	}
	return fits
}

// exactFloat reports whether the source's texts always have an exact float.
func (d *Decoder) exactFloat(bits int) bool {
	return d.src.Base == schema.OIDFloat4 || d.src.Base == schema.OIDFloat8 && bits == 64 || d.src.Base == schema.OIDInt2
}

// isFloat reports whether text is -?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?, which is narrower than what
// strconv accepts.
func isFloat(text []byte) bool {
	_, rest, ok := cutFloat(text)
	return ok && len(rest) == 0
}

// floatParts are the parts of a decimal number: digits, which may contain a point, times 10 to the
// power of exponent.
type floatParts struct {
	negative bool
	mantissa []byte
	exponent int
}

func cutFloat(text []byte) (p floatParts, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		p.negative, text = true, text[1:]
	}
	n := 0
	for n < len(text) && (isDigit(text[n]) || text[n] == '.') {
		n++
	}
	p.mantissa, rest = text[:n], text[n:]
	if _, _, ok := splitNumber(p.mantissa); !ok {
		return p, rest, false
	}
	if len(rest) == 0 || rest[0] != 'e' && rest[0] != 'E' {
		return p, rest, true
	}
	rest = rest[1:]
	negative := len(rest) > 0 && rest[0] == '-'
	if negative || len(rest) > 0 && rest[0] == '+' {
		rest = rest[1:]
	}
	const maxExponentDigits = 5
	n = 0
	for n < len(rest) && n < maxExponentDigits && isDigit(rest[n]) {
		n++
	}
	p.exponent = int(parseDigits(0, rest[:n]))
	if negative {
		p.exponent = -p.exponent
	}
	return p, rest[n:], n > 0
}

// sameDigits reports whether the shortest text of v is the same number as text.
func (d *Decoder) sameDigits(text []byte, v float64, bits int) bool {
	d.scratch = strconv.AppendFloat(d.scratch[:0], v, 'e', -1, bits)
	a, _, _ := cutFloat(text)
	b, _, _ := cutFloat(d.scratch)
	aw, af, ae := a.significant()
	bw, bf, be := b.significant()
	if len(aw)+len(af) == 0 || len(bw)+len(bf) == 0 {
		return len(aw)+len(af) == len(bw)+len(bf)
	}
	return a.negative == b.negative && ae == be && len(aw)+len(af) == len(bw)+len(bf) && equalSplit(aw, af, bw, bf)
}

// significant returns the digits without leading and trailing zeros, in two pieces, and the power of
// ten of the first digit.
func (p floatParts) significant() (whole, fraction []byte, power int) {
	whole, fraction, _ = splitNumber(p.mantissa)
	fraction = trimTrailingZeros(fraction)
	power = p.exponent + len(whole) - 1
	if len(whole) == 0 {
		for len(fraction) > 0 && fraction[0] == '0' {
			fraction = fraction[1:]
			power--
		}
	}
	if len(fraction) == 0 {
		whole = trimTrailingZeros(whole)
	}
	return whole, fraction, power
}

// equalSplit compares the concatenations a1+a2 and b1+b2, which have the same length.
func equalSplit(a1, a2, b1, b2 []byte) bool {
	at := func(x, y []byte, i int) byte {
		if i < len(x) {
			return x[i]
		}
		return y[i-len(x)]
	}
	for i := range len(a1) + len(a2) {
		if at(a1, a2, i) != at(b1, b2, i) {
			return false
		}
	}
	return true
}
