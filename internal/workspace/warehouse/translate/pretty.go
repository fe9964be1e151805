//go:build cgo

package translate

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"ingest/internal/workspace/warehouse/sparksql"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Pretty is an expression as Databricks writes it, which is also the name of a
// result's column that has no alias.
func Pretty(x sparksql.Expr) string {
	switch x := x.(type) {
	case *sparksql.Literal:
		return prettyLiteral(x)
	case *sparksql.Name:
		return x.Parts[len(x.Parts)-1]
	case *sparksql.Star:
		return "*"
	case *sparksql.Call:
		return prettyCall(x)
	case *sparksql.Unary:
		if x.Op == "NOT" {
			return "(NOT " + Pretty(x.X) + ")"
		}
		if x.Op == "~" {
			return "~" + Pretty(x.X)
		}
		return "(" + x.Op + " " + Pretty(x.X) + ")"
	case *sparksql.Operation:
		return prettyOperation(x)
	case *sparksql.Cast:
		verb := "CAST("
		if x.Try {
			verb = "TRY_CAST("
		}
		return verb + Pretty(x.X) + " AS " + x.To.SQL() + ")"
	case *sparksql.Case:
		return prettyCase(x)
	case *sparksql.In:
		return prettyIn(x)
	case *sparksql.Between:
		return negated(x.Not, "between("+Pretty(x.X)+", "+Pretty(x.Low)+", "+Pretty(x.High)+")")
	case *sparksql.Like:
		return negated(x.Not, prettyLike(x))
	case *sparksql.Is:
		return prettyIs(x)
	case *sparksql.Exists:
		return "exists()"
	case *sparksql.Subquery:
		return "scalarsubquery()"
	case *sparksql.Index:
		return Pretty(x.X) + "[" + Pretty(x.I) + "]"
	case *sparksql.Member:
		return Pretty(x.X) + "." + x.Name
	case *sparksql.Lambda:
		return "lambdafunction(" + Pretty(x.Body) + ", " + strings.Join(x.Params, ", ") + ")"
	case *sparksql.Param:
		if x.Index >= 0 {
			return "?"
		}
		return x.Name
	case *sparksql.IntervalOf:
		return "INTERVAL '" + Pretty(x.N) + "' " + x.Unit
	}
	return "?"
}

func negated(not bool, s string) string {
	if not {
		return "(NOT " + s + ")"
	}
	return s
}

func prettyLiteral(l *sparksql.Literal) string {
	switch l.Type.Kind {
	case sparksql.VoidType:
		return "NULL"
	case sparksql.BinaryType:
		return "X'" + hexOf(l.Text) + "'"
	case sparksql.DateType:
		return "DATE '" + l.Text + "'"
	case sparksql.TimestampType:
		return "TIMESTAMP '" + prettyInstant(l.Text) + "'"
	case sparksql.TimestampNTZType:
		return "TIMESTAMP_NTZ '" + prettyInstant(l.Text) + "'"
	case sparksql.DoubleType:
		return prettyDouble(l.Text, 64)
	case sparksql.FloatType:
		return prettyDouble(l.Text, 32)
	}
	return l.Text
}

// prettyInstant leaves out the zeros after a fraction's last digit.
func prettyInstant(text string) string {
	if whole, fraction, ok := strings.Cut(text, "."); ok && strings.Trim(fraction, "0123456789") == "" {
		return strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".")
	}
	return text
}

// prettyDouble writes a literal as Java writes the number that it stands for.
func prettyDouble(text string, bits int) string {
	v, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return text
	}
	if v == 0 || math.Abs(v) >= 1e-3 && math.Abs(v) < 1e7 {
		return withPoint(strconv.FormatFloat(v, 'f', -1, bits))
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, bits), "E")
	sign, exponent := strings.TrimRight(exponent[:1], "+"), strings.TrimLeft(exponent[1:], "0")
	return withPoint(digits) + "E" + sign + exponent
}

func withPoint(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}

// prettyNames are functions that are written in another way than they are called.
var prettyNames = map[string]string{
	"ceil": "CEIL", "floor": "FLOOR", "sqrt": "SQRT", "power": "POWER", "exp": "EXP", "log10": "LOG10", "signum": "SIGNUM",
	"regexp_like": "REGEXP_LIKE", "array_agg": "collect_list",
	"first_value": "first", "last_value": "last",
}

var prettyTrims = map[string]string{"trim": "BOTH", "ltrim": "LEADING", "rtrim": "TRAILING"}

// prettyDefaults are what is written for arguments that are not given, at their
// places; those that have to be given are empty.
var prettyDefaults = map[string][]string{
	"round": {"", "0"}, "bround": {"", "0"}, "sort_array": {"", "true"}, "substring": {"", "", "2147483647"}, "substr": {"", "", "2147483647"},
	"lpad": {"", "", " "}, "rpad": {"", "", " "}, "regexp_replace": {"", "", "", "1"}, "split": {"", "", "-1"},
}

