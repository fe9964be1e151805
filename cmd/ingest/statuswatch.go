package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/replicate"
	"github.com/ingest-tool/ingest/internal/ui"
	"github.com/ingest-tool/ingest/internal/wait"
)

// watchDefault is the interval of --watch without a value. leastWatch spares source and destination.
const (
	watchDefault = "5s"
	leastWatch   = time.Second
)

// watchedStatus is one line of `status --watch --output json`.
type watchedStatus struct {
	Time time.Time `json:"time"`
	*replicate.Status
	Error     string `json:"error,omitempty"`
	ErrorHint string `json:"error_hint,omitempty"`
}

// watchStatus shows the state until ctx ends, which is no error. An error of the first round ends it. A
// later one is shown in its place: a server that restarts does not end the watch.
func (a *app) watchStatus(ctx context.Context, interval string, exitCode bool) error {
	every, err := time.ParseDuration(interval)
	switch {
	case err != nil:
		return failure.New(failure.Usage, "--watch %q: want a duration with its unit", interval).WithHint("ingest status --watch 5s")
	case every < leastWatch:
		return failure.New(failure.Usage, "--watch %s: want at least %s", every, leastWatch).WithHint("ingest status --watch 1s")
	case exitCode:
		return failure.New(failure.Usage, "--exit-code cannot be used with --watch").
			WithHint("remove --watch: `ingest status --exit-code` looks once")
	}
	a.endsByInterrupt()
	screen := a.ui.Screen()
	for first := true; ; first = false {
		s, err := a.status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first && s == nil {
			return err
		}
		if err := a.showStatus(screen, s, err, every); err != nil {
			return err
		}
		if wait.For(ctx, every) != nil {
			return nil
		}
	}
}

// showStatus shows one round. s is nil if the state could not be read.
func (a *app) showStatus(screen *ui.Screen, s *replicate.Status, err error, every time.Duration) error {
	now := time.Now().UTC().Truncate(time.Second)
	if a.ui.Structured {
		line := watchedStatus{Time: now, Status: s}
		if err != nil {
			line.Error, line.ErrorHint = err.Error(), failure.HintOf(err)
		}
		return a.ui.Line(line)
	}
	var text bytes.Buffer
	plain := ui.NewOutput(ui.Options{Stdout: &text, Stderr: &text, Environment: func(string) string { return "" }})
	if err := plain.Print("%s   pipeline %s   every %s, Ctrl-C ends\n", now.Format(time.RFC3339), a.config.Pipeline, every); err != nil {
		return err
	}
	if s != nil {
		if err := printStatus(plain, s); err != nil {
			return fmt.Errorf("show the state: %w", err)
		}
	}
	plain.Error(err)
	return screen.Show(text.String())
}
