package translate

import (
	"maps"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// invocation is one call of a function, its arguments translated.
type invocation struct {
	t     *Translator
	call  *sparksql.Call
	scope *scope
	args  []value
	// captures says that a lambda names something outside of it.
	captures bool
}

// builtin is a function of Databricks'. An aggregate's make puts the tail (FILTER,
// OVER) after the call, inside of any cast.
type builtin struct {
	least, most int // number of arguments; most < 0 is any number
	make        func(*invocation) (value, error)
	aggregate   bool
	window      bool // takes OVER and needs it
	lambda      bool // make translates the arguments itself
}

func (t *Translator) call(c *sparksql.Call, s *scope) (value, error) {
	f, ok := builtins[c.Name]
	if !ok {
		return value{}, t.unknownFunction(c.Name)
	}
	if c.Named != nil {
		return value{}, sparksql.Errorf("4274K", "NAMED_PARAMETERS_NOT_SUPPORTED", "Named parameters are not supported for function %s.",
			sparksql.QuoteSpark(c.Name))
	}
	if err := wrongCount(c, f); err != nil {
		return value{}, err
	}
	if c.Over != nil && !f.aggregate && !f.window {
		return value{}, sparksql.Errorf("42P20", "UNSUPPORTED_EXPR_FOR_WINDOW",
			"Expression \"%s\" not supported within a window function.", Pretty(c))
	}
	if (c.Filter != nil || c.Distinct) && !f.aggregate {
		return value{}, sparksql.Errorf("42000", "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
			"The function `%s` is no aggregate and supports neither DISTINCT nor FILTER.", c.Name)
	}
	if c.Over == nil && f.window {
		return value{}, sparksql.Errorf("42601", "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "Window function `%s` requires an OVER clause.", c.Name)
	}
	in := &invocation{t: t, call: c, scope: s}
	if !f.lambda {
		var err error
		if in.args, err = t.exprs(c.Args, s); err != nil {
			return value{}, err
		}
	}
	return f.make(in)
}

func wrongNumber(c *sparksql.Call, f builtin) error {
	want := strconv.Itoa(f.least)
	if f.most != f.least {
		want = "at least " + want
		if f.most >= 0 {
			want = "[" + strconv.Itoa(f.least) + " to " + strconv.Itoa(f.most) + "]"
		}
	}
	return sparksql.Errorf("42605", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "The `%s` requires %s parameters but the actual number is %d.",
		c.Name, want, len(c.Args))
}

// tail is FILTER and OVER.
func (in *invocation) tail() (string, error) {
	out := ""
	if in.call.Filter != nil {
		v, err := in.t.boolean(in.call.Filter, in.scope)
		if err != nil {
			return "", err
		}
		out = " FILTER (WHERE " + v.sql + ")"
	}
	if in.call.Over == nil {
		return out, nil
	}
	w := in.call.Over
	var parts []string
	if w.Partition != nil {
		list, err := in.t.exprs(w.Partition, in.scope)
		if err != nil {
			return "", err
		}
		names := make([]string, len(list))
		for i, v := range list {
			if err := groupable(v); err != nil {
				return "", err
			}
			names[i] = v.sql
		}
		parts = append(parts, "PARTITION BY "+strings.Join(names, ", "))
	}
	if w.Order != nil {
		order, err := in.t.orderBy(w.Order, in.scope, 0)
		if err != nil {
			return "", err
		}
		parts = append(parts, "ORDER BY "+strings.Join(order, ", "))
	}
	if w.Frame != "" {
		parts = append(parts, w.Frame)
	}
	return out + " OVER (" + strings.Join(parts, " ") + ")", nil
}

// list joins the arguments' SQL from a position on.
func (in *invocation) list(from int) string {
	parts := make([]string, 0, len(in.args))
	for _, a := range in.args[from:] {
		parts = append(parts, a.sql)
	}
	return strings.Join(parts, ", ")
}

// want casts the arguments to types; the last one holds for all that remain.
func (in *invocation) want(types ...sparksql.Type) error {
	for i := range in.args {
		to := types[min(i, len(types)-1)]
		from := in.args[i].typ
		if from.Nested() != to.Nested() && from.Kind != sparksql.VoidType || to.Numeric() && from.Kind == sparksql.BooleanType ||
			from.Numeric() && refusesNumbers(to.Kind) || to.Integral() && from.Kind >= sparksql.BinaryType {
			return mismatch(Pretty(in.call), "parameter "+strconv.Itoa(i+1)+" requires the \""+to.SQL()+"\" type, however \""+
				Pretty(in.call.Args[i])+"\" has the type \""+from.SQL()+"\"")
		}
		v, err := in.t.types.cast(in.args[i], to, false)
		if err != nil {
			return err
		}
		in.args[i] = v
	}
	return nil
}

// refusesNumbers are the kinds of parameters that take no number, though a cast may.
func refusesNumbers(k sparksql.TypeKind) bool {
	return k == sparksql.BooleanType || k == sparksql.BinaryType || k == sparksql.DateType || k == sparksql.TimestampType ||
		k == sparksql.TimestampNTZType
}

// plain is a function whose arguments and result have fixed types.
func plain(duck string, result sparksql.Type, least, most int, args ...sparksql.Type) builtin {
	return builtin{least: least, most: most, make: func(in *invocation) (value, error) {
		if len(args) > 0 {
			if err := in.want(args...); err != nil {
				return value{}, err
			}
		}
		return value{sql: duck + "(" + in.list(0) + ")", typ: result}, nil
	}}
}

// form is like plain with the SQL given as a template: $1, $2, … are the arguments.
func form(template string, result sparksql.Type, args ...sparksql.Type) builtin {
	return builtin{least: len(args), most: len(args), make: func(in *invocation) (value, error) {
		if err := in.want(append(args, sparksql.String)...); err != nil {
			return value{}, err
		}
		return value{sql: in.expand(template), typ: result}, nil
	}}
}

func (in *invocation) expand(template string) string {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] == '$' && i+1 < len(template) && template[i+1] >= '1' && template[i+1] <= '9' {
			i++
			b.WriteString(in.args[template[i]-'1'].sql)
			continue
		}
		b.WriteByte(template[i])
	}
	return b.String()
}

