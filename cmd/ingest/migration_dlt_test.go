//go:build cgo && unix && dlt

package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// dltItself is dlt of the Python interpreter INGEST_TEST_DLT. Its pg_replication source is in no package registry: the
// script appends rows of the same shape.
type dltItself struct{}

func (dltItself) full(b *bench)    { b.dlt("full") }
func (dltItself) changes(b *bench) { b.dlt("changes") }

func (b *bench) dlt(step string) {
	b.t.Helper()
	server, err := url.Parse(b.server.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	roots := b.server.RootsFile()
	cmd := exec.CommandContext(b.t.Context(), os.Getenv("INGEST_TEST_DLT"), "-B", "../../tests/clients/migration_client.py", step)
	cmd.Env = append(os.Environ(), b.environment()...)
	cmd.Env = append(cmd.Env, "DATABRICKS_SERVER_HOSTNAME="+server.Host, "DATABRICKS_TOKEN="+b.server.Token(),
		"DATABRICKS_HTTP_PATH="+b.server.HTTPPath(), "SSL_CERT_FILE="+roots, "REQUESTS_CA_BUNDLE="+roots,
		"DLT_STATE="+filepath.Join(b.files, "dlt"), "RUNTIME__DLTHUB_TELEMETRY=false", "RUNTIME__LOG_LEVEL=ERROR")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("dlt %s: %v\n%s", step, err, out[max(0, len(out)-3000):])
	}
}

// TestMigratingFromDltItself follows docs/migrating-from-dlt.md on tables that dlt has loaded.
func TestMigratingFromDltItself(t *testing.T) { migrate(t, dltItself{}) }
