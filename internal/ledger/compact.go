package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/ingest-tool/ingest/internal/schema"
)

const (
	// CompactAfter is how many entries may follow the newest checkpoint before
	// a compaction is due. Open reads each of them with one request. At 100
	// requests a second, that takes 2.5 seconds.
	CompactAfter = 250
	// Kept is the number of newest entries whose files stay, even if they are
	// packed.
	Kept = 1000
	// keptCheckpoints is how many checkpoints stay, in case the newest one is
	// damaged.
	keptCheckpoints = 2
)

// Compacted is the result of a compaction.
type Compacted struct {
	Checkpoint int64 // its number; 0 if there was nothing to do
	Packed     int64 // entries that were packed
	Removed    int   // removed entry files
}

// Due reports whether enough entries follow the newest checkpoint for a call to
// Compact.
func (l *Ledger) Due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Head-l.covered > CompactAfter
}

// Compact packs the entries that are not packed yet and writes a checkpoint of
// the newest known entry. It reads both back. Only then does it remove old
// checkpoints and the files of packed entries, except the newest Kept. loaded
// says up to which entry each table is loaded: changes below that entry are
// folded at once. Compact may be killed at any moment. It may run concurrently
// with other compactions and appends.
func (l *Ledger) Compact(ctx context.Context, loaded map[schema.TableName]int64, guards ...Guard) (Compacted, error) {
	s, newest, err := l.uncovered(ctx)
	if err != nil || s == nil {
		return Compacted{}, err
	}
	done, err := l.compact(ctx, s, loaded, guards)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("compact the ledger: %w", err)
	}
	if done.Checkpoint == 0 {
		// Another run may have been faster and removed the entries.
		if now, listErr := l.newestCheckpoint(ctx); listErr == nil && now > newest && l.load(ctx) == nil && l.covered > newest {
			return Compacted{}, nil
		}
		return done, err
	}
	if l.state.Packed < s.Head {
		l.state.fold(s.Head, s.Checksum, loaded, l.opt.kept)
		l.taken = takenIn(l.state)
	}
	l.covered = max(l.covered, s.Head)
	return done, err
}

// uncovered returns the state that a compaction would write and the number of
// the newest checkpoint. The state is nil if a checkpoint already covers it.
// First it loads what other runs have compacted.
func (l *Ledger) uncovered(ctx context.Context) (*State, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest, err := l.newestCheckpoint(ctx)
	if err == nil && newest > l.covered {
		err = l.load(ctx)
	}
	if err != nil || l.state.Head == l.covered {
		return nil, 0, err
	}
	return l.state.clone(), newest, nil
}

func (l *Ledger) compact(ctx context.Context, s *State, loaded map[schema.TableName]int64, guards []Guard) (done Compacted, err error) {
	prove := func() error {
		for _, g := range guards {
			if err := g.Prove(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if err := prove(); err != nil {
		return done, err
	}
	if err := l.pack(ctx, s); err != nil {
		return done, err
	}
	done.Packed = s.Head - s.Packed
	s.fold(s.Head, s.Checksum, loaded, l.opt.kept)
	raw, err := encodeCheckpoint(s, l.opt.Version)
	if err != nil {
		return done, err
	}
	err = l.put(ctx, CheckpointName(s.Head), raw, func(stored []byte) error {
		there, err := decodeCheckpoint(s.Head, stored)
		if err == nil && (there.Ledger != s.Ledger || there.Checksum != s.Checksum) {
			err = errors.New("it belongs to other entries")
		}
		return err
	})
	if err != nil {
		return done, err
	}
	done.Checkpoint = s.Head
	if err := prove(); err != nil {
		return done, err
	}
	done.Removed, err = l.remove(ctx, s.Head)
	return done, err
}

// pack packs all entries up to the state's head that are not in a pack yet. It
// reads them from newest to oldest. The state proves the newest entry, and each
// entry proves its predecessor.
func (l *Ledger) pack(ctx context.Context, s *State) error {
	want := s.Checksum
	for last := s.Head; last > s.Packed; last -= packEntries {
		p := pack{max(s.Packed+1, last-packEntries+1), last}
		entries, err := l.read(ctx, p.first, p.last)
		if err != nil {
			return err
		}
		for i, raw := range slices.Backward(entries) {
			n := p.first + int64(i)
			if digestOf(raw) != want {
				return damaged(FileName(n), errors.New("it was changed after it was read for the first time"))
			}
			if want, err = linkOf(n, raw); err != nil {
				return damaged(FileName(n), err)
			}
		}
		raw, err := p.encode(entries)
		if err != nil {
			return err
		}
		err = l.put(ctx, p.name(), raw, func(stored []byte) error {
			there, err := p.decode(stored)
			if err == nil && !slices.EqualFunc(there, entries, bytes.Equal) {
				err = errors.New("it holds other entries")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// read returns the bytes of the entries from first to last, from their files.
func (l *Ledger) read(ctx context.Context, first, last int64) ([][]byte, error) {
	entries := make([][]byte, last-first+1)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i := range entries {
		g.Go(func() (err error) {
			n := first + int64(i)
			if entries[i], err = l.store.Read(gctx, FileName(n)); err != nil {
				err = fmt.Errorf("read ledger entry %d: %w", n, err)
			}
			return err
		})
	}
	return entries, g.Wait()
}

// put creates a file and reads it back. If another run or an interrupted one
// already created the file, same decides whether its content is acceptable.
func (l *Ledger) put(ctx context.Context, name string, data []byte, same func([]byte) error) error {
	created := l.store.Create(ctx, name, data)
	stored, err := l.store.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && created != nil:
		return fmt.Errorf("create %s: %w", name, created)
	case err != nil:
		return fmt.Errorf("read %s back: %w", name, errors.Join(err, created))
	case bytes.Equal(stored, data):
		return nil
	}
	if err := same(stored); err != nil {
		return damaged(name, err)
	}
	return nil
}

// remove deletes the files of entries that the checkpoint makes redundant, and
// old checkpoints.
func (l *Ledger) remove(ctx context.Context, checkpoint int64) (int, error) {
	numbers, err := l.numbers(ctx)
	if err != nil {
		return 0, err
	}
	old, _ := slices.BinarySearch(numbers, checkpoint-l.opt.kept+1)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, n := range numbers[:old] {
		g.Go(func() error { return l.store.Delete(gctx, FileName(n)) })
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("remove packed entries: %w", err)
	}
	checkpoints, err := l.checkpoints(ctx)
	if err != nil {
		return old, err
	}
	for _, n := range checkpoints[min(len(checkpoints), keptCheckpoints):] {
		if err := l.store.Delete(ctx, CheckpointName(n)); err != nil {
			return old, fmt.Errorf("remove an old checkpoint: %w", err)
		}
	}
	return old, nil
}
