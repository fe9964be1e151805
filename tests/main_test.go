//go:build cgo && unix

package tests

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) {
	// The runs' environments are made from nothing; this is for the clients of
	// the test process itself.
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "DATABRICKS_") || strings.HasPrefix(name, "PG") {
			_ = os.Unsetenv(name)
		}
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // the runs wait more than they work
		panic(err)
	}
	code := pgtest.Run(m)
	if allKills() || os.Getenv("INGEST_TEST_TORTURE_SECONDS") != "" {
		fmt.Printf("faults injected, and what came of them:\n%s", injected)
	}
	if err := removeBinary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// binary builds the program once for the test process: without cgo, as it is
// deployed. tests/mutation names a broken one instead.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("INGEST_TEST_COMMAND"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "ingest-tests-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "ingest")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/ingest") // as make build-static, whose cache it shares
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ingest: %w\n%s", err, out)
	}
	return path, nil
})

var binaryDir string

func removeBinary() error {
	if binaryDir == "" {
		return nil
	}
	return os.RemoveAll(binaryDir)
}
