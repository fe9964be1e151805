package translate

import (
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func numbers() map[string]builtin {
	dbl := sparksql.DoubleOf
	m := map[string]builtin{
		"abs": {least: 1, most: 1, make: keeping("abs")}, "negative": {least: 1, most: 1, make: keeping("-")},
		"round": {least: 1, most: 2, make: rounding("round")}, "bround": {least: 1, most: 2, make: rounding("round_even")},
		"floor": {least: 1, most: 1, make: whole("floor")}, "ceil": {least: 1, most: 1, make: whole("ceil")},
		"mod":  {least: 2, most: 2, make: func(in *invocation) (value, error) { return in.t.operators.arithmetic("%", in.args[0], in.args[1]) }},
		"pmod": {least: 2, most: 2, make: pmodOf},
		"sqrt": form("CASE WHEN $1 < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt($1) END", dbl, dbl), "exp": plain("exp", dbl, 1, 1, dbl),
		"ln": form("CASE WHEN $1 > 0 THEN ln($1) END", dbl, dbl), "log10": form("CASE WHEN $1 > 0 THEN log10($1) END", dbl, dbl),
		"power":      form("CASE WHEN isnan($2) THEN $2 ELSE pow($1, $2) END", dbl, dbl, dbl),
		"sign":       form("CASE WHEN isnan($1) THEN $1 ELSE CAST(sign($1) AS DOUBLE) END", dbl, dbl),
		"bit_count":  form("CAST(bit_count($1) AS INTEGER)", sparksql.Int, sparksql.Long),
		"try_divide": {least: 2, most: 2, make: tryDivide}, "rand": fixed("random()", dbl),
	}
	m["pow"], m["ceiling"], m["signum"], m["random"] = m["power"], m["ceil"], m["sign"], m["rand"]
	return m
}

func keeping(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		typ, err := in.number()
		return value{sql: duck + "(" + in.list(0) + ")", typ: typ}, err
	}
}

const overflow = "error('[ARITHMETIC_OVERFLOW] Overflow.')"

func rounding(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		typ, err := in.number()
		if err != nil {
			return value{}, err
		}
		n := 0
		if len(in.args) == 2 {
			var ok bool
			if n, ok = ordinal(in.call.Args[1]); !ok {
				return value{}, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
					"The input scale should be a foldable \"INT\" expression.")
			}
		}
		to := typ
		if typ.Kind == sparksql.DecimalType {
			left := typ.Precision - typ.Scale + 1
			scale := max(0, min(n, typ.Scale))
			to = sparksql.DecimalOf(max(left+scale, 1), scale)
		}
		if typ.Integral() && typ.Kind != sparksql.LongType { // the rounded number may be wider
			wide := duck + "(CAST(" + in.args[0].sql + " AS BIGINT), " + strconv.Itoa(n) + ")"
			narrowed := "TRY_CAST(" + wide + " AS " + to.DuckDB() + ")"
			return value{sql: "CASE WHEN " + in.args[0].sql + " IS NOT NULL AND " + narrowed + " IS NULL THEN " + overflow + " ELSE " +
				narrowed + " END", typ: to}, nil
		}
		return value{sql: "CAST(" + duck + "(" + in.args[0].sql + ", " + strconv.Itoa(n) + ") AS " + to.DuckDB() + ")", typ: to}, nil
	}
}

// whole is floor and ceil: BIGINT, or a decimal without a fraction.
func whole(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		typ, err := in.number()
		if err != nil {
			return value{}, err
		}
		to := sparksql.Long
		if typ.Integral() {
			return in.t.types.cast(in.args[0], to, false)
		}
		if typ.Kind == sparksql.DecimalType {
			to = sparksql.DecimalOf(typ.Precision-typ.Scale+1, 0)
		}
		return value{sql: "CAST(" + duck + "(" + in.args[0].sql + ") AS " + to.DuckDB() + ")", typ: to}, nil
	}
}

func pmodOf(in *invocation) (value, error) {
	rest, err := in.t.operators.arithmetic("%", in.args[0], in.args[1])
	if err != nil {
		return rest, err
	}
	n, err := in.t.types.cast(in.args[1], rest.typ, false)
	if err != nil {
		return n, err
	}
	return value{sql: "CAST(CASE WHEN (" + rest.sql + ") < 0 THEN ((" + rest.sql + ") + " + n.sql + ") % " + n.sql + " ELSE (" + rest.sql +
		") END AS " + rest.typ.DuckDB() + ")", typ: rest.typ}, nil
}

func tryDivide(in *invocation) (value, error) {
	v, err := in.t.operators.arithmetic("/", in.args[0], in.args[1])
	v.sql = strings.ReplaceAll(v.sql, divideByZero, "NULL")
	return v, err
}

// atLeastZero is a count, which is zero where it is negative; DuckDB's greatest skips NULL.
func atLeastZero(count string) string {
	return "CASE WHEN " + count + " < 0 THEN 0 ELSE " + count + " END"
}

const indexOfZero = "error('[INVALID_INDEX_OF_ZERO] The index 0 is invalid. " +
	"An index shall be either < 0 or > 0 (the first element has index 1).')"
