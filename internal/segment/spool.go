package segment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

const spoolPrefix = "ingest-spool-"

// Spool is a private directory (0700, files 0600) of one run. A run that is
// killed leaves its spool behind. The next OpenSpool in the same place removes
// it. Each run holds a lock on its own spool, which the kernel releases when
// the process ends.
type Spool struct {
	dir       string
	lock      *os.File
	files     atomic.Int64
	allocator memory.Allocator // of the Parquet writers

	mu    sync.Mutex
	spare string // a file to reuse, "" for none
}

// OpenSpool makes a spool below parent ("" is the system's temporary
// directory). It removes spools that no living process holds.
func OpenSpool(parent, run string) (*Spool, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	removeStale(parent)
	// The spool is locked before it gets its final name, because other runs
	// find stale spools by name.
	unnamed, err := os.MkdirTemp(parent, "."+spoolPrefix)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	lock, err := holdLock(unnamed, os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", errors.Join(err, os.RemoveAll(unnamed)))
	}
	dir := filepath.Join(parent, spoolPrefix+run)
	if err := os.Rename(unnamed, dir); err != nil {
		return nil, fmt.Errorf("open spool: %w", errors.Join(err, os.RemoveAll(unnamed), lock.Close()))
	}
	return &Spool{dir: dir, lock: lock, allocator: pooled}, nil
}

// Dir returns the spool's directory.
func (s *Spool) Dir() string { return s.dir }

// Close removes the spool with all its files.
func (s *Spool) Close() error {
	err := os.RemoveAll(s.dir)
	return errors.Join(err, s.lock.Close())
}

// Scratch opens a new file in the spool that is not a segment. The caller
// closes and removes it.
func (s *Spool) Scratch() (*os.File, error) {
	f, err := s.create()
	if err != nil {
		return nil, fmt.Errorf("create a file on the spool: %w", err)
	}
	return f, nil
}

// create opens a new file in the spool for writing and reading.
func (s *Spool) create() (*os.File, error) {
	name := filepath.Join(s.dir, fmt.Sprintf("%08d", s.files.Add(1)))
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// createSegment opens a file for a segment. The file may still hold an older
// segment: the writer truncates it to its final size. Overwriting pages that
// the system already has is several times as fast as writing new ones.
func (s *Spool) createSegment() (*os.File, error) {
	s.mu.Lock()
	spare := s.spare
	s.spare = ""
	s.mu.Unlock()
	if spare == "" {
		return s.create()
	}
	return os.OpenFile(spare, os.O_RDWR, 0)
}

// takeBack keeps a file for reuse, or removes it if the spool already keeps
// one. The file must not be read afterwards.
func (s *Spool) takeBack(path string) error {
	s.mu.Lock()
	keep := s.spare == ""
	if keep {
		s.spare = path
	}
	s.mu.Unlock()
	if keep {
		return nil
	}
	return os.Remove(path)
}

// Tidy removes the file that is kept for reuse. A caller calls it after the
// last segment for a while.
func (s *Spool) Tidy() error {
	s.mu.Lock()
	spare := s.spare
	s.spare = ""
	s.mu.Unlock()
	if spare == "" {
		return nil
	}
	return os.Remove(spare)
}

// holdLock locks a spool. flag is os.O_CREATE for a new spool, else 0.
func holdLock(dir string, flag int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeStale removes spools whose lock is free. It works on a best-effort
// basis: it skips what it cannot remove.
func removeStale(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), spoolPrefix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		// A directory without a lock file is not ours, or its run is removing
		// it.
		if lock, err := holdLock(dir, 0); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}
