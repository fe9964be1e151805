package ledger

import (
	"maps"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// FoldedChanges are the sums of a table's parts over a range of packed entries.
// Ledger.Unfold returns the single parts.
type FoldedChanges struct {
	First int64 `json:"first"` // entry of the first part
	Last  int64 `json:"last"`  // entry of the last part
	// Generation is the same for all the parts. Different generations have
	// separate sums.
	Generation int64 `json:"generation,omitempty"`
	Rows       int64 `json:"rows"` // in segments
	// VisibleIn maps a begin entry to the number of these rows that its
	// snapshot already contains.
	VisibleIn map[int64]int64     `json:"visible_in,omitempty"`
	Ops       map[schema.Op]int64 `json:"ops"`
	Rescued   map[string]int64    `json:"rescued,omitempty"` // column → values
	// Columns are the columns of all parts, ordered by name, each as in the
	// newest part. For a column that the snapshot or an unfolded part also has,
	// that one takes precedence, because these sums may be older than the
	// snapshot.
	Columns []schema.Column `json:"columns"`
}

// fold replaces parts of entries up to packed with sums. It folds parts that
// are already loaded or that are not among the newest kept entries. It never
// folds a table's newest part. It does not change states that were handed out
// before.
func (s *State) fold(packed int64, checksum string, loaded map[schema.TableName]int64, kept int64) {
	s.Packed, s.PackedChecksum = packed, checksum
	for _, t := range s.Tables {
		s.foldTable(t, max(packed-kept, min(packed, loaded[t.Table]-1)))
	}
}

func (s *State) foldTable(t *TableState, through int64) {
	if len(t.Changes) == 0 {
		return
	}
	through = min(through, t.Changes[len(t.Changes)-1].Entry-1)
	cut := slices.IndexFunc(t.Changes, func(c StagedChanges) bool { return c.Entry > through })
	all := append(slices.Clone(t.Folded), sumsOf(t.Changes[:cut])...)
	t.Changes = slices.Clone(t.Changes[cut:])
	t.Folded = nil
	bounds := s.bounds(t.Table)
	for _, f := range all {
		n := len(t.Folded)
		if n == 0 || t.Folded[n-1].Generation != f.Generation ||
			slices.ContainsFunc(bounds, func(b int64) bool { return t.Folded[n-1].Last < b && b < f.First }) {
			t.Folded = append(t.Folded, f.clone())
		} else {
			t.Folded[n-1].add(f)
		}
	}
	for i := range t.Folded {
		maps.DeleteFunc(t.Folded[i].VisibleIn, func(begin, _ int64) bool {
			return !slices.Contains(bounds, begin) && (t.Snapshot == nil || t.Snapshot.Begin != begin)
		})
	}
}

// bounds returns the entries that a table's sums must not span. Changes before
// and after such an entry may need different treatment later.
func (s *State) bounds(table schema.TableName) []int64 {
	bounds := []int64{s.OriginNumber}
	for n, o := range s.Open {
		if o.Pending[table] {
			bounds = append(bounds, n)
		}
	}
	return bounds
}

// sumsOf sums parts by entry. Rows record their entry but not the part, so an
// entry is not split. A sum has the generation of the entry's last part.
func sumsOf(parts []StagedChanges) []FoldedChanges {
	var sums []FoldedChanges
	for i := range parts {
		f := sumOf(&parts[i])
		if n := len(sums); n > 0 && sums[n-1].Last == f.First {
			both := sums[n-1].clone()
			both.add(f)
			both.Generation = f.Generation
			sums[n-1] = both
			continue
		}
		sums = append(sums, f)
	}
	return sums
}

func sumOf(c *StagedChanges) FoldedChanges {
	f := FoldedChanges{
		First: c.Entry, Last: c.Entry, Generation: c.Generation, VisibleIn: map[int64]int64{}, Ops: c.Rows,
		Rescued: c.Rescued, Columns: c.Columns,
	}
	for _, seg := range c.Segments {
		f.Rows += seg.Rows
		for _, begin := range seg.VisibleIn {
			f.VisibleIn[begin] += seg.Rows
		}
	}
	return f
}

func (f FoldedChanges) clone() FoldedChanges {
	f.VisibleIn, f.Ops, f.Rescued = sum(nil, f.VisibleIn, 1), sum(nil, f.Ops, 1), sum(nil, f.Rescued, 1)
	f.Columns = newestColumns(nil, f.Columns)
	return f
}

// add adds the sums of later entries to f. f must be a clone.
func (f *FoldedChanges) add(later FoldedChanges) {
	f.Last = later.Last
	f.Rows += later.Rows
	f.VisibleIn, f.Ops, f.Rescued = sum(f.VisibleIn, later.VisibleIn, 1), sum(f.Ops, later.Ops, 1), sum(f.Rescued, later.Rescued, 1)
	f.Columns = newestColumns(f.Columns, later.Columns)
}

// without subtracts a part from the sums. f must be a clone.
func (f *FoldedChanges) without(c *StagedChanges) {
	part := sumOf(c)
	f.Rows -= part.Rows
	f.Ops, f.Rescued = sum(f.Ops, part.Ops, -1), sum(f.Rescued, part.Rescued, -1)
	maps.DeleteFunc(part.VisibleIn, func(begin, _ int64) bool { return f.VisibleIn[begin] == 0 })
	f.VisibleIn = sum(f.VisibleIn, part.VisibleIn, -1)
}

// sum adds sign times b to a in place. It removes zeros.
func sum[K comparable](a, b map[K]int64, sign int64) map[K]int64 {
	if a == nil {
		a = make(map[K]int64, len(b))
	}
	for k, n := range b {
		if a[k] += sign * n; a[k] == 0 {
			delete(a, k)
		}
	}
	return a
}

// newestColumns returns the union of both lists, ordered by name. For a name in
// both lists, it takes the later column.
func newestColumns(earlier, later []schema.Column) []schema.Column {
	union := slices.Clone(earlier)
	for _, c := range later {
		i, found := slices.BinarySearchFunc(union, c.Name, func(have schema.Column, name string) int { return strings.Compare(have.Name, name) })
		if found {
			union[i] = c
		} else {
			union = slices.Insert(union, i, c)
		}
	}
	return union
}
