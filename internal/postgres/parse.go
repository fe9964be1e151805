package postgres

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ingest-tool/ingest/internal/failure"
)

// elsewhereHint explains how to pass a password so that no part of it is taken for something else.
const elsewhereHint = "want postgres://user@host:5432/database, " +
	"with special characters in its password percent-encoded (@ is %40, / is %2F, # is %23, " +
	"% is %25), or the PG* variables; " +
	"PGPASSWORD, ~/.pgpass and source.password_command take the password as it is"

// parseConfig reads a connection string with the driver's own parser. The PG* environment fills in
// what it leaves out. No error repeats a value of it.
func parseConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, parseError(err)
	}
	type place struct{ what, value, from string }
	places := []place{{"host", config.Host, "PGHOST"}, {"database", config.Database, "PGDATABASE"}, {"user", config.User, "PGUSER"}}
	for _, f := range config.Fallbacks {
		places = append(places, place{"host", f.Host, "PGHOST"})
	}
	for _, p := range places {
		if strings.Contains(p.value, "://") || p.what == "host" && !isHost(p.value) {
			return nil, failure.New(failure.Usage,
				"read the source's connection string: its %s is not valid; it may be a password and is not shown", p.what).
				WithHint("is a whole URL in %s, or a user and a password before the host? %s", p.from, elsewhereHint)
		}
	}
	return config, nil
}

// isHost accepts a name, an address or the directory of a socket, and nothing that contains a part of
// a user or a password.
func isHost(s string) bool {
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "@") { // a directory, an abstract socket
		return !strings.Contains(s[1:], "@")
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return !strings.ContainsAny(s, "@/:#?&=\\ '\"")
}

// parseError returns what the driver did not understand. The driver's own text repeats the connection
// string, and removes only what it recognizes as a password.
func parseError(err error) error {
	text := "the driver cannot read it"
	if parse, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		bare := *parse
		bare.ConnString = ""
		text = strings.TrimPrefix(bare.Error(), "cannot parse ``: ")
	}
	if i := strings.Index(text, "failed to parse as"); i >= 0 { // what follows is from the string itself
		text, _, _ = strings.Cut(text[i:], " (")
	}
	e := failure.New(failure.Usage, "read the source's connection string: %s", text).WithHint("%s", elsewhereHint)
	var path *fs.PathError
	switch {
	case strings.Contains(text, "sslmode is invalid"):
		return e.WithHint("sslmode (source.url, PGSSLMODE) must be one of disable, allow, prefer, require, verify-ca, verify-full")
	case errors.As(err, &path):
		return e.WithHint(
			"name a file that exists and can be read: sslrootcert, sslcert and sslkey (source.url, PGSSLROOTCERT, PGSSLCERT, PGSSLKEY); " +
				"sslrootcert=system takes the authorities of this machine")
	case strings.Contains(text, "CA to cert pool"):
		return e.WithHint("sslrootcert (source.url, PGSSLROOTCERT) must be a file of certificates in PEM; " +
			"sslrootcert=system takes the authorities of this machine")
	case strings.Contains(text, `"sslcert" and "sslkey"`), strings.Contains(text, "sslkey"), strings.Contains(text, "cert"):
		return e.WithHint("sslcert and sslkey (source.url, PGSSLCERT, PGSSLKEY) must be a certificate and its private key, both in PEM")
	case strings.Contains(text, "service"):
		return e.WithHint("PGSERVICEFILE, or else ~/.pg_service.conf, must have a section with the service's name")
	case strings.Contains(text, "target_session_attrs"):
		return e.WithHint("remove target_session_attrs (source.url, PGTARGETSESSIONATTRS); the source must be the primary")
	case strings.Contains(text, "port"):
		return e.WithHint("the port (source.url, PGPORT) is a number from 1 to 65535; a / or a : in a password is percent-encoded in a URL")
	}
	return e
}

// clearAt is the address of another machine to which one of the connection attempts has no TLS; "" if
// there is none.
func clearAt(config *pgx.ConnConfig) string {
	ways := append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for _, way := range ways {
		if way.TLSConfig == nil && !isLocal(way.Host) {
			return way.Host
		}
	}
	return ""
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
