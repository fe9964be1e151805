package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Snapshot is an exported snapshot of some tables. Its own session holds it open, together with the
// locks that keep the tables from being rewritten. Its methods are safe for concurrent use once it is
// open.
type Snapshot struct {
	source *Source
	mu     sync.Mutex // of conn
	conn   *pgx.Conn
	ID     string // for SET TRANSACTION SNAPSHOT
	// Visible has the snapshot's transaction ids. Fence is an insert LSN read after the snapshot was
	// taken.
	Visible schema.Snapshot
	Fence   pglogrepl.LSN
	Taken   time.Time
}

// OpenSnapshot locks the leaves of the relations against rewriting, takes a snapshot and exports it.
// It reads the leaves' block counts again inside the snapshot. If a relation changed its partitions
// since the catalog was read, it fails with ErrCatalogMoved.
func (s *Source) OpenSnapshot(ctx context.Context, relations []*Relation) (*Snapshot, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	snap := &Snapshot{source: s, conn: conn}
	if err := snap.open(ctx, relations); err != nil {
		_ = snap.Close()
		return nil, err
	}
	return snap, nil
}

func (p *Snapshot) open(ctx context.Context, relations []*Relation) error {
	if _, err := p.conn.PgConn().Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").ReadAll(); err != nil {
		return Error("open a snapshot", err)
	}
	for _, r := range relations {
		names := []schema.TableName{r.Name}
		for _, l := range r.Leaves {
			if l.OID != r.OID {
				names = append(names, l.Name)
			}
		}
		for _, n := range names {
			// Do this before the first SELECT, which takes the snapshot.
			if _, err := p.conn.PgConn().Exec(ctx, "LOCK TABLE ONLY "+n.SQL()+" IN ACCESS SHARE MODE").ReadAll(); err != nil {
				return lockError(r.Name, n, err)
			}
		}
	}
	var visible string
	err := p.conn.QueryRow(ctx, `SELECT pg_current_snapshot()::text, pg_export_snapshot(), clock_timestamp()`).Scan(&visible, &p.ID, &p.Taken)
	if err != nil {
		return Error("open a snapshot", err)
	}
	if p.Visible, err = schema.ParseSnapshot(visible); err != nil {
		return err
	}
	if p.Fence, _, err = p.source.WAL(p.conn).Positions(ctx); err != nil {
		return err
	}
	return p.measure(ctx, relations)
}

// LockError means that one table could not be locked: another session holds it, it is gone, or the
// role may not. Other tables may go on without it.
type LockError struct {
	Table schema.TableName // the relation, even if one of its partitions could not be locked
	Err   error
}

// Error is the cause's text, which names what could not be locked.
func (e *LockError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LockError) Unwrap() error { return e.Err }

func lockError(relation, locked schema.TableName, err error) error {
	wrapped := Error("lock "+locked.String(), err)
	switch Code(err) {
	case pgerrcode.LockNotAvailable, pgerrcode.UndefinedTable, pgerrcode.InsufficientPrivilege:
		return &LockError{Table: relation, Err: wrapped}
	}
	return wrapped
}

// measure reads the relations inside the snapshot and updates the leaves' sizes. It is an error if
// anything else changed since the catalog was read: the locks were taken by name, and the copy uses
// the columns.
func (p *Snapshot) measure(ctx context.Context, relations []*Relation) error {
	oids := make([]uint32, len(relations))
	for i, r := range relations {
		oids[i] = r.OID
	}
	list, err := p.source.Catalog(p.conn).relations(ctx, nil, oids, true)
	if err != nil {
		return err
	}
	now := make(map[uint32]*Relation, len(list))
	for i := range list {
		now[list[i].OID] = &list[i]
	}
	for _, r := range relations {
		if is := now[r.OID]; is == nil || !r.sameShape(is) {
			return fmt.Errorf("%w: %s", ErrCatalogMoved, r.Name)
		}
	}
	for _, r := range relations {
		for i, l := range now[r.OID].Leaves {
			r.Leaves[i].Blocks, r.Leaves[i].Bytes, r.Leaves[i].File = l.Blocks, l.Bytes, l.File
		}
	}
	return nil
}

// ErrCatalogMoved means that tables changed between reading the catalog and taking a snapshot. The
// caller reads the catalog again.
var ErrCatalogMoved = fmt.Errorf("the catalog changed meanwhile")

// Alive proves that the session with the snapshot and its locks still exists.
func (p *Snapshot) Alive(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.conn.Exec(ctx, "SELECT 1")
	return Error("hold the snapshot", err)
}

// FreeConnections is how many more sessions the source's role may open now: the limits of the server,
// the database and the role, less the open sessions. It counts every session that has a role, since an
// ordinary role sees no more than that about other roles' sessions.
func (p *Snapshot) FreeConnections(ctx context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int
	err := p.conn.QueryRow(ctx, `
		SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
		               - coalesce(current_setting('reserved_connections', true)::int, 0) - count(*),
		             (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()) - count(*) FILTER (WHERE datname = current_database()),
		             (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user) - count(*) FILTER (WHERE usename = current_user))
		FROM pg_stat_activity WHERE usename IS NOT NULL`).Scan(&n)
	return n, Error("count the source's free connections", err)
}

// Close ends the snapshot's session and with it the locks.
func (p *Snapshot) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.Close(context.Background())
}

// Join opens another session that sees the snapshot. The caller closes it.
func (p *Snapshot) Join(ctx context.Context) (*pgx.Conn, error) {
	conn, err := p.source.Connect(ctx)
	if err != nil {
		return nil, err
	}
	sql := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + schema.QuotePostgresLiteral(p.ID) +
		"; SET LOCAL row_security = off"
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		if Code(err) == pgerrcode.InvalidParameterValue { // invalid snapshot identifier
			if why := p.Alive(ctx); Code(why) == pgerrcode.SerializationFailure { // of a standby
				return nil, why
			}
			return nil, failure.New(failure.Source, "join the snapshot: the session that holds it is gone: %w", plain(err)).
				WithHint("the server or the network ended it; nothing of this snapshot is kept: run the command again")
		}
		return nil, Error("join the snapshot", err)
	}
	return conn, nil
}
