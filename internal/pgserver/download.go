//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloads are the releases that can be brought, by major version.
var downloads = map[int]embeddedpostgres.PostgresVersion{
	14: embeddedpostgres.V14,
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

// Versions lists the major versions that can be brought, oldest first.
func Versions() []int { return slices.Sorted(maps.Keys(downloads)) }

// bringInstallation returns the server binaries of the major version (0: the newest) from this user's cache,
// downloading them from Maven Central when they aren't there. The download itself can't be cancelled.
func bringInstallation(ctx context.Context, major int) (Installation, error) {
	if major == 0 {
		major = slices.Max(slices.Collect(maps.Keys(downloads)))
	}
	version, ok := downloads[major]
	if !ok {
		return Installation{}, fmt.Errorf("no download of PostgreSQL %d is known", major)
	}
	cache, err := cacheDir()
	if err != nil {
		return Installation{}, err
	}
	dir := filepath.Join(cache, string(version))
	if found, err := inspectBinDir(ctx, filepath.Join(dir, "bin")); err == nil {
		return found, nil
	}
	if err := ctx.Err(); err != nil {
		return Installation{}, err
	}
	if err := downloadTo(dir, version); err != nil {
		return Installation{}, fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	return inspectBinDir(ctx, filepath.Join(dir, "bin"))
}

// cacheDir is below the user's cache directory; root's own is closed to the account that root's server runs
// as, so root has one that everybody can read.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/ingest/postgres", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	return filepath.Join(cache, "ingest", "postgres"), nil
}

// downloadTo fetches and unpacks a release aside and renames it to dir, so that dir is never half there.
//
// The library has no call that only unpacks: its Start does that first and then starts a server of its own,
// which is stopped at once here, and which fails for root after the unpacking. So the binaries decide
// whether Start did what it was called for, not its error.
func downloadTo(dir string, version embeddedpostgres.PostgresVersion) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	if err := os.Chmod(aside, 0o755); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	unpacked := filepath.Join(aside, "release")
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		Port(uint32(port)).
		CachePath(filepath.Join(aside, "archive")).
		RuntimePath(filepath.Join(aside, "run")).
		BinariesPath(unpacked).
		StartTimeout(time.Minute).
		Logger(io.Discard))
	startErr := server.Start()
	if startErr == nil {
		if err := server.Stop(); err != nil {
			return fmt.Errorf("stop downloaded server: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(unpacked, "bin", "postgres")); err != nil {
		if startErr != nil {
			return startErr
		}
		return err
	}
	if err := os.Rename(unpacked, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// freePort returns a TCP port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	return port, nil
}
