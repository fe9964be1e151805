//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/pgserver"
)

// VersionsEnv names the environment variable that lists the major versions, as
// "14,18", on which tests of EachVersion run.
const VersionsEnv = "INGEST_TEST_VERSIONS"

// EachVersion runs a test on a server of its own of each major version that
// pgserver knows, or that the environment chooses: where pgserver.BinEnv names
// the binaries, on theirs. What is not installed is downloaded once.
func EachVersion(t *testing.T, test func(t *testing.T, server *pgserver.Server)) {
	t.Helper()
	versions, err := versions(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, major := range versions {
		t.Run(fmt.Sprintf("PostgreSQL %d", major), func(t *testing.T) {
			t.Parallel()
			server := Start(t, pgserver.Options{Major: major, Settings: map[string]string{"max_locks_per_transaction": "1024"}})
			test(t, server)
		})
	}
}

func versions(t *testing.T) ([]int, error) {
	if os.Getenv(pgserver.BinEnv) != "" {
		installed, err := pgserver.Installed(t.Context())
		var out []int
		for _, one := range installed {
			out = append(out, one.Major)
		}
		return slices.Compact(out), err
	}
	list := os.Getenv(VersionsEnv)
	if list == "" {
		return pgserver.Versions(), nil
	}
	var out []int
	for text := range strings.SplitSeq(list, ",") {
		major, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", VersionsEnv, err)
		}
		out = append(out, major)
	}
	return out, nil
}
