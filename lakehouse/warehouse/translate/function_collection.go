package translate

import (
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func collections() map[string]builtin {
	m := map[string]builtin{
		"array": {least: 0, most: -1, make: arrayOf}, "map": {least: 0, most: -1, make: mapOf},
		"struct": {least: 1, most: -1, make: structOf}, "named_struct": {least: 2, most: -1, make: namedStruct},
		"array_contains": {least: 2, most: 2, make: arrayContains}, "size": {least: 1, most: 1, make: sizeOf},
		"element_at": {least: 2, most: 2, make: elementAtOf(false)}, "try_element_at": {least: 2, most: 2, make: elementAtOf(true)},
		"sort_array": {least: 1, most: 2, make: sortArray}, "array_sort": {least: 1, most: 1, make: arraySort},
		"array_join":      {least: 2, most: 3, make: arrayJoin},
		"transform":       {least: 2, most: 2, lambda: true, make: higher("list_transform")},
		"filter":          {least: 2, most: 2, lambda: true, make: higher("list_filter")},
		"map_from_arrays": {least: 2, most: 2, make: mapFromArrays}, explode: {least: 1, most: 1, make: nestedGenerator},
		"map_keys":   {least: 1, most: 1, make: mapPart("map_keys", true)},
		"map_values": {least: 1, most: 1, make: mapPart("map_values", false)},
		"flatten":    {least: 1, most: 1, make: flattenOf}, "slice": {least: 3, most: 3, make: sliceOf},
		"split": {least: 2, most: 2, make: splitOf}, "array_size": {least: 1, most: 1, make: sizeOf},
		"array_max": {least: 1, most: 1, make: extremeElement("list_max")}, "array_min": {least: 1, most: 1, make: extremeElement("list_min")},
		"exists":    {least: 2, most: 2, lambda: true, make: elements("TRUE", "FALSE")},
		"forall":    {least: 2, most: 2, lambda: true, make: elements("FALSE", "TRUE")},
		"aggregate": {least: 3, most: 4, lambda: true, make: folded}, "get": {least: 2, most: 2, make: getOf},
		"array_position": {least: 2, most: 2, make: arrayPosition}, "array_compact": {least: 1, most: 1, make: compact},
	}
	m["cardinality"], m["reduce"] = m["size"], m["aggregate"]
	return m
}

func needs(in *invocation, kinds ...sparksql.TypeKind) error {
	if slices.Contains(kinds, in.args[0].typ.Kind) {
		return nil
	}
	return mismatch(Pretty(in.call), "parameter 1 has the wrong type \""+in.args[0].typ.SQL()+"\"")
}

func arrayOf(in *invocation) (value, error) {
	typ, err := in.t.types.unify(Pretty(in.call), in.args)
	return value{sql: "[" + in.list(0) + "]", typ: sparksql.ArrayOf(typ)}, err
}

func mapOf(in *invocation) (value, error) {
	if len(in.args)%2 != 0 {
		return value{}, wrongNumber(in.call, builtin{least: 2 * (len(in.args)/2 + 1), most: -1})
	}
	var keys, vals []value
	for i := 0; i < len(in.args); i += 2 {
		keys, vals = append(keys, in.args[i]), append(vals, in.args[i+1])
	}
	kt, err := in.t.types.unify(Pretty(in.call), keys)
	if err != nil {
		return value{}, err
	}
	vt, err := in.t.types.unify(Pretty(in.call), vals)
	join := func(list []value) string { return (&invocation{args: list}).list(0) }
	return value{sql: "map([" + join(keys) + "], [" + join(vals) + "])", typ: sparksql.MapOf(kt, vt)}, err
}

func mapFromArrays(in *invocation) (value, error) {
	keys, vals := in.args[0].typ, in.args[1].typ
	if keys.Kind != sparksql.ArrayType || vals.Kind != sparksql.ArrayType {
		return value{}, mismatch(Pretty(in.call), "the parameters require arrays")
	}
	return value{
		sql: in.expand("CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN map($1, $2) END"), typ: sparksql.MapOf(*keys.Elem, *vals.Elem),
	}, nil
}

func structOf(in *invocation) (value, error) {
	names := make([]string, len(in.args))
	for i, x := range in.call.Args {
		names[i] = "col" + itoa(i+1)
		if n, ok := x.(*sparksql.Name); ok {
			names[i] = n.Parts[len(n.Parts)-1]
		}
	}
	return pack(names, in.args), nil
}

func namedStruct(in *invocation) (value, error) {
	if len(in.args)%2 != 0 {
		return value{}, wrongNumber(in.call, builtin{least: 2 * (len(in.args)/2 + 1), most: -1})
	}
	var names []string
	var vals []value
	for i := 0; i < len(in.args); i += 2 {
		if in.args[i].text == nil {
			return value{}, sparksql.Errorf("42K09", "DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING",
				"Only foldable \"STRING\" expressions are allowed to appear at odd position.")
		}
		names, vals = append(names, *in.args[i].text), append(vals, in.args[i+1])
	}
	return pack(names, vals), nil
}

func pack(names []string, vals []value) value {
	typ := sparksql.Type{Kind: sparksql.StructType}
	parts := make([]string, len(vals))
	for i, v := range vals {
		typ.Fields = append(typ.Fields, sparksql.Field{Name: names[i], Type: v.typ})
		parts[i] = quote(names[i]) + " := " + v.sql
	}
	return value{sql: "struct_pack(" + strings.Join(parts, ", ") + ")", typ: typ}
}

// nullElement refuses to look for an element that is NULL and has no type.
func nullElement(in *invocation) error {
	return sparksql.Errorf("42K09", "DATATYPE_MISMATCH.NULL_TYPE",
		"Cannot resolve \"%s\" due to data type mismatch: Null typed values cannot be used as arguments.", Pretty(in.call))
}

func arrayContains(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	if in.args[1].typ.Kind == sparksql.VoidType {
		return value{}, nullElement(in)
	}
	typ, ok := common(*in.args[0].typ.Elem, in.args[1].typ)
	if !ok {
		return value{}, mismatch(Pretty(in.call), "the element has another type than the array's")
	}
	if err := in.want(sparksql.ArrayOf(typ)); err != nil && in.args[1].typ.Kind == sparksql.ArrayType {
		return value{}, err
	}
	list, err := in.t.types.cast(in.args[0], sparksql.ArrayOf(typ), false)
	if err != nil {
		return value{}, err
	}
	elem, err := in.t.types.cast(in.args[1], typ, false)
	if err != nil {
		return value{}, err
	}
	// NULL when it is not found and the array has a NULL.
	e := in.t.fresh("e")
	sql := "list_transform([{'l': " + list.sql + ", 'x': " + elem.sql + "}], lambda " + e + ": CASE WHEN " + e + ".l IS NULL OR " + e +
		".x IS NULL THEN NULL WHEN list_contains(" + e + ".l, " + e +
		".x) THEN TRUE WHEN len(" + e + ".l) > list_count(" + e + ".l) THEN NULL ELSE FALSE END)[1]"
	return value{sql: sql, typ: sparksql.Boolean}, nil
}

// sizeOf is NULL of NULL, as in ANSI mode.
func sizeOf(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType, sparksql.MapType); err != nil {
		return value{}, err
	}
	fn := "len"
	if in.args[0].typ.Kind == sparksql.MapType {
		fn = "cardinality"
	}
	return value{sql: "CAST(" + fn + "(" + in.args[0].sql + ") AS INTEGER)", typ: sparksql.Int}, nil
}

