package loads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Directory holds the cache: one file per load run that changed something.
const Directory = "loads"

// keptCaches is how many files of the cache are kept.
const keptCaches = 5

// Cache is what the newest load run saw in the tables. It can be lost without
// harm: the tables have the same information.
type Cache struct {
	Number  int64                      `json:"number"`
	Ledger  string                     `json:"ledger"`
	Run     string                     `json:"run"`
	Version string                     `json:"version"`
	Time    time.Time                  `json:"time"`
	Tables  map[schema.TableName]Table `json:"tables"`
	// Past are the newest loads that changed something, oldest first.
	Past []Past `json:"past,omitempty"`
}

// Table is what one table holds.
type Table struct {
	Snapshot int64 `json:"snapshot"` // begin entry of its snapshot; 0 if none was loaded yet
	// Directory is the directory of the snapshot's segments. It is unique: no
	// other attempt has it, in any copy of the ledger.
	Directory string `json:"directory,omitempty"`
	Entry     int64  `json:"entry"` // newest entry that the table has rows of
	Rows      int64  `json:"rows"`  // in total
	// View is the key of the view that the table should have, whether that view
	// exists or not. A different key means a changed definition. See View.
	View string `json:"view,omitempty"`
	// Current and History describe the tables that are kept beside the log.
	Current *Kept `json:"current,omitempty"`
	History *Kept `json:"history,omitempty"`
	// Ahead is the entry since which the view has columns that no row of the
	// log has yet; 0 if there are none.
	Ahead int64 `json:"ahead,omitempty"`
	// Recorded says what the control table has of the table; nil if that is not
	// known.
	Recorded *Recorded `json:"recorded,omitempty"`
	// Quarantine says why loading stopped, and at which entry.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
}

// Recorded is the newest load of a table that the control table has.
type Recorded struct {
	Snapshot string `json:"snapshot"` // directory of the snapshot that the table begins with
	Entry    int64  `json:"entry"`    // last entry of that load
}

// Kept is the cache's record of a table beside a log.
type Kept struct {
	Snapshot string `json:"snapshot"` // directory of the snapshot that its log begins with
	Entry    int64  `json:"entry"`    // newest entry of the log that is in it
	View     string `json:"view,omitempty"`
	// Rebuild says that the table must be rebuilt from the log.
	Rebuild bool `json:"rebuild,omitempty"`
	// Quarantine says why the table is no longer kept. The log continues.
	Quarantine *Quarantine `json:"quarantine,omitempty"`
}

// Quarantine says why the loads of a table stopped.
type Quarantine struct {
	Reason   string    `json:"reason"`
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"`
	Snapshot int64     `json:"snapshot"` // newest snapshot at that time; a newer one ends the quarantine
}

// Read reads the newest file of the cache. It returns an empty Cache if
// there is none, if it belongs to another ledger, or if it cannot be read. An
// empty ledgerID accepts the cache of any ledger.
func Read(ctx context.Context, files ledger.Store, ledgerID string) (*Cache, error) {
	numbers, err := cacheNumbers(ctx, files)
	if err != nil {
		return nil, err
	}
	c := &Cache{Ledger: ledgerID, Tables: map[schema.TableName]Table{}}
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

// Older returns an error if the cache shows that more was loaded than the
// ledger has.
func Older(ctx context.Context, files ledger.Store, l *ledger.Ledger) error {
	cache, state, err := ReadBoth(ctx, files, l)
	if err != nil {
		return err
	}
	return cache.Within(state)
}

// ReadBoth reads the cache first, and then the ledger. Another run may be
// loading: in this order the ledger must contain what the cache says.
func ReadBoth(ctx context.Context, files ledger.Store, l *ledger.Ledger) (*Cache, *ledger.State, error) {
	cache, err := Read(ctx, files, l.State().Ledger)
	if err != nil {
		return nil, nil, err
	}
	state, err := l.Refresh(ctx)
	return cache, state, err
}

// Within returns an error unless the ledger has what the cache says was loaded.
// The caller reads state after the cache, or under the lock for loading.
func (c *Cache) Within(state *ledger.State) error {
	for _, name := range slices.SortedFunc(maps.Keys(c.Tables), schema.TableName.Compare) {
		t := c.Tables[name]
		switch {
		case max(t.Snapshot, t.Entry) > state.Head:
			return olderThan(state, fmt.Sprintf("entry %d of table %s is in %s", max(t.Snapshot, t.Entry), name, cacheName(c.Number)))
		case t.unknown(state, name):
			return failure.New(failure.Conflict, "the ledger is another copy than the one that was loaded from: "+
				"%s says that the snapshot of entry %d of table %s was loaded, which the ledger does not have",
				cacheName(c.Number), t.Snapshot, name).
				WithHint("was an older copy of the ledger put back? Put the newest one back; nothing was changed. If it is lost, " +
					"`ingest full-load --repair` loads all tables from the source again")
		}
	}
	return nil
}

// unknown reports whether the ledger lacks the snapshot that was loaded.
func (t Table) unknown(state *ledger.State, name schema.TableName) bool {
	if t.Snapshot == 0 {
		return false
	}
	s := state.Tables[name]
	return s == nil || s.Snapshot == nil || s.Snapshot.Begin < t.Snapshot ||
		s.Snapshot.Begin == t.Snapshot && t.Directory != "" && s.Snapshot.Directory != t.Directory
}

// Forget removes what the ledger does not have.
func (c *Cache) Forget(state *ledger.State) {
	maps.DeleteFunc(c.Tables, func(name schema.TableName, t Table) bool {
		return max(t.Snapshot, t.Entry) > state.Head || t.unknown(state, name)
	})
}

// Write stores the cache under the next number and removes old files.
func (c *Cache) Write(ctx context.Context, files ledger.Store) error {
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

// Leftovers lists the cache files that a newer one replaced and a killed run
// did not remove. names are the names of all files of the cache.
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

// olderThan is the error that more was loaded than the ledger has.
func olderThan(state *ledger.State, what string) error {
	return failure.New(failure.Conflict, "the ledger is older than what was loaded: %s, but its newest entry is %d", what, state.Head).
		WithHint("was an older copy of the ledger put back? Put the newest one back; nothing was changed. If it is lost, " +
			"`ingest full-load --repair` loads all tables from the source again")
}
