//go:build unix

// Mutation breaks a package's conditions on purpose, one at a time, and runs the
// package's tests: a mutant that no test notices is a guard without a test.
//
//	go run ./tests/mutation -package ./internal/ledger
//
// The tests are compiled once, from copies of the files in which each condition
// has a switch; the copies replace the files by the go command's -overlay, so that
// the tree is never changed. Then one switch is on at a time, and those tests run
// that ask for it. What was found out is kept in a file, so that a run that was
// stopped goes on where it was. Survivors that are accepted, each with its reason,
// are in accepted.txt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// options are the command's flags.
type options struct {
	packages []suite // to break; of their own tests, those count
	tests    []suite // whose tests count besides
	kinds    []kind
	places   []string // files, or file:line; none for all
	verdicts string
	accepted string
	timeout  time.Duration
	workers  int
	list     bool
	out      io.Writer
}

// suite is a package with tests, and which of them are run.
type suite struct {
	pkg string
	run string // as of go test -run; empty for all
}

func parseFlags(args []string, out io.Writer) (options, error) {
	o := options{out: out, kinds: defaultKinds}
	flags := flag.NewFlagSet("mutation", flag.ContinueOnError)
	flags.SetOutput(out)
	named := func(suites *[]suite) func(string) error {
		return func(s string) error {
			pkg, run, _ := strings.Cut(s, "=")
			*suites = append(*suites, suite{pkg, run})
			return nil
		}
	}
	flags.Func("package", "a package to break, such as ./internal/ledger, or ./internal/stage=^TestCheck to run some of its tests only; "+
		"may be repeated", named(&o.packages))
	flags.Func("tests", "a further package whose tests count, such as ./tests, or ./tests=^TestInvariant6 for some of them; may be repeated", named(&o.tests))
	flags.Func("kinds", "kinds of mutants, with commas: "+joinKinds(allKinds)+" (default "+joinKinds(defaultKinds)+")", func(s string) (err error) {
		o.kinds, err = parseKinds(s)
		return err
	})
	flags.Func("run", "only the mutants of these files or lines, with commas: walk.go,open.go:57", func(s string) error {
		o.places = append(o.places, strings.Split(s, ",")...)
		return nil
	})
	flags.StringVar(&o.verdicts, "verdicts", filepath.Join("bin", "mutation.jsonl"), "the file of verdicts, with which a run is continued")
	flags.StringVar(&o.accepted, "accepted", filepath.Join("tests", "mutation", "accepted.txt"), "the list of survivors that are accepted")
	flags.DurationVar(&o.timeout, "timeout", 0, "how long one mutant's tests may take "+
		"(default three times what they take unbroken, and 10 s); longer counts as noticed")
	flags.IntVar(&o.workers, "parallel", 1, "how many mutants are tested at once")
	flags.BoolVar(&o.list, "list", false, "only list the mutants")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if len(o.packages) == 0 || flags.NArg() > 0 {
		return o, errors.New("name the packages to break: -package ./internal/ledger")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	o, err := parseFlags(os.Args[1:], os.Stderr)
	if err == nil {
		o.out = os.Stdout
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run tests all mutants and prints the survivors; new ones are an error.
func run(ctx context.Context, o options) error {
	accepted, err := readAccepted(o.accepted)
	if err != nil {
		return err
	}
	var survivors, known, noticed int
	for _, pkg := range o.packages {
		p, err := openPackage(ctx, pkg, o)
		if err != nil {
			return err
		}
		mutants := p.mutants(o)
		if len(o.places) == 0 && len(o.kinds) == len(defaultKinds) {
			if err := accepted.check(p.dir, mutants); err != nil {
				return err
			}
		}
		pending := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return accepted.has(m) })
		known += len(mutants) - len(pending)
		if o.list {
			for _, m := range mutants {
				fmt.Fprintln(o.out, m)
			}
			continue
		}
		verdicts, err := p.testAll(ctx, pending, o)
		if err != nil {
			return err
		}
		for i, m := range pending {
			if verdicts[i] == survived {
				survivors++
				fmt.Fprintln(o.out, m)
			} else {
				noticed++
			}
		}
	}
	if o.list {
		return nil
	}
	fmt.Fprintf(o.out, "%d noticed, %d survived, %d accepted\n", noticed, survivors, known)
	if survivors > 0 {
		return fmt.Errorf("%d mutants survived that %s does not accept", survivors, o.accepted)
	}
	return nil
}

// testAll gives each mutant's verdict: from the file, or by testing it.
func (p *target) testAll(ctx context.Context, mutants []mutant, o options) ([]verdict, error) {
	book, err := openVerdicts(o.verdicts)
	if err != nil {
		return nil, err
	}
	defer book.close()
	verdicts := make([]verdict, len(mutants))
	var todo []int
	for i, m := range mutants {
		if verdicts[i] = book.find(p, m); verdicts[i] == "" {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return verdicts, nil
	}
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // tests run programs under other accounts
		return nil, err
	}
	if err := p.build(ctx, dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(o.workers, 1) {
		workers.Go(func() {
			for i := range next {
				v, err := p.test(ctx, mutants[i], o.timeout)
				if err == nil {
					err = book.add(p, mutants[i], v)
				}
				if err != nil {
					cancel(err)
					return
				}
				verdicts[i] = v
				fmt.Fprintf(os.Stderr, "%s: %s\n", v, mutants[i])
			}
		})
	}
	for _, i := range todo {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return verdicts, context.Cause(ctx)
}
