package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
)

// WAL is the write-ahead log of the server that a session is on.
type WAL struct {
	source *Source
	conn   *pgx.Conn
}

// WAL asks about the log on a session.
func (s *Source) WAL(conn *pgx.Conn) *WAL { return &WAL{source: s, conn: conn} }

// Positions reads the server's insert and flush LSNs.
func (w *WAL) Positions(ctx context.Context) (insert, flush pglogrepl.LSN, err error) {
	q := `SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text`
	if w.source.inRecovery(w.conn.PgConn()) {
		q = `SELECT pg_last_wal_replay_lsn()::text, pg_last_wal_replay_lsn()::text`
	}
	var a, b string
	if err = w.conn.QueryRow(ctx, q).Scan(&a, &b); err != nil {
		return 0, 0, Error("read the WAL's position", err)
	}
	if insert, err = pglogrepl.ParseLSN(a); err == nil {
		flush, err = pglogrepl.ParseLSN(b)
	}
	return insert, flush, err
}

// flushAfter is how long the server gets to flush its WAL by itself.
const flushAfter = 10 * time.Millisecond

// WaitFlushed waits until the server's WAL is flushed up to target, or replayed on a standby. The
// flush position may lag: commits can be asynchronous, and a record of an open transaction can be
// incomplete. WaitFlushed then writes a small logical message once a second, which makes the server
// flush. If the server refuses the message, WaitFlushed keeps waiting.
func (w *WAL) WaitFlushed(ctx context.Context, target pglogrepl.LSN) error {
	if w.source.inRecovery(w.conn.PgConn()) {
		return w.waitReplayed(ctx, target)
	}
	next := time.Now().Add(flushAfter)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		_, flush, err := w.Positions(ctx)
		if err != nil {
			return err
		}
		if flush >= target {
			return nil
		}
		if time.Now().After(next) {
			if err := forceFlush(ctx, w.conn); err != nil && Code(err) == "" {
				return err
			}
			next = time.Now().Add(time.Second)
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the WAL to be flushed: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

// waitReplayed waits until a standby has replayed the WAL up to target. It returns ErrStalled if the
// standby makes no progress for a while.
func (w *WAL) waitReplayed(ctx context.Context, target pglogrepl.LSN) error {
	var before pglogrepl.LSN
	since := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		replayed, _, err := w.Positions(ctx)
		if err != nil || replayed >= target {
			return err
		}
		if replayed > before {
			before, since = replayed, time.Now()
		}
		if stood := time.Since(since); stood >= w.source.opt.StallAfter {
			return failure.New(failure.Source, "%w: standby %s has replayed the WAL up to %s only, and is needed up to %s; it has not moved for %s",
				ErrStalled, w.source.Describe(), replayed, target, stood.Round(time.Second)).
				WithHint("look at pg_stat_wal_receiver there and at pg_stat_replication on the primary, or leave source.standby out of a new pipeline")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the standby: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

// forceFlush makes the server flush its WAL by committing a small message. The commit waits for the
// server's own disk, whatever the role's setting: it does not wait for a standby, which may be gone,
// and it does not skip the wait.
func forceFlush(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'local', true), pg_logical_emit_message(true, 'ingest', 'flush')`)
	return Error("ask the server to flush its WAL", err)
}

// KeepFlushing asks the server to flush, once a second, while WAL is unflushed. A decoding session
// waits for the second half of a partly flushed record, and an idle transaction never flushes it. The
// caller must call the returned function to stop it. If the server refuses, KeepFlushing stops asking:
// the wait then ends with the next commit.
func (s *Source) KeepFlushing(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		var conn *pgx.Conn
		defer func() {
			if conn != nil {
				_ = conn.Close(context.WithoutCancel(ctx))
			}
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if conn == nil {
				var err error
				if conn, err = s.Connect(ctx); err != nil {
					return
				}
			}
			insert, flush, err := s.WAL(conn).Positions(ctx)
			if err == nil && insert > flush && !s.inRecovery(conn.PgConn()) {
				err = forceFlush(ctx, conn)
			}
			if err != nil {
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}
