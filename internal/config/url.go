package config

import (
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

// URL is a Postgres connection string: a postgres:// URL or libpq's key=value
// words. However it is printed, logged or marshalled, its passwords are not in
// it; Reveal is for connecting.
type URL string

const redacted = "REDACTED"

var passwordWord = regexp.MustCompile(`(?i)\b((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*(?:'|$)|(?:[^\s\\]|\\.)+)`)

// parseURL looks only at the form: whoever connects reads the rest. Its errors
// do not repeat the value, which may hold a password.
func parseURL(s string) (URL, error) {
	if s == "" || strings.ContainsAny(s, "\x00\r\n") {
		return "", errors.New(`want "postgres://user@host:5432/database" on one line`)
	}
	if scheme, _, ok := strings.Cut(s, "://"); ok && !strings.Contains(scheme, "=") {
		if scheme != "postgres" && scheme != "postgresql" {
			return "", errors.New(`want a URL that begins with "postgres://"`)
		}
		if _, err := url.Parse(s); err != nil {
			return "", errors.New("the URL cannot be parsed; percent-encode what is special in its password (@ is %40, / is %2F, # is %23, % is %25)")
		}
		return URL(s), nil
	}
	if !strings.Contains(s, "=") {
		return "", errors.New(`want "postgres://user@host:5432/database" or "host=… dbname=…"`)
	}
	return URL(s), nil
}

// Reveal is the connection string with its password.
func (u URL) Reveal() string { return string(u) }

// String is the connection string with its passwords replaced.
func (u URL) String() string {
	s := string(u)
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return passwordWord.ReplaceAllString(s, "${1}"+redacted)
	}
	parsed, err := url.Parse(s)
	if err != nil {
		return redacted
	}
	if _, has := parsed.User.Password(); has {
		parsed.User = url.UserPassword(parsed.User.Username(), redacted)
	}
	query := parsed.Query()
	hidden := false
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query[name] = []string{redacted}
			hidden = true
		}
	}
	if hidden {
		parsed.RawQuery = query.Encode()
	}
	return parsed.String()
}

// GoString is String for %#v.
func (u URL) GoString() string { return u.String() }

// LogValue is String for slog.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String for JSON and the like.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
