//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// account is the operating system's user that the server runs as. PostgreSQL refuses to run as root.
type account struct {
	name     string
	uid, gid int
	borrowed bool // we are root and run the server as somebody else
}

// serverAccount is the current user; for root it is `postgres` or else `nobody`.
func serverAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: strconv.Itoa(uid), uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(entry.Uid)
		gid, gidErr := strconv.Atoi(entry.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil || uid <= 0 || gid < 0 {
			continue
		}
		return account{name: name, uid: uid, gid: gid, borrowed: true}, nil
	}
	return account{}, errors.New("choose account: PostgreSQL refuses to run as root and there is neither a user " +
		"postgres nor nobody to run it as; create one with `useradd --system postgres`, or run as an ordinary user")
}

// credential is nil where the server runs as the current user.
func (a account) credential() *syscall.Credential {
	if !a.borrowed {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// own hands the file or directory to the account.
func (a account) own(path string) error {
	if !a.borrowed {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// makeDir makes a directory that only the account can use.
func (a account) makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	return a.own(path)
}

// checkReach reports the first directory on the way to path, path included, that the account can't pass.
func (a account) checkReach(path string) error {
	if !a.borrowed {
		return nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	var way []string
	for dir := real; ; dir = filepath.Dir(dir) {
		way = append(way, dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	slices.Reverse(way)
	for _, dir := range way {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.mayPass(info) {
			return fmt.Errorf("%s is closed to user %s, whom the server runs as because PostgreSQL refuses to run as root; "+
				"choose a directory elsewhere, open it with `chmod o+x %s`, or run as an ordinary user", dir, a.name, dir)
		}
	}
	return nil
}

func (a account) mayPass(info os.FileInfo) bool {
	stat := info.Sys().(*syscall.Stat_t)
	switch {
	case int(stat.Uid) == a.uid:
		return info.Mode()&0o100 != 0
	case int(stat.Gid) == a.gid:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}
