package postgres

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// TestClearPassword: a password may be sent unencrypted if one of the connection attempts has no TLS,
// unless the server is this machine.
func TestClearPassword(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:pw@db.example.com/d":                              "db.example.com",
		"postgres://u:pw@db.example.com/d?sslmode=prefer":               "db.example.com",
		"postgres://u:pw@db.example.com/d?sslmode=allow":                "db.example.com",
		"postgres://u:pw@10.0.0.1/d?sslmode=disable":                    "10.0.0.1",
		"postgres://u:pw@localhost,db.example.com/d?sslmode=disable":    "db.example.com",
		"postgres://u:pw@db.example.com/d?sslmode=require":              "",
		"postgres://u:pw@db.example.com/d?sslmode=verify-full":          "",
		"postgres://u@db.example.com/d":                                 "",
		"postgres://u:pw@localhost/d?sslmode=disable":                   "",
		"postgres://u:pw@127.0.0.2/d":                                   "",
		"postgres://u:pw@[::1]/d?sslmode=disable":                       "",
		"postgres://u:pw@/d?host=/var/run/postgresql&sslmode=disable":   "",
		"host=db.example.com user=u password=pw dbname=d sslmode=allow": "db.example.com",
	} {
		config, err := parseConfig(url)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if got := (&endpoint{config: config}).ClearPassword(); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	config, err := parseConfig("postgres://u@db.example.com/d")
	if err != nil {
		t.Fatal(err)
	}
	if got := (&endpoint{config: config, passwords: &passwords{}}).ClearPassword(); got != "db.example.com" {
		t.Errorf("a command's password: %q", got)
	}
}

// TestConnectionStringsThatCannotBeRead: the error names the wrong part and the fix, and repeats no
// value.
func TestConnectionStringsThatCannotBeRead(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.crt")
	for _, test := range []struct{ url, text, hint string }{
		{"postgres://u:hunter2@h/d?sslmode=requires", "sslmode is invalid", "disable, allow, prefer, require, verify-ca, verify-full"},
		{"postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=" + none, "none.crt", "sslrootcert=system"},
		{"postgres://u:hunter2@h/d?sslcert=a", `both "sslcert" and "sslkey"`, "its private key"},
		{"postgres://u:hunter2@h:99999/d", "invalid port", "from 1 to 65535"},
		{"postgres://u:hunter2@h/d?service=gold", "service", "PGSERVICEFILE"},
		{"postgres://u:hunter2@h/d?target_session_attrs=any-of", "target_session_attrs", "PGTARGETSESSIONATTRS"},
		{"host=h password=a hunter2 user=u", "failed to parse as keyword/value", "percent-encoded"},
		{`password=a\ hunter2 host=h sslmode=requires`, "sslmode is invalid", "verify-full"},
		{"postgres://u:a@hunter2@h/d", "its host is not valid", "percent-encoded"},
		{"host=u:hunter2@h user=u", "its host is not valid", "PGHOST"},
		{"user=u host=h dbname=postgres://u:hunter2@h/d", "its database is not valid", "PGDATABASE"},
	} {
		_, err := parseConfig(test.url)
		if err == nil || failure.KindOf(err) != failure.Usage || !strings.Contains(err.Error(), test.text) ||
			!strings.Contains(failure.HintOf(err), test.hint) {
			t.Errorf("%s: %v, hint %q; want %q and %q", test.url, err, failure.HintOf(err), test.text, test.hint)
		}
		if err != nil && strings.Contains(err.Error()+failure.HintOf(err), "hunter2") {
			t.Errorf("%s: the password is printed: %v", test.url, err)
		}
	}
}
