package databricks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/files"
	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/failure"
)

// MaxFileBytes is the maximum size of one upload. The Files API reference:
// "Upload a file".
const MaxFileBytes = 5 << 30

// Files is a directory in a Unity Catalog Volume. Names are relative to it.
// They are separated by slashes and have no "." or ".." elements.
type Files struct {
	api    files.FilesInterface
	root   string
	pause  time.Duration
	redact *redactor
	log    *slog.Logger
}

// FileInfo is an entry of a listing: a file or a directory.
type FileInfo struct {
	Name     string // relative to the root
	Bytes    int64  // 0 for a directory
	Modified time.Time
	Dir      bool
}

// Root is the directory's absolute path, without a trailing slash.
func (f *Files) Root() string { return f.root }

// Path is the absolute path of a name, as SQL statements need it.
func (f *Files) Path(name string) string {
	if name == "" || name == "." {
		return f.root
	}
	return f.root + "/" + name
}

// Create writes a new file. If the file exists, the error is fs.ErrExist. The
// answer to a first attempt may have been lost. So after fs.ErrExist, and after
// an error that is OutcomeUnknown, read the file back to know whether it is
// this one.
func (f *Files) Create(ctx context.Context, name string, data []byte) error {
	return f.put(ctx, "create", name, bytes.NewReader(data), int64(len(data)), false)
}

// Replace writes a file, whether it exists or not. Use it only for caches.
func (f *Files) Replace(ctx context.Context, name string, data []byte) error {
	return f.repeat(ctx, func() error {
		return f.put(ctx, "replace", name, bytes.NewReader(data), int64(len(data)), true)
	})
}

// Upload writes a segment: a file of exactly size bytes, under a path that is
// used only once. It reads body from its start. A lost answer is not an error:
// if the file then exists with its full size, it is this one. Upload rewinds
// body for each attempt and does not close it. The caller must not use body
// meanwhile.
func (f *Files) Upload(ctx context.Context, name string, body io.ReadSeeker, size int64) error {
	if size > MaxFileBytes {
		return refuse(failure.New(failure.Destination, "upload %s: %d bytes, more than a file may have (%d)",
			f.Path(name), size, int64(MaxFileBytes)).
			WithHint("choose smaller segments"))
	}
	return f.repeat(ctx, func() error {
		err := f.put(ctx, "upload", name, body, size, false)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		there, statErr := f.Stat(ctx, name)
		if statErr != nil {
			return statErr
		}
		if there.Bytes != size {
			return failure.New(failure.Destination, "upload %s: there is already a file of %d bytes, want %d", f.Path(name), there.Bytes, size).
				WithHint("a segment's path is used once: this one was written by something else; remove it, or run again for a new path")
		}
		return nil
	})
}

// put sends one file. If the directory is missing, put creates it once, in case
// the service does not create it on its own.
func (f *Files) put(ctx context.Context, verb, name string, body io.ReadSeeker, size int64, overwrite bool) error {
	if err := f.check(verb, name); err != nil {
		return err
	}
	send := func() error {
		u := &upload{size: size, body: body}
		defer u.end()
		if _, err := u.Seek(0, io.SeekStart); err != nil {
			return refuse(fmt.Errorf("rewind: %w", err))
		}
		return f.api.Upload(withUpload(ctx, u), files.UploadRequest{
			FilePath: f.Path(name), Contents: u, Overwrite: overwrite,
			// Without this, false is not sent, and the service's default is true.
			ForceSendFields: []string{"Overwrite"},
		})
	}
	err := send()
	if errors.Is(err, apierr.ErrNotFound) {
		mkdir := f.api.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: path.Dir(f.Path(name))})
		if mkdir != nil {
			return f.wrap(verb, name, errors.Join(err, mkdir))
		}
		err = send()
	}
	return f.wrap(verb, name, err)
}

