package fold

import (
	"slices"

	"ingest/internal/ledger"
	"ingest/internal/schema"
)

// Key lists the columns that tell the rows of a table apart in its log: those
// of the identity, and under FULL and NOTHING those of the primary key. It is
// empty where there are none, or where a column of the key was not staged; such
// a table is a multiset.
func Key(done *ledger.Done) []string {
	key := done.PrimaryKey
	if done.Identity.Kind == schema.IdentityDefault || done.Identity.Kind == schema.IdentityIndex {
		key = done.Identity.Columns
	}
	for _, name := range key {
		if !slices.ContainsFunc(done.Columns, func(c schema.Column) bool { return c.Name == name }) {
			return nil
		}
	}
	return key
}
