package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// Claim takes the advisory lock of key on conn, shared with other claims, so
// that sessions that Yield to the key wait. It waits for a session that yields
// at this moment. The end of conn's session releases the claim at the latest.
func Claim(ctx context.Context, conn *pgx.Conn, key int32) (release func() error, err error) {
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock_shared($1, $2)`, int32(lockClass), key); err != nil {
		return nil, Error("claim the next place in the ledger", err)
	}
	return func() error {
		_, err := conn.Exec(ctx, `SELECT pg_advisory_unlock_shared($1, $2)`, int32(lockClass), key)
		return Error("give up the next place in the ledger", err)
	}, nil
}

// Yield waits until no session claims the key, but not longer than limit: a
// session that hangs must not stop others.
func Yield(ctx context.Context, conn *pgx.Conn, key int32, limit time.Duration) error {
	_, err := conn.PgConn().Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d; SELECT pg_advisory_xact_lock(%d, %d)`,
		max(limit.Milliseconds(), 1), lockClass, key)).ReadAll()
	if Code(err) == pgerrcode.LockNotAvailable {
		return nil
	}
	return Error("yield the next place in the ledger", err)
}
