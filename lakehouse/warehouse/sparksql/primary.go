package sparksql

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

func (p *parser) primary() (Expr, error) {
	t := p.peek()
	switch t.Kind {
	case Text:
		s, err := p.text()
		return &Literal{String, s}, err
	case Bytes:
		p.i++
		return &Literal{Binary, t.Value}, nil
	case Integer, Decimal, Double, Float:
		p.i++
		return numberLiteral(t)
	case Named:
		p.i++
		return &Param{Name: t.Value, Index: -1}, nil
	case Quoted:
		return p.nameOrCall()
	case Word:
		return p.wordPrimary(t)
	case Symbol:
		return p.symbolPrimary(t)
	default:
		return nil, p.fail("expected an expression")
	}
}

func (p *parser) symbolPrimary(t Token) (Expr, error) {
	switch t.Value {
	case "*":
		p.i++
		return p.star(nil)
	case "?":
		p.i++
		p.params++
		return &Param{Index: p.params - 1}, nil
	case "(":
		p.i++
		if p.startsQuery() {
			q, err := p.query()
			if err != nil {
				return nil, err
			}
			return &Subquery{q}, p.expect(")")
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		if p.is(",") {
			return p.rowOf(x)
		}
		return x, p.expect(")")
	}
	return nil, p.fail("expected an expression")
}

// rowOf takes the rest of (a, b), which is a struct with fields col1, col2.
func (p *parser) rowOf(first Expr) (Expr, error) {
	call := &Call{Name: "struct", Args: []Expr{first}}
	for p.accept(",") {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, x)
	}
	return call, p.expect(")")
}

func (p *parser) wordPrimary(t Token) (Expr, error) {
	next := p.peekAt(1)
	switch strings.ToUpper(t.Value) {
	case "NULL":
		p.i++
		return &Literal{Void, ""}, nil
	case "TRUE", "FALSE":
		p.i++
		return &Literal{Boolean, strings.ToLower(t.Value)}, nil
	case "CASE":
		if !next.Is("AS") && next.Value != "." && next.Value != "," {
			p.i++
			return p.caseOf()
		}
	case "CAST", "TRY_CAST":
		if next.Value == "(" {
			p.i += 2
			return p.cast(strings.EqualFold(t.Value, "TRY_CAST"))
		}
	case "EXISTS":
		if next.Value == "(" {
			p.i += 2
			if !p.startsQuery() {
				p.i -= 2
				break
			}
			q, err := p.query()
			if err != nil {
				return nil, err
			}
			return &Exists{q}, p.expect(")")
		}
	case "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ":
		if next.Kind == Text {
			p.i++
			s, err := p.text()
			return &Literal{plainTypes[strings.ToUpper(t.Value)], s}, err
		}
	case "INTERVAL":
		if next.Kind == Text || next.Kind == Integer || next.Value == "-" || next.Value == "(" {
			p.i++
			return p.interval()
		}
	case "EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "POSITION", "OVERLAY":
		if next.Value == "(" {
			return p.keywordCall(strings.ToLower(t.Value))
		}
	case "CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_DATABASE", "CURRENT_SCHEMA":
		if next.Value != "(" && next.Value != "." {
			p.i++
			return &Call{Name: strings.ToLower(t.Value)}, nil
		}
	}
	if reserved[strings.ToUpper(t.Value)] && next.Value != "(" {
		return nil, p.fail("")
	}
	return p.nameOrCall()
}

// reserved are words that never start an expression here.
var reserved = map[string]bool{
	"FROM": true, "WHERE": true, "GROUP": true, "HAVING": true, "ORDER": true, "UNION": true, "ON": true, "SELECT": true,
	"WHEN": true, "THEN": true, "ELSE": true, "END": true, "AND": true, "OR": true, "AS": true, "LIMIT": true, "QUALIFY": true,
}

