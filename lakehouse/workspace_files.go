//go:build cgo

package lakehouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	// maxWorkspaceFile is what one workspace file may hold, in bytes.
	maxWorkspaceFile = 500 << 20
	// maxImport is the maximum size of an import call, which sends a file within JSON.
	maxImport = 10 << 20
)

// workspaceFiles are the files of the workspace's own tree: homes, shared
// directories, and the files of bundles. Notebooks and repositories are not
// served. Its methods may be called from any goroutine.
type workspaceFiles struct{ store *store }

// openWorkspaceFiles makes the homes of everyone who can sign in.
func openWorkspaceFiles(s *store, users ...string) (*workspaceFiles, error) {
	for _, name := range users {
		p, err := parseWorkspacePath("/Users/" + name)
		if err != nil {
			return nil, err
		}
		if err := s.root.MkdirAll(p.local(), 0o755); err != nil {
			return nil, err
		}
	}
	return &workspaceFiles{s}, s.root.MkdirAll(workspacePath{"Shared"}.local(), 0o755)
}

// objectInfo is a file or a directory as the API shows it.
type objectInfo struct {
	ObjectType string `json:"object_type"`
	Path       string `json:"path"`
	ObjectID   int64  `json:"object_id"`
	ResourceID string `json:"resource_id"`
	CreatedAt  int64  `json:"created_at,omitempty"`
	ModifiedAt int64  `json:"modified_at,omitempty"`
	Size       int64  `json:"size,omitempty"`
}

// objectID is the id of a path. The same path always has the same id.
func (p workspacePath) objectID() int64 {
	h := sha256.Sum256([]byte(p.String()))
	return int64(binary.BigEndian.Uint64(h[:]) >> 12) // exact in a client's double, too
}

func newObjectInfo(p workspacePath, info fs.FileInfo) objectInfo {
	o := objectInfo{ObjectType: "DIRECTORY", Path: p.String(), ObjectID: p.objectID()}
	o.ResourceID = strconv.FormatInt(o.ObjectID, 10)
	if !info.IsDir() {
		o.ObjectType, o.Size = "FILE", info.Size()
		o.ModifiedAt = info.ModTime().UnixMilli()
		o.CreatedAt = o.ModifiedAt
	}
	return o
}

func noObject(p workspacePath) error {
	return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Path (%s) doesn't exist.", p)
}

// stat describes what is at p; links are nothing that this server stores.
func (f *workspaceFiles) stat(p workspacePath) (fs.FileInfo, error) {
	info, err := f.store.root.Lstat(p.local())
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, noObject(p)
	case err != nil:
		return nil, err
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, refuse(http.StatusForbidden, "PERMISSION_DENIED", "Path (%s) is a link or a special file.", p)
	}
	return info, nil
}

