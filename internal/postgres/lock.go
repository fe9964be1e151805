package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
)

// lockClass is the first key of all advisory locks of this tool.
const lockClass = 0x16e57

// Lock is a set of advisory locks in the source. Its own session holds them until Close. Its methods
// are safe for concurrent use.
type Lock struct {
	purposes []string
	keys     []int32
	limit    time.Duration // for an answer
	source   *Source

	mu   sync.Mutex
	conn *pgx.Conn
}

// LockKey derives a lock's second key from what it protects.
func LockKey(parts ...string) int32 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return int32(h.Sum32())
}

// ErrLockLost means that the session with the lock is gone, or does not answer. Nothing was written
// after that.
var ErrLockLost = errors.New("lost")

// ErrLockHeld means that another run holds a lock.
var ErrLockHeld = errors.New("another run holds the pipeline")

// TakeLock takes a lock without waiting. If another run holds it, the error is ErrLockHeld and names
// its session. If a session of this run holds it, that connection was lost and the server has not
// noticed: TakeLock ends that session.
func (s *Source) TakeLock(ctx context.Context, purpose string, key int32) (*Lock, error) {
	return s.TakeLocks(ctx, []string{purpose}, []int32{key})
}

// TakeLocks takes several locks without waiting, all or none.
func (s *Source) TakeLocks(ctx context.Context, purposes []string, keys []int32) (*Lock, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &Lock{purposes: purposes, keys: keys, limit: s.opt.StallAfter, source: s, conn: conn}
	limited, cancel := context.WithTimeout(ctx, l.limit+endLimit)
	defer cancel()
	if err := l.take(limited); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// ownSession is the condition on pg_stat_activity a for a session of this run: application_name
// contains the run's id.
const ownSession = `a.application_name = current_setting('application_name') AND a.usename = current_user`

func (l *Lock) take(ctx context.Context) error {
	for try := 1; ; try++ {
		holder, err := l.try(ctx)
		if err != nil || holder == nil {
			return err
		}
		if holder.pid == 0 && try < lockTries {
			continue
		}
		if !holder.own {
			e := failure.New(failure.Conflict, "%w for %s: %s", ErrLockHeld, holder.purpose, holder.who)
			if holder.pid == 0 {
				return e.WithHint("run the command again")
			}
			return e.WithHint("wait for it to end, or end it: SELECT pg_terminate_backend(%d);", holder.pid)
		}
		if err := l.source.Sessions(l.conn).End(ctx, holder.pid); err != nil {
			return err
		}
	}
}

// lockTries is how often a lock is tried if its holder is not visible: the holder's session ended
// between the two queries.
const lockTries = 10

// lockHolder is a session that holds one of the locks.
type lockHolder struct {
	purpose, who string
	pid          int32
	own          bool
}

// try takes the locks that are free, and returns who holds the first of the others.
func (l *Lock) try(ctx context.Context) (*lockHolder, error) {
	rows, err := l.conn.Query(ctx, `SELECT pg_try_advisory_lock($1, k) FROM unnest($2::int4[]) WITH ORDINALITY u(k, n) ORDER BY n`,
		int32(lockClass), l.keys)
	if err != nil {
		return nil, Error("lock for "+l.purposes[0], err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return nil, Error("lock for "+l.purposes[0], err)
	}
	i := slices.Index(got, false)
	if i < 0 {
		return nil, nil
	}
	h := &lockHolder{purpose: l.purposes[i], who: "a session that has just ended"}
	err = l.source.Text.reads(l.conn).QueryRow(ctx, `
		SELECT `+raw(`format('%s (pid %s%s, since %s)', coalesce(nullif(a.application_name, ''), a.usename), a.pid,
		              coalesce(', from ' || host(a.client_addr), ''), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'))`)+
		`, a.pid, coalesce(`+ownSession+`, false)
		FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND l.objid::bigint = $2
		  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, int64(lockClass), int64(uint32(l.keys[i]))).
		Scan(&h.who, &h.pid, &h.own)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, Error("lock for "+h.purpose, err)
	}
	return h, nil
}

// LockHolders explains an error of waiting for a table's lock: who holds which table, by pid and since
// when, and the SQL that ends those sessions. It returns "" for another error, or if there is no such
// session any more.
func (s *Source) LockHolders(ctx context.Context, err error) (who, end string) {
	if Code(err) != pgerrcode.LockNotAvailable {
		return "", ""
	}
	conn, err := s.Connect(ctx)
	if err != nil {
		return "", ""
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = s.Text.reads(conn).QueryRow(ctx, `
		SELECT `+raw("coalesce(string_agg(what, '; '), '')")+
		`, coalesce(string_agg(DISTINCT format('SELECT pg_terminate_backend(%s);', pid), ' '), '') FROM (
		  SELECT format('%s.%s is locked by pid %s (%s, %s, since %s)', n.nspname, c.relname, a.pid, a.usename,
		                coalesce(nullif(a.application_name, ''), 'no application name'),
		                coalesce(to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SSOF'), 'a time that is shown to members of pg_read_all_stats')) AS what, a.pid
		  FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
		  WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		    AND c.relkind IN ('r', 'p')
		    AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
		  ORDER BY a.xact_start, c.oid LIMIT 5) w`).Scan(&who, &end)
	if err != nil {
		return "", ""
	}
	return who, end
}

// Prove checks that the session still holds the locks.
func (l *Lock) Prove(ctx context.Context) error {
	return l.ask(ctx, func(ctx context.Context) error {
		var missing int
		err := l.conn.QueryRow(ctx, `
			SELECT count(*) FROM unnest($2::int4[]) u(k)
			WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
			                    AND classid::bigint = $1 AND objid::bigint = (k::bigint & 4294967295))`, int64(lockClass), l.keys).Scan(&missing)
		if err == nil && missing > 0 {
			err = fmt.Errorf("%d of %d locks are not held", missing, len(l.keys))
		}
		return err
	})
}

// Alive checks that the session answers. While it answers, it holds the locks. A server that is
// shutting down ends it before it ends streams. Alive cuts other sessions of the source that wait for
// a lost answer.
func (l *Lock) Alive(ctx context.Context) error {
	return l.ask(ctx, func(ctx context.Context) error {
		if err := l.conn.Ping(ctx); err != nil {
			return err
		}
		return l.source.cutWaiting(ctx, l.conn)
	})
}

// Beat writes a small message to the WAL. No publication sends it; the position moves past it. Any
// role may do that.
func (l *Lock) Beat(ctx context.Context) error {
	return l.ask(ctx, func(ctx context.Context) error {
		_, err := l.conn.Exec(ctx, `SELECT pg_logical_emit_message(false, 'ingest', '')`)
		return err
	})
}

// ask sends a query that the session answers at once. Without an answer, the locks count as lost.
func (l *Lock) ask(ctx context.Context, question func(context.Context) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	err := question(limited)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	return failure.New(failure.Conflict, "the lock for %s is %w: %w", l.purposes[0], ErrLockLost, plain(err)).
		WithHint("the session that held it was cut; nothing was written after it: run the command again")
}

// unlockLimit is how long Close waits for an answer.
const unlockLimit = 5 * time.Second

// Close releases the locks. A server ends a session some time after its client has left, and holds the
// locks until then. So Close releases them first, and the next run need not wait. If that fails, the
// end of the session releases them.
func (l *Lock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), unlockLimit)
	defer cancel()
	_, _ = l.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	return l.conn.Close(ctx)
}
