//go:build unix

package pgserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseServerVersion(t *testing.T) {
	for _, test := range []struct {
		out, version string
		major        int
	}{
		{"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18", 15},
		{"postgres (PostgreSQL) 19devel\n", "19devel", 19},
		{"postgres (PostgreSQL) 18beta1\n", "18beta1", 18},
		{"postgres (PostgreSQL) 9.6.24\n", "9.6.24", 9},
	} {
		version, major, err := parseServerVersion(test.out)
		if err != nil || version != test.version || major != test.major {
			t.Errorf("%q: %q, %d, %v; want %q, %d", test.out, version, major, err, test.version, test.major)
		}
	}
	for _, out := range []string{"", "postgres", "mysqld  Ver 8.0", "postgres (PostgreSQL) x"} {
		if version, _, err := parseServerVersion(out); err == nil {
			t.Errorf("%q: version %q, want an error", out, version)
		}
	}
}

// fakeInstallation is a directory with programs that answer for a server of that version.
func fakeInstallation(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInstalledListsTheNamedDirectoriesNewestFirst(t *testing.T) {
	old, beta, current := fakeInstallation(t, "9.6.24"), fakeInstallation(t, "16beta2"), fakeInstallation(t, "16.9")
	t.Setenv(BinEnv, strings.Join([]string{old, beta, current}, string(filepath.ListSeparator)))
	got, err := Installed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Installation{{16, "16.9", current}, {16, "16beta2", beta}, {9, "9.6.24", old}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if one, err := chooseInstallation(t.Context(), 9); err != nil || one.BinDir != old {
		t.Errorf("choose 9: %v, %v; want %s", one, err, old)
	}
	_, err = chooseInstallation(t.Context(), 17)
	if err == nil || !strings.Contains(err.Error(), BinEnv+" names PostgreSQL 16.9 and PostgreSQL 16beta2 and PostgreSQL 9.6.24 only") {
		t.Errorf("choose 17: %v, want an error that names what there is", err)
	}
}

func TestInstalledRefusesANamedDirectoryWithoutServer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(BinEnv, dir)
	_, err := Installed(t.Context())
	if err == nil || !strings.Contains(err.Error(), BinEnv+": "+dir+" holds no PostgreSQL server") {
		t.Errorf("error %v, want one that names the variable and the directory", err)
	}
}
