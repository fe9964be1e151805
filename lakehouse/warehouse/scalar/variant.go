package scalar

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A VARIANT is stored as the JSON text that Spark's to_json returns for it: members in the order of
// their keys' UTF-16, numbers without an exponent as decimals of up to 38 digits without zeros at
// the end, all others as Java prints a double.

// The limits of Spark's parser.
const (
	variantDepth  = 1000
	variantDigits = 1000
	variantKey    = 50_000
	decimalDigits = 38
)

// malformedJSON is an error that a statement fails with, in Spark's words.
func malformedJSON(text string) error {
	return fmt.Errorf("[MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records are detected in record parsing: %s", text)
}

// ParseVariant is parse_json: the text of the value at the beginning of a JSON text. Like Spark, it ignores what follows that
// value.
func ParseVariant(text string) (string, error) {
	p := variantParser{rest: text}
	out, ok := p.value(nil, 0)
	if !ok {
		return "", malformedJSON(text)
	}
	if last := out[len(out)-1]; last != '"' && last != '}' && last != ']' && p.rest != "" &&
		!strings.ContainsRune(jsonSpace, rune(p.rest[0])) {
		return "", malformedJSON(text) // a number or a word that does not end there
	}
	return string(out), nil
}

const jsonSpace = " \t\n\r"

// variantParser takes a JSON text from its beginning. Its methods return false if the text is not JSON, or has a value that a
// VARIANT cannot hold.
type variantParser struct{ rest string }

func (p *variantParser) space() { p.rest = strings.TrimLeft(p.rest, jsonSpace) }

func (p *variantParser) accept(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *variantParser) value(dst []byte, depth int) ([]byte, bool) {
	if p.space(); p.rest == "" {
		return dst, false
	}
	switch p.rest[0] {
	case '{', '[':
		if depth == variantDepth {
			return dst, false
		}
		if p.accept("[") {
			return p.array(dst, depth+1)
		}
		return p.object(dst, depth+1)
	case '"':
		s, ok := p.text()
		return AppendVariantText(dst, s), ok
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if p.accept(word) {
			return append(dst, word...), true
		}
	}
	return p.number(dst)
}

func (p *variantParser) array(dst []byte, depth int) (_ []byte, ok bool) {
	dst = append(dst, '[')
	if p.accept("]") {
		return append(dst, ']'), true
	}
	for {
		if dst, ok = p.value(dst, depth); !ok {
			return dst, false
		}
		if p.accept("]") {
			return append(dst, ']'), true
		}
		if !p.accept(",") {
			return dst, false
		}
		dst = append(dst, ',')
	}
}

// member is one of an object's.
type member struct {
	key   string
	order []uint16
	value []byte
}

func (p *variantParser) object(dst []byte, depth int) ([]byte, bool) {
	var members []member
	for p.accept("{"); !p.accept("}"); {
		if len(members) > 0 && !p.accept(",") {
			return dst, false
		}
		p.space()
		key, ok := p.text()
		if !ok || len(key) > variantKey || !p.accept(":") {
			return dst, false
		}
		value, ok := p.value(nil, depth)
		if !ok {
			return dst, false
		}
		members = append(members, member{key, utf16.Encode([]rune(key)), value})
	}
	slices.SortFunc(members, func(a, b member) int { return slices.Compare(a.order, b.order) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			if m.key == members[i-1].key {
				return dst, false
			}
			dst = append(dst, ',')
		}
		dst = append(append(AppendVariantText(dst, m.key), ':'), m.value...)
	}
	return append(dst, '}'), true
}

// text takes a string. Half of a surrogate pair becomes a question mark, as where
// Java encodes one.
func (p *variantParser) text() (string, bool) {
	s, ok := strings.CutPrefix(p.rest, `"`)
	if !ok {
		return "", false
	}
	var out []byte
	for s != "" {
		c := s[0]
		switch {
		case c == '"':
			p.rest = s[1:]
			return string(out), true
		case c < ' ':
			return "", false
		case c != '\\':
			out, s = append(out, c), s[1:]
			continue
		case len(s) < 2:
			return "", false
		}
		if s[1] != 'u' {
			at := strings.IndexByte(`"\/bfnrt`, s[1])
			if at < 0 {
				return "", false
			}
			out, s = append(out, "\"\\/\b\f\n\r\t"[at]), s[2:]
			continue
		}
		r, n := escaped(s)
		if n == 0 {
			return "", false
		}
		out, s = utf8.AppendRune(out, r), s[n:]
	}
	return "", false
}

// escaped is the character of \uXXXX at the beginning of s, or of two that are a
// surrogate pair, and how long they are.
func escaped(s string) (_ rune, length int) {
	unit := func(s string) (rune, bool) {
		if len(s) < 6 || s[:2] != `\u` {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:6], 16, 16)
		return rune(n), err == nil
	}
	first, ok := unit(s)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(first):
		return first, 6
	}
	if second, ok := unit(s[6:]); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12
		}
	}
	return '?', 6
}

// AppendVariantText appends a text as JSON quotes it.
func AppendVariantText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		default:
			if at := strings.IndexByte("\b\f\n\r\t", c); at >= 0 {
				dst = append(dst, '\\', "bfnrt"[at])
			} else {
				dst = fmt.Appendf(dst, `\u%04X`, c)
			}
		}
	}
	return append(dst, '"')
}

