//go:build cgo && unix

package tests

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// A service principal's token lives for some seconds: every run outlives it, and
// goes on at both of the workspace's interfaces with the next one.
func TestRunsOutliveTheirToken(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.NewDatabase(t), lakehouse.Options{TokenTTL: tokenLife},
		"CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a SELECT generate_series(1, 1000)")
	for i, pair := range w.env {
		if strings.HasPrefix(pair, "DATABRICKS_TOKEN=") {
			w.env[i] = "DATABRICKS_CLIENT_ID=" + w.server.ClientID()
		}
	}
	w.env = append(w.env, "DATABRICKS_CLIENT_SECRET="+w.server.ClientSecret())

	var began atomic.Int64
	var tokens, lateREST, lateSQL atomic.Int64
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		late := time.Since(time.Unix(0, began.Load())) > tokenLife
		switch {
		case r.URL.Path == "/oidc/v1/token":
			tokens.Add(1)
			return nil
		case late && strings.HasPrefix(r.URL.Path, "/sql/1.0/"):
			lateSQL.Add(1)
		case late && r.Header.Get("Authorization") != "":
			lateREST.Add(1)
		}
		return &lakehouse.Fault{Kind: lakehouse.Pass, Delay: tokenLife / 20}
	})
	start := func(args ...string) *process {
		began.Store(time.Now().UnixNano())
		tokens.Store(0)
		lateREST.Store(0)
		lateSQL.Store(0)
		return w.start(args...)
	}
	outlived := func(p *process) {
		t.Helper()
		r := p.wait()
		if r.code != 0 || tokens.Load() < 2 || lateREST.Load() == 0 || lateSQL.Load() == 0 {
			t.Errorf("%d tokens, and %d requests and %d of statements after the first had expired: %s", tokens.Load(),
				lateREST.Load(), lateSQL.Load(), r)
		}
		if strings.Contains(r.stdout+r.stderr, w.server.ClientSecret()) {
			t.Errorf("the secret is in %s", r)
		}
	}
	outlived(start("full-load"))
	w.exec("INSERT INTO a VALUES (2001)")
	outlived(start("cdc"))
	p := start("cdc", "--follow", "--stage-every", "100ms", "--load-every", "200ms")
	w.eventually("a request with a later token", func() bool { return lateREST.Load() > 0 })
	w.exec("INSERT INTO a VALUES (2002)")
	w.eventually("a statement with a later token", func() bool { return lateSQL.Load() > 0 })
	p.signal(syscall.SIGTERM)
	outlived(p)
	w.on(nil)
	w.must("verify", "--full")
}
