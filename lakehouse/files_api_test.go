//go:build cgo

package lakehouse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/files"
	"github.com/google/go-cmp/cmp"
)

// names are file names that need escaping.
var names = []string{"plain.json", "a b", "日本語", "50%", "a#b?c", "%2e%2e", "a+b&c=d;e", "...", "back\\slash", "'quote\"", "tab\tnewline\n"}

func TestFileRoundTrip(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			file := volume + "/deep/" + name + "/" + name
			if err := upload(t.Context(), w, file, "one"); err != nil {
				t.Fatal(err)
			}
			if err := upload(t.Context(), w, file, "another"); err != nil {
				t.Fatal(err)
			}
			if got := download(t, w, file); got != "another" {
				t.Errorf("content %q", got)
			}
			meta, err := w.Files.GetMetadataByFilePath(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			modified, err := http.ParseTime(meta.LastModified)
			if meta.ContentLength != 7 || err != nil || time.Since(modified) > time.Hour {
				t.Errorf("length %d, modified %q", meta.ContentLength, meta.LastModified)
			}
			if err := w.Files.DeleteByFilePath(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Files.GetMetadataByFilePath(t.Context(), file); !errors.Is(err, apierr.ErrNotFound) {
				t.Errorf("after its removal: %v", err)
			}
			if err := w.Files.DeleteByFilePath(t.Context(), file); !errors.Is(err, apierr.ErrNotFound) {
				t.Errorf("removed twice: %v", err)
			}
		})
	}
}

func TestCreateIfAbsent(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	file := makeVolume(t, w) + "/ledger/1.json"
	if err := create(t.Context(), w, file, "first"); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), w, file, "second"); !errors.Is(err, apierr.ErrAlreadyExists) {
		t.Errorf("second: %v; want ErrAlreadyExists", err)
	}
	// The SDK leaves overwrite=false out unless it is forced, and the default
	// is true.
	if err := w.Files.Upload(t.Context(), files.UploadRequest{FilePath: file, Contents: body("third")}); err != nil {
		t.Fatal(err)
	}
	if got := download(t, w, file); got != "third" {
		t.Errorf("content %q", got)
	}
}

// race creates the same file many times at once and returns the contents of the creations that succeeded.
func race(t *testing.T, s *Server, w *databricks.WorkspaceClient, file string) []string {
	t.Helper()
	const writers = 50
	var (
		mu      sync.Mutex
		winners []string
		all     sync.WaitGroup
	)
	for i := range writers {
		all.Go(func() {
			text := fmt.Sprintf("%d", i)
			err := create(t.Context(), w, file, text)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners = append(winners, text)
			case !errors.Is(err, apierr.ErrAlreadyExists):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if left, err := os.ReadDir(filepath.Join(s.options.Dir, tempDir)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return winners
}

func TestCreateIfAbsentHasOneWinner(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	for i := range 5 {
		file := fmt.Sprintf("%s/ledger/%d.json", volume, i)
		if winners := race(t, s, w, file); len(winners) != 1 || download(t, w, file) != winners[0] {
			t.Errorf("winners %v; want one, and its content", winners)
		}
	}
}

func TestCreateIfAbsentRacy(t *testing.T) {
	s := start(t, Options{Switches: Switches{RacyCreate: true}})
	file, err := parseVolumePath(makeVolume(t, connect(t, s, &databricks.Config{})) + "/1.json")
	if err != nil {
		t.Fatal(err)
	}
	// Both look before either stores: each body waits for the other one's.
	var bodies sync.WaitGroup
	bodies.Add(2)
	put := func() error {
		return s.files.put(file, readerFunc(func([]byte) (int, error) {
			bodies.Done()
			bodies.Wait()
			return 0, io.EOF
		}), false)
	}
	failed := make(chan error)
	for range 2 {
		go func() { failed <- put() }()
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Errorf("racy create: %v; want both to win", err)
		}
	}
	if err := put(); err == nil {
		t.Error("a third one that comes later was not refused")
	}
}

func TestRange(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	if err := upload(t.Context(), w, volume+"/f", "0123456789"); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{"bytes=2-4": "234", "bytes=7-": "789", "bytes=-2": "89", "bytes=0-0": "0"} {
		response, text := request(t, s, http.MethodGet, filesPrefix+volume+"/f", http.Header{"Range": {spec}}, nil)
		if response.StatusCode != http.StatusPartialContent || text != want {
			t.Errorf("%s: status %d, %q; want %q", spec, response.StatusCode, text, want)
		}
	}
	if response, _ := request(t, s, http.MethodGet, filesPrefix+volume+"/f", http.Header{"Range": {"bytes=10-"}},
		nil); response.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range beyond the end: status %d", response.StatusCode)
	}
}

func TestListingIsPaged(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	local := filepath.Join(s.options.Dir, filepath.FromSlash(volume), "many")
	if err := os.MkdirAll(filepath.Join(local, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := []string{volume + "/many/sub"}
	for i := range 2500 {
		name := fmt.Sprintf("%06d.json", i)
		if err := os.WriteFile(filepath.Join(local, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		want = append(want, volume+"/many/"+name)
	}
	slices.Sort(want)
	for _, pageSize := range []int64{0, 7, 1000, 5000} {
		before := s.Requests()
		entries, err := w.Files.ListDirectoryContentsAll(t.Context(),
			files.ListDirectoryContentsRequest{DirectoryPath: volume + "/many", PageSize: pageSize})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Path)
			if e.IsDirectory != (e.Name == "sub") || !e.IsDirectory && e.FileSize != 1 || e.LastModified == 0 {
				t.Errorf("entry %+v", e)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("page size %d: %s", pageSize, diff)
		}
		if pages := s.Requests() - before; pageSize != 7 && pages != 3 {
			t.Errorf("page size %d: %d pages; want 3", pageSize, pages)
		}
	}
}

func TestListingShowsNoUploadInProgress(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	p, err := parseVolumePath(volume + "/f")
	if err != nil {
		t.Fatal(err)
	}
	err = s.files.put(p, readerFunc(func([]byte) (int, error) {
		entries, err := w.Files.ListDirectoryContentsAll(t.Context(), files.ListDirectoryContentsRequest{DirectoryPath: volume})
		if err != nil || len(entries) != 0 {
			t.Errorf("entries %v, %v; want none", entries, err)
		}
		return 0, io.EOF
	}), true)
	if err != nil {
		t.Fatal(err)
	}
}

func TestDirectories(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	ctx := t.Context()
	mkdir := func(path string) error {
		return w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: path})
	}
	for _, path := range []string{volume + "/a/b/c", volume + "/a/b/c/", volume + "/a", volume} {
		if err := mkdir(path); err != nil {
			t.Errorf("make %s: %v", path, err)
		}
	}
	if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, volume+"/a/b"); err != nil {
		t.Error(err)
	}
	if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, volume+"/none"); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("missing directory: %v", err)
	}
	err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+"/a/b")
	var refusal *apierr.APIError
	if !errors.As(err, &refusal) || refusal.StatusCode != 400 || refusal.ErrorDetails().ErrorInfo.Reason != reasonNotEmpty {
		t.Errorf("remove a directory that is not empty: %v", err)
	}
	for _, path := range []string{"/a/b/c", "/a/b", "/a"} {
		if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+path); err != nil {
			t.Errorf("remove %s: %v", path, err)
		}
	}
	if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+"/a"); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume); !errors.Is(err, apierr.ErrInvalidParameterValue) {
		t.Errorf("remove the volume's root: %v", err)
	}
}

