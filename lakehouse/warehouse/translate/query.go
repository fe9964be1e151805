package translate

import (
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// query translates a query whose free names may belong to outer.
func (t *Translator) query(q *sparksql.Query, outer *scope) (Result, error) {
	ctes := outer.cteList()
	var with []string
	for _, c := range q.With {
		r, err := t.query(c.Query, &scope{outer: outer, ctes: ctes})
		if err != nil {
			return Result{}, err
		}
		if r.Columns, err = renamed(r.Columns, c.Columns); err != nil {
			return Result{}, err
		}
		name := t.fresh("q")
		with = append(with, quote(name)+columnList(r.Columns)+" AS ("+r.SQL+")")
		ctes = &cteScope{name: c.Name, rel: Table{Name: c.Name, SQL: quote(name), Columns: r.Columns}, outer: ctes}
	}
	inner := &scope{outer: outer, ctes: ctes}
	r, err := t.ordered(q, inner)
	if err != nil {
		return Result{}, err
	}
	if len(with) > 0 {
		r.SQL = "WITH " + strings.Join(with, ", ") + " " + r.SQL
	}
	if len(r.SQL) > maxSQL {
		return Result{}, sparksql.Unsupported("a statement that grows beyond %d bytes", maxSQL)
	}
	return r, nil
}

// columnList names the columns of a CTE or subquery c0, c1, …, since a query of
// Databricks' may yield two columns of one name.
func columnList(cols []Column) string {
	names := make([]string, len(cols))
	for i := range cols {
		names[i] = quote("c" + strconv.Itoa(i))
	}
	return "(" + strings.Join(names, ", ") + ")"
}

func renamed(cols []Column, names []string) ([]Column, error) {
	if names == nil {
		return cols, nil
	}
	if len(names) != len(cols) {
		return nil, sparksql.Errorf("42826", "NUM_TABLE_VALUE_ALIASES_MISMATCH", "Number of given aliases does not match number of output "+
			"columns. Number of aliases: %d; number of output columns: %d.", len(names), len(cols))
	}
	out := make([]Column, len(cols))
	for i := range cols {
		out[i] = Column{names[i], cols[i].Type}
	}
	return out, nil
}

func (t *Translator) ordered(q *sparksql.Query, s *scope) (Result, error) {
	var r Result
	var err error
	var order []string
	switch body := q.Body.(type) {
	case *sparksql.Select:
		r, order, err = t.selectBody(body, q.Order, s)
	default:
		if r, err = t.body(q.Body, s); err != nil {
			return r, err
		}
		if q.Order != nil {
			r, order, err = t.orderedSet(r, q.Order, s)
		}
	}
	if err != nil {
		return r, err
	}
	if order != nil {
		r.SQL += " ORDER BY " + strings.Join(order, ", ")
	}
	for _, c := range [...]struct {
		word string
		x    sparksql.Expr
	}{{" LIMIT ", q.Limit}, {" OFFSET ", q.Offset}} {
		if c.x == nil {
			continue
		}
		if l, ok := c.x.(*sparksql.Literal); ok && (!l.Type.Integral() || strings.HasPrefix(l.Text, "-")) {
			kind := "DATA_TYPE"
			if l.Type.Integral() {
				kind = "IS_NEGATIVE"
			}
			return r, sparksql.Errorf("42K0E", "INVALID_LIMIT_LIKE_EXPRESSION."+kind, "The%sexpression %s is no whole number from 0 on.",
				strings.ToLower(c.word), Pretty(c.x))
		}
		v, err := t.typed(c.x, &scope{ctes: s.ctes}, sparksql.Long)
		if err != nil {
			return r, err
		}
		r.SQL += c.word + "(" + v.sql + ")"
	}
	return r, nil
}

// orderedSet orders the result of a set operation, by its columns only.
func (t *Translator) orderedSet(r Result, items []sparksql.OrderItem, s *scope) (Result, []string, error) {
	alias := t.fresh("r")
	over := &rel{alias: alias, cols: t.relations.fields(alias, r.Columns, true)}
	inner := &scope{rels: []*rel{over}, ctes: s.ctes}
	order, err := t.orderBy(items, inner, len(r.Columns))
	selected := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		selected[i] = over.cols[i].val.sql + " AS " + quote(c.Name)
	}
	r.SQL = "SELECT " + strings.Join(selected, ", ") + " FROM (" + r.SQL + ") AS " + quote(alias) + columnList(r.Columns)
	return r, order, err
}

