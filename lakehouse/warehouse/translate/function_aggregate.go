package translate

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func aggregateFunctions() map[string]builtin {
	agg := func(least, most int, f func(*invocation) (value, error)) builtin {
		return builtin{least: least, most: most, aggregate: true, make: f}
	}
	boolOf := func(duck string) builtin {
		return agg(1, 1, func(in *invocation) (value, error) {
			if err := in.want(sparksql.Boolean); err != nil {
				return value{}, err
			}
			return in.aggregate(duck, sparksql.Boolean)
		})
	}
	m := map[string]builtin{
		"count": agg(0, -1, countOf), "sum": agg(1, 1, sumOf), "avg": agg(1, 1, avgOf),
		"min": agg(1, 1, itself("min")), "max": agg(1, 1, itself("max")), "any_value": agg(1, 2, anyValue),
		"max_by": agg(2, 2, extreme("arg_max_null", "DESC")), "min_by": agg(2, 2, extreme("arg_min_null", "ASC")),
		"count_if": agg(1, 1, countIf), "bool_or": boolOf("bool_or"), "bool_and": boolOf("bool_and"),
		"array_agg": agg(1, 1, collect), "collect_set": agg(1, 1, collectSet),
		"first_value": agg(1, 2, edge("first")), "last_value": agg(1, 2, edge("last")),
		"bit_xor": agg(1, 1, bitOf("bit_xor")), "bit_or": agg(1, 1, bitOf("bit_or")), "bit_and": agg(1, 1, bitOf("bit_and")),
		"approx_count_distinct": agg(1, 1, func(in *invocation) (value, error) { return in.aggregate("approx_count_distinct", sparksql.Long) }),
		"stddev":                agg(1, 1, doubleOf("stddev_samp")), "stddev_pop": agg(1, 1, doubleOf("stddev_pop")),
		"variance":   agg(1, 1, doubleOf("var_samp")),
		"row_number": {window: true, make: counter("row_number")}, "rank": {window: true, make: counter("rank")},
		"dense_rank": {window: true, make: counter("dense_rank")}, "nth_value": {least: 2, most: 2, window: true, make: shifted("nth_value")},
		"percent_rank": {window: true, make: fraction("percent_rank")}, "cume_dist": {window: true, make: fraction("cume_dist")},
		"ntile": {least: 1, most: 1, window: true, make: counter("ntile")},
		"lag":   {least: 1, most: 3, window: true, make: shifted("lag")}, "lead": {least: 1, most: 3, window: true, make: shifted("lead")},
	}
	for alias, name := range map[string]string{
		"mean": "avg", "any": "bool_or", "some": "bool_or", "every": "bool_and", "collect_list": "array_agg",
		"first": "first_value", "last": "last_value", "std": "stddev", "stddev_samp": "stddev", "var_samp": "variance",
	} {
		m[alias] = m[name]
	}
	return m
}

// aggregate finishes a call with DISTINCT, FILTER and OVER.
func (in *invocation) aggregate(duck string, typ sparksql.Type) (value, error) {
	tail, err := in.tail()
	distinct := ""
	if in.call.Distinct {
		distinct = "DISTINCT "
	}
	return value{sql: duck + "(" + distinct + in.list(0) + ")" + tail, typ: typ}, err
}

func itself(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if k := in.args[len(in.args)-1].typ.Kind; k == sparksql.MapType || k == sparksql.VariantType {
			return value{}, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "The `%s` does not support ordering on type \"%s\".",
				in.call.Name, in.args[len(in.args)-1].typ.SQL())
		}
		return in.aggregate(duck, in.args[0].typ)
	}
}

// extreme is the value at the greatest or least of another one. DuckDB keeps a nested
// value as a key to sort by, which has no sign of a zero: one with floating-point
// numbers is the first of a sorted list instead.
func extreme(duck, order string) func(*invocation) (value, error) {
	plain := itself(duck)
	return func(in *invocation) (value, error) {
		x, by := in.args[0], in.args[1]
		if !x.typ.Nested() || !hasFloat(x.typ) {
			return plain(in)
		}
		if _, err := plain(in); err != nil {
			return value{}, err
		}
		tail, err := in.tail()
		return value{sql: "(list(CASE WHEN (" + by.sql + ") IS NOT NULL THEN " + x.sql + " END ORDER BY " + by.sql + " " + order +
			" NULLS LAST)" + tail + ")[1]", typ: x.typ}, err
	}
}