// objectOf returns the file or directory with that id, if it exists. Ids are computed from paths, so it searches the tree.
func (f *workspaceFiles) objectOf(id string) (found workspacePath, err error) {
	err = fs.WalkDir(f.store.root.FS(), workspaceDir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p, err := parseWorkspacePath("/" + name)
		if err != nil {
			return err
		}
		if strconv.FormatInt(p.objectID(), 10) == id {
			found = p
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && found == nil {
		err = refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "Object %s does not exist.", id)
	}
	return found, err
}

// asked describes what is at the path that a request asks for.
func (f *workspaceFiles) asked(r *http.Request) (workspacePath, fs.FileInfo, error) {
	p, err := parseWorkspacePath(r.URL.Query().Get("path"))
	if err != nil {
		return nil, nil, err
	}
	info, err := f.stat(p)
	return p, info, err
}

func (f *workspaceFiles) getStatus(w http.ResponseWriter, r *http.Request) error {
	p, info, err := f.asked(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newObjectInfo(p, info))
	return nil
}

// list answers with what is in a directory; of a file, with the file alone.
func (f *workspaceFiles) list(w http.ResponseWriter, r *http.Request) error {
	p, info, err := f.asked(r)
	if err != nil {
		return err
	}
	objects := []objectInfo{}
	if !info.IsDir() {
		objects = append(objects, newObjectInfo(p, info))
	} else if objects, err = f.children(p); err != nil {
		return err
	}
	answer := map[string]any{"objects": objects}
	if len(objects) == 0 {
		delete(answer, "objects")
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (f *workspaceFiles) children(p workspacePath) ([]objectInfo, error) {
	d, err := f.store.root.Open(p.local())
	if err != nil {
		return nil, err
	}
	entries, err := d.Readdir(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	var out []objectInfo
	for _, e := range entries {
		if e.IsDir() || e.Mode().IsRegular() {
			out = append(out, newObjectInfo(p.child(e.Name()), e))
		}
	}
	return out, nil
}

// mkdirs makes a directory and every directory above it that is missing.
func (f *workspaceFiles) mkdirs(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Path string `json:"path"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	p, err := parseWorkspacePath(in.Path)
	if err != nil {
		return err
	}
	if err := f.mayWrite(p); err != nil {
		return err
	}
	err = f.store.root.MkdirAll(p.local(), 0o755)
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		return refuse(http.StatusBadRequest, "RESOURCE_ALREADY_EXISTS", "A file is at Path (%s), or above it.", p)
	}
	if err == nil {
		err = f.store.syncDir(path.Dir(p.local()))
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// mayWrite refuses paths outside of Users and Shared, and the home of a user who does not exist.
func (f *workspaceFiles) mayWrite(p workspacePath) error {
	if len(p) == 0 || p[0] != "Users" && p[0] != "Shared" || len(p) == 1 && p[0] == "Users" {
		return refuse(http.StatusForbidden, "PERMISSION_DENIED", "The local workspace keeps files below /Users and /Shared, not at %s.", p)
	}
	if p[0] == "Users" {
		if _, err := f.stat(p[:2]); err != nil {
			return refuse(http.StatusForbidden, "PERMISSION_DENIED", "User %s has no home folder.", p[1])
		}
	}
	return nil
}

// importFile stores the request's body as a file, as a whole or not at all.
func (f *workspaceFiles) importFile(w http.ResponseWriter, r *http.Request) error {
	p, err := parseWorkspacePath("/" + r.PathValue("path"))
	if err == nil {
		err = f.put(p, http.MaxBytesReader(w, r.Body, maxWorkspaceFile), r.URL.Query().Get("overwrite") == "true")
	}
	if err != nil {
		drain(r)
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// put stores what body holds at p. The directory must be there.
func (f *workspaceFiles) put(p workspacePath, body io.Reader, overwrite bool) error {
	if err := f.mayWrite(p); err != nil {
		return err
	}
	if parent, err := f.stat(p[:len(p)-1]); err != nil || !parent.IsDir() {
		return refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "The parent folder (%s) does not exist.", p[:len(p)-1])
	}
	if info, err := f.stat(p); err == nil && info.IsDir() {
		return refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Path (%s) is a directory.", p)
	}
	file, temp, err := f.store.temp(0o644)
	if err != nil {
		return fmt.Errorf("store %s: %w", p, err)
	}
	if _, err = io.Copy(file, body); err != nil {
		err = uploadEnded(err)
	} else {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.place(temp, p, overwrite)
	}
	return errors.Join(err, f.store.discard(temp))
}

// place moves a complete temporary file to p.
func (f *workspaceFiles) place(temp string, p workspacePath, overwrite bool) error {
	move := f.store.root.Link
	if overwrite {
		move = f.store.root.Rename
	}
	err := move(temp, p.local())
	switch {
	case errors.Is(err, fs.ErrExist) && !overwrite:
		return refuse(http.StatusConflict, "RESOURCE_ALREADY_EXISTS", "Path (%s) already exists.", p)
	case errors.Is(err, fs.ErrNotExist):
		return noObject(p[:len(p)-1]) // removed meanwhile
	case err != nil:
		return fmt.Errorf("store %s: %w", p, err)
	}
	return f.store.syncDir(path.Dir(p.local()))
}

// importObject takes a file within JSON, or within a form as the SDKs send it.
func (f *workspaceFiles) importObject(w http.ResponseWriter, r *http.Request) error {
	in, err := readImport(w, r)
	if err != nil {
		drain(r)
		return err
	}
	if in.Language != "" || slices.Contains([]string{"SOURCE", "HTML", "JUPYTER", "DBC", "R_MARKDOWN"}, in.Format) {
		return badParameter("The local workspace has no notebooks: import with format AUTO or RAW, and no language.")
	}
	p, err := parseWorkspacePath(in.Path)
	if err != nil {
		return err
	}
	if err := f.put(p, bytes.NewReader(in.content), in.Overwrite); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

// importRequest is what the import call asks for.
type importRequest struct {
	Path      string `json:"path"`
	Format    string `json:"format"`
	Language  string `json:"language"`
	Content   string `json:"content"` // base64
	Overwrite bool   `json:"overwrite"`
	content   []byte
}

func readImport(w http.ResponseWriter, r *http.Request) (in importRequest, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxImport*4/3+maxJSONBytes)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		if err := r.ParseMultipartForm(maxImport); err != nil {
			return in, refuse(http.StatusBadRequest, "MALFORMED_REQUEST", "the request's body is not a form: %v", err)
		}
		in = importRequest{
			Path: r.FormValue("path"), Format: r.FormValue("format"), Language: r.FormValue("language"),
			Overwrite: r.FormValue("overwrite") == "true",
		}
		file, _, err := r.FormFile("content")
		if err != nil {
			return in, badParameter("The form has no content: %v", err)
		}
		defer file.Close()
		in.content, err = io.ReadAll(file)
		return in, err
	}
	if err := readLongJSON(r, &in, maxImport*4/3+maxJSONBytes); err != nil {
		return in, err
	}
	if in.content, err = base64.StdEncoding.DecodeString(in.Content); err != nil {
		return in, badParameter("content is not base64: %v", err)
	}
	return in, nil
}

// export answers with a file's content: as it is when direct_download asks for
// it, else in base64.
func (f *workspaceFiles) export(w http.ResponseWriter, r *http.Request) error {
	p, info, err := f.asked(r)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return badParameter("Path (%s) is a directory: the local workspace exports files.", p)
	}
	file, err := f.store.root.Open(p.local())
	if errors.Is(err, os.ErrNotExist) {
		return noObject(p)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if r.URL.Query().Get("direct_download") == "true" {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", info.ModTime(), file)
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxImport+1))
	if err != nil {
		return err
	}
	if len(text) > maxImport {
		return refuse(http.StatusBadRequest, "MAX_READ_SIZE_EXCEEDED",
			"Path (%s) has more than %d bytes: export it with direct_download.", p, maxImport)
	}
	writeJSON(w, http.StatusOK, map[string]string{"content": base64.StdEncoding.EncodeToString(text), "file_type": path.Ext(p.String())})
	return nil
}

// remove removes a file, or a directory: with recursive, all that is in it.
func (f *workspaceFiles) remove(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Path      string `json:"path"`
		Recursive bool   `json:"recursive"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	p, err := parseWorkspacePath(in.Path)
	if err != nil {
		return err
	}
	if p.fixed() {
		return refuse(http.StatusForbidden, "PERMISSION_DENIED", "Path (%s) cannot be deleted.", p)
	}
	info, err := f.stat(p)
	if err != nil {
		return err
	}
	if info.IsDir() && in.Recursive {
		err = f.store.removeTree(p.local())
	} else {
		err = f.store.root.Remove(p.local())
	}
	switch {
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST):
		return refuse(http.StatusBadRequest, "DIRECTORY_NOT_EMPTY", "Folder (%s) is not empty", p)
	case errors.Is(err, fs.ErrNotExist):
		return noObject(p)
	case err != nil:
		return err
	}
	if err := f.store.syncDir(path.Dir(p.local())); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}
