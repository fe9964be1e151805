package databricks

import (
	"strings"
	"sync"
)

const redacted = "***"

// minSecret is the minimum length in bytes of a secret to redact. Replacing
// shorter values would garble texts and hide nothing.
const minSecret = 6

// redactor removes known secrets from texts. The zero value knows none.
type redactor struct {
	mu      sync.RWMutex
	secrets []string
}

func (r *redactor) add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= minSecret {
			r.secrets = append(r.secrets, s)
		}
	}
}

func (r *redactor) text(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return s
}

// err removes the secrets from the text of err. errors.Is and errors.As still
// find what err wraps. A nil err stays nil.
func (r *redactor) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := r.text(text)
	if clean == text {
		return err
	}
	return &cleanError{text: clean, err: err}
}

type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }
