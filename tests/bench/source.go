//go:build cgo && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/pgserver"
)

const (
	database = "bench"
	catalog  = "bench"
	// pinned is the core that the server runs on.
	pinned = "0"
)

// settings make the server fast and steady: nothing is asked of the disk, and
// no background work comes in between.
var settings = map[string]string{
	"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
	"shared_buffers": "2GB", "max_wal_size": "64GB", "checkpoint_timeout": "1h", "jit": "off",
	"max_replication_slots": "100", "max_wal_senders": "20", "max_locks_per_transaction": "1024",
}

// source is the server that is measured, with a session on its database. One
// goroutine uses it.
type source struct {
	server *pgserver.Server
	tools  string // directory of psql and pg_recvlogical
	conn   *pgx.Conn
}

// open starts the server.
func (s *source) open(ctx context.Context) error {
	var err error
	if s.server, err = pgserver.Start(ctx, pgserver.Options{Settings: settings}); err != nil {
		return err
	}
	if s.tools, err = toolDir(ctx, s.server.Version()); err != nil {
		return err
	}
	if err := s.server.CreateDatabase(ctx, database); err != nil {
		return err
	}
	s.conn, err = pgx.Connect(ctx, s.url())
	return err
}

// close ends what open started.
func (s *source) close(ctx context.Context) error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close(ctx))
	}
	if s.server != nil {
		errs = append(errs, s.server.Stop(ctx))
	}
	return errors.Join(errs...)
}

func (s *source) url() string { return s.server.URL(database) }

// toolDir is where psql and pg_recvlogical of the server's version are.
func toolDir(ctx context.Context, version string) (string, error) {
	all, err := pgserver.Installed(ctx)
	if err != nil {
		return "", err
	}
	for _, i := range all {
		if i.Version == version {
			return i.BinDir, nil
		}
	}
	return "", fmt.Errorf("no psql of version %s on this machine: install the client's package", version)
}

// pin keeps the server's processes, those to come included, on one core.
func (s *source) pin(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "taskset", "--all-tasks", "--pid", "--cpu-list", pinned,
		strconv.Itoa(s.server.PID())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pin the server to a core: %w: %s", err, out)
	}
	return nil
}

// exec executes statements in the source.
func (s *source) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%.200s: %w", sql, err)
		}
	}
	return nil
}

// makeNarrow makes a table of 16 columns of mixed types, about 190 bytes a row
// as COPY BINARY.
func (s *source) makeNarrow(ctx context.Context, name string, rows int64) error {
	if err := s.exec(ctx,
		`CREATE TABLE `+name+` (id bigint, customer int, kind smallint, ref bigint, ratio double precision, score real, amount numeric(12,2),
			balance numeric(18,4), paid boolean, born date, at timestamp, changed timestamptz, code varchar(20), note text, country char(2), key uuid)`); err != nil {
		return err
	}
	const chunk = 10_000_000 // after which unneeded WAL is released
	for first := int64(1); first <= rows; first += chunk {
		if err := s.exec(ctx, fmt.Sprintf(
			`INSERT INTO %s SELECT i, i %% 100000, i %% 50, i::bigint * 7919, i / 7.0, i / 3.0, (i %% 1000000) / 100.0, i / 10000.0, i %% 3 = 0,
			date '2000-01-01' + (i %% 9000)::int, timestamp '2020-01-01' + i * interval '1 second', timestamptz '2020-01-01' + i * interval '1 second',
			'code ' || i %% 1000, 'note number ' || i, chr(65 + (i %% 26)::int) || 'X', md5(i::text)::uuid FROM generate_series(%d, %d) i`,
			name, first, min(first+chunk-1, rows)), `CHECKPOINT`); err != nil {
			return err
		}
	}
	return s.exec(ctx, `ALTER TABLE `+name+` ADD PRIMARY KEY (id)`, `VACUUM ANALYZE `+name)
}

// makeWide makes a table of texts and jsonb, about 1,300 bytes a row as COPY
// BINARY.
func (s *source) makeWide(ctx context.Context, name string, rows int64) error {
	const words = `(SELECT string_agg(md5((i * %d + j)::text), ' ') FROM generate_series(1, %d) j)`
	text := func(salt, n int) string { return fmt.Sprintf(words, salt, n) }
	return s.exec(ctx,
		`CREATE TABLE `+name+` (id bigint, title text, body text, comment text, tags text, attributes jsonb, payload jsonb)`,
		fmt.Sprintf(
			`INSERT INTO %s SELECT i, %s, %s, %s, 'tag' || i %% 100, jsonb_build_object('id', i, 'name', %s, 'size', i %% 50, 'open', i %% 2 = 0),
			jsonb_build_object('lines', jsonb_build_array(i, %s, i %% 1000), 'at', '2020-01-01', 'total', i / 4.0) FROM generate_series(1, %d) i`,
			name, text(3, 3), text(5, 12), text(7, 6), text(11, 3), text(13, 6), rows),
		`ALTER TABLE `+name+` ADD PRIMARY KEY (id)`, `VACUUM ANALYZE `+name)
}

// changeTable is what changes are made of.
const changeTable = `CREATE TABLE IF NOT EXISTS change (id bigint PRIMARY KEY, customer int, amount numeric(12,2), at timestamptz, note text)`

// smallTransactions commits n transactions of four changes each.
func (s *source) smallTransactions(ctx context.Context, n int64) error {
	return s.exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		INSERT INTO change VALUES (2 * i, i %% 1000, i / 100.0, now(), 'change ' || i), (2 * i + 1, i %% 1000, i / 50.0, now(), 'other ' || i);
		UPDATE change SET amount = amount + 1 WHERE id = 2 * i;
		DELETE FROM change WHERE id = 2 * i + 1;
		COMMIT; END LOOP; END $$`, n))
}

// bulkTransactions commits three transactions: n rows inserted, all of them
// updated, half of them deleted.
func (s *source) bulkTransactions(ctx context.Context, n int64) error {
	return s.exec(ctx,
		fmt.Sprintf(`INSERT INTO change SELECT i, i %% 1000, i / 100.0, now(), 'change ' || i FROM generate_series(1, %d) i`, n),
		`UPDATE change SET amount = amount + 1, note = note || '!'`, `DELETE FROM change WHERE id % 2 = 0`)
}

// acknowledged waits until a slot has passed a position.
func (s *source) acknowledged(ctx context.Context, slot, lsn string) error {
	return s.becomes(ctx, "slot "+slot+" did not reach "+lsn,
		`SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1`, slot, lsn)
}

// streamed waits until a slot is read by a stream.
func (s *source) streamed(ctx context.Context, slot string) error {
	return s.becomes(ctx, "slot "+slot+" was not streamed", `SELECT active FROM pg_replication_slots WHERE slot_name = $1`, slot)
}

// becomes waits until a question is answered by true.
func (s *source) becomes(ctx context.Context, not, question string, args ...any) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(10 * time.Minute)
	defer limit.Stop()
	for {
		var there bool
		if err := s.conn.QueryRow(ctx, question, args...).Scan(&there); err != nil {
			return err
		}
		if there {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return fmt.Errorf("%s in ten minutes", not)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
