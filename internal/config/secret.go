package config

import "log/slog"

// Secret is a text that is never printed, logged or marshalled. Reveal returns it for use.
type Secret string

// Reveal is the text.
func (s Secret) Reveal() string { return string(s) }

// String is "" for an empty secret, else a word that reveals nothing.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is String for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is String for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String for JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
