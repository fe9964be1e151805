package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/ingest-tool/ingest/internal/failure"
)

// openChunk is how many entries Open holds in memory at once.
const openChunk = 1000

// Open reads the newest checkpoint and the entries after it. It validates their
// chain. An empty directory is an empty ledger. Open writes nothing.
func Open(ctx context.Context, store Store, o Options) (*Ledger, error) {
	if o.kept == 0 {
		o.kept = Kept
	}
	l := &Ledger{store: store, opt: o, named: newNames()}
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// load reads the ledger from its newest checkpoint on. If another run compacts
// the ledger meanwhile, load starts again. After an error the Ledger is
// unchanged.
func (l *Ledger) load(ctx context.Context) error {
	for {
		fresh := &Ledger{store: l.store, opt: l.opt, named: newNames()}
		newest, err := fresh.attempt(ctx)
		if err == nil {
			l.named.merge(fresh.named)
			l.state, l.taken, l.covered = fresh.state, fresh.taken, fresh.covered
			return nil
		}
		now, listErr := l.newestCheckpoint(ctx)
		if listErr != nil || now <= newest {
			return err
		}
	}
}

// attempt reads the ledger once. newest is the checkpoint that it started with.
func (l *Ledger) attempt(ctx context.Context) (newest int64, err error) {
	// List the entries before the checkpoints. Then the entries after a listed
	// checkpoint still exist when they are read, unless a newer checkpoint
	// appears.
	numbers, err := l.numbers(ctx)
	if err != nil {
		return 0, err
	}
	checkpoints, err := l.checkpoints(ctx)
	if err != nil {
		return 0, err
	}
	if len(checkpoints) > 0 {
		newest = checkpoints[0]
	}
	if l.state, err = l.restore(ctx, checkpoints); err != nil {
		return newest, err
	}
	l.taken, l.covered = takenIn(l.state), l.state.Head
	if l.covered < newest || l.covered == 0 && (len(numbers) == 0 || numbers[0] > 1) {
		if err := l.replay(ctx, numbers, newest); err != nil {
			return newest, err
		}
	}
	if err := l.complete(ctx, numbers, max(newest, l.state.Packed)); err != nil {
		return newest, err
	}
	first, _ := slices.BinarySearch(numbers, l.state.Head+1)
	for chunk := range slices.Chunk(numbers[first:], openChunk) {
		for i, n := range chunk {
			if want := l.state.Head + 1 + int64(i); n != want {
				return newest, missing(want)
			}
		}
		entries, err := l.read(ctx, chunk[0], chunk[len(chunk)-1])
		if err != nil {
			return newest, fmt.Errorf("open ledger: %w", err)
		}
		for i, raw := range entries {
			if err := l.accept(chunk[i], raw); err != nil {
				return newest, err
			}
		}
	}
	return newest, l.follow(ctx)
}

func missing(n int64) error {
	return damaged(FileName(n), errors.New("the entry is missing, but later ones are there"))
}

// numbers lists the numbers of the entry files, in order.
func (l *Ledger) numbers(ctx context.Context) ([]int64, error) {
	names, err := l.store.Names(ctx, Directory)
	if err != nil {
		return nil, fmt.Errorf("list ledger: %w", err)
	}
	var numbers []int64
	for _, name := range names {
		n, ok := numberOf(name)
		if !ok {
			return nil, failure.New(failure.Conflict, "ledger is damaged: %s: not the name of an entry", path.Join(Directory, path.Base(name))).
				WithHint("the directory holds entries and nothing else: move the file elsewhere")
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// complete checks the files that no compaction removes. The file of the newest
// packed entry proves that entries, packs and checkpoint belong together. The
// files of the newest Kept entries up to it must also exist.
func (l *Ledger) complete(ctx context.Context, numbers []int64, newest int64) error {
	if newest == 0 {
		return nil
	}
	raw, err := l.store.Read(ctx, FileName(newest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failure.New(failure.Conflict,
			"the ledger's entries are older than its checkpoints and packs: those go up to entry %d, but %s is missing", newest, FileName(newest)).
			WithHint("was an older copy of the ledger put back? Put the newest one back, whole; nothing was written. "+
				"If there is none, extract the archives in %s that hold the newest %d entries into %s, and the next run prints what is lost",
				PackDirectory, Kept, Directory)
	case err != nil:
		return fmt.Errorf("read ledger entry %d: %w", newest, err)
	case l.state.Head == newest && digestOf(raw) != l.state.Checksum:
		return damaged(FileName(newest), fmt.Errorf("its checksum is not the one in checkpoint %s: one of them was changed, "+
			"or belongs to another copy of the ledger", CheckpointName(newest)))
	}
	n := max(1, newest-l.opt.kept+1)
	next, _ := slices.BinarySearch(numbers, n)
	for ; next < len(numbers) && n <= newest; n++ {
		if numbers[next] != n {
			return missing(n)
		}
		next++
	}
	return nil
}

// replay continues from the state with entries from packs, as long as packs
// hold them. It is used if the newest checkpoints are lost or unreadable.
func (l *Ledger) replay(ctx context.Context, numbers []int64, newest int64) error {
	packs, err := l.packs(ctx)
	if err != nil {
		return err
	}
	for {
		n := l.state.Head + 1
		_, filed := slices.BinarySearch(numbers, n)
		p, ok := holding(packs, n)
		switch {
		case !ok && !filed && n <= newest:
			return damaged(FileName(n), fmt.Errorf("the entry is missing, no pack holds it, and no newer checkpoint than %d can be read", l.covered))
		case !ok:
			return nil
		case n == 1:
			l.warn("no checkpoint of the ledger can be read: reading all packs", "directory", PackDirectory)
		}
		entries, err := l.readPack(ctx, p)
		if err != nil && filed {
			l.warn("a pack of the ledger is damaged: reading the entries' files instead", "file", p.name(), "because", err)
			return nil
		}
		if err != nil {
			return err
		}
		for _, raw := range entries[n-p.first:] {
			if err := l.accept(l.state.Head+1, raw); err != nil {
				return fmt.Errorf("%s: %w", p.name(), err)
			}
		}
		l.state.fold(l.state.Head, l.state.Checksum, nil, l.opt.kept)
		l.taken = takenIn(l.state)
	}
}

// refresh reads the entries that others have appended since.
func (l *Ledger) refresh(ctx context.Context) error {
	followed := l.follow(ctx)
	newest, err := l.newestCheckpoint(ctx)
	switch {
	case err != nil:
		return errors.Join(followed, err)
	case newest > l.state.Head:
		// A compaction has removed the entries after the head.
		return l.load(ctx)
	}
	return followed
}

func (l *Ledger) follow(ctx context.Context) error {
	for {
		n := l.state.Head + 1
		raw, err := l.store.Read(ctx, FileName(n))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read ledger entry %d: %w", n, err)
		}
		if err := l.accept(n, raw); err != nil {
			return err
		}
	}
}

func (l *Ledger) warn(message string, args ...any) {
	if l.opt.Log != nil {
		l.opt.Log.Warn(message, args...)
	}
}
