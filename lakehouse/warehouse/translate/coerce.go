package translate

import (
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// common is the type that values of both types are brought to in CASE, UNION,
// comparisons and the like, by Spark's ANSI rules.
func common(a, b sparksql.Type) (sparksql.Type, bool) {
	switch {
	case a.Equal(b) || b.Kind == sparksql.VoidType:
		return a, true
	case a.Kind == sparksql.VoidType:
		return b, true
	case a.Kind > b.Kind:
		a, b = b, a // the families are ordered; below a is the narrower one
	}
	switch {
	case a.Numeric() && b.Numeric():
		return commonNumber(a, b), true
	case a.Kind == sparksql.StringType && b.Kind == sparksql.StringType:
		return sparksql.String, true
	case b.Kind == sparksql.StringType:
		return commonText(a), true
	case a.Kind == sparksql.StringType:
		return b, b.Kind >= sparksql.BinaryType && b.Kind <= sparksql.TimestampNTZType
	case a.Kind == sparksql.DateType && (b.Kind == sparksql.TimestampType || b.Kind == sparksql.TimestampNTZType):
		return b, true
	case a.Kind == sparksql.TimestampType && b.Kind == sparksql.TimestampNTZType:
		return a, true
	}
	return commonNested(a, b)
}

// commonText is for a string and something narrower: the string is read as it.
func commonText(a sparksql.Type) sparksql.Type {
	switch {
	case a.Integral():
		return sparksql.Long
	case a.Numeric():
		return sparksql.DoubleOf
	}
	return a
}

func commonNested(a, b sparksql.Type) (sparksql.Type, bool) {
	if a.Kind != b.Kind || !a.Nested() || len(a.Fields) != len(b.Fields) {
		return a, false
	}
	out := sparksql.Type{Kind: a.Kind}
	for i := range a.Fields {
		ft, ok := common(a.Fields[i].Type, b.Fields[i].Type)
		if !ok {
			return a, false
		}
		out.Fields = append(out.Fields, sparksql.Field{Name: a.Fields[i].Name, Type: ft})
	}
	for _, ref := range [...]struct{ a, b, to **sparksql.Type }{{&a.Key, &b.Key, &out.Key}, {&a.Elem, &b.Elem, &out.Elem}} {
		if *ref.a == nil {
			continue
		}
		t, ok := common(**ref.a, **ref.b)
		if !ok {
			return a, false
		}
		*ref.to = &t
	}
	return out, true
}

func commonNumber(a, b sparksql.Type) sparksql.Type {
	switch {
	case a.Integral() && b.Integral():
		return b
	case b.Kind == sparksql.DecimalType:
		x, y := asDecimal(a, 0), b
		scale := max(x.Scale, y.Scale)
		return sparksql.DecimalOf(max(x.Precision-x.Scale, y.Precision-y.Scale)+scale, scale)
	case a.Kind == sparksql.FloatType && b.Kind == sparksql.FloatType:
		return sparksql.FloatOf
	}
	return sparksql.DoubleOf
}

// asDecimal is the decimal type that holds every value of a number type; an
// integer literal needs only its own digits.
func asDecimal(t sparksql.Type, digits int) sparksql.Type {
	if digits > 0 {
		return sparksql.DecimalOf(digits, 0)
	}
	switch t.Kind {
	case sparksql.ByteType:
		return sparksql.DecimalOf(3, 0)
	case sparksql.ShortType:
		return sparksql.DecimalOf(5, 0)
	case sparksql.IntType:
		return sparksql.DecimalOf(10, 0)
	case sparksql.LongType:
		return sparksql.DecimalOf(20, 0)
	case sparksql.DecimalType:
		return t
	case sparksql.FloatType:
		return sparksql.DecimalOf(14, 7)
	default:
		return sparksql.DecimalOf(30, 15)
	}
}

// unify brings all values to their common type.
func (t caster) unify(what string, vals []value) (sparksql.Type, error) {
	out := sparksql.Void
	for _, v := range vals {
		c, ok := common(out, v.typ)
		if !ok {
			return out, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
				"Cannot resolve \"%s\" due to data type mismatch: Input to `%s` should all be the same type, but it's [\"%s\", \"%s\"].", what,
				what, out.SQL(), v.typ.SQL())
		}
		out = c
	}
	for i := range vals {
		v, err := t.cast(vals[i], out, false)
		if err != nil {
			return out, err
		}
		vals[i] = v
	}
	return out, nil
}

func mismatch(expr, why string) error {
	return sparksql.Errorf("42K09", "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
		"Cannot resolve \"%s\" due to data type mismatch: %s.", expr, why)
}

// Assignable reports whether a value of type from may be stored in a column of
// type to without a cast in the statement (ANSI store assignment).
func Assignable(from, to sparksql.Type) bool {
	switch {
	case from.Kind == sparksql.VoidType || from.Equal(to):
		return true
	case from.Numeric() && to.Numeric():
		return true
	case from.Kind == sparksql.StringType && !to.Nested() && to.Kind != sparksql.VariantType && to.Kind != sparksql.IntervalType:
		return true // Delta casts; a text that is no such value fails with CAST_INVALID_INPUT
	case to.Kind == sparksql.StringType:
		return !from.Nested() && from.Kind != sparksql.BinaryType && from.Kind != sparksql.VariantType
	case from.Kind >= sparksql.DateType && from.Kind <= sparksql.TimestampNTZType:
		return to.Kind >= sparksql.DateType && to.Kind <= sparksql.TimestampNTZType
	case from.Kind != to.Kind || !from.Nested() || len(from.Fields) != len(to.Fields):
		return false
	}
	for i := range from.Fields {
		if !Assignable(from.Fields[i].Type, to.Fields[i].Type) {
			return false
		}
	}
	return (from.Key == nil || Assignable(*from.Key, *to.Key)) && (from.Elem == nil || Assignable(*from.Elem, *to.Elem))
}

// Widens reports whether every value of from is a value of to, which is what
// reading a file into a column and Delta's type widening ask for.
func Widens(from, to sparksql.Type) bool {
	switch {
	case from.Equal(to):
		return true
	case from.Kind == sparksql.StringType && to.Kind == sparksql.StringType:
		return to.Length == 0 || from.Length > 0 && from.Length <= to.Length
	case from.Integral() && to.Integral():
		return from.Kind < to.Kind
	case from.Integral() && to.Kind == sparksql.DoubleType:
		return from.Kind <= sparksql.IntType
	case from.Kind == sparksql.FloatType:
		return to.Kind == sparksql.DoubleType
	case (from.Integral() || from.Kind == sparksql.DecimalType) && to.Kind == sparksql.DecimalType:
		f := asDecimal(from, 0)
		return to.Scale >= f.Scale && to.Precision-to.Scale >= f.Precision-f.Scale
	case from.Kind == sparksql.DateType:
		return to.Kind == sparksql.TimestampNTZType
	}
	return false
}
