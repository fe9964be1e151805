package fold_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	bronze = databricks.Table{Catalog: "dev", Schema: "bronze", Name: "items"}
	view   = databricks.Table{Catalog: "dev", Schema: "bronze", Name: "items_current"}
	keyed  = fold.Table{Columns: columns, Key: []string{"id", "day"}}
)

func TestSelectGolden(t *testing.T) {
	visible := &schema.Snapshot{Xmin: 700, Xmax: 720, Xip: []uint64{703, 710}}
	for name, sql := range map[string]string{
		"whole":    fold.Select(bronze, keyed, fold.Options{Whole: true}),
		"carried":  fold.Select(bronze, keyed, fold.Options{From: 7, Visible: visible, Moves: 2}),
		"numbered": fold.Select(bronze, keyed, fold.Options{From: 7, Visible: &schema.Snapshot{Xmin: 9, Xmax: 9}, Numbered: true}),
		"multiset": fold.Select(bronze, fold.Table{Columns: columns}, fold.Options{}),
		"view":     fold.Select(bronze, keyed, fold.Options{Moves: fold.DefaultMoves}),
		"survey":   fold.Survey(bronze, fold.Options{From: 7, Visible: visible}),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".sql")
			if *update {
				if err := os.WriteFile(file, []byte(sql+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), sql+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fill recreates the bronze table with the rows of a log.
func fill(t failer, tuples []string) {
	t.Helper()
	b := open(t)
	b.exec(t, databricks.CreateEmptyTable(bronze, targetColumns(columns), databricks.TableOptions{}))
	if len(tuples) > 0 {
		b.exec(t, "INSERT INTO "+bronze.String()+" VALUES\n"+strings.Join(tuples, ",\n"))
	}
}

// current runs the fold. It returns the rows as reference prints them.
func current(t failer, table fold.Table, o fold.Options) []string {
	t.Helper()
	o.Numbered = true
	var fields []string
	for i := range table.Columns {
		fields = append(fields, fmt.Sprintf("coalesce(CAST(c%d AS STRING), r%d)", i, i))
	}
	got := open(t).rows(t, "SELECT "+strings.Join(fields, ", ")+" FROM (\n"+fold.Select(bronze, table, o)+"\n) x")
	slices.Sort(got)
	return got
}

// surveyed asks the warehouse for the facts that the options need.
func surveyed(t failer, o fold.Options) fold.Options {
	t.Helper()
	var unchanged, moves int64
	if _, err := fmt.Sscanf(open(t).rows(t, fold.Survey(bronze, o))[0], "%d|%d", &unchanged, &moves); err != nil {
		t.Fatal(err)
	}
	return o.Surveyed(unchanged, moves, 40)
}

func TestFoldIsTheSourcesState(t *testing.T) {
	for name, kind := range map[string]struct{ keyed, whole bool }{
		"key": {true, false}, "key and whole rows": {true, true}, "multiset": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkFold(t, kind.keyed, kind.whole) })
		})
	}
}

func checkFold(t *rapid.T, hasKey, whole bool) {
	s := newSource(t, hasKey, whole)
	s.snapshot()
	for range rapid.IntRange(1, 12).Draw(t, "transactions") {
		if rapid.IntRange(0, 9).Draw(t, "reload") == 0 {
			s.snapshot()
		}
		s.transaction()
	}
	fill(t, rapid.Permutation(s.log).Draw(t, "order in the table"))
	table := fold.Table{Columns: columns}
	if hasKey {
		table = keyed
	}
	if diff := cmp.Diff(reference(s.rows), current(t, table, surveyed(t, fold.Options{}))); diff != "" {
		t.Fatalf("the whole log (-source +fold):\n%s", diff)
	}
	// The point is a transaction after the newest snapshot, identified by xids.
	n := rapid.IntRange(0, len(s.states)-1).Draw(t, "as of")
	if s.states[n].from != s.from {
		return
	}
	o := fold.Options{From: s.from, Visible: visibleUpTo(s.states, n)}
	if diff := cmp.Diff(reference(s.states[n].rows), current(t, table, surveyed(t, o))); diff != "" {
		t.Fatalf("as of transaction %d (-source +fold):\n%s", n, diff)
	}
}

// visibleUpTo is the snapshot that shows the transactions up to n. The others
// are still running.
func visibleUpTo(states []state, n int) *schema.Snapshot {
	v := &schema.Snapshot{Xmin: 1 << 62}
	for _, s := range states[:n+1] {
		v.Xmax = max(v.Xmax, s.xid+1)
	}
	for _, s := range states[n+1:] {
		if s.xid < v.Xmax {
			v.Xip = append(v.Xip, s.xid)
		}
		v.Xmin = min(v.Xmin, s.xid)
	}
	v.Xmin = min(v.Xmin, v.Xmax)
	slices.Sort(v.Xip)
	return v
}
