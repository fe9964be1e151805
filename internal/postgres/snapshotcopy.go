package postgres

import (
	"context"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/postgres/copybinary"
	"github.com/ingest-tool/ingest/internal/schema"
)

// CopyRange reads a range in a session that joined the snapshot. It calls row for each tuple, in heap
// order, on the caller's goroutine. fields alias a buffer that is valid during the call. They are in
// the source's Charset; nil is NULL.
func (p *Snapshot) CopyRange(ctx context.Context, conn *pgx.Conn, columns []schema.Column, filter string, r Range,
	row func(fields [][]byte) error) error {
	return p.read(ctx, conn, r.Leaf, func(conn *pgx.Conn) error {
		parser := copybinary.NewParser(len(columns), row)
		if _, err := conn.PgConn().CopyTo(ctx, parser, p.source.Text.raw(CopySQL(columns, filter, r))); err != nil {
			return Error("copy "+r.Leaf.String(), err)
		}
		return Error("copy "+r.Leaf.String(), parser.Close())
	})
}

// read calls do with a session that may read a table in the snapshot: the one that joined it, or the
// snapshot's own.
//
// A session that requests an exclusive lock on the table (TRUNCATE, VACUUM FULL, most of ALTER TABLE)
// waits for the snapshot's own session. A reader that queued behind it would wait forever: the server
// sees no deadlock, because the snapshot's session waits for nothing. So a reader never queues. If it
// cannot lock a table at once, the snapshot's session reads the table, because it has the lock. It
// does one read at a time.
func (p *Snapshot) read(ctx context.Context, conn *pgx.Conn, table schema.TableName, do func(*pgx.Conn) error) error {
	locked, err := lockAtOnce(ctx, conn, table)
	if err != nil {
		return err
	}
	if locked {
		return do(conn)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.conn.Exec(ctx, "SET LOCAL row_security = off"); err != nil {
		return Error("hold the snapshot", err)
	}
	return do(p.conn)
}

// lockAtOnce locks a table against rewriting until the transaction's end, or reports that it would
// have to wait.
func lockAtOnce(ctx context.Context, conn *pgx.Conn, table schema.TableName) (bool, error) {
	_, err := conn.PgConn().Exec(ctx,
		"SAVEPOINT unlocked; LOCK TABLE ONLY "+table.SQL()+" IN ACCESS SHARE MODE NOWAIT; RELEASE SAVEPOINT unlocked").ReadAll()
	if err == nil {
		return true, nil
	}
	if Code(err) != pgerrcode.LockNotAvailable {
		return false, Error("lock "+table.String(), err)
	}
	_, err = conn.PgConn().Exec(ctx, "ROLLBACK TO SAVEPOINT unlocked; RELEASE SAVEPOINT unlocked").ReadAll()
	return false, Error("lock "+table.String(), err)
}
