package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ingest/internal/failure"
	"ingest/internal/schema"
)

// Error wraps an error of the source with what was being done, and adds the
// hint that its SQLSTATE suggests. A nil err stays nil.
func Error(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var known *failure.Error
	if errors.As(err, &known) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return failure.New(failure.Source, "%s: %w", doing, &unanswered{err})
	}
	e := failure.New(failure.Source, "%s: %w", doing, plain(err))
	e.Hint = hints[pg.Code]
	if pg.Code == "42501" && strings.Contains(pg.Message, "row-level security") {
		e.Hint = "a role under a policy would read only some of the rows: ALTER ROLE … BYPASSRLS; `ingest check` names the role"
	}
	if pg.Hint != "" && e.Hint == "" {
		e.Hint = pg.Hint
	}
	return e
}

// hints are remedies by SQLSTATE (the manual's appendix "PostgreSQL Error
// Codes").
var hints = map[string]string{
	"42501": "grant the role what it lacks; `ingest check` lists the GRANT statements",
	"55P03": "another session holds a conflicting lock on the table: wait for it, or raise source.lock_timeout",
	"55006": "the slot is in use: `ingest status` says by whom",
	"53300": "no connection is free, of the server's (max_connections) or the role's (ALTER ROLE … CONNECTION LIMIT): lower source.jobs, or raise the limit; a run takes up to five beside those jobs",
	"53400": "raise max_replication_slots on the server, or drop a slot that nobody uses: SELECT slot_name, active FROM pg_replication_slots",
	"57014": "the statement was cancelled from outside (pg_cancel_backend): run the command again",
	"57P05": "the server's idle_session_timeout ended the session: ALTER ROLE … SET idle_session_timeout = 0, then run the command again",
	"57P01": "the server ended the session (shutdown or pg_terminate_backend): run the command again",
	"57P03": "the server is starting up or shutting down: run the command again",
}

// plain gives a server's error as one sentence: message, SQLSTATE and detail.
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
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func (s *Source) connectError(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("connect to %s: %w", s.Describe(), err)
	}
	var known *failure.Error // of the tunnel
	if errors.As(err, &known) {
		return failure.New(known.Kind, "connect to %s as %s: %w", s.Describe(), s.config.User, &connectReason{known.Error(), err})
	}
	e := failure.New(failure.Source, "connect to %s as %s: %w", s.Describe(), s.config.User, plain(connectCause(err)))
	var dns *net.DNSError
	address, host := "source.url, PGHOST, PGPORT", "source.url or PGHOST"
	if s.opt.standby {
		address, host = "source.standby", "source.standby"
	}
	switch Code(err) {
	case "28P01", "28000":
		if s.passwords != nil {
			e.Hint = "the server refused what source.password_command printed: is it for this host, port and user, and may the role sign in so (on RDS: GRANT rds_iam TO …)?"
			break
		}
		if s.opt.standby {
			e.Hint = "the source lets the role in, and source.standby does not: is it a standby of the source? check its pg_hba.conf"
			break
		}
		e.Hint = "check user and password (source.url, PGUSER, PGPASSWORD, ~/.pgpass) and the server's pg_hba.conf"
	case "3D000":
		if s.opt.standby {
			e.Hint = "a standby has the databases of its primary: check source.standby"
			break
		}
		e.Hint = fmt.Sprintf("check source.url or PGDATABASE; psql -h %s -p %d -U %s -l lists the databases", s.config.Host, s.config.Port, s.config.User)
	case "08P01":
		e.Hint = "a pooler does not pass on what replication needs: give the address of the server itself"
	case "42501":
		e.Hint = fmt.Sprintf("give the role the right to replicate: ALTER ROLE %s REPLICATION (on RDS: GRANT rds_replication TO …)", schema.QuotePostgres(s.config.User))
	case "53300":
		e.Hint = hints["53300"]
	case "42704":
		if s.opened {
			e.Hint = "another server answers than at the beginning, of another version: run the command again"
		}
	case "57P03":
		e.Hint = hints["57P03"]
	case "":
		e.Hint = "is the server up, and reachable from here? check host and port (" + address + ")"
		var cert *tls.CertificateVerificationError
		switch {
		case errors.As(err, &dns):
			e.Hint = "the host name cannot be resolved: check " + host
		case errors.As(err, &cert):
			e.Hint = "name the file with the server's certificate authority in sslrootcert (source.url, PGSSLROOTCERT), and the server as its certificate does"
		case strings.Contains(err.Error(), "server refused TLS connection"):
			e.Hint = "the server has TLS off (ssl = on), or a pooler is in between; sslmode says what is asked of it (source.url, PGSSLMODE)"
		}
	}
	return e
}

// connectCause says once why no connection came about. The client library
// repeats user, database and address, and gives a line for each address that it
// tried.
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
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) {
		if inner := errors.Unwrap(ce); inner != nil {
			return &connectReason{strings.ReplaceAll(inner.Error(), "\n", "; "), err}
		}
	}
	return err
}

// connectReason prints the reason alone; errors.As finds what it came from.
type connectReason struct {
	text string
	err  error
}

func (e *connectReason) Error() string { return e.text }
func (e *connectReason) Unwrap() error { return e.err }

var passwordInURL = regexp.MustCompile(`://([^:/@\s]*):[^@\s]*@`)
var passwordInDSN = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)`)

// Redact takes passwords out of a text that may hold a connection string.
func Redact(s string) string {
	s = passwordInURL.ReplaceAllString(s, "://$1:***@")
	return passwordInDSN.ReplaceAllString(s, "${1}***")
}

func redactConfigError(err error) error { return errors.New(Redact(err.Error())) }