// same is a function whose arguments come to a common type, which it yields.
func same(duck string, least int) builtin {
	return builtin{least: least, most: -1, make: func(in *invocation) (value, error) {
		typ, err := in.t.types.unify(Pretty(in.call), in.args)
		return value{sql: duck + "(" + in.list(0) + ")", typ: typ}, err
	}}
}

func fixed(sql string, typ sparksql.Type) builtin {
	return builtin{make: func(*invocation) (value, error) { return value{sql: sql, typ: typ}, nil }}
}

var builtins map[string]builtin

func init() {
	builtins = map[string]builtin{}
	for _, group := range []map[string]builtin{aggregateFunctions(), conditionals(), texts(), numbers(), instants(), collections()} {
		maps.Copy(builtins, group)
	}
}

func conditionals() map[string]builtin {
	m := map[string]builtin{
		"coalesce": same("coalesce", 1), "nvl": same("coalesce", 2), "ifnull": same("coalesce", 2),
		"greatest": same("greatest", 2), "least": same("least", 2),
		"nullif": {least: 2, most: 2, make: nullif},
		"nvl2":   {least: 3, most: 3, make: nvl2},
		"if":     {least: 3, most: 3, make: ifOf}, "iff": {least: 3, most: 3, make: ifOf},
		"isnull": {least: 1, most: 1, make: func(in *invocation) (value, error) {
			return value{sql: "(" + in.args[0].sql + " IS NULL)", typ: sparksql.Boolean}, nil
		}},
		"isnotnull": {least: 1, most: 1, make: func(in *invocation) (value, error) {
			return value{sql: "(" + in.args[0].sql + " IS NOT NULL)", typ: sparksql.Boolean}, nil
		}},
		"isnan":           form("coalesce(isnan($1), FALSE)", sparksql.Boolean, sparksql.DoubleOf),
		"typeof":          {least: 1, most: 1, make: typeOf},
		"assert_true":     {least: 1, most: 2, make: assertTrue},
		"raise_error":     {least: 1, most: 1, make: raiseError},
		"current_user":    {make: func(in *invocation) (value, error) { return textValue(in.t.ctx.User), nil }},
		"current_catalog": {make: func(in *invocation) (value, error) { return textValue(in.t.ctx.Space.Catalog), nil }},
		"current_schema":  {make: func(in *invocation) (value, error) { return textValue(in.t.ctx.Space.Schema), nil }},
		"version":         fixed("'4.0.0 0000000000000000000000000000000000000000'", sparksql.String),
		"current_version": fixed(
			"{'dbr_version': NULL, 'dbsql_version': 'local', 'u_build_hash': 'local', 'r_build_hash': 'local'}", currentVersion),
		"uuid": fixed("CAST(uuid() AS VARCHAR)", sparksql.String),
	}
	m["current_database"], m["session_user"], m["user"] = m["current_schema"], m["current_user"], m["current_user"]
	return m
}

