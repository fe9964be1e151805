package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
)

// Store is the pipeline's directory in the Volume. Names are relative and
// slash-separated. All methods are safe for concurrent use.
type Store interface {
	// Create writes a new file. It returns fs.ErrExist if the file exists.
	// After any other error the file may still have been written.
	Create(ctx context.Context, name string, data []byte) error
	// Read returns a file's bytes, or fs.ErrNotExist if there is no such file.
	Read(ctx context.Context, name string) ([]byte, error)
	// Names lists the names of the files in a directory, in any order and
	// without subdirectories. The list is empty if the directory does not
	// exist.
	Names(ctx context.Context, dir string) ([]string, error)
	// Delete removes a file. It succeeds if the file does not exist.
	Delete(ctx context.Context, name string) error
}

// Guard proves that the caller still holds the right to append.
type Guard interface {
	Prove(ctx context.Context) error
}

// Directory holds the entries.
const Directory = "ledger"

// ErrLost means that another entry took the place of this append. The append is
// discarded. The caller must decide again on the refreshed state.
var ErrLost = errors.New("another entry was appended first")

const readers = 16

// Options are what Open needs in addition to the store.
type Options struct {
	Run     string           // id of this run
	Version string           // of the tool
	Now     func() time.Time // the clock
	// Log receives warnings about damage that Open worked around. It may be
	// nil.
	Log *slog.Logger
	// Appended is called with each entry that this run has appended, before
	// Append returns. It must not call the ledger. It may be nil.
	Appended func(*Entry)

	kept int64 // replaces Kept, for tests
}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	store Store
	opt   Options

	mu      sync.Mutex
	state   *State
	taken   taken
	named   names // paths named by this run
	covered int64 // entry of the checkpoint that was last read or written
}

// State returns a copy of the fold of all entries read so far. A later Refresh
// or Append does not change it. The caller must not change what it points to.
func (l *Ledger) State() *State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.clone()
}

// Refresh reads the entries that others have appended since.
func (l *Ledger) Refresh(ctx context.Context) (*State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refresh(ctx); err != nil {
		return nil, err
	}
	return l.state.clone(), nil
}

// Head returns the number of the newest known entry, or 0 if there is none.
func (l *Ledger) Head() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Head
}

// Append writes the entry after head, reads it back and returns it. body is one
// of the pointers of Entry. ErrLost means that head is not the newest entry:
// nothing was appended, and the state is refreshed. After any other error the
// entry may or may not exist. A later Open or Refresh shows which.
func (l *Ledger) Append(ctx context.Context, head int64, body any, guards ...Guard) (*Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, err := l.append(ctx, head, body, guards)
	if err == nil && l.opt.Appended != nil {
		l.opt.Appended(entry)
	}
	return entry, err
}

func (l *Ledger) append(ctx context.Context, head int64, body any, guards []Guard) (*Entry, error) {
	if l.state.Head != head {
		return nil, ErrLost
	}
	entry, raw, err := l.compose(body)
	if err != nil {
		return nil, err
	}
	// An entry is permanent once it is written. So an entry that would be
	// refused when it is read back must not be written.
	if _, err = l.check(entry.Number, raw); err == nil {
		err = l.named.check(entry)
	}
	if err != nil {
		return nil, fmt.Errorf("append ledger entry %d: %w", entry.Number, err)
	}
	for _, g := range guards {
		if err := g.Prove(ctx); err != nil {
			return nil, fmt.Errorf("append ledger entry %d: %w", entry.Number, err)
		}
	}
	name := FileName(entry.Number)
	created := l.store.Create(ctx, name, raw)
	stored, err := l.store.Read(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read ledger entry %d back: %w", entry.Number, errors.Join(err, created))
	}
	newest, listErr := l.newestCheckpoint(ctx)
	switch {
	case listErr != nil:
		return nil, fmt.Errorf("append ledger entry %d: %w", entry.Number, errors.Join(listErr, created))
	case newest >= entry.Number+l.opt.kept:
		return entry, l.settle(ctx, entry.Number, raw)
	case err != nil:
		return nil, fmt.Errorf("append ledger entry %d: %w", entry.Number, errors.Join(created, err))
	case !bytes.Equal(stored, raw):
		if err := l.refresh(ctx); err != nil {
			return nil, err
		}
		return nil, ErrLost
	}
	if err := l.accept(entry.Number, stored); err != nil {
		return nil, err
	}
	return entry, nil
}

