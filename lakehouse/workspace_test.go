//go:build cgo

package lakehouse

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/files"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
		code = 1
	}
	os.Exit(code)
}

// start opens a workspace with the catalog "dev" that ends with the test.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Catalogs == nil {
		o.Catalogs = []string{"dev"}
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect makes a client of the Databricks SDK, with a token unless c says how else to sign in. It
// ignores the environment of the test.
func connect(t *testing.T, s *Server, c *databricks.Config) *databricks.WorkspaceClient {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	c.Host, c.HTTPTransport, c.RateLimitPerSecond = s.URL(), transport, 10_000
	if c.AuthType == "" {
		c.AuthType, c.Token = "pat", s.Token()
	}
	w, err := databricks.NewWorkspaceClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// makeVolume makes dev.bronze.ingest and gives its path.
func makeVolume(t *testing.T, w *databricks.WorkspaceClient) string {
	t.Helper()
	_, err := w.Schemas.Create(t.Context(), catalog.CreateSchema{CatalogName: "dev", Name: "bronze"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Volumes.Create(t.Context(), catalog.CreateVolumeRequestContent{
		CatalogName: "dev", SchemaName: "bronze", Name: "ingest", VolumeType: catalog.VolumeTypeManaged,
	})
	if err != nil {
		t.Fatal(err)
	}
	return "/Volumes/dev/bronze/ingest"
}

// rewindable is a body that the SDK can send again.
type rewindable struct{ *bytes.Reader }

func (rewindable) Close() error { return nil }

func body(text string) io.ReadCloser { return rewindable{bytes.NewReader([]byte(text))} }

func upload(ctx context.Context, w *databricks.WorkspaceClient, path, text string) error {
	return w.Files.Upload(ctx, files.UploadRequest{FilePath: path, Contents: body(text), Overwrite: true})
}

// create is create-if-absent.
func create(ctx context.Context, w *databricks.WorkspaceClient, path, text string) error {
	return w.Files.Upload(ctx, files.UploadRequest{
		FilePath: path, Contents: body(text), Overwrite: false, ForceSendFields: []string{"Overwrite"},
	})
}

func download(t *testing.T, w *databricks.WorkspaceClient, path string) string {
	t.Helper()
	response, err := w.Files.DownloadByFilePath(t.Context(), path)
	if err != nil {
		t.Fatalf("download %s: %v", path, err)
	}
	defer response.Contents.Close()
	text, err := io.ReadAll(response.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// request sends one plain HTTP request with the workspace's token.
func request(t *testing.T, s *Server, method, path string, header http.Header, payload io.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	if header == nil {
		header = http.Header{}
	}
	r.Header = header
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+s.Token())
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// clock is a time that moves when the test says so.
type clock struct{ nanos chan int64 }

func newClock() *clock {
	c := &clock{make(chan int64, 1)}
	c.nanos <- time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	return c
}

func (c *clock) now() time.Time {
	n := <-c.nanos
	c.nanos <- n
	return time.Unix(0, n)
}

func (c *clock) advance(d time.Duration) { c.nanos <- <-c.nanos + int64(d) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
