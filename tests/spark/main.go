//go:build cgo && unix

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// options are the command's flags.
type options struct {
	python string // with pyspark and delta-spark
	binary string // ingest
	only   string
	dir    string

	workers int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var o options
	flag.StringVar(&o.python, "python", "python3", "the `interpreter` that has pyspark and delta-spark")
	flag.StringVar(&o.binary, "binary", "bin/ingest", "the `ingest` of the scenario")
	flag.StringVar(&o.only, "only", "", "only the scripts whose name begins like this")
	flag.IntVar(&o.workers, "workers", 2, "how many Sparks there are at once")
	flag.StringVar(&o.dir, "dir", "", "keep scripts and answers in this `directory`")
	flag.Parse()
	log.SetOutput(io.Discard) // net/http says there that the driver drops answers
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if o.workers < 1 {
		return fmt.Errorf("-workers %d: at least one is needed", o.workers)
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	if o.dir != "" {
		err = os.MkdirAll(o.dir, 0o755)
	} else {
		o.dir, err = os.MkdirTemp("", "ingest-spark-")
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	if err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	scripts, err := o.scripts(ctx)
	if err != nil {
		return err
	}
	answers := filepath.Join(o.dir, "answers")
	if err := errors.Join(os.RemoveAll(answers), os.MkdirAll(answers, 0o755)); err != nil {
		return err
	}
	for i, s := range scripts {
		if err := s.play(ctx, filepath.Join(answers, fmt.Sprintf("%03d-%s.jsonl", i, s.name))); err != nil {
			return fmt.Errorf("run %s on the local workspace: %w", s.name, err)
		}
	}
	return o.replay(ctx, answers)
}

// scripts makes those that were asked for.
func (o *options) scripts(ctx context.Context) ([]script, error) {
	corpus, err := recordCorpus(ctx, filepath.Join(o.dir, "corpus"))
	if err != nil {
		return nil, fmt.Errorf("record the corpus: %w", err)
	}
	scripts := slices.DeleteFunc(corpus, func(s script) bool { return !strings.HasPrefix(s.name, o.only) })
	if strings.HasPrefix(scenarioName, o.only) {
		s, err := recordScenario(ctx, o.binary, filepath.Join(o.dir, "scenario"))
		if err != nil {
			return nil, fmt.Errorf("record the scenario: %w", err)
		}
		scripts = append(scripts, s)
	}
	if len(scripts) == 0 {
		return nil, fmt.Errorf("no script begins with %q", o.only)
	}
	return scripts, nil
}

// replay has Spark asked, and compares.
func (o *options) replay(ctx context.Context, answers string) error {
	args := []string{"-B", filepath.Join("tests", "spark", "replay.py"), answers, filepath.Join(o.dir, "spark"),
		"--workers", strconv.Itoa(o.workers)}
	if o.only != "" {
		args = append(args, "--part")
	}
	cmd := exec.CommandContext(ctx, o.python, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compare with Spark: %w", err)
	}
	return nil
}
