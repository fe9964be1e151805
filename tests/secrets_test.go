//go:build cgo && unix

package tests

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// The secrets of these runs, beside those that the workspace makes.
const (
	sourcePassword = "open/SESAME@night" // to be encoded in a URL
	wrongPassword  = "wrongPASSWORDhunter2"
	wrongToken     = "dapiWRONGTOKEN0123456789"
	wrongSecret    = "doseWRONGCLIENTSECRET"
	maskKey        = "0123456789-mask-KEY-of-somebody"
)

// keeper looks for secrets wherever a run may leave something.
type keeper struct {
	*world
	postgres *pgserver.Server
	scratch  string // HOME and TMPDIR of the runs
	role     string

	look sync.Mutex // one request at a time asks the source
	mu   sync.Mutex
	said bytes.Buffer
	must map[string]string // secrets, with what they are
	seen int               // sessions that were looked at
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	server := pgtest.Start(t, pgserver.Options{Settings: map[string]string{
		"log_statement": "all", "log_connections": "on", "log_replication_commands": "on", "log_min_messages": "info",
	}})
	w := newWorldAt(t, server.URL(""), lakehouse.Switches{}, shopTables...)
	k := &keeper{world: w, postgres: server, scratch: t.TempDir(), role: "loader", must: map[string]string{}}
	k.exec(`SET log_statement = 'none'`, `SET log_min_error_statement = 'panic'`, // the test's own statement is no leak
		`CREATE ROLE loader LOGIN REPLICATION PASSWORD '`+sourcePassword+`'`, `RESET log_statement`,
		`GRANT CREATE ON DATABASE `+w.ask("SELECT quote_ident(current_database())")+` TO loader`,
		`ALTER TABLE item OWNER TO loader`, `ALTER TABLE event OWNER TO loader`)
	maps.Copy(k.must, map[string]string{
		sourcePassword: "the source's password", url.QueryEscape(sourcePassword): "the source's password, encoded",
		wrongPassword:    "a wrong password",
		w.server.Token(): "the token", wrongToken: "a wrong token", w.server.ClientSecret(): "the client secret",
		wrongSecret: "a wrong client secret", maskKey: "the mask's key",
	})
	k.env = append(k.env, "HOME="+k.scratch, "TMPDIR="+k.scratch, "INGEST_SOURCE_URL="+k.source(sourcePassword), "INGEST_MASK_KEY="+maskKey)
	config := "[tables.item]\nmask = { note = \"hmac-sha256\" }\n"
	if err := os.WriteFile(filepath.Join(k.scratch, "ingest.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	k.env = append(k.env, "INGEST_CONFIG="+filepath.Join(k.scratch, "ingest.toml"))
	return k
}

// source is the connection string of the runs' role, with a password.
func (k *keeper) source(password string) string {
	u, err := url.Parse(k.url)
	if err != nil {
		k.t.Fatal(err)
	}
	u.User = url.UserPassword(k.role, password)
	return u.String()
}

// does runs a command, looks at its requests and at the source's sessions
// meanwhile, and insists on its exit code.
func (k *keeper) does(code int, fault func(r *http.Request) *lakehouse.Fault, env []string, args ...string) result {
	k.t.Helper()
	session := k.session()
	k.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		k.overhear(r)
		k.sessions(context.WithoutCancel(r.Context()), session)
		if fault != nil {
			return fault(r)
		}
		return nil
	})
	defer k.on(nil)
	r := k.startWith(env, append(args, "--log-level", "debug")...).wait()
	k.mu.Lock()
	k.said.WriteString(r.stdout + r.stderr)
	k.mu.Unlock()
	if r.code != code {
		k.t.Errorf("%s\nwant exit code %d", r, code)
	}
	return r
}

