package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Back starts with small reads, because callers mostly need few entries. It
// doubles the number of entries with each read.
const (
	backFirst = 4
	backMost  = 256
)

// Back passes the entries of the state to each, newest first, until each
// returns more == false. It reads an entry's file, or the entry's pack if the
// file was removed. It checks each entry against the checksum that the entry's
// successor names, and the newest one against the state.
func (l *Ledger) Back(ctx context.Context, s *State, each func(*Entry) (more bool, err error)) error {
	want := s.Checksum
	chunk := int64(backFirst)
	for last := s.Head; last > 0; {
		entries, err := l.stretchBack(ctx, last, chunk)
		if err != nil {
			return err
		}
		chunk = min(2*chunk, backMost)
		for _, raw := range slices.Backward(entries) {
			if digestOf(raw) != want {
				return damaged(FileName(last), errors.New("the next entry, or the state, has another checksum for it"))
			}
			if want, err = linkOf(last, raw); err != nil {
				return damaged(FileName(last), err)
			}
			e := new(Entry)
			if err := strict(raw, e); err != nil {
				return fmt.Errorf("read ledger entry %d: %w", last, err)
			}
			if more, err := each(e); err != nil || !more {
				return err
			}
			last--
		}
	}
	return nil
}

// Recent passes the entries of the state that were written at or after since to
// each, newest first, as Back does. The first older entry ends it.
func (l *Ledger) Recent(ctx context.Context, s *State, since time.Time, each func(*Entry) error) error {
	return l.Back(ctx, s, func(e *Entry) (bool, error) {
		if e.Time.Before(since) {
			return false, nil
		}
		return true, each(e)
	})
}

// stretchBack returns the bytes of up to n entries that end with last. It reads
// their files, or the pack that holds last. A pack may return more than n
// entries.
func (l *Ledger) stretchBack(ctx context.Context, last, n int64) ([][]byte, error) {
	for n = min(n, last); ; n = 1 {
		entries, err := l.read(ctx, last-n+1, last)
		if !errors.Is(err, fs.ErrNotExist) {
			return entries, err
		}
		packs, listErr := l.packs(ctx)
		if listErr != nil {
			return nil, listErr
		}
		if p, packed := holding(packs, last); packed {
			entries, err := l.readPack(ctx, p)
			if err != nil {
				return nil, err
			}
			return entries[:last-p.first+1], nil
		}
		if n == 1 { // neither a file nor a pack
			return nil, damaged(FileName(last), err)
		}
	}
}
