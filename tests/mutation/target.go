//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// verdict is what became of a mutant.
type verdict string

const (
	killed   verdict = "killed"  // a test failed
	timeout  verdict = "timeout" // the tests did not end in time, which counts as noticed
	invalid  verdict = "invalid" // it does not compile
	survived verdict = "survived"
)

// target is a package whose conditions are broken.
type target struct {
	root    string            // of the module
	dir     string            // of the package, below the root: internal/ledger
	sources map[string][]byte // its files without tests, by their path below the root
	suites  []binary          // the package's own tests first
	tests   string            // a hash of all files that the tests are made of
}

// binary is a package's tests, compiled for each mutant and run in its directory.
type binary struct {
	suite
	dir string
}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir          string
	Module       struct{ Dir string }
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func list(ctx context.Context, pkg string) (listed, error) {
	var l listed
	out, err := exec.CommandContext(ctx, "go", "list", "-json=Dir,Module,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles", pkg).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return l, fmt.Errorf("list %s: %w\n%s", pkg, err, exit.Stderr)
	}
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(out)).Decode(&l)
	}
	return l, err
}

func openPackage(ctx context.Context, pkg string, o options) (*target, error) {
	l, err := list(ctx, pkg)
	if err != nil {
		return nil, err
	}
	p := &target{root: l.Module.Dir, sources: map[string][]byte{}}
	if p.dir, err = filepath.Rel(p.root, l.Dir); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(l.GoFiles, l.CgoFiles) {
		data, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		p.sources[filepath.Join(p.dir, name)] = data
	}
	hash := sha256.New()
	for _, s := range slices.Concat([]suite{{pkg: pkg}}, o.tests) {
		if l, err = list(ctx, s.pkg); err != nil {
			return nil, err
		}
		files := slices.Concat(l.TestGoFiles, l.XTestGoFiles)
		if len(files) == 0 {
			continue
		}
		p.suites = append(p.suites, binary{s, l.Dir})
		fmt.Fprintln(hash, s)
		for _, name := range files {
			if err := hashFile(hash, filepath.Join(l.Dir, name)); err != nil {
				return nil, err
			}
		}
	}
	p.tests = hex.EncodeToString(hash.Sum(nil)[:8])
	if len(p.suites) == 0 {
		return nil, fmt.Errorf("%s has no tests: name some with -tests", pkg)
	}
	return p, nil
}

func hashFile(hash io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err == nil {
		_, err = fmt.Fprintf(hash, "%s %d\n%s", path, len(data), data)
	}
	return err
}

// mutants are those of the package's files that the options choose, in order.
func (p *target) mutants(o options) ([]mutant, error) {
	var chosen []mutant
	for _, name := range slices.Sorted(maps.Keys(p.sources)) {
		found, err := findMutants(name, p.sources[name])
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if slices.Contains(o.kinds, m.kind) && m.isAt(o.places) {
				chosen = append(chosen, m)
			}
		}
	}
	return chosen, nil
}

func (m mutant) isAt(places []string) bool {
	return len(places) == 0 || slices.ContainsFunc(places, func(place string) bool {
		file, line, ok := strings.Cut(place, ":")
		return (file == m.file || file == filepath.Base(m.file)) && (!ok || line == strconv.Itoa(m.line))
	})
}

// baseline runs the tests unbroken and gives the time that each mutant gets.
func (p *target) baseline(ctx context.Context, limit time.Duration) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	var longest time.Duration
	for _, b := range p.suites {
		program, said, err := b.build(ctx, dir, "")
		if err != nil {
			return 0, fmt.Errorf("build the tests of %s: %w\n%s", b.pkg, err, said)
		}
		from := time.Now()
		if said, err := b.runTests(ctx, program, time.Hour); err != nil {
			return 0, fmt.Errorf("the tests of %s fail unbroken: %w\n%s", b.pkg, err, said)
		}
		longest = max(longest, time.Since(from))
	}
	if limit == 0 {
		limit = 3*longest + 20*time.Second
	}
	return limit, nil
}

// test breaks the package by one mutant, aside, and runs the tests until one fails.
func (p *target) test(ctx context.Context, m mutant, limit time.Duration) (verdict, error) {
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	broken := filepath.Join(dir, filepath.Base(m.file))
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(p.root, m.file): broken}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(broken, m.apply(p.sources[m.file]), 0o600), os.WriteFile(overlay, replaced, 0o600)); err != nil {
		return "", err
	}
	for _, b := range p.suites {
		program, _, err := b.build(ctx, dir, overlay)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err != nil {
			return invalid, nil
		}
		_, err = b.runTests(ctx, program, limit)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return timeout, nil
		case err != nil:
			return killed, nil
		}
	}
	return survived, nil
}

// build compiles the tests, with the overlay unless it is empty, and gives the
// program.
func (b binary) build(ctx context.Context, dir, overlay string) (program string, said []byte, err error) {
	program = filepath.Join(dir, filepath.Base(b.dir)+".test")
	args := []string{"test", "-c", "-vet=off", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	said, err = exec.CommandContext(ctx, "go", append(args, b.pkg)...).CombinedOutput()
	return program, said, err
}

// runTests runs the program until a test fails, for at most that long; then the
// error is context.DeadlineExceeded.
func (b binary) runTests(ctx context.Context, program string, limit time.Duration) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.failfast", "-test.run", b.run)
	cmd.Dir = b.dir
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
