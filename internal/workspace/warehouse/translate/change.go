//go:build cgo

package translate

import (
	"strings"

	"ingest/internal/workspace/warehouse/sparksql"
)

// SelectFrom translates a SELECT list over one relation; its column unlisted, if
// any, can be named but is not part of *.
func (t *Translator) SelectFrom(items []sparksql.Item, table Table, unlisted string) (Result, error) {
	from, rels, err := t.tableRel(table, sparksql.Alias{})
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

// Delete translates DELETE FROM target WHERE ….
func (t *Translator) Delete(target Table, a sparksql.Alias, where sparksql.Expr) (string, error) {
	from, rels, err := t.tableRel(target, a)
	if err != nil {
		return "", err
	}
	cond, err := t.condition(where, &scope{rels: rels})
	if cond != "" {
		cond = " WHERE " + cond
	}
	return "DELETE FROM " + from + cond, err
}

// Update translates UPDATE target SET … WHERE ….
func (t *Translator) Update(target Table, a sparksql.Alias, set []sparksql.Assignment, where sparksql.Expr) (string, error) {
	from, rels, err := t.tableRel(target, a)
	if err != nil {
		return "", err
	}
	s := &scope{rels: rels}
	list, err := t.assignments(set, rels[0], s)
	if err != nil {
		return "", err
	}
	cond, err := t.condition(where, s)
	if cond != "" {
		cond = " WHERE " + cond
	}
	return "UPDATE " + from + " SET " + list + cond, err
}

// assignments translates SET; what is on the left belongs to the target.
func (t *Translator) assignments(set []sparksql.Assignment, target *rel, s *scope) (string, error) {
	parts := make([]string, len(set))
	seen := map[string]bool{}
	for i, a := range set {
		f, err := targetColumn(target, a.Column)
		if err != nil {
			return "", err
		}
		key := strings.ToLower(f.name)
		if seen[key] {
			return "", sparksql.Errorf("42701", "DUPLICATE_ASSIGNMENTS", "The columns or variables %s appear more than once as assignment targets.", sparksql.QuoteSpark(f.name))
		}
		seen[key] = true
		v := value{sql: "NULL"}
		if a.Value != nil {
			if v, err = t.expr(a.Value, s); err != nil {
				return "", err
			}
		}
		if v, err = t.store(v, Column{f.name, f.val.typ}); err != nil {
			return "", err
		}
		parts[i] = quote(f.name) + " = " + v.sql
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
func (t *Translator) store(v value, to Column) (value, error) {
	if !Assignable(v.typ, to.Type) {
		return v, sparksql.Errorf("KD000", "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST", "Cannot write incompatible data for the table: Cannot safely cast %s \"%s\" to \"%s\".", sparksql.QuoteSpark(to.Name), v.typ.SQL(), to.Type.SQL())
	}
	if to.Type.Kind == sparksql.StringType && to.Type.Length > 0 && !v.typ.Equal(to.Type) {
		return t.storeLength(v, to)
	}
	return t.cast(v, to.Type, false)
}

// storeLength refuses text that VARCHAR(n) or CHAR(n) has no room for, where a cast
// would cut it.
func (t *Translator) storeLength(v value, to Column) (value, error) {
	text, err := t.cast(v, sparksql.String, false)
	if err != nil {
		return v, err
	}
	fit, err := t.cast(text, to.Type, false)
	return value{typ: to.Type, sql: "CASE WHEN length(" + text.sql + ") > " + itoa(to.Type.Length) +
		" THEN error('[EXCEED_LIMIT_LENGTH] Exceeds char/varchar type length limitation: " + itoa(to.Type.Length) + ".') ELSE " + fit.sql + " END"}, err
}

// Store casts a query's columns to the columns that they are stored in, in order.
func (t *Translator) Store(r Result, to []Column) (string, error) {
	alias := t.fresh("r")
	out := make([]string, len(to))
	for i, f := range t.fields(alias, r.Columns, true) {
		v, err := t.store(f.val, to[i])
		if err != nil {
			return "", err
		}
		out[i] = v.sql + " AS " + quote(to[i].Name)
	}
	return "SELECT " + strings.Join(out, ", ") + " FROM (" + r.SQL + ") AS " + quote(alias) + columnList(r.Columns), nil
}

// Merge is a translated MERGE: the statement, which answers with a row
// (merge_action) for each row changed, and a query that yields a row if a row of
// the target is matched more than once; empty when that cannot matter.
type Merge struct{ Statement, Ambiguous string }

// Merge translates MERGE INTO target.
func (t *Translator) Merge(target Table, m *sparksql.Merge) (Merge, error) {
	into, trels, err := t.tableRel(target, m.Target.Alias)
	if err != nil {
		return Merge{}, err
	}
	using, srels, err := t.relation(m.Source, &scope{})
	if err != nil {
		return Merge{}, err
	}
	both := &scope{rels: append(append([]*rel{}, trels...), srels...)}
	on, err := t.boolean(m.On, both)
	if err != nil {
		return Merge{}, err
	}
	sql := "MERGE INTO " + into + " USING " + using + " ON " + on.sql
	matched, unconditional := false, false
	for _, w := range m.Whens {
		clause, err := t.mergeWhen(w, trels[0], srels, both)
		if err != nil {
			return Merge{}, err
		}
		sql += clause
		if w.Match == "MATCHED" {
			matched = true
			unconditional = unconditional || w.Action == "DELETE" && w.And == nil
		}
	}
	out := Merge{Statement: sql + " RETURNING merge_action"}
	if matched && !unconditional {
		out.Ambiguous = "SELECT 1 FROM " + into + " JOIN " + using + " ON " + on.sql + " GROUP BY " + quote(trels[0].alias) + ".rowid HAVING count(*) > 1 LIMIT 1"
	}
	return out, nil
}

func (t *Translator) mergeWhen(w sparksql.MergeWhen, target *rel, source []*rel, both *scope) (string, error) {
	s := both
	switch w.Match {
	case "NOT MATCHED":
		s = &scope{rels: source}
	case "NOT MATCHED BY SOURCE":
		s = &scope{rels: []*rel{target}}
	}
	sql := " WHEN " + w.Match
	if w.And != nil {
		v, err := t.boolean(w.And, s)
		if err != nil {
			return "", err
		}
		sql += " AND " + v.sql
	}
	sql += " THEN "
	switch {
	case w.Action == "DELETE":
		return sql + "DELETE", nil
	case w.Action == "UPDATE":
		set := w.Set
		if w.All {
			for _, f := range target.cols {
				set = append(set, sparksql.Assignment{Column: []string{f.name}, Value: &sparksql.Name{Parts: []string{f.name}}})
			}
			s = &scope{rels: source}
		}
		list, err := t.assignments(set, target, s)
		return sql + "UPDATE SET " + list, err
	}
	return t.mergeInsert(sql, w, target, source, s)
}

func (t *Translator) mergeInsert(sql string, w sparksql.MergeWhen, target *rel, source []*rel, s *scope) (string, error) {
	names, vals := w.Columns, w.Values
	if w.All || names == nil {
		for _, f := range target.cols {
			names = append(names, f.name)
			if w.All {
				vals = append(vals, &sparksql.Name{Parts: []string{f.name}})
			}
		}
	}
	if len(names) != len(vals) {
		return "", sparksql.Errorf("21S01", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "MERGE inserts %d values into %d columns.", len(vals), len(names))
	}
	cols, list := make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		f, err := targetColumn(target, []string{n})
		if err != nil {
			return "", err
		}
		v, err := t.expr(vals[i], s)
		if err != nil {
			return "", err
		}
		if v, err = t.store(v, Column{f.name, f.val.typ}); err != nil {
			return "", err
		}
		cols[i], list[i] = quote(f.name), v.sql
	}
	return sql + "INSERT (" + strings.Join(cols, ", ") + ") VALUES (" + strings.Join(list, ", ") + ")", nil
}
