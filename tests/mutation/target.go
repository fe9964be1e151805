//go:build unix

package main

import (
	"bytes"
	"cmp"
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
	survived verdict = "survived"
)

// target is a package whose conditions are broken.
type target struct {
	root    string            // of the module
	name    string            // of the package
	dir     string            // of the package, below the root: internal/ledger
	sources map[string][]byte // its files without tests, by their path below the root
	all     []mutant          // of all sources, in order; a mutant's number is its place here
	suites  []*binary         // the package's own tests first
	tests   string            // a hash of all files that the tests are made of
}

// binary is a package's tests, compiled for each mutant and run in its directory.
type binary struct {
	suite
	dir     string
	program string
	cases   []testCase
}

// testCase is one test: how long it takes, and which mutants' switches it asks for.
type testCase struct {
	name  string
	took  time.Duration
	asked map[int]bool
}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir          string
	Name         string
	Module       struct{ Dir string }
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func list(ctx context.Context, pkg string) (listed, error) {
	var l listed
	out, err := exec.CommandContext(ctx, "go", "list", "-json=Dir,Name,Module,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles", pkg).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return l, fmt.Errorf("list %s: %w\n%s", pkg, err, exit.Stderr)
	}
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(out)).Decode(&l)
	}
	return l, err
}

func openPackage(ctx context.Context, broken suite, o options) (*target, error) {
	l, err := list(ctx, broken.pkg)
	if err != nil {
		return nil, err
	}
	p := &target{root: l.Module.Dir, name: l.Name, sources: map[string][]byte{}}
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
	for _, s := range slices.Concat([]suite{broken}, o.tests) {
		if l, err = list(ctx, s.pkg); err != nil {
			return nil, err
		}
		files := slices.Concat(l.TestGoFiles, l.XTestGoFiles)
		if len(files) == 0 {
			continue
		}
		p.suites = append(p.suites, &binary{suite: s, dir: l.Dir})
		fmt.Fprintln(hash, s)
		for _, name := range files {
			if err := hashFile(hash, filepath.Join(l.Dir, name)); err != nil {
				return nil, err
			}
		}
	}
	if err := p.find(); err != nil {
		return nil, err
	}
	p.tests = hex.EncodeToString(hash.Sum(nil)[:8])
	if len(p.suites) == 0 {
		return nil, fmt.Errorf("%s has no tests: name some with -tests", broken.pkg)
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

// find lists the mutants of the package's files.
func (p *target) find() error {
	for _, name := range slices.Sorted(maps.Keys(p.sources)) {
		found, err := findMutants(name, p.sources[name])
		if err != nil {
			return err
		}
		p.all = append(p.all, found...)
	}
	return nil
}

// mutants are those that the options choose.
func (p *target) mutants(o options) []mutant {
	return slices.DeleteFunc(slices.Clone(p.all), func(m mutant) bool {
		return !slices.Contains(o.kinds, m.kind) || !m.isAt(o.places)
	})
}

func (m mutant) isAt(places []string) bool {
	return len(places) == 0 || slices.ContainsFunc(places, func(place string) bool {
		file, line, ok := strings.Cut(place, ":")
		return (file == m.file || file == filepath.Base(m.file)) && (!ok || line == strconv.Itoa(m.line))
	})
}

// The environment of a program with switches.
const (
	onEnv    = "INGEST_MUTANT"       // the number of the mutant that is on
	askedEnv = "INGEST_MUTANT_ASKED" // a file that gets the number of each mutant that is asked for
)

// switches is the file that a package gets beside its own.
const switches = `package %s

import (
	"os"
	"strconv"
	"sync"
)

var (
	mutantOn    = func() int { n, err := strconv.Atoi(os.Getenv("` + onEnv + `")); if err != nil { n = -1 }; return n }()
	mutantsFile = os.Getenv("` + askedEnv + `")
	mutantsSeen sync.Map
)

func mutantIsOn(n int) bool {
	if mutantsFile != "" {
		if _, seen := mutantsSeen.LoadOrStore(n, true); !seen {
			f, err := os.OpenFile(mutantsFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
			if err == nil {
				_, err = f.WriteString(strconv.Itoa(n) + "\n")
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				panic(err)
			}
		}
	}
	return n == mutantOn
}
`

// build compiles the tests with the switches, in dir, and runs each test once,
// unbroken, to learn what it asks for.
func (p *target) build(ctx context.Context, dir string) error {
	overlay, err := p.overlay(dir)
	if err != nil {
		return err
	}
	for n, b := range p.suites {
		b.program = filepath.Join(dir, fmt.Sprintf("%d.test", n))
		said, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", b.program, b.pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build the tests of %s: %w\n%s", b.pkg, err, said)
		}
		if err := b.learn(ctx, filepath.Join(dir, "asked")); err != nil {
			return err
		}
	}
	return nil
}

