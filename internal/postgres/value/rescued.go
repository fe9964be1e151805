package value

import (
	"encoding/hex"
	"unicode/utf8"
)

// AppendRescued adds one rescued value to the JSON object of the _rescued column: column name → text.
// dst is empty or what the previous call for the same row returned. CloseRescued ends the object. A
// text that is not UTF-8 is written as hex, with a leading \x.
func AppendRescued(dst []byte, column string, text []byte) []byte {
	if len(dst) == 0 {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	dst = appendJSONString(dst, column)
	dst = append(dst, ':')
	if utf8.Valid(text) {
		return appendJSONString(dst, text)
	}
	dst = append(dst, `"\\x`...)
	dst = hex.AppendEncode(dst, text)
	return append(dst, '"')
}

// CloseRescued ends the object that AppendRescued built. An empty dst stays empty: the row has no
// rescued value.
func CloseRescued(dst []byte) []byte {
	if len(dst) == 0 {
		return dst
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSONString quotes s as JSON (RFC 8259). Bytes that are not UTF-8 become
// U+FFFD.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			var r rune
			var size int
			r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
