package sparksql

import "strings"

// expr takes an expression. Precedence, loosest first: OR, AND, NOT, predicates,
// |, ^, &, shifts, additive with ||, multiplicative, sign, :: and [].
func (p *parser) expr() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if l, err := p.lambda(); l != nil || err != nil {
		return l, err
	}
	return p.chain(p.conjunction, "OR")
}

func (p *parser) conjunction() (Expr, error) { return p.chain(p.negation, "AND") }

// chain takes operands of one precedence, left to right.
func (p *parser) chain(operand func() (Expr, error), ops ...string) (Expr, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		op := ""
		for _, o := range ops {
			if p.accept(o) {
				op = o
				break
			}
		}
		if op == "" {
			return left, nil
		}
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = &Operation{op, left, right}
	}
}

func (p *parser) negation() (Expr, error) {
	if p.is("NOT") || p.is("!") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.i++
		x, err := p.negation()
		return &Unary{"NOT", x}, err
	}
	return p.predicate()
}

// lambda takes x -> … and (x, y) -> …; nil when there is none.
func (p *parser) lambda() (Expr, error) {
	var params []string
	start := p.i
	if t := p.peek(); (t.Kind == Word || t.Kind == Quoted) && p.peekAt(1).Value == "->" && p.peekAt(1).Kind == Symbol {
		params = []string{p.take().Value}
	} else if p.is("(") {
		p.i++
		for {
			t := p.take()
			if t.Kind != Word && t.Kind != Quoted {
				break
			}
			params = append(params, t.Value)
			if !p.accept(",") {
				break
			}
		}
		if !p.is(")", "->") {
			p.i = start
			return nil, nil
		}
		p.i++
	} else {
		return nil, nil
	}
	if err := p.expect("->"); err != nil {
		return nil, err
	}
	body, err := p.expr()
	if err != nil {
		return nil, err
	}
	return &Lambda{params, body}, nil
}

var comparisons = []string{"=", "==", "<=>", "<>", "!=", "<=", ">=", "<"}

func (p *parser) predicate() (Expr, error) {
	left, err := p.bits()
	if err != nil {
		return nil, err
	}
	for {
		next, err := p.predicateTail(left)
		if err != nil || next == nil {
			return left, err
		}
		left = next
	}
}

func (p *parser) predicateTail(left Expr) (Expr, error) {
	for _, op := range comparisons {
		if p.accept(op) {
			right, err := p.bits()
			return &Operation{canonicalComparison(op), left, right}, err
		}
	}
	if p.is(">") && !p.adjacent(">", ">") && p.accept(">") {
		right, err := p.bits()
		return &Operation{">", left, right}, err
	}
	if p.accept("IS") {
		return p.isTail(left)
	}
	start := p.i
	not := p.accept("NOT")
	switch {
	case p.accept("IN"):
		return p.inTail(left, not)
	case p.accept("BETWEEN"):
		low, err := p.bits()
		if err != nil {
			return nil, err
		}
		if err := p.expect("AND"); err != nil {
			return nil, err
		}
		high, err := p.bits()
		return &Between{left, low, high, not}, err
	case p.is("LIKE"), p.is("ILIKE"), p.is("RLIKE"), p.is("REGEXP"):
		return p.likeTail(left, not)
	}
	p.i = start
	return nil, nil
}

func canonicalComparison(op string) string {
	switch op {
	case "==":
		return "="
	case "!=":
		return "<>"
	}
	return op
}

// adjacent looks for symbols that touch one another.
func (p *parser) adjacent(symbols ...string) bool {
	for n, s := range symbols {
		t := p.peekAt(n)
		if t.Kind != Symbol || t.Value != s || n > 0 && p.peekAt(n-1).Stop != t.Start {
			return false
		}
	}
	return true
}

func (p *parser) isTail(left Expr) (Expr, error) {
	not := p.accept("NOT")
	for _, what := range [...]string{"NULL", "TRUE", "FALSE"} {
		if p.accept(what) {
			return &Is{X: left, What: what, Not: not}, nil
		}
	}
	if p.accept("UNKNOWN") {
		return &Is{X: left, What: "NULL", Not: not}, nil
	}
	if err := p.expect("DISTINCT", "FROM"); err != nil {
		return nil, err
	}
	other, err := p.bits()
	return &Is{X: left, What: "DISTINCT", Other: other, Not: not}, err
}

