package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"strings"
)

// taken holds the paths that entries named, with the entry's number: those of
// segments, and those of the directories that belong to a table's snapshot
// alone. No path is ever named twice.
//
// What a compaction folds is forgotten, as it is by a run that opens the ledger
// from its checkpoint. A path holds the id of the run that made it, so only that
// run could name it again: its names keep it from that.
type taken map[string]int64

// names are what this run has named, however long it goes on. From entry to entry
// the numbers of its segments of changes ascend, since they are a counter's: one
// stands for all before it. The directories of its snapshots are kept, of which
// there are as many as it took.
type names struct {
	numbers     map[string]string // the greatest, by the path in front of it
	directories map[string]bool
}

func newNames() names { return names{map[string]string{}, map[string]bool{}} }

// check says which path of e this run has named before, or nil.
func (n names) check(e *Entry) error {
	if e.Done != nil && n.directories[e.Done.Directory] {
		return fmt.Errorf("%s: this run has taken a snapshot there before", e.Done.Directory)
	}
	for seg := range e.segments {
		before, number := split(seg.Path)
		last, used := n.numbers[before]
		switch {
		case n.directories[path.Dir(seg.Path)]:
			return fmt.Errorf("segment %s: its directory belongs to a snapshot that this run took before", seg.Path)
		case used && !ascends(last, number):
			return fmt.Errorf("segment %s: this run has named %s%s before, and its numbers ascend", seg.Path, before, last)
		}
	}
	return nil
}

// add notes the paths of an entry of this run.
func (n names) add(e *Entry) {
	if e.Done != nil && e.Done.Directory != "" {
		n.directories[e.Done.Directory] = true
		return
	}
	for seg := range e.segments {
		before, number := split(seg.Path)
		n.note(before, number)
	}
}

// merge takes in what another reading of the same ledger found.
func (n names) merge(other names) {
	maps.Copy(n.directories, other.directories)
	for before, number := range other.numbers {
		n.note(before, number)
	}
}

func (n names) note(before, number string) {
	if last, used := n.numbers[before]; !used || ascends(last, number) {
		n.numbers[before] = number
	}
}

const digits = "0123456789"

// split divides a path before the last number in its last element.
func split(p string) (before, number string) {
	end := strings.LastIndexAny(p, digits) + 1
	if end <= strings.LastIndexByte(p, '/') {
		return p, ""
	}
	at := len(strings.TrimRight(p[:end], digits))
	return p[:at], p[at:]
}

// ascends says that number b, and what follows it in its path, is behind a.
func ascends(a, b string) bool {
	length := func(s string) int { return len(s) - len(strings.TrimLeft(s, digits)) }
	return cmp.Or(cmp.Compare(length(a), length(b)), cmp.Compare(a, b)) < 0
}

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

// takenIn are the paths that a state names.
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
