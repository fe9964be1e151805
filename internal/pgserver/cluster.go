//go:build unix

package pgserver

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	superuser = "postgres"
	// ownConf is read after the server's own configuration file, and before ALTER SYSTEM's.
	ownConf = "ingest.conf"
)

// defaultSettings are for a server whose data is disposable: as quick as possible, but with the
// semantics that replication sees (synchronous_commit, wal_level) as a careful production server has them.
var defaultSettings = map[string]string{
	"listen_addresses":          "127.0.0.1",
	"unix_socket_permissions":   "0700",
	"wal_level":                 "logical",
	"max_replication_slots":     "50",
	"max_wal_senders":           "50",
	"max_prepared_transactions": "20",
	"fsync":                     "off",
	"full_page_writes":          "off",
	"synchronous_commit":        "on",
	"shared_buffers":            "128MB",
	"timezone":                  "UTC",
	"log_timezone":              "UTC",
	"lc_messages":               "C",
	"log_min_messages":          "warning",
	"log_checkpoints":           "off",
	"log_line_prefix":           "%m [%p] %q%u@%d ",
}

// reservedSettings are those that this package has to know the values of.
var reservedSettings = []string{"port", "unix_socket_directories", "data_directory", "hba_file", "logging_collector", "log_destination"}

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// mergeSettings returns the defaults with the given settings over them, names in lower case.
func mergeSettings(given map[string]string) (map[string]string, error) {
	merged := maps.Clone(defaultSettings)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		lower, value := strings.ToLower(name), given[name]
		switch {
		case !settingName.MatchString(lower):
			return nil, fmt.Errorf("setting %q: not a name of a server setting", name)
		case slices.Contains(reservedSettings, lower):
			return nil, fmt.Errorf("setting %q: it is chosen by the server's start and can't be given", name)
		case strings.ContainsAny(value, "\n\r\x00"):
			return nil, fmt.Errorf("setting %q: its value %q is more than one line", name, value)
		}
		merged[lower] = value
	}
	return merged, nil
}

// renderSettings writes settings in the syntax of postgresql.conf (PostgreSQL documentation, 20.1.2).
func renderSettings(settings map[string]string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, quote.Replace(settings[name]))
	}
	return text.String()
}

// clusterMajor is the major version of the data directory's cluster, 0 if there is none yet.
func clusterMajor(data string) (int, error) {
	content, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", filepath.Join(data, "PG_VERSION"), err)
	}
	return major, nil
}

// initCluster makes the cluster with a password of its own, which is kept in the home. It is made aside and
// renamed, so that an initdb that was killed is not taken for a cluster.
//
// initdb takes about 0.6 s, copying a cluster made before 0.15 s: one server serves a whole test process,
// so a template that would have to be kept and found again isn't worth it.
func initCluster(ctx context.Context, bin Installation, h *home, acc account, iterations int) (err error) {
	password := rand.Text()
	if err := os.WriteFile(h.passwordFile(), []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	stored, err := verifier(password, iterations)
	if err != nil {
		return err
	}
	// What initdb reads is the server user's.
	verifierFile := h.passwordFile() + ".verifier"
	if err := os.WriteFile(verifierFile, []byte(stored+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(verifierFile)) }()
	if err := acc.own(verifierFile); err != nil {
		return err
	}
	aside := h.data() + ".new"
	if err := errors.Join(os.RemoveAll(aside), acc.makeDir(aside)); err != nil {
		return err
	}
	if err := runInitdb(ctx, bin, aside, verifierFile, acc); err != nil {
		return err
	}
	if err := appendInclude(filepath.Join(aside, "postgresql.conf")); err != nil {
		return err
	}
	return os.Rename(aside, h.data())
}

// defaultIterations are PostgreSQL's own.
const defaultIterations = 4096

// verifier is what the server stores of a password (PostgreSQL documentation, 53.8).
func verifier(password string, iterations int) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it does not fail
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	keyed := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		_, _ = mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(keyed("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(keyed("Server Key"))), nil
}

func runInitdb(ctx context.Context, bin Installation, data, passwordFile string, acc account) error {
	cmd := exec.CommandContext(ctx, filepath.Join(bin.BinDir, "initdb"),
		"--pgdata", data, "--username", superuser, "--pwfile", passwordFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", clusterLocale(), "--no-sync")
	cmd.Dir, cmd.Env = data, serverEnvironment()
	cmd.SysProcAttr = boundToParent(syscall.SIGKILL)
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Credential = acc.credential()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w\n%s", cmd.Path, errors.Join(ctx.Err(), err), lastLines(string(out), 20))
	}
	return nil
}

func appendInclude(conf string) error {
	file, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "\ninclude_if_exists '%s'\n", ownConf)
	return errors.Join(err, file.Close())
}

// clusterLocale sorts by code point everywhere; macOS has no C.UTF-8.
func clusterLocale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// serverEnvironment is this process's without what would speak to the server's programs: PG* and locales.
func serverEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
}

// writeConf writes the settings for the next start; the file belongs to the server's account.
func writeConf(h *home, acc account, port int, settings map[string]string) error {
	all := maps.Clone(settings)
	all["port"] = strconv.Itoa(port)
	all["unix_socket_directories"] = h.socketDir
	path := filepath.Join(h.data(), ownConf)
	if err := os.WriteFile(path, []byte(renderSettings(all)), 0o600); err != nil {
		return err
	}
	return acc.own(path)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