func (p *parser) nameOrCall() (Expr, error) {
	first := p.take()
	parts := []string{first.Value}
	if first.Kind == Word && p.is("(") {
		p.i++
		return p.call(strings.ToLower(first.Value))
	}
	if first.Kind == Quoted && p.is("(") {
		p.i++
		return p.call(strings.ToLower(first.Value))
	}
	for p.is(".") {
		if p.peekAt(1).Value == "*" && p.peekAt(1).Kind == Symbol {
			p.i += 2
			return p.star(parts)
		}
		p.i++
		part, err := p.identifier()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if p.is("(") && len(parts) > 1 {
		return nil, Errorf("42883", "UNRESOLVED_ROUTINE",
			"Cannot resolve routine %s on search path [`system`.`builtin`, `system`.`session`].", QuoteName(parts))
	}
	return &Name{parts}, nil
}

func (p *parser) star(qualifier []string) (Expr, error) {
	s := &Star{Qualifier: qualifier}
	if p.is("EXCEPT", "(") && !p.peekAt(2).Is("SELECT") {
		p.i++
		var err error
		if s.Except, err = p.nameList(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// call takes the arguments of a function, the parenthesis being taken already.
func (p *parser) call(name string) (Expr, error) {
	c := &Call{Name: name}
	switch {
	case p.is("*", ")"):
		p.i++
		c.Star = true
	case p.is(")"):
	default:
		c.Distinct = p.accept("DISTINCT")
		if !c.Distinct {
			p.accept("ALL")
		}
		if err := p.arguments(c); err != nil {
			return nil, err
		}
	}
	nulls := p.nullTreatment(c)
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	return c, p.callTail(c, nulls)
}

func (p *parser) nullTreatment(c *Call) bool {
	switch {
	case p.accept("IGNORE", "NULLS"):
		c.IgnoreNulls = true
		return true
	case p.accept("RESPECT", "NULLS"):
		return true
	}
	return false
}

func (p *parser) arguments(c *Call) error {
	for {
		if t := p.peek(); t.Kind == Word && p.peekAt(1).Value == "=>" && p.peekAt(1).Kind == Symbol {
			p.i += 2
			x, err := p.expr()
			if err != nil {
				return err
			}
			if c.Named == nil {
				c.Named = map[string]Expr{}
			}
			key := strings.ToLower(t.Value)
			if _, twice := c.Named[key]; twice {
				return Errorf("4274K", "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
					"Call to routine `%s` is invalid because it includes multiple assignments to the parameter %s.", c.Name, QuoteSpark(t.Value))
			}
			c.Named[key] = x
		} else {
			if c.Named != nil {
				return Errorf("4274K", "UNEXPECTED_POSITIONAL_ARGUMENT",
					"Cannot invoke routine `%s` because it contains positional argument(s) following named arguments.", c.Name)
			}
			x, err := p.expr()
			if err != nil {
				return err
			}
			c.Args = append(c.Args, x)
			if c.Name == "struct" && p.is("AS") {
				return Unsupported("AS in struct (named_struct works)")
			}
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) callTail(c *Call, nulls bool) error {
	var err error
	if p.accept("WITHIN", "GROUP") {
		return Unsupported("WITHIN GROUP")
	}
	if p.is("FILTER", "(") {
		p.i += 2
		if err := p.expect("WHERE"); err != nil {
			return err
		}
		if c.Filter, err = p.expr(); err != nil {
			return err
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	}
	if !nulls {
		p.nullTreatment(c)
	}
	if p.accept("OVER") {
		c.Over, err = p.window()
	}
	return err
}

func (p *parser) caseOf() (Expr, error) {
	c := &Case{}
	var err error
	if !p.is("WHEN") {
		if c.Operand, err = p.expr(); err != nil {
			return nil, err
		}
	}
	for p.accept("WHEN") {
		when, err := p.expr()
		if err != nil {
			return nil, err
		}
		if err := p.expect("THEN"); err != nil {
			return nil, err
		}
		then, err := p.expr()
		if err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, [2]Expr{when, then})
	}
	if len(c.Whens) == 0 {
		return nil, p.fail("expected WHEN")
	}
	if p.accept("ELSE") {
		if c.Else, err = p.expr(); err != nil {
			return nil, err
		}
	}
	return c, p.expect("END")
}

func (p *parser) cast(try bool) (Expr, error) {
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	to, err := p.dataType()
	if err != nil {
		return nil, err
	}
	return &Cast{x, to, try}, p.expect(")")
}

func (p *parser) interval() (Expr, error) {
	n, err := p.signed()
	if err != nil {
		return nil, err
	}
	if lit, ok := n.(*Literal); ok && lit.Type.Kind == StringType {
		fields := strings.Fields(lit.Text)
		if len(fields) == 2 && isUnit(fields[1]) {
			return &IntervalOf{&Literal{Int, fields[0]}, unit(fields[1])}, nil
		}
		if len(fields) != 1 {
			return nil, Unsupported("the interval '%s' (one number and one unit)", lit.Text)
		}
		n = &Literal{Int, fields[0]}
	}
	if p.peekAt(1).Is("TO") {
		return nil, Unsupported("intervals of several units")
	}
	if lit, ok := n.(*Literal); ok {
		if _, good := new(big.Int).SetString(lit.Text, 10); !good {
			return nil, Unsupported("an interval of %s, which is no whole number", lit.Text)
		}
	}
	t := p.peek()
	if t.Kind != Word || !isUnit(t.Value) {
		return nil, p.fail("expected an interval unit")
	}
	p.i++
	if next := p.peekAt(1); (p.peek().Kind == Integer || p.peek().Kind == Text) && next.Kind == Word && isUnit(next.Value) {
		return nil, Unsupported("intervals of several units")
	}
	return &IntervalOf{n, unit(t.Value)}, nil
}

var units = map[string]bool{
	"YEAR": true, "MONTH": true, "WEEK": true, "DAY": true, "HOUR": true, "MINUTE": true, "SECOND": true,
	"MILLISECOND": true, "MICROSECOND": true,
}

func unit(s string) string { return strings.TrimSuffix(strings.ToUpper(s), "S") }
func isUnit(s string) bool { return units[unit(s)] }

// numberLiteral types a number as Spark does: INT, else BIGINT, else DECIMAL.
func numberLiteral(t Token) (Expr, error) {
	switch t.Kind {
	case Double:
		if v, err := strconv.ParseFloat(t.Value, 64); err != nil && math.IsInf(v, 0) {
			return nil, Errorf("22003", "INVALID_NUMERIC_LITERAL_RANGE", "Numeric literal %s is outside the valid range for double.", t.Value)
		}
		return &Literal{DoubleOf, t.Value}, nil
	case Float:
		return &Literal{FloatOf, t.Value}, nil
	case Decimal:
		return decimalLiteral(t.Value)
	default:
		return integerLiteral(t)
	}
}

func integerLiteral(t Token) (Expr, error) {
	n, _ := new(big.Int).SetString(t.Value, 10)
	// One bit more than fits: the sign may make it fit; see negativeLiteral.
	limit := func(bits uint) bool { return n.Cmp(new(big.Int).Lsh(big.NewInt(1), bits)) < 0 }
	switch {
	case t.Suffix == "Y" && limit(7):
		return &Literal{Byte, n.String()}, nil
	case t.Suffix == "S" && limit(15):
		return &Literal{Short, n.String()}, nil
	case t.Suffix == "L" && limit(63):
		return &Literal{Long, n.String()}, nil
	case t.Suffix != "":
		return nil, Errorf("22003", "INVALID_NUMERIC_LITERAL_RANGE", "Numeric literal %s%s is outside the valid range.", t.Value, t.Suffix)
	case limit(31):
		return &Literal{Int, n.String()}, nil
	case limit(63):
		return &Literal{Long, n.String()}, nil
	}
	return decimalLiteral(n.String())
}

// decimalLiteral has as many digits behind the point as are written; an exponent moves it.
func decimalLiteral(text string) (Expr, error) {
	text, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(text, ".")
	if shift, err := strconv.Atoi(exponent); err == nil && shift >= -76 && shift <= 76 {
		scale := len(fraction) - shift
		whole, fraction = whole+fraction+strings.Repeat("0", max(0, -scale)), ""
		if scale > 0 {
			whole = strings.Repeat("0", max(0, scale-len(whole))) + whole
			whole, fraction = whole[:len(whole)-scale], whole[len(whole)-scale:]
		}
	}
	whole = strings.TrimLeft(whole, "0")
	p, s := len(whole)+len(fraction), len(fraction)
	if p == 0 {
		p = 1
	}
	if p > 38 {
		return nil, Errorf("22003", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "Decimal precision %d exceeds max precision 38.", p)
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return &Literal{Type{Kind: DecimalType, Precision: p, Scale: s}, whole}, nil
}

// leastLiteral is the least number of its type, which exists only with its sign: -128Y.
func leastLiteral(t Token) *Literal {
	if t.Kind != Integer {
		return nil
	}
	switch t.Value + t.Suffix {
	case "128Y":
		return &Literal{Byte, "-128"}
	case "32768S":
		return &Literal{Short, "-32768"}
	case "9223372036854775808L":
		return &Literal{Long, "-9223372036854775808"}
	}
	return nil
}

// negativeLiteral negates a constant; -2147483648 is an INT again.
func negativeLiteral(l *Literal) *Literal {
	switch l.Text {
	case "2147483648":
		if l.Type.Kind == LongType {
			return &Literal{Int, "-2147483648"}
		}
	case "9223372036854775808":
		return &Literal{Long, "-9223372036854775808"}
	}
	return &Literal{l.Type, "-" + l.Text}
}
