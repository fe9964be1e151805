package load

import (
	"context"
	"slices"
	"strings"

	"ingest/internal/databricks"
	"ingest/internal/fold"
	"ingest/internal/schema"
)

// restated rebuilds the table if it needs other types, or new columns that have
// values in existing rows. done says that no rebuild was needed.
func (k *kept) restated(ctx context.Context) (done bool, err error) {
	var other []databricks.TargetColumn
	var born []schema.Column
	for _, c := range k.w.state.Columns {
		have, ok := k.types[schema.FoldCase(c.Target())]
		_, _, was := k.born(c)
		switch {
		case !ok && was && k.w.columns.has(c.Target()), ok && k.bornAgain(c):
			born = append(born, c)
		case ok && k.Kind == KeptHistory && have.Kind != schema.Invalid && !have.Equal(c.Type) && !schema.Widens(c.Type, have):
			other = append(other, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(other)+len(born) == 0 || k.Kind == KeptCurrent && (k.rebuild || k.at.Snapshot != k.target().Snapshot) { // it is replaced anyway
		return true, nil
	}
	return false, k.bear(ctx, other, born)
}

// bear rebuilds the table with other column types and with new columns.
func (k *kept) bear(ctx context.Context, other []databricks.TargetColumn, born []schema.Column) error {
	if !k.known { // the position is needed to detect a late statement
		return nil
	}
	if err := k.restate(ctx, other, born); err != nil {
		return err
	}
	for _, c := range born {
		k.reborn = append(k.reborn, c.Target())
	}
	return nil
}

// unborn lists the columns that a log never got before it ended, although
// existing rows have values in them: a column was added with a default, or
// renamed, and no row has changed since. The view of the history shows these
// values. The full load that ends the log would take them for changes.
func (k *kept) unborn() []schema.Column {
	if !k.w.finished || k.Kind != KeptHistory || k.w.state.Ahead == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(k.w.state.Newest()), func(c schema.Column) bool {
		next := k.nextBirth(fold.BirthsOf(k.w.state, []schema.Column{c}, k.w.columns.has))
		return next == nil || !next.Open || next.From == c.Target() || next.From != "" && !k.types.has(next.From) || slices.Contains(k.reborn, c.Target())
	})
}

// born is the value that existing rows have in a column that is new to the
// table. It applies to columns that the log reads with a value from before
// their birth. ok reports whether there is such a value.
func (k *kept) born(c schema.Column) (value, text string, ok bool) {
	births := fold.BirthsOf(k.w.state, []schema.Column{c}, k.w.columns.has)
	if next := k.nextBirth(births); next != nil && (next.From == "" || k.types.has(next.From)) {
		births = []fold.Birth{*next}
	}
	for _, b := range slices.Backward(births) {
		switch {
		case b.From == "":
			value, text = b.Value, "CAST(NULL AS STRING)"
			if value == "" {
				value = databricks.Null(c.Type)
			}
			if b.Rescued != nil {
				text = databricks.Literal(*b.Rescued)
			}
		case k.types.has(b.From):
			value, text = databricks.Quote(b.From), databricks.RescuedText(b.From)
		default: // the table never had this name: an older birth decides
			continue
		}
		return "CAST(" + value + " AS " + c.Type.String() + ")", text, true
	}
	return "", "", false
}

// nextBirth is the first birth that the table does not contain yet. It says
// what the column was at the table's position.
func (k *kept) nextBirth(births []fold.Birth) *fold.Birth {
	for i, b := range births {
		if b.Open || b.Entry > k.at.Entry {
			return &births[i]
		}
	}
	return nil
}

// bornAgain reports whether the table has a column under the name of a former
// column, and not yet the new column's values. Example: a column was renamed
// and renamed back.
func (k *kept) bornAgain(c schema.Column) bool {
	next := k.nextBirth(fold.BirthsOf(k.w.state, []schema.Column{c}, k.w.columns.has))
	return next != nil && !next.Open && next.From != c.Target() && (next.From == "" || k.types.has(next.From)) && !slices.Contains(k.reborn, c.Target())
}

// textOfStored is the source's text of a value in a table, as far as the value
// determines it.
func textOfStored(name string, t schema.Type) string {
	switch {
	case t.Kind == schema.String:
		return name
	case t.Kind == schema.Variant, t.Nested():
		return "to_json(" + name + ")"
	case t.Kind == schema.Binary:
		return "concat(" + databricks.Literal(`\x`) + ", lower(hex(" + name + ")))"
	}
	return "CAST(" + name + " AS STRING)"
}

// restate rebuilds the table in one commit, with other column types and with
// columns that existing rows have from before their birth. All rows and the
// position stay. A value that the new type cannot hold is kept as a text in
// _rescued.
func (k *kept) restate(ctx context.Context, to []databricks.TargetColumn, born []schema.Column) error {
	types := columnTypes{}
	types.add(to)
	var columns []databricks.TargetColumn
	var values, members []string
	add := func(name string, t schema.Type, value, text string) {
		columns = append(columns, databricks.TargetColumn{Name: name, Type: t})
		values = append(values, "CASE WHEN `_op` <> 'position' THEN "+value+" END AS "+databricks.Quote(name))
		members = append(members, databricks.RescuedMember(name, "CASE WHEN `_op` <> 'position' THEN "+text+" END"))
	}
	again := columnTypes{}
	again.add(targetColumns(born))
	for _, c := range k.columns {
		name := schema.FoldCase(c.Name)
		if again.has(c.Name) {
			continue
		}
		value, text := databricks.Quote(c.Name), databricks.RescuedText(c.Name)
		if next, ok := types[name]; ok {
			old := "CASE WHEN " + value + " IS NULL THEN " + text + " ELSE " + textOfStored(value, k.types[name]) + " END"
			value = parsed(old, next)
			add(c.Name, next, value, "CASE WHEN "+value+" IS NULL THEN "+old+" END")
		} else if !schema.IsMeta(c.Name) && !fold.IsColumn(c.Name) {
			add(c.Name, k.types[name], value, text)
		}
	}
	for _, c := range born {
		value, text, _ := k.born(c)
		add(c.Target(), c.Type, value, text)
	}
	for _, c := range k.columns {
		switch {
		case c.Name == schema.MetaRescued:
			values = append(values, "nullif(concat('{', concat_ws(',', "+strings.Join(members, ", ")+"), '}'), '{}') AS "+databricks.Quote(c.Name))
		case schema.IsMeta(c.Name), fold.IsColumn(c.Name):
			values = append(values, databricks.Quote(c.Name))
		default:
			continue
		}
		columns = append(columns, databricks.TargetColumn{Name: c.Name, Type: k.types[schema.FoldCase(c.Name)]})
	}
	f := k.fold()
	if err := k.send(ctx, databricks.CreateTableAs(k.Data, columns, f.Restate(values, k.at), k.options(f)), "restate"); err != nil {
		return err
	}
	if k.dry != nil { // the statement that advances it follows
		k.types.add(columns)
		k.stays = true
		return nil
	}
	return k.look(ctx)
}
