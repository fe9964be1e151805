//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// LogEnv names the environment variable that holds a file to which a line is added for each server that is
// started and each test that uses one: package, version and test, with tabs between them. scripts/tested-on
// sums it up.
const LogEnv = "INGEST_TEST_PG_LOG"

// Note adds a line to that file, if the variable is set. The test is named without its subtests; it is empty
// where a server was started for none in particular.
func Note(version, test string) error {
	path := os.Getenv(LogEnv)
	if path == "" {
		return nil
	}
	test, _, _ = strings.Cut(test, "/")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("note the server's version: %w", err)
	}
	// One write of a short line: processes that append at the same time do not mix.
	_, err = fmt.Fprintf(file, "%s\t%s\t%s\n", program(), version, test)
	return errors.Join(err, file.Close())
}

// program is the running program's package below the module, such as internal/stage.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name := strings.TrimSuffix(info.Path, ".test")
	return strings.TrimPrefix(name, info.Main.Path+"/")
}
