//go:build cgo && unix

package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres/tunnel/sshtest"
)

// vault makes passwords that no message contains by chance, runs commands with them, and looks for their parts in everything that
// is printed, logged or sent.
type vault struct {
	*bench
	mu   sync.Mutex
	sent strings.Builder // to the webhook
	runs int
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{bench: newBench(t, nil)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sent.Write(body)
	}))
	t.Cleanup(server.Close)
	v.env["INGEST_NOTIFY_WEBHOOK_URL"] = server.URL
	v.env["HOME"] = t.TempDir()
	t.Setenv("HOME", v.env["HOME"])
	return v
}

// halves are what stands before and behind the special sign of a password:
// letters, and digits, which can also be a port.
var halves = [][2]string{{"zQvkwa", "jXyhpm"}, {"7351", "8624"}}

// moments are times and ids of runs, which may have the digits of a password.
var moments = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}`)

// passwords has one of each printable sign between each pair of halves.
func passwords(each func(password string, parts [2]string)) {
	for _, parts := range halves {
		for sign := ' '; sign <= '~'; sign++ {
			each(parts[0]+string(sign)+parts[1], parts)
		}
	}
}

// keeps runs cdc, which must end with one of the codes, with variables on top of
// the environment, and fails if a part of the secret is printed.
func (v *vault) keeps(what string, parts [2]string, codes []failure.Kind, variables map[string]string, args ...string) {
	v.t.Helper()
	before := v.env
	v.env = map[string]string{}
	maps.Copy(v.env, before)
	for name, value := range variables {
		if v.env[name] = value; value == "" {
			delete(v.env, name)
		}
	}
	defer func() { v.env = before }()
	v.sent.Reset()
	if len(args) == 0 {
		args = []string{"cdc", "--log-level", "debug"}
	}
	code, stdout, stderr := v.run(args...)
	v.runs++
	right := false
	for _, c := range codes {
		right = right || code == int(c)
	}
	if !right {
		v.t.Errorf("%s: exit code %d, want %v\n%s", what, code, codes, stderr)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for where, text := range map[string]string{"standard output": stdout, "standard error": stderr, "the webhook": v.sent.String()} {
		text = moments.ReplaceAllString(text, "")
		for _, part := range parts {
			for _, form := range []string{part, url.QueryEscape(part)} {
				if i := strings.Index(text, form); i >= 0 {
					v.t.Errorf("%s: %s has %q: …%s…", what, where, form, text[max(0, i-80):min(len(text), i+80)])
				}
			}
		}
	}
}

var (
	source = []failure.Kind{failure.Source}
	usageC = []failure.Kind{failure.Usage}
	either = []failure.Kind{failure.Source, failure.Usage}
)

// TestNoPartOfAPasswordInOutput: no error, log, result or call of the webhook contains a password or a part of it, whatever its
// characters, wherever it is configured, plain or encoded.
func TestNoPartOfAPasswordInOutput(t *testing.T) {
	v := newVault(t)
	passwords(func(password string, parts [2]string) {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
		for form, text := range map[string]string{
			"a raw URL":                 "postgres://loader:" + password + "@127.0.0.1:1/shop",
			"an encoded URL":            "postgres://loader:" + url.QueryEscape(password) + "@127.0.0.1:1/shop",
			"a raw URL of two hosts":    "postgres://loader:" + password + "@127.0.0.1:1,127.0.0.1:2/shop?sslmode=disable",
			"a URL's raw parameter":     "postgres://loader@127.0.0.1:1/shop?sslmode=disable&password=" + password,
			"a URL without a host":      "postgres://loader:" + password + "@/shop?host=127.0.0.1&port=1",
			"raw words":                 "host=127.0.0.1 port=1 dbname=shop user=loader password=" + password,
			"raw words in front":        "password=" + password + " host=127.0.0.1 port=1 user=loader dbname=shop",
			"quoted words":              "host=127.0.0.1 port=1 user=loader dbname=shop password='" + quoted + "'",
			"words with a raw quote":    "password='" + password + "' host=127.0.0.1 port=1 user=loader dbname=shop",
			"a URL without two slashes": "postgres:/loader:" + password + "@127.0.0.1:1/shop",
			"another URL":               "jdbc:postgresql://127.0.0.1:1/shop?user=loader&password=" + password,
		} {
			v.keeps(form+" with "+password, parts, either, map[string]string{"INGEST_SOURCE_URL": text})
		}
	})
	if v.runs < 2000 {
		t.Errorf("%d runs", v.runs)
	}
}

// special are the signs that mean something in a URL, in libpq's words, in TOML
// or in a shell.
const special = "@/#?%:&=+'\"\\ $,;[]"

// TestNoPasswordInErrors: the same for each way in which a run may
// fail, with the signs that mean something somewhere.
func TestNoPasswordInErrors(t *testing.T) {
	v := newVault(t)
	right, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, contents string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(contents), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	v.exec("CREATE TABLE a (id int PRIMARY KEY)")
	for _, sign := range special {
		parts := halves[0]
		password := parts[0] + string(sign) + parts[1]
		encoded := url.QueryEscape(password)
		at := func(what string, codes []failure.Kind, text string) {
			t.Helper()
			v.keeps(what+" with "+password, parts, codes, map[string]string{"INGEST_SOURCE_URL": text})
		}
		at("a bad host", source, "postgres://loader:"+encoded+"@nowhere.invalid/shop")
		at("a bad port", usageC, "postgres://loader:"+encoded+"@127.0.0.1:port/shop")
		at("a port too high", usageC, "postgres://loader:"+encoded+"@127.0.0.1:70000/shop")
		at("a wrong password", source, "postgres://postgres:"+encoded+"@"+right.Host+"/"+v.database()+"?sslmode=disable")
		at("an unknown role", source, "postgres://nobody_here:"+encoded+"@"+right.Host+"/"+v.database()+"?sslmode=disable")
		at("no TLS", source, "postgres://postgres:"+encoded+"@"+right.Host+"/"+v.database()+"?sslmode=require")
		at("no certificate", usageC, "postgres://loader:"+encoded+"@127.0.0.1:1/shop?sslmode=verify-full&sslrootcert="+filepath.Join(dir, "none"))
		at("a wrong sslmode", usageC, "postgres://loader:"+encoded+"@127.0.0.1:1/shop?sslmode=requires")
		at("a misspelt parameter", usageC, "postgres://loader:"+encoded+"@127.0.0.1:1/shop?ssl_mode=require")
		at("a misspelt word", usageC, "host=127.0.0.1 port=1 pasword='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)+"'")
		at("a fragment", usageC, "postgres://loader:"+encoded+"@127.0.0.1:1/shop#"+password)
		v.keeps("PGPASSWORD "+password, parts, source, withVariable(t, "PGPASSWORD", password,
			map[string]string{"INGEST_SOURCE_URL": "postgres://postgres@" + right.Host + "/" + v.database()}))
		t.Setenv("PGPASSWORD", "")
		v.keeps("PGHOST "+password, parts, usageC,
			withVariable(t, "PGHOST", "loader:"+password+"@127.0.0.1", map[string]string{"INGEST_SOURCE_URL": "",
				"PGHOST": "set"}))
		v.keeps("a URL in PGHOST "+password, parts, usageC, withVariable(t, "PGHOST", "postgres://loader:"+password+"@127.0.0.1/shop",
			map[string]string{"INGEST_SOURCE_URL": "", "PGHOST": "set"}))
		t.Setenv("PGHOST", "")
		pgpass := file("pgpass", "*:*:*:*:"+strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(password)+"\n")
		if err := os.Chmod(pgpass, 0o600); err != nil {
			t.Fatal(err)
		}
		v.keeps("pgpass "+password, parts, source, withVariable(t, "PGPASSFILE", pgpass,
			map[string]string{"INGEST_SOURCE_URL": "postgres://postgres@" + right.Host + "/" + v.database()}))
		t.Setenv("PGPASSFILE", file("none", ""))
		v.commands(file, right.Host, password, parts)
		v.files(file, password, parts)
	}
}

// withVariable sets a variable of the process, which the driver reads, and passes on
// what the configuration reads.
func withVariable(t *testing.T, name, value string, variables map[string]string) map[string]string {
	t.Setenv(name, value)
	return variables
}

// commands has the password printed by a program, or among its arguments.
func (v *vault) commands(file func(name, contents string) string, host, password string, parts [2]string) {
	v.t.Helper()
	secret := file("secret", password+"\n")
	without := "postgres://postgres@" + host + "/" + v.database()
	for what, command := range map[string]string{
		"prints a wrong password": file("wrong", "#!/bin/sh\ncat "+secret+"\n"),
		"prints it and fails":     file("fails", "#!/bin/sh\ncat "+secret+"\ncat "+secret+" >&2\nexit 3\n"),
		"prints it twice":         file("twice", "#!/bin/sh\ncat "+secret+" "+secret+"\n"),
		"has it as an argument":   `/bin/false,"` + strings.ReplaceAll(password, `"`, "") + `"`,
		"is a shell's line":       `"echo ` + strings.ReplaceAll(password, `"`, "") + `"`,
	} {
		v.keeps("a command that "+what+": "+password, parts, source,
			map[string]string{"INGEST_SOURCE_URL": without, "INGEST_SOURCE_PASSWORD_COMMAND": command})
	}
}

