package schema

import "slices"

// Publication holds the settings that decide what a publication sends of a table, without its filter
// and columns.
type Publication struct {
	Name string `json:"name"`
	// Version is the id of the transaction that last altered the publication: pg_publication.xmin.
	// Adding and removing tables does not change it, and freezing does not either.
	Version uint32 `json:"version"`
	Owner   uint32 `json:"owner"`
	// Operations are a subset of insert, update, delete and truncate, in this order.
	Operations []string `json:"operations"`
	ViaRoot    bool     `json:"via_root,omitempty"`
	Generated  string   `json:"generated,omitempty"` // pg_publication.pubgencols, since PostgreSQL 18
	// Schema is the OID of the row in pg_publication_namespace that contains the table's schema, 0 if
	// there is none.
	Schema uint32 `json:"schema,omitempty"`
}

// Equal reports whether both are the same.
func (p Publication) Equal(q Publication) bool {
	return p.Version == q.Version && p.Owner == q.Owner && p.Schema == q.Schema && p.SendsAs(q)
}

// SendsAs reports whether both send the same, even if the publication was altered in between.
func (p Publication) SendsAs(q Publication) bool {
	return p.Name == q.Name && slices.Equal(p.Operations, q.Operations) && p.ViaRoot == q.ViaRoot && p.Generated == q.Generated
}
