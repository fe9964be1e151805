package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/internal/vector"
)

// Limits of a VARIANT, and of the parser behind parse_json.
const (
	maxVariantBytes = 16 << 20
	maxVariantDepth = 1000
	maxNumberBytes  = 1000
	maxKeyBytes     = 50_000
)

// decodeVariant stores a json text if parse_json accepts it and nothing is lost. Any other text would
// make the load fail, or lose digits or members.
func decodeVariant(_ *Decoder, dst *vector.Column, wire []byte) outcome {
	if !holdsVariant(wire) {
		return unfit
	}
	dst.AppendBytes(wire)
	return fits
}

// holdsVariant reports whether a VARIANT can hold all of a json text: no duplicate key in an object,
// no number that neither a DECIMAL of 38 digits nor a DOUBLE holds, nothing too deep or too long.
func holdsVariant(text []byte) bool {
	if len(text) > maxVariantBytes {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	c := variantCheck{text: text}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return len(c.open) == 0 && c.values == 1
		}
		if err != nil || !c.take(token) {
			return false
		}
	}
}

// variantCheck is the state between two tokens.
type variantCheck struct {
	text   []byte
	open   []variantObject // arrays and objects around the token
	values int             // at the top level
}

// variantObject is an open object, or an array, whose keys are nil.
type variantObject struct {
	keys    map[string]bool
	wantKey bool
}

func (c *variantCheck) take(token json.Token) bool {
	if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
		c.open = c.open[:len(c.open)-1]
		return true
	}
	if n := len(c.open); n > 0 && c.open[n-1].keys != nil {
		o := &c.open[n-1]
		o.wantKey = !o.wantKey
		if !o.wantKey { // the token is the key
			key, _ := token.(string)
			if o.keys[key] || len(key) > maxKeyBytes {
				return false
			}
			o.keys[key] = true
			return c.holdsString(key)
		}
	} else if n == 0 {
		c.values++
	}
	switch v := token.(type) {
	case json.Delim:
		o := variantObject{}
		if v == '{' {
			o = variantObject{keys: map[string]bool{}, wantKey: true}
		}
		c.open = append(c.open, o)
		return len(c.open) <= maxVariantDepth
	case json.Number:
		return holdsNumber(v.String())
	case string:
		return c.holdsString(v)
	}
	return true
}

// holdsString refuses halves of surrogate pairs. The json type keeps them as escapes, and they decode
// to U+FFFD.
func (c *variantCheck) holdsString(s string) bool {
	return !strings.ContainsRune(s, '\uFFFD') || bytes.Contains(c.text, []byte("\uFFFD")) ||
		bytes.Contains(bytes.ToLower(c.text), []byte(`\ufffd`))
}

// holdsNumber reports whether a number is kept. Without an exponent and with at most 38 digits it is
// kept as a DECIMAL, otherwise as a DOUBLE that prints the same number.
func holdsNumber(s string) bool {
	if len(s) > maxNumberBytes {
		return false
	}
	if !strings.ContainsAny(s, "eE") {
		digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(s, "-"), ".", "", 1), "0")
		_, fraction, _ := strings.Cut(s, ".")
		if len(digits) <= 38 && len(fraction) <= 38 {
			return true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return false
	}
	if f == 0 { // underflow: its digits show whether it is zero
		mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
		return strings.Trim(mantissa, "-0.") == ""
	}
	want, ok := new(big.Rat).SetString(s)
	have, okToo := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	return ok && okToo && want.Cmp(have) == 0
}
