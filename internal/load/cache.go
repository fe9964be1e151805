package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// Directory holds the cache, one file per load run that changed something.
const Directory = "loads"

// keptCaches are how many files of the cache are kept.
const keptCaches = 5

// Cache is what the newest load run saw in the tables. Losing it loses
// nothing: the tables say it again.
type Cache struct {
	Number  int64                       `json:"number"`
	Ledger  string                      `json:"ledger"`
	Run     string                      `json:"run"`
	Version string                      `json:"version"`
	Time    time.Time                   `json:"time"`
	Tables  map[schema.TableName]Loaded `json:"tables"`
}

// Loaded is what one table holds.
type Loaded struct {
	Snapshot int64 `json:"snapshot"` // begin entry of its snapshot, 0 if none was loaded yet
	// Directory is that of the snapshot's segments. No other attempt has it, in
	// no copy of the ledger.
	Directory string `json:"directory,omitempty"`
	Entry     int64  `json:"entry"` // newest entry that has rows in it
	Rows      int64  `json:"rows"`  // in total
	// View tells what the table's view should be from what it was, whether it is
	// there or not. See View.
	View string `json:"view,omitempty"`
	// Current and History are of the tables that are kept beside the log.
	Current *LoadedKept `json:"current,omitempty"`
	History *LoadedKept `json:"history,omitempty"`
	// Ahead is the entry that the view has columns of which the log has no row yet
	// from; 0 if there are none.
	Ahead int64 `json:"ahead,omitempty"`
	// Quarantine is why loading stopped, with the entry that was to be loaded.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
}

// Quarantine says why a table's loads stopped.
type Quarantine struct {
	Reason   string    `json:"reason"`
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"`
	Snapshot int64     `json:"snapshot"` // newest snapshot then: a newer one ends the quarantine
}

// ReadCache reads the newest file of the cache; an empty Cache if there is
// none, or if it belongs to another ledger or cannot be read. An empty ledgerID
// takes that of any ledger.
func ReadCache(ctx context.Context, files ledger.Store, ledgerID string) (*Cache, error) {
	numbers, err := cacheNumbers(ctx, files)
	if err != nil {
		return nil, err
	}
	c := &Cache{Ledger: ledgerID, Tables: map[schema.TableName]Loaded{}}
	if len(numbers) == 0 {
		return c, nil
	}
	newest := numbers[len(numbers)-1]
	raw, err := files.Read(ctx, cacheName(newest))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the load cache: %w", err)
	}
	var read Cache
	if err == nil && json.Unmarshal(raw, &read) == nil && (ledgerID == "" || read.Ledger == ledgerID) && read.Tables != nil {
		c = &read
	}
	c.Number = newest
	return c, nil
}

// Older is an error if the cache says that more was loaded than the ledger has.
func Older(ctx context.Context, files ledger.Store, l *ledger.Ledger) error {
	cache, state, err := readBoth(ctx, files, l)
	if err != nil {
		return err
	}
	return cache.within(state)
}

// readBoth reads the cache, and then the ledger: another run may be loading, and
// what the cache says must be in the ledger.
func readBoth(ctx context.Context, files ledger.Store, l *ledger.Ledger) (*Cache, *ledger.State, error) {
	cache, err := ReadCache(ctx, files, l.State().Ledger)
	if err != nil {
		return nil, nil, err
	}
	state, err := l.Refresh(ctx)
	return cache, state, err
}

// within insists that the ledger has what the cache says was loaded. state must
// have been read after the cache, or under the lock for loading.
func (c *Cache) within(state *ledger.State) error {
	for _, name := range slices.SortedFunc(maps.Keys(c.Tables), schema.TableName.Compare) {
		t := c.Tables[name]
		switch {
		case max(t.Snapshot, t.Entry) > state.Head:
			return olderThan(state, fmt.Sprintf("entry %d of table %s is in %s", max(t.Snapshot, t.Entry), name, cacheName(c.Number)))
		case t.unknown(state, name):
			return failure.New(failure.Conflict, "the ledger is another copy than the one that was loaded from: %s says that the snapshot of entry %d of table %s was loaded, which the ledger does not have",
				cacheName(c.Number), t.Snapshot, name).
				WithHint("was an older copy of the ledger put back? Put the newest one back; nothing was changed. If it is lost, `ingest full-load --repair` loads all tables from the source again")
		}
	}
	return nil
}

// unknown says that the ledger does not have the snapshot that was loaded.
func (t Loaded) unknown(state *ledger.State, name schema.TableName) bool {
	if t.Snapshot == 0 {
		return false
	}
	s := state.Tables[name]
	return s == nil || s.Snapshot == nil || s.Snapshot.Begin < t.Snapshot ||
		s.Snapshot.Begin == t.Snapshot && t.Directory != "" && s.Snapshot.Directory != t.Directory
}

// forget takes out what the ledger does not have.
func (c *Cache) forget(state *ledger.State) {
	maps.DeleteFunc(c.Tables, func(name schema.TableName, t Loaded) bool {
		return max(t.Snapshot, t.Entry) > state.Head || t.unknown(state, name)
	})
}

// write stores the cache under the next number and removes old files.
func (c *Cache) write(ctx context.Context, files ledger.Store) error {
	for {
		c.Number++
		raw, err := json.MarshalIndent(c, "", " ")
		if err != nil {
			return err
		}
		err = files.Create(ctx, cacheName(c.Number), raw)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write the load cache: %w", err)
		}
		break
	}
	numbers, err := cacheNumbers(ctx, files)
	if err != nil {
		return err
	}
	for _, n := range numbers[:max(0, len(numbers)-keptCaches)] {
		if err := files.Delete(ctx, cacheName(n)); err != nil {
			return fmt.Errorf("remove an old load cache: %w", err)
		}
	}
	return nil
}

// Leftovers are the files of the cache that a later one made superfluous, and
// that a run that was killed has left. names are those of all its files.
func Leftovers(names []string) []string {
	numbers := ledger.Numbered(names)
	var old []string
	for _, n := range numbers[:max(0, len(numbers)-keptCaches)] {
		old = append(old, cacheName(n))
	}
	return old
}

func cacheNumbers(ctx context.Context, files ledger.Store) ([]int64, error) {
	names, err := files.Names(ctx, Directory)
	if err != nil {
		return nil, fmt.Errorf("list the load cache: %w", err)
	}
	return ledger.Numbered(names), nil
}

func cacheName(n int64) string { return ledger.NumberedName(Directory, n) }
