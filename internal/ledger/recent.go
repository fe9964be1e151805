package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// recentChunk is how many files of entries Recent reads at once.
const recentChunk = 250

// Recent passes the entries of the state that were written at or after since to
// each, the newest first, and proves their chain. It reads no more than that
// takes: files up to the newest pack, and then whole packs. Entries before the
// first older one are not looked at.
func (l *Ledger) Recent(ctx context.Context, s *State, since time.Time, each func(*Entry) error) error {
	packs, err := l.packs(ctx)
	if err != nil {
		return err
	}
	want := s.Checksum
	for n := s.Head; n > 0; {
		entries, err := l.back(ctx, packs, n)
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
		for i := len(entries) - 1; i >= 0; i, n = i-1, n-1 {
			if digestOf(entries[i]) != want {
				return damaged(FileName(n), errors.New("its checksum is not the one that the next entry names"))
			}
			e := new(Entry)
			if err := strict(entries[i], e); err != nil {
				return fmt.Errorf("read ledger entry %d: %w", n, err)
			}
			if e.Time.Before(since) {
				return nil
			}
			if err := each(e); err != nil {
				return err
			}
			want = e.Previous
		}
	}
	return nil
}

// back returns the bytes of some entries up to n, the last of which is n. It
// reads them from a pack if one holds n, else from files. fs.ErrNotExist means
// that a file is missing.
func (l *Ledger) back(ctx context.Context, packs []pack, n int64) ([][]byte, error) {
	if p, ok := holding(packs, n); ok {
		entries, err := l.readPack(ctx, p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, damaged(p.name(), errors.New("it was removed meanwhile"))
		}
		if err != nil {
			return nil, err
		}
		return entries[:n-p.first+1], nil
	}
	from := max(1, n-recentChunk+1)
	for _, p := range packs {
		if p.last < n {
			from = max(from, p.last+1)
		}
	}
	return l.read(ctx, from, n)
}
