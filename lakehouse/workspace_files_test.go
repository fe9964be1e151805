//go:build cgo

package lakehouse

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/workspace"
	"github.com/google/go-cmp/cmp"
)

const home = "/Users/" + localUser

// importFile sends a file as bundles do.
func importFile(t *testing.T, s *Server, path, text string, overwrite string) (int, string) {
	t.Helper()
	call := "/api/2.0/workspace-files/import-file/" + url.PathEscape(strings.TrimPrefix(path, "/")) + "?overwrite=" + overwrite
	response, body := request(t, s, http.MethodPost, call, nil, strings.NewReader(text))
	return response.StatusCode, body
}

func TestWorkspaceFiles(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	const file = home + "/a b/c%d.py"
	if status, body := importFile(t, s, file, "x", "false"); status != http.StatusNotFound ||
		!strings.Contains(body, "RESOURCE_DOES_NOT_EXIST") {
		t.Errorf("without its directory: %d %s", status, body)
	}
	if err := w.Workspace.MkdirsByPath(ctx, "/Workspace"+home+"/a b/empty"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		overwrite, text string
		want            int
	}{{"false", "one", 200}, {"false", "two", 409}, {"true", "three", 200}} {
		if status, body := importFile(t, s, file, c.text, c.overwrite); status != c.want {
			t.Errorf("%s: %d %s, want %d", c.text, status, body, c.want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "Workspace", file)); err != nil || string(text) != "three" {
		t.Errorf("the file on disk: %q, %v", text, err)
	}
	got, err := w.Workspace.GetStatusByPath(ctx, "/Workspace"+file)
	if err != nil || got.ObjectType != workspace.ObjectTypeFile || got.Path != file || got.Size != 5 ||
		got.ObjectId == 0 || got.ModifiedAt == 0 {
		t.Errorf("status %+v, %v", got, err)
	}
	list, err := w.Workspace.ListAll(ctx, workspace.ListWorkspaceRequest{Path: home + "/a b"})
	if err != nil || len(list) != 2 || list[0].Path != file || list[1].ObjectType != workspace.ObjectTypeDirectory {
		t.Errorf("list %+v, %v", list, err)
	}
	for _, direct := range []bool{true, false} {
		if text := exported(t, w, file, direct); text != "three" {
			t.Errorf("direct %v: %q", direct, text)
		}
	}
	err = w.Workspace.Delete(ctx, workspace.Delete{Path: home + "/a b"})
	wantRefusal(t, "full directory", err, apierr.ErrBadRequest, "DIRECTORY_NOT_EMPTY")
	if err := w.Workspace.Delete(ctx, workspace.Delete{Path: home + "/a b", Recursive: true}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Workspace.GetStatusByPath(ctx, file)
	wantRefusal(t, "removed", err, apierr.ErrNotFound, "RESOURCE_DOES_NOT_EXIST")
}

func exported(t *testing.T, w *databricks.WorkspaceClient, path string, direct bool) string {
	t.Helper()
	if direct {
		r, err := w.Workspace.Download(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	r, err := w.Workspace.Export(t.Context(), workspace.ExportRequest{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(r.Content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWorkspaceImport sends files in both of the forms that SDKs use.
func TestWorkspaceImport(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	content := base64.StdEncoding.EncodeToString([]byte("json"))
	if err := w.Workspace.Import(ctx,
		workspace.Import{Path: home + "/json", Content: content, Format: workspace.ImportFormatAuto}); err != nil {
		t.Error(err)
	}
	if err := w.Workspace.Upload(ctx, home+"/form", bytes.NewReader([]byte("form")),
		workspace.UploadFormat(workspace.ImportFormatRaw)); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"json", "form"} {
		if text := exported(t, w, home+"/"+name, true); text != name {
			t.Errorf("%s holds %q", name, text)
		}
	}
	err := w.Workspace.Import(ctx, workspace.Import{Path: home + "/json", Content: content, Format: workspace.ImportFormatAuto})
	wantRefusal(t, "again", err, apierr.ErrResourceConflict, "RESOURCE_ALREADY_EXISTS")
	err = w.Workspace.Import(ctx,
		workspace.Import{Path: home + "/n", Content: content, Format: workspace.ImportFormatSource, Language: workspace.LanguagePython})
	wantRefusal(t, "notebook", err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
}

func TestWorkspacePathsAreKeptIn(t *testing.T) {
	s := start(t, Options{})
	w := connect(t, s, &databricks.Config{})
	ctx := t.Context()
	for _, path := range []string{"/Users/../../x", "relative", home + "/a//b", home + "/a/./b"} {
		err := w.Workspace.MkdirsByPath(ctx, path)
		wantRefusal(t, path, err, apierr.ErrInvalidParameterValue, "INVALID_PARAMETER_VALUE")
	}
	for _, path := range []string{"/Volumes/x", "/Users", "/Users/someone/x", "/"} {
		err := w.Workspace.MkdirsByPath(ctx, path)
		wantRefusal(t, path, err, apierr.ErrPermissionDenied, "PERMISSION_DENIED")
	}
	for _, path := range []string{"/", "/Users", home, "/Shared"} {
		err := w.Workspace.Delete(ctx, workspace.Delete{Path: path, Recursive: true})
		wantRefusal(t, "delete "+path, err, apierr.ErrPermissionDenied, "PERMISSION_DENIED")
	}
	if status, body := importFile(t, s, home, "x", "true"); status != http.StatusBadRequest {
		t.Errorf("a directory was overwritten: %d %s", status, body)
	}
	if err := w.Workspace.MkdirsByPath(ctx, "/Shared/x"); err != nil {
		t.Error(err)
	}
	list, err := w.Workspace.ListAll(ctx, workspace.ListWorkspaceRequest{Path: "/Workspace"})
	var names []string
	for _, o := range list {
		names = append(names, o.Path)
	}
	if diff := cmp.Diff([]string{"/Shared", "/Users"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