func (p *parser) inTail(left Expr, not bool) (Expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if p.startsQuery() {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &In{X: left, Query: q, Not: not}, p.expect(")")
	}
	list, err := p.exprs()
	if err != nil {
		return nil, err
	}
	return &In{X: left, List: list, Not: not}, p.expect(")")
}

func (p *parser) likeTail(left Expr, not bool) (Expr, error) {
	op := strings.ToUpper(p.take().Value)
	if op == "REGEXP" {
		op = "RLIKE"
	}
	if p.is("ANY") || p.is("ALL") || p.is("SOME") {
		return nil, Unsupported("%s %s", op, strings.ToUpper(p.peek().Value))
	}
	pattern, err := p.bits()
	if err != nil {
		return nil, err
	}
	like := &Like{Op: op, X: left, Pattern: pattern, Escape: `\`, Not: not}
	if p.accept("ESCAPE") {
		if like.Escape, err = p.text(); err != nil {
			return nil, err
		}
		if len([]rune(like.Escape)) != 1 {
			return nil, p.fail("ESCAPE takes one character")
		}
	}
	return like, nil
}

func (p *parser) bits() (Expr, error) { return p.chain(p.exclusive, "|") }

func (p *parser) exclusive() (Expr, error) { return p.chain(p.conjunct, "^") }

func (p *parser) conjunct() (Expr, error) { return p.chain(p.shift, "&") }

func (p *parser) shift() (Expr, error) {
	left, err := p.additive()
	for err == nil {
		var op string
		switch {
		case p.adjacent(">", ">", ">"):
			op, p.i = ">>>", p.i+3
		case p.adjacent(">", ">"):
			op, p.i = ">>", p.i+2
		case p.accept("<<"):
			op = "<<"
		default:
			return left, nil
		}
		var right Expr
		right, err = p.additive()
		left = &Operation{op, left, right}
	}
	return nil, err
}

func (p *parser) additive() (Expr, error) { return p.chain(p.multiplicative, "+", "-", "||") }

func (p *parser) multiplicative() (Expr, error) { return p.chain(p.signed, "*", "/", "%", "DIV") }

func (p *parser) signed() (Expr, error) {
	for _, op := range [...]string{"-", "+", "~"} {
		if !p.is(op) {
			continue
		}
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.i++
		if least := leastLiteral(p.peek()); least != nil && op == "-" {
			p.i++
			return least, nil
		}
		x, err := p.signed()
		if err != nil {
			return nil, err
		}
		if lit, ok := x.(*Literal); ok && op == "-" && lit.Type.Numeric() && !strings.HasPrefix(lit.Text, "-") {
			return negativeLiteral(lit), nil
		}
		return &Unary{op, x}, nil
	}
	return p.postfix()
}

// postfix parses a primary with ::, [] and . after it. It refuses other postfixes of Databricks by name.
func (p *parser) postfix() (Expr, error) {
	x, err := p.primary()
	for err == nil {
		switch {
		case p.accept("::"):
			var to Type
			to, err = p.dataType()
			x = &Cast{X: x, To: to}
		case p.accept("["):
			var i Expr
			if i, err = p.expr(); err == nil {
				x, err = &Index{x, i}, p.expect("]")
			}
		case p.is(".") && p.peekAt(1).Kind != Symbol:
			p.i++
			var name string
			name, err = p.identifier()
			x = &Member{x, name}
		case p.is(":"):
			return nil, Unsupported("the operator : (variant_get works)")
		case p.is("COLLATE") && p.peekAt(1).Kind == Word && !endsItem[upperWord(p.peekAt(1))]:
			return nil, Unsupported("COLLATE")
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *parser) exprs() ([]Expr, error) {
	var out []Expr
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
		if !p.accept(",") {
			return out, nil
		}
	}
}
