//go:build cgo && unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// script is what is sent to both engines, in order.
type script struct {
	name    string
	catalog string
	volumes string // files that are there from the beginning; "" for none
	events  []event

	accepted bool // the local workspace refuses none of it
}

// event is a statement, or a file that is put into a volume. The tests of the local
// workspace's warehouse write the same form.
type event struct {
	SQL    string `json:"sql,omitempty"`
	Source string `json:"source,omitempty"` // the documentation, or a guess: Spark may answer otherwise
	File   string `json:"file,omitempty"`
	Copy   string `json:"copy,omitempty"`
}

// moment stands for the time of a statement, which differs between two engines.
const moment = "TIMESTAMP '2026-01-02 03:04:05.678901'"

var nowCall = regexp.MustCompile(`(?i)\b(current_timestamp|now)\(\)`)

// timing are tests whose statements depend on time: writers beside each other, clients
// that give up or ask again.
const timing = "^Test(Cancel|ConcurrentWriters|Killed|LateCommit|Polling)$"

// recordCorpus runs the tests of the local workspace's warehouse, which keep their
// statements in dir. They have to pass: a script that stops early proves little.
func recordCorpus(ctx context.Context, dir string) ([]script, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count", "1", "-skip", timing, "./lakehouse/warehouse")
	cmd.Env = append(os.Environ(), "INGEST_TEST_TAPES="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	wanted, err := filepath.Glob("lakehouse/warehouse/testdata/corpus/*.sql")
	if err != nil {
		return nil, err
	}
	if err := recorded(files, wanted); err != nil {
		return nil, err
	}
	var scripts []script
	for _, file := range files {
		s := script{name: strings.TrimSuffix(filepath.Base(file), ".jsonl"), catalog: "main"}
		if s.events, err = readEvents(file); err != nil {
			return nil, err
		}
		if len(s.events) > 0 {
			scripts = append(scripts, s)
		}
	}
	return scripts, nil
}

// recorded refuses recordings in which a script of the corpus is missing: nothing else
// would show that it is no longer compared.
func recorded(files, corpus []string) error {
	if len(corpus) == 0 {
		return errors.New("testdata/corpus has no scripts")
	}
	for _, c := range corpus {
		name := "TestCorpus-" + strings.TrimSuffix(filepath.Base(c), ".sql") + "-1.jsonl"
		if !slices.ContainsFunc(files, func(f string) bool { return filepath.Base(f) == name }) {
			return fmt.Errorf("the tests kept no %s of %s", name, c)
		}
	}
	return nil
}

func readEvents(file string) ([]event, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var events []event
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var e event
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		e.SQL = nowCall.ReplaceAllString(e.SQL, moment)
		events = append(events, e)
	}
	return events, nil
}

// stamp is the line before each statement of a log.
var stamp = regexp.MustCompile(`(?m)^-- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n`)

// parseLog takes the statement log of a local workspace apart.
func parseLog(text string) ([]event, error) {
	places := stamp.FindAllStringIndex(text, -1)
	if len(places) == 0 || places[0][0] != 0 {
		return nil, fmt.Errorf("a statement log of %d bytes does not begin with a statement's time", len(text))
	}
	var events []event
	for i, p := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		sql, ok := strings.CutSuffix(text[p[1]:end], "\n;\n\n")
		if !ok {
			return nil, fmt.Errorf("the statement of %q in the log has no end", text[p[0]:p[1]])
		}
		events = append(events, event{SQL: nowCall.ReplaceAllString(sql, moment)})
	}
	return events, nil
}
