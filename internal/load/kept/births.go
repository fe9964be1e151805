package kept

import (
	"slices"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/schema"
)

// births are the births of some columns of a log, as its target has them. They
// say which values the table has to get for rows from before a birth.
type births struct {
	table *Table
	of    map[string][]fold.Birth // by the column's name in the target, oldest first
}

// births reads the births of columns from the ledger's state.
func (k *Table) births(columns []schema.Column) *births {
	return &births{k, byColumn(fold.BirthsOf(k.log.State, columns, k.log.Columns.Has))}
}

func byColumn(all []fold.Birth) map[string][]fold.Birth {
	of := map[string][]fold.Birth{}
	for _, b := range all {
		of[b.Column] = append(of[b.Column], b)
	}
	return of
}

// next is the first birth of a column that the table does not contain yet. It
// says what the column was at the table's position.
func (b *births) next(c schema.Column) *fold.Birth {
	for i, one := range b.of[c.Target()] {
		if one.Open || one.Entry > b.table.at.Entry {
			return &b.of[c.Target()][i]
		}
	}
	return nil
}

// value is the value that existing rows have in a column that is new to the
// table. It applies to columns that the log reads with a value from before
// their birth. ok reports whether there is such a value.
func (b *births) value(c schema.Column) (value, text string, ok bool) {
	has, all := b.table.types.Has, b.of[c.Target()]
	if next := b.next(c); next != nil && (next.From == "" || has(next.From)) {
		all = []fold.Birth{*next}
	}
	for _, one := range slices.Backward(all) {
		switch {
		case one.From == "":
			value, text = one.Value, "CAST(NULL AS STRING)"
			if value == "" {
				value = databricks.Null(c.Type)
			}
			if one.Rescued != nil {
				text = databricks.Literal(*one.Rescued)
			}
		case has(one.From):
			value, text = databricks.Quote(one.From), databricks.RescuedText(one.From)
		default: // the table never had this name: an older birth decides
			continue
		}
		return "CAST(" + value + " AS " + c.Type.String() + ")", text, true
	}
	return "", "", false
}

// again reports whether the table has a column under the name of a former
// column, and not yet the new column's values. Example: a column was renamed
// and renamed back.
func (b *births) again(c schema.Column) bool {
	next := b.next(c)
	return next != nil && !next.Open && b.lacks(c, next)
}

// lacks reports whether the table can get the column's values from before a
// birth, and has not got them yet.
func (b *births) lacks(c schema.Column, birth *fold.Birth) bool {
	return birth.From != c.Target() && (birth.From == "" || b.table.types.Has(birth.From)) && !slices.Contains(b.table.reborn, c.Target())
}

// unborn lists the columns that a log never got before it ended, although
// existing rows have values in them: a column was added with a default, or
// renamed, and no row has changed since. The view of the history shows these
// values. The full load that ends the log would take them for changes.
func (k *Table) unborn() (*births, []schema.Column) {
	if !k.ends || k.Kind != History || k.log.State.Ahead == nil {
		return nil, nil
	}
	births := k.births(k.log.State.Newest())
	return births, slices.DeleteFunc(slices.Clone(k.log.State.Newest()), func(c schema.Column) bool {
		next := births.next(c)
		return next == nil || !next.Open || !births.lacks(c, next)
	})
}

// former lists the births of a column that the source no longer has under
// its name, up to the birth of that name.
func (b *births) former(c schema.Column) []fold.Birth {
	log := b.table.log
	births := fold.BirthsOf(log.State, []schema.Column{c}, log.Columns.Has)
	n := 0
	for i, one := range log.State.Births(c.Number) {
		if one.Birth.Column == c.Name {
			n = i + 1
		}
	}
	return births[:min(n, len(births))]
}
