//go:build cgo && unix

package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/load/loads"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/lakehouse"
)

// counting returns a loader whose warehouse is a local workspace.
func counting(t *testing.T) (*Loader, *lakehouse.Server) {
	t.Helper()
	b := openBed(t)
	return b.Loader, b.server
}

// counted creates a table from the rows of a query, with the given steps.
func counted(t *testing.T, l *Loader, name, query string, floor int64, steps []step) *table {
	t.Helper()
	w := &table{loader: l, Log: bronze.Log{Whole: ledger.NewState(), Target: l.Workspace.Table(name)}, steps: steps}
	w.State = &ledger.TableState{Table: schema.TableName{Schema: "public", Name: name}, Snapshot: &ledger.Done{Begin: 1}}
	if floor > 0 {
		w.cached, w.seen.snapshot = loads.Table{Snapshot: 1, Entry: floor}, 1
	}
	if err := l.Warehouse.Exec(t.Context(), "CREATE OR REPLACE TABLE "+w.Target.String()+" AS "+query); err != nil {
		t.Fatal(err)
	}
	return w
}

// Invariant 6: for any rows, counting by step proves the same as counting by
// entry.
func TestInvariant6CountingByStepProvesWhatCountingByEntryDoes(t *testing.T) {
	t.Parallel()
	const tables, rounds = 25, 4
	l, _ := counting(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	found := map[bool]int{}
	for range rounds {
		var todo []*table
		var want []evidence
		for i := range tables {
			steps, floor := randomSteps(r)
			rows := randomRows(r, steps)
			oracle := evidence{rows: map[int64]int64{}, floor: floor}
			values := []string{"(CAST(NULL AS BIGINT), 0)"}
			for entry, n := range rows {
				text := fmt.Sprint(entry)
				if entry == 0 {
					text = "NULL"
				}
				values = append(values, fmt.Sprintf("(%s, %d)", text, n))
				oracle.total += n
				if entry >= floor || entry == 0 {
					oracle.rows[entry] = n
				}
				oracle.newest = max(oracle.newest, entry)
			}
			query := "SELECT e AS `_entry` FROM (VALUES " + strings.Join(values, ", ") + ") v(e, n) JOIN range(100) r ON r.id < n"
			todo, want = append(todo, counted(t, l, fmt.Sprint("t", i), query, floor, steps)), append(want, oracle)
		}
		if err := l.count(t.Context(), todo); err != nil {
			t.Fatal(err)
		}
		for i, w := range todo {
			n, ok := want[i].applied(w.steps)
			gotN, gotOK := w.seen.applied(w.steps)
			found[ok]++
			if gotN != n || gotOK != ok || w.seen.total != want[i].total {
				t.Errorf("steps %+v from %d on: rows by step %v (%d) show %d, %v; by entry %v (%d) %d, %v",
					w.steps, want[i].floor, w.seen.rows, w.seen.total, gotN, gotOK, want[i].rows, want[i].total, n, ok)
			}
			if newest := max(w.seen.newest, want[i].floor); newest != max(want[i].newest, want[i].floor) {
				t.Errorf("the newest entry with rows is %d, want %d", newest, want[i].newest)
			}
		}
	}
	if found[true] == 0 || found[false] == 0 {
		t.Errorf("sound and unsound tables: %v, want both", found)
	}
}

// randomSteps returns a floor and steps: a snapshot, some folded steps and some
// others. Two of them may be of one entry.
func randomSteps(r *rand.Rand) (steps []step, floor int64) {
	steps = []step{{entry: 1, rows: r.Int64N(4)}}
	next := func() int64 { return steps[len(steps)-1].entry + 1 + r.Int64N(3) }
	for range r.IntN(3) {
		first := next()
		steps = append(steps, step{folded: true, first: first, entry: first + r.Int64N(5), rows: 1 + r.Int64N(6)})
	}
	for range r.IntN(5) {
		s := step{entry: next(), rows: 1 + r.Int64N(4)}
		if last := steps[len(steps)-1]; !last.folded && last.done == nil && last.entry > 1 && r.IntN(4) == 0 {
			s.entry = last.entry
		}
		steps = append(steps, s)
	}
	if r.IntN(2) == 0 {
		floor = steps[r.IntN(len(steps))].entry
	}
	return steps, floor
}

// randomRows returns the rows of a prefix of the steps, mostly with an error in
// them. 0 stands for no entry.
func randomRows(r *rand.Rand, steps []step) map[int64]int64 {
	rows := map[int64]int64{}
	for _, s := range steps[:r.IntN(len(steps)+1)] {
		for range s.rows {
			rows[s.begins()+r.Int64N(s.entry-s.begins()+1)]++
		}
	}
	for range r.IntN(3) {
		entry := r.Int64N(steps[len(steps)-1].entry + 4)
		if n := rows[entry] + 1 - r.Int64N(3); n > 0 {
			rows[entry] = n
		} else {
			delete(rows, entry)
		}
	}
	return rows
}

// TestManyStepsAreCountedByStatementsThatEnd: steps that are not folded are
// split over statements. No statement's answer reaches the client's limit.
func TestManyStepsAreCountedByStatementsThatEnd(t *testing.T) {
	t.Parallel()
	const entries = 2*countedSteps + 5000
	l, server := counting(t)
	steps := make([]step, entries)
	for i := range steps {
		steps[i] = step{entry: int64(2 * (i + 1)), rows: 1}
	}
	for what, c := range map[string]struct {
		also string // rows
		ok   bool
	}{
		"sound":             {"SELECT CAST(2 AS BIGINT) WHERE false", true},
		"above":             {fmt.Sprintf("SELECT CAST(%d AS BIGINT)", 2*entries+1), false},
		"without an entry":  {"SELECT CAST(NULL AS BIGINT)", false},
		"between":           {fmt.Sprintf("SELECT CAST(%d AS BIGINT)", 2*countedSteps+1), false},
		"many of no entry":  {fmt.Sprintf("SELECT 2 * id + 3 FROM range(%d)", databricks.MaxResultRows+10), false},
		"twice, at the cut": {fmt.Sprintf("SELECT CAST(%d AS BIGINT)", 2*countedSteps+2), false},
	} {
		w := counted(t, l, "many", fmt.Sprintf("SELECT 2 * (id + 1) AS `_entry` FROM range(%d) UNION ALL %s", entries, c.also), 0, steps)
		before := len(server.Statements())
		if err := l.count(t.Context(), []*table{w}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n, ok := w.seen.applied(steps); ok != c.ok || ok && n != entries {
			t.Errorf("%s: %d steps, %v; want %v", what, n, ok, c.ok)
		}
		if n := len(server.Statements()) - before; n != 3 {
			t.Errorf("%s: %d statements, want 3", what, n)
		}
		if len(w.seen.rows) > entries+3 {
			t.Errorf("%s: %d answers", what, len(w.seen.rows))
		}
	}
}
