package postgres

import (
	"context"
	"slices"
)

// Partitioned reports whether a relation is a partitioned table, with one query of the catalog. A
// missing relation is not.
func (c *Catalog) Partitioned(ctx context.Context, oid uint32) (bool, error) {
	var yes bool
	err := c.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class WHERE oid = $1 AND relkind = 'p')`, oid).Scan(&yes)
	return yes, Error("read the catalog", err)
}

// Root is the OID of the table that a relation is a partition of, at any level; 0 if it is no
// partition.
func (c *Catalog) Root(ctx context.Context, oid uint32) (uint32, error) {
	var root uint32
	err := c.conn.QueryRow(ctx, `SELECT coalesce((SELECT pg_partition_root(c.oid)::oid FROM pg_class c
		WHERE c.oid = $1 AND c.relispartition), 0)`, oid).Scan(&root)
	return root, Error("read the catalog's partitions", err)
}

// LeafOIDs lists the OIDs of leaves, ascending.
func LeafOIDs(leaves []Leaf) []uint32 {
	oids := make([]uint32, len(leaves))
	for i, l := range leaves {
		oids[i] = l.OID
	}
	slices.Sort(oids)
	return oids
}

// Files returns the relfilenodes of leaves by their OIDs.
func Files(leaves []Leaf) map[uint32]uint32 {
	files := make(map[uint32]uint32, len(leaves))
	for _, l := range leaves {
		files[l.OID] = l.File
	}
	return files
}

// Files reads the relfilenodes of a relation's leaves; none if it is gone.
func (c *Catalog) Files(ctx context.Context, oid uint32) (map[uint32]uint32, error) {
	byOID := map[uint32]*Relation{oid: {}}
	err := c.fillLeaves(ctx, byOID, []uint32{oid}, false)
	return Files(byOID[oid].Leaves), err
}

// Arrived returns the leaves that are not in known: those that were created empty, as partitions, and
// those that came with rows, or may have. A leaf that was attached together with known leaves does not
// count as new.
func (r *Relation) Arrived(known []uint32) (made, attached []Leaf) {
	news := map[uint32]bool{}
	for _, l := range r.Leaves {
		for _, oid := range l.Attached {
			news[oid] = true
		}
	}
	for _, l := range r.Leaves {
		if slices.Contains(known, l.OID) {
			for _, oid := range l.Attached {
				news[oid] = false
			}
		}
	}
	for _, l := range r.Leaves {
		switch {
		case slices.Contains(known, l.OID):
		case slices.ContainsFunc(l.Attached, func(oid uint32) bool { return news[oid] }):
			attached = append(attached, l)
		default:
			made = append(made, l)
		}
	}
	return made, attached
}
