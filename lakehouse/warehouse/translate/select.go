package translate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// selectBody translates one SELECT, with the ORDER BY that follows it.
func (t *Translator) selectBody(b *sparksql.Select, order []sparksql.OrderItem, outer *scope) (Result, []string, error) {
	s := &scope{outer: outer.outer, ctes: outer.ctes, aliases: map[string]value{}}
	from, err := t.relations.from(b.From, s)
	if err != nil {
		return Result{}, nil, err
	}
	// WHERE comes before the aliases are known; it cannot use them.
	where, err := t.condition(b.Where, s)
	if err != nil {
		return Result{}, nil, err
	}
	items, cols, err := t.items(b.Items, s)
	if err != nil {
		return Result{}, nil, err
	}
	group, err := t.groupBy(b, s, items)
	if err != nil {
		return Result{}, nil, err
	}
	having, err := t.condition(b.Having, s)
	if err != nil {
		return Result{}, nil, err
	}
	qualify, err := t.condition(b.Qualify, s)
	if err != nil {
		return Result{}, nil, err
	}
	byAlias := *s
	byAlias.first = true
	orders, err := t.orderBy(order, &byAlias, len(cols))
	if err != nil {
		return Result{}, nil, err
	}
	var sql strings.Builder
	sql.WriteString("SELECT ")
	if b.Distinct {
		sql.WriteString("DISTINCT ")
	}
	list := make([]string, len(items))
	for i, v := range items {
		list[i] = v.sql + " AS " + quote(cols[i].Name)
	}
	sql.WriteString(strings.Join(list, ", ") + from)
	for _, clause := range [...][2]string{{" WHERE ", where}, {" GROUP BY ", group}, {" HAVING ", having}, {" QUALIFY ", qualify}} {
		if clause[1] != "" {
			sql.WriteString(clause[0] + clause[1])
		}
	}
	return Result{SQL: sql.String(), Columns: cols}, orders, nil
}

func (t *Translator) condition(x sparksql.Expr, s *scope) (string, error) {
	if x == nil {
		return "", nil
	}
	v, err := t.expr(x, s)
	if err == nil && v.typ.Kind != sparksql.BooleanType {
		err = sparksql.Errorf("42K09", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
			"Filter expression \"%s\" of type \"%s\" is not a boolean.", Pretty(x), v.typ.SQL())
	}
	return v.sql, err
}

// items translates a SELECT list; each alias is visible to the items after it.
func (t *Translator) items(list []sparksql.Item, s *scope) ([]value, []Column, error) {
	var vals []value
	var cols []Column
	if err := oneGenerator(list); err != nil {
		return nil, nil, err
	}
	for _, item := range list {
		if star, ok := item.X.(*sparksql.Star); ok {
			fields, err := s.expand(star)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range fields {
				vals, cols = append(vals, f.val), append(cols, Column{f.name, f.val.typ})
			}
			continue
		}
		v, name, err := t.item(item.X, s)
		if err != nil {
			return nil, nil, err
		}
		if item.Alias != "" {
			name = item.Alias
			if _, taken := s.aliases[strings.ToLower(name)]; !taken {
				s.aliases[strings.ToLower(name)] = v
			}
		}
		vals, cols = append(vals, v), append(cols, Column{name, v.typ})
	}
	return vals, cols, nil
}