func hasFloat(t sparksql.Type) bool {
	if t.Kind == sparksql.FloatType || t.Kind == sparksql.DoubleType || t.Elem != nil && hasFloat(*t.Elem) ||
		t.Key != nil && hasFloat(*t.Key) {
		return true
	}
	return slices.ContainsFunc(t.Fields, func(f sparksql.Field) bool { return hasFloat(f.Type) })
}

func countOf(in *invocation) (value, error) {
	switch {
	case in.call.Star:
		tail, err := in.tail()
		return value{sql: "count(*)" + tail, typ: sparksql.Long}, err
	case len(in.args) == 0:
		return value{}, wrongNumber(in.call, builtin{least: 1, most: -1})
	case len(in.args) > 1:
		// Rows where none of them is NULL.
		nulls := make([]string, len(in.args))
		for i, a := range in.args {
			nulls[i] = a.sql + " IS NULL"
		}
		in.args = []value{{sql: "CASE WHEN " + strings.Join(nulls, " OR ") + " THEN NULL ELSE row(" + in.list(0) + ") END"}}
	}
	return in.aggregate("count", sparksql.Long)
}

func countIf(in *invocation) (value, error) {
	if err := in.want(sparksql.Boolean); err != nil {
		return value{}, err
	}
	v, err := in.aggregate("count_if", sparksql.Long)
	v.sql = "CAST(coalesce(" + v.sql + ", 0) AS BIGINT)" // DuckDB's is NULL where all conditions are
	return v, err
}

// number makes the argument a number: text is read as DOUBLE.
func (in *invocation) number() (sparksql.Type, error) {
	typ := in.args[0].typ
	if typ.Kind == sparksql.StringType || typ.Kind == sparksql.VoidType {
		typ = sparksql.DoubleOf
	}
	if !typ.Numeric() {
		return typ, mismatch(Pretty(in.call), "parameter 1 requires a numeric type, however it has the type \""+typ.SQL()+"\"")
	}
	v, err := in.t.types.cast(in.args[0], typ, false)
	in.args[0] = v
	return typ, err
}

func sumOf(in *invocation) (value, error) {
	typ, err := in.number()
	if err != nil {
		return value{}, err
	}
	switch {
	case typ.Integral():
		v, err := in.aggregate("sum", sparksql.Long)
		v.sql = "CAST(" + v.sql + " AS BIGINT)" // DuckDB sums into HUGEINT
		return v, err
	case typ.Kind == sparksql.DecimalType:
		to := sparksql.Type{Kind: sparksql.DecimalType, Precision: min(38, typ.Precision+10), Scale: typ.Scale}
		v, err := in.aggregate("sum", to)
		v.sql = "CAST(" + v.sql + " AS " + to.DuckDB() + ")"
		return v, err
	}
	return in.aggregate("sum", sparksql.DoubleOf)
}

func avgOf(in *invocation) (value, error) {
	typ, err := in.number()
	if err != nil {
		return value{}, err
	}
	if typ.Kind != sparksql.DecimalType {
		return in.aggregate("avg", sparksql.DoubleOf)
	}
	sum, err := in.aggregate("sum", typ)
	if err != nil {
		return value{}, err
	}
	count, err := in.aggregate("count", sparksql.Long)
	count.sql = "nullif(" + count.sql + ", 0)"
	to := sparksql.Type{Kind: sparksql.DecimalType, Precision: min(38, typ.Precision+4), Scale: min(38, typ.Scale+4)}
	return exact(Divide, sum, count, to), err
}

func doubleOf(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if err := in.want(sparksql.DoubleOf); err != nil {
			return value{}, err
		}
		return in.aggregate(duck, sparksql.DoubleOf)
	}
}

