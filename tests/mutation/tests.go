//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// commandEnv names the command that tests of the whole run, instead of one that they build.
const commandEnv = "INGEST_TEST_COMMAND"

// binary is a package's tests, compiled once with all switches and run in the package's directory.
type binary struct {
	suite
	dir      string
	hashes   map[string]string // of the file that each test is in
	commands bool              // the tests run the command, too
	program  string
	command  string
	scratch  string
	cases    []*testCase
}

// testCase is one test: how long it takes, and which mutants' switches it asks for.
type testCase struct {
	of    *binary
	name  string
	took  time.Duration
	asked map[int]bool
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// read notes which tests are in a file, and adds the file to the hash of all.
func (b *binary) read(name string, all io.Writer) error {
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return err
	}
	fmt.Fprintf(all, "%s %d\n%s", name, len(data), data)
	for _, m := range testFunction.FindAllSubmatch(data, -1) {
		b.hashes[string(m[1])] = hashOf(data)
	}
	b.commands = b.commands || bytes.Contains(data, []byte(commandEnv))
	return nil
}

// names lists the tests that count.
func (b *binary) names(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, b.program, "-test.list", cmp.Or(b.run, "^Test"))
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests of %s: %w", b.pkg, err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return !strings.HasPrefix(name, "Test") }), nil
}

// learn runs each test once, by itself and unbroken, for what it asks for and
// how long it takes; what is known of it from an earlier run, and still holds,
// is believed. A test that fails unbroken cannot notice anything: it is left out,
// and named.
func (p *target) learn(ctx context.Context, known *learned, workers int) error {
	var todo []*testCase
	for _, b := range p.suites {
		names, err := b.names(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			c := known.find(p, b, name)
			if c == nil {
				c = &testCase{of: b, name: name}
				todo = append(todo, c)
			}
			b.cases = append(b.cases, c)
		}
	}
	return each(ctx, workers, todo, func(ctx context.Context, c *testCase) error {
		said, err := p.learnOne(ctx, c)
		if err != nil && ctx.Err() == nil {
			said, err = p.learnOne(ctx, c)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			fmt.Fprintf(os.Stderr, "left out, it fails unbroken: %s of %s: %v\n%s", c.name, c.of.pkg, err, said)
			return nil
		}
		return known.add(p, c)
	})
}

// learnLimit is how long one test may take unbroken.
const learnLimit = 10 * time.Minute

func (p *target) learnOne(ctx context.Context, c *testCase) (said []byte, err error) {
	asked, err := os.CreateTemp(c.of.scratch, "asked-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(asked.Name())
	defer asked.Close()
	if err := asked.Chmod(0o666); err != nil {
		return nil, err
	}
	from := time.Now()
	if said, err := c.of.runTests(ctx, []*testCase{c}, askedEnv+"="+asked.Name(), learnLimit); err != nil {
		return said, err
	}
	c.took, c.asked = time.Since(from), map[int]bool{}
	data, err := os.ReadFile(asked.Name())
	if err != nil {
		return nil, err
	}
	for number := range strings.FieldsSeq(string(data)) {
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, err
		}
		c.asked[n] = true
	}
	return nil, nil
}

// each does something for all of the list, several at once, until an error.
func each[T any](ctx context.Context, workers int, list []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan T)
	var group sync.WaitGroup
	for range max(workers, 1) {
		group.Go(func() {
			for one := range next {
				if err := do(ctx, one); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, one := range list {
		select {
		case next <- one:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}

// firstBatch of the bound is how much of the tests' time goes into the first process
// that tests a mutant, so that a slow test is not run where a quick one notices. Each
// further one gets twice as much, since starting a server takes its time as well.
const firstBatch = 30

// leastCost is what a test counts for that took no time by the clock of `go test`.
const leastCost = 5 * time.Millisecond

// order is the tests that ask for a mutant, in batches: first those that noticed
// something in the same function, then the quick ones.
func (p *target) order(number int, batch time.Duration) [][]*testCase {
	var list []*testCase
	for _, b := range p.suites {
		for _, c := range b.cases {
			if c.asked[number] {
				list = append(list, c)
			}
		}
	}
	function := p.all[number].file + " " + p.all[number].function
	p.mu.Lock()
	slices.SortStableFunc(list, func(a, b *testCase) int {
		return cmp.Or(cmp.Compare(p.noticed[function][b], p.noticed[function][a]), cmp.Compare(a.took, b.took))
	})
	p.mu.Unlock()
	var ordered [][]*testCase
	var took time.Duration
	for _, c := range list {
		last := len(ordered) - 1
		cost := max(c.took, leastCost)
		if last < 0 || ordered[last][0].of != c.of || took+cost > batch {
			if last++; last > 0 {
				batch *= 2
			}
			ordered, took = append(ordered, nil), 0
		}
		ordered[last], took = append(ordered[last], c), took+cost
	}
	return ordered
}

var failure = regexp.MustCompile(`(?m)^--- FAIL: (Test\w+)`)

// found is a mutant's verdict, and the test that noticed it.
type found struct {
	verdict verdict
	by      string
}

// test switches one mutant on and runs the tests that ask for it until one fails.
// Nothing is begun after the bound but the first ones.
func (p *target) test(ctx context.Context, number int, o options) (found, error) {
	from := time.Now()
	for n, tests := range p.order(number, o.bound/firstBatch) {
		if n > 0 && time.Since(from) > o.bound {
			return found{unnoticed, ""}, nil
		}
		var took time.Duration
		for _, c := range tests {
			took += c.took
		}
		limit := cmp.Or(o.timeout, 3*took+10*time.Second)
		said, err := tests[0].of.runTests(ctx, tests, fmt.Sprintf("%s=%d", onEnv, number), limit)
		switch {
		case ctx.Err() != nil:
			return found{}, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return found{timeout, tests[0].name}, nil
		case err != nil:
			return found{killed, p.note(number, tests, said)}, nil
		}
	}
	return found{survived, ""}, nil
}

// note keeps which test noticed a mutant: its neighbours are tried with that test first.
func (p *target) note(number int, tests []*testCase, said []byte) string {
	function := p.all[number].file + " " + p.all[number].function
	m := failure.FindSubmatch(said)
	if m == nil {
		return tests[0].name // it did not get as far as a verdict of its own
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range tests {
		if c.name != string(m[1]) {
			continue
		}
		if p.noticed[function] == nil {
			p.noticed[function] = map[*testCase]int{}
		}
		p.noticed[function][c]++
	}
	return string(m[1])
}

// runTests runs these tests until one fails, for at most that long; then the
// error is context.DeadlineExceeded.
func (b *binary) runTests(ctx context.Context, tests []*testCase, environment string, limit time.Duration) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var names []string
	for _, c := range tests {
		names = append(names, c.name)
	}
	cmd := exec.CommandContext(ctx, b.program, "-test.failfast", "-test.timeout=0", "-test.run", "^("+strings.Join(names, "|")+")$")
	// Property tests keep no failures: they would be in the tree.
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), environment, "RAPID_NOFAILFILE=true")
	if b.command != "" {
		wrapper, err := b.wrap(environment)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(filepath.Dir(wrapper))
		cmd.Env = append(cmd.Env, commandEnv+"="+wrapper)
	}
	// The tests' own programs go with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	said, err = cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return said, err
}

// wrap makes a command that runs with the switch: the tests make the
// environments of their commands from nothing.
func (b *binary) wrap(environment string) (string, error) {
	dir, err := os.MkdirTemp(b.scratch, "command-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ingest")
	return path, os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\n%s exec %s \"$@\"\n", environment, b.command), 0o755)
}
