package config

import (
	"log/slog"
	"net/url"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
)

// URL is a Postgres connection string: a postgres:// URL or libpq's key=value words. Printing, logging
// and marshalling leave out its passwords. Reveal returns it for connecting.
type URL string

const redacted = "REDACTED"

// otherWays are the ways to pass a password to Postgres without a URL.
const otherWays = "or leave the password out: PGPASSWORD, ~/.pgpass and source.password_command take it as it is"

// ParseURL accepts a connection string in which each part has one meaning. It does not leave the end
// of a password to the parser, since the rest of the password would be printed as a host, a port or a
// database. The driver reads the parts. Errors do not repeat the value, which may contain a password.
func ParseURL(s string) (URL, error) {
	if s == "" || strings.ContainsAny(s, "\x00\r\n") {
		return "", usage(`want "postgres://user@host:5432/database" on one line`)
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok && !strings.Contains(scheme, "=") {
		if scheme != "postgres" && scheme != "postgresql" {
			return "", usage(`want a URL that begins with "postgres://"`)
		}
		u, ok := splitURL(rest)
		if !ok {
			return "",
				usage("the URL cannot be parsed; percent-encode the special characters in its password (@ is %%40, / is %%2F, # is %%23, %% is %%25)").
					WithHint("percent-encode each character of user and password that is not a letter or a digit (? is %%3F, : is %%3A, "+
						"a space is %%20), %s", otherWays)
		}
		return URL(s), checkParameters(u.parameters)
	}
	if !strings.Contains(s, "=") {
		return "", usage(`want "postgres://user@host:5432/database" or "host=… dbname=…"`)
	}
	words, ok := splitWords(s)
	if !ok {
		return "", usage(`the words cannot be parsed; want "host=… dbname=…", each as name=value`).
			WithHint(`put a value with a space between single quotes, and write \' for ' and \\ for \ in it, %s`, otherWays)
	}
	return URL(s), checkParameters(words)
}

func usage(format string, args ...any) *failure.Error {
	return failure.New(failure.Usage, format, args...)
}

// Reveal is the connection string with its password.
func (u URL) Reveal() string { return string(u) }

// String is the connection string with its passwords replaced.
func (u URL) String() string {
	s := string(u)
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		rest, ok := strings.CutPrefix(s, scheme)
		if !ok {
			continue
		}
		parts, ok := splitURL(rest)
		if !ok {
			return redacted
		}
		return scheme + parts.String()
	}
	words, ok := splitWords(s)
	var b strings.Builder
	for _, w := range words {
		value := w.raw
		if secretParameter(w.name) {
			value = redacted
		}
		b.WriteString(w.before + value)
	}
	if !ok && len(words) == 0 {
		return redacted
	}
	return b.String()
}

// Public is the connection string without its passwords and, unless user is empty, with that user. It
// is what a file may contain. removed reports that there was a password.
func (u URL) Public(user string) (public URL, removed bool) {
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(string(u), scheme); ok {
			parts, ok := splitURL(rest)
			if !ok {
				return "", true
			}
			removed = parts.hide(user)
			return URL(scheme + parts.String()), removed
		}
	}
	words, ok := splitWords(string(u))
	if !ok {
		return "", true
	}
	var out []string
	for _, w := range words {
		switch {
		case secretParameter(w.name):
			removed = true
			continue
		case w.name == "user" && user != "":
			continue
		}
		out = append(out, w.name+"="+w.raw)
	}
	if user != "" {
		out = append(out, "user='"+wordQuotes.Replace(user)+"'")
	}
	return URL(strings.Join(out, " ")), removed
}

// WithPassword is the connection string, which has none, with a password.
func (u URL) WithPassword(password string) string {
	s := string(u)
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return s + " password='" + wordQuotes.Replace(password) + "'"
	}
	separator := "?"
	if strings.Contains(s, "?") {
		separator = "&"
	}
	return strings.TrimSuffix(s, separator) + separator + "password=" + strings.ReplaceAll(url.QueryEscape(password), "+", "%20")
}

// wordQuotes escapes a value between single quotes.
var wordQuotes = strings.NewReplacer(`\`, `\\`, "'", `\'`)

// GoString is String for %#v.
func (u URL) GoString() string { return u.String() }

// LogValue is String for slog.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String for JSON and the like.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