func elementAtOf(try bool) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if err := needs(in, sparksql.ArrayType, sparksql.MapType); err != nil {
			return value{}, err
		}
		v := in.args[0]
		if v.typ.Kind == sparksql.MapType {
			k, err := in.t.types.cast(in.args[1], *v.typ.Key, false)
			return value{sql: "(" + v.sql + ")[" + k.sql + "]", typ: *v.typ.Elem}, err
		}
		i, err := in.t.types.cast(in.args[1], sparksql.Int, false)
		if err != nil {
			return i, err
		}
		at := value{sql: "(" + v.sql + ")[" + i.sql + "]", typ: *v.typ.Elem}
		if !try {
			at = elementAt(v, i.sql, "abs("+i.sql+") > len("+v.sql+")", "INVALID_ARRAY_INDEX_IN_ELEMENT_AT")
		}
		at.sql = "CASE WHEN " + i.sql + " = 0 AND (" + v.sql + ") IS NOT NULL THEN " + indexOfZero + " ELSE " + at.sql + " END"
		return at, nil
	}
}

// sortArray has NULLs first ascending and last descending.
func sortArray(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	order := "'ASC', 'NULLS FIRST'"
	if len(in.args) == 2 {
		l, ok := in.call.Args[1].(*sparksql.Literal)
		if !ok || l.Type.Kind != sparksql.BooleanType {
			return value{}, sparksql.Unsupported("a direction of sort_array that is not a literal")
		}
		if l.Text == "false" {
			order = "'DESC', 'NULLS LAST'"
		}
	}
	return value{sql: "list_sort(" + in.args[0].sql + ", " + order + ")", typ: in.args[0].typ}, nil
}