// files has the password in wrong places of the configuration file.
func (v *vault) files(file func(name, contents string) string, password string, parts [2]string) {
	v.t.Helper()
	for what, contents := range map[string]string{
		"a URL without quotes":    "[source]\nurl = postgres://loader:" + password + "@127.0.0.1:1/shop\n",
		"a URL in quotes":         "[source]\nurl = \"postgres://loader:" + password + "@127.0.0.1:1/shop\"\n",
		"a URL in single quotes":  "[source]\nurl = 'postgres://loader:" + password + "@127.0.0.1:1/shop'\n",
		"a URL as a slot's name":  "[source]\nslot = 'postgres://loader:" + strings.ReplaceAll(password, "'", "") + "@127.0.0.1:1/shop'\n",
		"a key without quotes":    "[mask]\nkey = " + password + password + "\n",
		"a key as a secret":       "[mask]\nkey_secret = '" + strings.ReplaceAll(password, "'", "") + "/+" + parts[1] + "='\n",
		"a password as a number":  "[source]\njobs = \"" + password + "\"\n",
		"a password as a section": "[" + password + "\n",
	} {
		path := file("wrong.toml", contents)
		v.keeps(what+" with "+password, parts, either, map[string]string{"INGEST_SOURCE_URL": "", "INGEST_CONFIG": path})
	}
}

