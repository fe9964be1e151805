package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// endpoint is the address of a server, with what it takes to open sessions there.
type endpoint struct {
	opt    Options
	config *pgx.ConnConfig
	// passwords come from a command; nil: config has the password.
	passwords *passwords
	links     links
	// bySQL are settings that a session gets after its start, because a pooler does not pass them on;
	// nil: all are in config.
	bySQL map[string]string
	// opened means that a server has answered and its Facts are known: another one may answer from now
	// on.
	opened bool
}

// StallAfter is the value of Options, or the default.
func (e *endpoint) StallAfter() time.Duration { return e.opt.StallAfter }

// Describe names the source for people: host, port and database, no secret.
func (e *endpoint) Describe() string {
	return fmt.Sprintf("%s:%d/%s", e.config.Host, e.config.Port, e.config.Database)
}

// ClearPassword returns the address to which the password may be sent without encryption; "" if there
// is none, or if there is no password.
func (e *endpoint) ClearPassword() string {
	if e.config.Password == "" && e.passwords == nil {
		return ""
	}
	return clearAt(e.config)
}

// connect opens a session. If a password of the command that was used before is refused, it may have
// expired: connect asks for another one.
func connect[C any](ctx context.Context, e *endpoint, config *pgx.ConnConfig,
	dial func(context.Context, *pgx.ConnConfig) (C, error)) (C, error) {
	var none C
	newest := e.linked(config)
	for {
		reused := false
		if e.passwords != nil {
			var err error
			if config.Password, reused, err = e.passwords.password(ctx); err != nil {
				return none, fmt.Errorf("connect to %s as %s: %w", e.Describe(), config.User, err)
			}
		}
		conn, err := dial(ctx, config)
		if err == nil {
			newest().pid.Store(sessionOf(conn).PID())
			return conn, nil
		}
		refused := Code(err) == pgerrcode.InvalidPassword || Code(err) == pgerrcode.InvalidAuthorizationSpecification
		if e.passwords != nil && refused {
			e.passwords.forget(config.Password)
		}
		if !refused || !reused {
			return none, e.connectError(err)
		}
	}
}

// sessionOf is the common part of the two kinds of sessions.
func sessionOf(conn any) *pgconn.PgConn {
	if c, ok := conn.(*pgx.Conn); ok {
		return c.PgConn()
	}
	return conn.(*pgconn.PgConn)
}
