package kept

import (
	"context"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/fold"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// restatement rebuilds a table in one commit, with other column types and with
// columns that existing rows have from before their birth. All rows and the
// position stay. A value that the new type cannot hold is kept as a text in
// _rescued.
type restatement struct {
	table  *Table
	births *births
	other  []databricks.TargetColumn // columns with their new types
	born   []schema.Column           // new columns
}

// restated is the rebuild that the table needs, because of other types or of new
// columns that have values in existing rows; nil if it needs none.
func (k *Table) restated(births *births) *restatement {
	r := &restatement{table: k, births: births}
	for _, c := range k.log.State.Columns {
		have, ok := k.types[schema.FoldCase(c.Target())]
		_, _, was := births.value(c)
		switch {
		case !ok && was && k.log.Columns.Has(c.Target()), ok && births.again(c):
			r.born = append(r.born, c)
		case ok && k.Kind == History && have.Kind != schema.Invalid && !have.Equal(c.Type) && !schema.Widens(c.Type, have):
			r.other = append(r.other, databricks.TargetColumn{Name: c.Target(), Type: c.Type})
		}
	}
	if len(r.other)+len(r.born) == 0 || k.Kind == Current && (k.rebuild || k.at.Snapshot != k.target().Snapshot) { // it is replaced anyway
		return nil
	}
	return r
}

// run rebuilds the table.
func (r *restatement) run(ctx context.Context) error {
	if !r.table.known { // the position is needed to detect a late statement
		return nil
	}
	if err := r.send(ctx); err != nil {
		return err
	}
	for _, c := range r.born {
		r.table.reborn = append(r.table.reborn, c.Target())
	}
	return nil
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

// send sends the statement. In a plan, the statement that advances the table
// follows.
func (r *restatement) send(ctx context.Context) error {
	k := r.table
	types := bronze.Types{}
	types.Add(r.other)
	var columns []databricks.TargetColumn
	var values, members []string
	add := func(name string, t schema.Type, value, text string) {
		columns = append(columns, databricks.TargetColumn{Name: name, Type: t})
		values = append(values, "CASE WHEN `_op` <> 'position' THEN "+value+" END AS "+databricks.Quote(name))
		members = append(members, databricks.RescuedMember(name, "CASE WHEN `_op` <> 'position' THEN "+text+" END"))
	}
	again := bronze.Types{}
	again.Add(bronze.Columns(r.born))
	for _, c := range k.columns {
		name := schema.FoldCase(c.Name)
		if again.Has(c.Name) {
			continue
		}
		value, text := databricks.Quote(c.Name), databricks.RescuedText(c.Name)
		if next, ok := types[name]; ok {
			old := "CASE WHEN " + value + " IS NULL THEN " + text + " ELSE " + textOfStored(value, k.types[name]) + " END"
			value = bronze.Parsed(old, next)
			add(c.Name, next, value, "CASE WHEN "+value+" IS NULL THEN "+old+" END")
		} else if !schema.IsMeta(c.Name) && !fold.IsColumn(c.Name) {
			add(c.Name, k.types[name], value, text)
		}
	}
	for _, c := range r.born {
		value, text, _ := r.births.value(c)
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
	f := k.fold(k.births(k.log.State.Columns))
	if err := k.send(ctx, databricks.CreateTableAs(k.Data, columns, f.Restate(values, k.at), k.options(f)), "restate"); err != nil {
		return err
	}
	if k.dry != nil {
		k.types.Add(columns)
		k.stays = true
		return nil
	}
	return k.identify(ctx)
}
