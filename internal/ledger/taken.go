package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"strings"
)

// taken maps the paths that entries named to the entries' numbers. It holds the
// paths of segments and of the directories that belong to one table's snapshot.
// No path may be named twice.
//
// A compaction drops the paths that it folds. A run that opens the ledger from
// a checkpoint does not see them either. That is safe, because a path contains
// the id of the run that made it: only that run could name it again, and its
// names prevent that.
type taken map[string]int64

// names records the paths that this run has named, over its whole life. The
// numbers of its segments of changes come from a counter and ascend, so the
// highest number stands for all earlier ones. It keeps every snapshot
// directory, one per snapshot of this run.
type names struct {
	numbers     map[string]string // the highest number, by the path in front of it
	directories map[string]bool
}

func newNames() names { return names{map[string]string{}, map[string]bool{}} }

// check returns which path of e this run has named before, or nil.
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

// add records the paths of an entry of this run.
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

// merge adds the paths that another read of the same ledger found.
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

// split splits a path in front of the last number in its last element.
func split(p string) (before, number string) {
	end := strings.LastIndexAny(p, digits) + 1
	if end <= strings.LastIndexByte(p, '/') {
		return p, ""
	}
	at := len(strings.TrimRight(p[:end], digits))
	return p[:at], p[at:]
}

// ascends reports whether number b, with the text after it, comes after a.
func ascends(a, b string) bool {
	length := func(s string) int { return len(s) - len(strings.TrimLeft(s, digits)) }
	return cmp.Or(cmp.Compare(length(a), length(b)), cmp.Compare(a, b)) < 0
}

// check returns which path of e is already taken, or nil. It changes nothing.
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

// add records the paths of an entry that passed check.
func (t taken) add(e *Entry) {
	if e.Done != nil && e.Done.Directory != "" {
		t[e.Done.Directory] = e.Number
	}
	for seg := range e.segments {
		t[seg.Path] = e.Number
	}
}

// segments yields all segments that the entry names, in order.
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

// takenIn returns the paths that a state names.
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
