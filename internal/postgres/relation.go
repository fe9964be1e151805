package postgres

import (
	"slices"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Relation is a table as pg_class shows it, with what a preflight needs to know.
type Relation struct {
	schema.Table
	Kind        RelationKind
	Persistence Persistence
	Highest     int16 // highest attribute number ever used; that column may be dropped by now
	RowSecurity bool  // policies hide rows from the role
	Owned       bool  // the role may ALTER it and add it to a publication
	Readable    bool  // the role may SELECT from it and from each of its partitions
	SomeColumns bool  // the role may SELECT some of its columns, but not all
	Inherits    bool  // has children by inheritance that are not partitions
	Deferrable  bool  // has a deferrable primary key, which does not count as one
	Leaves      []Leaf
	// Illegible are the names of the table, its partitions and its columns that no statement of this
	// program can contain.
	Illegible []Illegible
	// Generated are the generated columns. They are not in Columns. They can be published only since
	// version 18, and only if they are not Virtual.
	Generated []schema.Column
	Virtual   []string
	// Nullable are the columns that may be NULL in some row. A NOT NULL that is not validated
	// (PostgreSQL 18) does not cover older rows.
	Nullable []string
	// Comment is the text of COMMENT ON TABLE. Comments has the texts of COMMENT ON COLUMN, by column.
	Comment  string
	Comments map[string]string
	Rows     int64 // estimate, -1 unknown
	Bytes    int64 // of heap, TOAST and the like, without indexes
	// Published is set by the callers that need it; the catalog does not know which publications are
	// meant.
	Published Published

	version int // of the server
}

// Leaf is a table that holds rows: the table itself, or a partition.
type Leaf struct {
	Name     schema.TableName
	OID      uint32
	Readable bool  // the role may SELECT from it
	Blocks   int64 // of the heap, when the catalog was read
	Bytes    int64
	File     uint32 // relfilenode: it changes when the whole leaf is rewritten
	// Attached are the OIDs of the leaf and of the partitions above it that were not created as
	// partitions: they may have had rows before.
	Attached []uint32
	Identity schema.Identity

	primary    []string // its primary key; nil if there is none, or if it is deferrable
	deferrable bool
}

// sameShape reports whether two readings of a relation have the same names, columns, keys and leaves.
// Sizes, comments and rights may differ.
func (r *Relation) sameShape(now *Relation) bool {
	return r.Name == now.Name && r.Kind == now.Kind && r.Persistence == now.Persistence && r.Highest == now.Highest &&
		slices.EqualFunc(r.Columns, now.Columns, sameColumn) && slices.EqualFunc(r.Generated, now.Generated, sameColumn) &&
		slices.Equal(r.Virtual, now.Virtual) && slices.Equal(r.PrimaryKey, now.PrimaryKey) && r.Deferrable == now.Deferrable &&
		sameIdentity(r.Identity, now.Identity) &&
		slices.EqualFunc(r.Leaves, now.Leaves, func(a, b Leaf) bool {
			return a.Name == b.Name && a.OID == b.OID && slices.Equal(a.Attached, b.Attached) && sameIdentity(a.Identity, b.Identity)
		})
}

func sameColumn(a, b schema.Column) bool {
	return a.Name == b.Name && a.Number == b.Number && a.Key == b.Key && a.Postgres.OID == b.Postgres.OID &&
		a.Postgres.Typmod == b.Postgres.Typmod
}

func sameIdentity(a, b schema.Identity) bool {
	return a.Kind == b.Kind && slices.Equal(a.Columns, b.Columns)
}

// PartitionsThatTellLess lists the leaves whose identity does not identify the row in updates and
// deletes.
func (r *Relation) PartitionsThatTellLess() []Leaf {
	var out []Leaf
	for _, l := range r.Leaves {
		if r.tellsLess(l) {
			out = append(out, l)
		}
	}
	return out
}

func (r *Relation) tellsLess(l Leaf) bool {
	if !r.Partitioned || l.Identity.Kind == schema.IdentityFull {
		return false
	}
	key := r.Identity.Columns
	if r.Identity.Kind == schema.IdentityFull {
		key = r.PrimaryKey
	}
	if len(key) == 0 && r.Identity.Usable() {
		return true // only the whole row identifies it
	}
	return !l.Identity.Usable() || slices.ContainsFunc(key, func(name string) bool { return !slices.Contains(l.Identity.Columns, name) })
}
