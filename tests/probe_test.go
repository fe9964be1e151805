//go:build cgo && unix

package tests

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/lakehouse"
)

// volumesAndSchemas lists all schemas of the catalog and all that is in volumes.
func (w *world) volumesAndSchemas() []string {
	w.t.Helper()
	found, err := w.target.Schemas().List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	root := filepath.Join(w.dir, "Volumes", catalogName)
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if path != root { // the server's own directory of the catalog
			found = append(found, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// A probe that is interrupted leaves nothing behind, and the next one removes what
// killed ones left.
func TestKilledProbe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CREATE TABLE a (id int PRIMARY KEY)")
	w.must("full-load")
	before := w.volumesAndSchemas()
	left := 0
	for _, kill := range []struct {
		at     int64 // request
		signal syscall.Signal
	}{{13, syscall.SIGKILL}, {40, syscall.SIGKILL}, {200, syscall.SIGKILL}, {14, syscall.SIGTERM}, {60, syscall.SIGINT}} {
		there := w.volumesAndSchemas()
		r := w.signalled(kill.at, kill.signal, "check", "--probe", "--yes")
		w.on(nil)
		switch after := w.volumesAndSchemas(); {
		case kill.signal == syscall.SIGKILL:
			left += len(after) - len(there)
		case r.code != int(failure.Interrupted):
			t.Errorf("%v at request %d: %s", kill.signal, kill.at, r)
		default:
			if diff := cmp.Diff(there, after); diff != "" {
				t.Errorf("%v at request %d, left behind (-before +after):\n%s", kill.signal, kill.at, diff)
			}
		}
	}
	if left == 0 {
		t.Error("the killed probes left nothing behind, so that nothing is tested")
	}
	r := w.must("check", "--probe", "--yes")
	if !strings.Contains(r.stdout, "which an earlier probe left behind") {
		t.Errorf("the removed objects are not reported: %s", r)
	}
	if diff := cmp.Diff(before, w.volumesAndSchemas()); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}

// signalled runs a command that gets a signal while its request waits to be
// answered.
func (w *world) signalled(at int64, s syscall.Signal, args ...string) result {
	w.t.Helper()
	reached, sent := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.on(func(n int64, _ *http.Request) *lakehouse.Fault {
		if n == at {
			once.Do(func() { close(reached) })
			<-sent
		}
		return nil
	})
	p := w.start(args...)
	select {
	case <-reached:
		p.signal(s)
	case <-p.ended:
		w.t.Errorf("%s ended before its request %d", strings.Join(args, " "), at)
	}
	if s == syscall.SIGKILL {
		<-p.ended
	}
	close(sent)
	return p.wait()
}
