package stage

import (
	"context"
	"fmt"
	"slices"

	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// A column that the configuration hides may be renamed in the source. The
// configuration has no option for the new name. Its values must not be shown.
// So the table's changes are skipped from there on, and the table needs a full
// load with the option in place.

// uncovered returns which hidden column the message may contain under another
// name and in clear text, or "" if there is none.
func (b *binding) uncovered(ctx context.Context) (string, error) {
	t := b.state.Tables[b.table]
	if !b.state.Current(t) {
		return "", nil
	}
	here := columnNames(b.message)
	fresh := slices.DeleteFunc(slices.Clone(here), func(column string) bool {
		return t.Snapshot.Has(column) || !treatmentOf(hidesOf(b.rules, []string{column}), column).clear()
	})
	if len(fresh) == 0 || len(hiddenAndGone(t.Snapshot, here)) == 0 {
		return "", nil
	}
	attributes, err := b.catalog.Attributes(ctx, b.message.ID)
	if err != nil {
		return "", err
	}
	for _, column := range fresh {
		if hidden := hiddenUnder(t.Snapshot, column, attributes, here); hidden != "" {
			return fmt.Sprintf("column %q may be %s under another name: changes are skipped until the configuration has an option for it",
				column, hidden), nil
		}
	}
	return "", nil
}

// hiddenAndGone lists the columns that the snapshot hides and that the source
// no longer has.
func hiddenAndGone(d *ledger.Done, here []string) []string {
	hidden := slices.Clone(d.Excluded)
	for _, c := range d.Columns {
		if c.Mask != nil {
			hidden = append(hidden, c.Name)
		}
	}
	return slices.DeleteFunc(hidden, func(name string) bool { return slices.Contains(here, name) })
}

// hiddenUnder returns the hidden column that a new column was before, as far as
// the catalog shows. A column that no longer exists may have been any of them.
func hiddenUnder(d *ledger.Done, column string, attributes postgres.Attributes, here []string) string {
	attribute, there := attributes.Columns[column]
	for _, c := range d.Columns {
		if there && c.Number == attribute.Number {
			if c.Mask != nil {
				return fmt.Sprintf("%q, which is masked,", c.Name)
			}
			return ""
		}
	}
	if !there || LeftOut(d, column, attribute.Number, nil) {
		return fmt.Sprintf("one of the hidden columns %q", hiddenAndGone(d, here))
	}
	return ""
}

// LeftOut reports whether a column that the snapshot does not name was one of
// its excluded columns. The column's number shows that it existed then. here
// are the table's columns, or nil if one of the excluded columns is known to be
// gone.
func LeftOut(d *ledger.Done, column string, number int16, here []schema.Column) bool {
	if len(d.Excluded) == 0 || d.Has(column) || number > d.Highest ||
		slices.ContainsFunc(d.Columns, func(c schema.Column) bool { return c.Number == number }) {
		return false
	}
	return slices.ContainsFunc(d.Excluded, func(name string) bool {
		return !slices.ContainsFunc(here, func(c schema.Column) bool { return c.Name == name })
	})
}

// RenamedTo maps the snapshot's column names to their current names in the
// source, for columns that were renamed. here are the current columns.
func RenamedTo(d *ledger.Done, here []schema.Column) map[string]string {
	renamed := map[string]string{}
	for _, was := range d.Columns {
		i := slices.IndexFunc(here, func(c schema.Column) bool { return c.Number == was.Number })
		if i >= 0 && was.Number > 0 && here[i].Name != was.Name {
			renamed[was.Name] = here[i].Name
		}
	}
	return renamed
}
