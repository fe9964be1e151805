//go:build cgo

package probe

import (
	"bytes"
	"cmp"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/databricks/databrickstest"
	"github.com/ingest-tool/ingest/lakehouse"
	"github.com/ingest-tool/ingest/lakehouse/lakehousetest"
)

const catalogName = "dev"

// bed is a local workspace with a place for the pipeline.
type bed struct {
	t      *testing.T
	server *lakehouse.Server
	target *databricks.Workspace
	dir    string
}

func newBed(t *testing.T, o lakehouse.Options) *bed {
	t.Helper()
	b := &bed{t: t, dir: t.TempDir()}
	o.Dir, o.Catalogs, o.MemoryLimit = b.dir, []string{catalogName}, cmp.Or(o.MemoryLimit, "512MB")
	b.server = lakehousetest.Open(t, o)
	b.target = b.open()
	return b
}

// open signs in again.
func (b *bed) open() *databricks.Workspace {
	b.t.Helper()
	return databrickstest.Open(b.t, b.server,
		databricks.Config{Catalog: catalogName, Pipeline: "p", RequestsPerSecond: 10_000, RetryPause: 10 * time.Millisecond})
}

// options are the options of a fast probe.
func (b *bed) options(only ...string) Options {
	o := Options{
		Workspace: b.target, Spool: b.t.TempDir(), Run: "20261129T095000Z-0123ab", Version: "1.2.3",
		Slow: time.Second, Watch: 2 * time.Second, Beat: 100 * time.Millisecond, Lease: 2 * time.Second,
	}
	if len(only) > 0 {
		o.only = func(id string) bool { return slices.Contains(only, id) }
	}
	return o
}

// run runs a probe and fails the test if it does not finish.
func (b *bed) run(o Options) *Report {
	b.t.Helper()
	r, err := Run(b.t.Context(), b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// there lists the workspace's contents: schemas, and files of volumes.
func (b *bed) there() []string {
	b.t.Helper()
	found, err := b.target.Schemas().List(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	root := filepath.Join(b.dir, "Volumes")
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err == nil && strings.Count(name, string(filepath.Separator)) > 0 { // ignores the server's own directory of a catalog
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func answerOf(t *testing.T, r *Report, id string) Answer {
	t.Helper()
	i := slices.IndexFunc(r.Answers, func(a Answer) bool { return a.ID == id })
	if i < 0 {
		t.Fatalf("no answer to %s", id)
	}
	return r.Answers[i]
}

// verdicts lists the ids of the answers with a verdict.
func verdicts(r *Report, v Verdict) (ids []string) {
	for _, a := range r.Of(v) {
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	return ids
}

// rewritten replaces a text in the sent statements by another of the same
// length.
func rewritten(r *http.Request, from, to string) {
	if !strings.HasPrefix(r.URL.Path, "/sql/") || len(from) != len(to) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte(from), []byte(to))))
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
