package ledger

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func changesWith(paths ...string) *Entry {
	c := TableChanges{Table: orders}
	for _, p := range paths {
		c.Segments = append(c.Segments, Segment{Path: p})
	}
	return &Entry{Number: 9, Changes: &Changes{Tables: []TableChanges{c}}}
}

func snapshotIn(directory string, paths ...string) *Entry {
	d := &Done{Table: orders, Directory: directory}
	for _, p := range paths {
		d.Segments = append(d.Segments, Segment{Path: p})
	}
	return &Entry{Number: 9, Done: d}
}

// An entry must not name a path that another entry of the state names, nor a
// path in a snapshot's own directory, nor the same path twice.
func TestPathsThatAreTaken(t *testing.T) {
	taken := taken{}
	taken.add(&Entry{Number: 3, Done: &Done{Directory: "s/a", Segments: []Segment{{Path: "s/a/1"}}}})
	taken.add(&Entry{Number: 4, Changes: changesWith("c/1").Changes})
	taken.add(&Entry{Number: 5, Done: &Done{}}) // an empty table has no directory
	if len(taken) != 3 {
		t.Errorf("taken: %v", taken)
	}
	for what, c := range map[string]struct {
		entry *Entry
		want  string
	}{
		"new":                                {changesWith("c/2", "c/3"), ""},
		"a segment's":                        {changesWith("c/2", "c/1"), "c/1: the path belongs to entry 4"},
		"a snapshot's":                       {changesWith("s/a/1"), "s/a/1: the path belongs to entry 3"},
		"in a snapshot's directory":          {changesWith("s/a/2"), "its directory belongs to the snapshot of entry 3"},
		"twice":                              {changesWith("c/2", "c/2"), "c/2: the path is named twice"},
		"a snapshot, new":                    {snapshotIn("s/b", "s/b/1"), ""},
		"a snapshot in another's directory":  {snapshotIn("s/a"), "s/a: the path belongs to entry 3"},
		"a snapshot that names a path twice": {snapshotIn("s/b", "s/b/1", "s/b/1"), "s/b/1: the path is named twice"},
		"a snapshot without a directory":     {snapshotIn(""), ""},
	} {
		wantError(t, what, taken.check(c.entry), c.want)
	}
}

// A run knows the paths that it has named for its whole life, even after a
// compaction dropped them. The numbers of its segments ascend, and its
// directories are its own.
func TestPathsThatARunHasNamed(t *testing.T) {
	n := newNames()
	n.add(changesWith("c/run-9.parquet", "c/run-11.parquet", "c/run-10.parquet", "c/odd"))
	n.add(snapshotIn("s/a", "s/a/1"))
	n.add(&Entry{Done: &Done{}})
	if len(n.directories) != 1 {
		t.Errorf("directories: %v", n.directories)
	}
	other := newNames()
	other.add(changesWith("d/run-3.parquet", "c/run-2.parquet"))
	other.add(snapshotIn("s/b"))
	n.merge(other)
	for what, c := range map[string]struct {
		entry *Entry
		want  string
	}{
		"the next":                           {changesWith("c/run-12.parquet"), ""},
		"the next, one digit longer":         {changesWith("c/run-100.parquet"), ""},
		"the newest":                         {changesWith("c/run-11.parquet"), "this run has named c/run-11.parquet before"},
		"an older one, one digit shorter":    {changesWith("c/run-9.parquet"), "this run has named c/run-11.parquet before"},
		"of another place":                   {changesWith("e/run-1.parquet"), ""},
		"of another reading":                 {changesWith("d/run-3.parquet"), "this run has named d/run-3.parquet before"},
		"of another place, without a number": {changesWith("e/odd"), ""},
		"without a number":                   {changesWith("c/odd"), "this run has named c/odd before"},
		"in a snapshot's directory":          {changesWith("s/a/2"), "its directory belongs to a snapshot that this run took"},
		"a snapshot there":                   {snapshotIn("s/a"), "s/a: this run has taken a snapshot there"},
		"one of another reading":             {snapshotIn("s/b"), "s/b: this run has taken a snapshot there"},
		"a snapshot elsewhere":               {snapshotIn("s/c", "s/c/1"), ""},
		"one without a directory":            {&Entry{Done: &Done{}}, ""},
	} {
		wantError(t, what, n.check(c.entry), c.want)
	}
	for p, want := range map[string][2]string{
		"a/run-12.parquet": {"a/run-", "12.parquet"}, "a/run-7": {"a/run-", "7"}, "2026/name": {"2026/name", ""},
		"12": {"", "12"}, "a1/b2c": {"a1/b", "2c"},
	} {
		if before, number := split(p); before != want[0] || number != want[1] {
			t.Errorf("%s is split into %q and %q", p, before, number)
		}
	}
}

// A loop over the segments can stop at any segment.
func TestSegmentsOfAnEntry(t *testing.T) {
	e := snapshotIn("s", "s/1", "s/2")
	e.Changes = changesWith("c/1", "c/2").Changes
	for stop := range 5 {
		var seen []string
		for seg := range e.segments {
			if seen = append(seen, seg.Path); len(seen) > stop {
				break
			}
		}
		if want := min(stop+1, 4); len(seen) != want {
			t.Errorf("stopped at %d: %v", want, seen)
		}
	}
	s := NewState()
	s.Tables[orders] = &TableState{
		Table: orders, DoneNumber: 3, Snapshot: e.Done, Changes: []StagedChanges{{Entry: 4, TableChanges: e.Changes.Tables[0]}},
	}
	s.Tables[schema.TableName{Name: "new"}] = &TableState{}
	named := takenIn(s)
	for p, entry := range map[string]int64{"s": 3, "s/1": 3, "s/2": 3, "c/1": 4, "c/2": 4} {
		if named[p] != entry || len(named) != 5 {
			t.Errorf("%s is of entry %d of %v", p, named[p], named)
		}
	}
}
