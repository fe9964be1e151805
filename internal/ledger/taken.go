package ledger

import (
	"fmt"
	"path"
)

// taken holds the paths that entries named, with the entry's number: those of
// segments, and those of the directories that belong to a table's snapshot
// alone. No path is ever named twice.
type taken map[string]int64

// check says which path of e is taken already, or nil. It changes nothing.
func (t taken) check(e *Entry) error {
	own := map[string]bool{}
	claim := func(p string) error {
		if n, ok := t[p]; ok {
			return fmt.Errorf("%s: the path belongs to entry %d already", p, n)
		}
		if own[p] {
			return fmt.Errorf("%s: the path is named twice", p)
		}
		own[p] = true
		return nil
	}
	if e.Done != nil && e.Done.Directory != "" {
		if err := claim(e.Done.Directory); err != nil {
			return err
		}
	}
	for seg := range e.segments {
		if err := claim(seg.Path); err != nil {
			return err
		}
		if n, ok := t[path.Dir(seg.Path)]; ok {
			return fmt.Errorf("segment %s: its directory belongs to the snapshot of entry %d", seg.Path, n)
		}
	}
	return nil
}

// add takes the paths of an entry that check let through.
func (t taken) add(e *Entry) {
	if e.Done != nil && e.Done.Directory != "" {
		t[e.Done.Directory] = e.Number
	}
	for seg := range e.segments {
		t[seg.Path] = e.Number
	}
}

// segments gives all segments that the entry names, in order.
func (e *Entry) segments(yield func(Segment) bool) {
	if e.Done != nil {
		for _, seg := range e.Done.Segments {
			if !yield(seg) {
				return
			}
		}
	}
	if e.Changes == nil {
		return
	}
	for _, part := range e.Changes.Tables {
		for _, seg := range part.Segments {
			if !yield(seg) {
				return
			}
		}
	}
}

// takenIn are the paths that a state names. Older ones are forgotten: a path
// has the id of the run that made it, and a run keeps what it appended.
func takenIn(s *State) taken {
	t := taken{}
	for _, table := range s.Tables {
		if d := table.Snapshot; d != nil {
			t.add(&Entry{Number: table.DoneNumber, Done: d})
		}
		for _, part := range table.Changes {
			t.add(&Entry{Number: part.Entry, Changes: &Changes{Tables: []TableChanges{part.TableChanges}}})
		}
	}
	return t
}
