package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Plugin is the output plugin that the slot uses.
const Plugin = "pgoutput"

// Slot is a replication slot as pg_replication_slots shows it.
type Slot struct {
	Name      string
	Plugin    string
	Type      string // logical or physical
	Database  string
	Temporary bool
	Active    bool
	ActivePID int32
	TwoPhase  bool          // it sends transactions when they are prepared
	Synced    bool          // a standby keeps it in sync with its primary's slot (PostgreSQL 17)
	Restart   pglogrepl.LSN // 0 if there is none
	Confirmed pglogrepl.LSN
	WALStatus string     // reserved, extended, unreserved, lost
	Reason    string     // why it is lost, such as wal_removed; empty before PostgreSQL 16
	IdleSince *time.Time // since when it is unused; nil before PostgreSQL 17, and while it is in use
	SafeBytes *int64     // safe_wal_size: WAL that may still be written before the slot is lost; nil if unlimited
	Holder    string     // application, user and start of the session that uses it, if any
	Own       bool       // that session belongs to this run
	LagBytes  int64      // between Confirmed and the server's insert LSN
	KeptBytes int64      // of WAL that the slot retains
}

// Slots are the replication slots of the server that a session is on.
type Slots struct {
	source *Source
	conn   *pgx.Conn
}

// Slots reads, makes and moves slots on a session.
func (s *Source) Slots(conn *pgx.Conn) *Slots { return &Slots{source: s, conn: conn} }

// Find reads a slot; nil if there is none with that name.
func (s *Slots) Find(ctx context.Context, name string) (*Slot, error) {
	var sl Slot
	var restart, confirmed *string
	err := s.source.Text.reads(s.conn).QueryRow(ctx, `
		SELECT r.slot_name, coalesce(r.plugin, ''), r.slot_type, `+raw("coalesce(r.database, '')")+
		`, r.temporary, r.two_phase, r.active, coalesce(r.active_pid, 0),
		       r.restart_lsn::text, r.confirmed_flush_lsn::text, coalesce(r.wal_status, ''), r.safe_wal_size,
		       coalesce(`+newer("synced")+`::boolean, false), `+newer("inactive_since")+`::timestamptz,
		       coalesce(`+newer("invalidation_reason")+`, CASE WHEN `+newer("conflicting")+` = 'true' THEN
		         CASE WHEN r.restart_lsn IS NULL THEN 'wal_removed' ELSE 'conflict with recovery' END END, ''), -- 16 calls both conflicting
		       coalesce((SELECT `+raw(
		`format('%s, user %s%s, since %s', coalesce(nullif(a.application_name, ''), 'no application name'), a.usename,
		                               coalesce(', from ' || host(a.client_addr), ''),
		                               coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'), 'a time that is shown to members of pg_read_all_stats'))`)+`
		                 FROM pg_stat_activity a WHERE a.pid = r.active_pid), 'a session that has just ended'::bytea),
		       EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = r.active_pid AND `+ownSession+`),
		       coalesce(w.lsn - r.confirmed_flush_lsn, 0)::bigint, coalesce(w.lsn - r.restart_lsn, 0)::bigint
		FROM pg_replication_slots r,
		     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END) w(lsn)
		WHERE r.slot_name = $1`, name).
		Scan(&sl.Name, &sl.Plugin, &sl.Type, &sl.Database, &sl.Temporary, &sl.TwoPhase, &sl.Active, &sl.ActivePID,
			&restart, &confirmed, &sl.WALStatus, &sl.SafeBytes, &sl.Synced, &sl.IdleSince, &sl.Reason, &sl.Holder, &sl.Own,
			&sl.LagBytes, &sl.KeptBytes)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, Error("read slot "+name, err)
	}
	if !sl.Active {
		sl.Holder = ""
	}
	if sl.Restart, err = parseLSN(restart); err == nil {
		sl.Confirmed, err = parseLSN(confirmed)
	}
	return &sl, err
}

