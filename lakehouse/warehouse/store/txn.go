//go:build cgo

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Txn is one transaction of DuckDB on a connection of its own. It may write to one
// catalog at most, whose lock it then holds, so that no two writers ever conflict;
// readers see the catalogs as they were when they first looked.
type Txn struct {
	Ctx       context.Context
	Conn      *sql.Conn
	write     *Catalog
	ended     bool
	variables []string // of the connection, which Living has set
}

// Begin starts a transaction; c is what it will write to, or nil.
func (s *Store) Begin(ctx context.Context, c *Catalog) (*Txn, error) {
	if c != nil {
		select {
		case c.lock <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t := &Txn{Ctx: ctx, write: c}
	conn, err := s.db.Conn(ctx)
	if err == nil {
		t.Conn = conn
		// Not under ctx: if that ended now, the connection would go back to the
		// pool with the transaction open.
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "BEGIN TRANSACTION")
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		t.unlock()
		return nil, err
	}
	return t, nil
}

func (t *Txn) unlock() {
	if t.write != nil {
		<-t.write.lock
	}
}

// commit makes the transaction's changes durable and ends it.
func (t *Txn) commit() error {
	if t.ended {
		return nil
	}
	if err := t.Ctx.Err(); err != nil {
		t.Rollback()
		return err
	}
	// Once the commit is sent it is not interrupted: its outcome would be unknown.
	_, err := t.Conn.ExecContext(context.WithoutCancel(t.Ctx), "COMMIT")
	if err != nil {
		t.Rollback()
		return err
	}
	t.end()
	return nil
}

// Rollback undoes the transaction's changes, unless it is over.
func (t *Txn) Rollback() {
	if t.ended {
		return
	}
	_, _ = t.Conn.ExecContext(context.WithoutCancel(t.Ctx), "ROLLBACK")
	t.end()
}

func (t *Txn) end() {
	t.ended = true
	for _, name := range t.variables {
		_, _ = t.Conn.ExecContext(context.WithoutCancel(t.Ctx), "RESET VARIABLE "+sparksql.QuoteDuckDB(name))
	}
	_ = t.Conn.Close()
	t.unlock()
}

// Read runs f in a transaction that writes nothing.
func (s *Store) Read(ctx context.Context, f func(*Txn) error) error {
	return s.transact(ctx, nil, f)
}

// Write runs f in a transaction that writes to a catalog, and commits it unless f fails.
func (s *Store) Write(ctx context.Context, c *Catalog, f func(*Txn) error) error {
	return s.transact(ctx, c, f)
}

func (s *Store) transact(ctx context.Context, c *Catalog, f func(*Txn) error) error {
	t, err := s.Begin(ctx, c)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer t.Rollback()
	if err := f(t); err != nil {
		return err
	}
	return t.commit()
}

// Exec runs a statement without an answer.
func (t *Txn) Exec(sql string, args ...any) error {
	_, err := t.Conn.ExecContext(t.Ctx, sql, args...)
	return err
}

// Number runs a statement that answers with one number.
func (t *Txn) Number(sql string, args ...any) (int64, error) {
	var n int64
	err := t.Conn.QueryRowContext(t.Ctx, sql, args...).Scan(&n)
	return n, err
}