func prettyCall(c *sparksql.Call) string {
	if c.Star {
		return "count(1)" + prettyTail(c)
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = Pretty(a)
	}
	distinct := ""
	if c.Distinct {
		distinct = "DISTINCT "
	}
	if defaults, ok := prettyDefaults[c.Name]; ok {
		args = append(args, defaults[min(len(args), len(defaults)):]...)
	}
	if strings.HasSuffix(c.Name, "variant_get") { // without the type
		args = args[:min(len(args), 2)]
	}
	if way, ok := prettyTrims[c.Name]; ok && len(args) == 2 {
		return "TRIM(" + way + " " + args[0] + " FROM " + args[1] + ")"
	}
	if c.Name == "from_json" && len(args) > 1 && strings.HasPrefix(strings.ToUpper(args[1]), "MAP<") {
		return "entries"
	}
	name := cmp.Or(prettyNames[c.Name], c.Name)
	if name == "if" || name == "iff" {
		return "(IF(" + strings.Join(args, ", ") + "))"
	}
	return name + "(" + distinct + strings.Join(args, ", ") + ")" + prettyTail(c)
}

func prettyTail(c *sparksql.Call) string {
	out := ""
	if c.IgnoreNulls && !strings.HasPrefix(c.Name, "first") && !strings.HasPrefix(c.Name, "last") {
		out = " ignore nulls"
	}
	if c.Filter != nil {
		out += " FILTER (WHERE " + Pretty(c.Filter) + ")"
	}
	if c.Over == nil {
		return out
	}
	var parts []string
	if c.Over.Partition != nil {
		list := make([]string, len(c.Over.Partition))
		for i, x := range c.Over.Partition {
			list[i] = Pretty(x)
		}
		parts = append(parts, "PARTITION BY "+strings.Join(list, ", "))
	}
	if c.Over.Order != nil {
		list := make([]string, len(c.Over.Order))
		for i, o := range c.Over.Order {
			way, first := "ASC", !o.Desc
			if o.Desc {
				way = "DESC"
			}
			if o.NullsFirst != nil {
				first = *o.NullsFirst
			}
			nulls := "LAST"
			if first {
				nulls = "FIRST"
			}
			list[i] = Pretty(o.X) + " " + way + " NULLS " + nulls
		}
		parts = append(parts, "ORDER BY "+strings.Join(list, ", "))
	}
	frame := c.Over.Frame
	if frame == "" {
		frame = "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
		if c.Over.Order == nil || c.Name == "row_number" {
			frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
		}
		if c.Name == "row_number" {
			frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
		}
	}
	return out + " OVER (" + strings.Join(append(parts, frame), " ") + ")"
}

func prettyLike(x *sparksql.Like) string {
	escape := ""
	if x.Escape != `\` {
		escape = " ESCAPE '" + x.Escape + "'"
	}
	switch x.Op {
	case "LIKE":
		return Pretty(x.X) + " LIKE " + Pretty(x.Pattern) + escape
	case "RLIKE":
		return "RLIKE(" + Pretty(x.X) + ", " + Pretty(x.Pattern) + ")"
	}
	return strings.ToLower(x.Op) + "(" + Pretty(x.X) + ", " + Pretty(x.Pattern) + ")"
}

func prettyOperation(x *sparksql.Operation) string {
	op := x.Op
	switch op {
	case "||":
		return "concat(" + Pretty(x.L) + ", " + Pretty(x.R) + ")"
	case "<>":
		return "(NOT (" + Pretty(x.L) + " = " + Pretty(x.R) + "))"
	case "DIV":
		op = "div"
	}
	if _, ok := x.R.(*sparksql.IntervalOf); ok {
		return Pretty(x.L) + " " + op + " " + Pretty(x.R)
	}
	return "(" + Pretty(x.L) + " " + op + " " + Pretty(x.R) + ")"
}

func prettyCase(x *sparksql.Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, w := range x.Whens {
		when := Pretty(w[0])
		if x.Operand != nil {
			when = "(" + Pretty(x.Operand) + " = " + when + ")"
		}
		b.WriteString(" WHEN " + when + " THEN " + Pretty(w[1]))
	}
	if x.Else != nil {
		b.WriteString(" ELSE " + Pretty(x.Else))
	}
	b.WriteString(" END")
	return b.String()
}

func prettyIn(x *sparksql.In) string {
	list := make([]string, len(x.List))
	for i, v := range x.List {
		list[i] = Pretty(v)
	}
	return negated(x.Not, "("+Pretty(x.X)+" IN ("+strings.Join(list, ", ")+"))")
}

func prettyIs(x *sparksql.Is) string {
	if x.What == "DISTINCT" {
		same := "(" + Pretty(x.X) + " <=> " + Pretty(x.Other) + ")"
		return negated(!x.Not, same)
	}
	not := ""
	if x.Not {
		not = "NOT "
	}
	return "(" + Pretty(x.X) + " IS " + not + x.What + ")"
}
