package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ingest-tool/ingest/internal/ui"
)

// app holds what every command needs. It belongs to the goroutine that runs the
// command.
type app struct {
	ends
	flags commonFlags

	ui       *ui.Output // set from the start
	command  string     // its name
	notifies bool       // its failures go to the webhook
	started  bool       // a command has begun: later errors are not usage errors

	// What an interrupt reports. Another goroutine reads them.
	announce atomic.Pointer[func()]
	shows    atomic.Pointer[showing]

	// stop ends at the first signal. A command with safe points then ends at the
	// next one; its own context ends at the second signal. A command without safe
	// points does all its work under stop.
	stop context.Context
}

func newApp(p process, stop context.Context) *app {
	return &app{
		ends: ends{process: p}, stop: stop,
		ui: ui.NewOutput(ui.Options{Stdout: p.stdout, Stderr: p.stderr, Environment: p.variable, Structured: asksForJSON(p.args)}),
	}
}

// asksForJSON reports whether arguments that may be wrong ask for JSON results. The
// error about them is then JSON too.
func asksForJSON(args []string) bool {
	json := false
	for i, arg := range args {
		switch {
		case arg == "--":
			return json
		case (arg == "-o" || arg == "--output") && i+1 < len(args):
			json = args[i+1] == "json"
		case strings.HasPrefix(arg, "--output="):
			json = arg == "--output=json"
		case strings.HasPrefix(arg, "-o"):
			json = arg == "-ojson" || arg == "-o=json"
		}
	}
	return json
}

// newRunID names a run by its start in UTC, so that names sort by time, and six
// random hexadecimal digits, so that names are unique.
func newRunID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
}
