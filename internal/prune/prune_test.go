package prune

import (
	"fmt"
	"testing"
	"time"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
	"ingest/internal/load"
	"ingest/internal/load/loads"
	"ingest/internal/schema"
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
	for at, want := range map[time.Time]bool{before.Add(-time.Second): true, before: false, before.Add(time.Second): false, {}: false, time.Unix(0, 0): false} {
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
	orphan, kept, strange, named := "segments/"+ended+"/public.t/changes/00000001.parquet", "segments/"+running+"/public.t/changes/00000001.parquet",
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
	r.report()
	if got := fmt.Sprint(r.s.Removed, r.s.Kept); got != "[{orphan 1 3}] [{needed 1 3} {running 1 3} {unknown 1 3}]" {
		t.Errorf("reported is %s", got)
	}
	if got := *r.s.Tables[0]; len(r.s.Tables) != 1 || got.KeptFiles != 1 || got.RemovedFiles != 0 || got.Why != "not all of its staged rows are loaded" {
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