func bitOf(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if !in.args[0].typ.Integral() {
			return value{}, mismatch(Pretty(in.call), "parameter 1 requires an integral type")
		}
		return in.aggregate(duck, in.args[0].typ)
	}
}

// collect is array_agg: NULLs are left out, and no rows make an empty array.
func collect(in *invocation) (value, error) {
	typ := sparksql.ArrayOf(in.args[0].typ)
	v, err := in.aggregate("list", typ)
	v.sql = "coalesce(list_filter(" + v.sql + ", lambda e: e IS NOT NULL), [])"
	return v, err
}

func collectSet(in *invocation) (value, error) {
	typ := sparksql.ArrayOf(in.args[0].typ)
	in.call.Distinct = true
	v, err := in.aggregate("list", typ)
	v.sql = "coalesce(list_filter(" + v.sql + ", lambda e: e IS NOT NULL), [])"
	return v, err
}

// edge is first_value and last_value, with IGNORE NULLS or a second argument TRUE.
func edge(which string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		ignore := in.call.IgnoreNulls
		if len(in.args) == 2 {
			l, ok := in.call.Args[1].(*sparksql.Literal)
			if !ok || l.Type.Kind != sparksql.BooleanType {
				return value{}, sparksql.Unsupported("a second argument of %s that is not TRUE or FALSE", in.call.Name)
			}
			ignore = ignore || l.Text == "true"
			in.args = in.args[:1]
		}
		typ := in.args[0].typ
		if in.call.Over == nil {
			if ignore && which == "first" {
				return in.aggregate("any_value", typ) // of DuckDB: the first that is not NULL
			} else if ignore {
				return in.lastKnown(typ)
			}
			return in.aggregate(which, typ)
		}
		tail, err := in.tail()
		nulls := ""
		if ignore {
			nulls = " IGNORE NULLS"
		}
		return value{sql: which + "_value(" + in.args[0].sql + nulls + ")" + tail, typ: typ}, err
	}
}

// lastKnown is the last value that is not NULL, of a group.
func (in *invocation) lastKnown(typ sparksql.Type) (value, error) {
	known := in.args[0].sql + " IS NOT NULL"
	if in.call.Filter != nil {
		v, err := in.t.boolean(in.call.Filter, in.scope)
		if err != nil {
			return v, err
		}
		known += " AND " + v.sql
	}
	return value{sql: "last(" + in.args[0].sql + ") FILTER (WHERE " + known + ")", typ: typ}, nil
}

// anyValue is DuckDB's, which is one that is not NULL if there is any.
func anyValue(in *invocation) (value, error) {
	if len(in.args) == 2 {
		if l, ok := in.call.Args[1].(*sparksql.Literal); !ok || l.Type.Kind != sparksql.BooleanType {
			return value{}, sparksql.Unsupported("a second argument of any_value that is not TRUE or FALSE")
		}
		in.args = in.args[:1]
	}
	return itself("any_value")(in)
}

// fraction is a rank between 0 and 1.
func fraction(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		tail, err := in.tail()
		return value{sql: duck + "()" + tail, typ: sparksql.DoubleOf}, err
	}
}

func counter(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if len(in.args) > 0 {
			if err := in.want(sparksql.Long); err != nil {
				return value{}, err
			}
		}
		tail, err := in.tail()
		return value{sql: "CAST(" + duck + "(" + in.list(0) + ")" + tail + " AS INTEGER)", typ: sparksql.Int}, err
	}
}

func shifted(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		typ := in.args[0].typ
		if len(in.args) > 1 {
			v, err := in.t.types.cast(in.args[1], sparksql.Long, false)
			if err != nil {
				return value{}, err
			}
			in.args[1] = v
		}
		if len(in.args) > 2 {
			v, err := in.t.types.cast(in.args[2], typ, false)
			if err != nil {
				return value{}, err
			}
			in.args[2] = v
		}
		tail, err := in.tail()
		nulls := ""
		if in.call.IgnoreNulls {
			nulls = " IGNORE NULLS"
		}
		return value{sql: duck + "(" + in.list(0) + nulls + ")" + tail, typ: typ}, err
	}
}
