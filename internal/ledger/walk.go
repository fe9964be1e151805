package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Named is a segment as an entry names it.
type Named struct {
	Entry int64 // the entry that names it
	Table schema.TableName
	// Begin is the begin entry of the snapshot that the segment belongs to. It
	// is 0 for a segment of changes.
	Begin     int64
	Path      string
	VisibleIn []int64
}

// Walk passes every segment that any entry of the state names to each, oldest
// entry first. It includes segments that no longer matter. It reads all packs
// and the files of unpacked entries, and proves their chain.
func (l *Ledger) Walk(ctx context.Context, s *State, each func(Named) error) error {
	previous := ""
	err := l.each(ctx, s.Head, func(n int64, raw []byte) error {
		link, err := linkOf(n, raw)
		if err == nil && link != previous {
			err = errors.New("it names another checksum for its predecessor")
		}
		if err == nil {
			err = namedIn(raw, each)
		}
		if err != nil {
			return damaged(FileName(n), err)
		}
		previous = digestOf(raw)
		return nil
	})
	if err == nil && previous != s.Checksum {
		return damaged(FileName(s.Head), errors.New("it was changed after it was read for the first time"))
	}
	return err
}

// Past replays the ledger from its first entry. It passes the state after each
// of the given entries to seen, in order. numbers must ascend. The state is
// valid during the call only. State.Only copies one table's part of it.
func (l *Ledger) Past(ctx context.Context, numbers []int64, seen func(*State)) error {
	if len(numbers) == 0 {
		return nil
	}
	past := &Ledger{state: NewState(), taken: taken{}, named: newNames()}
	return l.each(ctx, numbers[len(numbers)-1], func(n int64, raw []byte) error {
		if err := past.accept(n, raw); err != nil {
			return err
		}
		if len(numbers) > 0 && numbers[0] == n {
			numbers = numbers[1:]
			seen(past.state)
		}
		return nil
	})
}

// Only returns a copy of the state with a single table.
func (s *State) Only(table schema.TableName) *State {
	c := *s
	c.Open, c.Tables = nil, map[schema.TableName]*TableState{}
	if t := s.Tables[table]; t != nil {
		c.Tables[table] = t
	}
	return c.clone()
}

// each passes the bytes of the entries up to last to do, in order.
func (l *Ledger) each(ctx context.Context, last int64, do func(n int64, raw []byte) error) error {
	packs, err := l.packs(ctx)
	if err != nil {
		return err
	}
	for n := int64(1); n <= last; {
		entries, err := l.stretch(ctx, packs, n, last)
		if errors.Is(err, fs.ErrNotExist) { // packed and removed in the meantime?
			gone := err
			if packs, err = l.packs(ctx); err != nil {
				return err
			}
			if _, packed := holding(packs, n); !packed {
				return damaged(FileName(n), gone)
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, raw := range entries {
			if err := do(n, raw); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// stretch returns the bytes of some entries from n on, up to last. It reads
// them from a pack if one holds n, else from files. fs.ErrNotExist means that a
// file is missing.
func (l *Ledger) stretch(ctx context.Context, packs []pack, n, last int64) ([][]byte, error) {
	if p, ok := holding(packs, n); ok {
		entries, err := l.readPack(ctx, p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, damaged(p.name(), errors.New("it was removed meanwhile"))
		}
		if err != nil {
			return nil, err
		}
		return entries[n-p.first : min(p.last, last)-p.first+1], nil
	}
	to := min(n+openChunk-1, last)
	for _, p := range packs {
		if p.first > n {
			to = min(to, p.first-1)
		}
	}
	return l.read(ctx, n, to)
}

// namedIn passes the segments of an entry to each. It decodes nothing else:
// entries were validated when they were opened, and there may be half a million
// of them.
func namedIn(raw []byte, each func(Named) error) error {
	type segment struct {
		Path      string
		VisibleIn []int64 `json:"visible_in"`
	}
	type part struct {
		Table    schema.TableName
		Begin    int64
		Segments []segment
	}
	var e struct {
		Number  int64
		Done    *part
		Changes *struct{ Tables []part }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	var parts []part
	if e.Done != nil {
		parts = append(parts, *e.Done)
	}
	if e.Changes != nil {
		parts = slices.Concat(parts, e.Changes.Tables)
	}
	for _, p := range parts {
		for _, seg := range p.Segments {
			if err := each(Named{Entry: e.Number, Table: p.Table, Begin: p.Begin, Path: seg.Path, VisibleIn: seg.VisibleIn}); err != nil {
				return fmt.Errorf("segment %s: %w", seg.Path, err)
			}
		}
	}
	return nil
}
