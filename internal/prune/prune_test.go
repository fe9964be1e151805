package prune

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// Which segments a table no longer uses.
func TestSegmentsThatAreSuperseded(t *testing.T) {
	loaded := &ledger.TableState{Snapshot: &ledger.Done{Begin: 7}}
	for what, c := range map[string]struct {
		table *ledger.TableState
		named ledger.Named
		want  bool
	}{
		"changes before the snapshot":        {loaded, ledger.Named{Entry: 6}, true},
		"changes of its entry":               {loaded, ledger.Named{Entry: 7}, false},
		"changes behind it":                  {loaded, ledger.Named{Entry: 8}, false},
		"changes behind it, which it shows":  {loaded, ledger.Named{Entry: 8, VisibleIn: []int64{5, 7}}, true},
		"changes that an older one shows":    {loaded, ledger.Named{Entry: 8, VisibleIn: []int64{5}}, false},
		"the snapshot":                       {loaded, ledger.Named{Entry: 9, Begin: 7}, false},
		"an older snapshot that ended later": {loaded, ledger.Named{Entry: 9, Begin: 5}, true},
		"of a table without a snapshot":      {&ledger.TableState{}, ledger.Named{Entry: 3}, false},
		"of a table that is not known":       {nil, ledger.Named{Entry: 3}, false},
	} {
		if got := superseded(c.table, &c.named); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// A file without a date is not old. A file that is exactly as old as the retention is not either.
func TestFilesThatAreOld(t *testing.T) {
	before := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for at, want := range map[time.Time]bool{
		before.Add(-time.Second): true, before: false, before.Add(time.Second): false, {}: false, time.Unix(0, 0): false,
	} {
		if got := older(databricks.FileInfo{Modified: at}, before); got != want {
			t.Errorf("of %s: %v", at, got)
		}
	}
	there := before.Add(time.Hour)
	for ahead, want := range map[time.Duration]time.Time{time.Hour: there, -time.Hour: there.Add(-time.Hour)} {
		if got := clock(there.Add(ahead), there); got.Sub(want).Abs() > time.Second {
			t.Errorf("this machine's clock %s ahead: %s, want %s", ahead, got, want)
		}
	}
	if got := clock(there, time.Time{}); !got.Equal(there) {
		t.Errorf("a workspace that said no time: %s, want %s", got, there)
	}
}

// A file that no entry names goes if its run has ended and its name is one that a run makes.
func TestFilesThatNoEntryNames(t *testing.T) {
	file := func(name string) *oldFile {
		return &oldFile{FileInfo: databricks.FileInfo{Name: name, Bytes: 3}}
	}
	const ended, running = "20260101T000000Z-aaaaaa", "20260101T000000Z-bbbbbb"
	orphan, kept, strange, named := "segments/"+ended+"/public.t/changes/00000001.parquet",
		"segments/"+running+"/public.t/changes/00000001.parquet",
		"segments/notes.txt",
		"segments/"+running+"/public.t/changes/00000002.parquet"
	r := &Pruning{
		doubt: map[string]*oldFile{}, left: map[string]databricks.FileInfo{}, live: map[string]bool{running: true}, kept: map[string]*Files{},
		removed: map[string]*Files{}, tables: map[schema.TableName]*Table{}, s: &Report{}, proofs: map[schema.TableName]load.Proof{},
	}
	for _, name := range []string{orphan, kept, strange, named} {
		r.doubt[name] = file(name)
		r.left[name] = r.doubt[name].FileInfo
	}
	r.doubt[named].named = &ledger.Named{Entry: 4, Table: public("t")}
	r.sortOrphans()
	if len(r.doubt) != 2 || r.doubt[orphan].reason != Orphan || r.doubt[named].reason != "" {
		t.Errorf("in doubt are %v", r.doubt)
	}
	r.count(r.doubt[orphan])
	r.doubt["late"] = &oldFile{reason: Orphan} // a prune that failed did not come to it
	r.report()
	if got := fmt.Sprint(r.s.Removed, r.s.Kept); got != "[{orphan 1 3}] [{needed 1 3} {running 1 3} {unknown 1 3}]" {
		t.Errorf("reported is %s", got)
	}
	if got := *r.s.Tables[0]; len(r.s.Tables) != 1 || got.KeptFiles != 1 || got.RemovedFiles != 0 ||
		got.Why != "not all of its staged rows are loaded" {
		t.Errorf("of the table: %+v", got)
	}
	r = &Pruning{}
	var caches []databricks.FileInfo
	for n := range 8 {
		caches = append(caches, databricks.FileInfo{Name: fmt.Sprintf("%s/%020d.json", loads.Directory, n+1), Dir: n == 1})
	}
	r.findLeftovers(append(caches, databricks.FileInfo{Name: loads.Directory + "/notes.txt"}))
	if len(r.cache) != 2 || r.cache[0].Name != caches[0].Name || r.cache[1].Name != caches[2].Name || r.cache[0].reason != Cache {
		t.Errorf("leftovers %v", r.cache)
	}
}

// A named file goes if a newer snapshot superseded it, or if its table proves that it contains it. A
// history that is behind keeps what was superseded. The others go in any case.
func TestFilesThatGo(t *testing.T) {
	state := ledger.NewState()
	for _, name := range []string{"a", "b", "c"} {
		state.Tables[public(name)] = &ledger.TableState{Table: public(name), Snapshot: &ledger.Done{Begin: 7}}
	}
	behind := map[schema.TableName]bool{public("b"): true}
	r := &Pruning{
		doubt:  map[string]*oldFile{},
		proofs: map[schema.TableName]load.Proof{public("a"): {Through: 9}, public("b"): {Through: 9, Why: "more is staged"}},
		cache:  []*oldFile{{FileInfo: databricks.FileInfo{Name: "loads/1"}, reason: Cache}},
	}
	add := func(name, reason string, named *ledger.Named) {
		r.doubt[name] = &oldFile{FileInfo: databricks.FileInfo{Name: name}, reason: reason, named: named}
	}
	add("orphan", Orphan, nil)
	add("superseded of a", "", &ledger.Named{Table: public("a"), Entry: 6})
	add("loaded into a", "", &ledger.Named{Table: public("a"), Entry: 9})
	add("the snapshot of a", "", &ledger.Named{Table: public("a"), Entry: 10, Begin: 7})
	add("not in a", "", &ledger.Named{Table: public("a"), Entry: 10})
	add("superseded of b", "", &ledger.Named{Table: public("b"), Entry: 6})
	add("loaded into b", "", &ledger.Named{Table: public("b"), Entry: 8})
	add("not in b, as it seemed before", Loaded, &ledger.Named{Table: public("b"), Entry: 10})
	add("superseded of c", "", &ledger.Named{Table: public("c"), Entry: 6})
	ask := r.sortNamed(state, behind)
	if len(ask) != 2 || !ask[public("a")] || !ask[public("b")] {
		t.Errorf("%v must prove what they contain", ask)
	}
	var got []string
	for _, f := range r.going(state, behind) {
		got = append(got, f.Name+": "+f.reason)
	}
	want := []string{
		"loaded into a: loaded", "loaded into b: loaded", "loads/1: cache", "orphan: orphan", "superseded of a: superseded",
		"superseded of c: superseded",
		"the snapshot of a: loaded",
	}
	if !slices.Equal(got, want) {
		t.Errorf("these go: %q", got)
	}
	if why := r.proofs[public("b")].Why; why != historyBehind || r.proofs[public("a")].Why != "" {
		t.Errorf("b keeps the rest because %q, and a because %q", why, r.proofs[public("a")].Why)
	}
}

// A directory goes if no file is left in it or below it, and if its run is not live.
func TestDirectoriesThatAreUnused(t *testing.T) {
	r := &Pruning{left: map[string]databricks.FileInfo{"segments/a/t/changes/1.parquet": {}, "segments/a/t/changes/2.parquet": {}},
		live: map[string]bool{"c": true}}
	for _, name := range []string{"segments/a", "segments/a/t", "segments/a/t/changes", "segments/a/u", "segments/b",
		"segments/b/t", "segments/c",
		"segments/c/t"} {
		r.dirs = append(r.dirs, databricks.FileInfo{Name: name, Dir: true})
	}
	if got := fmt.Sprint(r.unused()); got != "map[2:[segments/b] 3:[segments/a/u segments/b/t]]" {
		t.Errorf("unused are %s", got)
	}
}
