package shape

import (
	"strings"
	"unicode"
)

// SnakeCase converts a name to lower-case words with underscores between them. A word begins at an
// upper-case letter after a lower-case letter or a digit. It also begins at the last of several
// upper-case letters if a lower-case letter follows: HTTPServer becomes http_server. Every character
// that is neither a letter nor a digit of any script also separates words. A leading digit gets an
// underscore before it, and a leading underscore stays. A name without a letter or digit is "_".
func SnakeCase(name string) string {
	var b strings.Builder
	runes := []rune(name)
	if len(runes) > 0 && runes[0] == '_' {
		b.WriteByte('_')
	}
	gap := false // an underscore is pending
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			gap = b.Len() > 0
			continue
		}
		gap = gap || i > 0 && upper(r) && wordEnds(runes, i)
		if gap && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
		gap = false
		if b.Len() == 0 && unicode.IsDigit(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// upper reports whether a letter has a lower-case form: ℂ is upper case and has none.
func upper(r rune) bool { return unicode.ToLower(r) != r }

// wordEnds reports whether a word ends before the upper-case letter at i.
func wordEnds(runes []rune, i int) bool {
	before := runes[i-1]
	if unicode.IsLower(before) || unicode.IsDigit(before) {
		return true
	}
	return upper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
}
