package postgres

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/postgres/value"
)

// MinServerVersion is the oldest supported server_version_num: ctid ranges and version 2 of pgoutput's
// protocol came with 14.
const MinServerVersion = 140000

// Options are what Open needs.
type Options struct {
	// URL is a connection string; empty means the PG* environment.
	URL string
	// PasswordCommand is a program with its arguments that prints the password of each new session. If
	// it is empty, the password is in the URL or in ~/.pgpass.
	PasswordCommand []string
	// Dial makes the connections, for instance through a tunnel, and resolves host names; nil: the
	// operating system.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Run  string // id of this run, shown in application_name
	// LockTimeout bounds the wait for a table's lock.
	LockTimeout time.Duration
	// DecodingWorkMem is logical_decoding_work_mem for the sessions that decode; empty keeps the
	// server's value.
	DecodingWorkMem string
	// StallAfter is how long a stream may be silent before the server is asked for a reply. It also
	// bounds the wait for that reply, and for an answer to a short query on a session that must be
	// alive. 0: a minute.
	StallAfter time.Duration
	Log        *slog.Logger
	// Alone means that snapshots are all that is read. Any server will do then, also a standby, and
	// sessions may go through a pooler that keeps one of the server's for each of them.
	Alone bool

	standby bool // it is opened by OpenStandby
}

// applicationPrefix comes before the run's id in application_name.
const applicationPrefix = "ingest "

// Source is a PostgreSQL database that changes are read from. It holds no connection. Its methods are
// safe for concurrent use. What is asked on a session has types of its own: Catalog, Slots, WAL,
// Transactions and Sessions.
type Source struct {
	endpoint
	Facts Facts
	Text  Text
	// primary is the source that this one is a standby of; else nil.
	primary *Source
}

// Facts are what a server reports about itself when it is opened. After a failover, another server may
// answer at the same address. Ask asks again, and Identify updates system, timeline and history.
// Version, Encoding and BlockSize belong to the cluster and stay the same while System does. Whether
// the server is in recovery is asked on the current session.
type Facts struct {
	Version     int // server_version_num
	VersionStr  string
	Database    string
	DatabaseOID uint32
	User        string
	System      string // system identifier
	Timeline    int32
	// Ended is where the earlier timelines of this server's history ended, by their ids: a failover or
	// a restore begins a new timeline.
	Ended        map[int32]pglogrepl.LSN
	WALLevel     string
	Encoding     string // server_encoding
	Standby      bool   // in recovery
	Superuser    bool
	MayReplicate bool
	BlockSize    int64
	// OldSnapshots is old_snapshot_threshold, after which the server refuses to read with a snapshot;
	// empty if there is no such limit.
	OldSnapshots string
}

// Open connects once, asks the server for its Facts and closes the connection.
func Open(ctx context.Context, o Options) (*Source, error) {
	config, err := parseConfig(o.URL)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	if o.StallAfter <= 0 {
		o.StallAfter = time.Minute
	}
	config.RuntimeParams["application_name"] = applicationPrefix + o.Run
	for _, s := range value.SessionSettings() {
		config.RuntimeParams[s.Name] = s.Value
	}
	maps.Copy(config.RuntimeParams, sessionDefaults(o.LockTimeout))
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 15 * time.Second
	}
	config.DialFunc = (&net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: keepAlive}).DialContext
	if o.Dial != nil {
		config.DialFunc = o.Dial
		config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	s := &Source{endpoint: endpoint{opt: o, config: config}}
	if len(o.PasswordCommand) > 0 {
		s.passwords = &passwords{command: o.PasswordCommand, timeout: passwordTimeout}
	}
	conn, err := s.Connect(ctx)
	if Code(err) == pgerrcode.FeatureNotSupported { // the server has no conversion from its encoding to UTF-8
		config.RuntimeParams["client_encoding"] = "SQL_ASCII"
		conn, err = s.Connect(ctx)
	}
	if conn, err = s.settle(ctx, conn, err); err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if s.Facts, err = s.Ask(ctx, conn); err != nil {
		return nil, err
	}
	if s.Facts.Version < MinServerVersion {
		return nil, failure.New(failure.Source, "PostgreSQL %s is too old: 14 or newer is needed", s.Facts.VersionStr)
	}
	s.opened = true
	config.RuntimeParams["client_encoding"] = value.ClientEncoding(s.Facts.Encoding)
	if s.Text, err = newText(s.Facts.Encoding); err != nil {
		return nil, err
	}
	if s.Facts.Version >= 170000 {
		s.settings()["transaction_timeout"] = "0"
	}
	return s, nil
}

// keepAlive detects within a minute that a peer is gone without a word. It also keeps network devices
// from dropping the idle connection of a lock.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// sessionDefaults override what a role or database has set for its applications (ALTER ROLE … SET
// statement_timeout). Such settings could end sessions that read for hours, or that hold a lock while
// others work. They could refuse a transaction id or a publication. They could change the isolation of
// transactions or the syntax of literals. This program's own setting bounds the wait for a table's
// lock.
func sessionDefaults(lock time.Duration) map[string]string {
	return map[string]string{
		"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
		"lock_timeout":                  strconv.FormatInt(lock.Milliseconds(), 10),
		"default_transaction_read_only": "off", "default_transaction_isolation": "read committed",
		"standard_conforming_strings": "on",
	}
}

// Connect opens a session and sets everything that text output depends on. The caller closes it.
func (s *Source) Connect(ctx context.Context) (*pgx.Conn, error) {
	return open(ctx, s, s.config.Copy(), pgx.ConnectConfig)
}

