package translate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Names of the functions that the warehouse adds to DuckDB.
const (
	DoubleText = "spark_double_text" // (DOUBLE) → VARCHAR, as Java's Double.toString
	FloatText  = "spark_float_text"  // (FLOAT) → VARCHAR
	Divide     = "spark_divide"      // (VARCHAR, VARCHAR, INTEGER scale) → VARCHAR, rounded half up
	Multiply   = "spark_multiply"    // the same, a product
	Hash64     = "spark_xxhash64"    // (ANY, …) → BIGINT, as Spark's xxhash64
	NonFinite  = "spark_nonfinite"   // (VARCHAR) → VARCHAR, NaN and infinities as DuckDB spells them

	// Of VARIANT, which is kept as the text that to_json gives.
	VariantParse    = "spark_variant_parse"     // (VARCHAR) → VARCHAR, of JSON; an error where it is malformed
	VariantTryParse = "spark_variant_try_parse" // the same; NULL where it is malformed
	VariantAt       = "spark_variant_at"        // (VARCHAR, VARCHAR path) → VARCHAR, what variant_get finds
	VariantText     = "spark_variant_text"      // (VARCHAR) → VARCHAR, what a cast to STRING gives
	VariantNumber   = "spark_variant_number"    // the same, for casts to decimals and floating-point numbers
	VariantWhole    = "spark_variant_whole"     // for casts to whole numbers
	VariantTruth    = "spark_variant_truth"     // for casts to BOOLEAN
	VariantQuoted   = "spark_variant_quoted"    // (VARCHAR) → VARCHAR, of a text
	VariantDouble   = "spark_variant_double"    // (DOUBLE) → VARCHAR
	VariantFloat    = "spark_variant_float"     // (FLOAT) → VARCHAR
)

// cast converts v by Spark's ANSI rules; try makes NULL of what does not fit.
func (t caster) cast(v value, to sparksql.Type, try bool) (value, error) {
	sql, err := t.castSQL(v.sql, v.typ, to, try)
	if err != nil {
		return value{}, err
	}
	if len(sql) > maxSQL {
		return value{}, sparksql.Unsupported("a statement that grows beyond %d bytes", maxSQL)
	}
	out := value{sql: sql, typ: to}
	if v.typ.Equal(to) {
		out.digits, out.text = v.digits, v.text
	}
	return out, nil
}

func (t caster) castSQL(sql string, from, to sparksql.Type, try bool) (string, error) {
	verb := "CAST"
	if try {
		verb = "TRY_CAST"
	}
	plain := func(s string) string { return verb + "(" + s + " AS " + to.DuckDB() + ")" }
	switch {
	case to.Kind == sparksql.StringType && to.Length > 0 && !from.Equal(to):
		return t.lengthSQL(sql, from, to, try)
	case from.Equal(to) || to.Kind == sparksql.StringType && from.Kind == sparksql.StringType:
		return sql, nil
	case to.Kind == sparksql.VoidType:
		return "", castMismatch(from, to, try)
	case from.Kind == sparksql.VoidType:
		return plain(sql), nil // it is NULL, or raises an error
	case to.Kind == sparksql.StringType:
		return t.textSQL(sql, from)
	case to.Kind == sparksql.VariantType:
		return t.variantSQL(sql, from)
	case from.Kind == sparksql.VariantType:
		return t.fromVariantSQL(sql, to, try)
	case from.Kind == sparksql.StringType:
		return t.parseSQL(sql, from, to, try, plain)
	case from.Numeric() && to.Numeric():
		return numberSQL(sql, from, to, plain), nil
	case from.Numeric() && to.Kind == sparksql.BooleanType:
		return "(" + sql + " <> 0)", nil
	case from.Kind == sparksql.BooleanType && to.Numeric():
		return plain(sql), nil
	case from.Nested() || to.Nested():
		return t.nestedSQL(sql, from, to, try)
	}
	return instantSQL(sql, from, to, try, plain)
}

// castMismatch refuses a cast. The class says whether Spark has a function for it, or a
// setting that allows it.
func castMismatch(from, to sparksql.Type, try bool) error {
	kind := "CAST_WITHOUT_SUGGESTION"
	switch {
	case from.Numeric() && to.Kind == sparksql.DateType || from.Kind == sparksql.DateType && to.Numeric():
		kind = "CAST_WITH_FUNC_SUGGESTION"
	case try:
	case from.Integral() && to.Kind == sparksql.BinaryType, from.Kind == sparksql.BooleanType && to.Kind == sparksql.TimestampType,
		to.Kind == sparksql.BooleanType && (from.Kind == sparksql.DateType || from.Kind == sparksql.TimestampType):
		kind = "CAST_WITH_CONF_SUGGESTION"
	}
	return sparksql.Errorf("42K09", "DATATYPE_MISMATCH."+kind, "Cannot cast \"%s\" to \"%s\".", from.SQL(), to.SQL())
}

