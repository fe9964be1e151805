//go:build cgo && unix

package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// application changes the source on several sessions, also while the server fails: savepoints, two-phase and asynchronous
// commits, truncates, changes of keys, DDL, and changes of the publication inside open transactions.
type application struct {
	t           *testing.T
	url         string
	publication string
	stop        context.CancelFunc
	done        context.Context
	wg          sync.WaitGroup
	// gate is held for reading while a transaction goes on, and for writing
	// while nothing may change.
	gate         sync.RWMutex
	transactions atomic.Int64
	prepared     atomic.Int64
	schema       atomic.Int64 // changes of the schema that were committed

	mu      sync.Mutex
	late    []string // tables that were made meanwhile
	made    int      // tables that were tried to make
	columns int      // that were added
	nextDDL time.Time
}

// Limits of what accumulates: a table has at most 1,600 columns in its life.
const (
	maxLate    = 8
	maxColumns = 200
	ddlEvery   = 1500 * time.Millisecond
)

// newApplication starts sessions that write.
func newApplication(t *testing.T, url, publication string, sessions int, seed uint64) *application {
	a := &application{t: t, url: url, publication: publication}
	a.done, a.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	for i := range sessions {
		s := &session{a: a, number: i, rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		a.wg.Go(s.work)
	}
	t.Cleanup(a.end)
	return a
}

// end stops the sessions and waits for them.
func (a *application) end() {
	a.stop()
	a.wg.Wait()
}

// tables are those that the application writes to.
func (a *application) tables() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{"item", "event"}, a.late...)
}

// ddl reports whether it is time for a change of the schema.
func (a *application) ddl() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.nextDDL) {
		return false
	}
	a.nextDDL = time.Now().Add(ddlEvery)
	return true
}

// session is one of the application's; one goroutine works on it.
type session struct {
	a      *application
	number int
	rnd    *rand.Rand
	conn   *pgx.Conn
	gid    string // of a transaction that is prepared still
	n      int
}

func (s *session) work() {
	tick := time.NewTicker(2 * pace)
	defer tick.Stop()
	defer s.close()
	for {
		select {
		case <-s.a.done.Done():
			return
		case <-tick.C:
		}
		s.a.gate.RLock()
		err := s.turn()
		s.a.gate.RUnlock()
		if err != nil && !expected(err) {
			s.a.t.Errorf("the application: %v", err)
			return
		}
		if s.conn != nil && (s.conn.IsClosed() || err != nil && !refused(err)) {
			s.close()
		}
	}
}

func (s *session) close() {
	if s.conn != nil {
		_ = s.conn.Close(context.Background())
		s.conn = nil
	}
}

// refused reports whether the server refused a statement because of concurrency: locks, deadlocks, a key that another session
// inserted.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"55P03", "40P01", "23505", "42704", "42P01", "42710", "42703"}, pg.Code)
}

// expected reports whether an error comes from concurrency, or from a server that stops, is stopped or starts.
func expected(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused(err) || slices.Contains([]string{"57P01", "57P02", "57P03"}, pg.Code)
	}
	return true // the connection broke
}

// turn makes one transaction.
func (s *session) turn() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.a.done), waitLimit)
	defer cancel()
	if s.conn == nil {
		var err error
		if s.conn, err = pgx.Connect(ctx, s.a.url); err != nil {
			s.conn = nil
			return err
		}
		if _, err := s.conn.Exec(ctx, "SET lock_timeout = '100ms'"); err != nil {
			return err
		}
	}
	if s.gid != "" {
		end := []string{"COMMIT", "ROLLBACK"}[s.rnd.IntN(2)]
		if _, err := s.conn.Exec(ctx, end+" PREPARED '"+s.gid+"'"); err != nil && !refused(err) {
			return err
		}
		s.gid = "" // ended, or lost with the server
	}
	if err := s.transaction(ctx); err != nil {
		_, again := s.conn.Exec(ctx, "ROLLBACK")
		return errors.Join(err, again)
	}
	s.a.transactions.Add(1)
	return nil
}

