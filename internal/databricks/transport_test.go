package databricks

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheDriversTelemetryStaysHere(t *testing.T) {
	var sent []string
	transport := &sqlTransport{host: "ws.example.com:443", base: roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.URL.String())
		return localAnswer(r, "answer"), nil
	})}
	for _, test := range []struct {
		url   string
		local bool
	}{
		{"https://ws.example.com:443/sql/1.0/warehouses/1", false},
		{"https://ws.example.com:443/telemetry-ext", true},
		{"https://ws.example.com:443/telemetry-unauth", true},
		{"https://ws.example.com/telemetry-ext", true},
		{"https://ws.example.com:443/api/2.0/connector-service/feature-flags/GOLANG/1.14.0", true},
	} {
		sent = nil
		r, err := http.NewRequest(http.MethodPost, test.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if local := len(sent) == 0; local != test.local {
			t.Errorf("%s: sent %q", test.url, sent)
		}
	}
	elsewhere, err := http.NewRequest(http.MethodGet, "https://storage.example.net/presigned", nil)
	if err != nil {
		t.Fatal(err)
	}
	sent = nil
	if _, err := transport.RoundTrip(elsewhere); err == nil || len(sent) > 0 {
		t.Errorf("another host: error %v, sent %q", err, sent)
	}
}

// TestAStaleAttemptLeavesTheBodyAlone: an attempt was answered early. Its
// connection may still read from the body after the next attempt has begun.
func TestAStaleAttemptLeavesTheBodyAlone(t *testing.T) {
	u := &upload{size: 6, body: strings.NewReader("abcdef")}
	first := u.attempt(u)
	if _, err := io.ReadFull(first, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, errStaleAttempt) {
		t.Errorf("a read after the rewind: %v", err)
	}
	second := u.attempt(u)
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, errStaleAttempt) {
		t.Errorf("a read beside the second attempt: %v", err)
	}
	if got, err := io.ReadAll(second); string(got) != "abcdef" || err != nil {
		t.Errorf("the second attempt reads %q, %v", got, err)
	}
	u.end()
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, errStaleAttempt) {
		t.Errorf("a read after the end: %v", err)
	}
}
