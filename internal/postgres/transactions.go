package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Transactions are the transactions of the server that a session is on.
type Transactions struct {
	source *Source
	conn   *pgx.Conn
}

// Transactions asks about transactions on a session.
func (s *Source) Transactions(conn *pgx.Conn) *Transactions {
	return &Transactions{source: s, conn: conn}
}

// Next is at most the next transaction id of the source, of 64 bits, and at least as high as the end of
// every earlier snapshot. A standby has none, since it makes no snapshots for others: 0.
func (t *Transactions) Next(ctx context.Context) (xid uint64, err error) {
	if t.source.inRecovery(t.conn.PgConn()) {
		return 0, nil
	}
	var x int64
	err = t.conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`).Scan(&x)
	return uint64(x), Error("read the current transaction id", err)
}

// Visible has the transaction ids of a snapshot that is taken now.
func (t *Transactions) Visible(ctx context.Context) (schema.Snapshot, error) {
	var text string
	if err := t.conn.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&text); err != nil {
		return schema.Snapshot{}, Error("read the current snapshot", err)
	}
	return schema.ParseSnapshot(text)
}

// Settle waits until every transaction that wrote before the call has ended (or was prepared and then
// ended). A change can go unseen because the publication did not contain its table yet. After Settle,
// every new snapshot shows that change. Settle returns the insert LSN read before: every change that
// such a snapshot does not show commits at or above it.
//
// report is called, at most every ten seconds, with a description of what Settle waits for.
func (t *Transactions) Settle(ctx context.Context, report func(string)) (pglogrepl.LSN, error) {
	if t.source.inRecovery(t.conn.PgConn()) {
		return 0, failure.New(failure.Source, "%s is a standby: a snapshot must be taken on the primary", t.source.Describe()).
			WithHint("set source.url to the primary's address")
	}
	before, _, err := t.source.WAL(t.conn).Positions(ctx)
	if err != nil {
		return 0, err
	}
	var x uint64
	if err := t.conn.QueryRow(ctx, `SELECT pg_current_xact_id()::text::bigint`).Scan(&x); err != nil {
		return 0, Error("wait for older transactions", err)
	}
	pause, next := 5*time.Millisecond, time.Now().Add(2*time.Second)
	for {
		var over bool
		if err := t.conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > $1::bigint`,
			int64(x)).Scan(&over); err != nil {
			return 0, Error("wait for older transactions", err)
		}
		if over {
			return before, nil
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(10 * time.Second)
			if who, err := t.writers(ctx, x); err == nil {
				report(who)
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for older transactions: %w", ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

// Writers describes the transactions that have written and are still open: who they are, by pid, and
// since when.
func (t *Transactions) Writers(ctx context.Context) (string, error) {
	var x int64
	if err := t.conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`).Scan(&x); err != nil {
		return "", Error("look for open transactions", err)
	}
	return t.writers(ctx, uint64(x))
}

// writers describes the transactions up to x that are still open.
func (t *Transactions) writers(ctx context.Context, x uint64) (string, error) {
	var who *string
	err := t.source.Text.reads(t.conn).QueryRow(ctx, `
		SELECT `+raw("string_agg(what, '; ')")+` FROM (
		  SELECT format('pid %s (%s, %s, open since %s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'),
		                coalesce(to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SSOF'), 'a time that is shown to members of pg_read_all_stats')) AS what
		  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.pid <> pg_backend_pid()
		    AND age(l.transactionid) >= age($1::text::xid)
		  UNION
		  SELECT format('prepared transaction %L (%s, since %s)', gid, owner, to_char(prepared, 'YYYY-MM-DD HH24:MI:SSOF'))
		  FROM pg_prepared_xacts WHERE age(transaction) >= age($1::text::xid)) w`, fmt.Sprint(uint32(x))).Scan(&who)
	if err != nil || who == nil {
		return "a transaction that is just ending", err
	}
	return *who, nil
}

// OpenTransaction is a transaction that has written and has not ended.
type OpenTransaction struct {
	Who string // pid or prepared transaction, user, since when
	End string // the SQL that ends it
}

// Older lists the open transactions of the whole server that are older than age, prepared ones too, the
// oldest first. A slot and a snapshot are made only when they have ended.
func (t *Transactions) Older(ctx context.Context, age time.Duration) ([]OpenTransaction, error) {
	rows, err := t.source.Text.reads(t.conn).Query(ctx, `
		SELECT `+raw("who")+`, `+raw("stop")+` FROM (
		  SELECT xact_start AS since, format('the transaction of pid %s (%s, %s) is open since %s', pid, usename,
		                                     coalesce(nullif(application_name, ''), 'no application name'), to_char(xact_start, 'YYYY-MM-DD HH24:MI:SSOF')) AS who,
		         format('SELECT pg_terminate_backend(%s);', pid) AS stop
		  FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
		  UNION ALL
		  SELECT prepared, format('the prepared transaction %L (%s, database %s) waits since %s', gid, owner, database, to_char(prepared, 'YYYY-MM-DD HH24:MI:SSOF')),
		         format('ROLLBACK PREPARED %L; or COMMIT PREPARED %L;', gid, gid)
		  FROM pg_prepared_xacts) t
		WHERE since <= now() - make_interval(secs => $1) ORDER BY since LIMIT 20`, age.Seconds())
	if err != nil {
		return nil, Error("look for open transactions", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OpenTransaction])
	return list, Error("look for open transactions", err)
}
