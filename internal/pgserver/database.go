//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CreateDatabase makes an empty database.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	err := s.withConn(ctx, "", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		return err
	})
	if err != nil {
		return fmt.Errorf("create database %q: %w", name, err)
	}
	return nil
}

// DropDatabase drops the database with all that would keep it: sessions, prepared transactions and
// replication slots. A database that isn't there is no error.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	err := s.withConn(ctx, "", func(conn *pgx.Conn) error {
		var exists bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
		if err != nil || !exists {
			return err
		}
		if err := s.rollbackPrepared(ctx, name); err != nil {
			return err
		}
		for {
			if err := endSlotReaders(ctx, conn, name); err != nil {
				return err
			}
			_, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
			if !hasCode(err, pgerrcode.ObjectInUse) || !pause(ctx) { // a slot's reader is just ending
				return err
			}
		}
	})
	if err != nil {
		return fmt.Errorf("drop database %q: %w", name, err)
	}
	return nil
}

// rollbackPrepared has to be connected to the database whose transactions they are.
func (s *Server) rollbackPrepared(ctx context.Context, database string) error {
	return s.withConn(ctx, database, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database()")
		if err != nil {
			return err
		}
		gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, gid := range gids {
			if _, err := conn.Exec(ctx, "ROLLBACK PREPARED "+gid); err != nil {
				return err
			}
		}
		return nil
	})
}

// endSlotReaders ends who reads the database's slots; the slots themselves go with the database.
func endSlotReaders(ctx context.Context, conn *pgx.Conn, database string) error {
	_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
		WHERE database = $1 AND active_pid IS NOT NULL`, database)
	return err
}

func hasCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}

func (s *Server) withConn(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}
