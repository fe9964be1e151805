//go:build unix

package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

// lossy drops everything that arrives while it is asked to.
type lossy struct {
	net.Conn
	losing *atomic.Bool
}

func (l lossy) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		if err != nil || !l.losing.Load() {
			return n, err
		}
	}
}

// A session whose answer arrived incomplete is cut, and reports why. A session that the server still
// works for is not cut, however long that takes.
func TestSessionThatWaitsInVainIsCut(t *testing.T) {
	var losing atomic.Bool
	source, err := Open(t.Context(), Options{
		URL: pgtest.NewDatabase(t), Run: "waits", StallAfter: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := source.TakeLock(t.Context(), "reading", LockKey("waits"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	source.config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, address)
		return lossy{conn, &losing}, err
	}
	for _, c := range []struct {
		sql  string
		lose bool
	}{{`COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000)) TO STDOUT`, true},
		{`COPY (SELECT pg_sleep(4)::text) TO STDOUT`, false}} {
		conn, err := source.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		losing.Store(c.lose)
		ended := make(chan error, 1)
		go func() {
			_, err := conn.PgConn().CopyTo(t.Context(), io.Discard, c.sql)
			ended <- err
		}()
		tick := time.NewTicker(50 * time.Millisecond)
		for done := false; !done; {
			select {
			case err = <-ended:
				done = true
			case <-tick.C:
				if err := lock.Alive(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		tick.Stop()
		if c.lose != errors.Is(err, errUnanswered) || !c.lose && err != nil {
			t.Errorf("%s: %v", c.sql, err)
		}
		losing.Store(false)
		_ = conn.Close(t.Context())
	}
	if len(source.links.all) != 1 {
		t.Errorf("%d links are left, want the lock's", len(source.links.all))
	}
}