func (s *session) transaction(ctx context.Context) error {
	s.n++
	begin := "BEGIN"
	if s.rnd.IntN(3) == 0 {
		begin += "; SET LOCAL synchronous_commit = off"
	}
	if _, err := s.conn.Exec(ctx, begin, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	ddl := s.a.ddl()
	made := func() {}
	for i := range 1 + s.rnd.IntN(4) {
		sqls := []string{s.change()}
		switch {
		case ddl && i == 0:
			var sql string
			sql, made = s.schemaChange()
			sqls = append(sqls, sql)
		case s.rnd.IntN(5) == 0:
			sqls = []string{"SAVEPOINT s", sqls[0], s.change(), []string{"ROLLBACK TO s", "RELEASE s"}[s.rnd.IntN(2)]}
		}
		for _, sql := range sqls {
			if _, err := s.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
	}
	return s.commit(ctx, made)
}

// commit ends the transaction in one of the ways that there are. made is called
// when its change of the schema is committed.
func (s *session) commit(ctx context.Context, made func()) error {
	switch s.rnd.IntN(14) {
	case 0:
		_, err := s.conn.Exec(ctx, "ROLLBACK")
		return err
	case 1, 2:
		gid := fmt.Sprintf("%s-%d-%d", s.a.publication, s.number, s.n)
		if _, err := s.conn.Exec(ctx, "PREPARE TRANSACTION '"+gid+"'"); err != nil {
			return err
		}
		s.a.prepared.Add(1)
		s.gid = gid // for the next turn
		return nil
	}
	if _, err := s.conn.Exec(ctx, "COMMIT"); err != nil {
		return err
	}
	made()
	return nil
}

// change is a statement for one of the tables.
func (s *session) change() string {
	if late := s.a.tables()[2:]; len(late) > 0 && s.rnd.IntN(4) == 0 {
		table, id, n := late[s.rnd.IntN(len(late))], s.rnd.IntN(200), s.rnd.IntN(1_000_000)
		switch s.rnd.IntN(4) {
		case 0:
			return fmt.Sprintf(`DELETE FROM %s WHERE id = %d`, table, id)
		case 1:
			return fmt.Sprintf(`UPDATE %s SET id = id + 1000, text = 'moved %d' WHERE id = %d`, table, n, id)
		}
		return fmt.Sprintf(`INSERT INTO %s VALUES (%d, 'late %d') ON CONFLICT (id) DO UPDATE SET text = excluded.text`, table, id, n)
	}
	return change(s.rnd)
}

// schemaChange is DDL or a change of the publication, and what to note when it
// is committed.
func (s *session) schemaChange() (sql string, made func()) {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	switch n := s.rnd.IntN(4); {
	case n == 0 && s.a.made < maxLate:
		s.a.made++
		late := fmt.Sprintf("late%d", s.a.made)
		return fmt.Sprintf(`CREATE TABLE %s (id bigint PRIMARY KEY, text text)`, late), func() {
			s.a.schema.Add(1)
			s.a.mu.Lock()
			defer s.a.mu.Unlock()
			s.a.late = append(s.a.late, late)
		}
	case n == 1 && len(s.a.late) > 0:
		// Someone publishes a table that no run has loaded yet.
		return fmt.Sprintf(`ALTER PUBLICATION %s ADD TABLE %s`, s.a.publication, s.a.late[s.rnd.IntN(len(s.a.late))]),
			func() { s.a.schema.Add(1) }
	case n == 2 && s.a.columns < maxColumns:
		s.a.columns++
		return fmt.Sprintf(`ALTER TABLE event ADD COLUMN extra%d text`, s.a.columns), func() { s.a.schema.Add(1) }
	}
	return fmt.Sprintf(`ALTER TABLE event DROP COLUMN IF EXISTS extra%d`, 1+s.rnd.IntN(max(1, s.a.columns))), func() { s.a.schema.Add(1) }
}

// quiet stops the application between two transactions, ends prepared transactions, and calls do.
func (a *application) quiet(do func()) {
	a.t.Helper()
	a.gate.Lock()
	defer a.gate.Unlock()
	ctx := a.t.Context()
	conn, err := pgx.Connect(ctx, a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database()`)
	if err != nil {
		a.t.Fatal(err)
	}
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		a.t.Fatal(err)
	}
	for _, gid := range gids {
		if _, err := conn.Exec(ctx, "COMMIT PREPARED "+gid); err != nil {
			a.t.Fatal(err)
		}
	}
	do()
}
