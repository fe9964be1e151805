//go:build cgo

package lakehouse

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// localUser is the user of the personal access token.
	localUser       = "local@localhost"
	credentialsFile = "credentials.json"
)

// credentials are the ways to sign in.
type credentials struct {
	Token        string `json:"token"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// openCredentials takes the credentials of o and reads missing ones from dir. It generates and stores those that are in neither.
func openCredentials(dir *store, o Options) (credentials, error) {
	if (o.ClientID == "") != (o.ClientSecret == "") {
		return credentials{}, errors.New("client id and client secret: give both or neither")
	}
	var kept credentials
	err := dir.load(credentialsFile, &kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return credentials{}, err
	}
	if kept.Token == "" || kept.ClientID == "" || kept.ClientSecret == "" {
		kept = credentials{Token: "dapi" + randomHex(16), ClientID: randomUUID(), ClientSecret: "dose" + randomHex(16)}
		if err := dir.save(credentialsFile, kept); err != nil {
			return credentials{}, err
		}
	}
	if o.Token != "" {
		kept.Token = o.Token
	}
	if o.ClientID != "" {
		kept.ClientID, kept.ClientSecret = o.ClientID, o.ClientSecret
	}
	return kept, nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}

func randomUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// authority issues OAuth tokens and checks tokens. Its OAuth tokens are signed and not stored, so they outlive a restart.
type authority struct {
	credentials
	ttl time.Duration
	now func() time.Time

	mu sync.Mutex
	// revoked: tokens issued at or before this time, in ns, are void.
	revoked int64
}

// claims is the payload of an OAuth token (RFC 7519; iat and exp in seconds).
type claims struct {
	Subject  string `json:"sub"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
	// IssuedNanos and ExpiresNanos are exact, for lifetimes of a few seconds.
	IssuedNanos  int64 `json:"iat_ns"`
	ExpiresNanos int64 `json:"exp_ns"`
}

var jwtHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

func (a *authority) issue() string {
	now := a.now()
	a.mu.Lock()
	issued := max(now.UnixNano(), a.revoked+1)
	a.mu.Unlock()
	expires := now.Add(a.ttl)
	payload, err := json.Marshal(claims{
		Subject: a.ClientID, IssuedAt: now.Unix(), Expires: expires.Unix(), ID: randomHex(8),
		IssuedNanos: issued, ExpiresNanos: expires.UnixNano(),
	})
	if err != nil {
		panic(err) // a struct of strings and integers always encodes
	}
	signed := jwtHeader + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + a.signature(signed)
}

func (a *authority) signature(signed string) string {
	mac := hmac.New(sha256.New, []byte(a.ClientSecret))
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// expireAll makes every OAuth token issued so far void.
func (a *authority) expireAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked = max(a.revoked, a.now().UnixNano())
}

// authFailure is a refusal of the gateway, whose error codes are numbers.
type authFailure struct {
	status  int
	message string
}

var (
	errNoCredential = &authFailure{http.StatusUnauthorized, "Credential was not sent or was of an unsupported type for this API."}
	errBadToken     = &authFailure{http.StatusForbidden, "Invalid access token."}
	errExpiredToken = &authFailure{http.StatusUnauthorized, "Token is expired."}
)

func (f *authFailure) write(w http.ResponseWriter) {
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="DatabricksRealm"`)
	}
	w.Header().Set("X-Databricks-Reason-Phrase", f.message)
	writeJSON(w, f.status, map[string]any{"error_code": f.status, "message": f.message})
}

// caller returns who sent r, or an error if the sign-in is not valid.
func (a *authority) caller(r *http.Request) (string, *authFailure) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoCredential
	}
	if equalSecret(token, a.Token) {
		return localUser, nil
	}
	at := strings.LastIndexByte(token, '.')
	if at < 0 || !equalSecret(token[at+1:], a.signature(token[:at])) {
		return "", errBadToken
	}
	_, encoded, _ := strings.Cut(token[:at], ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", errBadToken
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c.Subject != a.ClientID {
		return "", errBadToken
	}
	a.mu.Lock()
	revoked := a.revoked
	a.mu.Unlock()
	if c.ExpiresNanos <= a.now().UnixNano() || c.IssuedNanos <= revoked {
		return "", errExpiredToken
	}
	return a.ClientID, nil
}

func equalSecret(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// serveToken is the token endpoint (RFC 6749, 4.4: client credentials, the
// client signing in by HTTP Basic or in the form).
func (a *authority) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxJSONBytes)
	if err := r.ParseForm(); err != nil {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request", "the request's body is not a form: "+err.Error())
		return
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		writeOAuthError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type "+strconv.Quote(grant)+" is not client_credentials")
		return
	}
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, secret = formUnescape(user), formUnescape(password)
	}
	if !equalSecret(id, a.ClientID) || !equalSecret(secret, a.ClientSecret) {
		writeOAuthError(w, http.StatusUnauthorized, "invalid_client", "Client authentication failed")
		return
	}
	scope := r.PostForm.Get("scope")
	if scope == "" {
		scope = "all-apis"
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": a.issue(), "token_type": "Bearer", "scope": scope, "expires_in": int64(a.ttl / time.Second),
	})
}

// formUnescape undoes the encoding that RFC 6749, 2.3.1 puts around both halves
// of HTTP Basic; a client that leaves it out is understood too.
func formUnescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func writeOAuthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// serveDiscovery is the authorization server's metadata (RFC 8414).
func serveDiscovery(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                base + "/oidc",
			"authorization_endpoint":                base + "/oidc/v1/authorize",
			"token_endpoint":                        base + "/oidc/v1/token",
			"grant_types_supported":                 []string{"client_credentials"},
			"response_types_supported":              []string{"token"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
			"scopes_supported":                      []string{"all-apis", "sql"},
		})
	}
}

// serveHostMetadata returns the kind of this host.
func serveHostMetadata(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"oidc_endpoint": base + "/oidc", "workspace_id": workspaceID, "host_type": "workspace",
			"token_federation_default_oidc_audiences": []string{base + "/oidc/v1/token"},
		})
	}
}

// knows reports whether a user or service principal with that name exists.
func (a *authority) knows(name string) bool { return name == localUser || name == a.ClientID }

// tokenOf returns a token of that user. For the service principal it is a new OAuth token, which is not renewed.
func (a *authority) tokenOf(name string) string {
	if name == a.ClientID {
		return a.issue()
	}
	return a.Token
}
