package ledger

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Key lists the columns that identify the table's rows in its log. They are the
// columns of the identity. Under FULL and NOTHING they are the columns of the
// primary key. Key is empty if there is no such key, or if one of its columns
// was not staged. Such a table is a multiset.
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

// KeyChange reports that the table's key differs from that of its snapshot. It
// ignores the order of the columns. It returns "" if the key is the same.
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
