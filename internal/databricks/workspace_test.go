package databricks_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
)

func TestOpenReportsWhoSignedInAndHow(t *testing.T) {
	w := newFake(t).open()
	if w.User() != "ann@example.com" || w.AuthMethod() != "pat" || w.Warehouse().Used() {
		t.Errorf("user %q, method %q, warehouse used %t", w.User(), w.AuthMethod(), w.Warehouse().Used())
	}
	if got, want := w.Files().Root(), "/Volumes/main/bronze/ingest/p"; got != want {
		t.Errorf("root %q, want %q", got, want)
	}
}

// openError calls Open and checks what all of its errors have in common.
func openError(t *testing.T, c databricks.Config, kind failure.Kind, text, hint string) {
	t.Helper()
	c.RetryTimeout = 2 * time.Minute
	began := time.Now()
	_, err := databricks.Open(context.Background(), c)
	if err == nil {
		t.Fatal("no error")
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %s: nothing can change in that time", took)
	}
	if failure.KindOf(err) != kind || !strings.Contains(err.Error(), text) || !strings.Contains(failure.HintOf(err), hint) {
		t.Errorf("kind %d, error %q, hint %q\nwant kind %d, %q, %q", failure.KindOf(err), err, failure.HintOf(err), kind, text, hint)
	}
	for _, secret := range []string{c.Token, c.ClientSecret} {
		if secret != "" && strings.Contains(err.Error()+failure.HintOf(err), secret) {
			t.Errorf("the secret is in %q", err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than one line", err)
	}
}

func TestOpenErrors(t *testing.T) {
	f := newFake(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change     func(c *databricks.Config)
		kind       failure.Kind
		text, hint string
	}{
		"wrong token": {
			func(c *databricks.Config) { c.Token = "dapi-another-one" },
			failure.Destination, "the credentials (pat) were refused", "expired",
		},
		"nobody listens": {
			func(c *databricks.Config) { c.Host = closed },
			failure.Destination, "it cannot be reached", "check the address",
		},
		"unknown host": {
			func(c *databricks.Config) { c.Host = "https://no-such-workspace.invalid" },
			failure.Destination, "no-such-workspace.invalid", "",
		},
		"wrong client secret": {
			func(c *databricks.Config) { c.Token, c.ClientID, c.ClientSecret = "", "an-id", "a-wrong-secret" },
			failure.Destination, "the credentials (oauth-m2m) were refused", "service principal",
		},
		"no credentials": {
			func(c *databricks.Config) { c.Token = "" },
			failure.Usage, "no credentials were found", "databricks auth login",
		},
		"no host": {func(c *databricks.Config) { c.Host = "" }, failure.Usage,
			"no Databricks workspace is configured", "DATABRICKS_HOST"},
		"no such profile": {func(c *databricks.Config) { c.Profile = "nobody" }, failure.Usage, "nobody", "databricks auth profiles"},
		"missing catalog": {func(c *databricks.Config) { c.Catalog = "mian" }, failure.Destination,
			"find catalog mian", "CREATE CATALOG `mian`"},
		"no catalog":        {func(c *databricks.Config) { c.Catalog = "" }, failure.Usage, "no catalog is configured", "set catalog"},
		"bad schema":        {func(c *databricks.Config) { c.Schema = "a.b" }, failure.Usage, `schema "a.b"`, "without period"},
		"pipeline of parts": {func(c *databricks.Config) { c.Pipeline = "a/b" }, failure.Usage, `pipeline "a/b"`, "letters"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no such profile" {
				file := filepath.Join(t.TempDir(), "cfg")
				if err := os.WriteFile(file, []byte("[somebody]\nhost = x\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("DATABRICKS_CONFIG_FILE", file)
			}
			f.breakWith(tokenEndpoint)
			c := f.config()
			test.change(&c)
			openError(t, c, test.kind, test.text, test.hint)
		})
	}
}

// tokenEndpoint is an OAuth service that refuses every secret.
func tokenEndpoint(rw http.ResponseWriter, r *http.Request, _ func()) bool {
	switch r.URL.Path {
	case "/oidc/.well-known/oauth-authorization-server":
		base := "http://" + r.Host + "/oidc"
		_, _ = io.WriteString(rw, `{"issuer":"`+base+`","authorization_endpoint":"`+base+`/v1/authorize","token_endpoint":"`+base+`/v1/token"}`)
		return true
	case "/oidc/v1/token":
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(rw, `{"error":"invalid_client","error_description":"Client authentication failed"}`)
		return true
	}
	return false
}

func TestOpenOfAHostThatDoesNotAnswer(t *testing.T) {
	f := newFake(t)
	f.breakWith(func(_ http.ResponseWriter, r *http.Request, _ func()) bool {
		if strings.HasSuffix(r.URL.Path, "/Me") {
			<-r.Context().Done()
			return true
		}
		return false
	})
	c := f.config()
	c.SignInTimeout = 100 * time.Millisecond
	openError(t, c, failure.Destination, "no answer within 100ms", "network")
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	f := newFake(t)
	c := f.config()
	t.Setenv("DATABRICKS_HOST", c.Host)
	t.Setenv("DATABRICKS_TOKEN", c.Token)
	c.Host, c.Token = "", ""
	w, err := databricks.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if w.Host() != f.url {
		t.Errorf("host %q, want %q", w.Host(), f.url)
	}
}

// An environment that the program passes in counts, and the process's does not.
func TestSettingsComeFromTheEnvironmentThatIsGiven(t *testing.T) {
	f := newFake(t)
	t.Setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
	t.Setenv("DATABRICKS_TOKEN", "of the process")
	t.Setenv("DATABRICKS_CLIENT_ID", "of the process")
	c := f.config()
	given := map[string]string{"DATABRICKS_HOST": c.Host, "DATABRICKS_TOKEN": c.Token}
	c.Host, c.Token, c.Environment = "", "", func(name string) string { return given[name] }
	w, err := databricks.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Host() != f.url || w.AuthMethod() != "pat" {
		t.Errorf("host %q, want %q; method %s", w.Host(), f.url, w.AuthMethod())
	}
	given["DATABRICKS_DEBUG_HEADERS"] = "perhaps" // not a boolean
	openError(t, c, failure.Usage, "read Databricks sign-in settings", "")
}

func TestPrepare(t *testing.T) {
	f := newFake(t)
	w := f.open()
	made, err := w.Place().Prepare(context.Background())
	if diff := cmp.Diff([]string{"schema main.bronze", "volume main.bronze.ingest"}, made); diff != "" || err != nil {
		t.Errorf("error %v, made (-want +got):\n%s", err, diff)
	}
	made, err = w.Place().Prepare(context.Background())
	if len(made) != 0 || err != nil {
		t.Errorf("the second time: made %v, error %v", made, err)
	}
}

func TestPrepareLosesARace(t *testing.T) {
	f := newFake(t)
	w := f.open()
	f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
		// Both are missing when they are read, and exist when they are created.
		if r.Method != http.MethodGet {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.schema, f.volume = true, true
		refusal(rw, 404, "NOT_FOUND", "does not exist")
		return true
	})
	if made, err := w.Place().Prepare(context.Background()); len(made) != 0 || err != nil {
		t.Errorf("made %v, error %v; want neither", made, err)
	}
}

func TestPrepareWithoutPermission(t *testing.T) {
	f := newFake(t)
	w := f.open()
	f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
		if r.Method != http.MethodPost {
			return false
		}
		refusal(rw, 403, "PERMISSION_DENIED", "User does not have CREATE SCHEMA on Catalog 'main'.")
		return true
	})
	_, err := w.Place().Prepare(context.Background())
	if hint := failure.HintOf(err); !strings.Contains(hint, "GRANT CREATE SCHEMA, USE CATALOG ON CATALOG `main` TO `ann@example.com`") {
		t.Errorf("error %v, hint %q", err, hint)
	}
}

