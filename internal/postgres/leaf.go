package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Partitioned says whether a relation is a partitioned table, by one look at the
// catalog. One that is gone is not.
func (s *Source) Partitioned(ctx context.Context, conn *pgx.Conn, oid uint32) (bool, error) {
	var yes bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class WHERE oid = $1 AND relkind = 'p')`, oid).Scan(&yes)
	return yes, Error("read the catalog", err)
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

// Arrived gives the leaves that are not among those known: those that were made
// empty, as partitions, and those that brought rows along, or may have. What was
// attached with leaves that are known is no news.
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
