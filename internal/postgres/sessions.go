package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sessions are the sessions of the server that one of them is on.
type Sessions struct {
	source *Source
	conn   *pgx.Conn
}

// Sessions asks about sessions on one of them.
func (s *Source) Sessions(conn *pgx.Conn) *Sessions { return &Sessions{source: s, conn: conn} }

// LiveRuns lists the ids of the runs that hold a lock on this database, of any kind and pipeline. A run
// proves its lock before it appends an entry. So no entry will ever name what a run outside this list
// uploaded.
func (s *Sessions) LiveRuns(ctx context.Context) (map[string]bool, error) {
	rows, err := s.conn.Query(ctx, `
		SELECT DISTINCT substr(a.application_name, length($2) + 1)
		FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND starts_with(a.application_name, $2)
		  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, int64(lockClass), applicationPrefix)
	if err != nil {
		return nil, Error("look for running runs", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, Error("look for running runs", err)
	}
	live := map[string]bool{}
	for _, run := range runs {
		live[run] = true
	}
	return live, nil
}

// endLimit is how long End waits for the end of a session.
const endLimit = 5 * time.Second

// End ends a session of this role and waits for its end.
func (s *Sessions) End(ctx context.Context, pid int32) error {
	_, err := s.conn.Exec(ctx, `SELECT pg_terminate_backend($1, $2)`, pid, endLimit.Milliseconds())
	return Error(fmt.Sprintf("end this run's lost session, pid %d", pid), err)
}
