package ledger

import (
	"maps"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Witness is what the catalog said about a table at some moment. A later look
// compares it with the catalog and detects events that no message shows.
type Witness struct {
	// Publication is the first one that held the table.
	Publication schema.Publication `json:"publication"`
	// Files are the relfilenodes of the table's leaves, by OID. A leaf that is
	// not listed still has its first relfilenode, which equals its OID.
	Files map[uint32]uint32 `json:"files,omitempty"`
}

// TableWitness is a table's Witness in an entry of changes.
type TableWitness struct {
	Table schema.TableName `json:"table"`
	// Begin is the begin entry of the snapshot that this applies to. It is
	// ignored if the table's newest snapshot is another one.
	Begin   int64   `json:"begin"`
	Witness Witness `json:"witness"`
}

// Equal reports whether both have the same content.
func (w *Witness) Equal(v *Witness) bool {
	if w == nil || v == nil {
		return w == v
	}
	return w.Publication.Equal(v.Publication) && maps.Equal(w.Files, v.Files)
}

// applyWitnesses applies those that belong to the tables' newest snapshots.
func (s *State) applyWitnesses(witnesses []TableWitness) {
	for i := range witnesses {
		w := &witnesses[i]
		if t := s.Tables[w.Table]; t != nil && t.Snapshot != nil && t.Snapshot.Begin == w.Begin {
			t.Witness = &w.Witness
		}
	}
}

// Rewritten reports whether one of the table's leaves was rewritten completely
// since the Witness: by VACUUM FULL, CLUSTER, TRUNCATE, or a rewriting ALTER
// TABLE. files are the leaves' current relfilenodes. Without a Witness it
// reports whether a leaf was ever rewritten.
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
