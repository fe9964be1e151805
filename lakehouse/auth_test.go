//go:build cgo

package lakehouse

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/iam"
)

func TestSignIn(t *testing.T) {
	s := start(t, Options{})
	tests := map[string]struct {
		config *databricks.Config
		user   string
	}{
		"token": {&databricks.Config{}, localUser},
		"oauth": {&databricks.Config{AuthType: "oauth-m2m", ClientID: s.ClientID(), ClientSecret: s.ClientSecret()}, s.ClientID()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			me, err := connect(t, s, test.config).CurrentUser.Me(t.Context(), iam.MeRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if me.UserName != test.user || !me.Active {
				t.Errorf("user %q, active %v; want %q, active", me.UserName, me.Active, test.user)
			}
		})
	}
}

func TestSignInWrong(t *testing.T) {
	s := start(t, Options{})
	forged := func() string {
		other := &authority{credentials: credentials{ClientID: s.ClientID(), ClientSecret: "dose-of-another"}, ttl: time.Hour, now: time.Now}
		return other.issue()
	}()
	unsigned := jwtHeader + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+s.ClientID()+`","exp_ns":9e18}`)) + "."
	for name, test := range map[string]struct {
		config *databricks.Config
		want   error
	}{
		"wrong token":    {&databricks.Config{AuthType: "pat", Token: "dapi0"}, apierr.ErrPermissionDenied},
		"forged token":   {&databricks.Config{AuthType: "pat", Token: forged}, apierr.ErrPermissionDenied},
		"unsigned token": {&databricks.Config{AuthType: "pat", Token: unsigned}, apierr.ErrPermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, s, test.config).CurrentUser.Me(t.Context(), iam.MeRequest{})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), "Invalid access token") {
				t.Errorf("error %v; want %v", err, test.want)
			}
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		w := connect(t, s, &databricks.Config{AuthType: "oauth-m2m", ClientID: s.ClientID(), ClientSecret: "wrong"})
		_, err := w.CurrentUser.Me(t.Context(), iam.MeRequest{})
		if err == nil || !strings.Contains(err.Error(), "invalid_client") {
			t.Errorf("error %v; want invalid_client", err)
		}
	})
}

func TestNothingWithoutToken(t *testing.T) {
	s := start(t, Options{})
	for _, path := range []string{
		"/api/2.0/preview/scim/v2/Me", "/api/2.0/fs/files/Volumes/a/b/c/d", "/api/2.1/unity-catalog/catalogs", "/api/2.0/secrets/scopes/list",
		"/api/2.0/sql/warehouses", "/nothing", "/", "/telemetry-ext",
	} {
		for _, authorization := range []string{"Basic dXNlcjpwYXNz", "Bearer", "Bearer ", s.Token()} {
			response, text := request(t, s, http.MethodGet, path, http.Header{"Authorization": {authorization}}, nil)
			if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("GET %s with %q: status %d, body %s; want 401 and a challenge", path, authorization, response.StatusCode, text)
			}
		}
	}
	if response, _ := request(t, s, http.MethodPost, s.HTTPPath(), http.Header{"Authorization": {"Bearer x"}},
		nil); response.StatusCode != http.StatusForbidden {
		t.Errorf("statement with a wrong token: status %d; want 403", response.StatusCode)
	}
	if s.Wakeups() != 0 {
		t.Errorf("%d wake-ups by callers without a token", s.Wakeups())
	}
}

func TestExpiredTokenIsRefreshed(t *testing.T) {
	var tokens atomic.Int64
	s := start(t, Options{TokenTTL: time.Second, Intercept: func(_ int64, r *http.Request) *Fault {
		if r.URL.Path == "/oidc/v1/token" {
			tokens.Add(1)
		}
		return nil
	}})
	w := connect(t, s, &databricks.Config{
		AuthType: "oauth-m2m", ClientID: s.ClientID(), ClientSecret: s.ClientSecret(), DisableAsyncTokenRefresh: true,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// Client and server use the same clock, so a call may be sent just before a token's end and arrive just after it.
	for tokens.Load() < 3 {
		if _, err := w.CurrentUser.Me(ctx, iam.MeRequest{}); err != nil && !errors.Is(err, apierr.ErrUnauthenticated) {
			t.Fatal(err)
		}
	}
	if _, err := w.CurrentUser.Me(ctx, iam.MeRequest{}); err != nil {
		t.Fatal(err)
	}
}

func TestTokenExpires(t *testing.T) {
	now := newClock()
	a := &authority{credentials: credentials{Token: "dapi1", ClientID: "client", ClientSecret: "secret"}, ttl: time.Minute, now: now.now}
	check := func(when, token string, want *authFailure) {
		t.Helper()
		_, got := a.caller(&http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if got != want {
			t.Errorf("%s: %v; want %v", when, got, want)
		}
	}
	first := a.issue()
	check("new", first, nil)
	now.advance(time.Minute - 1)
	check("just before its end", first, nil)
	now.advance(1)
	check("at its end", first, errExpiredToken)
	second := a.issue()
	a.expireAll()
	check("revoked", second, errExpiredToken)
	check("issued after that, at the same moment", a.issue(), nil)
	check("personal access token", "dapi1", nil)
}

func TestCredentialsOutliveRestart(t *testing.T) {
	dir := t.TempDir()
	open := func(o Options) (token, id, secret, oauth string) {
		o.Dir = dir
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Token(), s.ClientID(), s.ClientSecret(), s.auth.issue()
	}
	token, id, secret, oauth := open(Options{Catalogs: []string{"main_catalog"}})
	if !strings.HasPrefix(token, "dapi") || len(token) != 36 || id == "" || secret == "" {
		t.Errorf("token %q, client %q, secret %q", token, id, secret)
	}
	s := start(t, Options{Dir: dir})
	if s.Token() != token || s.ClientID() != id || s.ClientSecret() != secret {
		t.Error("a restart changed the credentials")
	}
	header := http.Header{"Authorization": {"Bearer " + oauth}}
	if response, _ := request(t, s, http.MethodGet, "/api/2.0/preview/scim/v2/Me", header, nil); response.StatusCode != http.StatusOK {
		t.Errorf("an OAuth token of before the restart: status %d", response.StatusCode)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if given, _, _, _ := open(Options{Token: "dapi-given"}); given != "dapi-given" {
		t.Errorf("token %q; want the one given", given)
	}
	if kept, _, _, _ := open(Options{}); kept != token {
		t.Error("a token that was given took the place of the kept one")
	}
	if _, err := Open(t.Context(), Options{Dir: dir, ClientID: "only"}); err == nil || !strings.Contains(err.Error(), "both or neither") {
		t.Errorf("client id without secret: %v", err)
	}
}
