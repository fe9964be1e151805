package translate

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func (t *Translator) exprs(list []sparksql.Expr, s *scope) ([]value, error) {
	out := make([]value, len(list))
	for i, x := range list {
		var err error
		if out[i], err = t.expr(x, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// typed translates an expression and brings it to a type.
func (t *Translator) typed(x sparksql.Expr, s *scope, to sparksql.Type) (value, error) {
	v, err := t.expr(x, s)
	if err != nil {
		return v, err
	}
	return t.types.cast(v, to, false)
}

func (t *Translator) boolean(x sparksql.Expr, s *scope) (value, error) {
	v, err := t.expr(x, s)
	if err != nil {
		return v, err
	}
	if v.typ.Kind != sparksql.BooleanType && v.typ.Kind != sparksql.VoidType && v.typ.Kind != sparksql.StringType {
		return v, mismatch(Pretty(x), "the expression should be \"BOOLEAN\" but it is \""+v.typ.SQL()+"\"")
	}
	return t.types.cast(v, sparksql.Boolean, false)
}

func (t *Translator) expr(x sparksql.Expr, s *scope) (value, error) {
	v, err := t.exprOf(x, s)
	if err == nil && len(v.sql) > maxSQL {
		return v, sparksql.Unsupported("a statement that grows beyond %d bytes", maxSQL)
	}
	return v, err
}

func (t *Translator) exprOf(x sparksql.Expr, s *scope) (value, error) {
	switch x := x.(type) {
	case *sparksql.Literal:
		return literal(x)
	case *sparksql.Name:
		return s.resolve(x.Parts)
	case *sparksql.Call:
		return t.call(x, s)
	case *sparksql.Unary:
		return t.operators.unary(x, s)
	case *sparksql.Operation:
		return t.operators.operation(x, s)
	case *sparksql.Cast:
		v, err := t.expr(x.X, s)
		if err != nil {
			return v, err
		}
		to := x.To
		if to.Kind == sparksql.StringType { // CHAR(n) and VARCHAR(n) limit what is stored, not what is cast
			to = sparksql.String
		}
		return t.types.cast(v, to, x.Try)
	case *sparksql.Case:
		return t.caseOf(x, s)
	case *sparksql.In:
		return t.in(x, s)
	case *sparksql.Between:
		return t.between(x, s)
	case *sparksql.Like:
		return t.like(x, s)
	case *sparksql.Is:
		return t.is(x, s)
	case *sparksql.Exists:
		q, err := t.query(x.Query, s.inner())
		return value{sql: "EXISTS (" + q.SQL + ")", typ: sparksql.Boolean}, err
	case *sparksql.Subquery:
		return t.subquery(x, s)
	case *sparksql.Index:
		return t.index(x, s)
	case *sparksql.Member:
		v, err := t.expr(x.X, s)
		if err != nil {
			return v, err
		}
		return member(v, x.Name)
	case *sparksql.Param:
		return t.param(x)
	case *sparksql.IntervalOf:
		n, err := t.typed(x.N, s, sparksql.Long)
		return value{sql: "to_" + strings.ToLower(x.Unit) + "s(" + narrow(x.Unit, n.sql) + ")", typ: sparksql.Interval}, err
	case *sparksql.Star:
		return value{}, sparksql.Errorf("42000", "INVALID_USAGE_OF_STAR_OR_REGEX", "Invalid usage of '*' in an expression.")
	case *sparksql.Lambda:
		return value{}, sparksql.Errorf("42K0D", "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION",
			"A lambda function should only be used in a higher order function.")
	}
	return value{}, sparksql.Unsupported("this expression")
}

// narrow casts what DuckDB's to_days and the like take as INTEGER.
func narrow(unit, sql string) string {
	switch unit {
	case "YEAR", "MONTH", "WEEK", "DAY":
		return "CAST(" + sql + " AS INTEGER)"
	}
	return sql
}

// inner is a scope for a subquery: what it does not know itself, s may know.
func (s *scope) inner() *scope {
	if s == nil {
		return nil
	}
	return &scope{outer: s, ctes: s.ctes}
}

func (t *Translator) subquery(x *sparksql.Subquery, s *scope) (value, error) {
	q, err := t.query(x.Query, s.inner())
	if err != nil {
		return value{}, err
	}
	if len(q.Columns) != 1 {
		return value{}, sparksql.Errorf("42823", "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
			"Scalar subquery must return only one column, but got %d.", len(q.Columns))
	}
	return value{sql: "(" + q.SQL + ")", typ: q.Columns[0].Type}, nil
}

func literal(l *sparksql.Literal) (value, error) {
	v := value{typ: l.Type}
	switch l.Type.Kind {
	case sparksql.VoidType:
		v.sql = "NULL"
	case sparksql.BooleanType:
		v.sql = strings.ToUpper(l.Text)
	case sparksql.StringType:
		v.sql, v.text = sparksql.QuoteText(l.Text), &l.Text
	case sparksql.BinaryType:
		v.sql = "unhex('" + hexOf(l.Text) + "')"
	case sparksql.DateType, sparksql.TimestampType, sparksql.TimestampNTZType:
		if !startsWithDay(l.Text) {
			return v, sparksql.Errorf("42604", "INVALID_TYPED_LITERAL",
				"The value of the typed literal \"%s\" is invalid: '%s'.", l.Type.SQL(), l.Text)
		}
		v.sql = "CAST(" + sparksql.QuoteText(strings.TrimSpace(l.Text)) + " AS " + l.Type.DuckDB() + ")"
	default:
		// DuckDB types a bare number by its value and would narrow what it meets.
		v.sql = "CAST('" + l.Text + "' AS " + l.Type.DuckDB() + ")"
		if l.Type.Integral() {
			v.sql = "CAST(" + l.Text + " AS " + l.Type.DuckDB() + ")"
			v.digits = len(strings.TrimPrefix(l.Text, "-"))
		}
	}
	return v, nil
}

var dayForm = regexp.MustCompile(`^[+-]?(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T].*)?)?)?$`)

// startsWithDay reports whether a text begins with a day that is in the calendar.
func startsWithDay(text string) bool {
	m := dayForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return false
	}
	var n [3]int
	for i, digits := range m[1:] {
		n[i], _ = strconv.Atoi(digits)
		if digits == "" {
			n[i] = 1
		}
	}
	day := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	return int(day.Month()) == n[1] && day.Day() == n[2]
}

func hexOf(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}

func (t *Translator) parameter(p *sparksql.Param) (Parameter, error) {
	if p.Index >= 0 {
		n := 0
		for _, given := range t.ctx.Params {
			if given.Name != "" {
				continue
			}
			if n == p.Index {
				return given, nil
			}
			n++
		}
		return Parameter{}, sparksql.Errorf("42P02", "UNBOUND_SQL_PARAMETER",
			"Found the unbound parameter: _%d. Please, fix `args` and provide a mapping of the parameter.", p.Index)
	}
	for _, given := range t.ctx.Params {
		if strings.EqualFold(given.Name, p.Name) {
			return given, nil
		}
	}
	return Parameter{}, sparksql.Errorf("42P02", "UNBOUND_SQL_PARAMETER",
		"Found the unbound parameter: %s. Please, fix `args` and provide a mapping of the parameter.", p.Name)
}

func (t *Translator) param(p *sparksql.Param) (value, error) {
	given, err := t.parameter(p)
	if err != nil {
		return value{}, err
	}
	typ := sparksql.Void
	if given.Type != "" {
		if typ, err = sparksql.ParseType(given.Type); err != nil {
			return value{}, err
		}
	}
	if given.Value == nil || typ.Kind == sparksql.VoidType {
		return t.types.cast(value{sql: "NULL"}, typ, false)
	}
	v := value{sql: sparksql.QuoteText(*given.Value), typ: sparksql.String, text: given.Value}
	return t.types.cast(v, typ, false)
}

func (t *Translator) caseOf(x *sparksql.Case, s *scope) (value, error) {
	var operand value
	var err error
	if x.Operand != nil {
		if operand, err = t.expr(x.Operand, s); err != nil {
			return value{}, err
		}
	}
	conds := make([]string, len(x.Whens))
	results := make([]value, len(x.Whens), len(x.Whens)+1)
	for i, w := range x.Whens {
		var cond value
		if x.Operand == nil {
			cond, err = t.boolean(w[0], s)
		} else if cond, err = t.expr(w[0], s); err == nil {
			cond, err = t.operators.compare("=", operand, cond)
		}
		if err != nil {
			return value{}, err
		}
		conds[i] = cond.sql
		if results[i], err = t.expr(w[1], s); err != nil {
			return value{}, err
		}
	}
	otherwise := value{sql: "NULL"}
	if x.Else != nil {
		if otherwise, err = t.expr(x.Else, s); err != nil {
			return value{}, err
		}
	}
	results = append(results, otherwise)
	typ, err := t.types.unify("CASE", results)
	if err != nil {
		return value{}, err
	}
	var b strings.Builder
	b.WriteString("CASE")
	for i := range conds {
		b.WriteString(" WHEN " + conds[i] + " THEN " + results[i].sql)
	}
	b.WriteString(" ELSE " + results[len(conds)].sql + " END")
	return value{sql: b.String(), typ: typ}, nil
}

func (t *Translator) in(x *sparksql.In, s *scope) (value, error) {
	v, err := t.expr(x.X, s)
	if err != nil {
		return v, err
	}
	not := ""
	if x.Not {
		not = "NOT "
	}
	if x.Query != nil {
		q, err := t.query(x.Query, s.inner())
		if err != nil {
			return v, err
		}
		if len(q.Columns) != 1 {
			return v, sparksql.Unsupported("IN with a subquery of several columns")
		}
		typ, ok := common(v.typ, q.Columns[0].Type)
		if !ok {
			return v, mismatch(Pretty(x), "the types differ")
		}
		if v, err = t.types.cast(v, typ, false); err != nil {
			return v, err
		}
		sql, err := t.conform(q, []Column{{"c0", typ}})
		return value{sql: "(" + v.sql + " " + not + "IN (" + sql + "))", typ: sparksql.Boolean}, err
	}
	list, err := t.exprs(x.List, s)
	if err != nil {
		return v, err
	}
	all := append([]value{v}, list...)
	if _, err := t.types.unify(Pretty(x), all); err != nil {
		return v, err
	}
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = all[i+1].sql
	}
	return value{sql: "(" + all[0].sql + " " + not + "IN (" + strings.Join(parts, ", ") + "))", typ: sparksql.Boolean}, nil
}

func (t *Translator) between(x *sparksql.Between, s *scope) (value, error) {
	all, err := t.exprs([]sparksql.Expr{x.X, x.Low, x.High}, s)
	if err != nil {
		return value{}, err
	}
	if _, err := t.types.unify(Pretty(x), all); err != nil {
		return value{}, err
	}
	not := ""
	if x.Not {
		not = "NOT "
	}
	return value{sql: "(" + all[0].sql + " " + not + "BETWEEN " + all[1].sql + " AND " + all[2].sql + ")", typ: sparksql.Boolean}, nil
}

func (t *Translator) like(x *sparksql.Like, s *scope) (value, error) {
	v, err := t.typed(x.X, s, sparksql.String)
	if err != nil {
		return v, err
	}
	pattern, err := t.typed(x.Pattern, s, sparksql.String)
	if err != nil {
		return v, err
	}
	var sql string
	if x.Op == "RLIKE" {
		sql = "regexp_matches(" + v.sql + ", " + pattern.sql + ")"
	} else {
		sql = "(" + v.sql + " " + x.Op + " " + pattern.sql + " ESCAPE " + sparksql.QuoteText(x.Escape) + ")"
	}
	if x.Not {
		sql = "(NOT " + sql + ")"
	}
	return value{sql: sql, typ: sparksql.Boolean}, nil
}

func (t *Translator) is(x *sparksql.Is, s *scope) (value, error) {
	v, err := t.expr(x.X, s)
	if err != nil {
		return v, err
	}
	not := ""
	if x.Not {
		not = "NOT "
	}
	if x.What == "DISTINCT" {
		other, err := t.expr(x.Other, s)
		if err != nil {
			return v, err
		}
		pair := []value{v, other}
		_, err = t.types.unify(Pretty(x), pair)
		return value{sql: "(" + pair[0].sql + " IS " + not + "DISTINCT FROM " + pair[1].sql + ")", typ: sparksql.Boolean}, err
	}
	if x.What != "NULL" {
		if v, err = t.types.cast(v, sparksql.Boolean, false); err != nil {
			return v, err
		}
	}
	return value{sql: "(" + v.sql + " IS " + not + x.What + ")", typ: sparksql.Boolean}, nil
}

// index is x[i]: arrays count from 0 and refuse what lies outside, maps give NULL.
func (t *Translator) index(x *sparksql.Index, s *scope) (value, error) {
	v, err := t.expr(x.X, s)
	if err != nil {
		return v, err
	}
	switch v.typ.Kind {
	case sparksql.ArrayType:
		i, err := t.typed(x.I, s, sparksql.Int)
		if err != nil {
			return v, err
		}
		return elementAt(v, "("+i.sql+" + 1)", "("+v.sql+") IS NOT NULL AND "+i.sql+" < 0 OR "+i.sql+" >= len("+v.sql+")",
			"INVALID_ARRAY_INDEX"), nil
	case sparksql.MapType:
		k, err := t.typed(x.I, s, *v.typ.Key)
		return value{sql: "(" + v.sql + ")[" + k.sql + "]", typ: *v.typ.Elem}, err
	case sparksql.StructType:
		if l, ok := x.I.(*sparksql.Literal); ok && l.Type.Kind == sparksql.StringType {
			return member(v, l.Text)
		}
		return v, mismatch(Pretty(x), strconv.Quote(v.typ.SQL())+" has no elements")
	default:
		return v, mismatch(Pretty(x), strconv.Quote(v.typ.SQL())+" has no elements")
	}
}

func elementAt(v value, index, outside, class string) value {
	return value{
		sql: "CASE WHEN " + outside + " THEN error('[" + class + "] The index is out of bounds. " +
			"Use the SQL function `get()` or `try_element_at()` to tolerate it.') ELSE (" + v.sql + ")[" + index + "] END",
		typ: *v.typ.Elem,
	}
}
