package translate

import (
	"errors"
	"fmt"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func (t operators) unary(x *sparksql.Unary, s *scope) (value, error) {
	if x.Op == "NOT" {
		v, err := t.boolean(x.X, s)
		return value{sql: "(NOT " + v.sql + ")", typ: sparksql.Boolean}, err
	}
	v, err := t.expr(x.X, s)
	if err != nil {
		return v, err
	}
	if (v.typ.Kind == sparksql.StringType || v.typ.Kind == sparksql.VoidType) && x.Op != "~" {
		if v, err = t.types.cast(v, sparksql.DoubleOf, false); err != nil {
			return v, err
		}
	}
	switch {
	case x.Op == "~" && v.typ.Integral(), x.Op != "~" && (v.typ.Numeric() || v.typ.Kind == sparksql.IntervalType):
		return value{sql: "(" + x.Op + " " + v.sql + ")", typ: v.typ}, nil
	}
	return v, mismatch(Pretty(x), "\""+v.typ.SQL()+"\" is not a number")
}

func (t operators) operation(x *sparksql.Operation, s *scope) (value, error) {
	if x.Op == "AND" || x.Op == "OR" {
		l, err := t.boolean(x.L, s)
		if err != nil {
			return l, err
		}
		r, err := t.boolean(x.R, s)
		return value{sql: "(" + l.sql + " " + x.Op + " " + r.sql + ")", typ: sparksql.Boolean}, err
	}
	l, err := t.expr(x.L, s)
	if err != nil {
		return l, err
	}
	r, err := t.expr(x.R, s)
	if err != nil {
		return r, err
	}
	if hasClock(x.R) && l.typ.Kind == sparksql.DateType || hasClock(x.L) && r.typ.Kind == sparksql.DateType {
		for _, v := range []*value{&l, &r} { // a day and hours make a timestamp
			if v.typ.Kind == sparksql.DateType {
				if *v, err = t.types.cast(*v, sparksql.Timestamp, false); err != nil {
					return value{}, err
				}
			}
		}
	}
	v, err := t.apply(x.Op, l, r)
	if e := (*sparksql.Error)(nil); errors.As(err, &e) && e.HasClass("DATATYPE_MISMATCH") &&
		!e.HasClass("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE") && !e.HasClass("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE") {
		return v, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "Cannot resolve \"%s\" due to data type mismatch: "+
			"the left and right operands of the binary operator have incompatible types (\"%s\" and \"%s\").", Pretty(x), l.typ.SQL(), r.typ.SQL())
	}
	return v, err
}

// hasClock reports whether an interval counts in units below a day.
func hasClock(x sparksql.Expr) bool {
	i, ok := x.(*sparksql.IntervalOf)
	if !ok {
		return false
	}
	switch i.Unit {
	case "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND":
		return true
	}
	return false
}

func (t operators) apply(op string, l, r value) (value, error) {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=", "<=>":
		return t.compare(op, l, r)
	case "||":
		return t.concat(l, r)
	case "&", "|", "^", "<<", ">>", ">>>":
		return t.bitwise(op, l, r)
	}
	if v, ok, err := t.instantArithmetic(op, l, r); ok {
		return v, err
	}
	return t.arithmetic(op, l, r)
}

func (t operators) compare(op string, l, r value) (value, error) {
	pair := []value{l, r}
	typ, err := t.types.unify(op, pair)
	if err != nil {
		return value{}, err
	}
	if typ.Kind == sparksql.MapType || typ.Kind == sparksql.VariantType {
		return value{}, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
			"The `%s` does not support ordering on type \"%s\".", op, typ.SQL())
	}
	if op == "<=>" {
		op = "IS NOT DISTINCT FROM"
	}
	return value{sql: "(" + pair[0].sql + " " + op + " " + pair[1].sql + ")", typ: sparksql.Boolean}, nil
}

func (t operators) concat(l, r value) (value, error) {
	to := sparksql.String
	if l.typ.Kind == r.typ.Kind && (l.typ.Kind == sparksql.BinaryType || l.typ.Kind == sparksql.ArrayType) {
		to = l.typ
	}
	a, err := t.types.cast(l, to, false)
	if err != nil {
		return a, err
	}
	b, err := t.types.cast(r, to, false)
	return value{sql: "(" + a.sql + " || " + b.sql + ")", typ: to}, err
}

