//go:build cgo && linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/probe"
	"github.com/ingest-tool/ingest/lakehouse"
)

// stored lists what is in the volumes.
func (b *bench) stored() (names []string) {
	b.t.Helper()
	root := filepath.Join(b.dir, "Volumes", benchCatalog)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, root))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return names
}

// An answer that the program is not built for keeps the pipeline from starting
// until a later probe finds a good one.
func TestProbeKeepsThePipelineFromStarting(t *testing.T) {
	t.Parallel()
	var overwrites atomic.Bool
	b := newBench(t, func(_ int64, r *http.Request) *lakehouse.Fault {
		if overwrites.Load() && strings.Contains(r.URL.Path, "/create_absent/") {
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "overwrite=false", "overwrite=true")
		}
		return nil
	})
	b.exec("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)")
	b.works("full-load")
	before := b.stored()

	overwrites.Store(true)
	code, stdout, stderr := b.run("check", "--probe", "--yes")
	if code != int(failure.Destination) || !strings.Contains(stderr, "create_absent: the second upload succeeded") {
		t.Errorf("a probe with a wrong answer: exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, part := range []string{"wrong", "the file holds \"second\"", "problem  probe: create_absent"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is not in\n%s", part, stdout)
		}
	}
	if diff := cmp.Diff(before, slices.DeleteFunc(b.stored(), func(n string) bool { return filepath.Base(n) == probe.FileName })); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
	b.exec("INSERT INTO a VALUES (2)")
	for _, command := range []string{"full-load", "full-load --stage-only", "cdc", "cdc --stage-only", "load", "views",
		"prune", "plan", "verify"} {
		b.fails(failure.Conflict, "the workspace behaves in a way that ingest does not support: create_absent: expected refused",
			"`ingest check --probe` asks again", strings.Fields(command)...)
	}
	b.finds(failure.Conflict, finding.Problem, "probe", "create_absent", "ingest check --probe")
	b.works("status")

	overwrites.Store(false)
	stdout, _ = b.works("check", "--probe", "--yes", "--output", "json")
	var answer struct {
		Findings []finding.Finding
		Probe    *probe.Report
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || answer.Probe == nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if n := len(answer.Probe.Answers); int64(n) != probe.Questions() || answer.Probe.Of(probe.Wrong) != nil {
		t.Errorf("%d answers, wrong: %v", n, answer.Probe.Of(probe.Wrong))
	}
	if diff := cmp.Diff(before, b.stored()); diff != "" {
		t.Errorf("after a good probe (-before +after):\n%s", diff)
	}
	b.works("cdc")
	if n := b.rows("a"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// terminal is both ends of a pseudo-terminal: what is written to the first is
// typed into the second.
func terminal(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	var number uint32
	var unlocked int32
	for request, argument := range map[uintptr]unsafe.Pointer{
		syscall.TIOCGPTN: unsafe.Pointer(&number), syscall.TIOCSPTLCK: unsafe.Pointer(&unlocked),
	} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keys.Fd(), request, uintptr(argument)); errno != 0 {
			t.Fatal(errno)
		}
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return keys, tty
}

// The probe says what it will do and asks; without a terminal it wants
// --yes. Nothing is made before.
func TestProbeAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.fails(failure.Usage, "there is no terminal to ask", "ingest check --probe --yes", "check", "--probe")
	b.fails(failure.Usage, "--yes needs --probe", "--probe", "check", "--yes")
	keys, tty := terminal(t)
	for _, said := range []string{"n\n", "\n", "yesterday\n"} {
		if _, err := keys.WriteString(said); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		p := process{
			args: []string{"check", "--probe", "-q"}, environment: b.environment(), stdin: tty, stdout: &stdout, stderr: &stderr,
			signals: make(chan os.Signal), unnotify: func() {},
		}
		if code := p.run(); code != int(failure.Other) {
			t.Errorf("answered %q: exit code %d\n%s%s", said, code, stdout.String(), stderr.String())
		}
		for _, part := range []string{"makes a schema", "SQL warehouse", "you pay for the warehouse", "[y/N]", "the probe did not run"} {
			if !strings.Contains(stderr.String(), part) {
				t.Errorf("answered %q: %q is not in\n%s", said, part, stderr.String())
			}
		}
		if !strings.Contains(stdout.String(), "signed in to") {
			t.Errorf("the findings are not seen before the question:\n%s", stdout.String())
		}
	}
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGINT
	var stdout, stderr bytes.Buffer
	p := process{
		args: []string{"check", "--probe"}, environment: b.environment(), stdin: tty, stdout: &stdout, stderr: &stderr,
		signals: signals, unnotify: func() {},
	}
	if code := p.run(); code != int(failure.Interrupted) {
		t.Errorf("interrupted: exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	b.nothingMade()
}

// A workspace can be probed before there is a source.
func TestProbeWithoutASource(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(_ int64, r *http.Request) *lakehouse.Fault {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/unity-catalog/schemas") {
			return &lakehouse.Fault{
				Kind: lakehouse.Reject, Status: http.StatusForbidden, ErrorCode: "PERMISSION_DENIED", Message: "User does not have CREATE SCHEMA.",
			}
		}
		return nil
	})
	delete(b.env, "INGEST_SOURCE_URL")
	stdout, _ := b.fails(failure.Destination, "prepare schema", "GRANT CREATE SCHEMA", "check", "--probe", "--yes")
	if !strings.Contains(stdout, "no source is configured: checking only the workspace") {
		t.Error(stdout)
	}
	b.nothingMade()
}
