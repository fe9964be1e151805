package ledger

import (
	"slices"

	"github.com/jackc/pglogrepl"

	"ingest/internal/schema"
)

// A generation is what a part or a mark was decided against: the number of the
// begin entry of the snapshot whose columns it was compared with, or that of the
// origin where there was no such snapshot. What was decided against another
// snapshot than the table's newest says nothing of the table's columns, and
// needs no reload. This file is the one place that decides by it.

// Continues says whether a change of the table that commits at lsn continues the
// table's newest snapshot: the columns to compare it with are that snapshot's, and
// those of the changes since.
func (s *State) Continues(table schema.TableName, lsn pglogrepl.LSN) bool {
	return s.Current(s.Tables[table]) && !s.Covers(table, lsn)
}

// GenerationAt is the generation of a change of the table that commits at lsn
// and is decided on this state. A change that the newest snapshot covers belongs
// to none, as does one of a table without a snapshot.
func (s *State) GenerationAt(table schema.TableName, lsn pglogrepl.LSN) int64 {
	if s.Continues(table, lsn) {
		return s.Tables[table].Snapshot.Begin
	}
	return s.OriginNumber
}

// Covers says whether the table has a snapshot that is newer than the columns
// that a commit at lsn was written with. Staging may lag behind a snapshot that
// is done already.
func (s *State) Covers(table schema.TableName, lsn pglogrepl.LSN) bool {
	t := s.Tables[table]
	return s.Current(t) && lsn <= t.Begin.Fence
}

// Older says that a part was decided against another snapshot than the table's:
// its columns say how its segments were written, and nothing of the table. A
// part whose generation is not known (0) counts.
func (t *TableState) Older(c *TableChanges) bool {
	return t.Snapshot != nil && c.Generation != 0 && c.Generation != t.Snapshot.Begin
}

// Since lists the parts that were decided against the table's snapshot, in load
// order: all of them, while there is none.
func (t *TableState) Since() []StagedChanges {
	if !slices.ContainsFunc(t.Changes, func(c StagedChanges) bool { return t.Older(&c.TableChanges) }) {
		return t.Changes
	}
	return slices.DeleteFunc(slices.Clone(t.Changes), func(c StagedChanges) bool { return t.Older(&c.TableChanges) })
}

// sums lists the folded parts that were decided against the table's snapshot.
func (t *TableState) sums() []FoldedChanges {
	return slices.DeleteFunc(slices.Clone(t.Folded), func(f FoldedChanges) bool {
		return t.Older(&TableChanges{Generation: f.Generation})
	})
}

// Lists gives the lists of columns that count for the table: those of sums, of
// the snapshot, and of the parts since, each of which goes before the ones
// ahead of it.
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

// Known gives the columns that count for the table by their names in the
// source, each as the newest list that has it says.
func (t *TableState) Known() map[string]schema.Column { return byName(t.Lists()) }

// KnownAt gives the columns that a change of the table that commits at lsn is
// compared with. Those of a change that the newest snapshot covers are older
// than that: every list that there is stands for them.
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

// inferred is the generation of a part that names none, as those of earlier
// versions do, of an entry that is not the newest one.
func (s *State) inferred(t *TableState, entry int64, last pglogrepl.LSN) int64 {
	if s.Current(t) && entry > t.DoneNumber && last > t.Begin.Fence {
		return t.Snapshot.Begin
	}
	return s.OriginNumber
}

// needs says whether a mark asks for a reload of the table as it is: the
// snapshot that it was decided against is the newest, or, where it holds for any
// snapshot, none is newer.
func (s *State) needs(t *TableState, m *ReloadMark) bool {
	if m.Generation != 0 {
		return s.Current(t) && m.Generation == t.Snapshot.Begin
	}
	return !s.Covers(t.Table, m.LSN)
}

// Marked says whether the state has a mark of the table that stays for as long
// as m would.
func (s *State) Marked(m *ReloadMark) bool {
	t := s.Tables[m.Table]
	return t != nil && t.Reload != nil && !t.Reload.yields(m)
}

// yields says whether a later mark replaces this one: one that holds for any
// snapshot outlives one that was decided against the newest.
func (m *ReloadMark) yields(later *ReloadMark) bool {
	switch {
	case m.Generation != 0 && later.Generation != 0: // the newest snapshot ends both
		return false
	case m.Generation == 0 && later.Generation == 0:
		return later.LSN > m.LSN
	}
	return m.Generation != 0
}
