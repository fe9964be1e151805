//go:build cgo && unix

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo: the demo runs in a directory that does not exist yet, and once more over what it left there.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "lakehouse")
	for range 2 {
		code, stdout, stderr := run(nil, "demo", "--dir", dir)
		if code != 0 || !strings.Contains(stdout, "== bronze.invoice_line_history: ") || !strings.Contains(stdout, "public.track ") ||
			strings.Contains(stdout, "different") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
}
