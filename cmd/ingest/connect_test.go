//go:build cgo && unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	sdk "github.com/databricks/databricks-sdk-go"
	secrets "github.com/databricks/databricks-sdk-go/service/workspace"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/internal/postgres/tunnel/sshtest"
)

// loads uses all kinds of sessions: full load, changes, status and verify.
func (b *bench) loads() {
	b.t.Helper()
	b.exec("CREATE TABLE IF NOT EXISTS a (id int PRIMARY KEY)", "INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a")
	b.works("full-load")
	b.exec("INSERT INTO a SELECT max(id) + 1 FROM a")
	b.works("cdc")
	b.works("check")
	b.works("verify", "--full")
}

// putSecret puts a Databricks secret into the workspace.
func (b *bench) putSecret(scope, key, value string) {
	b.t.Helper()
	w, err := sdk.NewWorkspaceClient(&sdk.Config{Host: b.server.URL(), Token: b.server.Token()})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := w.Secrets.CreateScope(b.t.Context(), secrets.CreateScope{Scope: scope}); err != nil {
		b.t.Fatal(err)
	}
	if err := w.Secrets.PutSecret(b.t.Context(), secrets.PutSecret{Scope: scope, Key: key, StringValue: value}); err != nil {
		b.t.Fatal(err)
	}
}

// source changes the source's connection string.
func (b *bench) source(change func(u *url.URL)) {
	b.t.Helper()
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	change(u)
	b.env["INGEST_SOURCE_URL"] = u.String()
}

func withoutPassword(u *url.URL) { u.User = url.User(u.User.Username()) }

