//go:build cgo

package lakehouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/catalog"
)

// trusting makes a client that trusts only the authorities in a file.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func read(t *testing.T, c *http.Client, url string) (string, error) {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// TestOnePortTakesHTTPAndHTTPS asks by each protocol where to sign in. The answer must have the same protocol.
func TestOnePortTakesHTTPAndHTTPS(t *testing.T) {
	s := start(t, Options{})
	address := strings.TrimPrefix(s.URL(), "http://")
	const path = "/oidc/.well-known/oauth-authorization-server"
	for _, file := range []string{s.AuthorityFile(), s.RootsFile()} {
		c := trusting(t, file)
		for _, scheme := range []string{"http://", "https://"} {
			got, err := read(t, c, scheme+address+path)
			if err != nil || !strings.Contains(got, scheme+address+"/oidc/v1/token") {
				t.Errorf("%s with %s: %s, %v", scheme, filepath.Base(file), got, err)
			}
		}
	}
	_, port, _ := strings.Cut(address, ":")
	if _, err := read(t, trusting(t, s.AuthorityFile()), "https://localhost:"+port+path); err != nil {
		t.Error(err)
	}
	_, err := read(t, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}},
		"https://"+address+path)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("a client that does not trust the workspace: %v", err)
	}
	info, err := os.Stat(filepath.Join(s.options.Dir, certificateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key is readable by others: %v, %v", info.Mode(), err)
	}
}

// TestSDKByHTTPS goes through sign-in, the Files API and Unity Catalog.
func TestSDKByHTTPS(t *testing.T) {
	s := start(t, Options{})
	w, err := databricks.NewWorkspaceClient(&databricks.Config{
		Host: strings.Replace(s.URL(), "http:", "https:", 1), AuthType: "oauth-m2m", ClientID: s.ClientID(), ClientSecret: s.ClientSecret(),
		HTTPTransport: trusting(t, s.AuthorityFile()).Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	volume := makeVolume(t, w)
	text := strings.Repeat("row\n", 100_000)
	if err := upload(t.Context(), w, volume+"/a", text); err != nil {
		t.Fatal(err)
	}
	if got := download(t, w, volume+"/a"); got != text {
		t.Errorf("%d bytes came back, not %d", len(got), len(text))
	}
	if _, err := w.Schemas.Get(t.Context(), catalog.GetSchemaRequest{FullName: "dev.bronze"}); err != nil {
		t.Error(err)
	}
}

// TestFaultsByHTTPS: what breaks a plain connection breaks this one, too.
func TestFaultsByHTTPS(t *testing.T) {
	for _, reset := range []bool{false, true} {
		s := start(t, Options{Intercept: func(int64, *http.Request) *Fault { return &Fault{Kind: Drop, Reset: reset} }})
		if got, err := read(t, trusting(t, s.AuthorityFile()), strings.Replace(s.URL(), "http:", "https:", 1)+"/"); err == nil {
			t.Errorf("reset %t: %s", reset, got)
		}
	}
}

func TestCertificateIsKeptUntilItEnds(t *testing.T) {
	o := Options{Dir: t.TempDir(), Catalogs: []string{"dev"}, Now: time.Now}
	certificate := func() string {
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		text, err := os.ReadFile(s.AuthorityFile())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := certificate()
	if certificate() != first {
		t.Error("another certificate after a restart")
	}
	o.Now = func() time.Time { return time.Now().Add(certificateLife - certificateRest + time.Hour) }
	second := certificate()
	if second == first {
		t.Error("a certificate that ends within a month was kept")
	}
	if err := os.WriteFile(filepath.Join(o.Dir, certificateFile), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if certificate() == second {
		t.Error("a certificate without its key was kept")
	}
}
