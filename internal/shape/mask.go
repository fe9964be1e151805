package shape

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"ingest/internal/failure"
	"ingest/internal/schema"
)

// Key is the key of masks by HMAC. However it is printed or marshalled, it does
// not tell itself.
type Key []byte

// String says only whether there is one.
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

// MinKeyBytes is the length of the shortest key that masks by HMAC take.
const MinKeyBytes = 16

// keyID names a key: two keys have the same name as good as never, and the name
// says nothing of the key.
func keyID(key []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("ingest mask key"))
	return hex.EncodeToString(m.Sum(nil)[:6])
}

// Masker hides the values of one column. It belongs to one goroutine.
type Masker struct {
	mask schema.Mask
	mac  hash.Hash
	sum  [sha256.Size]byte
}

// Masker makes the masker of a column; nil if it has no mask. The error is a
// mask whose key is not the one that is configured.
func (s *Shape) Masker(c schema.Column) (*Masker, error) {
	if c.Mask == nil {
		return nil, nil
	}
	m := &Masker{mask: *c.Mask}
	if m.mask.Kind == schema.MaskHMAC {
		if id := keyID(s.key); len(s.key) < MinKeyBytes || id != m.mask.KeyID {
			return nil, failure.New(failure.Usage, "%s: column %q is masked with key %s, and the key that is configured is another one", s.table, c.Name, m.mask.KeyID).
				WithHint("set the key again (INGEST_MASK_KEY, or mask.key_secret), or load the table in full with the new one: `ingest full-load --tables %s`", s.table)
		}
		m.mac = hmac.New(sha256.New, s.key)
	}
	return m, nil
}

// Null says whether the mask makes NULL of everything.
func (m *Masker) Null() bool { return m.mask.Kind == schema.MaskNull }

// Append appends the text that stands for a value, given as Postgres's text. It
// means nothing if that is NULL.
func (m *Masker) Append(dst, text []byte) []byte {
	switch m.mask.Kind {
	case schema.MaskHMAC:
		m.mac.Reset()
		m.mac.Write(text)
		return hex.AppendEncode(dst, m.mac.Sum(m.sum[:0]))
	case schema.MaskFixed:
		return append(dst, m.mask.Fixed...)
	}
	return dst
}
