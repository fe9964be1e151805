//go:build cgo && unix

package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/lakehouse"
)

// age makes everything that is below segments/ older than any retention here.
func (w *world) age() {
	w.t.Helper()
	for name := range w.files("segments") {
		w.ageFile(name)
	}
}

func (w *world) ageFile(name string) {
	w.t.Helper()
	old := time.Now().Add(-200 * time.Hour)
	if err := os.Chtimes(filepath.Join(w.root(), name), old, old); err != nil {
		w.t.Fatal(err)
	}
}

// pruned is a prune's result as a program reads it.
type pruned struct {
	DryRun        bool `json:"dry_run"`
	Removed, Kept []struct {
		Reason string
		Files  int
		Bytes  int64
	}
	Tables                  []prunedTable
	Directories, Statements int
}

type prunedTable struct{ Table, Why string }

// counts are the files by reason.
func (p pruned) counts() (removed, kept map[string]int) {
	removed, kept = map[string]int{}, map[string]int{}
	for _, f := range p.Removed {
		removed[f.Reason] = f.Files
	}
	for _, f := range p.Kept {
		kept[f.Reason] = f.Files
	}
	return removed, kept
}

func (w *world) prune(args ...string) pruned {
	w.t.Helper()
	r := w.must(append([]string{"prune", "--output", "json"}, args...)...)
	var p pruned
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil {
		w.t.Fatalf("%v: %s", err, r)
	}
	return p
}

// there insists that files are there, and absent that they are not.
func (w *world) there(what string, names []string) {
	w.t.Helper()
	now := w.files("segments")
	for _, name := range names {
		if _, ok := now[name]; !ok {
			w.t.Errorf("%s: %s is gone", what, name)
		}
	}
}

func (w *world) absent(what string, names []string) {
	w.t.Helper()
	now := w.files("segments")
	for _, name := range names {
		if _, ok := now[name]; ok {
			w.t.Errorf("%s: %s is still there", what, name)
		}
	}
}

// namedFrom lists the segments that entries from number n on name, of one table
// or ("") all.
func (w *world) namedFrom(n int64, table string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.entries() {
		if e.Number < n {
			continue
		}
		if e.Done != nil && (table == "" || e.Done.Table.Name == table) {
			for _, s := range e.Done.Segments {
				out = append(out, s.Path)
			}
		}
		if e.Changes != nil {
			for _, t := range e.Changes.Tables {
				for _, s := range t.Segments {
					if table == "" || t.Table.Name == table {
						out = append(out, s.Path)
					}
				}
			}
		}
	}
	return out
}

func TestPruneRemovesWhatNoTableNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.killedAtAppend(ledger.KindDone, beforeRequest, "full-load")
	w.again("full-load")
	w.write(1, 20)
	w.must("cdc")
	superseded := w.namedFrom(1, "item")
	w.must("full-load", "--tables", "item")
	newest := int64(len(w.entries()))
	w.write(2, 20)
	w.must("cdc")
	loadedNow := append(w.namedFrom(1, "event"), w.namedFrom(newest, "item")...)
	w.write(3, 20)
	staged := int64(len(w.entries())) + 1
	w.must("cdc", "--stage-only")
	waiting := w.namedFrom(staged, "")
	_, orphans := w.segments() // by now: an upload may arrive after its process was killed
	strange := filepath.Join("segments", "notes.txt")
	if err := os.WriteFile(filepath.Join(w.root(), strange), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if len(orphans) == 0 || len(waiting) == 0 {
		t.Fatalf("%d orphans, %d waiting segments: want some", len(orphans), len(waiting))
	}

	before := w.files("")
	p := w.prune() // everything is young
	if removed, kept := p.counts(); len(removed) > 0 || kept["young"] != len(w.files("segments")) || p.Statements != 0 {
		t.Errorf("%+v: want that nothing young goes", p)
	}
	if diff := cmp.Diff(before, w.files("")); diff != "" {
		t.Error(diff)
	}

	w.age()
	want := map[string]int{"orphan": len(orphans), "superseded": len(superseded), "loaded": len(loadedNow)}
	p = w.prune("--dry-run")
	if removed, kept := p.counts(); !cmp.Equal(removed, want) || kept["needed"] != len(waiting) || kept["unknown"] != 1 || !p.DryRun {
		t.Errorf("%+v: want %v, and %d that are needed", p, want, len(waiting))
	}
	if diff := cmp.Diff(before, w.files("")); diff != "" {
		t.Error(diff)
	}

	p = w.prune()
	if removed, _ := p.counts(); !cmp.Equal(removed, want) || p.Directories == 0 {
		t.Errorf("%+v: want %v, and directories", p, want)
	}
	w.absent("orphan", orphans)
	w.absent("superseded", superseded)
	w.absent("loaded", loadedNow)
	w.there("not loaded", append(waiting, strange))
	for name, sum := range before {
		if strings.HasPrefix(name, "ledger/") && w.files(ledger.Directory)[name] != sum {
			t.Errorf("%s was changed", name)
		}
	}
	if p = w.prune(); len(p.Removed) > 0 {
		t.Errorf("%+v: want that the second one finds nothing", p)
	}

	w.must("cdc")
	w.compare("item", "event")
	w.removeCache() // the tables tell what they hold, without any segment
	w.behind()
	w.must("cdc")
	w.compare("item", "event")
	w.must("verify", "--full")
	w.must("status", "--exit-code")
}

