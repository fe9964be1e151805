package value

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/ingest-tool/ingest/internal/vector"
)

// Number of digits that always fit a signed 64-bit integer.
const maxDigits64 = 18

// pow10 holds the powers of ten below 10^19.
var pow10 = func() (p [19]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// groupPow10 holds the powers below 10000, in the width of a numeric's group: 32 bits divide faster.
var groupPow10 = [4]uint32{1, 10, 100, 1000}

// uint128 is an unsigned number of 128 bits. All results stay below 10^38, because digits are counted
// first.
type uint128 struct{ hi, lo uint64 }

// mulAdd is u*m + a.
func (u uint128) mulAdd(m, a uint64) uint128 {
	hi, lo := bits.Mul64(u.lo, m)
	lo, carry := bits.Add64(lo, a, 0)
	return uint128{hi: u.hi*m + hi + carry, lo: lo}
}

// shift is u * 10^n.
func (u uint128) shift(n int) uint128 {
	for ; n > maxDigits64; n -= maxDigits64 {
		u = u.mulAdd(pow10[maxDigits64], 0)
	}
	return u.mulAdd(pow10[n], 0)
}

// digits appends decimal digits to u.
func (u uint128) digits(digits []byte) uint128 {
	for len(digits) > maxDigits64 {
		u = u.mulAdd(pow10[maxDigits64], parseDigits(0, digits[:maxDigits64]))
		digits = digits[maxDigits64:]
	}
	return u.mulAdd(pow10[len(digits)], parseDigits(0, digits))
}

func (u uint128) signed(negative bool) decimal128.Num {
	n := decimal128.New(int64(u.hi), u.lo)
	if negative {
		return n.Negate()
	}
	return n
}

// decodeDecimalText reads -?[0-9]+(\.[0-9]*)?. A value fits if it is a multiple of the scale's unit,
// ignoring trailing zeros, and has no more digits than the precision.
func decodeDecimalText(d *Decoder, dst *vector.Column, wire []byte) outcome {
	digits := wire
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	whole, fraction, ok := splitNumber(digits)
	if !ok {
		if string(digits) == "Infinity" || string(wire) == "NaN" {
			return unfit
		}
		return malformed
	}
	precision, scale := int(d.target.Precision), int(d.target.Scale)
	if len(fraction) > scale {
		fraction = trimTrailingZeros(fraction)
	}
	if len(fraction) > scale || len(whole) > precision-scale {
		return unfit
	}
	if len(whole)+scale <= maxDigits64 {
		v := int64(parseDigits(parseDigits(0, whole), fraction) * pow10[scale-len(fraction)])
		if negative {
			v = -v
		}
		dst.AppendDecimal(decimal128.FromI64(v))
		return fits
	}
	u := uint128{}.digits(whole).digits(fraction).shift(scale - len(fraction))
	dst.AppendDecimal(u.signed(negative))
	return fits
}

// decodeMoneyText reads money as lc_monetary C prints it: -$1,234.50.
func decodeMoneyText(d *Decoder, dst *vector.Column, wire []byte) outcome {
	d.scratch = d.scratch[:0]
	digits := wire
	if len(digits) > 0 && digits[0] == '-' {
		d.scratch, digits = append(d.scratch, '-'), digits[1:]
	}
	digits, ok := bytes.CutPrefix(digits, []byte("$"))
	point := len(digits) - len(".00")
	if !ok || point < 1 || digits[point] != '.' {
		return malformed
	}
	for i, c := range digits[:point] {
		if (point-i)%4 != 0 {
			if !isDigit(c) {
				return malformed
			}
			d.scratch = append(d.scratch, c)
		} else if i == 0 || c != ',' {
			return malformed
		}
	}
	d.scratch = append(d.scratch, digits[point:]...)
	return decodeDecimalText(d, dst, d.scratch)
}

func decodeMoney(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if len(wire) != 8 {
		return malformed
	}
	dst.AppendDecimal(decimal128.FromI64(int64(binary.BigEndian.Uint64(wire))))
	return fits
}

// The signs of numeric's send format.
const (
	numericPositive    = 0x0000
	numericNegative    = 0x4000
	numericNaN         = 0xc000
	numericInfinity    = 0xd000
	numericNegInfinity = 0xf000
)

const (
	numericHeader    = 8
	numericBase      = 10000
	numericMaxDscale = 0x3fff
)

// numeric is a value in the send format: the sum of group(i) * 10000^(weight-i). The first and the
// last group are not zero.
type numeric struct {
	groups []byte // big-endian, two bytes each, 0 to 9999
	weight int
	sign   uint16
	dscale int // digits after the point when printed; only zeros are beyond them
}

func (n *numeric) len() int { return len(n.groups) / 2 }

func (n *numeric) group(i int) uint32 { return uint32(binary.BigEndian.Uint16(n.groups[2*i:])) }

func (n *numeric) special() bool { return n.sign != numericPositive && n.sign != numericNegative }

// parse fills n in place, which is twice as fast as returning it.
func (n *numeric) parse(wire []byte) (ok bool) {
	if len(wire) < numericHeader {
		return false
	}
	count := int(binary.BigEndian.Uint16(wire)) // unsigned: the longest numeric has 36 864 groups
	n.groups = wire[numericHeader:]
	n.weight = int(int16(binary.BigEndian.Uint16(wire[2:])))
	n.sign = binary.BigEndian.Uint16(wire[4:])
	n.dscale = int(binary.BigEndian.Uint16(wire[6:]))
	if len(n.groups) != 2*count {
		return false
	}
	switch n.sign {
	case numericNaN, numericInfinity, numericNegInfinity:
		return count == 0
	case numericPositive, numericNegative:
	default:
		return false
	}
	for i := range count {
		if n.group(i) >= numericBase {
			return false
		}
	}
	n.trim()
	return n.dscale <= numericMaxDscale && !n.hidesDigits()
}

func (n *numeric) trim() {
	for len(n.groups) > 0 && n.group(n.len()-1) == 0 {
		n.groups = n.groups[:len(n.groups)-2]
	}
	for len(n.groups) > 0 && n.group(0) == 0 {
		n.groups = n.groups[2:]
		n.weight--
	}
}

// hidesDigits reports whether there are digits that would not be printed.
func (n *numeric) hidesDigits() bool {
	if len(n.groups) == 0 {
		return false
	}
	hidden := 4*(n.len()-1-n.weight) - n.dscale // decimal places of the last group beyond dscale
	if hidden <= 0 {
		return false
	}
	return hidden >= 4 || n.group(n.len()-1)%groupPow10[hidden] != 0
}

// wholeDigits is the number of digits before the point; negative or 0 if the first digit comes after
// it.
func (n *numeric) wholeDigits() int {
	first := n.group(0)
	digits := 1
	for limit := uint32(10); digits < 4 && first >= limit; limit *= 10 {
		digits++
	}
	return 4*n.weight + digits
}

func decodeNumeric(d *Decoder, dst *vector.Column, wire []byte) outcome {
	var n numeric
	switch {
	case !n.parse(wire):
		return malformed
	case n.special():
		return unfit
	case len(n.groups) == 0:
		dst.AppendDecimal(decimal128.Num{})
		return fits
	}
	precision, scale := int(d.target.Precision), int(d.target.Scale)
	whole := n.wholeDigits()
	if whole > precision-scale {
		return unfit
	}
	// The last group counts in units of 10^power of the scaled value.
	last := n.len() - 1
	power := 4*(n.weight-last) + scale
	if power <= -4 {
		return unfit
	}
	tail, tailUnit := n.group(last), uint64(numericBase)
	if power < 0 {
		cut := groupPow10[-power]
		if tail%cut != 0 {
			return unfit
		}
		tail, tailUnit, power = tail/cut, pow10[4+power], 0
	}
	negative := n.sign == numericNegative
	if max(whole, 0)+scale <= maxDigits64 {
		var v uint64
		for i := range last {
			v = v*numericBase + uint64(n.group(i))
		}
		v = (v*tailUnit + uint64(tail)) * pow10[power]
		if negative {
			v = -v
		}
		dst.AppendDecimal(decimal128.FromI64(int64(v)))
		return fits
	}
	var u uint128
	for i := range last {
		u = u.mulAdd(numericBase, uint64(n.group(i)))
	}
	dst.AppendDecimal(u.mulAdd(tailUnit, uint64(tail)).shift(power).signed(negative))
	return fits
}

func decodeNumericString(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	var n numeric
	if !n.parse(wire) {
		return malformed
	}
	dst.Build(func(b []byte) []byte { return n.appendText(b) })
	return fits
}

// appendNumericText prints a value that parse accepted.
func appendNumericText(dst, wire []byte) []byte {
	var n numeric
	n.parse(wire)
	return n.appendText(dst)
}

// appendText prints the number as numeric_out does.
func (n *numeric) appendText(dst []byte) []byte {
	switch n.sign {
	case numericNaN:
		return append(dst, "NaN"...)
	case numericInfinity:
		return append(dst, "Infinity"...)
	case numericNegInfinity:
		return append(dst, "-Infinity"...)
	case numericNegative:
		dst = append(dst, '-')
	}
	if n.weight < 0 || len(n.groups) == 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendInt(dst, int64(n.group(0)), 10)
		for i := 1; i <= n.weight; i++ {
			dst = appendGroup(dst, n.groupOrZero(i), 4)
		}
	}
	if n.dscale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for i, left := n.weight+1, n.dscale; left > 0; i, left = i+1, left-4 {
		dst = appendGroup(dst, n.groupOrZero(i), min(left, 4))
	}
	return dst
}

// groupOrZero is the group at any position, counted from the weight 10000^weight; i is negative before
// the number's first group.
func (n *numeric) groupOrZero(i int) uint32 {
	if i < 0 || i >= n.len() {
		return 0
	}
	return n.group(i)
}

// appendGroup appends the first count of a group's four digits.
func appendGroup(dst []byte, group uint32, count int) []byte {
	digits := [4]byte{byte('0' + group/1000), byte('0' + group/100%10), byte('0' + group/10%10), byte('0' + group%10)}
	return append(dst, digits[:count]...)
}
