package databricks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
)

// tokenService issues fakeToken to a client that presents what the test
// requires. It also replaces GitHub's token service and the metadata service.
func tokenService(rw http.ResponseWriter, r *http.Request, _ func()) bool {
	answer := func(v any) bool {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(v)
		return true
	}
	switch base := "http://" + r.Host; r.URL.Path {
	case "/oidc/.well-known/oauth-authorization-server":
		return answer(map[string]string{
			"issuer": base + "/oidc", "authorization_endpoint": base + "/oidc/v1/authorize", "token_endpoint": base + "/oidc/v1/token",
		})
	case "/oidc/v1/token":
		_ = r.ParseForm()
		id, secret, _ := r.BasicAuth()
		if id == "an-id" && secret == "a-good-secret" || r.PostForm.Get("subject_token") == "jwt-of-the-job" {
			return answer(map[string]any{"access_token": fakeToken, "token_type": "Bearer", "expires_in": 3600})
		}
		rw.WriteHeader(http.StatusUnauthorized)
		return answer(map[string]string{"error": "invalid_client", "error_description": "Client authentication failed"})
	case "/github":
		if r.Header.Get("Authorization") != "Bearer request-token" {
			rw.WriteHeader(http.StatusForbidden)
			return true
		}
		return answer(map[string]string{"value": "jwt-of-the-job"})
	case "/metadata":
		if r.Header.Get("X-Databricks-Metadata-Version") == "" {
			rw.WriteHeader(http.StatusForbidden)
			return true
		}
		return answer(map[string]any{"access_token": fakeToken, "token_type": "Bearer", "expires_on": time.Now().Add(time.Hour).Unix()})
	}
	return false
}

// fakeCLI is a `databricks` command that answers `auth token`. The SDK takes
// any file below a megabyte for the old CLI.
func fakeCLI(t *testing.T, answer string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "databricks")
	script := "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'Databricks CLI v0.290.0'; exit; fi\n" + answer +
		"\nexit\n" + strings.Repeat("#", 1<<20)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func cliToken() string {
	return fmt.Sprintf(`echo '{"access_token": %q, "token_type": "Bearer", "expiry": %q}'`, fakeToken,
		time.Now().Add(time.Hour).Format(time.RFC3339))
}

func TestWaysOfSigningIn(t *testing.T) {
	for name, test := range map[string]struct {
		profile string            // of the configuration file; HOST is the workspace's address
		env     map[string]string // likewise
		method  string
	}{
		"a profile's token":             {"token = " + fakeToken, nil, "pat"},
		"a profile's service principal": {"client_id = an-id\nclient_secret = a-good-secret", nil, "oauth-m2m"},
		"a profile of databricks auth login": {"auth_type = databricks-cli", map[string]string{
			"DATABRICKS_CLI_PATH": fakeCLI(t, cliToken()),
		}, "databricks-cli"},
		"the environment's service principal": {"",
			map[string]string{"DATABRICKS_CLIENT_ID": "an-id", "DATABRICKS_CLIENT_SECRET": "a-good-secret"}, "oauth-m2m"},
		"a job of GitHub's": {"", map[string]string{
			"DATABRICKS_AUTH_TYPE": "github-oidc", "DATABRICKS_CLIENT_ID": "an-id", "ACTIONS_ID_TOKEN_REQUEST_URL": "HOST/github?",
			"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
		}, "github-oidc"},
		"a job of GitHub's, unpinned": {"", map[string]string{
			"DATABRICKS_CLIENT_ID": "an-id", "ACTIONS_ID_TOKEN_REQUEST_URL": "HOST/github?", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
		}, "github-oidc"},
		"a federated token of the environment": {"", map[string]string{
			"DATABRICKS_AUTH_TYPE": "env-oidc", "DATABRICKS_CLIENT_ID": "an-id", "DATABRICKS_OIDC_TOKEN": "jwt-of-the-job",
		}, "env-oidc"},
		"a metadata service": {"", map[string]string{"DATABRICKS_METADATA_SERVICE_URL": "HOST/metadata"}, "metadata-service"},
		"one pinned among several": {"token = another", map[string]string{
			"DATABRICKS_AUTH_TYPE": "oauth-m2m", "DATABRICKS_CLIENT_ID": "an-id", "DATABRICKS_CLIENT_SECRET": "a-good-secret",
		}, "oauth-m2m"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.breakWith(tokenService)
			t.Setenv("PATH", t.TempDir()+":/usr/bin:/bin") // without this machine's CLI
			for variable, value := range test.env {
				t.Setenv(variable, strings.Replace(value, "HOST", f.url, 1))
			}
			c := f.config()
			c.Token = ""
			if test.profile != "" {
				file := filepath.Join(t.TempDir(), "cfg")
				if err := os.WriteFile(file, []byte("[bronze]\nhost = "+f.url+"\n"+test.profile+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("DATABRICKS_CONFIG_FILE", file)
				c.Host, c.Profile = "", "bronze"
			}
			w, err := databricks.Open(t.Context(), c)
			if err != nil {
				t.Fatalf("%v\n%s", err, failure.HintOf(err))
			}
			defer w.Close()
			if w.User() != "ann@example.com" || w.AuthMethod() != test.method || w.Host() != f.url {
				t.Errorf("user %q by %q at %s, want method %q", w.User(), w.AuthMethod(), w.Host(), test.method)
			}
		})
	}
}

func TestWaysOfSigningInThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		env        map[string]string
		kind       failure.Kind
		text, hint string
	}{
		"an unknown type": {
			map[string]string{"DATABRICKS_AUTH_TYPE": "oauth"},
			failure.Usage, `auth type "oauth" not found`, "DATABRICKS_AUTH_TYPE",
		},
		"no CLI": {
			map[string]string{"DATABRICKS_AUTH_TYPE": "databricks-cli"},
			failure.Usage, "databricks CLI not found", "install",
		},
		"nobody is signed in by the CLI": {
			map[string]string{
				"DATABRICKS_AUTH_TYPE": "databricks-cli", "DATABRICKS_CLI_PATH": fakeCLI(t, `echo 'Error: cache: no token for this host' >&2; exit 1`),
			},
			failure.Destination, "no token for this host", "databricks auth login --host",
		},
		"a refused job of GitHub's": {
			map[string]string{
				"DATABRICKS_AUTH_TYPE": "github-oidc", "DATABRICKS_CLIENT_ID": "an-id", "ACTIONS_ID_TOKEN_REQUEST_URL": "HOST/github?",
				"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another",
			},
			failure.Destination, "(github-oidc)", "id-token: write",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.breakWith(tokenService)
			t.Setenv("PATH", t.TempDir()+":/usr/bin:/bin")
			for variable, value := range test.env {
				t.Setenv(variable, strings.Replace(value, "HOST", f.url, 1))
			}
			c := f.config()
			c.Token = ""
			openError(t, c, test.kind, test.text, test.hint)
		})
	}
}
