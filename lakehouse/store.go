//go:build cgo

package lakehouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

const tempDir = "tmp"

// store is the workspace's directory. Everything except the databases is opened through its root, which no path and no link can
// leave. Names use slashes.
type store struct{ root *os.Root }

// openStore opens dir, makes what is missing and removes what an earlier
// process left half-written. The caller holds the directory's lock.
func openStore(dir string) (*store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	err = root.RemoveAll(tempDir)
	for _, d := range []string{tempDir, "Volumes", "catalogs", workspaceDir} {
		if err == nil {
			err = root.MkdirAll(d, 0o755)
		}
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("prepare %s: %w", dir, err)
	}
	return &store{root}, nil
}

func (s *store) close() error { return s.root.Close() }

// temp makes an empty file that no listing shows, in the same file system as everything else. The caller renames, links or
// removes it.
func (s *store) temp(mode fs.FileMode) (*os.File, string, error) {
	name := path.Join(tempDir, randomHex(16))
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	return f, name, err
}

// syncDir makes a rename or a link inside the directory durable.
func (s *store) syncDir(name string) error {
	d, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// load reads a JSON file; fs.ErrNotExist if there is none.
func (s *store) load(name string, v any) error {
	text, err := s.root.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("read %s: %w (remove or mend the file)", name, err)
	}
	return nil
}

// save replaces a JSON file as a whole; only the owner may read it.
func (s *store) save(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return s.saveBytes(name, append(text, '\n'))
}

// saveBytes replaces a file as a whole; only the owner may read it.
func (s *store) saveBytes(name string, text []byte) error {
	f, temp, err := s.temp(0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), s.discard(temp))
	}
	return s.syncDir(".")
}

// discard removes a temporary file, if it is still there.
func (s *store) discard(temp string) error {
	if err := s.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeTree makes a directory disappear at once, and then removes its contents. A missing directory is not an error.
func (s *store) removeTree(name string) error {
	aside := path.Join(tempDir, randomHex(16))
	err := s.root.Rename(name, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(s.syncDir(path.Dir(name)), s.root.RemoveAll(aside))
}