func TestSecret(t *testing.T) {
	w := newFake(t).open()
	got, err := w.Secret(context.Background(), "scope", "url")
	if want := "postgres://u:pässword@h/d"; got != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	_, err = w.Secret(context.Background(), "scope", "ulr")
	if err == nil || !databricks.NotFound(err) || !strings.Contains(err.Error(), "read secret scope/ulr") {
		t.Errorf("a missing secret: %v", err)
	}
}

func TestTableInfo(t *testing.T) {
	w := newFake(t).open()
	got, err := w.Tables().Info(context.Background(), w.Table("orders"))
	want := &databricks.TableInfo{
		Columns: []databricks.Column{{Name: "id", Type: "BIGINT"}, {Name: "price", Type: "DECIMAL(10,2)"}}, Kind: "MANAGED",
		Properties: map[string]string{"ingest.ledger": "u"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	_, err = w.Tables().Info(context.Background(), w.Table("no such?table"))
	if !databricks.NotFound(err) || databricks.OutcomeUnknown(err) {
		t.Errorf("a missing table: %v", err)
	}
}

func TestMissingWarehouses(t *testing.T) {
	f := newFake(t)
	for wanted, text := range map[string]string{
		"":                 "there are 2 and none is configured",
		"0123456789abcdee": "none of this id or name",
		"Medium":           "none of this id or name",
	} {
		c := f.config()
		c.Warehouse = wanted
		w, err := databricks.Open(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Warehouse().Exec(context.Background(), "SELECT 1")
		if err == nil || !strings.Contains(err.Error(), text) ||
			!strings.Contains(failure.HintOf(err), "0123456789abcdef (Small), fedcba9876543210 (Large)") {
			t.Errorf("warehouse %q: %v, hint %q", wanted, err, failure.HintOf(err))
		}
		if w.Warehouse().Used() {
			t.Errorf("warehouse %q: a statement was counted", wanted)
		}
	}
}

func TestWarehouseThatTurnsSessionsAway(t *testing.T) {
	for name, test := range map[string]struct {
		status, times int
		text, hint    string
		retryable     bool
	}{
		"not permitted": {status: 403, times: 1, text: "open a SQL session on warehouse small", hint: "CAN USE"},
		"removed":       {status: 404, times: 1, text: "404", hint: "databricks warehouses list"},
		"never starts":  {status: 503, times: 10, text: "503", hint: "did not start within", retryable: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c := f.config()
			c.Warehouse = "/sql/1.0/warehouses/small"
			c.StartTimeout = time.Millisecond
			w, err := databricks.Open(context.Background(), c)
			if err != nil {
				t.Fatal(err)
			}
			f.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ func()) bool {
				rw.WriteHeader(test.status)
				return true
			})
			err = w.Warehouse().Exec(context.Background(), "SELECT 1")
			if err == nil || !strings.Contains(err.Error(), test.text) || !strings.Contains(failure.HintOf(err), test.hint) {
				t.Errorf("error %v, hint %q", err, failure.HintOf(err))
			}
			if databricks.Retryable(err) != test.retryable || databricks.OutcomeUnknown(err) {
				t.Errorf("retryable %t, outcome unknown %t", databricks.Retryable(err), databricks.OutcomeUnknown(err))
			}
			asked := slices.DeleteFunc(f.sent(), func(r string) bool { return r != "POST /sql/1.0/warehouses/small" })
			if len(asked) < 1 || len(asked) > test.times {
				t.Errorf("asked %d times, want 1 to %d", len(asked), test.times)
			}
		})
	}
}

func TestStatementWithoutAConnectionIsNotRun(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Warehouse = "/sql/1.0/warehouses/small"
	w, err := databricks.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = w.Warehouse().Exec(ctx, "SELECT 1")
	if !errors.Is(err, context.Canceled) || databricks.OutcomeUnknown(err) || w.Warehouse().Used() {
		t.Errorf("error %v, outcome unknown %t, used %t", err, databricks.OutcomeUnknown(err), w.Warehouse().Used())
	}
}
