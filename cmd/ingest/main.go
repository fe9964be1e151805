// Command ingest moves PostgreSQL into a Databricks bronze layer.
//
// One file per command. A command reads its flags, opens what it needs through
// app, calls one function of a package and prints what it answered: it decides
// nothing itself.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"ingest/internal/failure"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := process{
		args: os.Args[1:], environment: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		signals: signals, unnotify: func() { signal.Stop(signals) },
	}
	os.Exit(p.run())
}

// process is what a run has of the world.
type process struct {
	args           []string
	environment    []string  // NAME=value
	stdin          io.Reader // nil: none
	stdout, stderr io.Writer
	signals        <-chan os.Signal
	unnotify       func() // gives signals back to the system, so that the next one kills
}

// run runs one command and returns the exit code.
func (p process) run() int {
	hard, cancelHard := context.WithCancel(context.Background())
	defer cancelHard()
	stop, cancelStop := context.WithCancel(hard)
	defer cancelStop()
	interrupted, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		p.watch(hard, interrupted, cancelStop, cancelHard)
	}()

	a := newApp(p, stop)
	err := newRoot(a).ExecuteContext(hard)
	if err != nil && !a.started {
		err = failure.Wrap(failure.Usage, err)
	}
	if closeErr := a.close(); err == nil {
		err = closeErr
	}
	how := uninterrupted
	select {
	case <-interrupted:
		how = asked
		if hard.Err() != nil {
			how = forced
		}
	default:
	}
	cancelHard()
	<-watched
	code, err := outcome(err, how)
	a.notify(code, err) // the error is the last that is printed
	a.ui.Error(err)
	return code
}

// interruption is what signals have done to a run.
type interruption int

const (
	uninterrupted interruption = iota
	asked                      // by one signal, to end at the next safe point
	forced                     // by a second, to end at once
)

// watch waits for the signals until ctx ends: the first asks the command to
// end at its next safe point, the second takes its context away, and a third
// finds nobody who catches it.
func (p process) watch(ctx context.Context, interrupted chan<- struct{}, stop, hard context.CancelFunc) {
	select {
	case <-ctx.Done():
		return
	case <-p.signals:
		close(interrupted)
		stop()
	}
	select {
	case <-ctx.Done():
	case <-p.signals:
		p.unnotify()
		hard()
	}
}

// outcome turns an error into the exit code, and into what is said. What fails
// because its context was taken away was interrupted, whatever it says.
func outcome(err error, how interruption) (int, error) {
	if err == nil {
		return 0, nil
	}
	kind := failure.KindOf(err)
	taken := how == forced || how == asked && errors.Is(err, context.Canceled)
	if taken && kind != failure.Interrupted {
		kind, err = failure.Interrupted, errors.New("interrupted")
	}
	return int(kind), err
}
