package shape

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Key is the key of HMAC masks. Printing and marshalling do not reveal it.
type Key []byte

// String reports only whether there is a key.
func (k Key) String() string {
	if len(k) == 0 {
		return ""
	}
	return "REDACTED"
}

// Format is String for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText is String for JSON and the like.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MinKeyBytes is the minimum length of a key for HMAC masks.
const MinKeyBytes = 16

// keyID identifies a key. Two keys practically never share an id, and the id reveals nothing about the
// key.
func keyID(key []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("ingest mask key"))
	return hex.EncodeToString(m.Sum(nil)[:6])
}

// Masker hides the values of one column. One goroutine uses it.
type Masker struct {
	mask schema.Mask
	mac  hash.Hash
	sum  [sha256.Size]byte
}

// Masker makes the masker of a column; nil if the column has no mask. It is an error if the mask's key
// is not the configured one.
func (s *Shape) Masker(c schema.Column) (*Masker, error) {
	if c.Mask == nil {
		return nil, nil
	}
	m := &Masker{mask: *c.Mask}
	if m.mask.Kind == schema.MaskHMAC {
		if id := keyID(s.key); len(s.key) < MinKeyBytes || id != m.mask.KeyID {
			return nil, failure.New(failure.Usage, "%s: column %q is masked with key %s, and the key that is configured is another one",
				s.table, c.Name, m.mask.KeyID).
				WithHint("set the key again (INGEST_MASK_KEY, or mask.key_secret), or load the table in full with the new one: "+
					"`ingest full-load --tables %s`", s.table)
		}
		m.mac = hmac.New(sha256.New, s.key)
	}
	return m, nil
}

// Null reports whether the mask turns every value into NULL.
func (m *Masker) Null() bool { return m.mask.Kind == schema.MaskNull }

// Append appends the text that replaces a value, which is given as Postgres's text. If Null is true,
// the text means nothing.
func (m *Masker) Append(dst, text []byte) []byte {
	switch m.mask.Kind {
	case schema.MaskHMAC:
		m.mac.Reset()
		m.mac.Write(text)
		return hex.AppendEncode(dst, m.mac.Sum(m.sum[:0]))
	case schema.MaskFixed:
		return append(dst, m.mask.Fixed...)
	default:
		return dst
	}
}