// sessions keeps what the source's sessions say of themselves.
func (k *keeper) sessions(ctx context.Context, conn *pgx.Conn) {
	k.look.Lock()
	defer k.look.Unlock()
	var said string
	var n int
	err := conn.QueryRow(ctx, `SELECT coalesce(string_agg(concat_ws(' ', application_name, query), E'\n'), ''), count(*)
		FROM pg_stat_activity WHERE pid <> pg_backend_pid()`).Scan(&said, &n)
	if err != nil {
		k.t.Error(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said.WriteString(said)
	k.seen += n
}

// overhear notes the token of a request, which is a secret, and what the request
// says beside it.
func (k *keeper) overhear(r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/oidc/") {
		return // where secrets are for
	}
	data, err := body(r)
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said.WriteString(r.URL.String())
	k.said.Write(data)
	for name, values := range r.Header {
		if name != "Authorization" {
			k.said.WriteString(strings.Join(values, "\n"))
		} else if token, ok := strings.CutPrefix(values[0], "Bearer "); ok && k.must[token] == "" {
			k.must[token] = "an access token"
		}
	}
}

// search looks for secrets in all that was said and kept.
func (k *keeper) search() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == 0 || k.said.Len() == 0 || !slices.Contains(slices.Collect(maps.Values(k.must)), "an access token") {
		k.t.Errorf("%d sessions, %d bytes, secrets %d: the test looked at nothing", k.seen, k.said.Len(), len(k.must))
	}
	k.holdsNone("what was said", k.said.Bytes())
	log, err := os.ReadFile(k.postgres.LogFile())
	if err != nil || !bytes.Contains(log, []byte("START_REPLICATION")) && !bytes.Contains(log, []byte("IDENTIFY_SYSTEM")) {
		k.t.Errorf("the server's log: %d bytes, %v", len(log), err)
	}
	k.holdsNone("the server's log", log)
	for _, dir := range []string{k.dir, k.scratch} {
		if n := k.searchFiles(dir); n == 0 {
			k.t.Errorf("%s has no files", dir)
		}
	}
}

// searchFiles looks into the files below a directory, but for those in which the
// workspace keeps secrets for its clients.
func (k *keeper) searchFiles(dir string) (files int) {
	k.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "credentials.json" || d.Name() == "secrets.json" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		k.holdsNone(path, data)
		files++
		return err
	})
	if err != nil {
		k.t.Error(err)
	}
	return files
}

func (k *keeper) holdsNone(where string, data []byte) {
	k.t.Helper()
	for secret, what := range k.must {
		if i := bytes.Index(data, []byte(secret)); i >= 0 {
			k.t.Errorf("%s holds %s: …%s", where, what, data[max(0, i-120):i])
		}
	}
}

// TestSecretsInNoOutput: no password, token, client secret or mask key appears in a run's log, errors, statements, requests,
// files or sessions, or in the source's log, whatever the run does and whatever goes wrong.
func TestSecretsInNoOutput(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	k.works()
	k.refused()
	k.breaks()
	k.signInAsClient()
	k.does(0, nil, nil, "cdc", "--log-format", "json")
	k.does(11, nil, []string{"DATABRICKS_CLIENT_SECRET=" + wrongSecret}, "cdc")
	k.search()
	k.must["public"] = "a word that is everywhere" // the search finds what is there
	if n := k.found(); n < 4 {
		t.Errorf("the word was found in %d places only", n)
	}
}

// found counts the places in which the search looks and that name the schema.
func (k *keeper) found() (n int) {
	word := []byte("public")
	log, err := os.ReadFile(k.postgres.LogFile())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, data := range [][]byte{k.said.Bytes(), log} {
		if bytes.Contains(data, word) {
			n++
		}
	}
	for name := range k.files("ledger") {
		data, err := os.ReadFile(filepath.Join(k.root(), name))
		if err != nil {
			k.t.Fatal(err)
		}
		if bytes.Contains(data, word) {
			n++
		}
	}
	return n
}

// works runs what works.
func (k *keeper) works() {
	k.t.Helper()
	for i, format := range []string{"text", "json"} {
		for _, args := range [][]string{
			{"full-load"}, {"cdc"}, {"cdc", "--stage-only"}, {"load"}, {"cdc", "--follow", "--max-duration", "600ms"}, {"status"},
			{"check"}, {"verify", "--full"},
			{"sql", "SELECT count(*) AS n FROM item"},
		} {
			k.write(uint64(i), 5)
			k.does(0, nil, nil, append(args, "--log-format", format, "--output", format)...)
		}
	}
}

// refused runs what either end does not let in, or what cannot be read.
func (k *keeper) refused() {
	k.t.Helper()
	set := func(name, value string) []string { return []string{name + "=" + value} }
	for _, c := range []struct {
		code int
		env  []string
	}{
		{10, set("INGEST_SOURCE_URL", k.source(wrongPassword))},
		{10, set("INGEST_SOURCE_URL", "postgres://loader:"+wrongPassword+"@127.0.0.1:1/shop")},
		{10, set("INGEST_SOURCE_URL", "postgres://loader:"+wrongPassword+"@nowhere.invalid/shop")},
		{10, set("INGEST_SOURCE_URL", "host=127.0.0.1 port=1 user=loader password="+wrongPassword)},
		{10, set("INGEST_SOURCE_URL", "host=127.0.0.1 port=1 user=loader password='"+wrongPassword+" more'")},
		{64, set("INGEST_SOURCE_URL", "postgres://loader:"+wrongPassword+"@127.0.0.1:port/shop")},
		{64, set("INGEST_SOURCE_URL", "postgres://loader:"+wrongPassword+"%zz@127.0.0.1/shop")},
		{64, set("INGEST_SOURCE_URL", "postgres://loader:"+wrongPassword+"@127.0.0.1/shop?sslmode=perhaps")},
		{64, set("INGEST_SOURCE_URL", "host=127.0.0.1 password="+wrongPassword+" sslmode=perhaps")},
		{11, set("DATABRICKS_TOKEN", wrongToken)},
		{11, append(set("DATABRICKS_TOKEN", wrongToken), "DATABRICKS_HOST=http://127.0.0.1:1")},
		{11, append(set("DATABRICKS_TOKEN", wrongToken), "DATABRICKS_HOST=https://nowhere.invalid")},
	} {
		for _, command := range []string{"full-load", "cdc", "check"} {
			r := k.startWith(c.env, command, "--log-level", "debug").wait()
			k.mu.Lock()
			k.said.WriteString(r.stdout + r.stderr)
			k.mu.Unlock()
			if r.code != c.code {
				k.t.Errorf("%s\nwant exit code %d", r, c.code)
			}
		}
	}
}