func TestFilesAndDirectoriesAreNotEachOther(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	ctx := t.Context()
	if err := upload(ctx, w, volume+"/dir/file", "x"); err != nil {
		t.Fatal(err)
	}
	mkdir := func(path string) error {
		return w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: path})
	}
	list := func(path string) error {
		_, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: path})
		return err
	}
	read := func(path string) error {
		_, err := w.Files.GetMetadataByFilePath(ctx, path)
		return err
	}
	for name, test := range map[string]struct{ got, want error }{
		"upload onto a directory":         {upload(ctx, w, volume+"/dir", "x"), apierr.ErrInvalidParameterValue},
		"create onto a directory":         {create(ctx, w, volume+"/dir", "x"), apierr.ErrInvalidParameterValue},
		"upload onto the volume":          {upload(ctx, w, volume, "x"), apierr.ErrInvalidParameterValue},
		"upload below a file":             {upload(ctx, w, volume+"/dir/file/x", "x"), apierr.ErrInvalidParameterValue},
		"make a directory of a file":      {mkdir(volume + "/dir/file"), apierr.ErrAlreadyExists},
		"make a directory below a file":   {mkdir(volume + "/dir/file/x"), apierr.ErrAlreadyExists},
		"list a file":                     {list(volume + "/dir/file"), apierr.ErrNotFound},
		"list nothing":                    {list(volume + "/none"), apierr.ErrNotFound},
		"read a directory":                {read(volume + "/dir"), apierr.ErrNotFound},
		"read below a file":               {read(volume + "/dir/file/x"), apierr.ErrNotFound},
		"delete a directory as a file":    {w.Files.DeleteByFilePath(ctx, volume+"/dir"), apierr.ErrNotFound},
		"delete a file as a directory":    {w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+"/dir/file"), apierr.ErrNotFound},
		"read in a volume that is not":    {read("/Volumes/dev/bronze/none/f"), apierr.ErrNotFound},
		"upload to a volume that is not":  {upload(ctx, w, "/Volumes/dev/bronze/none/f", "x"), apierr.ErrNotFound},
		"make a directory in no volume":   {mkdir("/Volumes/dev/bronze/none/d"), apierr.ErrNotFound},
		"upload to a schema that is not":  {upload(ctx, w, "/Volumes/dev/none/ingest/f", "x"), apierr.ErrNotFound},
		"upload outside of the volumes":   {upload(ctx, w, "/Workspace/f", "x"), apierr.ErrInvalidParameterValue},
		"climb out":                       {upload(ctx, w, volume+"/../../../../x", "x"), apierr.ErrInvalidParameterValue},
		"climb out and in again":          {upload(ctx, w, volume+"/../ingest/f", "x"), apierr.ErrInvalidParameterValue},
		"a name that is too long to keep": {upload(ctx, w, volume+"/"+strings.Repeat("x", 300), "x"), apierr.ErrInvalidParameterValue},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v; want %v", name, test.got, test.want)
		}
	}
	if _, err := os.Stat(filepath.Join(s.options.Dir, "x")); err == nil {
		t.Error("a file was stored outside of the volumes")
	}
}

