//go:build cgo

package warehouse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// commentFile holds the comment of the volume in a directory. It is beside the
// directory, under a name that no volume has.
func commentFile(dir string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir))
}

// comment is the comment of a volume, "" if it has none.
func (v *volumes) comment(catalog, schema, volume string) (string, error) {
	dir, err := v.volumePath("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(commentFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// commentOn replaces the comment of a volume; "" removes it.
func (v *volumes) commentOn(catalog, schema, volume, comment string) error {
	dir, err := v.volumePath("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return err
	}
	return keepComment(dir, comment)
}

// keepComment replaces the comment of the volume in a directory; "" removes it.
func keepComment(dir, comment string) error {
	if comment != "" {
		return os.WriteFile(commentFile(dir), []byte(comment), 0o644)
	}
	if err := os.Remove(commentFile(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeVolume removes the volume in a directory, with all its files.
func removeVolume(dir string) error {
	return errors.Join(os.RemoveAll(dir), keepComment(dir, ""))
}