// fields are the columns of a DuckDB relation; numbered says that they are c0, c1, ….
func (t relations) fields(alias string, cols []Column, numbered bool) []field {
	out := make([]field, len(cols))
	for i, c := range cols {
		name := c.Name
		if numbered {
			name = "c" + strconv.Itoa(i)
		}
		out[i] = field{name: c.Name, val: value{sql: quote(alias) + "." + quote(name), typ: c.Type}, star: true}
	}
	return out
}

func (t *Translator) orderBy(items []sparksql.OrderItem, s *scope, outputs int) ([]string, error) {
	out := []string{}
	for _, o := range items {
		var sql string
		if n, ok := ordinal(o.X); ok && outputs > 0 {
			if n < 1 || n > outputs {
				return nil, sparksql.Errorf("42805", "ORDER_BY_POS_OUT_OF_RANGE",
					"ORDER BY position %d is not in select list (valid range is [1, %d]).", n, outputs)
			}
			sql = strconv.Itoa(n)
		} else {
			if sparksql.Contains(o.X, windowed) {
				return nil, sparksql.Errorf("42K0E", "UNSUPPORTED_EXPR_FOR_OPERATOR",
					"A query operator contains one or more unsupported expressions. Invalid expressions: [\"%s\"]", Pretty(o.X))
			}
			v, err := t.expr(o.X, s)
			if err != nil {
				return nil, err
			}
			sql = v.sql
			if sql != "" && sql[0] >= '0' && sql[0] <= '9' {
				sql = "(" + sql + ")"
			}
		}
		// Spark has NULL below everything; DuckDB would have it last both ways.
		first := !o.Desc
		if o.NullsFirst != nil {
			first = *o.NullsFirst
		}
		if o.Desc {
			sql += " DESC"
		}
		if first {
			sql += " NULLS FIRST"
		} else {
			sql += " NULLS LAST"
		}
		out = append(out, sql)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// windowed reports whether an expression is a window function's, which ORDER BY may
// name by the select list and not hold.
func windowed(x sparksql.Expr) bool {
	c, ok := x.(*sparksql.Call)
	return ok && c.Over != nil
}

func ordinal(x sparksql.Expr) (int, bool) {
	if l, ok := x.(*sparksql.Literal); ok && l.Type.Kind == sparksql.IntType {
		n, err := strconv.Atoi(l.Text)
		return n, err == nil
	}
	return 0, false
}

func (t *Translator) body(b sparksql.Body, s *scope) (Result, error) {
	switch b := b.(type) {
	case *sparksql.Select:
		r, _, err := t.selectBody(b, nil, s)
		return r, err
	case *sparksql.Values:
		return t.values(b, s)
	case *sparksql.Nested:
		r, err := t.query(b.Query, s)
		r.SQL = "(" + r.SQL + ")"
		return r, err
	case *sparksql.SetOp:
		return t.setOp(b, s)
	}
	return Result{}, sparksql.Unsupported("this form of query")
}

func (t *Translator) setOp(b *sparksql.SetOp, s *scope) (Result, error) {
	l, err := t.body(b.L, s)
	if err != nil {
		return Result{}, err
	}
	r, err := t.body(b.R, s)
	if err != nil {
		return Result{}, err
	}
	if len(l.Columns) != len(r.Columns) {
		return Result{}, sparksql.Errorf("42826", "NUM_COLUMNS_MISMATCH", "%s can only be performed on inputs with the same number of columns, "+
			"but the first input has %d columns and the second input has %d columns.", b.Op, len(l.Columns), len(r.Columns))
	}
	out := make([]Column, len(l.Columns))
	for i := range out {
		c, ok := common(l.Columns[i].Type, r.Columns[i].Type)
		if !ok {
			return Result{}, sparksql.Errorf("42825", "INCOMPATIBLE_COLUMN_TYPE", "%s can only be performed on tables with compatible column "+
				"types. The column %d of the second table is \"%s\" type which is not compatible with \"%s\".", b.Op, i+1,
				r.Columns[i].Type.SQL(), l.Columns[i].Type.SQL())
		}
		out[i] = Column{l.Columns[i].Name, c}
	}
	left, err := t.conform(l, out)
	if err != nil {
		return Result{}, err
	}
	right, err := t.conform(r, out)
	op := " " + b.Op + " "
	if b.All {
		op += "ALL "
	}
	return Result{SQL: "(" + left + ")" + op + "(" + right + ")", Columns: out}, err
}

// conform casts a result's columns where they differ from what is wanted.
func (t *Translator) conform(r Result, want []Column) (string, error) {
	same := true
	for i := range want {
		same = same && r.Columns[i].Type.Equal(want[i].Type)
	}
	if same {
		return r.SQL, nil
	}
	alias := t.fresh("r")
	cols := t.relations.fields(alias, r.Columns, true)
	out := make([]string, len(cols))
	for i, c := range cols {
		v, err := t.types.cast(c.val, want[i].Type, false)
		if err != nil {
			return "", err
		}
		out[i] = v.sql + " AS " + quote(want[i].Name)
	}
	return "SELECT " + strings.Join(out, ", ") + " FROM (" + r.SQL + ") AS " + quote(alias) + columnList(r.Columns), nil
}

// Conform is conform for a statement that stores a query's result: it gives the
// columns the target's names and types, in order.
func (t *Translator) Conform(r Result, want []Column) (string, error) { return t.conform(r, want) }

func (t *Translator) values(b *sparksql.Values, s *scope) (Result, error) {
	rows := make([][]value, len(b.Rows))
	for i, row := range b.Rows {
		for _, x := range row {
			v, err := t.expr(x, &scope{outer: s.outer, ctes: s.ctes})
			if err != nil {
				return Result{}, err
			}
			rows[i] = append(rows[i], v)
		}
	}
	cols := make([]Column, len(rows[0]))
	for c := range cols {
		column := make([]value, len(rows))
		for i := range rows {
			column[i] = rows[i][c]
		}
		if err := alike(c+1, column); err != nil {
			return Result{}, err
		}
		typ, err := t.types.unify("col"+strconv.Itoa(c+1), column)
		if err != nil {
			return Result{}, err
		}
		for i := range rows {
			rows[i][c] = column[i]
		}
		cols[c] = Column{"col" + strconv.Itoa(c+1), typ}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		parts := make([]string, len(row))
		for c, v := range row {
			parts[c] = v.sql
		}
		lines[i] = "(" + strings.Join(parts, ", ") + ")"
	}
	return Result{
		SQL: "SELECT * FROM (VALUES " + strings.Join(lines, ", ") + ") AS " + quote(t.fresh("r")) + columnList(cols), Columns: cols,
	}, nil
}

// alike refuses a column of VALUES that has text beside values of another kind,
// which Spark makes no common type of.
func alike(column int, values []value) error {
	var text, other bool
	for _, v := range values {
		text = text || v.typ.Kind == sparksql.StringType
		other = other || v.typ.Kind != sparksql.StringType && v.typ.Kind != sparksql.VoidType
	}
	if text && other {
		return sparksql.Errorf("42000", "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
			"Invalid inline table. Found incompatible types in the column `col%d` for inline table.", column)
	}
	return nil
}