// expand gives the columns of * or t.*.
func (s *scope) expand(star *sparksql.Star) ([]field, error) {
	var out []field
	found := false
	dropped := map[string]bool{}
	for _, r := range s.rels {
		if !r.answersTo(star.Qualifier) {
			continue
		}
		found = true
		for _, f := range r.cols {
			if (f.star || len(star.Qualifier) > 0) && !f.unlisted {
				if excepted(star.Except, f.name) {
					dropped[strings.ToLower(f.name)] = true
					continue
				}
				out = append(out, f)
			}
		}
	}
	for _, name := range star.Except {
		if !dropped[strings.ToLower(name)] && found {
			return nil, s.unresolved([]string{name})
		}
	}
	if !found {
		if len(star.Qualifier) == 0 {
			return nil, sparksql.Errorf("42000", "INVALID_USAGE_OF_STAR_OR_REGEX", "Invalid usage of '*' in expression without FROM.")
		}
		return nil, sparksql.Errorf("42704", "CANNOT_RESOLVE_STAR_EXPAND", "Cannot resolve %s.* given input columns.",
			sparksql.QuoteName(star.Qualifier))
	}
	return out, nil
}

func excepted(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func (t *Translator) groupBy(b *sparksql.Select, s *scope, items []value) (string, error) {
	if b.GroupAll {
		return "ALL", nil
	}
	var out []string
	for _, x := range b.Group {
		if n, ok := ordinal(x); ok {
			if n < 1 || n > len(items) {
				return "", sparksql.Errorf("42805", "GROUP_BY_POS_OUT_OF_RANGE",
					"GROUP BY position %d is not in select list (valid range is [1, %d]).", n, len(items))
			}
			out = append(out, strconv.Itoa(n))
			continue
		}
		v, err := t.expr(x, s)
		if err == nil {
			err = groupable(v)
		}
		if err != nil {
			return "", err
		}
		out = append(out, "("+v.sql+")")
	}
	return strings.Join(out, ", "), nil
}

// groupable refuses values that rows cannot be grouped by: maps, and what holds
// one.
func groupable(v value) error {
	if !holdsMap(v.typ) {
		return nil
	}
	return sparksql.Errorf("42822", "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE",
		"The expression cannot be used as a grouping expression because its data type \"%s\" is not an orderable data type.", v.typ.SQL())
}

func holdsMap(t sparksql.Type) bool {
	return t.Kind == sparksql.MapType || t.Elem != nil && holdsMap(*t.Elem) ||
		slices.ContainsFunc(t.Fields, func(f sparksql.Field) bool { return holdsMap(f.Type) })
}

// from translates FROM and fills the scope with its relations.
func (t relations) from(list []sparksql.Relation, s *scope) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	parts := make([]string, len(list))
	for i, r := range list {
		sql, rels, err := t.relation(r, s)
		if err != nil {
			return "", err
		}
		parts[i] = sql
		s.rels = append(s.rels, rels...)
	}
	return " FROM " + strings.Join(parts, ", "), nil
}

func (t relations) relation(r sparksql.Relation, s *scope) (string, []*rel, error) {
	switch r := r.(type) {
	case *sparksql.TableRef:
		return t.tableRef(r, s)
	case *sparksql.QueryRef:
		q, err := t.query(r.Query, &scope{ctes: s.ctes})
		if err != nil {
			return "", nil, err
		}
		return t.derived(q, nil, r.Alias)
	case *sparksql.FunctionRef:
		return t.tableFunction(r)
	case *sparksql.Join:
		return t.join(r, s)
	}
	return "", nil, sparksql.Unsupported("this form of FROM")
}

// derived is a query as a relation, its columns numbered.
func (t relations) derived(q Result, names []string, a sparksql.Alias) (string, []*rel, error) {
	cols, err := renamed(q.Columns, a.Columns)
	if err != nil {
		return "", nil, err
	}
	if a.As != "" {
		names = []string{a.As}
	}
	alias := t.fresh("r")
	return "(" + q.SQL + ") AS " + quote(alias) +
		columnList(cols), []*rel{{alias: alias, names: names, cols: t.fields(alias, cols, true)}}, nil
}

