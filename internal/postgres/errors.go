package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Error wraps an error of the source with the action that failed, and adds the hint for its SQLSTATE.
// A nil err stays nil.
func Error(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if _, ok := errors.AsType[*failure.Error](err); ok {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return failure.New(failure.Source, "%s: %w", doing, &unanswered{err})
	}
	e := failure.New(failure.Source, "%s: %w", doing, plain(err))
	e.Hint = hints[pg.Code]
	if pg.Code == pgerrcode.InsufficientPrivilege && strings.Contains(pg.Message, "row-level security") {
		e.Hint = "a role under a policy would read only some of the rows: ALTER ROLE … BYPASSRLS; `ingest check` names the role"
	}
	if pg.Hint != "" && e.Hint == "" {
		e.Hint = pg.Hint
	}
	return e
}

// hints are remedies by SQLSTATE (the manual's appendix "PostgreSQL Error Codes").
var hints = map[string]string{
	pgerrcode.InsufficientPrivilege:      "grant the role what it lacks; `ingest check` lists the GRANT statements",
	pgerrcode.LockNotAvailable:           "another session holds a conflicting lock on the table: wait for it, or raise source.lock_timeout",
	pgerrcode.ProtocolViolation:          PoolerHint,
	pgerrcode.InvalidSQLStatementName:    PoolerHint, // a statement was prepared on another session
	pgerrcode.DuplicatePreparedStatement: PoolerHint, // and already exists on this one
	pgerrcode.ObjectInUse:                "the slot is in use: `ingest status` shows the session",
	pgerrcode.TooManyConnections: "all connections of the server (max_connections) or of the role (ALTER ROLE … CONNECTION LIMIT) " +
		"are in use: lower source.jobs, or raise the limit; a run takes up to five beside those jobs",
	pgerrcode.ConfigurationLimitExceeded: "raise max_replication_slots on the server, or drop an unused slot: SELECT slot_name, " +
		"active FROM pg_replication_slots",
	// A session that only reads gets it on a standby alone.
	pgerrcode.SerializationFailure: "replaying the WAL removed rows that the run was reading. On the standby: " +
		"ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); or raise max_standby_streaming_delay there; " +
		"then run the command again",
	pgerrcode.QueryCanceled: "the statement was cancelled from outside (pg_cancel_backend): run the command again",
	pgerrcode.IdleSessionTimeout: "the server's idle_session_timeout ended the session: ALTER ROLE … SET idle_session_timeout = 0, " +
		"then run the command again",
	pgerrcode.AdminShutdown:    "the server ended the session (shutdown or pg_terminate_backend): run the command again",
	pgerrcode.CannotConnectNow: "the server is starting up or shutting down: run the command again",
}

// plain returns a server's error as one sentence: message, SQLSTATE and detail.
func plain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return &serverError{pg}
}

type serverError struct{ pg *pgconn.PgError }

func (e *serverError) Error() string {
	s := fmt.Sprintf("%s (SQLSTATE %s)", e.pg.Message, e.pg.Code)
	if e.pg.Detail != "" {
		s += ": " + e.pg.Detail
	}
	return strings.ToValidUTF8(s, "\uFFFD") // a session may read another encoding
}

func (e *serverError) Unwrap() error { return e.pg }

// Code is err's SQLSTATE, or "".
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

func (e *endpoint) connectError(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("connect to %s: %w", e.Describe(), err)
	}
	if known, ok := errors.AsType[*failure.Error](err); ok { // of the tunnel
		return failure.New(known.Kind, "connect to %s as %s: %w", e.Describe(), e.config.User, &connectReason{known.Error(), err})
	}
	f := failure.New(failure.Source, "connect to %s as %s: %w", e.Describe(), e.config.User, plain(connectCause(err)))
	if refusedSetting(err) && !e.opened {
		return failure.New(failure.Usage, "connect to %s as %s: the server does not take a parameter of the connection string (SQLSTATE %s)",
			e.Describe(), e.config.User, Code(err)).
			WithHint("remove the parameter from source.url (or PGOPTIONS): " +
				"it is neither a parameter of libpq nor a setting that a session may change; the server's log names it")
	}
	f.Hint = e.connectHint(err)
	return f
}

// refusedSetting reports that the server does not know a setting of the session's start, does not
// accept its value, or does not let a session change it. The server's text repeats a part of the
// connection string, which may be part of a password.
func refusedSetting(err error) bool {
	switch Code(err) {
	case pgerrcode.UndefinedObject, pgerrcode.InvalidParameterValue, pgerrcode.CantChangeRuntimeParam:
		return true
	}
	return false
}

// connectHint is the remedy if a connection fails.
func (e *endpoint) connectHint(err error) string {
	switch Code(err) {
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
		return e.signInHint(err)
	case pgerrcode.InvalidCatalogName:
		if e.opt.standby {
			return "a standby has the databases of its primary: check source.standby"
		}
		return fmt.Sprintf("check source.url or PGDATABASE; psql -h %s -p %d -U %s -l lists the databases", e.config.Host,
			e.config.Port, e.config.User)
	case pgerrcode.ProtocolViolation:
		return PoolerHint
	case pgerrcode.InsufficientPrivilege:
		if isConnectPrivilege(err) {
			return fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s;", schema.QuotePostgres(e.config.Database), schema.QuotePostgres(e.config.User))
		}
		return fmt.Sprintf("give the role the right to replicate: ALTER ROLE %s REPLICATION (on RDS: GRANT rds_replication TO …)",
			schema.QuotePostgres(e.config.User))
	case pgerrcode.TooManyConnections:
		return e.connectionsHint(err)
	case pgerrcode.ObjectNotInPrerequisiteState:
		return "the database takes no connections (ALTER DATABASE … ALLOW_CONNECTIONS true), or is a template"
	case pgerrcode.UndefinedObject:
		return "the server has another version than at the beginning: run the command again"
	case pgerrcode.CannotConnectNow:
		return hints[pgerrcode.CannotConnectNow]
	case "":
		return e.unreachableHint(err)
	}
	return ""
}

