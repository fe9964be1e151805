package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ofOthers are messages in docs/troubleshooting.md that PostgreSQL writes.
var ofOthers = []string{
	"no pg_hba.conf entry for host …, no encryption", "role … is not permitted to log in", "password authentication failed",
}

// TestTroubleshootingNamesMessages: each message in docs/troubleshooting.md is one that the program prints.
func TestTroubleshootingNamesMessages(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, dir := range []string{".", "../../internal", "../../lakehouse"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			source.Write(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	code := source.String()
	for _, written := range ofOthers {
		if !strings.Contains(string(page), written) {
			t.Errorf("the page lacks %q", written)
		}
	}
	n := 0
	for line := range strings.SplitSeq(string(page), "\n") {
		message, found := strings.CutPrefix(line, "| `")
		if !found {
			continue
		}
		message, _, _ = strings.Cut(message, "`")
		n++
		known := false
		for _, written := range ofOthers {
			known = known || written == message
		}
		for part := range strings.SplitSeq(message, "…") {
			if !known && !strings.Contains(code, strings.TrimSpace(part)) {
				t.Errorf("no message has %q, which the page names in %q", part, message)
			}
		}
	}
	if n < 30 {
		t.Errorf("the page has %d messages", n)
	}
}
