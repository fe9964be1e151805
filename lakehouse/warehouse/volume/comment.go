package volume

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

// Comment is the comment of a volume, "" if it has none.
func (v *Volumes) Comment(catalog, schema, volume string) (string, error) {
	dir, err := v.Path("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(commentFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// CommentOn replaces the comment of a volume; "" removes it.
func (v *Volumes) CommentOn(catalog, schema, volume, comment string) error {
	dir, err := v.Path("/Volumes/" + catalog + "/" + schema + "/" + volume)
	if err != nil {
		return err
	}
	return SetComment(dir, comment)
}

// SetComment replaces the comment of the volume in a directory; "" removes it.
func SetComment(dir, comment string) error {
	if comment != "" {
		return os.WriteFile(commentFile(dir), []byte(comment), 0o644)
	}
	if err := os.Remove(commentFile(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Remove removes the volume in a directory, with all its files.
func Remove(dir string) error {
	return errors.Join(os.RemoveAll(dir), SetComment(dir, ""))
}
