package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"ingest/internal/failure"
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
	Restart   pglogrepl.LSN // 0 if there is none
	Confirmed pglogrepl.LSN
	WALStatus string // reserved, extended, unreserved, lost
	SafeBytes *int64 // safe_wal_size: what may still be written before the slot is lost; nil if unlimited
	Holder    string // application and start of the session that uses it, if any
	Own       bool   // that session is one of this very run
	LagBytes  int64  // between Confirmed and the server's insert LSN
	KeptBytes int64  // of WAL that the slot retains
}

// Slot reads a slot; nil if there is none of that name.
func (s *Source) Slot(ctx context.Context, conn *pgx.Conn, name string) (*Slot, error) {
	var sl Slot
	var restart, confirmed *string
	err := conn.QueryRow(ctx, `
		SELECT r.slot_name, coalesce(r.plugin, ''), r.slot_type, coalesce(r.database, ''), r.temporary, r.active, coalesce(r.active_pid, 0),
		       r.restart_lsn::text, r.confirmed_flush_lsn::text, coalesce(r.wal_status, ''), r.safe_wal_size,
		       coalesce((SELECT format('%s since %s', coalesce(nullif(a.application_name, ''), a.usename), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'))
		                 FROM pg_stat_activity a WHERE a.pid = r.active_pid), ''),
		       EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = r.active_pid AND `+ownSession+`),
		       coalesce(w.lsn - r.confirmed_flush_lsn, 0)::bigint, coalesce(w.lsn - r.restart_lsn, 0)::bigint
		FROM pg_replication_slots r,
		     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END) w(lsn)
		WHERE r.slot_name = $1`, name).
		Scan(&sl.Name, &sl.Plugin, &sl.Type, &sl.Database, &sl.Temporary, &sl.Active, &sl.ActivePID,
			&restart, &confirmed, &sl.WALStatus, &sl.SafeBytes, &sl.Holder, &sl.Own, &sl.LagBytes, &sl.KeptBytes)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, Error("read slot "+name, err)
	}
	if sl.Restart, err = parseLSN(restart); err == nil {
		sl.Confirmed, err = parseLSN(confirmed)
	}
	return &sl, err
}

func parseLSN(s *string) (pglogrepl.LSN, error) {
	if s == nil {
		return 0, nil
	}
	return pglogrepl.ParseLSN(*s)
}

// CreateSlot makes a logical slot and returns its consistent point: every
// transaction that commits at or after it will be decoded. The server first
// waits for all transactions that write at that moment.
func (s *Source) CreateSlot(ctx context.Context, conn *pgx.Conn, name string) (pglogrepl.LSN, error) {
	// The server waits for transactions as it does for locks.
	if _, err := conn.Exec(ctx, "SET lock_timeout = 0"); err != nil {
		return 0, Error("create slot "+name, err)
	}
	var lsn string
	err := conn.QueryRow(ctx, `SELECT lsn::text FROM pg_create_logical_replication_slot($1, $2)`, name, Plugin).Scan(&lsn)
	if err != nil && ctx.Err() != nil {
		awaitCancel(conn)
	}
	if err != nil {
		err = Error("create slot "+name, err)
		var f *failure.Error
		if errors.As(err, &f) && Code(err) == "42501" {
			f.Hint = "give the role the right to replicate: ALTER ROLE … REPLICATION (on RDS: GRANT rds_replication TO …)"
		}
		return 0, err
	}
	if _, err := conn.Exec(ctx, "RESET lock_timeout"); err != nil {
		return 0, Error("create slot "+name, err)
	}
	return pglogrepl.ParseLSN(lsn)
}

// awaitCancel waits until the server has heard that the statement is not wanted
// any more: a program that ends sooner leaves a session behind that goes on
// making the slot, which then is in the next run's way.
func awaitCancel(conn *pgx.Conn) {
	select {
	case <-conn.PgConn().CleanupDone():
	case <-time.After(5 * time.Second):
	}
}

// DropSlot drops a slot.
func (s *Source) DropSlot(ctx context.Context, conn *pgx.Conn, name string) error {
	_, err := conn.Exec(ctx, `SELECT pg_drop_replication_slot($1)`, name)
	return Error("drop slot "+name, err)
}

// AdvanceSlot acknowledges everything below lsn, and insists that the slot
// then stands exactly there: the server's function clamps in silence.
func (s *Source) AdvanceSlot(ctx context.Context, conn *pgx.Conn, name string, lsn pglogrepl.LSN) error {
	var at string
	err := conn.QueryRow(ctx, `SELECT end_lsn::text FROM pg_replication_slot_advance($1, $2::pg_lsn)`, name, lsn.String()).Scan(&at)
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

// FreeSlots is the number of replication slots that can still be made.
func (s *Source) FreeSlots(ctx context.Context, conn *pgx.Conn) (int, error) {
	var n int
	err := conn.QueryRow(ctx, `SELECT current_setting('max_replication_slots')::int - (SELECT count(*)::int FROM pg_replication_slots)`).Scan(&n)
	return n, Error("count the replication slots", err)
}
