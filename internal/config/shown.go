package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxShown is how many bytes of a refused value are repeated at most: no name
// that is meant is longer, and keys and tokens are.
const maxShown = 64

// shown is a refused value for an error. One that may be a connection string, a
// key or another secret that was put into the wrong place is not repeated.
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

// withoutValues takes what a parser of TOML repeats of the file out of its
// message, but for names of keys and for single signs: a value that lacks its
// quotes may be a password.
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
