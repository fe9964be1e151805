package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ui"
)

func TestExitCodes(t *testing.T) {
	canceled := fmt.Errorf("copy public.orders: %w", context.Canceled)
	tests := []struct {
		name   string
		err    error
		how    interruption
		code   int
		stderr string
	}{
		{"success", nil, uninterrupted, 0, ""},
		{"drained after a signal", nil, asked, 0, ""},
		{"plain", errors.New("x"), uninterrupted, 1, "Error: x\n"},
		{"source", failure.New(failure.Source, "x"), uninterrupted, 10, "Error: x\n"},
		{"some tables", failure.New(failure.Tables, "x"), uninterrupted, 3, "Error: x\n"},
		{"canceled by a signal", canceled, asked, 130, "Error: interrupted\n"},
		{"canceled by a signal, with a kind", failure.Wrap(failure.Source, canceled), asked, 130, "Error: interrupted\n"},
		{"canceled by no signal", canceled, uninterrupted, 1, "Error: copy public.orders: context canceled\n"},
		{"failed while it ended", failure.New(failure.Destination, "x"), asked, 11, "Error: x\n"},
		{"whatever a second signal breaks", failure.New(failure.Destination, "bad connection"), forced, 130, "Error: interrupted\n"},
		{"interrupted, in its own words", failure.New(failure.Interrupted, "3 of 11 tables").
			WithHint("y"), asked, 130, "Error: 3 of 11 tables\nHint: y\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			out := ui.NewOutput(ui.Options{Stdout: io.Discard, Stderr: &stderr, Environment: func(string) string { return "" }})
			code, err := outcome(test.err, test.how)
			out.Error(err)
			if code != test.code || stderr.String() != test.stderr {
				t.Errorf("code %d, %q; want %d, %q", code, &stderr, test.code, test.stderr)
			}
		})
	}
}

func TestFirstSignalAsksSecondForces(t *testing.T) {
	signals, unnotified := make(chan os.Signal), false
	p := process{signals: signals, unnotify: func() { unnotified = true }}
	hard, cancelHard := context.WithCancel(t.Context())
	defer cancelHard()
	stop, cancelStop := context.WithCancel(hard)
	defer cancelStop()
	interrupted, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(hard, interrupted, cancelStop, cancelHard)
	}()

	signals <- syscall.SIGTERM
	<-stop.Done()
	<-interrupted
	if hard.Err() != nil {
		t.Error("the first signal took the context away")
	}
	signals <- os.Interrupt
	<-hard.Done()
	<-watched
	if !unnotified {
		t.Error("a third signal would be caught")
	}
}

func TestShellQuote(t *testing.T) {
	for s, want := range map[string]string{"": "''", "a b$x": "'a b$x'", "it's": `'it'\''s'`} {
		if got := shellQuote(s); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", s, got, want)
		}
	}
}
