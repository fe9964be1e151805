//go:build cgo && unix

package tests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/pgserver/pgtest"
	"github.com/ingest-tool/ingest/lakehouse"
)

// appends says whether a request appends an entry of a kind ("" is any).
func (w *world) appends(r *http.Request, kind ledger.Kind) bool {
	if !w.is(r, http.MethodPut, "ledger/") {
		return false
	}
	data, err := body(r)
	return err == nil && (kind == "" || bytes.Contains(data, []byte(`"kind": "`+string(kind)+`"`)))
}

// killedAtAppend runs a command that is killed when it appends its first entry
// of a kind. It must come that far.
func (w *world) killedAtAppend(kind ledger.Kind, when moment, args ...string) {
	w.t.Helper()
	w.killedWhere(func(r *http.Request) bool { return w.appends(r, kind) }, when, args...)
}

// killedWhere runs a command that is killed at its first request that matches.
func (w *world) killedWhere(match func(*http.Request) bool, when moment, args ...string) {
	w.t.Helper()
	started := make(chan *process, 1)
	var mu sync.Mutex
	killed := false
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		if killed {
			return drop
		}
		if !match(r) {
			return nil
		}
		killed = true
		if when == afterRequest {
			w.relay(r)
		}
		p := <-started
		p.kill()
		return drop
	})
	defer w.on(nil)
	p := w.start(args...)
	started <- p
	if r := p.wait(); !killed {
		w.t.Fatalf("it was to be killed: %s", r)
	}
}

// segments lists the files below segments/ that entries name, and those that
// none does.
func (w *world) segments() (named, orphans []string) {
	w.t.Helper()
	byPath := map[string]bool{}
	for _, e := range w.entries() {
		if e.Done != nil {
			for _, s := range e.Done.Segments {
				byPath[s.Path] = true
			}
		}
		if e.Changes != nil {
			for _, t := range e.Changes.Tables {
				for _, s := range t.Segments {
					byPath[s.Path] = true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.files("segments"))) {
		if byPath[name] {
			named = append(named, name)
		} else {
			orphans = append(orphans, name)
		}
	}
	return named, orphans
}

// TestInvariant1Immutable: a segment is never changed, its path never used
// twice, and each attempt of a table's snapshot has a directory of its own.
func TestInvariant1Immutable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.killedAtAppend(ledger.KindDone, beforeRequest, "full-load")
	w.write(1, 20)
	before := w.files("")
	if len(before) == 0 {
		t.Fatal("the killed run left nothing")
	}
	w.again("full-load")
	w.untouched(before)
	for range 2 { // attempts to stage nearly the same changes
		w.write(2, 10)
		before = w.files("")
		w.killedAtAppend(ledger.KindChanges, beforeRequest, "cdc")
		w.untouched(before)
	}
	before = w.files("")
	w.again("cdc")
	w.untouched(before)
	named, orphans := w.segments()
	directories := map[string]bool{}
	for _, e := range w.entries() {
		if e.Done != nil {
			directories[e.Done.Directory] = true
		}
	}
	for dir := range directories {
		for _, name := range orphans {
			if path.Dir(name) == dir {
				t.Errorf("%s, of another attempt, is in %s", name, dir)
			}
		}
	}
	if len(named) == 0 || len(orphans) == 0 {
		t.Errorf("%d named segments and %d orphans, want some of both", len(named), len(orphans))
	}
	w.compare("item", "event")
}

// TestInvariant2Named: segments that no entry names are never loaded, neither those of a killed snapshot nor those of a killed
// cdc.
func TestInvariant2Named(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.killedAtAppend(ledger.KindDone, beforeRequest, "full-load")
	_, orphans := w.segments()
	if len(orphans) == 0 {
		t.Fatal("the killed snapshot left no segments")
	}
	w.exec(`DELETE FROM item WHERE id % 2 = 0`, `DELETE FROM event WHERE id % 3 = 0`) // loaded, orphans would bring them back
	w.again("full-load")
	w.compare("item", "event")
	w.write(1, 20)
	w.killedAtAppend(ledger.KindChanges, beforeRequest, "cdc")
	if _, more := w.segments(); len(more) <= len(orphans) {
		t.Fatal("the killed cdc left no segments")
	}
	w.again("cdc")
	w.compare("item", "event")
	w.must("load")
	w.compare("item", "event")
}

// TestInvariant3OneLine: of two runs that append with the same number, one succeeds, and the other decides again. The chain of
// checksums is intact.
func TestInvariant3OneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	place := len(w.entries()) + 1
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.appends(r, ledger.KindBegin) {
			once.Do(func() {
				close(held)
				<-release
			})
		}
		return nil
	})
	snapshot := w.start("full-load", "--tables", "event")
	waitFor(t, held, "the snapshot's begin")
	w.must("cdc")
	close(release)
	if r := snapshot.wait(); r.code != 0 {
		t.Fatal(r)
	}
	w.on(nil)
	entries := w.entries()
	if got := entries[place-1].Kind; got != ledger.KindChanges {
		t.Errorf("entry %d is %s, want the changes that were appended first", place, got)
	}
	if got := entries[place].Kind; got != ledger.KindBegin {
		t.Errorf("entry %d is %s, want the begin that lost the place and was decided again", place+1, got)
	}
	w.chained()
	w.write(2, 10)
	w.must("cdc")
	w.compare("item", "event")
}