func arraySort(in *invocation) (value, error) {
	err := needs(in, sparksql.ArrayType)
	return value{sql: "list_sort(" + in.args[0].sql + ", 'ASC', 'NULLS LAST')", typ: in.args[0].typ}, err
}

func arrayJoin(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	if err := in.want(sparksql.ArrayOf(sparksql.String), sparksql.String); err != nil && in.args[0].typ.Kind != sparksql.ArrayType {
		return value{}, err
	}
	list, err := in.t.types.cast(in.args[0], sparksql.ArrayOf(sparksql.String), false)
	if err != nil {
		return value{}, err
	}
	if len(in.args) == 3 {
		e := in.t.fresh("e")
		list.sql = "list_transform(" + list.sql + ", lambda " + e + ": coalesce(" + e + ", " + in.args[2].sql + "))"
	}
	return value{sql: "array_to_string(" + list.sql + ", " + in.args[1].sql + ")", typ: sparksql.String}, nil
}

// lambdaOf translates the array and the lambda over it.
func lambdaOf(in *invocation) (list, body value, param string, err error) {
	if list, err = in.t.expr(in.call.Args[0], in.scope); err != nil {
		return
	}
	in.args = []value{list}
	if err = needs(in, sparksql.ArrayType); err != nil {
		return
	}
	l, ok := in.call.Args[1].(*sparksql.Lambda)
	if !ok || len(l.Params) != 1 {
		err = sparksql.Unsupported("%s with anything but a lambda of one parameter", in.call.Name)
		return
	}
	param = in.t.fresh("e")
	s := &scope{
		outer: in.scope, ctes: in.scope.cteList(), lambda: map[string]value{strings.ToLower(l.Params[0]): {sql: param, typ: *list.typ.Elem}},
	}
	body, err = in.t.expr(l.Body, s)
	return
}

func higher(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		list, body, param, err := lambdaOf(in)
		if err != nil {
			return value{}, err
		}
		typ := list.typ
		if duck == "list_transform" {
			typ = sparksql.ArrayOf(body.typ)
		}
		return value{sql: duck + "(" + list.sql + ", lambda " + param + ": " + body.sql + ")", typ: typ}, nil
	}
}

// elements is exists and forall: decided by one element for which the lambda is so;
// otherwise NULL if it is NULL for one, and the rest if not.
func elements(decides, rest string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		list, body, param, err := lambdaOf(in)
		if err == nil {
			body, err = in.t.types.cast(body, sparksql.Boolean, false)
		}
		if err != nil {
			return value{}, err
		}
		truths := "list_transform(" + list.sql + ", lambda " + param + ": " + body.sql + ")"
		return value{sql: "CASE WHEN list_contains(" + truths + ", " + decides + ") THEN " + decides + " WHEN len(" + truths + ") = list_count(" +
			truths + ") THEN " + rest + " END", typ: sparksql.Boolean}, nil
	}
}

// folded is aggregate(array, start, (acc, e) -> …[, acc -> …]).
func folded(in *invocation) (value, error) {
	args, err := in.t.exprs(in.call.Args[:2], in.scope)
	if err != nil {
		return value{}, err
	}
	in.args = args
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	list, start := args[0], args[1]
	acc, element := in.t.fresh("e"), in.t.fresh("e")
	merged, err := in.lambda(2, value{sql: acc, typ: start.typ}, value{sql: element, typ: *list.typ.Elem})
	switch {
	case err != nil:
		return value{}, err
	case !merged.typ.Equal(start.typ):
		return value{}, mismatch(Pretty(in.call),
			"parameter 3 requires the \""+start.typ.SQL()+"\" type, however it has the type \""+merged.typ.SQL()+"\"")
	case in.captures: // DuckDB's list_reduce takes them of other rows where a list is empty or NULL
		return value{}, sparksql.Unsupported("%s with a lambda that names columns", in.call.Name)
	case !list.typ.Elem.Equal(start.typ): // DuckDB's list_reduce has one type for both
		return value{}, sparksql.Unsupported("%s to another type than the elements'", in.call.Name)
	}
	out := value{
		sql: "list_reduce(" + list.sql + ", lambda " + acc + ", " + element + ": " + merged.sql + ", " + start.sql + ")", typ: start.typ,
	}
	if len(in.call.Args) < 4 {
		return out, nil
	}
	// The end is computed of a list of one element, so that the fold is written once.
	last := in.t.fresh("e")
	end, err := in.lambda(3, value{sql: last, typ: start.typ})
	return value{sql: "CASE WHEN " + list.sql + " IS NOT NULL THEN list_transform([" + out.sql + "], lambda " + last + ": " + end.sql +
		")[1] END", typ: end.typ}, err
}

