//go:build linux

package segment

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ingest-tool/ingest/internal/vector"
)

// The test binary runs itself as a second process of the tool. The variable
// selects what that process does.
const childVariable = "INGEST_SEGMENT_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "hold":
		os.Exit(holdSpool(os.Args[1], os.Args[2]))
	case "full":
		os.Exit(fillDisk(os.Args[1]))
	}
	os.Exit(m.Run())
}

func child(t *testing.T, what string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	return cmd
}

// holdSpool opens a spool with an open segment, reports it, and waits for the
// end of its standard input.
func holdSpool(parent, run string) int {
	s, err := OpenSpool(parent, run)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := s.NewWriter(narrowLayout, nil, testMemory); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

func startHolder(t *testing.T, parent, run string) *exec.Cmd {
	t.Helper()
	cmd := child(t, "hold", parent, run)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	return cmd
}

func spools(t *testing.T, parent string) string {
	t.Helper()
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestSpoolIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	parent := filepath.Join(t.TempDir(), "made", "for it")
	s, err := OpenSpool(parent, "run")
	if err != nil {
		t.Fatal(err)
	}
	f := closed(t, newWriter(t, s, narrowLayout))
	for path, want := range map[string]os.FileMode{parent: 0o700, s.Dir(): 0o700, f.Path: 0o600, filepath.Join(s.Dir(), "lock"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := spools(t, parent); left != "" {
		t.Errorf("left after Close: %s", left)
	}
}

func TestStaleSpoolsAreRemovedAndLiveOnesAreNot(t *testing.T) {
	parent := t.TempDir()
	startHolder(t, parent, "live")
	mine, err := OpenSpool(parent, "mine")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	for _, name := range []string{spoolPrefix + "no-lock", "other"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(parent, spoolPrefix+"file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dead := startHolder(t, parent, "dead")
	if err := dead.Process.Kill(); err != nil { // SIGKILL: the process cleans nothing up
		t.Fatal(err)
	}
	_, _ = dead.Process.Wait()
	if got := spools(t, parent); !strings.Contains(got, "dead") {
		t.Fatalf("the killed run left nothing behind: %s", got)
	}
	next, err := OpenSpool(parent, "next")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if got, want := spools(t, parent),
		"ingest-spool-file ingest-spool-live ingest-spool-mine ingest-spool-next ingest-spool-no-lock other"; got != want {
		t.Errorf("spools are\n%s, want\n%s", got, want)
	}
	if _, err := OpenSpool(parent, "live"); err == nil {
		t.Error("a live run's spool was opened by another")
	}
	if got := spools(t, parent); strings.Contains(got, "."+spoolPrefix) {
		t.Errorf("the refused one left something behind: %s", got)
	}
}

// Spools that are opened and closed concurrently never remove each other.
func TestSpoolsOpenedAtOnce(t *testing.T) {
	parent := t.TempDir()
	errs := make(chan error)
	for g := range 4 {
		go func() {
			for i := range 50 {
				s, err := OpenSpool(parent, fmt.Sprintf("%d-%d", g, i))
				if err == nil {
					var w *Writer
					if w, err = s.NewWriter(narrowLayout, nil, testMemory); err == nil {
						_, err = w.Close()
					}
					err = errors.Join(err, s.Close())
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if left := spools(t, parent); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestOpenSpoolNamesTheDirectoryItCannotUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSpool(file, "run"); err == nil || !strings.Contains(err.Error(), "open spool: ") || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v", err)
	}
}

// A full disk causes an error that names it, at any point, and leaves no file
// behind.
func TestDiskFull(t *testing.T) {
	out, err := child(t, "full", t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

func (s *Spool) attempt() (File, error) {
	w, err := s.NewWriter(everyKind, nil, testMemory)
	if err != nil {
		return File{}, err
	}
	b := vector.NewBatch(everyKind)
	everyRow(b, 4000)
	for range 40 {
		if err := w.Write(b); err != nil {
			return File{}, errors.Join(err, w.Discard())
		}
		if err := w.EndRowGroup(); err != nil {
			return File{}, errors.Join(err, w.Discard())
		}
	}
	return w.Close()
}

// fillDisk limits the file size, which fails like a full disk. It tries many
// limits, so that the same segment fails at many points.
func fillDisk(parent string) int {
	fail := func(format string, args ...any) int {
		fmt.Printf(format+"\n", args...)
		return 1
	}
	signal.Ignore(syscall.SIGXFSZ)
	s, err := OpenSpool(parent, "run")
	if err != nil {
		return fail("%v", err)
	}
	whole, err := s.attempt()
	if err != nil {
		return fail("%v", err)
	}
	if err := whole.Release(); err != nil {
		return fail("%v", err)
	}
	if whole.Bytes < 1<<20 {
		return fail("the segment has only %d bytes, less than a few buffers", whole.Bytes)
	}
	var limits syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limits); err != nil {
		return fail("%v", err)
	}
	for i := range uint64(40) {
		limits.Cur = i * uint64(whole.Bytes-1) / 39
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limits); err != nil {
			return fail("%v", err)
		}
		_, err := s.attempt()
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), s.Dir()) || !strings.Contains(err.Error(), " segment: ") {
			return fail("at %d of %d bytes: error is %v", limits.Cur, whole.Bytes, err)
		}
		if left, _ := filepath.Glob(filepath.Join(s.Dir(), "0*")); len(left) != 0 {
			return fail("at %d of %d bytes: left are %v", limits.Cur, whole.Bytes, left)
		}
	}
	if err := s.Close(); err != nil {
		return fail("%v", err)
	}
	return 0
}