func TestPasswordsOfFilesAndServices(t *testing.T) {
	b := newBench(t, nil)
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	password, _ := u.User.Password()
	write := func(name, contents string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.source(withoutPassword)
	b.fails(failure.Source, "connect to ", "~/.pgpass", "full-load")
	t.Setenv("PGPASSFILE", write("pgpass", "other:1:*:*:nothing\n127.0.0.1:"+u.Port()+":*:"+u.User.Username()+":"+password+"\n"))
	b.loads()

	t.Setenv("PGPASSFILE", write("none", ""))
	service := fmt.Sprintf("[bronze]\nhost=127.0.0.1\nport=%s\ndbname=%s\nuser=%s\npassword=%s\nsslmode=disable\n", u.Port(), b.database(),
		u.User.Username(), password)
	t.Setenv("PGSERVICEFILE", write("services", service))
	b.env["INGEST_SOURCE_URL"] = "service=bronze"
	b.loads()
	b.env["INGEST_SOURCE_URL"] = "service=silver"
	b.fails(failure.Usage, "service", "", "cdc")
	delete(b.env, "INGEST_SOURCE_URL")
	t.Setenv("PGSERVICE", "bronze")
	b.env["PGSERVICE"] = "bronze"
	b.loads()
}

// The URL is in a secret scope, which only users of the workspace can read.
func TestTheSourceIsInASecret(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	delete(b.env, "INGEST_SOURCE_URL")
	b.env["INGEST_SOURCE_URL_SECRET"] = "bronze/source"
	b.fails(failure.Destination, "read secret bronze/source", "databricks secrets list-secrets bronze", "full-load")
	b.putSecret("bronze", "source", b.url)
	b.loads()
	b.works("check", "--log-level", "debug")
}

func TestPasswordsOfACommand(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	dir := t.TempDir()
	script, runs := filepath.Join(dir, "token"), filepath.Join(dir, "runs")
	say := func(body string) {
		t.Helper()
		if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$1 $2\" >> "+runs+"\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.source(withoutPassword)
	b.env["INGEST_SOURCE_PASSWORD_COMMAND"] = script + ", --username, ingest"
	say("echo a warning >&2; echo " + password)
	b.loads()
	if said, err := os.ReadFile(runs); err != nil || strings.Count(string(said), "--username ingest\n") != 4 {
		t.Errorf("a run each wants the password once: %s, %v", said, err)
	}
	say("echo " + password + "; echo the vault is sealed >&2; exit 2")
	b.fails(failure.Source, "run source.password_command ("+script+"): exit status 2: the vault is sealed", "run it by hand", "cdc")
	b.finds(failure.Source, finding.Problem, "source", "the vault is sealed", "run it by hand")
	const wrong = "expired-token"
	b.secrets = append(b.secrets, wrong)
	say("echo " + wrong)
	b.fails(failure.Source, "password authentication failed", "what source.password_command printed", "cdc")
}

// Only the SSH server knows the source's name: a session by another way would fail.
func TestSessionsThroughATunnel(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	server := sshtest.Start(t, map[string]string{"db.internal:5432": u.Host})
	b.source(func(u *url.URL) { u.Host = "db.internal:5432" })
	b.fails(failure.Source, "look up db.internal", "cannot be resolved", "full-load")
	b.env["INGEST_SOURCE_SSH_HOST"] = server.Address
	b.fails(failure.Usage, "source.ssh_user is not", "INGEST_SOURCE_SSH_USER", "full-load")
	b.env["INGEST_SOURCE_SSH_USER"] = sshtest.User
	b.env["INGEST_SOURCE_SSH_IDENTITY_FILE"] = server.Identity
	b.env["HOME"] = t.TempDir()
	b.fails(failure.Usage, "read the known SSH hosts", "ssh-keyscan", "full-load")
	b.env["INGEST_SOURCE_SSH_KNOWN_HOSTS"] = server.Known
	b.loads()
	if server.Forwarded.Load() < 10 || server.SignIns.Load() != 4 {
		t.Errorf("%d connections of %d runs", server.Forwarded.Load(), server.SignIns.Load())
	}

	// A job has no file with the key: a Databricks secret has it.
	key, err := os.ReadFile(server.Identity)
	if err != nil {
		t.Fatal(err)
	}
	b.putSecret("ssh", "key", string(key))
	delete(b.env, "INGEST_SOURCE_SSH_IDENTITY_FILE")
	b.env["INGEST_SOURCE_SSH_IDENTITY_SECRET"] = "ssh/key"
	b.works("check")

	server.KnowAnother()
	b.fails(failure.Source, "has another key", "ssh-keygen -R", "cdc")
	b.finds(failure.Source, finding.Problem, "source", "has another key", "ssh-keygen -R")
}

// authority is a certificate authority of a test's own.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue makes a certificate for a name, in dir/name.crt and dir/name.key.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	fail := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	fail(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	fail(err)
	for kind, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		fail(os.WriteFile(filepath.Join(a.dir, name+kind), pem.EncodeToMemory(block), 0o600))
	}
	cert, err := x509.ParseCertificate(der)
	fail(err)
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// A server that lets its loader in by certificate only, with a certificate of
// its own.
func TestCertificates(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgserver.Options{})
	ours, theirs := newAuthority(t), newAuthority(t)
	ours.issue("localhost", &x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	ours.issue("loader", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	certified(t, server, ours)

	b := newBenchOn(t, server.URL("postgres"), nil)
	b.exec("CREATE ROLE loader LOGIN SUPERUSER")
	as := func(mode string, parameters ...string) {
		t.Helper()
		b.source(func(u *url.URL) {
			q := url.Values{"sslmode": {mode}}
			for i := 0; i < len(parameters); i += 2 {
				q.Set(parameters[i], parameters[i+1])
			}
			u.User, u.Host, u.RawQuery = url.User("loader"), net.JoinHostPort("localhost", u.Port()), q.Encode()
		})
	}
	root, cert, key := ours.file("ca.crt"), ours.file("loader.crt"), ours.file("loader.key")
	as("verify-full", "sslrootcert", root, "sslcert", cert, "sslkey", key)
	b.loads()
	conn, err := pgx.Connect(t.Context(), b.env["INGEST_SOURCE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var encrypted bool
	if err := conn.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil ||
		!encrypted {
		t.Errorf("encrypted %t, %v", encrypted, err)
	}

	as("verify-full", "sslrootcert", theirs.file("ca.crt"), "sslcert", cert, "sslkey", key)
	b.fails(failure.Source, "certificate signed by unknown authority", "sslrootcert", "cdc")
	as("verify-full", "sslrootcert", root)
	b.fails(failure.Source, "certificate", "pg_hba.conf", "cdc")
	as("disable")
	b.fails(failure.Source, "no encryption", "pg_hba.conf", "cdc")
	as("verify-full", "sslrootcert", filepath.Join(t.TempDir(), "none.crt"))
	b.fails(failure.Usage, "none.crt", "", "cdc")
	as("verify-full", "sslrootcert", root, "sslcert", cert, "sslkey", key)
	b.env["INGEST_SOURCE_URL"] = strings.Replace(b.env["INGEST_SOURCE_URL"], "localhost", "127.0.0.1", 1)
	b.fails(failure.Source, "127.0.0.1", "sslrootcert", "cdc")
	b.env["INGEST_SOURCE_URL"] = strings.Replace(b.env["INGEST_SOURCE_URL"], "verify-full", "verify-ca", 1)
	b.works("cdc") // which does not look at the name
}

// certified gives a running server certificates, and has it ask the role loader
// for one.
func certified(t *testing.T, server *pgserver.Server, ca *authority) {
	t.Helper()
	data := server.DataDir()
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	put := func(name string, contents []byte) {
		t.Helper()
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, contents, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) []byte {
		t.Helper()
		contents, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return contents
	}
	put("server.crt", read(ca.file("localhost.crt")))
	put("server.key", read(ca.file("localhost.key")))
	put("root.crt", read(ca.file("ca.crt")))
	rules := "hostssl all loader all cert\nhost all loader all reject\n"
	put("pg_hba.conf", append([]byte(rules), read(filepath.Join(data, "pg_hba.conf"))...))
	conn, err := pgx.Connect(t.Context(), server.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range []string{"ALTER SYSTEM SET ssl = on", "ALTER SYSTEM SET ssl_ca_file = 'root.crt'"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Restart(t.Context(), pgserver.Fast); err != nil {
		t.Fatal(err)
	}
}
