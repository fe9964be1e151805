package verify

import (
	"bytes"
	"strconv"
)

// appendDecimal appends a number's text with exactly scale digits after the
// point and without leading zeros. ok is false if the text is not a number, if
// digits beyond the scale are not zero, or if there are too many digits before
// the point.
func appendDecimal(dst, text []byte, precision, scale int) (_ []byte, ok bool) {
	if plainDecimal(text, precision, scale) {
		return append(dst, text...), true
	}
	negative, digits, exponent, ok := splitDecimal(text)
	if !ok {
		return dst, false
	}
	// The value is digits × 10^exponent; wanted is units × 10^-scale.
	if shift := exponent + scale; shift < 0 {
		cut := max(0, len(digits)+shift)
		if len(bytes.Trim(digits[cut:], "0")) > 0 {
			return dst, false
		}
		digits = digits[:cut]
	} else if len(bytes.Trim(digits, "0")) > 0 {
		if shift > precision {
			return dst, false
		}
		digits = append(bytes.Clone(digits), bytes.Repeat([]byte("0"), shift)...)
	}
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) > precision {
		return dst, false
	}
	if negative && len(digits) > 0 {
		dst = append(dst, '-')
	}
	if n := scale + 1 - len(digits); n > 0 {
		digits = append(bytes.Repeat([]byte("0"), n), digits...)
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
	}
	return dst, true
}

// plainDecimal reports whether a text already has the form that appendDecimal
// writes. Postgres's text of a numeric with a scale mostly has it.
func plainDecimal(text []byte, precision, scale int) bool {
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	whole := len(text)
	if scale > 0 {
		if whole -= scale + 1; whole < 1 || text[whole] != '.' {
			return false
		}
	}
	// A zero before the point counts as no digit, and -0.00 is not plain.
	if whole < 1 || text[0] == '0' || whole+scale > precision {
		return false
	}
	for i, d := range text {
		if (d < '0' || d > '9') && i != whole {
			return false
		}
	}
	return true
}

// splitDecimal reads [-+]digits[.digits][E[-+]digits].
func splitDecimal(text []byte) (negative bool, digits []byte, exponent int, ok bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || n > 1<<20 || n < -1<<20 {
			return false, nil, 0, false
		}
		exponent, text = n, text[:i]
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	digits = append(bytes.Clone(whole), fraction...)
	for _, d := range digits {
		if d < '0' || d > '9' {
			return false, nil, 0, false
		}
	}
	return negative, digits, exponent - len(fraction), len(digits) > 0
}
