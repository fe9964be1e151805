//go:build cgo

package lakehouse

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

const (
	reasonNoVolume    = "FILES_API_VOLUME_IS_NOT_FOUND"
	reasonNoFile      = "FILES_API_FILE_NOT_FOUND"
	reasonNoDirectory = "FILES_API_DIRECTORY_IS_NOT_FOUND"
	reasonNotEmpty    = "FILES_API_DIRECTORY_IS_NOT_EMPTY"
	reasonExists      = "FILES_API_FILE_ALREADY_EXISTS"
	reasonNotAFile    = "FILES_API_PATH_IS_NOT_A_FILE"
	reasonALink       = "FILES_API_PATH_IS_A_LINK"
)

// volumeFiles keeps the files of all volumes. Its methods may be called from
// any goroutine; every error that is the caller's fault is an *apiError.
type volumeFiles struct {
	store *store
	// racyCreate is Switches.RacyCreate.
	racyCreate bool
}

// stat describes what is at p; fs.ErrNotExist if nothing is. A link anywhere below the volume is refused: this server stores
// none.
func (v *volumeFiles) stat(p volumePath) (fs.FileInfo, error) {
	info, err := v.store.root.Lstat(p.root())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, refuse(http.StatusNotFound, "NOT_FOUND", "The volume %s.%s.%s does not exist.",
			p.catalog, p.schema, p.volume).because(reasonNoVolume)
	}
	name := p.root()
	for _, below := range p.below {
		if err != nil {
			break
		}
		if !info.IsDir() {
			return nil, fs.ErrNotExist
		}
		name = path.Join(name, below)
		info, err = v.store.root.Lstat(name)
		if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return nil, refuse(http.StatusForbidden, "PERMISSION_DENIED", "%s is a link or a special file.", "/"+name).because(reasonALink)
		}
	}
	if err != nil {
		return nil, err
	}
	return info, nil
}

// open opens the file at p for reading; the caller closes it.
func (v *volumeFiles) open(p volumePath) (*os.File, fs.FileInfo, error) {
	info, err := v.stat(p)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil, noFile(p)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := v.store.root.Open(p.local())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, noFile(p)
	}
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func noFile(p volumePath) error {
	return refuse(http.StatusNotFound, "NOT_FOUND", "The file %s does not exist.", p).because(reasonNoFile)
}

// put stores the content of body at p, as a whole or not at all: it is written to a temporary file, synced, and then linked or
// renamed. Without overwrite, exactly one of several calls at once succeeds. Directories above p are made as needed.
func (v *volumeFiles) put(p volumePath, body io.Reader, overwrite bool) error {
	info, err := v.stat(p)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case p.isRoot() || err == nil && info.IsDir():
		return badParameter("%s is a directory.", p).because(reasonNotAFile)
	case err == nil && !overwrite && v.racyCreate:
		return fileExists(p)
	}
	f, temp, err := v.store.temp(0o644)
	if err != nil {
		return fmt.Errorf("store %s: %w", p, err)
	}
	_, err = io.Copy(f, body)
	if err != nil {
		err = uploadEnded(err)
	} else {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = v.publish(temp, p, overwrite || v.racyCreate)
	}
	return errors.Join(err, v.store.discard(temp))
}

// uploadEnded returns why an upload's body could not be read or written.
func uploadEnded(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return badParameter("The file is larger than %d bytes, the most that one upload may hold.", tooLarge.Limit)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err // the disk's fault and not the client's
	}
	return refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "The upload ended before it was complete: %v", err)
}

// publish moves a complete temporary file to p.
func (v *volumeFiles) publish(temp string, p volumePath, overwrite bool) error {
	const attempts = 10 // someone may remove an empty directory just made
	place := v.store.root.Link
	if overwrite {
		place = v.store.root.Rename
	}
	var err error
	for range attempts {
		if err = v.makeBelow(p, len(p.below)-1); err == nil {
			err = place(temp, p.local())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case err == nil:
		return v.store.syncDir(path.Dir(p.local()))
	case errors.Is(err, fs.ErrNotExist):
		if _, gone := v.stat(p); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return gone // the volume was deleted meanwhile
		}
	case errors.Is(err, syscall.ENOTDIR):
		return badParameter("A directory above %s is a file.", p).because(reasonNotAFile)
	case errors.Is(err, fs.ErrExist) && !overwrite:
		return fileExists(p)
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.EISDIR):
		return badParameter("%s is a directory.", p).because(reasonNotAFile)
	}
	return fmt.Errorf("store %s: %w", p, err)
}