// open opens a session, and refuses it if the server's role has changed.
func open[C any](ctx context.Context, s *Source, config *pgx.ConnConfig,
	dial func(context.Context, *pgx.ConnConfig) (C, error)) (C, error) {
	var none C
	conn, err := connect(ctx, &s.endpoint, config, dial)
	if err != nil {
		return none, err
	}
	if err = s.send(ctx, sessionOf(conn)); err == nil {
		err = s.checkRole(sessionOf(conn))
	}
	if err != nil {
		_ = sessionOf(conn).Close(context.WithoutCancel(ctx))
		return none, err
	}
	return conn, nil
}

// connectReplication opens a session that speaks the replication protocol, with its own
// client_encoding; "" means that of other sessions.
func (s *Source) connectReplication(ctx context.Context, encoding string) (*pgconn.PgConn, error) {
	config := s.config.Copy()
	if encoding != "" {
		config.RuntimeParams["client_encoding"] = encoding
	}
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["lock_timeout"] = "0" // decoding waits for transactions as for locks
	// The server sends a keepalive after half of this at the latest, whatever its own setting.
	config.RuntimeParams["wal_sender_timeout"] = "60s"
	if s.opt.DecodingWorkMem != "" {
		config.RuntimeParams["logical_decoding_work_mem"] = s.opt.DecodingWorkMem
	}
	return open(ctx, s, config, func(ctx context.Context, config *pgx.ConnConfig) (*pgconn.PgConn, error) {
		return pgconn.ConnectConfig(ctx, &config.Config)
	})
}

// mayReplicate is the condition that the role r of pg_roles may read a slot. The others are roles of
// managed services.
const mayReplicate = `r.rolreplication OR r.rolsuper
		         OR EXISTS (SELECT FROM pg_roles m WHERE m.rolname IN ('` + rdsReplication + `', 'azure_pg_admin', 'cloudsqlsuperuser') AND pg_has_role(r.oid, m.oid, 'member'))`

// Ask asks the server of a session about itself. System, Timeline and Ended are the last ones that
// Identify found.
func (s *Source) Ask(ctx context.Context, conn *pgx.Conn) (Facts, error) {
	f := s.Facts
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database(), (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()), current_user,
		       current_setting('wal_level'), current_setting('server_encoding'), pg_is_in_recovery(),
		       r.rolsuper, `+mayReplicate+`,
		       current_setting('block_size')::bigint, coalesce(nullif(current_setting('old_snapshot_threshold', true), '-1'), '')
		FROM pg_roles r WHERE r.rolname = current_user`).
		Scan(&f.Version, &f.VersionStr, &f.Database, &f.DatabaseOID, &f.User, &f.WALLevel, &f.Encoding, &f.Standby, &f.Superuser, &f.MayReplicate,
			&f.BlockSize, &f.OldSnapshots)
	return f, Error("ask the server about itself", err)
}

// Identify asks for the system identifier, the timeline and its history over the replication protocol,
// and stores them in Facts.
func (s *Source) Identify(ctx context.Context) error {
	conn, err := s.connectReplication(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	id, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return notReplication("identify the system", err)
	}
	s.Facts.System, s.Facts.Timeline, s.Facts.Ended = id.SystemID, id.Timeline, nil
	if id.Timeline == 1 {
		return nil // it has no history
	}
	history, err := pglogrepl.TimelineHistory(ctx, conn, id.Timeline)
	if err != nil {
		return Error("read the timeline's history", err)
	}
	s.Facts.Ended, err = parseHistory(string(history.Content))
	return err
}

// System is the cluster's system identifier, "" if the role may not read it. Any role can read it on
// an ordinary session, unless that right was revoked.
func (s *Source) System(ctx context.Context, conn *pgx.Conn) (string, error) {
	var id int64
	err := conn.QueryRow(ctx, `SELECT system_identifier FROM pg_control_system()`).Scan(&id)
	switch {
	case err == nil:
		return strconv.FormatUint(uint64(id), 10), nil
	case Code(err) != pgerrcode.InsufficientPrivilege:
		return "", Error("ask for the system identifier", err)
	case !s.Facts.MayReplicate, s.opt.Alone:
		return "", nil
	}
	err = s.Identify(ctx)
	return s.Facts.System, err
}

// Recognize is Identify on an ordinary session, for any role and through a pooler. It leaves empty what
// the role may not read, and the timeline's history.
func (s *Source) Recognize(ctx context.Context, conn *pgx.Conn) error {
	var id int64
	var timeline int32
	err := conn.QueryRow(ctx, `SELECT s.system_identifier, c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c`).
		Scan(&id, &timeline)
	s.Facts.System, s.Facts.Timeline, s.Facts.Ended = "", 0, nil
	if Code(err) == pgerrcode.InsufficientPrivilege {
		return nil
	}
	if err == nil {
		s.Facts.System, s.Facts.Timeline = strconv.FormatUint(uint64(id), 10), timeline
	}
	return Error("ask for the system identifier", err)
}

// parseHistory reads a timeline's history file: a line for each older timeline with its id, the LSN
// where it ended and the reason. See "Timelines" in the manual.
func parseHistory(content string) (map[int32]pglogrepl.LSN, error) {
	ended := map[int32]pglogrepl.LSN{}
	for line := range strings.SplitSeq(content, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return nil, failure.New(failure.Source, "read the timeline's history: line %q", line)
		}
		id, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil {
			return nil, failure.New(failure.Source, "read the timeline's history: line %q: %w", line, err)
		}
		at, err := pglogrepl.ParseLSN(fields[1])
		if err != nil {
			return nil, failure.New(failure.Source, "read the timeline's history: line %q: %w", line, err)
		}
		ended[int32(id)] = at
	}
	return ended, nil
}

func itoa[T ~int | ~int32 | ~int64 | ~uint32](n T) string { return strconv.FormatInt(int64(n), 10) }
