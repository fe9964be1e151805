package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"ingest": main})
}

// suite is the tests with the Postgres server that they share.
type suite struct{ m *testing.M }

// Run implements testscript.TestingM. It leaves nothing of a configuration to
// the commands that tests start.
func (s suite) Run() int {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "INGEST_") && !strings.HasPrefix(name, "INGEST_TEST_") || strings.HasPrefix(name, "DATABRICKS_") {
			_ = os.Unsetenv(name)
		}
	}
	return pgtest.Run(s.m)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TERM", "xterm")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode},
	})
}

// exitCode is the script command `code N PROGRAM ARGS…`: the program's exit
// code is N.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS...")
	}
	got := "exit status 0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = err.Error()
	}
	if got != "exit status "+args[0] {
		ts.Fatalf("%s, want exit status %s", got, args[0])
	}
}