// KeepLimit reads max_slot_wal_keep_size: how many bytes of WAL a slot may make the server keep. It is −1
// if there is no limit.
func (s *Slots) KeepLimit(ctx context.Context) (int64, error) {
	var megabytes int64
	err := s.conn.QueryRow(ctx, `SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'`).Scan(&megabytes)
	if err != nil {
		return 0, Error("read max_slot_wal_keep_size", err)
	}
	if megabytes < 0 {
		return -1, nil
	}
	return megabytes << 20, nil
}

// NamedSlot is a slot's name and its database, "" for a physical slot.
type NamedSlot struct{ Name, Database string }

// List lists the slots of the whole cluster, by name.
func (s *Slots) List(ctx context.Context) ([]NamedSlot, error) {
	rows, err := s.source.Text.reads(s.conn).Query(ctx,
		`SELECT slot_name::text, `+raw("coalesce(database, '')")+` FROM pg_replication_slots ORDER BY 1`)
	if err != nil {
		return nil, Error("list the slots", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[NamedSlot])
	return list, Error("list the slots", err)
}

// newer reads a column of pg_replication_slots r as text. If the server's version lacks the column,
// the result is NULL.
func newer(column string) string { return "(to_jsonb(r) ->> '" + column + "')" }

func parseLSN(s *string) (pglogrepl.LSN, error) {
	if s == nil {
		return 0, nil
	}
	return pglogrepl.ParseLSN(*s)
}

// Create makes a logical slot and returns its position: every transaction that commits at or after
// that point will be decoded. The server first waits for all transactions that are writing at that
// moment. failover makes a slot that standbys keep too, which needs version 17.
func (s *Slots) Create(ctx context.Context, name string, failover bool) (pglogrepl.LSN, error) {
	sql := `SELECT lsn::text FROM pg_create_logical_replication_slot($1, $2)`
	if failover {
		if s.source.Facts.Version < 170000 {
			return 0, failure.New(failure.Usage, "source.failover needs PostgreSQL 17, and %s has %s", s.source.Describe(),
				s.source.Facts.VersionStr).WithHint("set source.failover to false")
		}
		sql = `SELECT lsn::text FROM pg_create_logical_replication_slot($1, $2, failover => true)`
	}
	// The server waits for transactions as it does for locks.
	if _, err := s.conn.Exec(ctx, "SET lock_timeout = 0"); err != nil {
		return 0, Error("create slot "+name, err)
	}
	var lsn string
	err := s.whileLogging(ctx, name, func() error { return s.conn.QueryRow(ctx, sql, name, Plugin).Scan(&lsn) })
	if err != nil && ctx.Err() != nil {
		awaitCancel(s.conn)
	}
	if err != nil {
		err = Error("create slot "+name, err)
		var f *failure.Error
		if errors.As(err, &f) && Code(err) == pgerrcode.InsufficientPrivilege {
			f.Hint = "give the role the right to replicate: ALTER ROLE … REPLICATION (on RDS: GRANT rds_replication TO …)"
		}
		return 0, err
	}
	if _, err := s.conn.Exec(ctx, "RESET lock_timeout"); err != nil {
		return 0, Error("create slot "+name, err)
	}
	consistent, err := pglogrepl.ParseLSN(lsn)
	if err != nil {
		return 0, err
	}
	return s.settle(ctx, name, consistent)
}

// settle moves a new slot beyond the point where the server began to decode for it, and returns
// the slot's new position. consistent is the server's answer.
//
// While the server makes a slot, it follows the running transactions in phases. It overlooks that a
// transaction changed the catalog if the change was in the first phase and the commit in the second.
// Every decoding that starts there sees the catalog as it was before that change. It fails (a
// TRUNCATE: "could not map filenode"), or takes a table for what it was before an ALTER TABLE. From
// then on the server keeps a correct snapshot at each record of running transactions, so decoding must
// start at one of those. Seen on PostgreSQL 15.20.
func (s *Slots) settle(ctx context.Context, name string, consistent pglogrepl.LSN) (pglogrepl.LSN, error) {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		writer := s.source
		if writer.primary != nil {
			writer = writer.primary
		}
		if err := writer.logRunning(ctx, name+"_settle"); err != nil {
			return 0, err
		}
		_, flush, err := s.source.WAL(s.conn).Positions(ctx)
		if err != nil {
			return 0, err
		}
		if err := s.Advance(ctx, name, flush); err != nil {
			return 0, err
		}
		slot, err := s.Find(ctx, name)
		if err != nil {
			return 0, err
		}
		if slot == nil {
			return 0, failure.New(failure.Source, "slot %s was dropped while it was made", name).WithHint("run the command again")
		}
		if slot.Restart >= consistent {
			return slot.Confirmed, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// logRunning makes the server write a record of running transactions, as it does by itself every 15
// seconds. Making a logical slot writes one first, and needs no right beyond the pipeline's own. The
// slot is temporary, and no session waits until it is complete. If no slot is free, the pipeline waits
// for the server's own record.
func (s *Source) logRunning(ctx context.Context, name string) error {
	conn, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SET statement_timeout = 100"); err != nil {
		return Error("make slot "+name, err)
	}
	_, err = conn.Exec(ctx, `SELECT pg_create_logical_replication_slot($1, $2, true)`, name[max(0, len(name)-63):], Plugin)
	switch Code(err) {
	case pgerrcode.QueryCanceled, // it would have waited
		pgerrcode.ConfigurationLimitExceeded, // no slot is free
		pgerrcode.DuplicateObject:            // another session with that name does the same
		return nil
	}
	return Error("make slot "+name, err)
}

// whileLogging makes the primary write records of running transactions while do runs: making a slot on
// a standby waits for one.
func (s *Slots) whileLogging(ctx context.Context, name string, do func() error) error {
	if s.source.primary == nil {
		return do()
	}
	inner, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s.source.primary.logRunning(inner, name+"_settle") == nil {
			select {
			case <-inner.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	err := do()
	cancel()
	<-ended
	return err
}

// awaitCancel waits until the server has canceled the statement. A program that ends sooner leaves a
// session that goes on making the slot, which is then in the next run's way.
func awaitCancel(conn *pgx.Conn) {
	select {
	case <-conn.PgConn().CleanupDone():
	case <-time.After(5 * time.Second):
	}
}

// Drop drops a slot, unless it belongs to another database. Slot names are cluster-wide, and the
// server would drop it.
func (s *Slots) Drop(ctx context.Context, name string) error {
	tag, err := s.conn.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
		WHERE slot_name = $1 AND (database IS NULL OR database = current_database())`, name)
	if err == nil && tag.RowsAffected() == 0 {
		return failure.New(failure.Conflict, "slot %s is not there any more, or is in another database, which keeps it", name).
			WithHint("run the command again")
	}
	return Error("drop slot "+name, err)
}

// Advance acknowledges everything below lsn. It is an error unless the slot's position is then
// exactly lsn: the server's function clamps silently.
func (s *Slots) Advance(ctx context.Context, name string, lsn pglogrepl.LSN) error {
	var at string
	err := s.conn.QueryRow(ctx, `SELECT end_lsn::text FROM pg_replication_slot_advance($1, $2::pg_lsn)`, name, lsn.String()).Scan(&at)
	if err != nil {
		return Error(fmt.Sprintf("advance slot %s to %s", name, lsn), err)
	}
	got, err := pglogrepl.ParseLSN(at)
	if err != nil {
		return err
	}
	if got != lsn {
		return failure.New(failure.Conflict, "advance slot %s to %s: the server stopped at %s", name, lsn, got).
			WithHint("the server's WAL ends before the ledger's position, as after a restore or a failover: `ingest status` says what is lost")
	}
	return nil
}

// Free is the number of replication slots that can still be made.
func (s *Slots) Free(ctx context.Context) (int, error) {
	var n int
	err := s.conn.QueryRow(ctx,
		`SELECT current_setting('max_replication_slots')::int - (SELECT count(*)::int FROM pg_replication_slots)`).Scan(&n)
	return n, Error("count the replication slots", err)
}