// settle decides whether entry n became real if compactions may have removed
// files from n on. In that case Create may have succeeded in another entry's
// place, or our file may already be gone. settle returns ErrLost if the packs
// do not contain the entry.
func (l *Ledger) settle(ctx context.Context, n int64, raw []byte) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	real := false
	err := l.packed(ctx, n, l.state.Packed, l.state.PackedChecksum, func(at int64, packed []byte) error {
		real = real || at == n && bytes.Equal(packed, raw)
		return nil
	})
	if err == nil && !real {
		err = ErrLost
	}
	return err
}

func (l *Ledger) compose(body any) (*Entry, []byte, error) {
	e := &Entry{
		Format: Format, Number: l.state.Head + 1, Ledger: l.state.Ledger, Previous: l.state.Checksum,
		Run: l.opt.Run, Version: l.opt.Version, Time: l.opt.Now().UTC(),
	}
	if e.Ledger == "" {
		e.Ledger = newUUID()
	}
	switch b := body.(type) {
	case *Origin:
		e.Kind, e.Origin = KindOrigin, b
	case *Begin:
		e.Kind, e.Begin = KindBegin, b
	case *Done:
		e.Kind, e.Done = KindDone, b
	case *Abandoned:
		e.Kind, e.Abandoned = KindAbandoned, b
	case *Changes:
		e.Kind, e.Changes = KindChanges, b
	case *End:
		e.Kind, e.End = KindEnd, b
	default:
		return nil, nil, fmt.Errorf("append ledger entry: %T is not the body of an entry", body)
	}
	line, err := marshal(e)
	if err != nil {
		return nil, nil, fmt.Errorf("append ledger entry %d: %w", e.Number, err)
	}
	var raw bytes.Buffer
	if err := json.Indent(&raw, line, "", " "); err != nil {
		return nil, nil, fmt.Errorf("append ledger entry %d: %w", e.Number, err)
	}
	return e, raw.Bytes(), nil
}

// accept validates the bytes of entry n and applies them to the state.
func (l *Ledger) accept(n int64, raw []byte) error {
	e, err := l.check(n, raw)
	if err != nil {
		if _, ok := errors.AsType[*failure.Error](err); ok {
			return err
		}
		return damaged(FileName(n), err)
	}
	l.taken.add(e)
	if e.Run == l.opt.Run {
		l.named.add(e)
	}
	l.state.apply(e, digestOf(raw))
	return nil
}

// check decodes the bytes of entry n and returns why they cannot follow the
// entries read so far, or nil. It changes nothing.
func (l *Ledger) check(n int64, raw []byte) (*Entry, error) {
	var probe struct{ Format int }
	if err := json.Unmarshal(raw, &probe); err != nil {
		return nil, err
	}
	switch {
	case probe.Format > Format:
		return nil, failure.New(failure.Conflict, "ledger entry %d (%s) has format %d, and this version reads up to %d", n,
			FileName(n), probe.Format, Format).
			WithHint("use the version of ingest that wrote it, or a newer one")
	case probe.Format < 1:
		return nil, fmt.Errorf("it has format %d, want 1 to %d", probe.Format, Format)
	}
	e := new(Entry)
	if err := strict(raw, e); err != nil {
		return nil, err
	}
	switch {
	case e.Number != n:
		return nil, fmt.Errorf("its content is that of entry %d", e.Number)
	case e.Previous != l.state.Checksum:
		return nil, fmt.Errorf("its predecessor's checksum is %.12s…, but %s has %.12s…: that one was changed, or two runs wrote at once",
			e.Previous, FileName(n-1), l.state.Checksum)
	case e.Ledger == "":
		return nil, errors.New("it names no ledger")
	case n > 1 && e.Ledger != l.state.Ledger:
		return nil, fmt.Errorf("it belongs to ledger %s, not %s", e.Ledger, l.state.Ledger)
	}
	if err := validate(l.state, e); err != nil {
		return nil, err
	}
	return e, l.taken.check(e)
}

// damaged returns an error that names a damaged file, with a hint how to fix
// it.
func damaged(name string, err error) error {
	e := failure.New(failure.Conflict, "ledger is damaged: %s: %w", name, err)
	if strings.HasPrefix(name, PackDirectory) {
		return e.WithHint("put the file back from a backup of the Volume; nothing was written. Without it, " +
			"tables can only be rebuilt from the source: `ingest full-load`")
	}
	return e.WithHint("put the file back from a backup of the Volume, or from the archive in %s that holds it; nothing was written. "+
		"If it is lost, move it and all later entries out of %s: then `ingest full-load --repair` loads all tables again",
		PackDirectory, Directory)
}

// FileName returns the path of entry n, relative to the pipeline's root.
func FileName(n int64) string { return NumberedName(Directory, n) }

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
