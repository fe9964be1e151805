//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// accepted are the survivors that no test has to notice, by their ids.
type accepted map[string]bool

// readAccepted reads the list: a paragraph begins with its reason, in lines that
// begin with #, and names the mutants that it holds for.
func readAccepted(path string) (accepted, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a := accepted{}
	reason := false
	for n, text := range strings.Split(string(data), "\n") {
		text = strings.TrimSpace(text)
		switch {
		case text == "":
			reason = false
		case strings.HasPrefix(text, "#"):
			reason = true
		case !reason:
			return nil, fmt.Errorf("%s:%d: no reason stands above %q", path, n+1, text)
		case a[text]:
			return nil, fmt.Errorf("%s:%d: %q is there twice", path, n+1, text)
		default:
			a[text] = true
		}
	}
	return a, nil
}

func (a accepted) has(m mutant) bool { return a[m.id()] }

// check refuses an accepted mutant of the package that there is no longer.
func (a accepted) check(dir string, mutants []mutant) error {
	there := map[string]bool{}
	for _, m := range mutants {
		there[m.id()] = true
	}
	for id := range a {
		if file, _, _ := strings.Cut(id, " "); filepath.Dir(file) == dir && !there[id] {
			return fmt.Errorf("the list of accepted survivors names %q, which is no mutant: remove it, or write what it is now", id)
		}
	}
	return nil
}
