package stage

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres/pgoutput"
	"github.com/ingest-tool/ingest/internal/schema"
)

// owners maps relations to the tables that their changes belong to. A renamed
// table keeps its old identity until it is loaded again. The new identity
// starts at the begin of the new snapshot, not at its end. Commits between
// begin and end are not in the snapshot, so they must be in the log that
// continues it.
func owners(state *ledger.State) map[uint32]schema.TableName {
	tables := map[uint32]schema.TableName{}
	loaded := state.ByOIDs()
	for oid, t := range loaded {
		tables[oid] = t.Table
	}
	for _, n := range slices.Sorted(maps.Keys(state.Open)) {
		if n <= state.OriginNumber {
			continue
		}
		o := state.Open[n]
		for _, begun := range o.Begin.Tables {
			t, named := loaded[begun.OID], state.Tables[begun.Table]
			switch {
			case !o.Watched[begun.Table], t != nil && t.Snapshot != nil && t.Snapshot.Begin >= n:
			case named != nil && named.Snapshot != nil && named.Snapshot.Begin > n && named.Snapshot.OID != begun.OID:
				// Another relation has the name now. Changes that are not in
				// its snapshot belong elsewhere.
			default:
				tables[begun.OID] = begun.Table
			}
		}
	}
	return tables
}

// tableOf returns the table that a relation's changes belong to.
func (c *collector) tableOf(m *pgoutput.Relation) schema.TableName {
	if t, ok := c.owners[m.ID]; ok {
		return t
	}
	return nameOf(m)
}

// nameOf returns the relation's name at the time of the change.
func nameOf(m *pgoutput.Relation) schema.TableName {
	return schema.TableName{Schema: m.Namespace, Name: m.Name}
}

// rerouted returns errRedo if a newer state of the ledger assigns a relation's
// changes to another table than the one they were collected for.
func (c *collector) rerouted(now *ledger.State) error {
	tables := owners(now)
	for oid, t := range c.routed {
		_, had := c.owners[oid]
		if is, has := tables[oid]; has && is != t || had && !has {
			return fmt.Errorf("%w: the changes of %s belong to another table now", errRedo, t)
		}
	}
	return nil
}

// replaced reports whether a relation was renamed and another table now has its
// name. If so, the relation's further changes do not belong to the table of
// that name, and that table needs a full load.
func (c *collector) replaced(name schema.TableName, m *pgoutput.Relation) (bool, error) {
	if nameOf(m) == name {
		return false, nil
	}
	names, err := c.catalog().Names(c.ctx, []uint32{m.ID}, []schema.TableName{name})
	if err != nil {
		return false, err
	}
	reason := names.Replaced(name, m.ID)
	if reason == "" {
		return false, nil
	}
	if t := c.state.Tables[name]; c.state.Current(t) {
		// The catalog describes the present, not this commit.
		c.found([]ledger.ReloadMark{{Table: name, LSN: max(c.state.Position, t.Begin.Fence+1), Reason: reason, Generation: t.Snapshot.Begin}})
	}
	return true, nil
}

// ofPartition reports whether a relation is a partition, which is not a table
// of its own. Its changes should have arrived under its root. root is set if
// the root is loaded.
func (c *collector) ofPartition(m *pgoutput.Relation) (partition bool, root schema.TableName, err error) {
	if c.state.Current(c.state.Tables[c.tableOf(m)]) && c.owners[m.ID].Name != "" {
		return false, root, nil // it was loaded as a table before it became a partition
	}
	for _, t := range c.state.Tables {
		if slices.Contains(t.Partitions, m.ID) {
			return true, t.Table, nil
		}
	}
	if !c.wanted(nameOf(m)) {
		return false, root, nil
	}
	oid, err := c.catalog().Root(c.ctx, m.ID)
	return oid != 0, c.owners[oid], err
}

// leave records a skipped change. Each one is recorded as lost, because a
// snapshot that is being read while the entry is collected may contain the
// first change and not the last.
func (c *collector) leave(r *relation) {
	c.left[r.table] = true
	if r.refused != nil {
		c.refuse(r, r.refused)
	}
	if r.lost != "" {
		c.lose(r.table, r.lost)
	}
	if !c.state.Current(c.state.Tables[r.root]) {
		return
	}
	c.lose(r.root,
		fmt.Sprintf("changes of partition %s came under its own name: its publication does not publish via the root, or did not", r.table))
}
