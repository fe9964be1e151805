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
	if one, err := chooseInstallation(t.Context(), 9, 0); err != nil || one.BinDir != old {
		t.Errorf("choose 9: %v, %v; want %s", one, err, old)
	}
	_, err = chooseInstallation(t.Context(), 17, 0)
	if err == nil || !strings.Contains(err.Error(), BinEnv+" names PostgreSQL 16.9 and PostgreSQL 16beta2 and PostgreSQL 9.6.24 only") {
		t.Errorf("choose 17: %v, want an error that names what there is", err)
	}
}

func TestMajorOfTheEnvironmentIsTakenUnlessItIsTooOld(t *testing.T) {
	dirs := map[int]string{14: fakeInstallation(t, "14.18"), 15: fakeInstallation(t, "15.18"), 16: fakeInstallation(t, "16.9")}
	t.Setenv(BinEnv, strings.Join([]string{dirs[14], dirs[15], dirs[16]}, string(filepath.ListSeparator)))
	for _, test := range []struct {
		env          string
		major, least int
		want         int
	}{
		{"", 0, 0, 16}, {"14", 0, 0, 14}, {"14", 15, 0, 15}, {"14", 0, 14, 14}, {"14", 0, 15, 16}, {"15", 0, 15, 15}, {"", 0, 15, 16},
	} {
		t.Setenv(MajorEnv, test.env)
		one, err := chooseInstallation(t.Context(), test.major, test.least)
		if err != nil || one.BinDir != dirs[test.want] {
			t.Errorf("%+v: %v, %v", test, one, err)
		}
	}
	for env, want := range map[string]string{
		"14": "find PostgreSQL 17 or newer server: " + BinEnv + " names PostgreSQL 16.9",
		"13": "find PostgreSQL 13 server: " + BinEnv + " names PostgreSQL 16.9",
		"v":  MajorEnv + "=v is no major version of PostgreSQL", "-1": MajorEnv + "=-1 is no major version of PostgreSQL",
	} {
		t.Setenv(MajorEnv, env)
		least := 0
		if env == "14" {
			least = 17
		}
		if _, err := chooseInstallation(t.Context(), 0, least); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s=%s: %v, want an error with %q", MajorEnv, env, err, want)
		}
	}
}

func TestNoteNamesPackageVersionAndTest(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv(LogEnv, log)
	for _, test := range []string{"", "TestA/of this"} {
		if err := Note("15.18", test); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(log)
	if want := "internal/pgserver\t15.18\t\ninternal/pgserver\t15.18\tTestA\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
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
