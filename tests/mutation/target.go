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
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// verdict is what became of a mutant.
type verdict string

const (
	killed    verdict = "killed"  // a test failed
	timeout   verdict = "timeout" // the tests did not end in time, which counts as noticed
	survived  verdict = "survived"
	unnoticed verdict = "unnoticed" // not within the bound: not all tests were run that ask for it
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

	mu      sync.Mutex
	noticed map[string]map[*testCase]int // how often a test noticed a mutant of a function
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
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
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
	p := &target{root: l.Module.Dir, name: l.Name, sources: map[string][]byte{}, noticed: map[string]map[*testCase]int{}}
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
		b := &binary{suite: s, dir: l.Dir, hashes: map[string]string{}}
		p.suites = append(p.suites, b)
		fmt.Fprintln(hash, s)
		for _, name := range files {
			if err := b.read(name, hash); err != nil {
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

// first is the number of a file's first mutant.
func (p *target) first(file string) int {
	return slices.IndexFunc(p.all, func(m mutant) bool { return m.file == file })
}

// mutants are the numbers of those that the options choose.
func (p *target) mutants(o options) []int {
	var chosen []int
	for n, m := range p.all {
		if slices.Contains(o.kinds, m.kind) && m.isAt(o.places) {
			chosen = append(chosen, n)
		}
	}
	return chosen
}

func (m mutant) isAt(places []string) bool {
	return len(places) == 0 || slices.ContainsFunc(places, func(place string) bool {
		file, line, ok := strings.Cut(place, ":")
		return (file == m.file || file == filepath.Base(m.file)) && (!ok || line == strconv.Itoa(m.line))
	})
}

// The environment of a program with switches.
const (
	onEnv    = "INGEST_TEST_MUTANT"       // the number of the mutant that is on
	askedEnv = "INGEST_TEST_MUTANT_ASKED" // a file that gets the number of each mutant that is asked for
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

// build compiles the tests with the switches, in dir.
func (p *target) build(ctx context.Context, dir string) error {
	overlay, err := p.overlay(dir)
	if err != nil {
		return err
	}
	for n, b := range p.suites {
		b.scratch, b.program = dir, filepath.Join(dir, fmt.Sprintf("%d.test", n))
		said, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", b.program, b.pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build the tests of %s: %w\n%s", b.pkg, err, said)
		}
		if !b.commands {
			continue
		}
		// The command is built as these tests would build it, and once.
		b.command = filepath.Join(dir, "command")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", overlay, "-o", b.command, "./cmd/ingest")
		build.Dir = p.root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the command: %w\n%s", err, said)
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
