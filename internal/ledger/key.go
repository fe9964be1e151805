package ledger

import (
	"slices"
	"strings"

	"ingest/internal/schema"
)

// Key lists the columns that tell the rows of the table apart in its log: those
// of the identity, and under FULL and NOTHING those of the primary key. It is
// empty where there are none, or where a column of the key was not staged; such
// a table is a multiset.
func (d *Done) Key() []string {
	key := d.PrimaryKey
	if d.Identity.Kind == schema.IdentityDefault || d.Identity.Kind == schema.IdentityIndex {
		key = d.Identity.Columns
	}
	for _, name := range key {
		if !slices.ContainsFunc(d.Columns, func(c schema.Column) bool { return c.Name == name }) {
			return nil
		}
	}
	return key
}

// KeyChange says that the table's key is another one than that of its
// snapshot, whose order does not matter; "" if it is the same.
func (d *Done) KeyChange(now []string) string {
	was := d.Key()
	if slices.Equal(slices.Sorted(slices.Values(was)), slices.Sorted(slices.Values(now))) {
		return ""
	}
	return "its key changed from " + list(was) + " to " + list(now)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "(" + strings.Join(names, ", ") + ")"
}
