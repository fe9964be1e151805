package config

import (
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// parameter is a name and a value of a connection string, as written.
type parameter struct {
	name   string
	before string // before the value: space, the name and =
	raw    string // the value, with its quotes and escapes
}

// secretParameter reports whether a parameter's value is a password.
func secretParameter(name string) bool { return strings.Contains(strings.ToLower(name), "password") }

// parameterName is the form of the names of libpq's parameters and of the server's settings.
var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// urlParts are the parts of a URL after its scheme, percent-encoded.
type urlParts struct {
	user                 string
	hasUser, hasPassword bool
	place                string // hosts, ports and database
	parameters           []parameter
}

// String joins the parts again, without passwords, the parameters by name.
func (u urlParts) String() string {
	var b strings.Builder
	if u.hasUser {
		b.WriteString(u.user)
		if u.hasPassword {
			b.WriteString(":" + redacted)
		}
		b.WriteString("@")
	}
	b.WriteString(u.place)
	texts := make([]string, len(u.parameters))
	for i, p := range u.parameters {
		value := p.raw
		if secretParameter(p.name) {
			value = redacted
		}
		texts[i] = p.name + "=" + value
	}
	sort.Strings(texts)
	if len(texts) > 0 {
		b.WriteString("?" + strings.Join(texts, "&"))
	}
	return b.String()
}

// hide removes passwords and, unless user is empty, replaces the user. It reports whether there was a
// password.
func (u *urlParts) hide(user string) (removed bool) {
	removed, u.hasPassword = u.hasPassword, false
	u.parameters = slices.DeleteFunc(u.parameters, func(p parameter) bool {
		secret := secretParameter(p.name)
		removed = removed || secret
		return secret || user != "" && p.name == "user"
	})
	if user != "" {
		u.user, u.hasUser = url.User(user).String(), true
	}
	return removed
}

var (
	hostAndPort = regexp.MustCompile(`^(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::([0-9]*))?$`)
	encoded     = regexp.MustCompile(`^(?:[^%\x00-\x20\x7f]|%[0-9A-Fa-f]{2})*$`)
)

// splitURL splits a URL into parts. It fails if URL parsers disagree on where a part ends. libpq ends
// the password at the first @, other parsers at the last one. For some of them a /, a ? or a # before
// the @ ends the preceding part.
func splitURL(rest string) (u urlParts, ok bool) {
	if strings.Contains(rest, "#") || strings.Count(rest, "@") > 1 || !encoded.MatchString(rest) || strings.Contains(rest, "%00") {
		return u, false
	}
	place, query, hasQuery := strings.Cut(rest, "?")
	if strings.Contains(query, "@") {
		return u, false
	}
	authority, database, hasDatabase := strings.Cut(place, "/")
	if strings.Contains(database, "@") {
		return u, false
	}
	hosts := authority
	if user, behind, has := strings.Cut(authority, "@"); has {
		u.hasUser, hosts = true, behind
		u.user, _, u.hasPassword = strings.Cut(user, ":")
	}
	for host := range strings.SplitSeq(hosts, ",") {
		m := hostAndPort.FindStringSubmatch(host)
		if m == nil {
			return u, false
		}
		if port, err := strconv.Atoi(m[1]); m[1] != "" && (err != nil || port < 1 || port > 65535) {
			return u, false
		}
	}
	u.place = hosts
	if hasDatabase {
		u.place += "/" + database
	}
	if !hasQuery || query == "" {
		return u, true
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, has := strings.Cut(pair, "=")
		if !has || strings.Contains(value, "=") || !parameterName.MatchString(name) {
			return u, false
		}
		u.parameters = append(u.parameters, parameter{name: name, raw: value})
	}
	return u, true
}

const wordSpace = " \t\n\v\f\r"

// splitWords splits key=value words (libpq's manual: "Keyword/Value Connection Strings"). It fails if
// a word is no parameter: the word may be what follows the space in a password. It still returns the
// words before it.
func splitWords(s string) (words []parameter, ok bool) {
	for {
		rest := strings.TrimLeft(s, wordSpace)
		if rest == "" {
			return words, true
		}
		name, _, has := strings.Cut(rest, "=")
		name = strings.TrimRight(name, wordSpace)
		if !has || !parameterName.MatchString(name) {
			return words, false
		}
		at := strings.IndexByte(s, '=') + 1
		at += len(s[at:]) - len(strings.TrimLeft(s[at:], wordSpace))
		n, closed := valueLength(s[at:])
		words = append(words, parameter{name: name, before: s[:at], raw: s[at : at+n]})
		s = s[at+n:]
		if !closed || s != "" && !strings.ContainsRune(wordSpace, rune(s[0])) {
			return words, false
		}
	}
}

// valueLength is the length of the value at the start of s, and whether its quote is closed.
func valueLength(s string) (n int, closed bool) {
	quoted := strings.HasPrefix(s, "'")
	if quoted {
		n = 1
	}
	for n < len(s) {
		switch c := s[n]; {
		case c == '\\':
			n++
		case quoted && c == '\'':
			return n + 1, true
		case !quoted && strings.ContainsRune(wordSpace, rune(c)):
			return n, true
		}
		n++
	}
	return min(n, len(s)), !quoted
}

// Parameters of connection strings: those that are read here, and those of libpq that are not.
var (
	readParameters = strings.Fields(
		`host port dbname database user password passfile connect_timeout client_encoding options application_name timezone
		sslmode ssl sslcert sslkey sslpassword sslcertmode sslrootcert sslsni sslnegotiation require_auth channel_binding krbsrvname krbspn
		service servicefile target_session_attrs min_protocol_version max_protocol_version`)
	otherParameters = strings.Fields(`hostaddr fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
		replication gssencmode gsslib gssdelegation sslcompression sslcrl sslcrldir requirepeer requiressl ssl_min_protocol_version
		ssl_max_protocol_version load_balance_hosts`)
	sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
)

// checkParameters refuses misspelt parameters, and those of libpq that would be sent to the server.
// Any other name may be a setting of the server. It is not repeated: it may be part of a password.
func checkParameters(parameters []parameter) error {
	for i, p := range parameters {
		name := strings.ToLower(p.name)
		switch {
		case slices.Contains(otherParameters, name):
			return usage("its parameter %s is not supported", name).WithHint("leave %s out of the connection string", name)
		case slices.Contains(readParameters, p.name):
			if err := checkParameter(p); err != nil {
				return err
			}
			continue
		case strings.HasPrefix(name, "tcp_"), strings.HasPrefix(name, "wal_"): // the server's, which look like libpq's
			continue
		}
		if near := Nearest(name, readParameters); near != "" {
			return usage("its parameter %d is not known; did you mean %q?", i+1, near).
				WithHint("the parameters are libpq's: %s", strings.Join(readParameters, ", "))
		}
	}
	return nil
}

// checkParameter refuses a value that a parameter cannot have.
func checkParameter(p parameter) error {
	if p.name != "sslmode" {
		return nil
	}
	if value := strings.Trim(p.raw, "'"); value != "" && !slices.Contains(sslModes, value) {
		err := usage("its sslmode is not valid: want %s", strings.Join(sslModes, ", "))
		if near := Nearest(strings.ToLower(value), sslModes); near != "" {
			return err.WithHint("did you mean sslmode=%s?", near)
		}
		return err.WithHint("sslmode=verify-full checks the server's certificate and its name")
	}
	return nil
}