// breaks runs what breaks in the middle.
func (k *keeper) breaks() {
	k.t.Helper()
	at := func(path string, f lakehouse.Fault) func(*http.Request) *lakehouse.Fault {
		return func(r *http.Request) *lakehouse.Fault {
			if strings.Contains(r.URL.Path, path) {
				return &f
			}
			return nil
		}
	}
	expired := lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusUnauthorized, Message: "Token " + k.server.Token() + " has expired."}
	for _, path := range []string{"/segments/", "/ledger/", "/sql/", "/unity-catalog/"} {
		k.write(3, 10)
		k.does(11, at(path, expired), nil, "cdc")
	}
	// A service that repeats what it was sent.
	echo := lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusForbidden, Message: "not with " + k.server.Token()}
	k.does(3, at("/segments/", echo), nil, "full-load")
	k.does(0, nil, nil, "cdc")
	k.write(4, 10)
	k.refusing(-1, "COPY INTO", "item",
		lakehouse.Refusal{SQLState: "42KDG", Class: "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", Message: "Not like this."})
	k.exec(`UPDATE item SET amount = amount + 1`)
	k.does(3, nil, nil, "cdc")
	k.refusal.Store(nil)
	k.does(0, nil, nil, "load", "--tables", "item")
	k.write(5, 10)
	k.spoolOfAKilledRun()
	if r := k.startWith([]string{"INGEST_SOURCE_URL=" + k.source(sourcePassword)}, "cdc", "--log-level", "debug").wait(); r.code != 0 {
		k.t.Error(r)
	}
	if left, err := filepath.Glob(filepath.Join(k.scratch, "*ingest-spool-*")); err != nil || len(left) > 0 {
		k.t.Errorf("left on the spool: %v, %v", left, err)
	}
}

// spoolOfAKilledRun kills a run with files on its spool, which are private,
// looks into them, and insists that a run which is alive keeps its own while
// another one removes those.
func (k *keeper) spoolOfAKilledRun() {
	k.t.Helper()
	k.killedWhere(k.uploads, beforeRequest, "cdc")
	dead := k.spools()
	if len(dead) != 1 {
		k.t.Fatalf("spools of the killed run: %v", dead)
	}
	k.searchFiles(dead[0])
	k.eventually("that the server sees the end of the killed run", func() bool {
		return k.ask(`SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'ingest %'`) == "0"
	})
	p, wake := k.suspend(k.uploads, "cdc")
	alive := k.spools()
	if len(alive) != 1 || alive[0] == dead[0] {
		k.t.Errorf("spools %v; want only that of the run that is alive, not %v", alive, dead)
	}
	files := k.privateFiles(alive)
	k.want(12, "cdc") // a start, beside the one that sleeps
	if now := k.spools(); !slices.Equal(now, alive) || !slices.Equal(k.privateFiles(now), files) {
		k.t.Errorf("spools %v, want %v untouched", now, alive)
	}
	wake()
	if r := p.wait(); r.code != 0 {
		k.t.Error(r)
	}
	k.on(nil)
}

func (k *keeper) spools() []string {
	k.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(k.scratch, "ingest-spool-*"))
	if err != nil {
		k.t.Fatal(err)
	}
	return dirs
}

// privateFiles lists what is on spools, and insists that no other user may read them.
func (k *keeper) privateFiles(spools []string) (files []string) {
	k.t.Helper()
	for _, dir := range spools {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				k.t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
			}
			files = append(files, path)
			return nil
		})
		if err != nil {
			k.t.Error(err)
		}
	}
	if len(files) < 3 { // the directory, its lock and a segment
		k.t.Errorf("files on the spools: %v", files)
	}
	return files
}