// lambda translates an argument that is a lambda, with the values of its parameters.
func (in *invocation) lambda(at int, params ...value) (value, error) {
	l, ok := in.call.Args[at].(*sparksql.Lambda)
	if !ok || len(l.Params) != len(params) {
		return value{}, sparksql.Errorf("42K0D", "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
			"A higher order function expects %d arguments, but got another number.", len(params))
	}
	names := map[string]value{}
	for i, p := range l.Params {
		names[strings.ToLower(p)] = params[i]
	}
	return in.t.expr(l.Body, &scope{outer: in.scope, ctes: in.scope.cteList(), lambda: names, captures: &in.captures})
}

func mapPart(duck string, keys bool) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if err := needs(in, sparksql.MapType); err != nil {
			return value{}, err
		}
		typ := *in.args[0].typ.Elem
		if keys {
			typ = *in.args[0].typ.Key
		}
		return value{sql: duck + "(" + in.args[0].sql + ")", typ: sparksql.ArrayOf(typ)}, nil
	}
}

func flattenOf(in *invocation) (value, error) {
	if in.args[0].typ.Kind != sparksql.ArrayType || in.args[0].typ.Elem.Kind != sparksql.ArrayType {
		return value{}, mismatch(Pretty(in.call), "parameter 1 requires an array of arrays")
	}
	e := in.t.fresh("e")
	return value{
		sql: in.expand("CASE WHEN len(list_filter($1, lambda " + e + ": " + e + " IS NULL)) > 0 THEN NULL ELSE flatten($1) END"),
		typ: *in.args[0].typ.Elem,
	}, nil
}

func sliceOf(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	start, ok1 := ordinal(in.call.Args[1])
	length, ok2 := ordinal(in.call.Args[2])
	if !ok1 || !ok2 || start < 1 || length < 0 {
		return value{}, sparksql.Unsupported("slice with other than literals from 1 on")
	}
	return value{sql: "list_slice(" + in.args[0].sql + ", " + itoa(start) + ", " + itoa(start+length-1) + ")", typ: in.args[0].typ}, nil
}

func splitOf(in *invocation) (value, error) {
	err := in.want(sparksql.String)
	return value{sql: "regexp_split_to_array(" + in.list(0) + ")", typ: sparksql.ArrayOf(sparksql.String)}, err
}

func extremeElement(duck string) func(*invocation) (value, error) {
	return func(in *invocation) (value, error) {
		if err := needs(in, sparksql.ArrayType); err != nil {
			return value{}, err
		}
		return value{sql: duck + "(" + in.args[0].sql + ")", typ: *in.args[0].typ.Elem}, nil
	}
}

func getOf(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	i, err := in.t.types.cast(in.args[1], sparksql.Int, false)
	return value{sql: "CASE WHEN " + i.sql + " >= 0 THEN (" + in.args[0].sql + ")[" + i.sql + " + 1] END", typ: *in.args[0].typ.Elem}, err
}

func arrayPosition(in *invocation) (value, error) {
	if err := needs(in, sparksql.ArrayType); err != nil {
		return value{}, err
	}
	if in.args[1].typ.Kind == sparksql.VoidType {
		return value{}, nullElement(in)
	}
	x, err := in.t.types.cast(in.args[1], *in.args[0].typ.Elem, false)
	list := in.args[0].sql
	return value{sql: "CASE WHEN " + list + " IS NOT NULL THEN CAST(coalesce(list_position(" + list + ", " + x.sql +
		"), 0) AS BIGINT) END", typ: sparksql.Long}, err
}

func compact(in *invocation) (value, error) {
	err := needs(in, sparksql.ArrayType)
	e := in.t.fresh("e")
	return value{sql: "list_filter(" + in.args[0].sql + ", lambda " + e + ": " + e + " IS NOT NULL)", typ: in.args[0].typ}, err
}
