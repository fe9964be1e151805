package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// appendJSON appends a json text so that equal documents have equal bytes. It
// writes no spaces, the members of an object in the order of their keys, and
// numbers as digits and a power of ten. ok is false if the text is not exactly
// one document or if it repeats a key.
func appendJSON(dst, text []byte) (_ []byte, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	dst, ok = appendJSONValue(dst, dec)
	if !ok {
		return dst, false
	}
	_, err := dec.Token()
	return dst, errors.Is(err, io.EOF)
}

func appendJSONValue(dst []byte, dec *json.Decoder) (_ []byte, ok bool) {
	token, err := dec.Token()
	if err != nil {
		return dst, false
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return appendJSONArray(dst, dec)
		}
		return appendJSONObject(dst, dec)
	case json.Number:
		return appendJSONNumber(dst, v.String()), true
	case string:
		return appendJSONText(dst, v), true
	case bool:
		return strconv.AppendBool(dst, v), true
	}
	return append(dst, "null"...), true
}

func appendJSONArray(dst []byte, dec *json.Decoder) (_ []byte, ok bool) {
	dst = append(dst, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, ok = appendJSONValue(dst, dec); !ok {
			return dst, false
		}
	}
	_, err := dec.Token()
	return append(dst, ']'), err == nil
}

func appendJSONObject(dst []byte, dec *json.Decoder) (_ []byte, ok bool) {
	members := map[string][]byte{}
	var keys []string
	for dec.More() {
		token, err := dec.Token()
		key, isKey := token.(string)
		if _, twice := members[key]; err != nil || !isKey || twice {
			return dst, false
		}
		value, ok := appendJSONValue(nil, dec)
		if !ok {
			return dst, false
		}
		members[key], keys = value, append(keys, key)
	}
	if _, err := dec.Token(); err != nil {
		return dst, false
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendJSONText(dst, key), ':'), members[key]...)
	}
	return append(dst, '}'), true
}

func appendJSONText(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string cannot fail
	return append(dst, quoted...)
}

// appendJSONNumber writes a number as its digits, without leading or trailing
// zeros, and a power of ten to multiply them by. In a VARIANT, a number with an
// exponent is a double. Java up to 18 does not print the fewest digits of a
// double: it prints 1e23 as 9.999999999999999E22.
func appendJSONNumber(dst []byte, s string) []byte {
	s, negative := strings.CutPrefix(doubleText(strings.ToLower(s)), "-")
	mantissa, exponent, _ := strings.Cut(s, "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	power, _ := strconv.ParseInt(exponent, 10, 64) // saturates
	digits := strings.TrimLeft(whole+fraction, "0")
	power -= int64(len(fraction))
	trimmed := strings.TrimRight(digits, "0")
	power += int64(len(digits) - len(trimmed))
	if trimmed == "" {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	dst = append(append(dst, trimmed...), 'e')
	return strconv.AppendInt(dst, power, 10)
}

// doubleDigits is how many digits distinguish any two doubles.
const doubleDigits = 17

// doubleText formats a number as Go prints the double, if the number has an
// exponent and few enough digits to be the text of a double.
func doubleText(s string) string {
	mantissa, _, double := strings.Cut(s, "e")
	digits := strings.Trim(strings.Replace(mantissa, ".", "", 1), "-0")
	if !double || len(digits) > doubleDigits {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 && digits != "" { // too large or too small for a double
		return s
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}
