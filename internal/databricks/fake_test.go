package databricks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// fake is the part of a workspace's REST interface that this package uses. It
// can inject faults that a real server does not produce on request.
type fake struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	files    map[string][]byte
	dirs     map[string]bool // nil: directories need not be created
	schema   bool
	volume   bool
	requests []string
	pageSize int
	// fault sees each request first. It returns true if it has answered.
	fault func(rw http.ResponseWriter, r *http.Request, serve func()) bool
}

const fakeToken = "dapi-very-secret-token"

func newFake(t *testing.T) *fake {
	f := &fake{t: t, files: map[string][]byte{}, pageSize: 1000}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	isolate(t)
	return f
}

// isolate hides this machine's own Databricks settings from the SDK.
func isolate(t *testing.T) {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "DATABRICKS_") || strings.HasPrefix(name, "ARM_") || strings.HasPrefix(name, "GOOGLE_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("DATABRICKS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
}

func (f *fake) config() databricks.Config {
	return databricks.Config{
		Host: f.url, Token: fakeToken, Catalog: "main", Schema: "bronze", Volume: "ingest", Pipeline: "p",
		RetryPause: time.Millisecond, RetryTimeout: 5 * time.Second, RequestsPerSecond: 1000,
	}
}

func (f *fake) open() *databricks.Workspace {
	f.t.Helper()
	w, err := databricks.Open(context.Background(), f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(w.Close)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
	return w
}

func (f *fake) breakWith(fault func(rw http.ResponseWriter, r *http.Request, serve func()) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *fake) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *fake) put(path, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[path] = []byte(content)
}

func (f *fake) content(path string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.files[path]
	return string(data), ok
}

func refusal(rw http.ResponseWriter, status int, code, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"error_code": code, "message": message})
}

func (f *fake) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	fault := f.fault
	f.mu.Unlock()
	serve := func() { f.serve(rw, r) }
	if fault != nil && fault(rw, r, serve) {
		return
	}
	serve()
}

func (f *fake) serve(rw http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/.well-known/databricks-config" {
		http.NotFound(rw, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+fakeToken {
		refusal(rw, 401, "UNAUTHENTICATED", "credential was not sent or was of an unsupported type: "+r.Header.Get("Authorization"))
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/fs/files"); ok {
		f.serveFile(rw, r, path)
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/fs/directories"); ok {
		f.serveDirectory(rw, r, path)
		return
	}
	f.serveCatalog(rw, r)
}

func (f *fake) serveFile(rw http.ResponseWriter, r *http.Request, path string) {
	data, ok := f.files[path]
	switch r.Method {
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			panic(http.ErrAbortHandler)
		case f.dirs != nil && !f.dirs[path[:strings.LastIndexByte(path, '/')]]:
			refusal(rw, 404, "NOT_FOUND", "no such directory")
		case ok && r.URL.Query().Get("overwrite") == "false":
			refusal(rw, 409, "ALREADY_EXISTS", "the file exists")
		default:
			f.files[path] = body
			rw.WriteHeader(http.StatusNoContent)
		}
		return
	case http.MethodDelete:
		delete(f.files, path)
	}
	if !ok {
		refusal(rw, 404, "NOT_FOUND", "no such file")
		return
	}
	if r.Method == http.MethodDelete {
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
	rw.Header().Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
	_, _ = rw.Write(data)
}

func (f *fake) serveDirectory(rw http.ResponseWriter, r *http.Request, path string) {
	switch r.Method {
	case http.MethodPut:
		f.dirs[path] = true
		rw.WriteHeader(http.StatusNoContent)
		return
	case http.MethodDelete:
		for name := range f.files {
			if strings.HasPrefix(name, path+"/") {
				refusal(rw, 400, "DIRECTORY_NOT_EMPTY", "not empty")
				return
			}
		}
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	type entry map[string]any
	found := map[string]entry{}
	for name, data := range f.files {
		rest, ok := strings.CutPrefix(name, path+"/")
		if !ok {
			continue
		}
		base, _, isDir := strings.Cut(rest, "/")
		found[base] = entry{"path": path + "/" + base, "name": base, "is_directory": isDir}
		if !isDir {
			found[base]["file_size"] = len(data)
			found[base]["last_modified"] = 1445412480000
		}
	}
	if len(found) == 0 {
		refusal(rw, 404, "NOT_FOUND", "no such directory")
		return
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	from, _ := strconv.Atoi(r.URL.Query().Get("page_token"))
	to := min(from+f.pageSize, len(names))
	answer := map[string]any{}
	var contents []entry
	for _, name := range names[from:to] {
		contents = append(contents, found[name])
	}
	answer["contents"] = contents
	if to < len(names) {
		answer["next_page_token"] = strconv.Itoa(to)
	}
	_ = json.NewEncoder(rw).Encode(answer)
}

func (f *fake) serveCatalog(rw http.ResponseWriter, r *http.Request) {
	there := func(ok bool, name string) {
		if !ok {
			refusal(rw, 404, "NOT_FOUND", name+" does not exist")
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"name": name, "full_name": name})
	}
	const unity = "/api/2.1/unity-catalog/"
	switch r.Method + " " + r.URL.Path {
	case "GET /api/2.0/preview/scim/v2/Me":
		_ = json.NewEncoder(rw).Encode(map[string]string{"userName": "ann@example.com"})
	case "GET " + unity + "catalogs/main":
		there(true, "main")
	case "GET " + unity + "schemas/main.bronze":
		there(f.schema, "main.bronze")
	case "POST " + unity + "schemas":
		if f.schema {
			refusal(rw, 400, "SCHEMA_ALREADY_EXISTS", "it exists")
			return
		}
		f.schema = true
		there(true, "main.bronze")
	case "GET " + unity + "volumes/main.bronze.ingest":
		there(f.volume, "main.bronze.ingest")
	case "POST " + unity + "volumes":
		if f.volume {
			refusal(rw, 409, "RESOURCE_ALREADY_EXISTS", "it exists")
			return
		}
		f.volume = true
		there(true, "main.bronze.ingest")
	case "GET " + unity + "tables/main.bronze.orders":
		_ = json.NewEncoder(rw).Encode(map[string]any{
			"name": "orders", "table_type": "MANAGED", "properties": map[string]string{"ingest.ledger": "u"},
			"columns": []map[string]any{{"name": "id", "type_text": "bigint", "position": 0},
				{"name": "price", "type_text": "decimal(10,2)", "position": 1}},
		})
	case "GET /api/2.0/secrets/get":
		if r.URL.Query().Get("key") != "url" {
			refusal(rw, 404, "RESOURCE_DOES_NOT_EXIST", "no such secret")
			return
		}
		_ = json.NewEncoder(rw).
			Encode(map[string]string{"key": "url", "value": base64.StdEncoding.EncodeToString([]byte("postgres://u:pässword@h/d"))})
	case "GET /api/2.0/sql/warehouses":
		_ = json.NewEncoder(rw).Encode(map[string]any{"warehouses": []map[string]any{
			{"id": "0123456789abcdef", "name": "Small", "state": "STOPPED"},
			{"id": "fedcba9876543210", "name": "Large", "state": "RUNNING"},
		}})
	default:
		refusal(rw, 404, "NOT_FOUND", r.Method+" "+r.URL.Path+" is not there")
	}
}
