package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// validate returns why e cannot follow the state, or nil.
func validate(s *State, e *Entry) error {
	bodies := 0
	for _, set := range []bool{e.Origin != nil, e.Begin != nil, e.Done != nil, e.Abandoned != nil, e.Changes != nil, e.End != nil} {
		if set {
			bodies++
		}
	}
	if bodies != 1 {
		return fmt.Errorf("entry of kind %q has %d bodies, want one", e.Kind, bodies)
	}
	if s.Origin == nil && e.Kind != KindOrigin {
		return fmt.Errorf("%s before any origin", e.Kind)
	}
	if s.Ended && e.Kind != KindOrigin {
		return fmt.Errorf("%s after end", e.Kind)
	}
	switch {
	case e.Kind == KindOrigin && e.Origin != nil:
		return validateOrigin(e.Origin)
	case e.Kind == KindBegin && e.Begin != nil:
		return validateBegin(e.Begin)
	case e.Kind == KindDone && e.Done != nil:
		return validateDone(s, e.Done)
	case e.Kind == KindAbandoned && e.Abandoned != nil:
		for _, t := range e.Abandoned.Tables {
			if o := s.Open[e.Abandoned.Begin]; o == nil || !o.Pending[t] {
				return fmt.Errorf("abandoned: entry %d has no open snapshot of %s", e.Abandoned.Begin, t)
			}
		}
		return nil
	case e.Kind == KindChanges && e.Changes != nil:
		return validateChanges(s, e.Changes)
	case e.Kind == KindEnd && e.End != nil:
		return nil
	}
	return fmt.Errorf("entry of kind %q has another kind's body", e.Kind)
}

func validateOrigin(o *Origin) error {
	switch {
	case o.Changes != "" && o.Changes != ChangesNone:
		return fmt.Errorf("origin with changes %q", o.Changes)
	case o.ConsistentPoint == 0 || o.Replicates() && o.Slot == "":
		return errors.New("origin without a slot or a consistent point")
	case !o.Replicates() && (o.Slot != "" || len(o.Publications) > 0):
		return fmt.Errorf("origin of snapshots alone with slot %q and publications %q", o.Slot, o.Publications)
	}
	return nil
}

func validateBegin(b *Begin) error {
	switch {
	case len(b.Tables) == 0:
		return errors.New("begin without tables")
	case b.Sort == 0 || b.Sort > b.Fence:
		return fmt.Errorf("begin with the fence %s before %s, or without them", b.Fence, b.Sort)
	case b.Snapshot.Xmax == 0:
		return errors.New("begin without a snapshot")
	}
	return nil
}

func validateDone(s *State, d *Done) error {
	o := s.Open[d.Begin]
	if o == nil || !o.Pending[d.Table] {
		return fmt.Errorf("done: entry %d has no open snapshot of %s", d.Begin, d.Table)
	}
	var rows int64
	for _, seg := range d.Segments {
		if err := validateSegment(seg); err != nil {
			return err
		}
		if !strings.HasPrefix(seg.Path, d.Directory+"/") {
			return fmt.Errorf("done: segment %s is not in %s", seg.Path, d.Directory)
		}
		rows += seg.Rows
	}
	if rows != d.Rows {
		return fmt.Errorf("done: %s has %d rows, but its segments %d", d.Table, d.Rows, rows)
	}
	return nil
}

func validateChanges(s *State, c *Changes) error {
	if !s.Origin.Replicates() {
		return errors.New("changes after an origin without a slot")
	}
	if c.Start != s.Position {
		return fmt.Errorf("changes start at %s, but the position is %s", c.Start, s.Position)
	}
	if c.End < c.Start {
		return fmt.Errorf("changes end at %s, before their start %s", c.End, c.Start)
	}
	for _, t := range c.Tables {
		for _, b := range t.Births {
			if b.LSN < c.Start || b.LSN >= c.End {
				return fmt.Errorf("%s: column %q begins at %s, outside [%s, %s)", t.Table, b.Column, b.LSN, c.Start, c.End)
			}
		}
		for _, seg := range t.Segments {
			if err := validateSegment(seg); err != nil {
				return err
			}
			if seg.First < c.Start || seg.Last >= c.End || seg.Last < seg.First {
				return fmt.Errorf("segment %s has commits from %s to %s, outside [%s, %s)", seg.Path, seg.First, seg.Last, c.Start, c.End)
			}
			for _, n := range seg.VisibleIn {
				if o := s.Open[n]; o == nil || !o.Watched[t.Table] {
					return fmt.Errorf("segment %s: entry %d has no snapshot of %s that may hold it", seg.Path, n, t.Table)
				}
			}
		}
	}
	return nil
}

func validateSegment(s Segment) error {
	if s.Rows <= 0 || s.Bytes <= 0 || s.Checksum == "" {
		return fmt.Errorf("segment %q: %d rows, %d bytes, checksum %q", s.Path, s.Rows, s.Bytes, s.Checksum)
	}
	if !fs.ValidPath(s.Path) || s.Path == "." {
		return fmt.Errorf("segment %q: the path is not relative and clean", s.Path)
	}
	return nil
}
