package sparksql

// Contains reports whether the function is true for an expression or one inside of it. It does not look into the queries of
// subqueries.
func Contains(x Expr, is func(Expr) bool) bool {
	if x == nil {
		return false
	}
	if is(x) {
		return true
	}
	for _, inner := range operands(x) {
		if Contains(inner, is) {
			return true
		}
	}
	return false
}

// operands are the expressions directly inside of one; some may be nil.
func operands(x Expr) []Expr {
	switch x := x.(type) {
	case *Call:
		return callOperands(x)
	case *Unary:
		return []Expr{x.X}
	case *Operation:
		return []Expr{x.L, x.R}
	case *Cast:
		return []Expr{x.X}
	case *Case:
		out := []Expr{x.Operand, x.Else}
		for _, w := range x.Whens {
			out = append(out, w[0], w[1])
		}
		return out
	case *In:
		return append([]Expr{x.X}, x.List...)
	case *Between:
		return []Expr{x.X, x.Low, x.High}
	case *Like:
		return []Expr{x.X, x.Pattern}
	case *Is:
		return []Expr{x.X, x.Other}
	case *Index:
		return []Expr{x.X, x.I}
	case *Member:
		return []Expr{x.X}
	case *Lambda:
		return []Expr{x.Body}
	case *IntervalOf:
		return []Expr{x.N}
	}
	return nil
}

func callOperands(c *Call) []Expr {
	out := append([]Expr{c.Filter}, c.Args...)
	for _, x := range c.Named {
		out = append(out, x)
	}
	if c.Over != nil {
		out = append(out, c.Over.Partition...)
		for _, o := range c.Over.Order {
			out = append(out, o.X)
		}
	}
	return out
}
