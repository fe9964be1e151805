package schema

import "slices"

// Publication is what decides what a publication sends of a table, but for its
// filter and columns.
type Publication struct {
	Name string `json:"name"`
	// Version is the id of the transaction that altered the publication last,
	// but for its tables: pg_publication.xmin. Adding and removing tables leaves
	// it as it is, and so does freezing.
	Version uint32 `json:"version"`
	Owner   uint32 `json:"owner"`
	// Operations are among insert, update, delete and truncate, in this order.
	Operations []string `json:"operations"`
	ViaRoot    bool     `json:"via_root,omitempty"`
	Generated  string   `json:"generated,omitempty"` // pg_publication.pubgencols, since PostgreSQL 18
	// Schema is the OID of the row in pg_publication_namespace that holds the
	// table's schema, 0 if none does.
	Schema uint32 `json:"schema,omitempty"`
}

// Equal says whether both are the same.
func (p Publication) Equal(q Publication) bool {
	return p.Version == q.Version && p.Owner == q.Owner && p.Schema == q.Schema && p.SendsAs(q)
}

// SendsAs says whether both send the same, whatever happened between them.
func (p Publication) SendsAs(q Publication) bool {
	return p.Name == q.Name && slices.Equal(p.Operations, q.Operations) && p.ViaRoot == q.ViaRoot && p.Generated == q.Generated
}