// lengthSQL brings text within VARCHAR(n) or CHAR(n). A cast cuts, as Spark's does.
func (t caster) lengthSQL(sql string, from, to sparksql.Type, try bool) (string, error) {
	text, err := t.castSQL(sql, from, sparksql.String, try)
	if err != nil {
		return "", err
	}
	if to.Fixed {
		return fmt.Sprintf("rpad(%s, %d, ' ')", text, to.Length), nil
	}
	return fmt.Sprintf("left(%s, %d)", text, to.Length), nil
}

// parseSQL reads text as a value of another type.
func (t caster) parseSQL(sql string, from, to sparksql.Type, try bool, plain func(string) string) (string, error) {
	switch {
	case to.Integral():
		// DuckDB would round '1.5' and read '1e3' and '0x10'; Spark refuses them.
		return plain("translate(" + sql + ", '.eE_xX', '??????')"), nil
	case to.Kind == sparksql.FloatType || to.Kind == sparksql.DoubleType:
		return plain(NonFinite + "(" + sql + ")"), nil
	case to.Kind == sparksql.BinaryType:
		return "encode(" + sql + ")", nil
	case to.Kind == sparksql.DateType || to.Kind == sparksql.TimestampType || to.Kind == sparksql.TimestampNTZType:
		text := sql
		if to.Kind == sparksql.DateType { // DuckDB reads other forms too
			text = "CASE WHEN regexp_matches(trim(" + sql + "), '^[+-]?[0-9]{4,7}(-[0-9]{1,2}(-[0-9]{1,2}([ T].*)?)?)?$') THEN " + sql +
				" ELSE '?' || " + sql + " END"
		}
		// A year, or a year and a month, stands for its first day.
		text = "regexp_replace(trim(" + text + "), '^([0-9]{4,7})(-[0-9]{1,2})?$', '\\1' || CASE WHEN contains(" + sql +
			", '-') THEN '\\2-01' ELSE '-01-01' END)"
		if to.Kind == sparksql.TimestampType {
			// Spark also reads an offset after a blank, and without its colon.
			text = "regexp_replace(" + text + ", '(:[0-9]{2}(?:[.][0-9]+)?) ?([+-][0-9]{2}):?([0-9]{2})$', '\\1\\2:\\3')"
		}
		return plain(text), nil
	case to.Kind == sparksql.DecimalType || to.Kind == sparksql.BooleanType:
		return plain("trim(" + sql + ")"), nil
	}
	return "", castMismatch(from, to, try)
}

func numberSQL(sql string, from, to sparksql.Type, plain func(string) string) string {
	switch {
	case to.Integral() && !from.Integral():
		sql = "trunc(" + sql + ")" // DuckDB would round
	case to.Kind == sparksql.DecimalType && (from.Kind == sparksql.FloatType || from.Kind == sparksql.DoubleType):
		sql = "CAST(" + sql + " AS DOUBLE)"
		return "CASE WHEN isfinite(" + sql + ") THEN " + plain(sql) + " END" // no decimal is infinite
	}
	return plain(sql)
}

// instantSQL is for dates, timestamps, and numbers counted in seconds.
func instantSQL(sql string, from, to sparksql.Type, try bool, plain func(string) string) (string, error) {
	day := func(k sparksql.TypeKind) bool {
		return k == sparksql.DateType || k == sparksql.TimestampType || k == sparksql.TimestampNTZType
	}
	switch {
	case day(from.Kind) && day(to.Kind):
		return plain(sql), nil
	case from.Kind == sparksql.TimestampType && to.Integral():
		return plain(wholeUnits(sql, 1000000)), nil
	case from.Kind == sparksql.TimestampType && to.Kind == sparksql.DecimalType:
		return plain("CAST(epoch_us(" + sql + ") AS DECIMAL(20,0)) * CAST('0.000001' AS DECIMAL(7,6))"), nil
	case from.Kind == sparksql.TimestampType && to.Numeric():
		return plain("epoch(" + sql + ")"), nil
	case from.Numeric() && to.Kind == sparksql.TimestampType:
		return "to_timestamp(CAST(" + sql + " AS DOUBLE))", nil
	}
	return "", castMismatch(from, to, try)
}

