package load

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/load/bronze"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Changes can be staged while a table's newest snapshot is being taken. Their
// segments have the columns of the snapshot before it. A load casts them to the
// table's present types. A value that the cast cannot convert stays in
// _rescued, as the source's text. A value that only the new type can hold is
// moved out of _rescued.

// layout tracks a table's columns while its steps are processed.
type layout struct {
	snapshot *ledger.Done
	now      map[string]schema.Column // by their names in the target
}

func newLayout(d *ledger.Done) layout {
	l := layout{snapshot: d, now: map[string]schema.Column{}}
	l.follow(d.Columns)
	return l
}

// follow adds the columns of a part that was staged against the snapshot.
func (l layout) follow(columns []schema.Column) {
	for _, c := range columns {
		l.now[c.Target()] = c
	}
}

// fit returns the columns of an older part as the table has them. The error
// says why its rows must not be loaded.
func (l layout) fit(table schema.TableName, part *ledger.TableChanges) ([]schema.Column, error) {
	columns := slices.Clone(part.Columns)
	for i, c := range part.Columns {
		if !l.treatsAlike(c) {
			return nil, failure.New(failure.Tables, "%s: column %q was staged, beside the full load of entry %d, by a run that has another mask, "+
				"exclusion or name for it", table, c.Name, l.snapshot.Begin).
				WithHint("end runs that have another configuration, then `ingest full-load --tables %s`", table.Argument())
		}
		if now, ok := l.now[c.Target()]; ok {
			columns[i] = now
		}
	}
	return columns, nil
}

// treatsAlike reports whether the snapshot hides and names a column as a part
// does.
func (l layout) treatsAlike(c schema.Column) bool {
	i := slices.IndexFunc(l.snapshot.Columns, func(k schema.Column) bool { return k.Name == c.Name })
	if i < 0 {
		return !l.snapshot.Has(c.Name)
	}
	k := l.snapshot.Columns[i]
	return k.Mask.Equal(c.Mask) && k.Renamed == c.Renamed
}

// recast returns the expressions of columns whose type in the files differs
// from the table's, by the columns' places. It also returns the expression of
// _rescued. If there is no such column, it returns none and "".
func recast(written, columns []schema.Column) (values map[int]string, rescued string) {
	members, texts := make([]string, len(columns)), make([]string, len(columns))
	for i, to := range columns {
		texts[i] = databricks.RescuedText(to.Target())
		if from := written[i]; !from.Type.Equal(to.Type) {
			if values == nil {
				values = map[int]string{}
			}
			values[i], texts[i] = converted(from, to)
		}
		members[i] = databricks.RescuedMember(to.Target(), texts[i])
	}
	if values == nil {
		return nil, ""
	}
	return values, "CASE WHEN coalesce(" + strings.Join(texts, ", ") + ", NULL) IS NOT NULL THEN concat('{', concat_ws(',', " +
		strings.Join(members, ", ") + "), '}') END"
}

// converted returns two expressions for one value: the value in the table's
// type, and the text to rescue instead. A text is read as the new type only if
// it is in the format of the source type that the table's type comes from.
func converted(from, to schema.Column) (value, rescued string) {
	name := databricks.Quote(from.Target())
	text := "CASE WHEN " + name + " IS NULL THEN " + databricks.RescuedText(from.Target()) + " ELSE " + textOf(name, from.Type) + " END"
	null := databricks.Null(to.Type)
	switch {
	case from.Postgres.OID != to.Postgres.OID || from.Postgres.Typmod != to.Postgres.Typmod:
		value = null
	case from.Type.Kind == schema.List && to.Type.Kind == schema.List:
		value = "CAST(" + name + " AS " + to.Type.String() + ")"
	default:
		value = bronze.Parsed(text, to.Type)
	}
	return value, "CASE WHEN " + value + " IS NULL THEN " + text + " END"
}

// textOf is the source's text of a value in a file. Staging stores values of
// another type only if this gives the text back.
func textOf(name string, t schema.Type) string {
	switch {
	case t.File().Kind == schema.String:
		return name
	case t.Nested(), t.Kind == schema.Binary:
		return "CAST(NULL AS STRING)"
	}
	return "CAST(" + name + " AS STRING)"
}
