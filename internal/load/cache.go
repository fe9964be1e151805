package load

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

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
	Entry    int64 `json:"entry"`    // newest entry that has rows in it
	Rows     int64 `json:"rows"`     // in total
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

// CacheFiles is what the cache needs of the pipeline's directory.
type CacheFiles interface {
	Create(ctx context.Context, name string, data []byte) error
	Read(ctx context.Context, name string) ([]byte, error)
	Names(ctx context.Context, dir string) ([]string, error)
	Delete(ctx context.Context, name string) error
}

// ReadCache reads the newest file of the cache; an empty Cache if there is
// none, or if it belongs to another ledger or cannot be read.
func ReadCache(ctx context.Context, files CacheFiles, ledgerID string) (*Cache, error) {
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
	if err == nil && json.Unmarshal(raw, &read) == nil && read.Ledger == ledgerID && read.Tables != nil {
		c = &read
	}
	c.Number = newest
	return c, nil
}

// within insists that the ledger has what the cache says was loaded behind the
// snapshots that the ledger has.
func (c *Cache) within(state *ledger.State) error {
	for name, t := range c.Tables {
		s := state.Tables[name]
		if s != nil && s.Snapshot != nil && s.Snapshot.Begin == t.Snapshot && t.Entry > state.Head {
			return olderThan(state, fmt.Sprintf("entry %d of table %s is in %s", t.Entry, name, cacheName(c.Number)))
		}
	}
	return nil
}

// write stores the cache under the next number and removes old files.
func (c *Cache) write(ctx context.Context, files CacheFiles) error {
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
	numbers := numbersOf(names)
	var old []string
	for _, n := range numbers[:max(0, len(numbers)-keptCaches)] {
		old = append(old, cacheName(n))
	}
	return old
}

func cacheNumbers(ctx context.Context, files CacheFiles) ([]int64, error) {
	names, err := files.Names(ctx, Directory)
	if err != nil {
		return nil, fmt.Errorf("list the load cache: %w", err)
	}
	return numbersOf(names), nil
}

func numbersOf(names []string) []int64 {
	var numbers []int64
	for _, name := range names {
		n, err := strconv.ParseInt(strings.TrimSuffix(path.Base(name), ".json"), 10, 64)
		if err == nil && path.Base(name) == path.Base(cacheName(n)) {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, cmp.Compare[int64])
	return numbers
}

func cacheName(n int64) string { return fmt.Sprintf("%s/%020d.json", Directory, n) }
