package ledger

import (
	"maps"

	"ingest/internal/schema"
)

// Witness is what the catalog said of a table at a moment, kept so that a later
// look tells whether something happened in between that no message shows.
type Witness struct {
	// Publication is the first that held the table.
	Publication schema.Publication `json:"publication"`
	// Files are the relfilenodes of the table's leaves, by their OIDs. A leaf
	// that is not listed has the one that it was made with, its OID.
	Files map[uint32]uint32 `json:"files,omitempty"`
}

// TableWitness is a table's Witness in an entry of changes.
type TableWitness struct {
	Table schema.TableName `json:"table"`
	// Begin is the snapshot that it follows. One of an older snapshot says
	// nothing.
	Begin   int64   `json:"begin"`
	Witness Witness `json:"witness"`
}

// Equal says whether both tell the same.
func (w *Witness) Equal(v *Witness) bool {
	if w == nil || v == nil {
		return w == v
	}
	return w.Publication.Equal(v.Publication) && maps.Equal(w.Files, v.Files)
}

// applyWitnesses takes those in that follow the tables' newest snapshots.
func (s *State) applyWitnesses(witnesses []TableWitness) {
	for i := range witnesses {
		w := &witnesses[i]
		if t := s.Tables[w.Table]; t != nil && t.Snapshot != nil && t.Snapshot.Begin == w.Begin {
			t.Witness = &w.Witness
		}
	}
}

// Rewritten says whether one of the table's leaves, given by their relfilenodes,
// was written as a whole since: by VACUUM FULL, CLUSTER, TRUNCATE, or an ALTER
// TABLE that does. Of a table without a Witness it says whether one ever was.
func (w *Witness) Rewritten(files map[uint32]uint32) bool {
	for leaf, file := range files {
		before := leaf
		if w != nil && w.Files[leaf] != 0 {
			before = w.Files[leaf]
		}
		if file != before {
			return true
		}
	}
	return false
}
