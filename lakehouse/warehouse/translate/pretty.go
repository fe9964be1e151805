package translate

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Pretty is an expression as Databricks writes it, which is also the name of a
// result's column that has no alias.
func Pretty(x sparksql.Expr) string { return printer{}.expr(x) }

// printer writes expressions, inside lambdas with these parameters.
type printer struct{ bound []string }

// variable is how a lambda's parameter is written.
const variable = "namedlambdavariable()"

func (p printer) lambda(x *sparksql.Lambda) string {
	p.bound = append(slices.Clone(p.bound), x.Params...)
	return "lambdafunction(" + p.expr(x.Body) + strings.Repeat(", "+variable, len(x.Params)) + ")"
}

func (p printer) name(x *sparksql.Name) string {
	last := x.Parts[len(x.Parts)-1]
	if !slices.ContainsFunc(p.bound, func(b string) bool { return strings.EqualFold(b, x.Parts[0]) }) {
		return last
	}
	return strings.Join(append([]string{variable}, x.Parts[1:]...), ".")
}

func (p printer) expr(x sparksql.Expr) string {
	switch x := x.(type) {
	case *sparksql.Literal:
		return prettyLiteral(x)
	case *sparksql.Name:
		return p.name(x)
	case *sparksql.Star:
		return "*"
	case *sparksql.Call:
		return p.call(x)
	case *sparksql.Unary:
		if x.Op == "NOT" {
			return "(NOT " + p.expr(x.X) + ")"
		}
		if x.Op == "~" {
			return "~" + p.expr(x.X)
		}
		return "(" + x.Op + " " + p.expr(x.X) + ")"
	case *sparksql.Operation:
		return p.operation(x)
	case *sparksql.Cast:
		verb := "CAST("
		if x.Try {
			verb = "TRY_CAST("
		}
		return verb + p.expr(x.X) + " AS " + x.To.SQL() + ")"
	case *sparksql.Case:
		return p.cases(x)
	case *sparksql.In:
		return p.in(x)
	case *sparksql.Between:
		return negated(x.Not, "between("+p.expr(x.X)+", "+p.expr(x.Low)+", "+p.expr(x.High)+")")
	case *sparksql.Like:
		return negated(x.Not, p.like(x))
	case *sparksql.Is:
		return p.is(x)
	case *sparksql.Exists:
		return "exists()"
	case *sparksql.Subquery:
		return "scalarsubquery()"
	case *sparksql.Index:
		return p.expr(x.X) + "[" + p.expr(x.I) + "]"
	case *sparksql.Member:
		return p.expr(x.X) + "." + x.Name
	case *sparksql.Lambda:
		return p.lambda(x)
	case *sparksql.Param:
		if x.Index >= 0 {
			return "?"
		}
		return x.Name
	case *sparksql.IntervalOf:
		return "INTERVAL '" + p.expr(x.N) + "' " + x.Unit
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
	default:
		return l.Text
	}
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
	"rank": "RANK", "dense_rank": "DENSE_RANK", "percent_rank": "PERCENT_RANK",
}

// skipsNulls are functions that can skip NULL, by an argument or by IGNORE NULLS.
var skipsNulls = map[string]bool{"first": true, "first_value": true, "last": true, "last_value": true, "any_value": true}

// ranks are functions whose frame is that of a row's number.
var ranks = map[string]bool{"row_number": true, "rank": true, "dense_rank": true, "percent_rank": true, "ntile": true}

var prettyTrims = map[string]string{"trim": "BOTH", "ltrim": "LEADING", "rtrim": "TRAILING"}

// prettyDefaults are what is written for arguments that are not given, at their
// places; those that have to be given are empty.
var prettyDefaults = map[string][]string{
	"round": {"", "0"}, "bround": {"", "0"}, "sort_array": {"", "true"}, "substring": {"", "", "2147483647"}, "substr": {"", "", "2147483647"},
	"lpad": {"", "", " "}, "rpad": {"", "", " "}, "regexp_replace": {"", "", "", "1"}, "split": {"", "", "-1"},
}