func (t relations) tableRef(r *sparksql.TableRef, s *scope) (string, []*rel, error) {
	if len(r.Name) == 1 && r.Version == nil {
		if c, ok := s.ctes.find(r.Name[0]); ok {
			cols, err := renamed(c.Columns, r.Columns)
			if err != nil {
				return "", nil, err
			}
			name := r.As
			if name == "" {
				name = r.Name[0]
			}
			alias := t.fresh("r")
			return c.SQL + " AS " + quote(alias), []*rel{{alias: alias, names: []string{name}, cols: t.fields(alias, cols, true)}}, nil
		}
	}
	version := -1
	if r.Version != nil {
		n, ok := ordinal(r.Version)
		if !ok || n < 0 {
			return "", nil, sparksql.Unsupported("VERSION AS OF anything but a whole number")
		}
		version = n
	}
	table, err := t.ctx.Source.Table(t.space, r.Name, version)
	if err != nil {
		return "", nil, err
	}
	return t.tableRel(table, r.Alias)
}

func (t relations) tableRel(table Table, a sparksql.Alias) (string, []*rel, error) {
	names := []string{table.Catalog, table.Schema, table.Name}
	if table.View != nil {
		q, err := t.view(table)
		if err != nil {
			return "", nil, err
		}
		return t.derived(q, names, a)
	}
	cols, err := renamed(table.Columns, a.Columns)
	if err != nil {
		return "", nil, err
	}
	if a.As != "" {
		names = []string{a.As}
	}
	alias := t.fresh("r")
	fields := t.fields(alias, table.Columns, false)
	for i := range fields {
		fields[i].name = cols[i].Name
	}
	return table.SQL + " AS " + quote(alias), []*rel{{alias: alias, names: names, cols: fields}}, nil
}

func (t relations) tableFunction(r *sparksql.FunctionRef) (string, []*rel, error) {
	c := r.Call
	switch c.Name {
	case "read_files":
		return t.readFiles(r)
	case "range":
		return t.rangeOf(r)
	case "table_changes":
		return t.tableChanges(r)
	}
	return "", nil, unknownTable(c.Name)
}

func (t relations) readFiles(r *sparksql.FunctionRef) (string, []*rel, error) {
	c := r.Call
	if len(c.Args) != 1 {
		return "", nil, sparksql.Errorf("42605", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
			"The `read_files` requires 1 parameters but the actual number is %d.", len(c.Args))
	}
	path, err := t.constant(c.Args[0])
	if err != nil {
		return "", nil, err
	}
	options := map[string]string{}
	for k, x := range c.Named {
		if options[k], err = t.constant(x); err != nil {
			return "", nil, err
		}
	}
	table, err := t.ctx.Source.Files(path, options)
	if err != nil {
		return "", nil, err
	}
	return t.tableRel(table, r.Alias)
}

// tableChanges is table_changes(table, start [, end]), a table's change data feed.
func (t relations) tableChanges(r *sparksql.FunctionRef) (string, []*rel, error) {
	c := r.Call
	if len(c.Args) < 2 || len(c.Args) > 3 {
		return "", nil, sparksql.Errorf("42605", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
			"The `table_changes` requires [2, 3] parameters but the actual number is %d.", len(c.Args))
	}
	text, err := t.constant(c.Args[0])
	if err != nil {
		return "", nil, err
	}
	name, err := sparksql.ParseName(text)
	if err != nil {
		return "", nil, err
	}
	bounds := make([]*Constant, 2)
	for i, x := range c.Args[1:] {
		v, err := t.expr(x, &scope{})
		if err != nil {
			return "", nil, err
		}
		bounds[i] = &Constant{v.sql, v.typ}
	}
	table, err := t.ctx.Source.Changes(t.space, name, *bounds[0], bounds[1])
	if err != nil {
		return "", nil, err
	}
	return t.tableRel(table, r.Alias)
}

// constant is the text of a literal or parameter.
func (t relations) constant(x sparksql.Expr) (string, error) {
	if p, ok := x.(*sparksql.Param); ok {
		v, err := t.parameter(p)
		if err != nil {
			return "", err
		}
		if v.Value != nil {
			return *v.Value, nil
		}
	}
	if l, ok := x.(*sparksql.Literal); ok && l.Type.Kind != sparksql.VoidType {
		return l.Text, nil
	}
	return "", sparksql.Unsupported("an argument of a table function that is not a literal")
}

