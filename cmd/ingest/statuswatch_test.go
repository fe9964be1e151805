//go:build cgo && unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse"
)

// watching runs a command line in this process until interrupt is called, and gives what it prints line by line.
func (b *bench) watching(args ...string) (lines *bufio.Scanner, interrupt func() (code int, stderr string)) {
	b.t.Helper()
	reader, writer := io.Pipe()
	var stderr bytes.Buffer
	signals := make(chan os.Signal, 2)
	code := make(chan int, 1)
	p := process{args: args, environment: b.environment(), stdout: writer, stderr: &stderr, signals: signals, unnotify: func() {}}
	go func() {
		c := p.run()
		_ = writer.Close()
		code <- c
	}()
	return bufio.NewScanner(reader), func() (int, string) {
		signals <- os.Interrupt
		_, _ = io.Copy(io.Discard, reader)
		c := <-code
		b.heard("", stderr.String())
		return c, stderr.String()
	}
}

// TestStatusWatchShowsRoundAfterRound: each round reads the state that there is then, and Ctrl-C is no error.
func TestStatusWatchShowsRoundAfterRound(t *testing.T) {
	var away atomic.Bool
	b := newBench(t, func(int64, *http.Request) *lakehouse.Fault {
		if !away.Load() {
			return nil
		}
		return &lakehouse.Fault{Kind: lakehouse.Reject, Status: http.StatusForbidden, Message: "Go away."}
	})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	lines, interrupt := b.watching("status", "--watch", "1s", "-o", "json")
	round := func() map[string]any {
		t.Helper()
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		return line
	}
	first := round()
	if first["time"] == nil || first["slot"] == nil || first["entries"] != 3.0 {
		t.Errorf("%v", first)
	}
	b.exec("INSERT INTO a VALUES (2)")
	b.works("cdc", "--stage-only")
	for line := round(); line["entries"] == first["entries"]; line = round() {
	}
	// A workspace that refuses everything for a while does not end the watch.
	away.Store(true)
	for line := round(); line["error"] == nil; line = round() {
	}
	away.Store(false)
	for line := round(); line["slot"] == nil; line = round() {
	}
	if code, stderr := interrupt(); code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestStatusWatchAsText(t *testing.T) {
	b := newBench(t, nil)
	b.exec("CREATE TABLE a (id int PRIMARY KEY)")
	b.works("full-load")
	lines, interrupt := b.watching("status", "--watch=1s")
	seen := 0
	for seen < 2 && lines.Scan() {
		if strings.Contains(lines.Text(), "pipeline default   every 1s, Ctrl-C ends") {
			seen++
		}
	}
	if seen < 2 {
		t.Errorf("%d rounds", seen)
	}
	if code, stderr := interrupt(); code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestStatusWatchIsRefused(t *testing.T) {
	b := newBench(t, nil)
	b.fails(failure.Usage, `--watch "often": want a duration with its unit`, "ingest status --watch 5s", "status", "--watch", "often")
	b.fails(failure.Usage, "--watch 10ms: want at least 1s", "ingest status --watch 1s", "status", "--watch=10ms")
	b.fails(failure.Usage, "--exit-code cannot be used with --watch", "remove --watch", "status", "--watch", "--exit-code")
	b.fails(failure.Usage, "status: 1 argument, want no arguments", "status --help", "status", "5s")
	b.env["INGEST_SOURCE_URL"] = "postgres://ingest@127.0.0.1:1/x"
	b.fails(failure.Source, "", "", "status", "--watch") // the first round
}

// TestMetricsNeedFollow: an address is for a run that goes on.
func TestMetricsNeedFollow(t *testing.T) {
	b := newBench(t, nil)
	b.fails(failure.Usage, "--metrics needs --follow", "add --follow", "cdc", "--metrics", "127.0.0.1:9464")
	b.fails(failure.Usage, `--metrics: want an address of this machine with its port`, "", "cdc", "--follow", "--metrics", ":9464")
	code, stdout, _ := b.run("cdc", "--follow", "--metrics", "203.0.113.1:9464", "-o", "json")
	if o := oneObject(t, "an address of another machine", stdout); code != int(failure.Usage) || o["hint"] == "" ||
		!strings.HasPrefix(o["error"].(string), "serve metrics on 203.0.113.1:9464: ") {
		t.Errorf("%d %v", code, o)
	}
}