// Read returns a file's bytes; fs.ErrNotExist if it does not exist.
func (f *Files) Read(ctx context.Context, name string) ([]byte, error) {
	if err := f.check("read", name); err != nil {
		return nil, err
	}
	var data []byte
	err := f.repeat(ctx, func() error {
		answer, err := f.api.Download(ctx, files.DownloadRequest{FilePath: f.Path(name)})
		if err != nil {
			return f.wrap("read", name, err)
		}
		defer func() { _ = answer.Contents.Close() }()
		data, err = io.ReadAll(answer.Contents)
		if err == nil && answer.ContentLength > 0 && int64(len(data)) != answer.ContentLength {
			err = io.ErrUnexpectedEOF
		}
		return f.wrap("read", name, err)
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// Stat describes a file; fs.ErrNotExist if it does not exist. It does not see
// directories.
func (f *Files) Stat(ctx context.Context, name string) (FileInfo, error) {
	if err := f.check("stat", name); err != nil {
		return FileInfo{}, err
	}
	info := FileInfo{Name: name}
	err := f.repeat(ctx, func() error {
		answer, err := f.api.GetMetadata(ctx, files.GetMetadataRequest{FilePath: f.Path(name)})
		if err != nil {
			return f.wrap("stat", name, err)
		}
		info.Bytes = answer.ContentLength
		if at, err := time.Parse(time.RFC1123, answer.LastModified); err == nil {
			info.Modified = at.UTC()
		}
		return nil
	})
	return info, err
}

// List returns the direct contents of a directory ("" is the root), ordered by
// name. A directory that does not exist is empty.
func (f *Files) List(ctx context.Context, dir string) ([]FileInfo, error) {
	if dir != "" {
		if err := f.check("list", dir); err != nil {
			return nil, err
		}
	}
	var found []FileInfo
	err := f.repeat(ctx, func() error {
		entries, err := f.api.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: f.Path(dir)})
		if errors.Is(err, apierr.ErrNotFound) {
			entries, err = nil, nil
		}
		if err != nil {
			return f.wrap("list", dir, err)
		}
		found = make([]FileInfo, 0, len(entries))
		for _, e := range entries {
			found = append(found, FileInfo{
				Name: path.Join(dir, path.Base(strings.TrimSuffix(e.Path, "/"))), Bytes: e.FileSize,
				Modified: time.UnixMilli(e.LastModified).UTC(), Dir: e.IsDirectory,
			})
		}
		return nil
	})
	slices.SortFunc(found, func(a, b FileInfo) int { return cmp.Compare(a.Name, b.Name) })
	return found, err
}

// ListAll returns all files in and below a directory, without the directories,
// ordered by name.
func (f *Files) ListAll(ctx context.Context, dir string) ([]FileInfo, error) {
	found, _, err := f.Tree(ctx, dir)
	return found, err
}

// listers is how many directories are listed at once.
const listers = 16

// Tree walks a directory. It returns the files by name, and the directories,
// each before its contents. It never returns anything outside of the directory.
func (f *Files) Tree(ctx context.Context, dir string) (found, dirs []FileInfo, err error) {
	pending := []string{dir}
	for len(pending) > 0 {
		lists := make([][]FileInfo, len(pending))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(listers)
		for i, name := range pending {
			g.Go(func() (err error) {
				lists[i], err = f.List(gctx, name)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, nil, err
		}
		pending = nil
		for _, entries := range lists {
			for _, e := range entries {
				if e.Dir {
					dirs = append(dirs, e)
					pending = append(pending, e.Name)
				} else {
					found = append(found, e)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b FileInfo) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(dirs, func(a, b FileInfo) int { return cmp.Compare(a.Name, b.Name) })
	return found, dirs, nil
}

// Names lists the base names of the files directly in a directory.
func (f *Files) Names(ctx context.Context, dir string) ([]string, error) {
	entries, err := f.List(ctx, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.Dir {
			names = append(names, path.Base(e.Name))
		}
	}
	return names, nil
}

// Delete removes a file. A missing file is not an error.
func (f *Files) Delete(ctx context.Context, name string) error {
	if err := f.check("delete", name); err != nil {
		return err
	}
	return f.repeat(ctx, func() error {
		err := f.api.Delete(ctx, files.DeleteFileRequest{FilePath: f.Path(name)})
		if errors.Is(err, apierr.ErrNotFound) {
			return nil
		}
		return f.wrap("delete", name, err)
	})
}

// DeleteDir removes a directory ("" is the root) and all of its contents. A
// missing directory is not an error.
func (f *Files) DeleteDir(ctx context.Context, dir string) error {
	found, dirs, err := f.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for _, file := range found {
		if err := f.Delete(ctx, file.Name); err != nil {
			return err
		}
	}
	slices.Reverse(dirs)
	for _, d := range append(dirs, FileInfo{Name: dir}) {
		if err := f.deleteEmpty(ctx, d.Name); err != nil {
			return err
		}
	}
	return nil
}

// DeleteEmptyDir removes a directory if it is empty. It reports whether the
// directory is gone.
func (f *Files) DeleteEmptyDir(ctx context.Context, dir string) (gone bool, err error) {
	if err := f.check("delete directory", dir); err != nil {
		return false, err
	}
	err = f.deleteEmpty(ctx, dir)
	if err == nil {
		return true, nil
	}
	if there, listErr := f.List(ctx, dir); listErr == nil && len(there) > 0 {
		return false, nil // the service refuses to remove it
	}
	return false, err
}

func (f *Files) deleteEmpty(ctx context.Context, dir string) error {
	return f.repeat(ctx, func() error {
		err := f.api.DeleteDirectory(ctx, files.DeleteDirectoryRequest{DirectoryPath: f.Path(dir)})
		if errors.Is(err, apierr.ErrNotFound) {
			return nil
		}
		return f.wrap("delete directory", dir, err)
	})
}

const attempts = 4

// repeat retries a repeatable operation until it succeeds or its error says
// that a retry is useless. The SDK itself retries on 429, 503 and some network
// errors, within its own time limit. repeat covers the other errors.
func (f *Files) repeat(ctx context.Context, do func() error) error {
	pause := f.pause
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt == attempts || !OutcomeUnknown(err) || ctx.Err() != nil {
			return err
		}
		f.log.Debug("repeat after an error", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func (f *Files) check(verb, name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, 0) {
		return refuse(failure.New(failure.Destination, "%s %q: not a relative path of the volume", verb, name))
	}
	return nil
}

// wrap adds the operation and the path to an error. It converts the two
// conditions that callers check for to fs.ErrExist and fs.ErrNotExist.
func (f *Files) wrap(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	where := f.Path(name)
	clean := f.redact.err(err)
	switch {
	case alreadyExists(err):
		return failure.New(failure.Destination, "%s %s: %w: %w", verb, where, fs.ErrExist, clean)
	case errors.Is(err, apierr.ErrNotFound):
		return failure.New(failure.Destination, "%s %s: %w: %w", verb, where, fs.ErrNotExist, clean).
			WithHint("check that the volume exists and that the path was not removed by hand")
	case errors.Is(err, apierr.ErrUnauthenticated):
		return failure.New(failure.Destination, "%s %s: the sign-in is no longer accepted: %w", verb, where, clean).
			WithHint("the token has expired and cannot be renewed: for long runs, sign in with a service principal's client id and secret")
	case errors.Is(err, apierr.ErrPermissionDenied):
		return failure.New(failure.Destination, "%s %s: %w", verb, where, clean).
			WithHint("GRANT READ VOLUME, WRITE VOLUME ON VOLUME … to the signed-in user, and USE CATALOG and USE SCHEMA above it")
	}
	return failure.New(failure.Destination, "%s %s: %w", verb, where, clean)
}

// alreadyExists distinguishes two kinds of 409: the file exists, or the request
// was aborted in favour of another one. The second says nothing about the file.
func alreadyExists(err error) bool {
	return errors.Is(err, apierr.ErrResourceConflict) && !errors.Is(err, apierr.ErrAborted)
}