func fileExists(p volumePath) error {
	return refuse(http.StatusConflict, "ALREADY_EXISTS", "The file %s already exists.", p).because(reasonExists)
}

// remove removes the file at p.
func (v *volumeFiles) remove(p volumePath) error {
	info, err := v.stat(p)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return noFile(p)
	}
	if err == nil {
		err = v.store.root.Remove(p.local())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return noFile(p)
	}
	if err != nil {
		return err
	}
	return v.store.syncDir(path.Dir(p.local()))
}

// directory makes sure that p is a directory.
func (v *volumeFiles) directory(p volumePath) error {
	info, err := v.stat(p)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return refuse(http.StatusNotFound, "NOT_FOUND", "The directory %s does not exist.", p).because(reasonNoDirectory)
	}
	return err
}

// makeDirectory makes p and every directory above it that is missing.
func (v *volumeFiles) makeDirectory(p volumePath) error {
	info, err := v.stat(p)
	if err == nil && !info.IsDir() {
		return fileExists(p)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = v.makeBelow(p, len(p.below))
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		return refuse(http.StatusConflict, "ALREADY_EXISTS", "A directory above %s is a file.", p).because(reasonExists)
	}
	return err
}

// makeBelow makes the first n directories below the volume of p. It never makes
// the volume: one that is deleted at the same moment does not come back.
func (v *volumeFiles) makeBelow(p volumePath, n int) error {
	name := p.root()
	for i, below := range p.below[:n] {
		name = path.Join(name, below)
		err := v.store.root.Mkdir(name, 0o755)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err := v.store.root.Lstat(name)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: p.String(), Err: syscall.ENOTDIR}
		}
		if err != nil {
			return fmt.Errorf("directory %d of %s: %w", i+1, p, err)
		}
	}
	return nil
}

// removeDirectory removes the directory at p if it is empty.
func (v *volumeFiles) removeDirectory(p volumePath) error {
	if err := v.directory(p); err != nil {
		return err
	}
	if p.isRoot() {
		return badParameter("%s is a volume: delete the volume itself.", p)
	}
	err := v.store.root.Remove(p.local())
	switch {
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, fs.ErrExist):
		return badParameter("The directory %s is not empty.", p).because(reasonNotEmpty)
	case errors.Is(err, fs.ErrNotExist):
		return nil // someone else removed it at the same moment
	case err != nil:
		return err
	}
	return v.store.syncDir(path.Dir(p.local()))
}

// directoryEntry is one entry of a listing; times are Unix milliseconds.
type directoryEntry struct {
	Path         string `json:"path"`
	Name         string `json:"name"`
	IsDirectory  bool   `json:"is_directory"`
	FileSize     int64  `json:"file_size,omitempty"`
	LastModified int64  `json:"last_modified"`
}

// list gives at most limit entries of the directory p by name, those after the
// name given, and whether more follow.
func (v *volumeFiles) list(p volumePath, after string, limit int) (entries []directoryEntry, more bool, err error) {
	if err := v.directory(p); err != nil {
		return nil, false, err
	}
	d, err := v.store.root.Open(p.local())
	if err != nil {
		return nil, false, err
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, false, err
	}
	slices.Sort(names)
	for _, name := range names[upperBound(names, after):] {
		info, err := v.store.root.Lstat(path.Join(p.local(), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, false, err
		}
		if !utf8.ValidString(name) || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		if len(entries) == limit {
			return entries, true, nil
		}
		e := directoryEntry{Path: p.child(name).String(), Name: name, IsDirectory: info.IsDir(), LastModified: info.ModTime().UnixMilli()}
		if !e.IsDirectory {
			e.FileSize = info.Size()
		}
		entries = append(entries, e)
	}
	return entries, false, nil
}

// upperBound is the index of the first name after the one given; "" is before
// all.
func upperBound(sorted []string, after string) int {
	i, found := slices.BinarySearchFunc(sorted, after, strings.Compare)
	if found {
		i++
	}
	return i
}