// overlay writes the files with the switches and the go command's list of them.
func (p *target) overlay(dir string) (string, error) {
	replace := map[string]string{}
	write := func(path string, data []byte) error {
		aside := filepath.Join(dir, filepath.Base(path))
		replace[filepath.Join(p.root, path)] = aside
		return os.WriteFile(aside, data, 0o644)
	}
	for name, source := range p.sources {
		var mutants []mutant
		var numbers []int
		for n, m := range p.all {
			if m.file == name {
				mutants, numbers = append(mutants, m), append(numbers, n)
			}
		}
		if err := write(name, instrument(source, mutants, numbers)); err != nil {
			return "", err
		}
	}
	if err := write(filepath.Join(p.dir, "mutant_switches.go"), fmt.Appendf(nil, switches, p.name)); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	path := filepath.Join(dir, "overlay.json")
	return path, errors.Join(err, os.WriteFile(path, data, 0o644))
}

// learn runs each test by itself and unbroken.
func (b *binary) learn(ctx context.Context, askedFile string) error {
	cmd := exec.CommandContext(ctx, b.program, "-test.list", cmp.Or(b.run, "^Test"))
	cmd.Dir = b.dir
	names, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list the tests of %s: %w", b.pkg, err)
	}
	for _, name := range strings.Fields(string(names)) {
		if !strings.HasPrefix(name, "Test") {
			continue
		}
		if err := os.WriteFile(askedFile, nil, 0o666); err != nil {
			return err
		}
		if err := os.Chmod(askedFile, 0o666); err != nil {
			return err
		}
		from := time.Now()
		if said, err := b.runTests(ctx, []string{name}, askedEnv+"="+askedFile, time.Hour); err != nil {
			return fmt.Errorf("%s of %s fails unbroken: %w\n%s", name, b.pkg, err, said)
		}
		c := testCase{name: name, took: time.Since(from), asked: map[int]bool{}}
		asked, err := os.ReadFile(askedFile)
		if err != nil {
			return err
		}
		for _, number := range strings.Fields(string(asked)) {
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			c.asked[n] = true
		}
		b.cases = append(b.cases, c)
	}
	return nil
}

// slow is from when on a test waits until the quick ones have noticed nothing.
const slow = 300 * time.Millisecond

// test switches one mutant on and runs the tests that ask for it until one fails.
func (p *target) test(ctx context.Context, m mutant, limit time.Duration) (verdict, error) {
	number := slices.Index(p.all, m)
	for _, b := range p.suites {
		for _, slowly := range []bool{false, true} {
			var names []string
			var took time.Duration
			for _, c := range b.cases {
				if c.asked[number] && (c.took >= slow) == slowly {
					names, took = append(names, c.name), took+c.took
				}
			}
			if len(names) == 0 {
				continue
			}
			_, err := b.runTests(ctx, names, fmt.Sprintf("%s=%d", onEnv, number), cmp.Or(limit, 3*took+10*time.Second))
			switch {
			case ctx.Err() != nil:
				return "", context.Cause(ctx)
			case errors.Is(err, context.DeadlineExceeded):
				return timeout, nil
			case err != nil:
				return killed, nil
			}
		}
	}
	return survived, nil
}

// runTests runs these tests until one fails, for at most that long; then the
// error is context.DeadlineExceeded.
func (b *binary) runTests(ctx context.Context, names []string, environment string, limit time.Duration) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, "-test.failfast", "-test.run", "^("+strings.Join(names, "|")+")$")
	// Property tests keep no failures: they would be in the tree.
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), environment, "RAPID_NOFAILFILE=true")
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