// TestNoPartOfOtherSecretsInOutput: keys, tokens and addresses that are secrets.
func TestNoPartOfOtherSecretsInOutput(t *testing.T) {
	v := newVault(t)
	parts := halves[0]
	dir := t.TempDir()
	destination := []failure.Kind{failure.Destination, failure.Usage}
	for _, sign := range special {
		secret := parts[0] + string(sign) + parts[1]
		v.keeps("a short mask key "+secret, parts, usageC, map[string]string{"INGEST_MASK_KEY": secret})
		v.keeps("a secret's name "+secret, parts, append(destination, failure.Source),
			map[string]string{"INGEST_SOURCE_URL_SECRET": "postgres://u:" + secret + "@h/d", "INGEST_SOURCE_URL": ""})
		v.keeps("a webhook "+secret, parts, either,
			map[string]string{"INGEST_NOTIFY_WEBHOOK_URL": "https://hooks:" + secret + "@127.0.0.1:1/" + secret,
				"INGEST_SOURCE_URL": "postgres://127.0.0.1:1/d"})
		v.keeps("a webhook's path "+secret, parts, either,
			map[string]string{"INGEST_NOTIFY_WEBHOOK_URL": "http://127.0.0.1:1/" + url.PathEscape(secret),
				"INGEST_SOURCE_URL": "postgres://127.0.0.1:1/d"})
		v.keeps("an SSH host "+secret, parts, usageC, map[string]string{"INGEST_SOURCE_SSH_HOST": "tunnel:" + secret + "@bastion",
			"INGEST_SOURCE_SSH_USER": "tunnel"})
		v.keeps("an SSH key in place of its file "+secret, parts, usageC, map[string]string{
			"INGEST_SOURCE_SSH_HOST": "bastion", "INGEST_SOURCE_SSH_USER": "tunnel",
			"INGEST_SOURCE_SSH_IDENTITY_FILE": "-----BEGIN OPENSSH PRIVATE " +
				"KEY-----\n" + secret + "\n",
		})
		v.keeps("a standby "+secret, parts, usageC, map[string]string{"INGEST_SOURCE_STANDBY": "u:" + secret + "@replica"})
		v.keeps("a workspace's address "+secret, parts, destination,
			map[string]string{"DATABRICKS_HOST": "https://token:" + secret + "@127.0.0.1:1",
				"INGEST_SOURCE_URL": v.url})
		v.keeps("a command line "+secret, parts, usageC, nil, "postgres://u:"+secret+"@h/d")
		v.keeps("a short flag "+secret, parts, usageC, nil, "cdc", "-p"+secret)
		v.keeps("a long flag "+secret, parts, usageC, nil, "cdc", "--password="+secret)
	}
	server := sshtest.Start(t, nil)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"+parts[0]+"\n"+parts[1]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.keeps("an SSH key that is broken", parts, usageC, map[string]string{
		"INGEST_SOURCE_SSH_HOST": server.Address, "INGEST_SOURCE_SSH_USER": sshtest.User, "INGEST_SOURCE_SSH_IDENTITY_FILE": key,
		"INGEST_SOURCE_SSH_KNOWN_HOSTS": server.Known,
	})
	v.putSecret("scope", "url", "postgres://loader:"+parts[0]+"@"+parts[1]+"@127.0.0.1:1/shop")
	v.keeps("a URL in a secret", parts, usageC, map[string]string{"INGEST_SOURCE_URL": "", "INGEST_SOURCE_URL_SECRET": "scope/url"})
	for _, token := range []string{"dapi" + parts[0] + parts[1], parts[0] + "/" + parts[1]} {
		v.signIn(v.server.URL(), token)
		v.keeps("a wrong token", parts, destination, map[string]string{"INGEST_SOURCE_URL": v.url})
		v.signIn("http://127.0.0.1:1", token)
		v.keeps("a token for nobody", parts, destination, map[string]string{"INGEST_SOURCE_URL": v.url, "DATABRICKS_HOST": "http://127.0.0.1:1"})
	}
	v.signIn("", "")
	profiles := filepath.Join(dir, "databrickscfg")
	if err := os.WriteFile(profiles, []byte("[prod]\nhost = https://x.invalid\ntoken "+parts[0]+parts[1]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.env["DATABRICKS_CONFIG_FILE"] = profiles
	v.keeps("a broken profile", parts, usageC, map[string]string{"INGEST_SOURCE_URL": v.url, "INGEST_PROFILE": "prod", "DATABRICKS_HOST": ""})
	v.signIn(v.server.URL(), "")
	v.env["DATABRICKS_CLIENT_ID"], v.env["DATABRICKS_CLIENT_SECRET"] = v.server.ClientID(), "dose"+parts[0]+parts[1]
	v.keeps("a wrong client secret", parts, destination, map[string]string{"INGEST_SOURCE_URL": v.url})
	v.signIn(v.server.URL(), v.server.Token())
}

// TestAURLWithAmbiguousParts: an ambiguous URL is refused before any connection, with the fix.
func TestAURLWithAmbiguousParts(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, sign := range "@/#?%" {
		b.env["INGEST_SOURCE_URL"] = fmt.Sprintf("postgres://loader:pa%css@127.0.0.1:1/shop", sign)
		b.fails(failure.Usage, "INGEST_SOURCE_URL: the URL cannot be parsed; percent-encode",
			"PGPASSWORD, ~/.pgpass and source.password_command", "cdc")
	}
	b.env["INGEST_SOURCE_URL"] = "postgres://loader:73?a=51@127.0.0.1:1/shop" // or of host loader, port 73, with a parameter a
	b.fails(failure.Usage, "INGEST_SOURCE_URL: the URL cannot be parsed; percent-encode", "PGPASSWORD", "cdc")
	b.env["INGEST_SOURCE_URL"] = "postgres://loader@127.0.0.1:1/shop?ssl_mode=disable"
	b.fails(failure.Usage, `did you mean "sslmode"?`, "the parameters are libpq's", "cdc")
	b.env["INGEST_SOURCE_URL"] = "postgres://loader@127.0.0.1:1/shop?sslmode=requires"
	b.fails(failure.Usage, "want disable, allow, prefer, require, verify-ca, verify-full", "sslmode=require?", "cdc")
	b.env["INGEST_SOURCE_URL"] = "postgres://loader@127.0.0.1:1/shop?gssencmode=disable"
	b.fails(failure.Usage, "gssencmode is not supported", "leave gssencmode out", "cdc")
	b.putSecret("scope", "url", "postgres://loader:pa#ss@127.0.0.1:1/shop")
	b.env["INGEST_SOURCE_URL"], b.env["INGEST_SOURCE_URL_SECRET"] = "", "scope/url"
	b.fails(failure.Usage, "secret scope/url: the URL cannot be parsed; percent-encode", "PGPASSWORD", "cdc")
	delete(b.env, "INGEST_SOURCE_URL_SECRET")
	b.env["INGEST_SOURCE_URL"] = b.url + "&nonsense=1"
	b.fails(failure.Usage, "the server does not take a parameter of the connection string (SQLSTATE 42704)",
		"remove the parameter from source.url", "cdc")
}