// TestInvariant3OneLineWhereCreatingIsRacy: if create-if-absent lets two runs write the same number, the next run detects it and
// stops.
func TestInvariant3OneLineWhereCreatingIsRacy(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, pgtest.NewDatabase(t), lakehouse.Switches{RacyCreate: true}, shopTables...)
	w.must("full-load")
	w.write(1, 20)
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.appends(r, ledger.KindBegin) {
			once.Do(func() { // the workspace looks whether the file is there, then waits for its bytes
				r.Body = &slowBody{ReadCloser: r.Body, held: held, release: release}
			})
		}
		return nil
	})
	snapshot := w.start("full-load", "--tables", "event")
	waitFor(t, held, "the snapshot's begin")
	w.must("cdc")
	w.exec(`UPDATE item SET amount = 1`) // nothing that waits for the snapshot
	w.must("cdc")
	close(release)
	if r := snapshot.wait(); r.code != 12 {
		t.Errorf("%s\nwant 12: the ledger is damaged", r)
	}
	w.on(nil)
	if r := w.want(12, "cdc"); !strings.Contains(r.stderr, "two runs wrote at once") {
		t.Errorf("%s\nwant that two runs wrote", r)
	}
}

// slowBody says that it is read, and then waits.
type slowBody struct {
	io.ReadCloser
	held, release chan struct{}
	once          sync.Once
}

func (s *slowBody) Read(p []byte) (int, error) {
	s.once.Do(func() {
		close(s.held)
		<-s.release
	})
	return s.ReadCloser.Read(p)
}

// chained insists on entries without a gap, each with its predecessor's
// checksum.
func (w *world) chained() {
	w.t.Helper()
	previous := ""
	for i, e := range w.entries() {
		if e.Number != int64(i+1) || e.Previous != previous {
			w.t.Errorf("entry %d: number %d, previous %q, want %q", i+1, e.Number, e.Previous, previous)
		}
		raw, err := os.ReadFile(filepath.Join(w.root(), ledger.FileName(e.Number)))
		if err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		previous = hex.EncodeToString(sum[:])
	}
}

// TestInvariant4AcknowledgeLast: at no request is the slot beyond the newest entry's end.
func TestInvariant4AcknowledgeLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.env = append(w.env, "INGEST_STAGING_ENTRY_INTERVAL=20ms")
	looks, stop := w.watchSlot()
	w.must("full-load")
	writer := w.newWriter(1)
	for range 3 {
		w.must("cdc")
	}
	follower := w.start("cdc", "--follow", "--load-every", "200ms")
	from := len(w.entries())
	w.eventually("ten entries of a following run", func() bool { return len(w.entries()) >= from+10 })
	follower.signal(syscall.SIGTERM)
	if r := follower.wait(); r.code != 0 {
		t.Fatal(r)
	}
	writer.end()
	stop()
	if n := looks(); n < 50 {
		t.Errorf("looked %d times only", n)
	}
	w.must("cdc")
	w.compare("item", "event")
}

// watchSlot compares slot and ledger at every request, before it is handled.
func (w *world) watchSlot() (looks func() int, stop func()) {
	w.t.Helper()
	conn := w.session()
	var mu sync.Mutex
	n := 0
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		mu.Lock()
		defer mu.Unlock()
		var slot *string // read before the ledger, which only grows
		err := conn.QueryRow(context.WithoutCancel(r.Context()),
			`SELECT max(confirmed_flush_lsn)::text FROM pg_replication_slots WHERE database = current_database()`).Scan(&slot)
		if err != nil {
			w.t.Error(err)
		}
		if err != nil || slot == nil {
			return nil
		}
		at, err := pglogrepl.ParseLSN(*slot)
		if err != nil {
			w.t.Error(err)
		}
		position := w.position()
		if position == 0 {
			return nil // the slot is made, its origin is not appended yet
		}
		n++
		if at > position {
			w.t.Errorf("at %s %s the slot stands at %s, and the ledger at %s", r.Method, r.URL.Path, at, position)
		}
		return nil
	})
	return func() int { mu.Lock(); defer mu.Unlock(); return n }, func() { w.on(nil) }
}

// position is where the ledger on the disk says that reading starts.
func (w *world) position() pglogrepl.LSN {
	var position pglogrepl.LSN
	for _, e := range w.entries() {
		switch {
		case e.Origin != nil:
			position = e.Origin.ConsistentPoint
		case e.Changes != nil:
			position = e.Changes.End
		}
	}
	return position
}

// waitFor waits until a channel is closed.
func waitFor(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatalf("not within %v: %s", waitLimit, what)
	}
}
