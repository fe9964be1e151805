package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/ingest-tool/ingest/internal/schema"
)

// maxPipelineBytes leaves room for names derived from the pipeline's name: a slot or a publication has
// at most 63 bytes.
const maxPipelineBytes = 40

var (
	pipelineName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	// secretName rejects a base64 key, which may contain a / too. An error would repeat it as the name
	// of a missing secret.
	secretName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}/[A-Za-z0-9_.-]{1,128}$`)
	slotName   = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
)

func checkPipeline(s string) error {
	if !pipelineName.MatchString(s) || len(s) > maxPipelineBytes {
		return fmt.Errorf("want at most %d lower-case letters, digits, _ and -, a letter or digit first, not %s", maxPipelineBytes, shown(s))
	}
	return nil
}

func checkSlot(s string) error {
	if !slotName.MatchString(s) {
		return fmt.Errorf("want at most 63 lower-case letters, digits and underscores, as Postgres requires for a slot, not %s", shown(s))
	}
	return nil
}

func checkPostgresName(s string) error {
	if s == "" || len(s) > 63 || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("want a name of 1 to 63 bytes, not %s", shown(s))
	}
	return nil
}

// checkObjectName accepts what Unity Catalog accepts as the name of a catalog, a schema or a volume.
func checkObjectName(s string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune("./ `", r) }
	if s == "" || len(s) > 255 || strings.ContainsFunc(s, bad) {
		return fmt.Errorf("want a name of 1 to 255 bytes without dots, slashes, spaces and backticks, not %s", shown(s))
	}
	return checkNoVariable(s)
}

// checkNoVariable refuses a name that Databricks may replace with the value of a variable.
func checkNoVariable(s string) error {
	if schema.HoldsVariable(s) {
		return fmt.Errorf("want a name without ${…}, which Databricks may replace by a variable's value, not %s", shown(s))
	}
	return nil
}

func checkPlain(s string) error {
	if strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("want text without control characters, not %s", shown(s))
	}
	return nil
}

// checkWebhook accepts an address. A refused value is a secret and is not repeated.
func checkWebhook(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User == nil && strings.Contains(s, "@") {
		return errors.New(`want an address that begins with "https://"; percent-encode its special characters (@ is %40)`)
	}
	return nil
}

func checkSecretName(s string) error {
	if !secretName.MatchString(s) {
		return errors.New(`want "scope/key" of a Databricks secret`)
	}
	return nil
}

// checkSSHHost accepts a host's name or address, with or without a port. A refused value may contain a
// password and is not repeated.
func checkSSHHost(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), "22"
	}
	n, err := strconv.Atoi(port)
	if host == "" || strings.ContainsAny(host, "/@ ") || err != nil || n < 1 || n > 65535 ||
		strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return errors.New(`want "bastion.example.com" or "bastion.example.com:2222"; the user is ssh_user`)
	}
	return nil
}

// checkAddress accepts a host, or host:port. A refused value may contain a password and is not
// repeated.
func checkAddress(s string) error {
	if s == "" || strings.ContainsAny(s, "/@'\\ ") || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New(`want a host, or host:port, such as "replica.example.com:5432": user, password and database are those of source.url`)
	}
	return nil
}

// checkListen accepts an address of this machine with its port. A refused value may be a URL with a
// password and is not repeated.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	n, numberErr := strconv.Atoi(port)
	if err != nil || host == "" || strings.ContainsAny(host, "/@ ") || numberErr != nil || n < 0 || n > 65535 {
		return errors.New(`want an address of this machine with its port, such as "127.0.0.1:9464", or "0.0.0.0:9464" for all addresses`)
	}
	return nil
}

// checkHost accepts a host's name or its URL. A refused value may contain a password and is not
// repeated.
func checkHost(s string) error {
	address := s
	if !strings.Contains(s, "://") {
		address = "https://" + s
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(s, "@") || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New(`want the workspace's address, such as "https://adb-1234567890123456.7.azuredatabricks.net"`)
	}
	return nil
}

func setSchemas(at *[]string, values []string) error {
	if len(values) == 0 {
		return errors.New("want at least one schema")
	}
	for _, s := range values {
		if err := checkPostgresName(s); err != nil {
			return err
		}
		if s == "information_schema" || strings.HasPrefix(s, "pg_") {
			return fmt.Errorf("%q is one of Postgres's own schemas", s)
		}
	}
	*at = append([]string(nil), values...)
	return nil
}
