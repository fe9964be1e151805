package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
)

// A spool that cannot be opened is an error of the configuration. The message
// names the directory that was tried, once.
func TestSpoolThatCannotBeOpened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", file)
	for dir, named := range map[string]string{filepath.Join(file, "spool"): filepath.Join(file, "spool"), "": file} {
		_, err := OpenSpool(dir, "run")
		if failure.KindOf(err) != failure.Usage || !strings.HasPrefix(err.Error(), "open spool "+named+": ") ||
			strings.Count(err.Error(), "open spool") != 1 || !strings.Contains(failure.HintOf(err), "staging.spool") {
			t.Errorf("spool in %q: %v, want that %s cannot be opened", dir, err, named)
		}
	}
}