func (t operators) bitwise(op string, l, r value) (value, error) {
	for i, v := range []*value{&l, &r} {
		switch other := [...]value{r, l}[i].typ; {
		case !other.Integral():
		case v.typ.Kind == sparksql.VoidType:
			*v = value{sql: "CAST(NULL AS " + other.DuckDB() + ")", typ: other}
		case v.typ.Kind == sparksql.StringType:
			var err error
			if *v, err = t.types.cast(*v, sparksql.Long, false); err != nil {
				return value{}, err
			}
		}
	}
	if !l.typ.Integral() || !r.typ.Integral() {
		return value{}, mismatch(op, "not integers")
	}
	switch op {
	case "<<", ">>", ">>>":
		return value{}, sparksql.Unsupported("the operator %s", op)
	}
	pair := []value{l, r}
	typ, err := t.types.unify(op, pair)
	if op == "^" {
		return value{sql: "xor(" + pair[0].sql + ", " + pair[1].sql + ")", typ: typ}, err
	}
	return value{sql: "(" + pair[0].sql + " " + op + " " + pair[1].sql + ")", typ: typ}, err
}

// instantArithmetic is + and - with a date, a timestamp or an interval.
func (t operators) instantArithmetic(op string, l, r value) (value, bool, error) {
	instant := func(v value) bool {
		return v.typ.Kind >= sparksql.DateType && v.typ.Kind <= sparksql.TimestampNTZType
	}
	if l.typ.Kind != sparksql.IntervalType && r.typ.Kind != sparksql.IntervalType && !instant(l) && !instant(r) {
		return value{}, false, nil
	}
	if op != "+" && op != "-" {
		return value{}, true, mismatch(op, "not numbers")
	}
	if op == "+" && instant(r) && !instant(l) {
		l, r = r, l
	}
	sum := "(" + l.sql + " " + op + " " + r.sql + ")"
	switch {
	case instant(l) && r.typ.Kind == sparksql.IntervalType && l.typ.Kind == sparksql.DateType:
		return value{sql: "CAST(" + sum + " AS DATE)", typ: sparksql.Date}, true, nil
	case instant(l) && r.typ.Kind == sparksql.IntervalType, l.typ.Kind == sparksql.IntervalType && r.typ.Kind == sparksql.IntervalType:
		return value{sql: sum, typ: l.typ}, true, nil
	case l.typ.Kind == sparksql.DateType && r.typ.Integral() && r.typ.Kind <= sparksql.IntType:
		return value{sql: sum, typ: sparksql.Date}, true, nil
	}
	return value{}, true, sparksql.Unsupported("%s %s %s; use datediff, timestampdiff or an INTERVAL", l.typ.SQL(), op, r.typ.SQL())
}

func (t operators) arithmetic(op string, l, r value) (value, error) {
	if l.typ.Kind == sparksql.StringType && r.typ.Kind == sparksql.StringType {
		return value{}, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
			"The binary operator %s requires numbers, not \"STRING\".", op)
	}
	for i, v := range []*value{&l, &r} {
		var err error
		switch other := [...]value{r, l}[i].typ; {
		case v.typ.Kind == sparksql.VoidType:
			*v, err = t.types.cast(*v, sparksql.Int, false)
		case v.typ.Kind == sparksql.StringType && other.Integral() && op != "/":
			*v, err = t.types.cast(*v, sparksql.Long, false)
		case v.typ.Kind == sparksql.StringType:
			*v, err = t.types.cast(*v, sparksql.DoubleOf, false)
		case !v.typ.Numeric():
			err = mismatch(op, "not a number")
		}
		if err != nil {
			return value{}, err
		}
	}
	decimal := l.typ.Kind == sparksql.DecimalType && r.typ.Kind <= sparksql.DecimalType ||
		r.typ.Kind == sparksql.DecimalType && l.typ.Kind <= sparksql.DecimalType
	switch {
	case decimal:
		return t.decimalArithmetic(op, l, r)
	case op == "/":
		return t.guarded(op, l, r, sparksql.DoubleOf)
	case op == "DIV":
		if !l.typ.Integral() || !r.typ.Integral() {
			return value{}, mismatch(op, "not integers")
		}
		return t.guarded("//", l, r, sparksql.Long)
	}
	typ := commonNumber(narrowerFirst(l.typ, r.typ))
	if op == "%" {
		return t.guarded(op, l, r, typ)
	}
	a, err := t.types.cast(l, typ, false)
	if err != nil {
		return a, err
	}
	b, err := t.types.cast(r, typ, false)
	return value{sql: "(" + a.sql + " " + op + " " + b.sql + ")", typ: typ}, err
}

