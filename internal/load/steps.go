package load

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// step is the smallest unit of loading that evidence can distinguish. It is the
// snapshot, or at most MaxCopyFiles segments of one entry with one list of
// columns.
type step struct {
	entry int64
	// folded says that the step stands for all steps of the entries from first
	// to entry. It has neither files nor columns.
	folded  bool
	first   int64
	rows    int64
	columns []schema.Column // with their types in the table
	written []schema.Column // with their types in the files of an older part; else nil
	unfit   error           // why the files must not be loaded
	end     int64           // LSN: commits of this entry are below it
	files   []string        // relative to the pipeline's root
	bytes   []int64         // of the files
	done    *ledger.Done
	// maybeLoaded says that the files may already have been loaded into the
	// table that the snapshot replaces: their entry was added while the
	// snapshot was being read.
	maybeLoaded bool
}

// begins is the first entry of the step.
func (s *step) begins() int64 {
	if s.folded {
		return s.first
	}
	return s.entry
}

// stepsOf lists the steps of a table in order: its newest snapshot, then the
// changes after it. It skips segments whose rows the snapshot contains. If a
// snapshot is older than the newest origin, it also skips the changes after
// that origin, because changes between the two may be missing.
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

// lastFolded is the index of the last folded step; -1 if there is none.
func lastFolded(steps []step) int {
	last := -1
	for i, s := range steps {
		if s.folded {
			last = i
		}
	}
	return last
}

// copyGroup is a run of steps that one COPY INTO loads.
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

// loadsLike reports whether one statement can load the files of both steps.
func (s *step) loadsLike(o *step) bool {
	return s.maybeLoaded == o.maybeLoaded && schema.SameColumns(s.columns, o.columns) && (s.written == nil) == (o.written == nil) &&
		slices.EqualFunc(s.written, o.written, func(x, y schema.Column) bool {
			return x.Type.Equal(y.Type) && x.Postgres.OID == y.Postgres.OID && x.Postgres.Typmod == y.Postgres.Typmod
		})
}

// nextGroup takes whole steps from the front, as many as have the same columns
// and fit one statement. The first step must not be a snapshot. No step may be
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

// evidence is what a table shows about its contents.
type evidence struct {
	owner
	// rows are row counts by entry. The rows of a folded step are under one of
	// its entries. Rows of no step are under their lowest entry.
	rows   map[int64]int64
	newest int64 // newest entry that the table has rows of; 0 if there is none
	// floor is the entry from which on rows has all entries. The rows of older
	// entries count only in total.
	floor int64
	total int64
}

// applied returns how many of the steps the table holds. ok is false if it
// holds anything but a prefix of them: rows were deleted or added by hand, or
// the table was restored to another version. ok is also false if the table
// holds only part of a folded step, or if the floor divides one: such a step
// cannot be decided.
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

// take removes a folded step's rows from left, if all of them are there.
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

// ahead is the newest entry that the table has rows of and the ledger lacks; 0
// if there is none.
func (e *evidence) ahead(state *ledger.State) int64 {
	if e.newest <= state.Head {
		return 0
	}
	return e.newest
}

// difference describes the entry from which on the table deviates from the steps
// that were loaded, and by how many rows.
func (e *evidence) difference(loaded []step) string {
	const why = "rows were deleted or added by hand, or it was restored to another version"
	want := map[int64]int64{}
	older := e.total
	for _, s := range loaded {
		if s.entry < e.floor {
			older -= s.rows
		} else if !s.folded {
			want[s.entry] += s.rows
		}
	}
	for _, rows := range e.rows {
		older -= rows
	}
	if older != 0 {
		return fmt.Sprintf("of the entries before %d it has %d rows more (negative: fewer) than were loaded; %s", e.floor, older, why)
	}
	entries := maps.Clone(want)
	maps.Copy(entries, e.rows)
	for _, entry := range slices.Sorted(maps.Keys(entries)) {
		if e.rows[entry] != want[entry] {
			return fmt.Sprintf("of entry %d it has %d rows, and %d were loaded; %s", entry, e.rows[entry], want[entry], why)
		}
	}
	return fmt.Sprintf("it has %d rows; %s", e.total, why)
}

// Staged summarizes what the ledger has of a table, as a load would apply it.
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
