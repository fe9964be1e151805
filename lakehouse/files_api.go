//go:build cgo

package lakehouse

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse"
)

const (
	filesPrefix       = "/api/2.0/fs/files"
	directoriesPrefix = "/api/2.0/fs/directories"

	// maxUploadBytes is the maximum size of one PUT.
	maxUploadBytes = 5 << 30
	// maxPageEntries is the most that one page of a listing holds.
	maxPageEntries = 1000
)

// serveFiles answers the Files API. It reads the path as it was encoded; a ServeMux would clean and decode it first.
func (v *volumeFiles) serveFiles(w http.ResponseWriter, r *http.Request) error {
	encoded := r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(encoded, filesPrefix); ok {
		return v.serveFile(w, r, rest)
	}
	if rest, ok := strings.CutPrefix(encoded, directoriesPrefix); ok {
		return v.serveDirectory(w, r, rest)
	}
	return endpointNotFound(w, r)
}

func (v *volumeFiles) serveFile(w http.ResponseWriter, r *http.Request, encoded string) error {
	p, err := parseVolumePath(encoded)
	if err != nil {
		drain(r)
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return v.download(w, r, p)
	case http.MethodPut:
		err = v.upload(w, r, p)
	case http.MethodDelete:
		err = v.remove(p)
	case http.MethodPost:
		return v.initiateUpload(w, r, p)
	default:
		return endpointNotFound(w, r)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// initiateUpload begins an upload in parts, which is not supported: no part gets a URL. Clients that ask for one (the Python SDK,
// for large files) then send the file in one PUT. If the upload could not begin at all, they would give up.
func (v *volumeFiles) initiateUpload(w http.ResponseWriter, r *http.Request, p volumePath) error {
	if r.URL.Query().Get("action") != "initiate-upload" {
		return endpointNotFound(w, r)
	}
	if _, err := v.stat(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"multipart_upload": map[string]string{"session_token": randomHex(16)}})
	return nil
}

func (v *volumeFiles) download(w http.ResponseWriter, r *http.Request, p volumePath) error {
	f, info, err := v.open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), f)
	return nil
}

// upload stores the request's body. The default is to overwrite.
func (v *volumeFiles) upload(w http.ResponseWriter, r *http.Request, p volumePath) error {
	overwrite := true
	if text := r.URL.Query().Get("overwrite"); text != "" {
		var err error
		if overwrite, err = strconv.ParseBool(text); err != nil {
			drain(r)
			return badParameter("overwrite=%s is neither true nor false.", text)
		}
	}
	if r.ContentLength > maxUploadBytes {
		return badParameter("The file is larger than %d bytes, the most that one upload may hold.", int64(maxUploadBytes))
	}
	err := v.put(p, http.MaxBytesReader(w, r.Body, maxUploadBytes), overwrite)
	if err != nil {
		drain(r)
	}
	return err
}

// drain reads what is left of a body whose request is refused: a client that
// is still sending would see a reset connection instead of the refusal.
func drain(r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxUploadBytes))
}

func (v *volumeFiles) serveDirectory(w http.ResponseWriter, r *http.Request, encoded string) error {
	p, err := parseVolumePath(encoded)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		return v.serveListing(w, r, p)
	case http.MethodHead:
		if err = v.directory(p); err == nil {
			w.WriteHeader(http.StatusOK)
		}
		return err
	case http.MethodPut:
		err = v.makeDirectory(p)
	case http.MethodDelete:
		err = v.removeDirectory(p)
	default:
		return endpointNotFound(w, r)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// serveListing answers with one page. The page token is the last name of the page before, so files that are added or removed
// meanwhile do not shift the pages.
func (v *volumeFiles) serveListing(w http.ResponseWriter, r *http.Request, p volumePath) error {
	limit, err := pageLimit(r.URL.Query().Get("page_size"), maxPageEntries)
	if err != nil {
		return err
	}
	after, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("page_token"))
	if err != nil {
		return badParameter("The page token is not one of this listing.")
	}
	entries, more, err := v.list(p, string(after), limit)
	if err != nil {
		return err
	}
	answer := struct {
		Contents      []directoryEntry `json:"contents,omitempty"`
		NextPageToken string           `json:"next_page_token,omitempty"`
	}{Contents: entries}
	if more {
		answer.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(entries[len(entries)-1].Name))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// pageLimit reads a page size: none, 0 or too large a size means the maximum.
func pageLimit(text string, most int) (int, error) {
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badParameter("The page size %q is not a number from 0 on.", text)
	}
	if n == 0 || n > most {
		return most, nil
	}
	return n, nil
}

// presign returns the URL and token with which a client of the SQL warehouse moves a file of a volume, through the Files API.
func (s *Server) presign(base string, m warehouse.Move) (string, map[string]string) {
	address := url.URL{Path: filesPrefix + m.Path}
	if m.Directory {
		address.Path = directoriesPrefix + m.Path
	}
	if m.Method == http.MethodPut {
		address.RawQuery = "overwrite=" + strconv.FormatBool(m.Overwrite)
	}
	return base + address.String(), map[string]string{"Authorization": "Bearer " + s.auth.issue()}
}
