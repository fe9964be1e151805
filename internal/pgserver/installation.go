//go:build unix

package pgserver

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// BinEnv names the environment variable that holds the directories (separated as in PATH) whose server
// binaries are to be used, to the exclusion of all others.
const BinEnv = "INGEST_TEST_PG_BIN"

// MajorEnv names the environment variable that holds the major version that a server has where its start asks
// for none in particular.
const MajorEnv = "INGEST_TEST_PG"

// Installation is one set of PostgreSQL server binaries.
type Installation struct {
	Major   int    // 15
	Version string // "15.18", as `postgres --version` prints it
	BinDir  string // holds postgres and initdb
}

// usualBinDirs are where packages and a plain `make install` put the server binaries.
var usualBinDirs = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

// Installed lists the server installations of this machine, newest first. Where the environment variable
// INGEST_TEST_PG_BIN is set, only its directories are looked at, and one without a server is an error.
func Installed(ctx context.Context) ([]Installation, error) {
	if list := os.Getenv(BinEnv); list != "" {
		var named []Installation
		for _, dir := range filepath.SplitList(list) {
			found, err := inspectBinDir(ctx, dir)
			if err != nil {
				return nil, fmt.Errorf("find PostgreSQL server: %s: %w", BinEnv, err)
			}
			named = append(named, found)
		}
		return newestFirst(named), nil
	}
	var found []Installation
	for _, dir := range candidateBinDirs(ctx) {
		// A directory without a server (client packages share these directories) is simply not one.
		if one, err := inspectBinDir(ctx, dir); err == nil {
			found = append(found, one)
		}
	}
	return newestFirst(found), nil
}

func candidateBinDirs(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range usualBinDirs {
		matches, err := filepath.Glob(pattern)
		if err == nil {
			dirs = append(dirs, matches...)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[real] {
			return true
		}
		seen[real] = true
		return false
	})
}

// newestFirst orders by version; what was found earlier stays before its equals.
func newestFirst(found []Installation) []Installation {
	slices.SortStableFunc(found, func(a, b Installation) int {
		return cmp.Or(cmp.Compare(b.Major, a.Major), cmp.Compare(minorOf(b.Version), minorOf(a.Version)))
	})
	return found
}

func minorOf(version string) int {
	_, minor, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(minor)
	if err != nil {
		return -1 // a beta or a development build is older than its release
	}
	return n
}

// inspectBinDir asks the server binary for its version, after making sure that initdb is beside it.
func inspectBinDir(ctx context.Context, dir string) (Installation, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return Installation{}, fmt.Errorf("%s holds no PostgreSQL server: %w", dir, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("run %s --version: %w", filepath.Join(dir, "postgres"), err)
	}
	version, major, err := parseServerVersion(string(out))
	if err != nil {
		return Installation{}, fmt.Errorf("run %s --version: %w", filepath.Join(dir, "postgres"), err)
	}
	return Installation{Major: major, Version: version, BinDir: dir}, nil
}

var serverVersion = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s]*)`)

// parseServerVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-1)", "… 19devel", "… 18beta1".
func parseServerVersion(out string) (version string, major int, err error) {
	match := serverVersion.FindStringSubmatch(out)
	if match == nil {
		return "", 0, fmt.Errorf("no version in %q", strings.TrimSpace(out))
	}
	major, err = strconv.Atoi(match[2])
	if err != nil {
		return "", 0, fmt.Errorf("no version in %q: %w", strings.TrimSpace(out), err)
	}
	return match[1], major, nil
}

// chooseInstallation returns the newest installed server of the major version (0: the one that the environment
// prefers, or else any that is not older than least), or brings one.
func chooseInstallation(ctx context.Context, major, least int) (Installation, error) {
	found, err := Installed(ctx)
	if err != nil {
		return Installation{}, err
	}
	if major == 0 {
		if major, err = preferredMajor(least); err != nil {
			return Installation{}, err
		}
	}
	for _, one := range found {
		if one.Major == major || major == 0 && one.Major >= least {
			return one, nil
		}
	}
	if os.Getenv(BinEnv) != "" {
		return Installation{}, fmt.Errorf("find %s server: %s names %s only", productName(major, least), BinEnv,
			strings.Join(majorsOf(found), " and "))
	}
	one, err := bringInstallation(ctx, major)
	if err != nil {
		return Installation{}, fmt.Errorf("find %s server: none is installed here and none could be downloaded (%w); "+
			"install one with `apt-get install postgresql` or `brew install postgresql`, "+
			"or name its bin directory in %s", productName(major, least), err, BinEnv)
	}
	return one, nil
}

// preferredMajor is the environment's choice, or 0 where it makes none that is new enough.
func preferredMajor(least int) (int, error) {
	text := os.Getenv(MajorEnv)
	if text == "" {
		return 0, nil
	}
	major, err := strconv.Atoi(text)
	if err != nil || major <= 0 {
		return 0, fmt.Errorf("%s=%s is no major version of PostgreSQL, such as 17", MajorEnv, text)
	}
	if major < least {
		return 0, nil
	}
	return major, nil
}

func productName(major, least int) string {
	switch {
	case major != 0:
		return "PostgreSQL " + strconv.Itoa(major)
	case least != 0:
		return "PostgreSQL " + strconv.Itoa(least) + " or newer"
	}
	return "PostgreSQL"
}

func majorsOf(found []Installation) []string {
	var majors []string
	for _, one := range found {
		majors = append(majors, "PostgreSQL "+one.Version)
	}
	return majors
}
