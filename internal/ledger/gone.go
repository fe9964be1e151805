package ledger

import (
	"slices"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Gone says from which commit on the rows of a table's log lack a column of
// that name. From there on, NULL in this column is not a value from the source.
type Gone struct {
	Column string // in the target
	Entry  int64
	LSN    pglogrepl.LSN // of the first commit that has such a row
}

// checkpointGone is the checkpoint's form of a Gone.
type checkpointGone struct {
	Column string  `json:"column"`
	Entry  int64   `json:"entry"`
	LSN    lsnText `json:"lsn"`
}

// lack records the columns that a part of the table's newest generation no
// longer has.
func (t *TableState) lack(entry int64, part *TableChanges) {
	has := func(columns []schema.Column, target string) bool {
		return slices.ContainsFunc(columns, func(c schema.Column) bool { return c.Target() == target })
	}
	for _, c := range t.Columns {
		if name := c.Target(); !has(part.Columns, name) {
			t.Gone = append(t.Gone, Gone{name, entry, part.first()})
		}
	}
}

// GoneSince returns from where on the log lacks the column with that target
// name. ok is false if the ledger does not know.
func (t *TableState) GoneSince(target string) (g Gone, ok bool) {
	for _, g := range slices.Backward(t.Gone) {
		if schema.FoldCase(g.Column) == schema.FoldCase(target) {
			return g, true
		}
	}
	return g, false
}

// Former returns a column that the table had, by its target name, from the
// newest list that contains it. ok is false if the ledger does not know the
// column.
func (t *TableState) Former(target string) (c schema.Column, ok bool) {
	for _, list := range slices.Backward(t.Lists()) {
		for _, c := range list {
			if schema.FoldCase(c.Target()) == schema.FoldCase(target) {
				return c, true
			}
		}
	}
	return c, false
}

// first returns the oldest commit, or 0 for a part without rows.
func (c *TableChanges) first() pglogrepl.LSN {
	var first pglogrepl.LSN
	for i, seg := range c.Segments {
		if i == 0 || seg.First < first {
			first = seg.First
		}
	}
	return first
}