func TestLinksAreRefused(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	outside := t.TempDir()
	local := filepath.Join(s.options.Dir, filepath.FromSlash(volume))
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"dir": outside, "file": filepath.Join(outside, "secret"), "inside": "."} {
		if err := os.Symlink(target, filepath.Join(local, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/file", "/dir/secret", "/dir/new", "/inside/x"} {
		if _, err := w.Files.DownloadByFilePath(t.Context(), volume+path); !errors.Is(err, apierr.ErrPermissionDenied) {
			t.Errorf("read %s: %v", path, err)
		}
		if err := upload(t.Context(), w, volume+path, "x"); !errors.Is(err, apierr.ErrPermissionDenied) {
			t.Errorf("write %s: %v", path, err)
		}
		if err := w.Files.DeleteByFilePath(t.Context(), volume+path); !errors.Is(err, apierr.ErrPermissionDenied) {
			t.Errorf("delete %s: %v", path, err)
		}
	}
	entries, err := w.Files.ListDirectoryContentsAll(t.Context(), files.ListDirectoryContentsRequest{DirectoryPath: volume})
	if err != nil || len(entries) != 0 {
		t.Errorf("listing %v, %v; want no links in it", entries, err)
	}
}

func TestShortUploadStoresNothing(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	volume := makeVolume(t, w)
	for name, rest := range map[string]string{
		"length": "Content-Length: 100\r\n\r\nonly this",
		"chunks": "Transfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "PUT %s%s/short HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s", filesPrefix, volume, s.Token(), rest)
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				response.Body.Close()
				if response.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d; want 400", response.StatusCode)
				}
			}
			if _, err := w.Files.GetMetadataByFilePath(t.Context(), volume+"/short"); !errors.Is(err, apierr.ErrNotFound) {
				t.Errorf("half an upload was stored: %v", err)
			}
		})
	}
	if left, err := os.ReadDir(filepath.Join(s.options.Dir, tempDir)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFilesSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Options{Dir: dir})
	w := connect(t, first, &databricks.Config{})
	volume := makeVolume(t, w)
	if err := upload(t.Context(), w, volume+"/f", "kept"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tempDir, "half"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	second := start(t, Options{Dir: dir})
	if got := download(t, connect(t, second, &databricks.Config{}), volume+"/f"); got != "kept" {
		t.Errorf("content %q", got)
	}
	if left, err := os.ReadDir(filepath.Join(dir, tempDir)); err != nil || len(left) > 0 {
		t.Errorf("left behind by a process that died: %v, %v", left, err)
	}
}

// A volume that is deleted while uploads to it are under way stays deleted.
func TestDeletedVolumeStaysDeleted(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	p, err := parseVolumePath(makeVolume(t, w) + "/deep/f")
	if err != nil {
		t.Fatal(err)
	}
	err = s.files.put(p, readerFunc(func([]byte) (int, error) {
		if err := w.Volumes.DeleteByName(t.Context(), "dev.bronze.ingest"); err != nil {
			t.Error(err)
		}
		return 0, io.EOF
	}), true)
	var refusal *apiError
	if !errors.As(err, &refusal) || refusal.reason != reasonNoVolume {
		t.Errorf("upload: %v; want %s", err, reasonNoVolume)
	}
	if _, err := os.Stat(filepath.Join(s.options.Dir, p.root())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the volume came back: %v", err)
	}
}

// The Python SDK begins an upload of a large file this way. The answer has no URL for its parts, so it sends the file in one PUT.
func TestUploadInPartsFallsBack(t *testing.T) {
	s := start(t, Options{})
	volume := makeVolume(t, connect(t, s, &databricks.Config{}))
	response, text := request(t, s, http.MethodPost, filesPrefix+volume+"/f?action=initiate-upload&overwrite=true", nil, nil)
	if response.StatusCode != http.StatusOK || !strings.Contains(text, `"multipart_upload":{"session_token":"`) {
		t.Errorf("begin: status %d, %s", response.StatusCode, text)
	}
	if response, text = request(t, s, http.MethodPost, "/api/2.0/fs/create-upload-urls", nil,
		nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("parts: status %d, %s", response.StatusCode, text)
	}
	response, text = request(t, s, http.MethodPost, filesPrefix+"/Volumes/dev/bronze/none/f?action=initiate-upload", nil, nil)
	if response.StatusCode != http.StatusNotFound || !strings.Contains(text, reasonNoVolume) {
		t.Errorf("begin in no volume: status %d, %s", response.StatusCode, text)
	}
}
