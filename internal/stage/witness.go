package stage

import (
	"fmt"
	"slices"
	"sync"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// WitnessOf returns what the catalog says about a relation. Its Published field
// must be set.
func WitnessOf(r *postgres.Relation) *ledger.Witness {
	w := &ledger.Witness{Publication: r.Published.By}
	for leaf, file := range postgres.Files(r.Leaves) {
		if file == leaf {
			continue
		}
		if w.Files == nil {
			w.Files = map[uint32]uint32{}
		}
		w.Files[leaf] = file
	}
	return w
}

// Seen holds what the newest look at the catalog found about tables that it did
// not mark. It goes into the next entry. It is safe for concurrent use.
type Seen struct {
	mu        sync.Mutex
	witnesses []ledger.TableWitness
	ahead     []Ahead
}

// Ahead holds columns that a look found. They count until the table has a newer
// change than it had then.
type Ahead struct {
	ledger.TableAhead
	After int64 // entry of the table's newest change
}

// Set stores what a look found.
func (s *Seen) Set(witnesses []ledger.TableWitness, ahead []Ahead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.witnesses, s.ahead = witnesses, ahead
}

// columns returns the columns that differ from the ledger's. It skips tables in
// changed, and those whose snapshot is under way: it brings its own columns, and
// may hide a default that a birth shows.
func (s *Seen) columns(state *ledger.State, changed []ledger.TableChanges) []ledger.TableAhead {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []ledger.TableAhead
	for _, a := range s.ahead {
		t := state.Tables[a.Table]
		if state.Current(t) && t.Snapshot.Begin == a.Begin && t.Reload == nil && state.LastChange(a.Table) == a.After &&
			!underWay(state, a.Table) && !t.Ahead.Equal(&a.TableAhead) &&
			!slices.ContainsFunc(changed, func(c ledger.TableChanges) bool { return c.Table == a.Table }) {
			list = append(list, a.TableAhead)
		}
	}
	return list
}

// underWay reports whether a snapshot of the table is being taken.
func underWay(state *ledger.State, table schema.TableName) bool {
	for _, o := range state.Open {
		if o.Pending[table] {
			return true
		}
	}
	return false
}

// news returns the witnesses that differ from the ledger's.
func (s *Seen) news(state *ledger.State) []ledger.TableWitness {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.witnesses), func(w ledger.TableWitness) bool {
		t := state.Tables[w.Table]
		return !state.Current(t) || t.Snapshot.Begin != w.Begin || t.Witness.Equal(&w.Witness)
	})
}

// owed reports whether what was seen requires an entry. A rewrite of a table is
// recorded at once, because a later added column depends on it.
func (s *Seen) owed(state *ledger.State) bool {
	return len(s.columns(state, nil)) > 0 || len(s.news(state)) > 0
}

// AddedReason returns why rows from before a column was added may have a value
// in it that was not sent and that its default no longer shows. It returns ""
// if they have none.
func AddedReason(column string, before *ledger.Witness, files map[uint32]uint32) string {
	if !before.Rewritten(files) {
		return ""
	}
	return rewrittenSince(column)
}

func rewrittenSince(column string) string {
	return fmt.Sprintf("column %q was added, and the table was written as a whole since: older rows may have a default that is gone", column)
}
