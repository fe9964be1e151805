package translate

import (
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// view translates a view's query in the space that it was made in.
func (t relations) view(v Table) (Result, error) {
	if t.views++; t.views > 50 {
		return Result{}, sparksql.Errorf("54K00", "VIEW_EXCEED_MAX_NESTED_DEPTH",
			"The depth of view %s exceeds the maximum view resolution depth.", sparksql.QuoteName([]string{v.Catalog, v.Schema, v.Name}))
	}
	space := t.space
	defer func() { t.space = space; t.views-- }()
	t.space = Space{v.Catalog, v.Schema, v.Session}
	q, err := t.query(v.View, nil)
	if err != nil {
		return q, err
	}
	return t.bound(v, q)
}

// bound brings a view's query to the columns that the view was made with, which
// it finds by their names. Further ones, which a * brings, are left out.
func (t relations) bound(v Table, q Result) (Result, error) {
	alias := t.fresh("r")
	given := t.fields(alias, q.Columns, true)
	out, list := make([]Column, len(v.Columns)), make([]string, len(v.Columns))
	same := len(q.Columns) == len(v.Columns)
	seen := map[string]int{}
	for i, c := range v.Columns {
		name := strings.ToLower(v.Selected[i])
		at := nth(q.Columns, name, seen[name])
		seen[name]++
		if at < 0 {
			return q, sparksql.Errorf("51024", "INCOMPATIBLE_VIEW_SCHEMA_CHANGE",
				"The SQL query of view %s has an incompatible schema change and column %s cannot be resolved.",
				sparksql.QuoteName([]string{v.Catalog, v.Schema, v.Name}), sparksql.QuoteSpark(v.Selected[i]))
		}
		x, now := given[at].val, q.Columns[at].Type
		if v.Binding != sparksql.TypeEvolution && !now.Equal(c.Type) {
			wider, ok := common(now, c.Type)
			if v.Binding == sparksql.Binding && (!ok || !wider.Equal(c.Type)) {
				return q, sparksql.Errorf("42846", "CANNOT_UP_CAST_DATATYPE", "Cannot up cast %s from \"%s\" to \"%s\".",
					c.Name, now.SQL(), c.Type.SQL())
			}
			var err error
			if x, err = t.types.cast(x, c.Type, false); err != nil {
				return q, err
			}
			same, now = false, c.Type
		}
		same = same && at == i
		out[i], list[i] = Column{c.Name, now}, x.sql+" AS "+quote("c"+itoa(i))
	}
	q.Columns = out
	if !same {
		q.SQL = "SELECT " + strings.Join(list, ", ") + " FROM (" + q.SQL + ") AS " + quote(alias) + columnList(make([]Column, len(given)))
	}
	return q, nil
}

// nth is the place of the column that is n-th, from 0, among those of a name.
func nth(cols []Column, name string, n int) int {
	for i, c := range cols {
		if strings.ToLower(c.Name) != name {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return -1
}
