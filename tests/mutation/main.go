//go:build unix

// Mutation breaks a package's conditions on purpose, one at a time, and runs the
// package's tests: a mutant that no test notices is a guard without a test.
//
//	go run ./tests/mutation -package ./internal/ledger
//
// The tests are compiled once, from copies of the files in which each condition has a switch; the copies replace the files by the
// go command's -overlay, so that the tree is never changed. Then one switch is on at a time, and the tests that reach it run. The
// verdicts are kept in a file, so a stopped run continues where it was. Another file has the switches and the duration of each
// test. Survivors that are accepted, each with its reason, are in accepted.txt.
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
	bound    time.Duration
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
	flags.Func("tests", "a further package whose tests count, such as ./tests, or ./tests=^TestInvariant6 for some of them; may be repeated",
		named(&o.tests))
	flags.Func("kinds", "kinds of mutants, with commas: "+joinKinds(allKinds)+" (default "+joinKinds(defaultKinds)+")",
		func(s string) (err error) {
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
	flags.DurationVar(&o.bound, "bound", 90*time.Second, "how long a mutant may take before the tests that are left are not begun; "+
		"one that none has noticed by then is named apart from the survivors")
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
	count := map[verdict]int{}
	known := 0
	for _, pkg := range o.packages {
		p, err := openPackage(ctx, pkg, o)
		if err != nil {
			return err
		}
		mutants := p.mutants(o)
		if len(o.places) == 0 && len(o.kinds) == len(defaultKinds) {
			if err := accepted.check(p.dir, p.all); err != nil {
				return err
			}
		}
		pending := slices.DeleteFunc(slices.Clone(mutants), func(n int) bool { return accepted.has(p.all[n]) })
		known += len(mutants) - len(pending)
		if o.list {
			for _, n := range mutants {
				fmt.Fprintln(o.out, p.all[n])
			}
			continue
		}
		verdicts, err := p.testAll(ctx, pending, o)
		if err != nil {
			return err
		}
		for _, n := range pending {
			count[verdicts[n]]++
			if verdicts[n] == survived {
				fmt.Fprintln(o.out, p.all[n])
			} else if verdicts[n] == unnoticed {
				fmt.Fprintf(o.out, "not noticed within %v: %v\n", o.bound, p.all[n])
			}
		}
	}
	if o.list {
		return nil
	}
	late := ""
	if count[unnoticed] > 0 {
		late = fmt.Sprintf(", %d not noticed within %v", count[unnoticed], o.bound)
	}
	fmt.Fprintf(o.out, "%d noticed, %d survived%s, %d accepted\n", count[killed]+count[timeout], count[survived], late, known)
	if count[survived] > 0 {
		return fmt.Errorf("%d mutants survived that %s does not accept", count[survived], o.accepted)
	}
	return nil
}

// testAll gives each mutant's verdict: from the file, or by testing it.
func (p *target) testAll(ctx context.Context, mutants []int, o options) (map[int]verdict, error) {
	book, err := openVerdicts(o.verdicts)
	if err != nil {
		return nil, err
	}
	defer book.close()
	verdicts := map[int]verdict{}
	var todo []int
	for _, n := range mutants {
		if v := book.find(p, p.all[n], o); v != "" {
			verdicts[n] = v
		} else {
			todo = append(todo, n)
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
	known, err := openLearned(strings.TrimSuffix(o.verdicts, ".jsonl") + "-tests.jsonl")
	if err != nil {
		return nil, err
	}
	defer known.close()
	if err := p.learn(ctx, known, o.workers); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = each(ctx, o.workers, todo, func(ctx context.Context, n int) error {
		f, err := p.test(ctx, n, o)
		if err != nil {
			return err
		}
		mu.Lock()
		verdicts[n] = f.verdict
		mu.Unlock()
		how := f.by
		if f.verdict == survived && len(p.order(n, 0)) == 0 {
			how = "no test gets there"
		}
		fmt.Fprintf(os.Stderr, "%s: %s (%s)\n", f.verdict, p.all[n], how)
		return book.add(p, p.all[n], f, o)
	})
	return verdicts, err
}
