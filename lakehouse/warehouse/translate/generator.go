package translate

import "github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"

// explode is the one function that makes rows of a value. It stands alone as an
// item of SELECT.
const explode = "explode"

func generates(x sparksql.Expr) bool {
	c, ok := x.(*sparksql.Call)
	return ok && c.Name == explode
}

func oneGenerator(list []sparksql.Item) error {
	n := 0
	for _, item := range list {
		if generates(item.X) {
			n++
		}
	}
	if n > 1 {
		return sparksql.Errorf("42K0E", "UNSUPPORTED_GENERATOR.MULTI_GENERATOR",
			"The generator is not supported: only one generator allowed per SELECT clause but found %d.", n)
	}
	return nil
}

// item translates an item of SELECT, and gives the name that it has without an
// alias.
func (t *Translator) item(x sparksql.Expr, s *scope) (value, string, error) {
	if !generates(x) {
		v, err := t.expr(x, s)
		return v, itemName(x), err
	}
	c, _ := x.(*sparksql.Call)
	if len(c.Args) != 1 {
		return value{}, "", wrongNumber(c, builtin{least: 1, most: 1})
	}
	v, err := t.expr(c.Args[0], s)
	switch {
	case err != nil:
		return v, "", err
	case v.typ.Kind == sparksql.MapType:
		return v, "", sparksql.Unsupported("explode of a map")
	case v.typ.Kind != sparksql.ArrayType:
		return v, "", mismatch(Pretty(x), "parameter 1 requires an array or a map")
	}
	return value{sql: "unnest(" + v.sql + ")", typ: *v.typ.Elem}, "col", nil
}

// itemName is the name of an item: a cast of a column has the column's.
func itemName(x sparksql.Expr) string {
	if c, ok := x.(*sparksql.Cast); ok {
		if _, column := c.X.(*sparksql.Name); column {
			return Pretty(c.X)
		}
	}
	return Pretty(x)
}

// nestedGenerator is explode anywhere else.
func nestedGenerator(in *invocation) (value, error) {
	return value{}, sparksql.Errorf("42K0E", "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
		"The generator is not supported: nested in expressions \"%s\".", Pretty(in.call))
}