// wholeUnits counts the units of so many microseconds that have passed since 1970.
func wholeUnits(timestamp string, micros int) string {
	us, n := "epoch_us("+timestamp+")", itoa(micros)
	return "((" + us + " - ((" + us + " % " + n + ") + " + n + ") % " + n + ") // " + n + ")"
}

func (t caster) nestedSQL(sql string, from, to sparksql.Type, try bool) (string, error) {
	if from.Kind != to.Kind || len(from.Fields) != len(to.Fields) {
		return "", castMismatch(from, to, try)
	}
	e := t.fresh("e")
	switch from.Kind {
	case sparksql.ArrayType:
		inner, err := t.castSQL(e, *from.Elem, *to.Elem, try)
		if refused := (*sparksql.Error)(nil); errors.As(err, &refused) && refused.HasClass("DATATYPE_MISMATCH") {
			return "", castMismatch(from, to, try) // the whole types are named, with no suggestion
		}
		return "list_transform(" + sql + ", lambda " + e + ": " + inner + ")", err
	case sparksql.MapType:
		key, err := t.castSQL(e+".key", *from.Key, *to.Key, try)
		if err != nil {
			return "", err
		}
		val, err := t.castSQL(e+".value", *from.Elem, *to.Elem, try)
		return "map_from_entries(list_transform(map_entries(" + sql + "), lambda " + e + ": {'key': " + key + ", 'value': " + val + "}))", err
	default:
		parts := make([]string, len(from.Fields))
		for i, f := range from.Fields {
			inner, err := t.castSQL("struct_extract("+e+", "+sparksql.QuoteText(f.Name)+")", f.Type, to.Fields[i].Type, try)
			if err != nil {
				return "", err
			}
			parts[i] = quote(to.Fields[i].Name) + " := " + inner
		}
		return "list_transform([" + sql + "], lambda " + e + ": CASE WHEN " + e + " IS NULL THEN NULL ELSE struct_pack(" +
			strings.Join(parts, ", ") + ") END)[1]", nil
	}
}

// textSQL is CAST(… AS STRING), written as Spark writes values.
func (t caster) textSQL(sql string, from sparksql.Type) (string, error) {
	switch from.Kind {
	case sparksql.DoubleType:
		return DoubleText + "(" + sql + ")", nil
	case sparksql.FloatType:
		return FloatText + "(" + sql + ")", nil
	case sparksql.TimestampType:
		return "CAST(CAST(" + sql + " AS TIMESTAMP) AS VARCHAR)", nil
	case sparksql.BinaryType:
		return "decode(" + sql + ")", nil
	case sparksql.VariantType:
		return VariantText + "(" + sql + ")", nil
	case sparksql.ArrayType, sparksql.MapType, sparksql.StructType:
		return t.nestedText(sql, from)
	case sparksql.IntervalType:
		return "", sparksql.Unsupported("an interval as a string")
	case sparksql.DecimalType:
		if from.Precision == from.Scale { // DuckDB prints no zero before the point
			return "regexp_replace(CAST(" + sql + " AS VARCHAR), '^(-?)[.]', '\\1' || '0.')", nil
		}
		return "CAST(" + sql + " AS VARCHAR)", nil
	default:
		return "CAST(" + sql + " AS VARCHAR)", nil
	}
}

func (t caster) nestedText(sql string, from sparksql.Type) (string, error) {
	e := t.fresh("e")
	orNull := func(inner string, typ sparksql.Type) (string, error) {
		s, err := t.textSQL(inner, typ)
		return "coalesce(" + s + ", 'null')", err
	}
	switch from.Kind {
	case sparksql.ArrayType:
		inner, err := orNull(e, *from.Elem)
		return "('[' || array_to_string(list_transform(" + sql + ", lambda " + e + ": " + inner + "), ', ') || ']')", err
	case sparksql.MapType:
		key, err := orNull(e+".key", *from.Key)
		if err != nil {
			return "", err
		}
		val, err := orNull(e+".value", *from.Elem)
		return "('{' || array_to_string(list_transform(map_entries(" + sql + "), lambda " + e + ": " + key + " || ' -> ' || " +
			val + "), ', ') || '}')", err
	default:
		parts := make([]string, len(from.Fields))
		for i, f := range from.Fields {
			inner, err := orNull("struct_extract("+e+", "+sparksql.QuoteText(f.Name)+")", f.Type)
			if err != nil {
				return "", err
			}
			parts[i] = inner
		}
		body := "'{' || " + strings.Join(parts, " || ', ' || ") + " || '}'"
		return "list_transform([" + sql + "], lambda " + e + ": CASE WHEN " + e + " IS NULL THEN NULL ELSE " + body + " END)[1]", nil
	}
}
