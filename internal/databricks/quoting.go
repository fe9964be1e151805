package databricks

import (
	"strings"
	"unicode/utf8"
)

// Quote quotes an identifier: it adds backticks and doubles backticks inside.
// The SQL language reference: "Names", delimited identifiers.
func Quote(ident string) string {
	return "`" + strings.ReplaceAll(ident, "`", "``") + "`"
}

// Literal quotes a string literal, so that the warehouse reads exactly s. The
// SQL language reference: "STRING type", literals. Bytes that are not UTF-8
// become U+FFFD.
func Literal(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b.WriteString(escapeASCII(c, s[i+1:]))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += size
	}
	b.WriteByte('\'')
	return b.String()
}

// escapeASCII escapes one character; rest is what follows it.
func escapeASCII(c byte, rest string) string {
	switch c {
	case '\\':
		return `\\`
	case '\'':
		return `\'`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case 0:
		return `\u0000`
	case '$':
		// The warehouse would replace ${name} by a variable's value, even
		// inside literals.
		if strings.HasPrefix(rest, "{") {
			return `\u0024`
		}
	}
	return string(rune(c))
}
