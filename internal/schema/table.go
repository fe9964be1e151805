package schema

import "slices"

// Column is a column of a table: where it comes from and what it becomes.
type Column struct {
	Name     string       `json:"name"`   // in the source
	Number   int16        `json:"number"` // pg_attribute.attnum in the root table
	Postgres PostgresType `json:"postgres"`
	Type     Type         `json:"type"`          // in the target; it only gets wider until the table is reloaded
	Key      bool         `json:"key,omitempty"` // part of the replica identity's key (all columns under FULL)
	// Renamed is the name in the target if it differs from Name.
	Renamed string `json:"renamed,omitempty"`
	// Mask replaces the column's values in the target; nil keeps the values.
	Mask *Mask `json:"mask,omitempty"`
	// Cast means that Type was configured, and is not the type table's result.
	Cast bool `json:"cast,omitempty"`
}

// Target is the column's name in segments and in the target.
func (c Column) Target() string {
	if c.Renamed != "" {
		return c.Renamed
	}
	return c.Name
}

// MaskKind is how a mask hides values.
type MaskKind string

// The masks. All of them leave NULL as it is.
const (
	MaskHMAC  MaskKind = "hmac-sha256" // HMAC-SHA-256 (RFC 2104) of Postgres's text, in lower-case hexadecimal digits
	MaskFixed MaskKind = "fixed"       // one text for all values
	MaskNull  MaskKind = "null"        // NULL for all values
)

// Mask hides the values of a column before they are written anywhere.
type Mask struct {
	Kind  MaskKind `json:"kind"`
	Fixed string   `json:"fixed,omitempty"` // of MaskFixed
	// KeyID distinguishes keys of MaskHMAC without revealing the key.
	KeyID string `json:"key_id,omitempty"`
}

// Equal reports whether both hide values in the same way; nil is no mask.
func (m *Mask) Equal(n *Mask) bool {
	return m == n || m != nil && n != nil && *m == *n
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

// Identity is what an UPDATE or DELETE of a table sends of the old row.
type Identity struct {
	Kind    IdentityKind `json:"kind"`
	Columns []string     `json:"columns,omitempty"` // the key's columns; empty under FULL and NOTHING
}

// Usable reports whether updates and deletes can be published. If not, Postgres makes the
// application's own UPDATE and DELETE fail.
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

// SameColumns reports whether two lists of columns have the same target names, order and target types.
// One statement can then load segments of both.
func SameColumns(a, b []Column) bool {
	return slices.EqualFunc(a, b, func(x, y Column) bool { return x.Target() == y.Target() && x.Type.Equal(y.Type) })
}
