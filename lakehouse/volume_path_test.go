//go:build cgo

package lakehouse

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/httpclient"
)

func TestParseVolumePath(t *testing.T) {
	long := strings.Repeat("x", 255)
	for encoded, want := range map[string]string{
		"/Volumes/c/s/v":                      "Volumes/c/s/v",
		"/Volumes/c/s/v/":                     "Volumes/c/s/v",
		"/Volumes/C/S/V/A":                    "Volumes/c/s/v/A",
		"/Volumes/c/s/v/a%20b/%23%3F%25":      "Volumes/c/s/v/a b/#?%",
		"/Volumes/c/s/v/%E6%97%A5%E6%9C%AC":   "Volumes/c/s/v/日本",
		"/Volumes/c/s/v/日本":                   "Volumes/c/s/v/日本",
		"/Volumes/c/s/v/%252e%252e":           "Volumes/c/s/v/%2e%2e",
		"/Volumes/c/s/v/...":                  "Volumes/c/s/v/...",
		"/Volumes/c/s/v/a+b":                  "Volumes/c/s/v/a+b",
		"/Volumes/c/s/v/" + long:              "Volumes/c/s/v/" + long,
		"/Volumes/c/s/v/ledger/0001.json":     "Volumes/c/s/v/ledger/0001.json",
		"/%56olumes/c/s/v/%6Cedger/0001.json": "Volumes/c/s/v/ledger/0001.json",
	} {
		p, err := parseVolumePath(encoded)
		if err != nil || p.local() != want {
			t.Errorf("%s: %q, %v; want %q", encoded, p.local(), err, want)
		}
	}
	for _, encoded := range []string{
		"", "/", "Volumes/c/s/v/f", "/Volumes", "/Volumes/c/s", "/Volumes/c/s/", "/volumes/c/s/v/f", "/etc/passwd", "//Volumes/c/s/v",
		"/Volumes/c/s/v/../f", "/Volumes/c/s/v/%2e%2e/f", "/Volumes/c/s/v/%2E%2e/f", "/Volumes/c/s/./f", "/Volumes/../s/v/f", "/Volumes/c/s/v//f",
		"/Volumes/c/s/v/a%2Fb", "/Volumes/c/s/v/%2e%2e%2fx", "/Volumes/c%2F..%2F../s/v/f", "/Volumes/c/s/v/a%00", "/Volumes/%FF/s/v/f",
		"/Volumes/" + strings.Repeat("Ⱥ", 127) + "/s/v/f", "/Volumes/c/s/v/%FF", "/Volumes/c/s/v/%",
		"/Volumes/c/s/v/%zz", "/Volumes/c/s/v/" + long + "x",
	} {
		if p, err := parseVolumePath(encoded); err == nil {
			t.Errorf("%s: %q; want a refusal", encoded, p.local())
		}
	}
}

// FuzzVolumePath: what is accepted stays in its volume, and comes back the same
// when the SDK encodes it.
func FuzzVolumePath(f *testing.F) {
	for _, seed := range []string{
		"/Volumes/c/s/v/f", "/Volumes/c/s/v/../f", "/Volumes/c/s/v/%2e%2e/f", "/Volumes/c/s/v/a%2Fb", "/Volumes/C/s/v/%20%23", "/Volumes/c/s/v/",
		"/%56olumes/İ/s/v/%E6%97%A5", "/Volumes/c/s/v/\\..\\f",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		p, err := parseVolumePath(encoded)
		if err != nil {
			return
		}
		local := p.local()
		if path.Clean(local) != local || !filepath.IsLocal(local) || !strings.HasPrefix(local+"/", p.root()+"/") ||
			strings.Count(p.root(), "/") != 3 {
			t.Fatalf("%q became %q in volume %q", encoded, local, p.root())
		}
		sent := httpclient.EncodeMultiSegmentPathParameter(p.String())
		if u, err := url.Parse("http://127.0.0.1" + sent); err != nil || u.EscapedPath() != sent {
			t.Fatalf("%q is sent as %q: %v", local, sent, err)
		}
		again, err := parseVolumePath(sent)
		if err != nil || again.local() != local {
			t.Fatalf("%q came back as %q: %v", local, again.local(), err)
		}
	})
}
