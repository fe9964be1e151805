//go:build cgo

package warehouse

import (
	"context"
	"database/sql"
	"fmt"
)

// txn is one transaction of DuckDB on a connection of its own. It may write to one
// catalog at most, whose lock it then holds, so that no two writers ever conflict;
// readers see the catalogs as they were when they first looked.
type txn struct {
	ctx   context.Context
	conn  *sql.Conn
	write *catalog
	ended bool
}

// begin starts a transaction; c is what it will write to, or nil.
func (s *store) begin(ctx context.Context, c *catalog) (*txn, error) {
	if c != nil {
		select {
		case c.lock <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t := &txn{ctx: ctx, write: c}
	conn, err := s.db.Conn(ctx)
	if err == nil {
		t.conn = conn
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

func (t *txn) unlock() {
	if t.write != nil {
		<-t.write.lock
	}
}

// commit makes the transaction's changes durable and ends it.
func (t *txn) commit() error {
	if t.ended {
		return nil
	}
	if err := t.ctx.Err(); err != nil {
		t.rollback()
		return err
	}
	// Once the commit is sent it is not interrupted: its outcome would be unknown.
	_, err := t.conn.ExecContext(context.WithoutCancel(t.ctx), "COMMIT")
	if err != nil {
		t.rollback()
		return err
	}
	t.end()
	return nil
}

func (t *txn) rollback() {
	if t.ended {
		return
	}
	_, _ = t.conn.ExecContext(context.WithoutCancel(t.ctx), "ROLLBACK")
	t.end()
}

func (t *txn) end() {
	t.ended = true
	_ = t.conn.Close()
	t.unlock()
}

func (s *store) reading(ctx context.Context, f func(*txn) error) error {
	return s.transact(ctx, nil, f)
}

func (s *store) writing(ctx context.Context, c *catalog, f func(*txn) error) error {
	return s.transact(ctx, c, f)
}

func (s *store) transact(ctx context.Context, c *catalog, f func(*txn) error) error {
	t, err := s.begin(ctx, c)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer t.rollback()
	if err := f(t); err != nil {
		return err
	}
	return t.commit()
}

func (t *txn) exec(sql string, args ...any) error {
	_, err := t.conn.ExecContext(t.ctx, sql, args...)
	return err
}

// count runs a statement that answers with one number.
func (t *txn) count(sql string, args ...any) (int64, error) {
	var n int64
	err := t.conn.QueryRowContext(t.ctx, sql, args...).Scan(&n)
	return n, err
}
