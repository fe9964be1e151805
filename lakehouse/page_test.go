//go:build cgo

package lakehouse

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPageNeedsItsKey: without the key, with another one, and under a name that another site may have made lead here, the page
// shows nothing of the workspace. A request with a token reaches the API as before.
func TestPageNeedsItsKey(t *testing.T) {
	s := start(t, Options{})
	key := &http.Cookie{Name: s.cookie(), Value: s.pageKey()}
	ask := func(method, url, host string, cookie *http.Cookie, token string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if cookie != nil {
			r.AddCookie(cookie)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(text)
	}
	port := s.URL()[strings.LastIndex(s.URL(), ":"):]
	for what, c := range map[string]struct {
		method, path, host string
		cookie             *http.Cookie
		token              string
		status             int
	}{
		"with the key's cookie":      {"GET", "/", "", key, "", http.StatusOK},
		"as localhost":               {"GET", "/", "localhost" + port, key, "", http.StatusOK},
		"as ::1":                     {"GET", "/", "[::1]" + port, key, "", http.StatusOK},
		"without a key":              {"GET", "/", "", nil, "", http.StatusUnauthorized},
		"with another key":           {"GET", "/?key=" + strings.Repeat("0", 32), "", nil, "", http.StatusUnauthorized},
		"with an empty key":          {"GET", "/?key=", "", &http.Cookie{Name: s.cookie()}, "", http.StatusUnauthorized},
		"with the token as the key":  {"GET", "/?key=" + s.Token(), "", nil, "", http.StatusUnauthorized},
		"with the key as the token":  {"GET", "/", "", nil, s.pageKey(), http.StatusForbidden},
		"under another name":         {"GET", "/", "rebound.example.com" + port, key, "", http.StatusMisdirectedRequest},
		"under another name, by key": {"GET", "/?key=" + s.pageKey(), "rebound.example.com", nil, "", http.StatusMisdirectedRequest},
		"a name that looks like one": {"GET", "/", "127.0.0.1.example.com", key, "", http.StatusMisdirectedRequest},
		"POST":                       {"POST", "/", "", key, "", http.StatusMethodNotAllowed},
		"the API with a token":       {"GET", "/", "", nil, s.Token(), http.StatusNotFound},
		"another path with the key":  {"GET", "/api/2.1/unity-catalog/catalogs", "", key, "", http.StatusUnauthorized},
		"the key opens, and is gone": {"GET", "/?key=" + s.pageKey(), "", nil, "", http.StatusSeeOther},
	} {
		answer, text := ask(c.method, s.URL()+c.path, c.host, c.cookie, c.token)
		if answer.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d: %s", what, answer.StatusCode, c.status, text)
		}
		if shows := strings.Contains(text, "<h1>Local workspace</h1>"); shows != (c.status == http.StatusOK) {
			t.Errorf("%s: shows %v", what, shows)
		}
		if c.status == http.StatusSeeOther {
			set := answer.Header.Get("Set-Cookie")
			if answer.Header.Get("Location") != "/" || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") {
				t.Errorf("%s: to %q with %q", what, answer.Header.Get("Location"), set)
			}
		}
		if c.status == http.StatusOK && (!strings.Contains(answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			answer.Header.Get("Cache-Control") != "no-store") {
			t.Errorf("%s: %v", what, answer.Header)
		}
	}
}

// TestPageShowsStatementsOfEarlierStarts reads them from statements.sql.
func TestPageShowsStatementsOfEarlierStarts(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Options{Dir: dir})
	first.logStatement("SELECT 'of the first start'")
	first.logStatement("SELECT '" + strings.Repeat("long ", 2000) + "'")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Options{Dir: dir})
	second.logStatement("SELECT 'has not ended'")
	got, err := second.lastStatements()
	if err != nil || len(got) != 2 || got[1].SQL != "SELECT 'of the first start'" || got[0].Outcome != "" || len(got[0].SQL) > shownText+3 {
		t.Errorf("%+v, %v", got, err)
	}
}
