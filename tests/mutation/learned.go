//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// learned is the file of what is known of tests, one JSON object a line: a test
// that takes a minute is not run by itself again for each run of this command.
// What is known of a test holds while its own file is the same, and those files
// of the broken package that it asked for something in. A change of a helper that
// leads it elsewhere is not seen: remove the file then.
type learned struct {
	mu   sync.Mutex
	file *os.File
	all  map[testName]lesson
}

type testName struct {
	Broken string `json:"broken"`
	Suite  string `json:"suite"`
	Test   string `json:"test"`
}

type lesson struct {
	testName
	Hash  string           `json:"hash"`
	Took  float64          `json:"took"` // seconds
	Files map[string]asked `json:"files"`
}

// asked are the mutants of one file that a test asks for, by their places among the file's.
type asked struct {
	Hash    string `json:"hash"`
	Mutants []int  `json:"mutants"`
}

func openLearned(path string) (*learned, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	k := &learned{file: file, all: map[testName]lesson{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var l lesson
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, errors.Join(fmt.Errorf("%s:%d: %w", path, n, err), file.Close())
		}
		k.all[l.testName] = l // the later one holds
	}
	return k, lines.Err()
}

func (k *learned) close() { _ = k.file.Close() }

// find gives what is known of a test, or nil.
func (k *learned) find(p *target, b *binary, name string) *testCase {
	l, ok := k.all[testName{p.dir, b.pkg, name}]
	if !ok || l.Hash != b.hashes[name] {
		return nil
	}
	c := &testCase{of: b, name: name, took: time.Duration(l.Took * float64(time.Second)), asked: map[int]bool{}}
	for file, a := range l.Files {
		if a.Hash != hashOf(p.sources[file]) {
			return nil
		}
		first := p.first(file)
		for _, n := range a.Mutants {
			c.asked[first+n] = true
		}
	}
	return c
}

func (k *learned) add(p *target, c *testCase) error {
	l := lesson{testName{p.dir, c.of.pkg, c.name}, c.of.hashes[c.name], c.took.Seconds(), map[string]asked{}}
	for n, m := range p.all {
		if !c.asked[n] {
			continue
		}
		a := l.Files[m.file]
		l.Files[m.file] = asked{hashOf(p.sources[m.file]), append(a.Mutants, n-p.first(m.file))}
	}
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err = k.file.Write(append(data, '\n'))
	return err
}
