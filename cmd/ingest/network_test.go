//go:build cgo && unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A run connects to the source and to the configured host, and to no other host: all HTTP goes through a proxy that records the
// hosts. Only the proxy knows the host's name.
func TestNoConnectionToOtherHosts(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const host = "workspace.invalid"
	ca := newAuthority(t)
	ca.issue("host", &x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.LoadX509KeyPair(ca.file("host.crt"), ca.file("host.key"))
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(b.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []*http.Request
	var elsewhere []string
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r)
		mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	front.StartTLS()
	defer front.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != host+":443" {
			mu.Lock()
			elsewhere = append(elsewhere, r.Method+" "+r.URL.String())
			mu.Unlock()
			http.Error(w, "not a host of the test", http.StatusForbidden)
			return
		}
		join(t, w, front.Listener.Addr().String())
	}))
	defer proxy.Close()
	b.signIn("https://"+host, b.server.Token())
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		b.env[name] = proxy.URL
	}
	b.env["NO_PROXY"], b.env["SSL_CERT_FILE"] = "", ca.file("ca.crt")
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	for _, command := range []string{"full-load", "cdc", "check", "status", "verify"} {
		if code, stdout, stderr := b.child(`exec "$0" "$@"`, command); code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
		b.exec("INSERT INTO a SELECT max(id) + 1 FROM a")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(elsewhere) > 0 {
		t.Errorf("spoken to: %q", elsewhere)
	}
	agents := map[string]int{}
	for _, r := range asked {
		interfaces := []string{"/api/2.0/fs/", "/api/2.1/unity-catalog/", "/api/2.0/sql/warehouses", "/api/2.0/permissions/warehouses/",
			"/api/2.0/preview/scim/v2/Me", "/sql/1.0/warehouses/", "/.well-known/databricks-config", "/oidc/"}
		expected := ""
		for _, path := range interfaces {
			if strings.HasPrefix(r.URL.Path, path) {
				expected = path
			}
		}
		if expected == "" {
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

// join connects a client of a proxy to an address until either is gone.
func join(t *testing.T, w http.ResponseWriter, address string) {
	out, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer out.Close()
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer in.Close()
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
	_ = in.Close()
	<-done
}
