//go:build cgo && unix

package tests

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/wait"
)

// stallAfter is how long a server may be silent before a following run of these tests checks its connection. A run has five times
// as long to recover from a fault, also while other tests use the processors.
const stallAfter = 2 * time.Second

// follower is a following run in the test's own process.
type follower struct {
	w      *world
	stop   context.CancelFunc
	done   chan struct{}
	run    string
	err    error // after done
	result *replicate.Summary

	mu  sync.Mutex
	log bytes.Buffer
}

func (f *follower) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(b)
}

// logged counts lines of the log that say something.
func (f *follower) logged(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Count(f.log.String(), what)
}

var followers atomic.Int64

// follow follows the source at a URL, with short waits where a run of the command has long ones. env is added to the world's.
func (w *world) follow(url string, env ...string) *follower {
	w.t.Helper()
	return w.inProcess(url, func(ctx, stop context.Context, p *replicate.Pipeline) (*replicate.Summary, error) {
		return p.CDC(ctx, stop, replicate.CDCOptions{
			Follow: true, SnapshotNew: true, LookEvery: 100 * time.Millisecond,
			Backoff: wait.Backoff{Least: 10 * time.Millisecond, Most: 100 * time.Millisecond},
		})
	}, env...)
}

// inProcess does something with a pipeline of the test's own process.
func (w *world) inProcess(url string, do func(ctx, stop context.Context, p *replicate.Pipeline) (*replicate.Summary, error),
	env ...string) *follower {
	w.t.Helper()
	url += "&connect_timeout=10" // into a stall, too
	f := &follower{w: w, done: make(chan struct{}), run: fmt.Sprintf("20260101T000000Z-%06x", followers.Add(1))}
	log := slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo}))
	env = append(append(append([]string{}, w.env...), "INGEST_STAGING_ENTRY_INTERVAL=30ms", "INGEST_LOAD_INTERVAL=200ms",
		"INGEST_STAGING_SPOOL="+w.t.TempDir(), "INGEST_SOURCE_URL="+url), env...)
	c, err := config.Read(config.Inputs{Environment: env})
	if err != nil {
		w.t.Fatal(err)
	}
	source, err := postgres.Open(w.t.Context(),
		postgres.Options{URL: url, Run: f.run, LockTimeout: 10 * time.Second, StallAfter: stallAfter, Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := databricks.Open(w.t.Context(), databricks.Config{
		Host: w.server.URL(), Token: w.server.Token(), Catalog: catalogName, Schema: "bronze", Volume: "ingest", Pipeline: w.name,
		Warehouse: w.server.WarehouseID(), RequestsPerSecond: 10_000, RunID: f.run, RetryTimeout: time.Second,
		RetryPause: 10 * time.Millisecond, Log: log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now
	if w.clock != nil {
		now = w.clock
	}
	p, err := replicate.Open(w.t.Context(),
		replicate.Options{Config: c, Workspace: target, Source: source, Run: f.run, Version: "0.0.0", Log: log, Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	stop, cancelStop := context.WithCancel(ctx)
	f.stop = cancelStop
	go func() {
		defer close(f.done)
		defer target.Close()
		defer cancel()
		f.result, f.err = do(ctx, stop, p)
		if err := p.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-f.done
		if w.t.Failed() {
			w.t.Logf("the follower's log:\n%s", f.log.String())
		}
	})
	return f
}

// end stops the follower at a safe point.
func (f *follower) end() {
	f.w.t.Helper()
	f.stop()
	f.waitEnd()
	if f.err != nil {
		f.w.t.Fatalf("the following run ended with %v", f.err)
	}
}

// waitEnd waits for the follower's end.
func (f *follower) waitEnd() {
	f.w.t.Helper()
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	select {
	case <-f.done:
	case <-limit.C:
		stacks := make([]byte, 1<<20)
		f.w.t.Fatalf("the following run does not end:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// reaches waits until what is committed by now is staged.
func (f *follower) reaches(after string) {
	f.w.t.Helper()
	f.w.exec(`INSERT INTO item VALUES ((SELECT least(min(id), 0) - 1 FROM item), 0, 'marker', '')`) // no writer has such ids
	target, err := pglogrepl.ParseLSN(f.w.ask(`SELECT pg_current_wal_insert_lsn()::text`))
	if err != nil {
		f.w.t.Fatal(err)
	}
	f.w.eventually("what was committed after "+after+" is staged", func() bool {
		select {
		case <-f.done:
			f.w.t.Fatalf("after %s, the following run ended with %v", after, f.err)
		default:
		}
		return f.w.staged() >= target-48 // the marker's commit record ends at the target
	})
}

// streams waits until the run is done with draining.
func (f *follower) streams() {
	f.w.t.Helper()
	f.w.eventually("that the run streams", func() bool {
		return f.w.ask(`SELECT count(*)::text FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'`,
			"ingest "+f.run) == "1"
	})
}

// staged is the ledger's position.
func (w *world) staged() pglogrepl.LSN {
	w.t.Helper()
	entries := w.entries()
	for _, e := range slices.Backward(entries) {
		if c := e.Changes; c != nil {
			return c.End
		}
	}
	return 0
}

// same insists that a strict replay of the log equals the source, and that verify agrees.
func (w *world) same() {
	w.t.Helper()
	w.compare("item", "event")
	w.chained()
	w.must("verify", "--full")
}

// terminate ends the run's sessions that a condition on pg_stat_activity
// chooses.
func (f *follower) terminate(condition string) {
	f.w.t.Helper()
	f.w.ask(`SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE application_name = $1 AND `+condition, "ingest "+f.run)
}
