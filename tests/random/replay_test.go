//go:build cgo && unix

package random

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// row is a row's values as Postgres prints them; NULLs are absent.
type row map[string]string

// of is the text of some of a row's values.
func (r row) of(columns []string) string {
	var b strings.Builder
	for _, c := range columns {
		if v, ok := r[c]; ok {
			fmt.Fprintf(&b, "%s=%q ", c, v)
		} else {
			fmt.Fprintf(&b, "%s=NULL ", c)
		}
	}
	return b.String()
}

// logRow is one row of a bronze table.
type logRow struct {
	op                 string
	entry, commit, seq int64
	unchanged          []string
	time               string
	values             row
}

// replay applies a log strictly, in its order: what an insert adds must not be
// there, what an update or a delete changes must be.
type replay struct {
	columns, key []string // no key: rows are identified by all values
	rows         map[string][]row
	places       map[[2]int64]bool
	taken        int64  // where the snapshot sorts
	deleted      logRow // the newest delete, with the row that it ended
}

func replayed(log []logRow, columns, key []string) (map[string][]row, error) {
	p := replay{columns: columns, key: key, rows: map[string][]row{}, places: map[[2]int64]bool{}}
	for i, r := range log {
		if err := p.apply(r); err != nil {
			return nil, fmt.Errorf("row %d of the log (%s, entry %d, commit %X, seq %d, %s): %w", i, r.op, r.entry, r.commit,
				r.seq, r.values.of(columns), err)
		}
	}
	return p.rows, nil
}

func (p *replay) keyOf(r row) string {
	if len(p.key) == 0 {
		return r.of(p.columns)
	}
	return r.of(p.key)
}

func (p *replay) apply(r logRow) error {
	if r.op == "snapshot" {
		p.taken = max(p.taken, r.commit)
		return p.insert(r.values)
	}
	place := [2]int64{r.commit, r.seq}
	if p.places[place] {
		return fmt.Errorf("there is another change at this place")
	}
	p.places[place] = true
	if r.commit < p.taken {
		return fmt.Errorf("it sorts before the snapshot, which is at %X", p.taken)
	}
	switch r.op {
	case "insert":
		var from row
		if len(r.unchanged) > 0 {
			if p.deleted.commit != r.commit || p.deleted.seq != r.seq-1 {
				return fmt.Errorf("columns %v are unchanged, and no delete comes before", r.unchanged)
			}
			from = p.deleted.values
		}
		return p.insert(carried(r, from))
	case "update":
		before, err := p.remove(r.values)
		if err != nil {
			return err
		}
		return p.insert(carried(r, before))
	case "delete":
		before, err := p.remove(r.values)
		p.deleted = r
		p.deleted.values = before
		return err
	case "truncate":
		clear(p.rows)
		return nil
	}
	return fmt.Errorf("there is no such operation")
}

func (p *replay) insert(r row) error {
	k := p.keyOf(r)
	if len(p.key) > 0 && len(p.rows[k]) > 0 {
		return fmt.Errorf("its key is there already")
	}
	p.rows[k] = append(p.rows[k], r)
	return nil
}

func (p *replay) remove(r row) (row, error) {
	k := p.keyOf(r)
	list := p.rows[k]
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no such row")
	}
	last := list[len(list)-1]
	if p.rows[k] = list[:len(list)-1]; len(list) == 1 {
		delete(p.rows, k)
	}
	return last, nil
}

// carried gives a row with the values that its change did not carry.
func carried(r logRow, from row) row {
	out := maps.Clone(r.values)
	for _, name := range r.unchanged {
		if v, ok := from[name]; ok {
			out[name] = v
		}
	}
	return out
}

// differences lists rows that are not the same on both sides, as texts.
func differences(columns []string, source []row, target map[string][]row) []string {
	count := map[string]int{}
	for _, r := range source {
		count[r.of(columns)]++
	}
	for _, list := range target {
		for _, r := range list {
			count[r.of(columns)]--
		}
	}
	var out []string
	for _, text := range slices.Sorted(maps.Keys(count)) {
		switch n := count[text]; {
		case n > 0:
			out = append(out, fmt.Sprintf("only the source has (%d) %.1000s", n, text))
		case n < 0:
			out = append(out, fmt.Sprintf("only the target has (%d) %.1000s", -n, text))
		}
	}
	return out
}

// TestTheReplayIsStrict shows that a log with a fault is refused, and that a
// difference is seen.
func TestTheReplayIsStrict(t *testing.T) {
	at := func(op, id string, entry, commit, seq int64) logRow {
		return logRow{op: op, entry: entry, commit: commit, seq: seq, values: row{"id": id}}
	}
	columns, key := []string{"id", "v"}, []string{"id"}
	fine := []logRow{at("snapshot", "1", 2, 10, 0), at("update", "1", 3, 20, 0), at("delete", "1", 3, 20, 1), at("insert", "1", 4, 30, 0)}
	for _, key := range [][]string{key, nil} {
		rows, err := replayed(fine, columns, key)
		if err != nil {
			t.Fatalf("a log without fault, key %v: %v", key, err)
		}
		if diff := differences(columns, []row{{"id": "1"}}, rows); len(diff) > 0 {
			t.Errorf("equal rows, key %v: %v", key, diff)
		}
		if diff := differences(columns, []row{{"id": "1", "v": ""}}, rows); len(diff) != 2 {
			t.Errorf("NULL and an empty text, key %v: %v", key, diff)
		}
	}
	for name, last := range map[string]logRow{
		"an update of nothing":          at("update", "2", 5, 40, 0),
		"a delete of nothing":           at("delete", "2", 5, 40, 0),
		"a place twice":                 at("update", "1", 5, 30, 0),
		"a change before the snapshot":  at("update", "1", 5, 9, 0),
		"an unknown operation":          at("merge", "1", 5, 40, 0),
		"nothing to carry columns from": {op: "insert", entry: 5, commit: 40, unchanged: []string{"v"}, values: row{"id": "3"}},
	} {
		for _, key := range [][]string{key, nil} {
			if _, err := replayed(append(slices.Clip(fine), last), columns, key); err == nil {
				t.Errorf("%s, key %v: no error", name, key)
			}
		}
	}
	if _, err := replayed(append(slices.Clip(fine), at("insert", "1", 5, 40, 0)), columns, key); err == nil {
		t.Error("an insert twice: no error")
	}
}
