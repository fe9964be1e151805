package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Limit is how many sessions of a kind are allowed, and how many there are.
type Limit struct {
	What  string // owner of the limit
	Most  int
	Taken int
	Raise string // the SQL that raises it
}

// Free is how many more sessions are allowed.
func (l Limit) Free() int { return l.Most - l.Taken }

// Capacity are the limits that apply to a run's sessions.
type Capacity struct {
	Sessions []Limit // of the server, the database and the role, if they have one
	Senders  Limit   // sessions that speak the replication protocol
}

// Capacity reads the limits. It counts this run's own sessions as free: they end before the next run
// begins. A role with few rights sees only that other roles' sessions exist.
func (s *Sessions) Capacity(ctx context.Context) (*Capacity, error) {
	var most, taken, database, inDatabase, role, ofRole, senders, sending int
	err := s.conn.QueryRow(ctx, `
		SELECT current_setting('max_connections')::int - CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
		         + coalesce(current_setting('reserved_connections', true)::int, 0) END,
		       a.n, d.datconnlimit, a.in_database, r.rolconnlimit, a.of_role, current_setting('max_wal_senders')::int,
			(SELECT count(*) FROM pg_stat_get_wal_senders())
		FROM pg_roles r, pg_database d,
		     (SELECT count(*) AS n, count(*) FILTER (WHERE datname = current_database()) AS in_database, count(*) FILTER (WHERE usename = current_user) AS of_role
		      FROM pg_stat_activity WHERE usename IS NOT NULL AND application_name IS DISTINCT FROM current_setting('application_name')) a
		WHERE r.rolname = current_user AND d.datname = current_database()`).
		Scan(&most, &taken, &database, &inDatabase, &role, &ofRole, &senders, &sending)
	if err != nil {
		return nil, Error("read the limits of connections", err)
	}
	c := &Capacity{
		Sessions: []Limit{{"the server (max_connections)", most, taken, "raise max_connections and restart the server"}},
		Senders:  Limit{"max_wal_senders", senders, sending, "raise max_wal_senders and restart the server"},
	}
	if s.source.Facts.Superuser { // the other limits do not apply to superusers
		return c, nil
	}
	if database >= 0 {
		c.Sessions = append(c.Sessions,
			Limit{"database " + s.source.Facts.Database, database, inDatabase, fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT -1;",
				schema.QuotePostgres(s.source.Facts.Database))})
	}
	if role >= 0 {
		c.Sessions = append(c.Sessions, Limit{"role " + s.source.Facts.User, role, ofRole, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT -1;",
			schema.QuotePostgres(s.source.Facts.User))})
	}
	return c, nil
}

// arrived refuses a session whose settings did not reach the server. A pooler kept the settings. It
// would return text in other forms, or would let a lock be released by another session.
func (e *endpoint) arrived(ctx context.Context, conn *pgx.Conn) error {
	var sent []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(e.config.RuntimeParams)), slices.Collect(maps.Keys(e.bySQL))) {
		if name != "client_encoding" && name != "application_name" && name != "options" {
			sent = append(sent, schema.QuotePostgresLiteral(strings.ToLower(name)))
		}
	}
	slices.Sort(sent)
	from := "'client'"
	if e.bySQL != nil {
		from += ", 'session'"
	}
	// In one message: poolers that share sessions lose prepared statements.
	results, err := conn.PgConn().Exec(ctx, `SELECT name FROM pg_settings WHERE source NOT IN (`+from+`) AND lower(name) IN (`+
		strings.Join(sent, ", ")+`) ORDER BY name`).ReadAll()
	if err != nil {
		return Error("read the session's settings", err)
	}
	var lost []string
	for _, row := range results[0].Rows {
		lost = append(lost, string(row[0]))
	}
	if len(lost) == 0 {
		return nil
	}
	return failure.New(failure.Source,
		"connect to %s as %s: settings of the session did not reach the server (%s): a pooler is in between", e.Describe(),
		e.config.User, strings.Join(lost[:min(len(lost), 3)], ", ")).
		WithHint("%s", PoolerHint)
}

// Pooled reports how a pooler in front of the server shows itself; "" if there is none. shared means
// that several clients share a server session: locks, settings and snapshots pass to the next client.
func (s *Sessions) Pooled(ctx context.Context) (how string, shared bool, err error) {
	pid := func(conn *pgx.Conn) (pid uint32, err error) {
		err = conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid)
		return pid, Error("ask for the session's number", err)
	}
	first, err := pid(s.conn)
	if err != nil {
		return "", false, err
	}
	// Another busy session takes a shared server session away.
	other, err := s.source.Connect(ctx)
	if err != nil {
		return "", false, err
	}
	defer other.Close(context.WithoutCancel(ctx))
	tx, err := other.Begin(ctx)
	if err != nil {
		return "", false, Error("begin a transaction", err)
	}
	if _, err := pid(other); err != nil {
		return "", false, err
	}
	second, err := pid(s.conn)
	if err != nil {
		return "", false, err
	}
	if err := tx.Rollback(ctx); err != nil {
		return "", false, Error("end a transaction", err)
	}
	switch {
	case first != second:
		return fmt.Sprintf("one session was two on the server, pid %d and pid %d", first, second), true, nil
	case first != s.conn.PgConn().PID():
		return fmt.Sprintf("the session has pid %d on the server, but it announced pid %d", first, s.conn.PgConn().PID()), false, nil
	}
	return "", false, nil
}

// notReplication explains the error of a replication command that was taken for SQL: a pooler dropped the
// parameter that requests the replication protocol.
func notReplication(doing string, err error) error {
	var known *failure.Error
	wrapped := Error(doing, err)
	if Code(err) == pgerrcode.SyntaxError && errors.As(wrapped, &known) {
		known.Hint = PoolerHint
	}
	return wrapped
}

// Tightest is the limit that leaves the fewest sessions.
func (c *Capacity) Tightest() Limit {
	return slices.MinFunc(c.Sessions, func(a, b Limit) int { return a.Free() - b.Free() })
}
