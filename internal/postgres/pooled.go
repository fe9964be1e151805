package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A pooler passes on few of the parameters of a session's start. PgBouncer refuses the others, or drops
// those in ignore_startup_parameters. For snapshots alone, the session gets them by SQL instead. That is
// right as long as it keeps its session of the server.

// passedOn are the parameters that every pooler passes on.
var passedOn = []string{"application_name", "client_encoding", "user", "database"}

// settle returns a session whose settings are in force, after the first attempt to connect. If they did
// not reach the server and snapshots are all that is read, it sends the settings by SQL from now on, and
// proves that the session is not shared.
func (s *Source) settle(ctx context.Context, conn *pgx.Conn, err error) (*pgx.Conn, error) {
	refused := Code(err) == pgerrcode.ProtocolViolation
	if err == nil {
		err = s.arrived(ctx, conn)
	}
	if err == nil || conn == nil && !refused || !s.opt.Alone {
		return settled(ctx, conn, err)
	}
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
	s.bySQL = map[string]string{}
	for name, value := range s.config.RuntimeParams {
		if !slices.Contains(passedOn, name) && name != "options" { // which only its author can do without
			s.bySQL[name] = value
			delete(s.config.RuntimeParams, name)
		}
	}
	if conn, err = s.Connect(ctx); err != nil {
		return nil, err
	}
	if err = s.arrived(ctx, conn); err == nil {
		err = s.unshared(ctx, conn)
	}
	return settled(ctx, conn, err)
}

// settled closes a session whose settings are not in force.
func settled(ctx context.Context, conn *pgx.Conn, err error) (*pgx.Conn, error) {
	if err != nil && conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		conn = nil
	}
	return conn, err
}

// settings are those that each session gets, by either way.
func (e *endpoint) settings() map[string]string {
	if e.bySQL != nil {
		return e.bySQL
	}
	return e.config.RuntimeParams
}

// send sets what a pooler does not pass on.
func (e *endpoint) send(ctx context.Context, session *pgconn.PgConn) error {
	if e.bySQL == nil {
		return nil
	}
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(e.bySQL)) {
		sets = append(sets, "set_config("+schema.QuotePostgresLiteral(name)+", "+schema.QuotePostgresLiteral(e.bySQL[name])+", false)")
	}
	_, err := session.Exec(ctx, "SELECT "+strings.Join(sets, ", ")).ReadAll()
	return Error("set the session's settings", err)
}

// unshared refuses a pooler that shares sessions of the server among its clients.
func (s *Source) unshared(ctx context.Context, conn *pgx.Conn) error {
	how, shared, err := s.Sessions(conn).Pooled(ctx)
	if err != nil || !shared {
		return err
	}
	return failure.New(failure.Source, "connect to %s as %s: a pooler that shares sessions is in between: %s: "+
		"locks, settings and snapshots of a run would belong to other sessions", s.Describe(), s.config.User, how).
		WithHint("%s", s.PoolerHint())
}

// PoolerHint is the remedy if a pooler is in the way.
func (e *endpoint) PoolerHint() string {
	if e.opt.Alone {
		return "let the pooler keep a session for each client (PgBouncer: pool_mode = session), or set the address of the server itself"
	}
	return PoolerHint
}
