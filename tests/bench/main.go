//go:build cgo && linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ingest-tool/ingest/lakehouse"
)

// bench is one run of all measurements. One goroutine uses it.
type bench struct {
	binary    string // ingest
	self      string // this command, for the rivals in it
	dir       string // scratch
	rounds    int
	quick     bool
	only      string
	source    source
	workspace *lakehouse.Server
	report    Report
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

func run(ctx context.Context) error {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "rival-") {
		return rival(ctx, os.Args[1], os.Args[2:])
	}
	b := &bench{}
	var out string
	var again bool
	flag.StringVar(&b.binary, "binary", "bin/ingest", "the `ingest` to measure")
	flag.StringVar(&out, "out", "bench", "`directory` of the report")
	flag.IntVar(&b.rounds, "rounds", 3, "how often each command runs")
	flag.BoolVar(&b.quick, "quick", false, "small data, and no curves beyond it")
	flag.StringVar(&b.only, "only", "", "only the measurements whose name begins like this")
	flag.BoolVar(&again, "redraw", false, "measure nothing, and write the Markdown and the plots of the JSON in -out again")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if again {
		return redraw(out, b.quick)
	}
	var err error
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "ingest-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	err = errors.Join(b.measure(ctx), b.close())
	if err != nil {
		return err
	}
	return b.report.write(out)
}

// close ends what open started.
func (b *bench) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if b.workspace != nil {
		err = b.workspace.Close()
	}
	return errors.Join(err, b.source.close(ctx))
}

// open starts the server and the workspace.
func (b *bench) open(ctx context.Context) error {
	if err := b.source.open(ctx); err != nil {
		return err
	}
	var err error
	b.workspace, err = lakehouse.Open(ctx, lakehouse.Options{Dir: filepath.Join(b.dir, "lakehouse"), Catalogs: []string{catalog}})
	return err
}

// measure takes all measurements, one after the other.
func (b *bench) measure(ctx context.Context) error {
	if err := b.open(ctx); err != nil {
		return err
	}
	if err := b.describe(ctx); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"full-load", b.fullLoads},
		{"drain", b.drains},
		{"lag", b.lag},
		{"load", b.loads},
		{"kept-loads", b.keptLoads},
		{"kept-sizes", b.keptSizes},
		{"kept-log", b.keptLog},
		{"verify", b.verifies},
		{"quiet", b.quiet},
		{"growth", b.growth},
	} {
		if !strings.HasPrefix(m.name, b.only) {
			continue
		}
		if err := m.do(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	return nil
}

// version is the binary's, as it says.
func (b *bench) version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, b.binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", b.binary, err)
	}
	text, _, _ := strings.Cut(string(out), "\n")
	return text, nil
}

// size is how much data there is: less when it has to be quick.
func (b *bench) size(full, quick int64) int64 {
	if b.quick {
		return quick
	}
	return full
}