// TestPrunedTablesAreRepairedFromTheSource: a repair that needs pruned segments reports that, and does not touch the table.
func TestPrunedTablesAreRepairedFromTheSource(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	w.age()
	w.prune()
	item := w.target.Table("item").String()
	w.sql("DELETE FROM " + item + " WHERE id = 5000")
	rows := w.sql("SELECT count(*) FROM " + item).Rows
	for range 2 {
		r := w.want(3, "load", "--repair", "--tables", "public.item")
		if !strings.Contains(r.stderr, "segment segments/") || !strings.Contains(r.stderr, "ingest prune") ||
			!strings.Contains(r.stderr, "\nHint: `ingest full-load --tables public.item`") {
			t.Errorf("%s\nwant the segment that was pruned, and the full load", r)
		}
	}
	if now := w.sql("SELECT count(*) FROM " + item).Rows; !cmp.Equal(now, rows) {
		t.Errorf("the table has %v rows, and had %v", now, rows)
	}
	w.must("full-load", "--tables", "item")
	w.compare("item", "event")
	w.must("status", "--exit-code")
}

// TestPruneOfAnEmptySnapshot: only segments of changes are missing to a repair.
func TestPruneOfAnEmptySnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE item (id bigint PRIMARY KEY)`)
	w.must("full-load")
	w.exec(`INSERT INTO item VALUES (1)`)
	w.must("cdc")
	w.age()
	w.prune()
	item := w.target.Table("item").String()
	w.sql("INSERT INTO " + item + " SELECT * FROM " + item)
	r := w.want(3, "load", "--repair", "--tables", "item")
	if !strings.Contains(r.stderr, "ingest full-load --tables public.item") {
		t.Error(r)
	}
	if n := w.sql("SELECT * FROM " + item).Rows; len(n) != 2 {
		t.Errorf("the table has %d rows, want the 2 that it had", len(n))
	}
}

// TestPruneKeepsWhatARepairNeeds: all of a table that is quarantined, that does
// not show what was loaded, or of which a snapshot is not finished.
func TestPruneKeepsWhatARepairNeeds(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world){
		"quarantined": func(w *world) {
			w.sql("DELETE FROM " + w.target.Table("item").String() + " WHERE id = 5000")
			w.behind()
			w.want(3, "cdc")
		},
		"rows deleted, not noticed yet": func(w *world) {
			w.sql("DELETE FROM " + w.target.Table("item").String() + " WHERE id = 5000")
		},
		"dropped": func(w *world) { w.sql("DROP TABLE " + w.target.Table("item").String()) },
		"restored": func(w *world) {
			w.sql("RESTORE TABLE " + w.target.Table("item").String() + " TO VERSION AS OF " + w.version("item", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := loaded(t)
			spoil(w)
			w.age()
			needed := w.namedFrom(1, "item")
			p := w.prune()
			if removed, _ := p.counts(); removed["loaded"] == 0 {
				t.Errorf("%+v: want that the other table's go", p)
			}
			w.there("of a table in a bad state", needed)
			w.must("load", "--repair", "--tables", "public.item")
			w.must("cdc")
			w.compare("item", "event")
		})
	}
	t.Run("snapshot not finished", func(t *testing.T) {
		t.Parallel()
		w := loaded(t)
		w.killedAtAppend(ledger.KindDone, beforeRequest, "full-load", "--tables", "item")
		w.behind()
		w.must("cdc") // the old table goes on, and so would the new one
		w.age()
		needed := w.namedFrom(1, "item")
		p := w.prune()
		w.there("of a table that is being loaded", needed)
		if !slices.ContainsFunc(p.Tables, func(t prunedTable) bool {
			return t.Table == "public.item" && strings.Contains(t.Why, "not finished")
		}) {
			t.Errorf("%+v: want why item's are kept", p)
		}
		w.again("full-load", "--tables", "item")
		w.compare("item", "event")
	})
}

// TestPruneBesideRuns prunes while a cdc and a full load of another table are between an upload and its entry. None of their
// files is removed, however old it looks.
func TestPruneBesideRuns(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	w.write(7, 20)
	release := make(chan struct{})
	held := map[ledger.Kind]chan struct{}{ledger.KindChanges: make(chan struct{}), ledger.KindDone: make(chan struct{})}
	once := map[ledger.Kind]*sync.Once{ledger.KindChanges: {}, ledger.KindDone: {}}
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		for kind, at := range held {
			if w.appends(r, kind) {
				once[kind].Do(func() {
					close(at)
					<-release
				})
			}
		}
		return nil
	})
	snapshot := w.start("full-load", "--tables", "event")
	waitFor(t, held[ledger.KindDone], "the snapshot's done")
	reader := w.start("cdc")
	waitFor(t, held[ledger.KindChanges], "the changes")
	_, uploaded := w.segments()
	if len(uploaded) < 2 {
		t.Fatalf("%d segments are not named yet, want some of both runs", len(uploaded))
	}
	w.age()
	p := w.prune()
	if removed, kept := p.counts(); kept["running"] != len(uploaded) || removed["loaded"] == 0 || removed["orphan"] != 0 {
		t.Errorf("%+v: want that %d segments of running runs stay", p, len(uploaded))
	}
	w.there("of a run that goes on", uploaded)
	close(release)
	for _, r := range []result{snapshot.wait(), reader.wait()} {
		if r.code != 0 {
			t.Error(r)
		}
	}
	w.on(nil)
	if _, orphans := w.segments(); len(orphans) != 0 && cmp.Equal(orphans, uploaded) {
		t.Errorf("orphans: %v", orphans)
	}
	w.must("cdc")
	w.compare("item", "event")
	w.must("verify", "--full")
}

// TestPruneIsOneAtATime: a second prune names the first. Staging and full loads continue, and so does loading, after a while.
func TestPruneIsOneAtATime(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	w.age()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.on(func(_ int64, r *http.Request) *lakehouse.Fault {
		if w.is(r, http.MethodDelete, "segments/") {
			once.Do(func() {
				close(held)
				<-release
			})
		}
		return nil
	})
	first := w.start("prune")
	waitFor(t, held, "a deletion")
	if r := w.want(12, "prune"); !strings.Contains(r.stderr, "another run holds the pipeline for pruning") {
		t.Error(r)
	}
	w.write(9, 20)
	w.must("cdc", "--stage-only")
	load := w.start("load")
	close(release)
	for _, r := range []result{first.wait(), load.wait()} {
		if r.code != 0 {
			t.Error(r)
		}
	}
	w.compare("item", "event")
}

// TestPruneKilledAnywhere kills a prune at its deletion n, of files and of
// directories, for every n, while there is something new to prune each time.
func TestPruneKilledAnywhere(t *testing.T) {
	t.Parallel()
	w := loaded(t)
	kills := 0
	for n := int64(1); ; n += 2 {
		w.behind()
		w.must("cdc")
		w.age()
		var mu sync.Mutex
		deletions := int64(0)
		killed := w.killedAt(func(_ int64, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Method == http.MethodDelete {
				deletions++
			}
			return deletions == n
		}, moment(kills%2), "prune")
		if !killed {
			break
		}
		kills++
		w.behind()
		w.again("cdc")
		w.compare("item", "event")
	}
	w.again("prune")
	if left := w.files("segments"); kills < 3 || len(left) != 0 {
		t.Errorf("killed %d times, %v left", kills, slices.Sorted(maps.Keys(left)))
	}
	w.must("status", "--exit-code")
	w.must("verify", "--full")
}

// TestPruneOfACompactedLedger: what packs name is found.
func TestPruneOfACompactedLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	w.must("full-load")
	w.many(10_000, ledger.CompactAfter+50)
	w.must("cdc")
	if len(w.names(ledger.PackDirectory)) == 0 {
		t.Fatal("the ledger was not compacted")
	}
	w.age()
	named, orphans := w.segments() // the run that staged them was killed
	p := w.prune()
	if removed, _ := p.counts(); removed["loaded"] != len(named) || removed["orphan"] != len(orphans) {
		t.Errorf("%+v: want that %d were loaded, and %d are orphans", p, len(named), len(orphans))
	}
	w.behind()
	w.must("cdc")
	w.compare("item", "event")
}

func TestPruneOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shopTables...)
	if r := w.want(12, "prune"); !strings.Contains(r.stderr, "nothing was loaded yet") {
		t.Error(r)
	}
	for _, wrong := range []string{"0s", "59m", "x", "-1h"} {
		if r := w.want(64, "prune", "--retention", wrong); !strings.Contains(r.stderr, "retention") {
			t.Error(r)
		}
	}
	// Caches that a killed run left, but not somebody's file.
	w.must("full-load")
	for n := range 9 {
		name := filepath.Join(w.root(), "loads", fmt.Sprintf("%020d.json", n+100))
		if err := os.WriteFile(name, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.root(), "loads", "7.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := w.prune()
	if removed, _ := p.counts(); removed["cache"] != 5 { // one was there
		t.Errorf("%+v: want 5 caches", p)
	}
	left := slices.Sorted(maps.Keys(w.files("loads")))
	if len(left) != 6 || !slices.Contains(left, "loads/7.json") {
		t.Errorf("left: %v", left)
	}
}