func (p *variantParser) number(dst []byte) ([]byte, bool) {
	s := p.rest
	digits := func(at int) int {
		for at < len(s) && s[at] >= '0' && s[at] <= '9' {
			at++
		}
		return at
	}
	begin := len(s) - len(strings.TrimPrefix(s, "-"))
	point := digits(begin)
	if point == begin || point > begin+1 && s[begin] == '0' {
		return dst, false
	}
	end, fraction := point, ""
	if end < len(s) && s[end] == '.' {
		end = digits(point + 1)
		if fraction = s[point+1 : end]; fraction == "" {
			return dst, false
		}
	}
	exact := end
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		from := end + 1
		if from < len(s) && (s[from] == '+' || s[from] == '-') {
			from++
		}
		if end = digits(from); end == from {
			return dst, false
		}
	}
	p.rest = s[end:]
	if end-begin > variantDigits {
		return dst, false
	}
	if significant := strings.TrimLeft(s[begin:point]+fraction, "0"); exact == end && len(significant) <= decimalDigits &&
		len(fraction) <= decimalDigits {
		return append(dst, plainDecimal(s[:end])...), true
	}
	f, _ := strconv.ParseFloat(s[:end], 64) // beyond its range: infinite, as in Java
	return append(dst, VariantFloat(f, 64)...), true
}

// plainDecimal is a decimal without zeros behind its last digit, and without the
// sign of a zero.
func plainDecimal(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// VariantFloat is a floating-point number; those that JSON has no number for are texts.
func VariantFloat(f float64, bits int) string {
	s := JavaFloat(f, bits)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return `"` + s + `"`
	}
	return s
}

// TryParseVariant is parseVariant with NULL for what is malformed.
func TryParseVariant(text string) (any, error) {
	variant, err := ParseVariant(text)
	if err != nil {
		return nil, nil
	}
	return variant, nil
}

// VariantText is a VARIANT as a STRING; a null is NULL.
func VariantText(variant string) (any, error) {
	if variant == "null" {
		return nil, nil
	}
	if variant[0] != '"' {
		return variant, nil
	}
	var s string
	if err := json.Unmarshal([]byte(variant), &s); err != nil {
		return nil, fmt.Errorf("read a variant: %w", err)
	}
	return s, nil
}

// isNumber reports whether a VARIANT is a number.
func isNumber(variant string) bool {
	return variant[0] == '-' || variant[0] >= '0' && variant[0] <= '9'
}

// VariantNumber is the text that is cast when a VARIANT becomes a number: the text of a string, a number without an exponent, and
// 1 and 0 for true and false.
func VariantNumber(variant string) (any, error) {
	switch variant {
	case "true":
		return "1", nil
	case "false":
		return "0", nil
	}
	if exact, ok := new(big.Rat).SetString(variant); ok && isNumber(variant) {
		return plainDecimal(exact.FloatString(leastExponent)), nil
	}
	return VariantText(variant)
}

// leastExponent is the maximum number of decimals that Java prints for a double.
const leastExponent = 340

// VariantWhole is variantNumber without the decimals of a number; those of a text
// stay, and are refused.
func VariantWhole(variant string) (any, error) {
	text, err := VariantNumber(variant)
	if s, ok := text.(string); ok && isNumber(variant) {
		text, _, _ = strings.Cut(s, ".")
	}
	return text, err
}

// VariantTruth is the text that is cast when a VARIANT becomes a BOOLEAN.
func VariantTruth(variant string) (any, error) {
	if isNumber(variant) {
		return strconv.FormatBool(strings.ContainsAny(strings.SplitN(variant, "E", 2)[0], "123456789")), nil
	}
	return VariantText(variant)
}

// VariantAt is the value at a path of variant_get; nil if there is none.
func VariantAt(variant, path string) (any, error) {
	steps, ok := variantPath(path)
	if !ok {
		return nil, fmt.Errorf("[INVALID_VARIANT_GET_PATH] The path `%s` is not a valid variant extraction path in `variant_get`. A valid path should start with `$` and is followed by zero or more segments like `[123]`, `.name`, `['name']`, or `[\"name\"]`", path)
	}
	for _, step := range steps {
		var inner json.RawMessage
		var err error
		switch step := step.(type) {
		case int:
			var list []json.RawMessage
			if err = json.Unmarshal([]byte(variant), &list); err == nil && step < len(list) {
				inner = list[step]
			}
		case string:
			var object map[string]json.RawMessage
			if err = json.Unmarshal([]byte(variant), &object); err == nil {
				inner = object[step]
			}
		}
		var other *json.UnmarshalTypeError
		if err != nil && !errors.As(err, &other) {
			return nil, fmt.Errorf("read a variant: %w", err)
		}
		if inner == nil {
			return nil, nil
		}
		variant = string(inner)
	}
	return variant, nil
}

// variantPath takes a path apart into numbers of elements and names of members.
func variantPath(path string) (steps []any, ok bool) {
	rest, ok := strings.CutPrefix(path, "$")
	for ok && rest != "" {
		if name, found := strings.CutPrefix(rest, "."); found {
			n := strings.IndexAny(name, ".[")
			if n < 0 {
				n = len(name)
			}
			steps, rest, ok = append(steps, name[:n]), name[n:], n > 0
			continue
		}
		var inner string
		if len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"') {
			quote := rest[1:2]
			if inner, rest, ok = strings.Cut(rest[2:], quote+"]"); ok {
				steps, ok = append(steps, inner), !strings.Contains(inner, quote)
			}
			continue
		}
		if inner, rest, ok = strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok {
			n, err := strconv.ParseUint(inner, 10, 31)
			steps, ok = append(steps, int(n)), err == nil
		}
	}
	return steps, ok
}
