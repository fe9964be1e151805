package ledger

import (
	"slices"

	"github.com/jackc/pglogrepl"

	"github.com/ingest-tool/ingest/internal/schema"
)

// A generation is what a part or a mark was compared with. It is the number of
// the begin entry of the snapshot whose columns were used, or of the origin
// entry if there was no such snapshot. A part or mark of another generation
// than the table's newest snapshot says nothing about the table's current
// columns and needs no reload. This file is the only place that makes this
// decision.

// Continues reports whether a change of the table that commits at lsn continues
// the table's newest snapshot. If so, it is compared with the columns of that
// snapshot and of the changes since.
func (s *State) Continues(table schema.TableName, lsn pglogrepl.LSN) bool {
	return s.Current(s.Tables[table]) && !s.Covers(table, lsn)
}

// GenerationAt returns the generation of a change of the table that commits at
// lsn and is decided on this state. If the newest snapshot covers the change,
// or the table has no snapshot, the generation is the origin's number.
func (s *State) GenerationAt(table schema.TableName, lsn pglogrepl.LSN) int64 {
	if s.Continues(table, lsn) {
		return s.Tables[table].Snapshot.Begin
	}
	return s.OriginNumber
}

// Covers reports whether the table's snapshot is newer than the columns of a
// commit at lsn. Staging may lag behind a completed snapshot.
func (s *State) Covers(table schema.TableName, lsn pglogrepl.LSN) bool {
	t := s.Tables[table]
	return s.Current(t) && lsn <= t.Begin.Fence
}

// Older reports whether a part was compared with another snapshot than the
// table's. The columns of such a part describe its segments and not the table.
// A part of unknown generation (0) is not older.
func (t *TableState) Older(c *TableChanges) bool {
	return t.Snapshot != nil && c.Generation != 0 && c.Generation != t.Snapshot.Begin
}

// Since lists the parts that were compared with the table's snapshot, in load
// order. Without a snapshot it lists all parts.
func (t *TableState) Since() []StagedChanges {
	if !slices.ContainsFunc(t.Changes, func(c StagedChanges) bool { return t.Older(&c.TableChanges) }) {
		return t.Changes
	}
	return slices.DeleteFunc(slices.Clone(t.Changes), func(c StagedChanges) bool { return t.Older(&c.TableChanges) })
}

// sums lists the folded parts that were compared with the table's snapshot.
func (t *TableState) sums() []FoldedChanges {
	return slices.DeleteFunc(slices.Clone(t.Folded), func(f FoldedChanges) bool {
		return t.Older(&TableChanges{Generation: f.Generation})
	})
}

// Lists returns the lists of columns that count for the table: those of the
// sums, of the snapshot, and of the parts since. A later list takes precedence
// over earlier ones.
func (t *TableState) Lists() [][]schema.Column { return t.lists(t.sums(), t.Since()) }

func (t *TableState) lists(folded []FoldedChanges, parts []StagedChanges) [][]schema.Column {
	var lists [][]schema.Column
	for _, f := range folded {
		lists = append(lists, f.Columns)
	}
	if t.Snapshot != nil {
		lists = append(lists, t.Snapshot.Columns)
	}
	for _, c := range parts {
		lists = append(lists, c.Columns)
	}
	return lists
}

// Known returns the columns that count for the table by source name. Each
// column is taken from the newest list that has it.
func (t *TableState) Known() map[string]schema.Column { return byName(t.Lists()) }

// KnownAt returns the columns that a change of the table at lsn is compared
// with. If the newest snapshot covers the change, the change's columns are
// older than the snapshot. Then all existing lists are used.
func (s *State) KnownAt(table schema.TableName, lsn pglogrepl.LSN) map[string]schema.Column {
	t := s.Tables[table]
	if t == nil {
		return map[string]schema.Column{}
	}
	if s.Continues(table, lsn) {
		return t.Known()
	}
	return byName(t.lists(t.Folded, t.Changes))
}

func byName(lists [][]schema.Column) map[string]schema.Column {
	columns := map[string]schema.Column{}
	for _, list := range lists {
		for _, c := range list {
			columns[c.Name] = c
		}
	}
	return columns
}

// inferred returns the generation of a part that names none (written by an
// earlier version) and whose entry is not the newest.
func (s *State) inferred(t *TableState, entry int64, last pglogrepl.LSN) int64 {
	if s.Current(t) && entry > t.DoneNumber && last > t.Begin.Fence {
		return t.Snapshot.Begin
	}
	return s.OriginNumber
}

// needs reports whether a mark requires a reload of the table as it is now. A
// mark with a generation does if that snapshot is the newest one. A mark that
// applies to any snapshot does if no newer snapshot covers it.
func (s *State) needs(t *TableState, m *ReloadMark) bool {
	if m.Generation != 0 {
		return s.Current(t) && m.Generation == t.Snapshot.Begin
	}
	return !s.Covers(t.Table, m.LSN)
}

// Marked reports whether the table already has a mark that lasts as long as m
// would.
func (s *State) Marked(m *ReloadMark) bool {
	t := s.Tables[m.Table]
	return t != nil && t.Reload != nil && !t.Reload.yields(m)
}

// yields reports whether a later mark replaces this one. A mark that applies to
// any snapshot outlives one that belongs to the newest snapshot.
func (m *ReloadMark) yields(later *ReloadMark) bool {
	switch {
	case m.Generation != 0 && later.Generation != 0: // the next snapshot clears both
		return false
	case m.Generation == 0 && later.Generation == 0:
		return later.LSN > m.LSN
	}
	return m.Generation != 0
}
