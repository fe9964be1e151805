package translate

import (
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// SelectFrom translates a SELECT list over one relation; its column unlisted, if
// any, can be named but is not part of *.
func (t *Translator) SelectFrom(items []sparksql.Item, table Table, unlisted string) (Result, error) {
	from, rels, err := t.relations.tableRel(table, sparksql.Alias{})
	if err != nil {
		return Result{}, err
	}
	for i := range rels[0].cols {
		if rels[0].cols[i].name == unlisted {
			rels[0].cols[i].unlisted = true
		}
	}
	vals, cols, err := t.items(items, &scope{rels: rels, aliases: map[string]value{}})
	if err != nil {
		return Result{}, err
	}
	list := make([]string, len(vals))
	for i, v := range vals {
		list[i] = v.sql + " AS " + quote(cols[i].Name)
	}
	return Result{SQL: "SELECT " + strings.Join(list, ", ") + " FROM " + from, Columns: cols}, nil
}

// The tables that a change of rows goes through, one of each in a connection, and the
// name of the column that says which row of the table is meant.
const (
	SourceRows = `temp.main."__workspace_source"`  // MERGE's source, as c0, c1, …
	Candidates = `temp.main."__workspace_keys"`    // (RowID, columns), rows that MERGE's condition may hold for
	Changes    = `temp.main."__workspace_changes"` // (RowID, source row, number of the clause)
	AddedRows  = `temp.main."__workspace_added"`   // rows that others added since the statement came, with RowID
	RowID      = `"__workspace_row"`
)

// Where is FROM and WHERE of a query for the rows of a table that meet a condition.
func (t *Translator) Where(target Table, a sparksql.Alias, where sparksql.Expr) (string, error) {
	from, rels, err := t.relations.tableRel(target, a)
	if err != nil {
		return "", err
	}
	cond, err := t.condition(where, &scope{rels: rels})
	if cond != "" {
		cond = " WHERE " + cond
	}
	return "FROM " + from + cond, err
}

// Delete translates DELETE FROM target WHERE … to a query for the rows' RowID, which
// the target's relation has.
func (t *Translator) Delete(target Table, a sparksql.Alias, where sparksql.Expr) (string, error) {
	from, err := t.Where(target, a, where)
	return "SELECT " + RowID + " " + from, err
}

// Update translates UPDATE target SET … WHERE … to a query for the rows' RowID, and
// one that makes the new rows from the rows of Changes. The latter takes a condition on
// RowID that they meet, or nothing.
func (t *Translator) Update(target Table, a sparksql.Alias, set []sparksql.Assignment, where sparksql.Expr) (find string,
	values func(narrow string) string, err error) {
	if find, err = t.Delete(target, a, where); err != nil {
		return "", nil, err
	}
	target.SQL = ""
	alias, rels, err := t.relations.tableRel(target, a)
	if err != nil {
		return "", nil, err
	}
	list, err := t.assignments(set, rels[0], &scope{rels: rels})
	return find, func(narrow string) string {
		return "SELECT " + list + " FROM " + changedRows(target, "clause > 0", narrow) + alias
	}, err
}

// changedRows are the rows of a target that Changes has under a condition.
func changedRows(target Table, condition, narrow string) string {
	return "(FROM " + target.Stored + " WHERE " + RowID + " IN (SELECT " + RowID + " FROM " + Changes + " WHERE " + condition + ")" + narrow + ")"
}

// assignments translates SET to a whole row of the target: what is on the left belongs
// to the target, whose other columns stay as they are.
func (t *Translator) assignments(set []sparksql.Assignment, target *rel, s *scope) (string, error) {
	given := map[string]string{}
	for _, a := range set {
		f, err := targetColumn(target, a.Column)
		if err != nil {
			return "", err
		}
		if given[f.name] != "" {
			return "", sparksql.Errorf("42701", "DELTA_CONFLICT_SET_COLUMN", "There is a conflict from these SET columns: %s.",
				sparksql.QuoteSpark(f.name))
		}
		v := value{sql: "NULL"}
		if a.Value != nil {
			if v, err = t.expr(a.Value, s); err != nil {
				return "", err
			}
		}
		if v, err = t.types.assign(v, Column{f.name, f.val.typ}); err != nil {
			return "", err
		}
		given[f.name] = v.sql
	}
	parts := make([]string, len(target.cols))
	for i, f := range target.cols {
		if parts[i] = given[f.name]; parts[i] == "" {
			parts[i] = f.val.sql
		}
	}
	return strings.Join(parts, ", "), nil
}

func targetColumn(target *rel, name []string) (field, error) {
	if target.answersTo(name[:len(name)-1]) {
		for _, f := range target.cols {
			if strings.EqualFold(f.name, name[len(name)-1]) {
				return f, nil
			}
		}
	}
	return field{}, (&scope{rels: []*rel{target}}).unresolved(name)
}

// store casts a value to the column that it is stored in, if that may be.
func (t caster) store(v value, to Column) (value, error) {
	if !Assignable(v.typ, to.Type) {
		return v, sparksql.Errorf("KD000", "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST", "Cannot write incompatible data for the table: "+
			"Cannot safely cast %s \"%s\" to \"%s\".", sparksql.QuoteSpark(to.Name), v.typ.SQL(), to.Type.SQL())
	}
	return t.assign(v, to)
}

// assign casts a value as SET does in UPDATE and MERGE: whatever may be cast may be set.
func (t caster) assign(v value, to Column) (value, error) {
	if to.Type.Kind == sparksql.StringType && to.Type.Length > 0 && !v.typ.Equal(to.Type) {
		return t.storeLength(v, to)
	}
	return t.cast(v, to.Type, false)
}

// storeLength refuses text that VARCHAR(n) or CHAR(n) has no room for, where a cast
// would cut it.
func (t caster) storeLength(v value, to Column) (value, error) {
	text, err := t.cast(v, sparksql.String, false)
	if err != nil {
		return v, err
	}
	fit, err := t.cast(text, to.Type, false)
	return value{typ: to.Type, sql: "CASE WHEN length(" + text.sql + ") > " + itoa(to.Type.Length) +
		" THEN error('[EXCEED_LIMIT_LENGTH] Exceeds char/varchar type length limitation: " + itoa(to.Type.Length) +
		".') ELSE " + fit.sql + " END"}, err
}

// Store casts a query's columns to the columns that they are stored in, in order.
func (t *Translator) Store(r Result, to []Column) (string, error) {
	alias := t.fresh("r")
	out := make([]string, len(to))
	for i, f := range t.relations.fields(alias, r.Columns, true) {
		v, err := t.types.store(f.val, to[i])
		if err != nil {
			return "", err
		}
		out[i] = v.sql + " AS " + quote(to[i].Name)
	}
	return "SELECT " + strings.Join(out, ", ") + " FROM (" + r.SQL + ") AS " + quote(alias) + columnList(r.Columns), nil
}
