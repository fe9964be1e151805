//go:build cgo && unix

package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A run speaks to the source and to the configured host, and to nobody else:
// all HTTP goes by way of a proxy that notes where to. The host's name is one
// that only the proxy knows.
func TestNobodyElseIsSpokenTo(t *testing.T) {
	b := newBench(t, nil)
	const host = "workspace.invalid"
	to, err := url.Parse(b.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []*http.Request
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r)
		mu.Unlock()
		if r.URL.Hostname() != host {
			http.Error(w, "unknown host", http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	b.signIn("http://"+host, b.server.Token())
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	for _, command := range []string{"full-load", "cdc", "check", "status", "verify"} {
		if code, stdout, stderr := b.child(`exec "$0" "$@"`, command); code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
		b.exec("INSERT INTO a SELECT max(id) + 1 FROM a")
	}
	mu.Lock()
	defer mu.Unlock()
	agents := map[string]int{}
	for _, r := range asked {
		interfaces := []string{"/api/2.0/fs/", "/api/2.1/unity-catalog/", "/api/2.0/sql/warehouses", "/api/2.0/permissions/warehouses/", "/api/2.0/preview/scim/v2/Me", "/sql/1.0/warehouses/", "/.well-known/databricks-config", "/oidc/"}
		expected := ""
		for _, path := range interfaces {
			if strings.HasPrefix(r.URL.Path, path) {
				expected = path
			}
		}
		if r.Method == http.MethodConnect || r.URL.Hostname() != host || expected == "" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if strings.Contains(r.UserAgent(), "ingest/") {
			agents[expected]++
		}
	}
	for _, path := range []string{"/api/2.0/fs/", "/api/2.1/unity-catalog/", "/sql/1.0/warehouses/"} {
		if agents[path] == 0 {
			t.Errorf("no request to %s names the program as its user agent", path)
		}
	}
}
