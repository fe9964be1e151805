//go:build cgo && unix

package tests

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
)

// many makes transactions until the ledger has n entries more (nearly one per transaction), and kills the run that staged them.
// That run cannot compact the ledger, because the test holds the lock of compaction. Rows get ids from from on.
func (w *world) many(from, n int) {
	w.t.Helper()
	source, err := postgres.Open(w.t.Context(), postgres.Options{URL: w.url, Run: "holds", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	slot := w.ask(`SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database()`)
	lock, err := source.TakeLock(w.t.Context(), "compacting the ledger", postgres.LockKey("compact", slot))
	if err != nil {
		w.t.Fatal(err)
	}
	defer lock.Close()
	follower := w.startWith(append(w.env, "INGEST_STAGING_ENTRY_ROWS=1"), "cdc", "--follow", "--stage-only")
	for target := w.head() + n; w.head() < target; from += 50 {
		before := w.head()
		for i := range 50 {
			w.exec(fmt.Sprintf(`INSERT INTO item VALUES (%d, 1, 'x', 'y')`, from+i))
		}
		w.eventually("they are staged", func() bool { return w.head() > before })
	}
	follower.kill()
	follower.wait()
}

// head is the number of the newest entry.
func (w *world) head() int {
	w.t.Helper()
	files := w.names(ledger.Directory)
	n, err := strconv.Atoi(strings.TrimSuffix(files[len(files)-1], ".json"))
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// names are the base names of the files in a directory of the pipeline.
func (w *world) names(dir string) []string {
	w.t.Helper()
	found, err := os.ReadDir(filepath.Join(w.root(), dir))
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		if !f.IsDir() {
			names = append(names, f.Name())
		}
	}
	return names
}

// TestCompaction: the run that appended many entries compacts the ledger and removes the files of old entries. Everything that
// needed them still works.
func TestCompaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.exec(`INSERT INTO item VALUES (5000, 1, 'x', 'y')`)
	w.must("full-load")
	w.many(10_000, ledger.Kept+100)
	w.must("cdc")
	w.compare("item", "event")
	files, checkpoints := w.names(ledger.Directory), w.names(ledger.CheckpointDirectory)
	if len(files) != ledger.Kept || len(checkpoints) != 1 || len(w.names(ledger.PackDirectory)) != 1 {
		t.Fatalf("%d entries are left, with the checkpoints %v and the packs %v", len(files), checkpoints, w.names(ledger.PackDirectory))
	}
	if head := files[len(files)-1]; head != checkpoints[0] {
		t.Errorf("the newest entry is %s, the checkpoint %s", head, checkpoints[0])
	}

	if r := w.must("cdc", "--output", "json"); !strings.Contains(r.stdout, `"statements":0`) &&
		!strings.Contains(r.stdout, `"statements": 0`) {
		t.Errorf("%s\nwant no statement where nothing is new", r)
	}
	w.behind()
	w.must("cdc")
	w.compare("item", "event")
	w.sql("DELETE FROM " + w.target.Table("item").String() + " WHERE id = 10005")
	w.behind()
	w.quarantined("item", "event") // its repair needs every segment
	w.withoutPack()
	w.removeCache()
	if r := w.must("load"); strings.Contains(r.stdout, "replaced") {
		t.Errorf("%s\nwant that nothing is loaded again", r)
	}
	w.must("verify")

	// Killed before the checkpoint is there, and before the first entry goes.
	w.many(1_000_000, ledger.CompactAfter+1)
	w.killedWhere(func(r *http.Request) bool { return w.is(r, http.MethodPut, ledger.CheckpointDirectory) },
		beforeRequest, "cdc", "--stage-only")
	w.killedWhere(func(r *http.Request) bool { return w.is(r, http.MethodDelete, ledger.Directory) }, beforeRequest, "cdc", "--stage-only")
	if n := len(w.names(ledger.CheckpointDirectory)); n != 2 {
		t.Errorf("there are %d checkpoints, want 2", n)
	}
	w.must("cdc")
	w.compare("item", "event")
	w.olderLedger()
}

// withoutPack removes a pack that only a repair needs; the repair's error names it.
func (w *world) withoutPack() {
	w.t.Helper()
	pack := filepath.Join(w.root(), ledger.PackDirectory, w.names(ledger.PackDirectory)[0])
	away := filepath.Join(w.t.TempDir(), "away")
	move := func(from, to string) {
		w.t.Helper()
		if err := os.Rename(from, to); err != nil {
			w.t.Fatal(err)
		}
	}
	move(pack, away)
	w.behind()
	w.must("cdc")
	w.sql("DELETE FROM " + w.target.Table("item").String() + " WHERE id = 10006")
	r := w.want(3, "load", "--repair", "--tables", "public.item")
	if !strings.Contains(r.stderr, ledger.PackDirectory) || !strings.Contains(r.stderr, "ingest full-load --tables public.item") {
		w.t.Error(r)
	}
	move(away, pack)
	w.must("load", "--repair", "--tables", "public.item")
	w.compare("item", "event")
}

// olderLedger restores older copies of the ledger, which must be recognised.
func (w *world) olderLedger() {
	w.t.Helper()
	dir := filepath.Join(w.root(), ledger.Directory)
	older, newest := filepath.Join(w.t.TempDir(), "older"), filepath.Join(w.t.TempDir(), "newest")
	copyTo := func(to, from string) {
		w.t.Helper()
		if err := os.RemoveAll(to); err != nil {
			w.t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			w.t.Fatal(err)
		}
	}
	copyTo(older, dir)
	w.behind()
	w.must("cdc")
	copyTo(newest, dir)

	copyTo(dir, older)
	if r := w.want(12, "load"); !strings.Contains(r.stderr, "the ledger is older than what was loaded") {
		w.t.Error(r)
	}
	w.want(12, "cdc")
	checkpoints := w.names(ledger.CheckpointDirectory)
	name := checkpoints[len(checkpoints)-1]
	for _, entry := range w.names(ledger.Directory) {
		if entry >= name {
			if err := os.Remove(filepath.Join(dir, entry)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, command := range []string{"load", "cdc", "status", "full-load"} {
		if r := w.want(12, command); !strings.Contains(r.stderr, "older than its checkpoints") || !strings.Contains(r.stderr, name) {
			w.t.Error(r)
		}
	}
	copyTo(dir, newest)
	w.must("cdc")
	w.compare("item", "event")
	copyTo(dir, older) // the newest is lost
	w.must("full-load", "--repair")
	w.compare("item", "event")
	w.behind()
	w.must("cdc")
	w.compare("item", "event")
}
