//go:build cgo

package lakehouse

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	secretsFile    = "secrets.json"
	maxSecretBytes = 128 << 10
	maxSecretName  = 128
)

type secret struct {
	Value         []byte `json:"value"`
	UpdatedMillis int64  `json:"updated_ms"`
}

// secretScopes keeps the secrets of a workspace in one file that only its
// owner may read. Its methods may be called from any goroutine.
type secretScopes struct {
	store  *store
	now    func() time.Time
	forget func(scope string) // drops what other parts store about a scope

	mu     sync.Mutex
	scopes map[string]map[string]secret
}

func openSecrets(s *store, now func() time.Time) (*secretScopes, error) {
	scopes := map[string]map[string]secret{}
	if err := s.load(secretsFile, &scopes); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &secretScopes{store: s, now: now, scopes: scopes}, nil
}

// scope is the scope of that name; the caller holds the lock.
func (s *secretScopes) scope(name string) (map[string]secret, error) {
	scope, ok := s.scopes[name]
	if !ok {
		return nil, refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Scope %s does not exist!", name)
	}
	return scope, nil
}

func (s *secretScopes) createScope(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope string `json:"scope"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Scope == "" || len(in.Scope) > maxSecretName {
		return badParameter("Scope name must be non-empty and at most %d characters!", maxSecretName)
	}
	return s.change(w, func() error {
		if _, ok := s.scopes[in.Scope]; ok {
			return refuse(http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS", "Scope %s already exists!", in.Scope)
		}
		s.scopes[in.Scope] = map[string]secret{}
		return nil
	})
}

func (s *secretScopes) deleteScope(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope string `json:"scope"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.change(w, func() error {
		if _, err := s.scope(in.Scope); err != nil {
			return err
		}
		delete(s.scopes, in.Scope)
		s.forget(in.Scope)
		return nil
	})
}

func (s *secretScopes) put(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope       string  `json:"scope"`
		Key         string  `json:"key"`
		StringValue *string `json:"string_value"`
		BytesValue  *[]byte `json:"bytes_value"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if (in.StringValue == nil) == (in.BytesValue == nil) {
		return badParameter("Exactly one of string_value and bytes_value is needed.")
	}
	if in.Key == "" || len(in.Key) > maxSecretName {
		return badParameter("Secret key must be non-empty and at most %d characters!", maxSecretName)
	}
	var value []byte
	if in.BytesValue != nil {
		value = *in.BytesValue
	} else {
		value = []byte(*in.StringValue)
	}
	if len(value) > maxSecretBytes {
		return badParameter("The secret has more than %d bytes.", maxSecretBytes)
	}
	return s.change(w, func() error {
		scope, err := s.scope(in.Scope)
		if err == nil {
			scope[in.Key] = secret{Value: value, UpdatedMillis: s.now().UnixMilli()}
		}
		return err
	})
}

func (s *secretScopes) remove(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Scope, Key string }
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return s.change(w, func() error {
		scope, err := s.scope(in.Scope)
		if err != nil {
			return err
		}
		if _, ok := scope[in.Key]; !ok {
			return noSecret(in.Scope, in.Key)
		}
		delete(scope, in.Key)
		return nil
	})
}

func noSecret(scope, key string) error {
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Secret does not exist with scope: %s and key: %s", scope, key)
}

// change runs f under the lock, keeps what it changed and answers {}.
func (s *secretScopes) change(w http.ResponseWriter, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	if err := s.store.save(secretsFile, s.scopes); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// get answers with the value in base64, whatever it holds.
func (s *secretScopes) get(w http.ResponseWriter, r *http.Request) error {
	name, key := r.URL.Query().Get("scope"), r.URL.Query().Get("key")
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, err := s.scope(name)
	if err != nil {
		return err
	}
	found, ok := scope[key]
	if !ok {
		return noSecret(name, key)
	}
	writeJSON(w, http.StatusOK, map[string]string{"key": key, "value": base64.StdEncoding.EncodeToString(found.Value)})
	return nil
}

func (s *secretScopes) list(w http.ResponseWriter, r *http.Request) error {
	type metadata struct {
		Key     string `json:"key"`
		Updated int64  `json:"last_updated_timestamp"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, err := s.scope(r.URL.Query().Get("scope"))
	if err != nil {
		return err
	}
	secrets := []metadata{}
	for _, key := range slices.Sorted(maps.Keys(scope)) {
		secrets = append(secrets, metadata{key, scope[key].UpdatedMillis})
	}
	writeJSON(w, http.StatusOK, map[string]any{"secrets": secrets})
	return nil
}

func (s *secretScopes) listScopes(w http.ResponseWriter, _ *http.Request) error {
	type scope struct {
		Name    string `json:"name"`
		Backend string `json:"backend_type"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	scopes := []scope{}
	for _, name := range slices.Sorted(maps.Keys(s.scopes)) {
		scopes = append(scopes, scope{name, "DATABRICKS"})
	}
	writeJSON(w, http.StatusOK, map[string]any{"scopes": scopes})
	return nil
}