func (t relations) rangeOf(r *sparksql.FunctionRef) (string, []*rel, error) {
	if n := len(r.Call.Args); n < 1 || n > 3 {
		return "", nil, sparksql.Errorf("42605", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
			"The `range` requires 1 to 3 parameters but the actual number is %d.", n)
	}
	args := make([]string, len(r.Call.Args))
	for i, x := range r.Call.Args {
		v, err := t.typed(x, &scope{}, sparksql.Long)
		if err != nil {
			return "", nil, err
		}
		args[i] = v.sql
	}
	q := Result{SQL: "SELECT range FROM range(" + strings.Join(args, ", ") + ")", Columns: []Column{{"id", sparksql.Long}}}
	return t.derived(q, nil, r.Alias)
}

func (t relations) join(j *sparksql.Join, s *scope) (string, []*rel, error) {
	left, lrels, err := t.relation(j.L, s)
	if err != nil {
		return "", nil, err
	}
	right, rrels, err := t.relation(j.R, s)
	if err != nil {
		return "", nil, err
	}
	both := append(append([]*rel{}, lrels...), rrels...)
	on := ""
	if j.On != nil {
		v, err := t.boolean(j.On, &scope{rels: both, outer: s.outer, ctes: s.ctes})
		if err != nil {
			return "", nil, err
		}
		on = v.sql
	}
	using := j.Using
	if j.Natural {
		using = sharedNames(lrels, rrels)
	}
	if len(using) > 0 {
		if on, err = t.using(j.Kind, using, lrels, rrels); err != nil {
			return "", nil, err
		}
	}
	verb := j.Kind
	switch {
	case on == "" && verb != "CROSS":
		on = "TRUE"
	case on != "" && verb == "CROSS":
		verb = "INNER"
	}
	sql := left + " " + verb + " JOIN " + right
	if verb != "CROSS" {
		sql += " ON " + on
	}
	if verb == "SEMI" || verb == "ANTI" {
		both = lrels
	}
	return "(" + sql + ")", both, nil
}

func sharedNames(l, r []*rel) []string {
	var out []string
	right := &scope{rels: r}
	for _, a := range l {
		for _, f := range a.cols {
			if _, ok, _ := right.column(nil, f.name); ok && f.star {
				out = append(out, f.name)
			}
		}
	}
	return out
}

// using makes the condition of USING and leaves one visible column of each pair.
func (t relations) using(kind string, names []string, l, r []*rel) (string, error) {
	ls, rs := &scope{rels: l}, &scope{rels: r}
	var on []string
	for _, name := range names {
		a, err := ls.resolve([]string{name})
		if err != nil {
			return "", err
		}
		b, err := rs.resolve([]string{name})
		if err != nil {
			return "", err
		}
		pair := []value{a, b}
		if _, err := t.types.unify(name, pair); err != nil {
			return "", err
		}
		on = append(on, pair[0].sql+" = "+pair[1].sql)
		shown := a
		switch kind {
		case "RIGHT":
			shown = b
		case "FULL":
			shown = value{sql: "coalesce(" + pair[0].sql + ", " + pair[1].sql + ")", typ: pair[0].typ}
		}
		show(l, name, &shown)
		show(r, name, nil)
	}
	return strings.Join(on, " AND "), nil
}

// show replaces what an unqualified name stands for, or hides it.
func show(rels []*rel, name string, v *value) {
	for _, r := range rels {
		for i := range r.cols {
			if strings.EqualFold(r.cols[i].name, name) && r.cols[i].star {
				if v == nil {
					r.cols[i].star = false
				} else {
					r.cols[i].val = *v
				}
			}
		}
	}
}