// raising is the SQL that ends a statement with a message of the user's.
func raising(message string) string {
	return "error('[USER_RAISED_EXCEPTION] ' || coalesce(" + message + ", 'null'))"
}

func raiseError(in *invocation) (value, error) {
	err := in.want(sparksql.String)
	return value{sql: raising(in.args[0].sql), typ: sparksql.Void}, err
}

func assertTrue(in *invocation) (value, error) {
	message := sparksql.QuoteText("'" + Pretty(in.call.Args[0]) + "' is not true!")
	types := []sparksql.Type{sparksql.Boolean, sparksql.String}
	if err := in.want(types[:len(in.args)]...); err != nil {
		return value{}, err
	}
	if len(in.args) == 2 {
		message = in.args[1].sql
	}
	return value{sql: "CASE WHEN " + in.args[0].sql + " THEN NULL ELSE " + raising(message) + " END", typ: sparksql.Void}, nil
}

var currentVersion = sparksql.Type{Kind: sparksql.StructType, Fields: []sparksql.Field{
	{Name: "dbr_version", Type: sparksql.String}, {Name: "dbsql_version", Type: sparksql.String},
	{Name: "u_build_hash", Type: sparksql.String}, {Name: "r_build_hash", Type: sparksql.String}}}

func textValue(s string) value {
	return value{sql: sparksql.QuoteText(s), typ: sparksql.String, text: &s}
}

// typeOf looks at the argument all the same, since an aggregate in it makes the
// query one.
func typeOf(in *invocation) (value, error) {
	v := textValue(in.args[0].typ.String())
	v.sql = "CASE WHEN (" + in.args[0].sql + ") IS NULL THEN " + v.sql + " ELSE " + v.sql + " END"
	return v, nil
}

func nullif(in *invocation) (value, error) {
	out := in.args[0]
	eq, err := in.t.operators.compare("=", in.args[0], in.args[1])
	if err != nil {
		return value{}, err
	}
	return value{sql: "CASE WHEN " + eq.sql + " THEN NULL ELSE " + out.sql + " END", typ: out.typ}, nil
}

func nvl2(in *invocation) (value, error) {
	pair := []value{in.args[1], in.args[2]}
	typ, err := in.t.types.unify(Pretty(in.call), pair)
	return value{sql: "CASE WHEN " + in.args[0].sql + " IS NOT NULL THEN " + pair[0].sql + " ELSE " + pair[1].sql + " END", typ: typ}, err
}

func ifOf(in *invocation) (value, error) {
	if k := in.args[0].typ.Kind; k != sparksql.BooleanType && k != sparksql.VoidType {
		return value{}, mismatch(Pretty(in.call), "the first parameter requires the \"BOOLEAN\" type")
	}
	cond, err := in.t.types.cast(in.args[0], sparksql.Boolean, false)
	if err != nil {
		return value{}, err
	}
	pair := []value{in.args[1], in.args[2]}
	typ, err := in.t.types.unify(Pretty(in.call), pair)
	return value{sql: "CASE WHEN " + cond.sql + " THEN " + pair[0].sql + " ELSE " + pair[1].sql + " END", typ: typ}, err
}
