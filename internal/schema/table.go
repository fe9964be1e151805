package schema

import "slices"

// Column is a column of a table: where it comes from and what it becomes.
type Column struct {
	Name     string       `json:"name"`   // in the source
	Number   int16        `json:"number"` // pg_attribute.attnum in the root table
	Postgres PostgresType `json:"postgres"`
	Type     Type         `json:"type"`          // in the target; until the table is reloaded it only gets wider
	Key      bool         `json:"key,omitempty"` // part of the replica identity's key (all columns under FULL)
}

// IdentityKind is pg_class.relreplident.
type IdentityKind string

// The replica identities.
const (
	IdentityDefault IdentityKind = "default" // the primary key, if there is one
	IdentityIndex   IdentityKind = "index"
	IdentityFull    IdentityKind = "full"
	IdentityNothing IdentityKind = "nothing"
)

// Identity says what an UPDATE or DELETE of a table sends of the old row.
type Identity struct {
	Kind    IdentityKind `json:"kind"`
	Columns []string     `json:"columns,omitempty"` // the key's columns; empty under FULL and NOTHING
}

// Usable says whether updates and deletes can be published: without it,
// Postgres makes the application's own UPDATE and DELETE fail.
func (i Identity) Usable() bool {
	return i.Kind == IdentityFull || len(i.Columns) > 0
}

// Table is a table of the source as the catalog shows it.
type Table struct {
	Name        TableName `json:"name"`
	OID         uint32    `json:"oid"`
	Partitioned bool      `json:"partitioned,omitempty"`
	Columns     []Column  `json:"columns"` // in attribute order, published ones only
	Identity    Identity  `json:"identity"`
	PrimaryKey  []string  `json:"primary_key,omitempty"`
}

// Column finds a column by its source name.
func (t *Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// SameColumns says whether two lists of columns have the same names, order and
// target types, so that one statement can load segments of both.
func SameColumns(a, b []Column) bool {
	return slices.EqualFunc(a, b, func(x, y Column) bool { return x.Name == y.Name && x.Type.Equal(y.Type) })
}
