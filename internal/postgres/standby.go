package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
)

// minStandbyVersion is the oldest server_version_num whose standbys decode.
const minStandbyVersion = 160000

// OpenStandby opens a standby of this source, from which its changes can be read. address is its host,
// or host:port; everything else is as for the source itself. Slots are made, read and moved on the
// standby. Publications, snapshots and locks are only on the primary.
func (s *Source) OpenStandby(ctx context.Context, address string) (*Source, error) {
	o := s.opt
	o.URL = elsewhere(o.URL, address)
	if s.Facts.Standby {
		return nil, failure.New(failure.Source, "%s is a standby itself", s.Describe()).
			WithHint("set source.url to the primary's address, and source.standby to the standby's")
	}
	o.standby = true
	standby, err := Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("source.standby: %w", err)
	}
	standby.primary = s
	if !standby.Facts.Standby {
		return nil, standby.noStandby()
	}
	if standby.Facts.Version < minStandbyVersion {
		return nil, failure.New(failure.Source, "source.standby: %s has PostgreSQL %s, whose standbys do not decode",
			standby.Describe(), standby.Facts.VersionStr).
			WithHint("leave source.standby out, or upgrade to PostgreSQL 16 or newer")
	}
	if standby.Facts.WALLevel != "logical" {
		return nil, failure.New(failure.Source, "source.standby: wal_level is %s on %s: changes can be decoded only with logical",
			standby.Facts.WALLevel, standby.Describe()).
			WithHint("ALTER SYSTEM SET wal_level = 'logical' on the standby too, and restart it")
	}
	for _, one := range []*Source{s, standby} {
		if err := one.Identify(ctx); err != nil {
			return nil, err
		}
	}
	if standby.Facts.System != s.Facts.System {
		return nil, failure.New(failure.Source, "source.standby: %s is no standby of %s: its system identifier is %s, not %s", standby.Describe(),
			s.Describe(), standby.Facts.System, s.Facts.System).
			WithHint("check source.url and source.standby")
	}
	return standby, nil
}

func (s *Source) noStandby() error {
	return failure.New(failure.Source, "source.standby: %s is not a standby", s.Describe()).
		WithHint("if it was promoted, set source.url to it and leave source.standby out; then `ingest status` shows whether its slot can be read")
}

// ErrInRecovery means that a standby answers where the primary did before. After a failover the
// address can reach the new primary before it is promoted.
var ErrInRecovery = errors.New("is in recovery")

// inRecovery reports whether the server of a session is a standby. Servers report it, also when it
// changes. A pooler may not pass it on; then the value from the beginning counts.
func (s *Source) inRecovery(session *pgconn.PgConn) bool {
	switch session.ParameterStatus("in_hot_standby") {
	case "on":
		return true
	case "off":
		return false
	}
	return s.Facts.Standby
}

// checkRole refuses a session on a server whose role has changed: this source is the primary, or a
// standby of it.
func (s *Source) checkRole(session *pgconn.PgConn) error {
	switch is := s.inRecovery(session); {
	case !s.opened || is == s.Facts.Standby || s.opt.Alone: // snapshots can be taken on either
		return nil
	case is:
		return failure.New(failure.Source, "connect to %s as %s: the server %w: it is a standby, and was the primary before",
			s.Describe(), s.config.User, ErrInRecovery).
			WithHint("if it is about to be promoted, wait for it and run the command again; else set source.url to the primary's address")
	}
	return s.noStandby()
}

// elsewhere is a connection string with another address. As in libpq, the later value counts.
func elsewhere(text, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), ""
	}
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		text += " host='" + host + "'"
		if port != "" {
			text += " port='" + port + "'"
		}
		return strings.TrimSpace(text)
	}
	text, query, _ := strings.Cut(text, "?")
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		return pair == "" || strings.HasPrefix(pair, "host=") || strings.HasPrefix(pair, "port=")
	})
	if hosts := text[strings.LastIndexByte(text, '@')+1:]; port == "" && strings.Contains(hosts, ",") { // of the first of several
		first, _, _ := strings.Cut(hosts[strings.LastIndex(hosts, "//")+1:], ",")
		if _, port, err = net.SplitHostPort(strings.TrimPrefix(first, "/")); err != nil {
			port = "5432"
		}
	}
	pairs = append(pairs, "host="+url.QueryEscape(host))
	if port != "" {
		pairs = append(pairs, "port="+port)
	}
	return text + "?" + strings.Join(pairs, "&")
}

// HotStandbyFeedback reports whether the standby keeps its primary from removing what decoding on it
// needs.
func HotStandbyFeedback(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var on bool
	err := conn.QueryRow(ctx, `SELECT current_setting('hot_standby_feedback')::boolean`).Scan(&on)
	return on, Error("read hot_standby_feedback", err)
}
