package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/schema"
)

// heldBy is the relation, or one of its leaves, as a publication contains it or would. nil is a
// publication that this tool makes.
func (r *Relation) heldBy(pub *PublicationInfo, leaf *Leaf) held {
	h := held{
		version: r.version, table: r.Name, identity: r.Identity, key: r.PrimaryKey, deferrable: r.Deferrable,
		virtual: r.Virtual, sendsStored: r.version >= versionSends,
	}
	for _, c := range r.Generated {
		if !slices.Contains(r.Virtual, c.Name) {
			h.stored = append(h.stored, c.Name)
		}
	}
	if leaf != nil {
		h.table, h.identity, h.key, h.deferrable = leaf.Name, leaf.Identity, leaf.primary, leaf.deferrable
	}
	if pub != nil {
		h.publication, h.terms, h.sendsStored = pub.Name, pub.checks[r.OID], pub.sendsStored
	}
	return h
}

// lack is a relation or a leaf whose updates and deletes should not be sent.
type lack struct {
	held
	why Reason
}

// lacks lists the relation and its leaves if a publication should not send their updates and deletes.
// Postgres checks the tables that hold rows, and not a partitioned table.
func (r *Relation) lacks(pub *PublicationInfo) []lack {
	h := r.heldBy(pub, nil)
	own := lack{h, h.lacks()}
	if r.Partitioned {
		own.why = h.unclear()
	}
	all := []lack{own}
	for i := range r.Leaves {
		if r.Partitioned {
			leaf := r.heldBy(pub, &r.Leaves[i])
			all = append(all, lack{leaf, leaf.lacks()})
		}
	}
	return slices.DeleteFunc(all, func(l lack) bool { return l.why == "" })
}

// Refused returns why Postgres refuses the application's UPDATE and DELETE on the relation, or on one
// of its partitions, if a publication sends them. nil is a publication that this tool makes. The
// result is empty if the statements keep working.
func (r *Relation) Refused(pub *PublicationInfo) (why Reason) {
	for _, l := range r.lacks(pub) {
		if !r.Partitioned || l.table != r.Name {
			why = cmp.Or(why, l.refused())
		}
	}
	return why
}

// NotSent returns why a publication cannot send updates and deletes of the relation although it has an
// identity: generated columns, a row filter, a column list. fix is the SQL that changes it. Both are
// empty if there is no such reason.
func (r *Relation) NotSent(pub *PublicationInfo) (why, fix string) {
	for _, l := range r.lacks(pub) {
		if l.why == NoIdentity {
			continue
		}
		why = string(l.why)
		if l.why == NotGenerated {
			unsent := l.unsent()
			i := slices.IndexFunc(unsent, func(c string) bool { return slices.Contains(l.identity.Columns, c) })
			why = fmt.Sprintf("its replica identity has the generated column %q, which is not sent", unsent[max(i, 0)])
		}
		if l.table != r.Name {
			why = fmt.Sprintf("of its partition %s: %s", l.table, why)
		}
		return why, l.fix()
	}
	return "", ""
}

// IdentityFix is the SQL that gives the relation an identity with which a publication can send its
// updates and deletes.
func (r *Relation) IdentityFix(pub *PublicationInfo) string {
	h := r.heldBy(pub, nil)
	return h.fix()
}

// LeafFix is the SQL that gives a leaf an identity: the whole row, if that can be sent.
func (r *Relation) LeafFix(pub *PublicationInfo, leaf *Leaf) string {
	h := r.heldBy(pub, leaf)
	full := h
	if full.identity = (schema.Identity{Kind: schema.IdentityFull}); full.lacks() == "" {
		return "ALTER TABLE " + leaf.Name.SQL() + " REPLICA IDENTITY FULL;"
	}
	return h.fix()
}

// CanPublishUpdates reports whether a publication can send updates and deletes of the relation. nil is
// a publication that this tool makes. Two things must hold. The application's own statements keep
// working. And the changes identify the row: the relation's identity is usable and sent, and the old
// row that a leaf sends by its own identity identifies as much.
func (r *Relation) CanPublishUpdates(pub *PublicationInfo) bool {
	return len(r.lacks(pub)) == 0 && !slices.ContainsFunc(r.Leaves, r.tellsLess)
}