func narrowerFirst(a, b sparksql.Type) (x, y sparksql.Type) {
	if a.Kind > b.Kind {
		return b, a
	}
	return a, b
}

const divideByZero = "error('[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.')"

// guarded is an operation that refuses a zero on the right.
func (t operators) guarded(op string, l, r value, typ sparksql.Type) (value, error) {
	a, err := t.types.cast(l, typ, false)
	if err != nil {
		return a, err
	}
	b, err := t.types.cast(r, typ, false)
	return value{sql: "CASE WHEN " + b.sql + " = 0 THEN " + divideByZero + " ELSE (" + a.sql + " " + op + " " + b.sql + ") END", typ: typ}, err
}

// decimalArithmetic follows Spark's table of precisions and scales.
func (t operators) decimalArithmetic(op string, l, r value) (value, error) {
	a, b := asDecimal(l.typ, l.digits), asDecimal(r.typ, r.digits)
	p1, s1, p2, s2 := a.Precision, a.Scale, b.Precision, b.Scale
	lv, err := t.types.cast(l, a, false)
	if err != nil {
		return lv, err
	}
	rv, err := t.types.cast(r, b, false)
	if err != nil {
		return rv, err
	}
	switch op {
	case "+", "-":
		scale := max(s1, s2)
		typ := sparksql.DecimalOf(max(p1-s1, p2-s2)+scale+1, scale)
		return value{sql: "CAST((" + lv.sql + " " + op + " " + rv.sql + ") AS " + typ.DuckDB() + ")", typ: typ}, nil
	case "*":
		typ := sparksql.DecimalOf(p1+p2+1, s1+s2)
		if p1+p2 <= 38 {
			if p1+p2 > 18 { // DuckDB multiplies narrow ones in 64 bits
				lv.sql = "CAST(" + lv.sql + " AS DECIMAL(38," + itoa(s1) + "))"
			}
			return value{sql: "CAST((" + lv.sql + " * " + rv.sql + ") AS " + typ.DuckDB() + ")", typ: typ}, nil
		}
		return exact(Multiply, lv, rv, typ), nil
	case "/":
		scale := max(6, s1+p2+1)
		typ := sparksql.DecimalOf(p1-s1+s2+scale, scale)
		return guardedExact(lv, rv, typ), nil
	case "%":
		scale := max(s1, s2)
		typ := sparksql.DecimalOf(min(p1-s1, p2-s2)+scale, scale)
		sql := "CAST((" + lv.sql + " % " + rv.sql + ") AS " + typ.DuckDB() + ")"
		return value{sql: "CASE WHEN " + rv.sql + " = 0 THEN " + divideByZero + " ELSE " + sql + " END", typ: typ}, nil
	}
	return t.guarded("//", value{sql: "trunc(" + lv.sql + ")", typ: a}, value{sql: rv.sql, typ: b}, sparksql.Long)
}

// exact computes on the decimal text, since DuckDB would go through DOUBLE or overflow.
func exact(fn string, l, r value, typ sparksql.Type) value {
	return value{
		sql: fmt.Sprintf("CAST(%s(CAST(%s AS VARCHAR), CAST(%s AS VARCHAR), %d) AS %s)", fn, l.sql, r.sql, typ.Scale, typ.DuckDB()), typ: typ,
	}
}

func guardedExact(l, r value, typ sparksql.Type) value {
	v := exact(Divide, l, r, typ)
	v.sql = "CASE WHEN " + r.sql + " = 0 THEN " + divideByZero + " ELSE " + v.sql + " END"
	return v
}