// PoolerHint is the remedy if a pooler is between this program and the server.
const PoolerHint = "a pooler does not support replication: set the address of the server itself"

// isConnectPrivilege reports that the role may not connect to the database.
func isConnectPrivilege(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Routine == "CheckMyDatabase"
}

// signInHint distinguishes the causes of the two codes of a refused sign-in. The server's texts are
// localized; the names of its functions are not.
func (e *endpoint) signInHint(err error) string {
	var pg *pgconn.PgError
	_ = errors.As(err, &pg)
	role := schema.QuotePostgres(e.config.User)
	switch {
	case pg.Routine == "InitializeSessionUserId" && !strings.Contains(pg.Message, "does not exist"):
		return fmt.Sprintf("let the role sign in: ALTER ROLE %s LOGIN;", role)
	case pg.Routine == "InitializeSessionUserId":
		return fmt.Sprintf("the role does not exist: check the user (source.url, PGUSER), or CREATE ROLE %s LOGIN REPLICATION", role)
	case pg.Routine == "ClientAuthentication" && e.config.TLSConfig == nil && !strings.HasPrefix(e.config.Host, "/"):
		return "the server wants TLS, or its pg_hba.conf has no line for this user, database and address: " +
			"sslmode=require encrypts (source.url, PGSSLMODE), and sslmode=verify-full checks the server too"
	case pg.Routine == "ClientAuthentication":
		return "the server's pg_hba.conf has no line that lets this user in from this address to this database with this sslmode; " +
			"where it asks for a certificate, name it by sslcert and sslkey"
	case e.opt.standby:
		return "the source lets the role in, and source.standby does not: is it a standby of the source? check its pg_hba.conf"
	case e.passwords != nil:
		return "the server refused what source.password_command printed: is it for this host, port and user, " +
			"and may the role sign in so (on RDS: GRANT rds_iam TO …)?"
	}
	return "check user and password (source.url, PGUSER, PGPASSWORD, ~/.pgpass) and the server's pg_hba.conf"
}

// connectionsHint distinguishes whose connections are used up.
func (e *endpoint) connectionsHint(err error) string {
	var pg *pgconn.PgError
	_ = errors.As(err, &pg)
	role, database := schema.QuotePostgres(e.config.User), schema.QuotePostgres(e.config.Database)
	switch {
	case pg.Routine == "InitializeSessionUserId":
		return fmt.Sprintf("raise the role's limit (ALTER ROLE %s CONNECTION LIMIT -1), or lower source.jobs (--jobs); "+
			"a run takes up to five sessions beside those jobs", role)
	case pg.Routine == "CheckMyDatabase":
		return fmt.Sprintf("raise the database's limit (ALTER DATABASE %s CONNECTION LIMIT -1), or lower source.jobs (--jobs); "+
			"a run takes up to five sessions beside those jobs", database)
	case pg.Routine == "InitWalSender", strings.Contains(pg.Message, "max_wal_senders"):
		return "raise max_wal_senders and restart the server, or end a standby or another reader that is not needed: SELECT pid, usename, " +
			"application_name FROM pg_stat_replication;"
	}
	return hints[pgerrcode.TooManyConnections]
}

// unreachableHint is for a server that returned no error of its own.
func (e *endpoint) unreachableHint(err error) string {
	address, host := "source.url, PGHOST, PGPORT", "source.url or PGHOST"
	if e.opt.standby {
		address, host = "source.standby", "source.standby"
	}
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	text := err.Error()
	switch {
	case errors.As(err, &dns):
		return "the host name cannot be resolved: check " + host
	case errors.As(err, &cert), errors.As(err, &unknown), errors.As(err, &name):
		return "name the file with the server's certificate authority in sslrootcert (source.url, PGSSLROOTCERT), " +
			"and use the host name in its certificate"
	case strings.Contains(text, "server refused TLS connection"):
		return "TLS is off on the server (set ssl = on), or a pooler is in between; " +
			"sslmode decides whether TLS is required (source.url, PGSSLMODE)"
	case strings.Contains(text, "tls: "):
		return "the TLS handshake with the server failed: check sslmode, sslrootcert, sslcert and sslkey (source.url, PGSSLMODE, …)"
	}
	return "is the server up, and reachable from here? check host and port (" + address + ")"
}

// connectCause gives the reason for a failed connection once. The client library repeats user,
// database and address, and prints a line for each address that it tried.
func connectCause(err error) error {
	var pg *pgconn.PgError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &pg):
		return pg
	case errors.As(err, &dns):
		return &connectReason{"look up " + dns.Name + ": " + dns.Err, err}
	case errors.As(err, &op) && op.Op == "dial":
		return &connectReason{op.Err.Error(), err}
	}
	if ce, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		if inner := errors.Unwrap(ce); inner != nil {
			return &connectReason{strings.ReplaceAll(inner.Error(), "\n", "; "), err}
		}
	}
	return err
}

// connectReason prints the reason alone; errors.As finds its cause.
type connectReason struct {
	text string
	err  error
}

func (e *connectReason) Error() string { return e.text }
func (e *connectReason) Unwrap() error { return e.err }

var passwordInURL = regexp.MustCompile(`://([^:/@\s]*):[^@\s]*@`)
var passwordInDSN = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)`)

// Redact removes passwords from a text that may contain a connection string.
func Redact(s string) string {
	s = passwordInURL.ReplaceAllString(s, "://$1:***@")
	return passwordInDSN.ReplaceAllString(s, "${1}***")
}
