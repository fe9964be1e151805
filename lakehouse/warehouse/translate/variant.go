package translate

import (
	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// variantSQL makes a VARIANT of a value.
func (t caster) variantSQL(sql string, from sparksql.Type) (string, error) {
	switch from.Kind {
	case sparksql.StringType:
		return VariantQuoted + "(" + sql + ")", nil
	case sparksql.BooleanType, sparksql.ByteType, sparksql.ShortType, sparksql.IntType, sparksql.LongType:
		return t.textSQL(sql, from)
	case sparksql.DecimalType:
		text, err := t.textSQL(sql, from)
		return VariantParse + "(" + text + ")", err
	case sparksql.DoubleType:
		return VariantDouble + "(" + sql + ")", nil
	case sparksql.FloatType:
		return VariantFloat + "(" + sql + ")", nil
	case sparksql.ArrayType:
		e := t.fresh("e")
		inner, err := t.castSQL(e, *from.Elem, sparksql.Variant, false)
		return "('[' || array_to_string(list_transform(" + sql + ", lambda " + e + ": coalesce(" + inner + ", 'null')), ',') || ']')", err
	case sparksql.DateType, sparksql.TimestampType, sparksql.TimestampNTZType, sparksql.BinaryType:
		return "", sparksql.Unsupported("a VARIANT of %s", from.SQL())
	default:
		return "", castMismatch(from, sparksql.Variant, false)
	}
}

// fromVariantSQL reads a VARIANT as a value of another type. A null is NULL.
func (t caster) fromVariantSQL(sql string, to sparksql.Type, try bool) (string, error) {
	read := VariantText
	switch {
	case to.Integral():
		read = VariantWhole
	case to.Numeric():
		read = VariantNumber
	case to.Kind == sparksql.BooleanType:
		read = VariantTruth
	case to.Kind != sparksql.DateType && to.Kind != sparksql.TimestampType && to.Kind != sparksql.TimestampNTZType:
		return "", sparksql.Unsupported("a VARIANT as %s", to.SQL())
	}
	e := t.fresh("e")
	text := read + "(" + e + ")"
	value, err := t.castSQL(text, sparksql.String, to, true)
	if err != nil {
		return "", err
	}
	if !try {
		value = "CASE WHEN " + text + " IS NOT NULL AND " + value + " IS NULL THEN error('[INVALID_VARIANT_CAST] The variant value `' || " + e +
			" || '` cannot be cast into `\"" + to.SQL() + "\"`. Please use `try_variant_get` instead.') ELSE " + value + " END"
	}
	return "list_transform([" + sql + "], lambda " + e + ": " + value + ")[1]", nil
}

// variantGet is variant_get, and try_variant_get.
func variantGet(try bool) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if in.args[0].typ.Kind != sparksql.VariantType {
			return value{}, mismatch(Pretty(in.call), "parameter 1 requires the \"VARIANT\" type")
		}
		path, err := in.t.types.cast(in.args[1], sparksql.String, false)
		if err != nil {
			return value{}, err
		}
		found := value{sql: VariantAt + "(" + in.args[0].sql + ", " + path.sql + ")", typ: sparksql.Variant}
		if len(in.args) == 2 {
			return found, nil
		}
		if in.args[2].text == nil {
			return value{}, sparksql.Unsupported("a type of variant_get that is not a literal")
		}
		typ, err := sparksql.ParseType(*in.args[2].text)
		if err != nil {
			return value{}, err
		}
		return in.t.types.cast(found, typ, try)
	}
}

func hasVariant(t sparksql.Type) bool {
	return t.Kind == sparksql.VariantType || t.Elem != nil && hasVariant(*t.Elem)
}
