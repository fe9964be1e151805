package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestReferenceHasEverything: the reference and the man pages have each command with its flags, and do not change by themselves.
func TestReferenceHasEverything(t *testing.T) {
	root := newRoot(newApp(process{stdout: io.Discard, stderr: io.Discard}, t.Context()))
	page := referencePage(root)
	if again := referencePage(newRoot(newApp(process{}, t.Context()))); again != page {
		t.Error("the page changes from one time to the next")
	}
	dir := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "0")
	if err := writeManPages(root, dir); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range documented(root) {
		file, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Fatal(err)
		}
		man := string(file)
		if !strings.Contains(man, `"1970-01-01"`) {
			t.Errorf("%s: another date than the one of SOURCE_DATE_EPOCH", cmd.CommandPath())
		}
		_, section, found := strings.Cut(page, "\n## "+cmd.CommandPath()+"\n")
		if section, _, _ = strings.Cut(section, "\n## "); cmd.HasParent() && !found {
			t.Errorf("the page lacks %s", cmd.CommandPath())
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Name == "version" || f.Hidden {
				return
			}
			if !strings.Contains(section, "--"+f.Name) || !strings.Contains(man, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
				t.Errorf("%s: --%s is missing", cmd.CommandPath(), f.Name)
			}
			if value, _ := pflag.UnquoteUsage(f); strings.Contains(value, " ") {
				t.Errorf("%s: the value of --%s is called %q: a backquote in its text", cmd.CommandPath(), f.Name, value)
			}
		})
	}
}

// TestExitCodesAreInTheReadme: README has the codes of the reference.
func TestExitCodesAreInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range exitCodes {
		if !strings.Contains(string(readme), "\n| "+strconv.Itoa(int(c.kind))+" | ") {
			t.Errorf("no exit code %d", c.kind)
		}
	}
}
