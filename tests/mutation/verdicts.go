//go:build unix

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// verdicts is the file in which each mutant's verdict is kept as soon as it is
// known, one JSON object a line. A verdict holds while the mutant's file is what
// it was; that it survived also only while the tests are the same, and that it
// was not noticed in time only for that bound.
type verdicts struct {
	mu   sync.Mutex
	file *os.File
	all  map[noted]verdict
}

// noted is what a verdict holds for.
type noted struct {
	Mutant string `json:"mutant"`
	Start  int    `json:"start"` // in the file: the same text may be there twice
	Source string `json:"source"`
	Tests  string `json:"tests,omitempty"` // of a survivor
	Bound  string `json:"bound,omitempty"` // of one that was not noticed within it
}

type line struct {
	noted
	Verdict verdict `json:"verdict"`
	By      string  `json:"by,omitempty"` // the test that noticed it
}

func openVerdicts(path string) (*verdicts, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	v := &verdicts{file: file, all: map[noted]verdict{}}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, errors.Join(fmt.Errorf("%s:%d: %w", path, n, err), file.Close())
		}
		v.all[l.noted] = l.Verdict
	}
	return v, lines.Err()
}

func (v *verdicts) close() { _ = v.file.Close() }

func hashOf(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:8])
}

func (p *target) noted(m mutant) noted {
	return noted{Mutant: m.id(), Start: m.start, Source: hashOf(p.sources[m.file])}
}

func (v *verdicts) find(p *target, m mutant, o options) verdict {
	n := p.noted(m)
	if found, ok := v.all[n]; ok {
		return found
	}
	n.Tests = p.tests
	if found, ok := v.all[n]; ok {
		return found
	}
	n.Bound = o.bound.String()
	return v.all[n]
}

func (v *verdicts) add(p *target, m mutant, f found, o options) error {
	n := p.noted(m)
	if f.verdict == survived {
		n.Tests = p.tests
	} else if f.verdict == unnoticed {
		n.Tests, n.Bound = p.tests, o.bound.String()
	}
	data, err := json.Marshal(line{n, f.verdict, f.by})
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err = v.file.Write(append(data, '\n'))
	return err
}
