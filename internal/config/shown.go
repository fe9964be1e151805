package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxShown is the maximum number of bytes of a refused value that an error repeats. Names that are
// meant are shorter; keys and tokens are longer.
const maxShown = 64

// shown is a refused value for an error. It does not repeat a value that may be a connection string, a
// key or another secret in the wrong place.
func shown(s string) string {
	if len(s) > maxShown || strings.Contains(s, "://") || strings.ContainsAny(s, "@=") || strings.ContainsFunc(s, unicode.IsControl) {
		return "a value that is not shown, since it may be a secret"
	}
	return strconv.Quote(s)
}

var (
	quotedValue = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")
	number      = regexp.MustCompile(`[0-9]{3,}`)
)

// withoutValues removes what a TOML parser's message repeats of the file, except names of keys and
// single characters: a value without its quotes may be a password.
func withoutValues(message string) string {
	message = quotedValue.ReplaceAllStringFunc(message, func(quoted string) string {
		inner := quoted[1 : len(quoted)-1]
		isKey := func(k key) bool { return inner == k.leaf() || inner == k.name || inner == k.section() }
		if len(inner) == 1 && strings.Contains(".,=[]{}#\"", inner) || slices.ContainsFunc(keys, isKey) {
			return quoted
		}
		return "…"
	})
	return number.ReplaceAllString(message, "…")
}
