// Command ingest replicates PostgreSQL tables into Databricks.
//
// Each command has a file. A command reads its flags, opens source and destination
// through ends, calls one function of a package and prints the result. It makes no
// decisions of its own.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := process{
		args: os.Args[1:], environment: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		signals: signals, unnotify: func() { signal.Stop(signals) }, kill: func() { os.Exit(int(failure.Interrupted)) },
		limitMemory: func(bytes int64) { debug.SetMemoryLimit(bytes) },
	}
	os.Exit(p.run())
}

// process is the environment of a run.
type process struct {
	args           []string
	environment    []string  // NAME=value
	stdin          io.Reader // nil: none
	stdout, stderr io.Writer
	signals        <-chan os.Signal
	unnotify       func()        // restores the default handling: the next signal kills
	kill           func()        // ends the process; nil: nothing does
	limitMemory    func(int64)   // limits the process's memory, in bytes; nil: nothing does
	completionTime time.Duration // how long a shell waits for names; 0: completionTime
}

// variable returns an environment variable; "" if it is not set.
func (p process) variable(name string) string {
	value := ""
	for _, pair := range p.environment {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// run runs one command and returns the exit code.
func (p process) run() int {
	hard, cancelHard := context.WithCancel(context.Background())
	defer cancelHard()
	stop, cancelStop := context.WithCancel(hard)
	defer cancelStop()
	interrupted, watched := make(chan struct{}), make(chan struct{})
	a := newApp(p, stop)
	go func() {
		defer close(watched)
		p.watch(hard, interrupted, func() { a.interrupted(); cancelStop() }, func() { cancelHard(); p.soon() })
	}()

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
	if code == int(failure.Interrupted) {
		err = a.hinted(err)
	}
	a.notify(code, err) // before the error, which is printed last
	if printErr := a.ui.Failed(err, code); printErr != nil {
		a.log.Debug("the error could not be written to standard output", "error", printErr)
	}
	a.ui.Error(err)
	return code
}

// interruption is what signals have done to a run.
type interruption int

const (
	uninterrupted interruption = iota
	asked                      // one signal: end at the next safe point
	forced                     // a second signal: end at once
)

// watch handles signals until ctx ends. The first asks the command to end at its
// next safe point. The second cancels its context, and the process ends within the
// grace. A third kills it.
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

// grace is how long a command has to end after the second signal. It may be closing
// sessions of a server that does not answer.
const grace = 2 * time.Second

// soon ends the process unless it ends by itself.
func (p process) soon() {
	if p.kill != nil {
		time.AfterFunc(grace, p.kill)
	}
}

// outcome returns the exit code and the error to print. A command whose context was
// canceled was interrupted, whatever its error says.
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
