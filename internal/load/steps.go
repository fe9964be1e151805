package load

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"ingest/internal/databricks"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// step is the smallest piece of loading that evidence can tell apart: the
// snapshot, or at most MaxCopyFiles segments of one entry with one list of
// columns.
type step struct {
	entry int64
	// folded says that the step stands for all steps of the entries from first
	// to entry, and has neither files nor columns.
	folded  bool
	first   int64
	rows    int64
	columns []schema.Column // with the types that the table has for them
	written []schema.Column // with those of the files, where these are an older part's; else nil
	unfit   error           // why the files must not be loaded
	end     int64           // LSN: commits of this entry are below it
	files   []string        // relative to the pipeline's root
	bytes   []int64         // of the files
	done    *ledger.Done
	// maybeLoaded says that the files may have been loaded before, into the table
	// that the snapshot replaces: their entry came while it was being read.
	maybeLoaded bool
}

// begins is the first entry that the step is of.
func (s *step) begins() int64 {
	if s.folded {
		return s.first
	}
	return s.entry
}

// stepsOf lists what a table consists of, in order: its newest snapshot, then
// the changes behind it. Segments whose rows the snapshot holds are left out.
// A snapshot older than the newest origin takes no changes from behind that:
// between them, some may be missing.
func stepsOf(state *ledger.State, t *ledger.TableState) []step {
	d := t.Snapshot
	if d == nil {
		return nil
	}
	steps := []step{{entry: d.Begin, rows: d.Rows, columns: d.Columns, done: d}}
	for _, f := range t.Folded {
		if d.Begin < state.OriginNumber && f.First > state.OriginNumber {
			break
		}
		if rows := f.Rows - f.VisibleIn[d.Begin]; rows > 0 {
			steps = append(steps, step{entry: f.Last, folded: true, first: f.First, rows: rows})
		}
	}
	types := newLayout(d)
	for _, c := range t.Changes {
		if d.Begin < state.OriginNumber && c.Entry > state.OriginNumber {
			break
		}
		s := step{entry: c.Entry, columns: c.Columns, end: int64(c.End), maybeLoaded: c.Entry < t.DoneNumber}
		if t.Older(&c.TableChanges) {
			s.written = c.Columns
			s.columns, s.unfit = types.fit(t.Table, &c.TableChanges)
		} else {
			types.follow(c.Columns)
		}
		for _, seg := range c.Segments {
			if slices.Contains(seg.VisibleIn, d.Begin) {
				continue
			}
			if len(s.files) == databricks.MaxCopyFiles {
				steps = append(steps, s)
				s.files, s.bytes, s.rows = nil, nil, 0
			}
			s.files, s.bytes = append(s.files, seg.Path), append(s.bytes, seg.Bytes)
			s.rows += seg.Rows
		}
		if len(s.files) > 0 {
			steps = append(steps, s)
		}
	}
	return steps
}

// lastFolded is the index of the last folded step, -1 if there is none.
func lastFolded(steps []step) int {
	last := -1
	for i, s := range steps {
		if s.folded {
			last = i
		}
	}
	return last
}

// copyGroup is the run of steps that one COPY INTO loads.
type copyGroup struct {
	steps []step
	files []string
	rows  int64
}

// entries names the group's entries: "5", or "5-9".
func (g copyGroup) entries() string {
	first, last := g.steps[0].entry, g.steps[len(g.steps)-1].entry
	if first == last {
		return strconv.FormatInt(last, 10)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// loadsLike says whether one statement can load the files of both.
func (s *step) loadsLike(o *step) bool {
	return s.maybeLoaded == o.maybeLoaded && schema.SameColumns(s.columns, o.columns) && (s.written == nil) == (o.written == nil) &&
		slices.EqualFunc(s.written, o.written, func(x, y schema.Column) bool {
			return x.Type.Equal(y.Type) && x.Postgres.OID == y.Postgres.OID && x.Postgres.Typmod == y.Postgres.Typmod
		})
}

// nextGroup takes as many whole steps from the front as have the same columns
// and fit one statement. The first step must not be a snapshot, and none may be
// folded.
func nextGroup(steps []step) copyGroup {
	var g copyGroup
	for _, s := range steps {
		if len(g.steps) > 0 && (len(g.files)+len(s.files) > databricks.MaxCopyFiles || !g.steps[0].loadsLike(&s)) {
			break
		}
		g.steps = append(g.steps, s)
		g.files = append(g.files, s.files...)
		g.rows += s.rows
	}
	return g
}

// evidence is what a table shows of itself.
type evidence struct {
	owner
	// rows by entry. Those of a folded step are at one of its entries, and those
	// that are of no step at the lowest of theirs.
	rows   map[int64]int64
	newest int64 // entry that the table has rows of; 0 if there is none
	// floor: rows holds all entries from here on; the rows of older ones are
	// only in total.
	floor int64
	total int64
}

// applied says how many of the steps the table holds. ok is false where it
// holds something else than a prefix of them: rows were deleted or added by
// hand, or the table was restored to another version. Of a folded step that the
// table holds in part, or that the floor divides, nothing can be said: then ok
// is false as well.
func (e *evidence) applied(steps []step) (n int, ok bool) {
	left := map[int64]int64{}
	older := e.total
	for entry, rows := range e.rows {
		left[entry] = rows
		older -= rows
	}
	for i, s := range steps {
		switch {
		case s.entry < e.floor:
			older -= s.rows
		case s.folded:
			if e.floor > s.first || !take(left, s) {
				return n, false
			}
		case left[s.entry] >= s.rows && (s.rows > 0 || i == 0):
			left[s.entry] -= s.rows
		default:
			return n, older == 0 && empty(left)
		}
		n = i + 1
	}
	return n, older == 0 && empty(left)
}

// take takes a folded step's rows out of left, if they are all there.
func take(left map[int64]int64, s step) bool {
	var rows int64
	for entry, n := range left {
		if s.first <= entry && entry <= s.entry {
			rows += n
		}
	}
	if rows != s.rows {
		return false
	}
	maps.DeleteFunc(left, func(entry, _ int64) bool { return s.first <= entry && entry <= s.entry })
	return true
}

func empty(left map[int64]int64) bool {
	for _, rows := range left {
		if rows != 0 {
			return false
		}
	}
	return true
}

// Staged is what the ledger has of a table, as a load would apply it.
type Staged struct {
	Snapshot int64 // begin entry of the newest snapshot, 0 if there is none
	Rows     int64
	Rescued  map[string]int64 // column → values, in snapshot and changes
}

// Summarize counts what is staged of a table.
func Summarize(state *ledger.State, t *ledger.TableState) Staged {
	out := Staged{Rescued: map[string]int64{}}
	if t.Snapshot == nil {
		return out
	}
	out.Snapshot = t.Snapshot.Begin
	for _, s := range stepsOf(state, t) {
		out.Rows += s.rows
	}
	add := func(rescued map[string]int64) {
		for column, n := range rescued {
			out.Rescued[column] += n
		}
	}
	add(t.Snapshot.Rescued)
	for _, f := range t.Folded {
		add(f.Rescued)
	}
	for _, c := range t.Changes {
		add(c.Rescued)
	}
	return out
}
