//go:build cgo && unix

package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStaticBuildHasNoLocalWorkspace: each command that needs it says so before it makes or starts anything, and names a command that
// installs one, wherever this build came from.
func TestStaticBuildHasNoLocalWorkspace(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{"demo", "--dir", "lakehouse"}, {"workspace", "--dir", "lakehouse"}, {"sql", "SELECT 1", "--local", "lakehouse", "--catalog", "dev"},
	} {
		command := exec.CommandContext(t.Context(), path, args...)
		command.Dir = dir
		out, _ := command.CombinedOutput()
		want := "Error: this build of ingest has no local workspace\nHint: to install a build that has it, with Go and a C++ compiler: " +
			"CGO_ENABLED=1 go install github.com/ingest-tool/ingest/cmd/ingest@latest "
		if !strings.HasPrefix(string(out), want) || command.ProcessState.ExitCode() != 64 {
			t.Errorf("%v: exit code %d, %s", args, command.ProcessState.ExitCode(), out)
		}
		if made, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(made) > 0 {
			t.Errorf("%v: made %q, %v", args, made, err)
		}
	}
}
