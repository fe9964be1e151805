package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/chinook"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/pgserver"
)

// run runs a command line in this process.
func run(environment []string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	p := process{
		args: args, environment: environment, stdout: &out, stderr: &err,
		signals: make(chan os.Signal), unnotify: func() {},
	}
	code = p.run()
	return code, out.String(), err.String()
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, err := pgserver.Start(ctx, pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(ctx, server.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE SCHEMA "Shop"; SET search_path TO "Shop"`); err != nil {
		t.Fatal(err)
	}
	if err := chinook.Create(ctx, conn, 1); err != nil {
		t.Fatal(err)
	}
	environment := []string{"INGEST_SOURCE_URL=" + server.URL(""), "INGEST_SOURCE_SCHEMAS=Shop"}
	rows := func() (n int) {
		t.Helper()
		for _, table := range chinook.Tables() {
			var count int
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&count); err != nil {
				t.Fatal(err)
			}
			n += count
		}
		return n
	}

	before := rows()
	code, stdout, stderr := run(environment, "simulate", "5", "2", "1", "--output", "json", "--seed", "7")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var got simulated
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if got.Inserted != 5 || got.Updated != 2 || got.Deleted != 1 || got.Seed != 7 || len(got.Changes) != 8 {
		t.Errorf("got %+v", got)
	}
	if after := rows(); after != before+4 {
		t.Errorf("%d rows, want %d", after, before+4)
	}

	code, stdout, stderr = run(environment, "simulate", "0", "1", "0")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "update ") ||
		!strings.HasPrefix(lines[1], "0 rows inserted, 1 updated, 0 deleted (seed ") {
		t.Errorf("got %q", lines)
	}

	code, stdout, stderr = run(environment[:1], "simulate", "1", "0", "0")
	if code != int(failure.Source) || stdout != "" || !strings.HasPrefix(stderr, "Error: simulate: ") {
		t.Errorf("a source without the tables: exit code %d, %q, %q", code, stdout, stderr)
	}
}
