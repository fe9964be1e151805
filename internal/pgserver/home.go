//go:build unix

package pgserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// home is the directory of one server: data/, the server's log, its password, and normally its socket.
// Its owner.lock is locked by the process that runs the server, for as long as that process lives.
type home struct {
	dir       string
	socketDir string
	temporary bool // removed in the end
	lock      *os.File
}

const (
	homePrefix = "ingest-pg-"
	// The shortest limit of a socket's path among the supported systems is macOS's 104 with the final zero.
	maxSocketPath = 103
)

func (h *home) data() string         { return filepath.Join(h.dir, "data") }
func (h *home) logFile() string      { return filepath.Join(h.dir, "server.log") }
func (h *home) passwordFile() string { return filepath.Join(h.dir, "password") }

// openHome makes or takes the directory dir; with none given, a temporary one.
func openHome(dir string, acc account) (*home, error) {
	h := &home{dir: dir}
	if dir == "" {
		root, err := temporaryRoot(acc)
		if err != nil {
			return nil, err
		}
		made, err := makeTemporary(root)
		if err != nil {
			return nil, err
		}
		h.dir, h.temporary = made, true
	} else {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(abs, 0o711); err != nil {
			return nil, err
		}
		h.dir = abs
	}
	if err := h.prepare(acc); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *home) prepare(acc account) error {
	lock, err := lockFile(filepath.Join(h.dir, "owner.lock"))
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s is in use by another process; stop that one first or choose another directory", h.dir)
	}
	if err != nil {
		return err
	}
	h.lock = lock
	if err := acc.checkReach(h.dir); err != nil {
		return err
	}
	endOrphan(h.data())
	return h.makeSocketDir(acc)
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._+-]+$`)

// makeSocketDir puts the socket into the home, or below /tmp where the home's path is too long for a socket
// or has characters that the server's list of socket directories would have to quote.
func (h *home) makeSocketDir(acc account) error {
	dir := filepath.Join(h.dir, "socket")
	if len(filepath.Join(dir, ".s.PGSQL.65535")) > maxSocketPath || !plainPath.MatchString(dir) {
		made, err := makeTemporary("/tmp")
		if err != nil {
			return err
		}
		dir = made
	}
	h.socketDir = dir
	return acc.makeDir(dir)
}

// close gives the directory back, and removes it if it is temporary.
func (h *home) close() error {
	var errs []error
	if h.socketDir != "" {
		errs = append(errs, os.RemoveAll(h.socketDir))
	}
	if h.temporary {
		errs = append(errs, removeInsistently(h.dir))
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
		h.lock = nil
	}
	return errors.Join(errs...)
}

// removeInsistently removes a tree that ending processes may still put files into.
func removeInsistently(dir string) error {
	var err error
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func temporaryRoots() []string {
	roots := []string{os.TempDir()}
	for _, root := range []string{"/tmp", "/var/tmp"} {
		if root != filepath.Clean(roots[0]) {
			roots = append(roots, root)
		}
	}
	return roots
}

// temporaryRoot is the first temporary directory that the account can reach.
func temporaryRoot(acc account) (string, error) {
	var errs []error
	for _, root := range temporaryRoots() {
		err := acc.checkReach(root)
		if err == nil {
			return root, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// makeTemporary makes a directory whose name carries this process's id, others may pass but not list it.
func makeTemporary(root string) (string, error) {
	dir, err := os.MkdirTemp(root, homePrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// lockFile makes the file if need be and locks it until it is closed or this process ends. The error is
// EWOULDBLOCK while somebody else holds it.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// removeStale removes the temporary directories that killed processes of this user left behind, and ends
// servers that still run in them. What can't be removed stays for the next time.
func removeStale() (removed []string) {
	for _, root := range temporaryRoots() {
		dirs, err := filepath.Glob(filepath.Join(root, homePrefix+"*"))
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			if isStale(dir) && removeStaleHome(dir) {
				removed = append(removed, dir)
			}
		}
	}
	return removed
}

// isStale tells from the name and the directory's owner whether a dead process of this user made it.
func isStale(dir string) bool {
	pidText, _, ok := strings.Cut(strings.TrimPrefix(filepath.Base(dir), homePrefix), "-")
	pid, err := strconv.Atoi(pidText)
	if !ok || err != nil || pid <= 0 || processAlive(pid) {
		return false
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner == os.Geteuid() {
		return true
	}
	// A socket directory of its own belongs to the account that root's server runs as.
	acc, err := serverAccount()
	return err == nil && acc.borrowed && owner == acc.uid
}

func removeStaleHome(dir string) bool {
	// The owner may live in another process namespace that shares this directory: its lock tells.
	if _, err := os.Stat(filepath.Join(dir, "owner.lock")); err == nil {
		lock, err := lockFile(filepath.Join(dir, "owner.lock"))
		if err != nil {
			return false
		}
		defer lock.Close()
	}
	endOrphan(filepath.Join(dir, "data"))
	return removeInsistently(dir) == nil
}

// endOrphan ends the server that runs on the data directory, if one does, as a crash would.
func endOrphan(data string) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil || pid <= 1 || !runsOn(pid, data) {
		return
	}
	if syscall.Kill(pid, syscall.SIGQUIT) != nil {
		return
	}
	for range 100 {
		if !runsOn(pid, data) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// runsOn reports whether the process is a server of that data directory: ids are used again.
func runsOn(pid int, data string) bool {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		command, err = exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	}
	return err == nil && bytes.Contains(command, []byte(data))
}

func processAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
