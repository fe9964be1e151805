//go:build cgo && unix

package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// newestServer is where scripts/need-pgvector keeps a server that is new enough
// for standbys with slots of their own and for failover slots.
var newestServer = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("../scripts/need-pgvector").Output()
	if said, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("scripts/need-pgvector: %w\n%s", err, said.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// pair is a primary and a standby that follows it.
type pair struct {
	t                *testing.T
	primary, standby *pgserver.Server
	primaryDir       string
	settings         map[string]string // of the primary
}

const (
	pairDatabase = "shop"
	standbySlot  = "standby" // of the standby's own stream
)

// newPair starts both, with settings over their own.
func newPair(t *testing.T, settings map[string]string) *pair {
	t.Helper()
	p := &pair{t: t, primaryDir: pgtest.Dir(t), settings: settings}
	p.startPrimary()
	if err := p.primary.CreateDatabase(t.Context(), pairDatabase); err != nil {
		t.Fatal(err)
	}
	p.ask(p.primary, `SELECT slot_name FROM pg_create_physical_replication_slot('`+standbySlot+`', true)`)
	p.stop(p.primary)
	standbyDir := pgtest.Dir(t)
	for _, name := range []string{"data", "password"} {
		copyAll(t, filepath.Join(p.primaryDir, name), filepath.Join(standbyDir, name))
	}
	if err := os.WriteFile(filepath.Join(standbyDir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.startPrimary()
	p.standby = p.start(standbyDir, map[string]string{
		"primary_conninfo": fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=postgres", p.primary.Port(),
			p.primary.Superuser(), p.primary.Password()),
		"primary_slot_name": standbySlot, "hot_standby_feedback": "on", "wal_receiver_status_interval": "1s",
	})
	return p
}

func (p *pair) startPrimary() {
	p.t.Helper()
	p.primary = p.start(p.primaryDir, p.settings)
}

func (p *pair) start(dir string, settings map[string]string) *pgserver.Server {
	p.t.Helper()
	bin, err := newestServer()
	if err != nil {
		p.t.Fatal(err)
	}
	server, err := pgserver.Start(p.t.Context(), pgserver.Options{Dir: dir, BinDir: bin, Settings: settings})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		p.stop(server)
		if log, err := os.ReadFile(server.LogFile()); err == nil && p.t.Failed() {
			p.t.Logf("the end of the log of %s:\n%s", dir, log[max(0, len(log)-3000):])
		}
	})
	return server
}

func (p *pair) stop(server *pgserver.Server) {
	p.t.Helper()
	if err := server.Stop(context.Background()); err != nil {
		p.t.Error(err)
	}
}

// ask gives one value of a server as text.
func (p *pair) ask(server *pgserver.Server, sql string, args ...any) string {
	p.t.Helper()
	conn := p.connect(server)
	defer conn.Close(context.Background())
	return askOn(p.t, conn, sql, args...)
}

// exec executes statements on a server.
func (p *pair) exec(server *pgserver.Server, statements ...string) {
	p.t.Helper()
	conn := p.connect(server)
	defer conn.Close(context.Background())
	for _, s := range statements {
		if _, err := conn.Exec(p.t.Context(), s); err != nil {
			p.t.Fatalf("%s: %v", s, err)
		}
	}
}

func (p *pair) connect(server *pgserver.Server) *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), server.URL(pairDatabase))
	if err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// replayed waits until the standby has all that the primary has written.
func (p *pair) replayed(w *world) {
	p.t.Helper()
	target := p.ask(p.primary, `SELECT pg_current_wal_insert_lsn()::text`)
	w.eventually("that the standby has caught up", func() bool {
		return p.ask(p.standby, `SELECT (pg_last_wal_replay_lsn() >= $1::text::pg_lsn)::text`, target) == "true"
	})
}

// promote makes the standby the primary.
func (p *pair) promote() {
	p.t.Helper()
	if got := p.ask(p.standby, `SELECT pg_promote()::text`); got != "true" {
		p.t.Fatalf("the standby was not promoted: %s", got)
	}
}