func (p printer) call(c *sparksql.Call) string {
	if c.Star {
		return "count(1)" + p.tail(c)
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = p.expr(a)
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
	switch {
	case skipsNulls[c.Name]: // whether they do is not written
		args = args[:min(len(args), 1)]
		if c.IgnoreNulls && c.Name != "any_value" {
			name = strings.TrimSuffix(name, "_value")
		}
	case c.Name == "assert_true" && len(args) == 1:
		args = append(args, "'"+args[0]+"' is not true!")
	case (c.Name == "aggregate" || c.Name == "reduce") && len(args) == 3:
		args = append(args, "lambdafunction("+variable+", "+variable+")")
	}
	if name == "if" || name == "iff" {
		return "(IF(" + strings.Join(args, ", ") + "))"
	}
	return name + "(" + distinct + strings.Join(args, ", ") + ")" + p.tail(c)
}

func (p printer) tail(c *sparksql.Call) string {
	out := ""
	if c.IgnoreNulls && !skipsNulls[c.Name] {
		out = " ignore nulls"
	}
	if c.Filter != nil {
		out += " FILTER (WHERE " + p.expr(c.Filter) + ")"
	}
	if c.Over == nil {
		return out
	}
	var parts []string
	if c.Over.Partition != nil {
		list := make([]string, len(c.Over.Partition))
		for i, x := range c.Over.Partition {
			list[i] = p.expr(x)
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
			list[i] = p.expr(o.X) + " " + way + " NULLS " + nulls
		}
		parts = append(parts, "ORDER BY "+strings.Join(list, ", "))
	}
	frame := c.Over.Frame
	if frame == "" {
		frame = "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
		switch {
		case ranks[c.Name]:
			frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
		case c.Over.Order == nil:
			frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
		}
	}
	return out + " OVER (" + strings.Join(append(parts, frame), " ") + ")"
}

func (p printer) like(x *sparksql.Like) string {
	escape := ""
	if x.Escape != `\` {
		escape = " ESCAPE '" + x.Escape + "'"
	}
	switch x.Op {
	case "LIKE":
		return p.expr(x.X) + " LIKE " + p.expr(x.Pattern) + escape
	case "RLIKE":
		return "RLIKE(" + p.expr(x.X) + ", " + p.expr(x.Pattern) + ")"
	}
	return strings.ToLower(x.Op) + "(" + p.expr(x.X) + ", " + p.expr(x.Pattern) + ")"
}

func (p printer) operation(x *sparksql.Operation) string {
	op := x.Op
	switch op {
	case "||":
		return "concat(" + p.expr(x.L) + ", " + p.expr(x.R) + ")"
	case "<>":
		return "(NOT (" + p.expr(x.L) + " = " + p.expr(x.R) + "))"
	case "DIV":
		op = "div"
	}
	if _, ok := x.R.(*sparksql.IntervalOf); ok {
		return p.expr(x.L) + " " + op + " " + p.expr(x.R)
	}
	return "(" + p.expr(x.L) + " " + op + " " + p.expr(x.R) + ")"
}

func (p printer) cases(x *sparksql.Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, w := range x.Whens {
		when := p.expr(w[0])
		if x.Operand != nil {
			when = "(" + p.expr(x.Operand) + " = " + when + ")"
		}
		b.WriteString(" WHEN " + when + " THEN " + p.expr(w[1]))
	}
	if x.Else != nil {
		b.WriteString(" ELSE " + p.expr(x.Else))
	}
	b.WriteString(" END")
	return b.String()
}

func (p printer) in(x *sparksql.In) string {
	list := make([]string, len(x.List))
	for i, v := range x.List {
		list[i] = p.expr(v)
	}
	return negated(x.Not, "("+p.expr(x.X)+" IN ("+strings.Join(list, ", ")+"))")
}

func (p printer) is(x *sparksql.Is) string {
	if x.What == "DISTINCT" {
		same := "(" + p.expr(x.X) + " <=> " + p.expr(x.Other) + ")"
		return negated(!x.Not, same)
	}
	not := ""
	if x.Not {
		not = "NOT "
	}
	return "(" + p.expr(x.X) + " IS " + not + x.What + ")"
}
