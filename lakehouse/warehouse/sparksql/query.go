package sparksql

import "strings"

func (p *parser) startsQuery() bool {
	n := 0
	for p.peekAt(n).Kind == Symbol && p.peekAt(n).Value == "(" {
		n++
	}
	t := p.peekAt(n)
	return t.Is("SELECT") || t.Is("WITH") || t.Is("VALUES") && p.peekAt(n+1).Value == "("
}

// query takes WITH … SELECT … ORDER BY … LIMIT ….
func (p *parser) query() (*Query, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	outer := p.windows
	defer func() { p.windows = outer }()
	p.windows = nil
	q := &Query{}
	var err error
	if p.accept("WITH") {
		if q.With, err = p.ctes(); err != nil {
			return nil, err
		}
	}
	if q.Body, err = p.setOps(); err != nil {
		return nil, err
	}
	if p.accept("ORDER", "BY") {
		if q.Order, err = p.orderItems(); err != nil {
			return nil, err
		}
	}
	for _, clause := range [...]string{"SORT", "CLUSTER", "DISTRIBUTE"} {
		if p.is(clause, "BY") {
			return nil, Unsupported("%s in a query", clause)
		}
	}
	if err := p.orderedWindows(q); err != nil {
		return nil, err
	}
	if p.accept("LIMIT") && !p.accept("ALL") {
		if q.Limit, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.accept("OFFSET") {
		q.Offset, err = p.expr()
	}
	return q, err
}

func (p *parser) ctes() ([]CTE, error) {
	if p.is("RECURSIVE") {
		return nil, Unsupported("WITH RECURSIVE")
	}
	var out []CTE
	for {
		name, err := p.identifier()
		if err != nil {
			return nil, err
		}
		cte := CTE{Name: name}
		if p.is("(") {
			if cte.Columns, err = p.nameList(); err != nil {
				return nil, err
			}
		}
		p.accept("AS")
		if err := p.expect("("); err != nil {
			return nil, err
		}
		if cte.Query, err = p.query(); err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		out = append(out, cte)
		if !p.accept(",") {
			return out, nil
		}
	}
}

func (p *parser) setOps() (Body, error) {
	left, err := p.intersections()
	for err == nil {
		var op string
		switch {
		case p.accept("UNION"):
			op = "UNION"
		case p.accept("EXCEPT"), p.accept("MINUS"):
			op = "EXCEPT"
		default:
			return left, nil
		}
		all := p.accept("ALL")
		p.accept("DISTINCT")
		var right Body
		right, err = p.intersections()
		left = &SetOp{op, all, left, right}
	}
	return nil, err
}

func (p *parser) intersections() (Body, error) {
	left, err := p.queryTerm()
	for err == nil && p.accept("INTERSECT") {
		all := p.accept("ALL")
		p.accept("DISTINCT")
		var right Body
		right, err = p.queryTerm()
		left = &SetOp{"INTERSECT", all, left, right}
	}
	return left, err
}

func (p *parser) queryTerm() (Body, error) {
	switch {
	case p.accept("SELECT"):
		return p.selectBody()
	case p.accept("VALUES"):
		return p.values()
	case p.accept("("):
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return &Nested{q}, p.expect(")")
	}
	return nil, p.fail("expected SELECT")
}

func (p *parser) values() (Body, error) {
	v := &Values{}
	for {
		var row []Expr
		if p.is("(") {
			p.i++
			var err error
			if row, err = p.exprs(); err != nil {
				return nil, err
			}
			if err := p.expect(")"); err != nil {
				return nil, err
			}
		} else {
			x, err := p.expr()
			if err != nil {
				return nil, err
			}
			row = []Expr{x}
		}
		if len(v.Rows) > 0 && len(row) != len(v.Rows[0]) {
			return nil, Errorf("42000", "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
				"Invalid inline table. Inline table expected %d columns but found %d columns in row %d.", len(v.Rows[0]), len(row), len(v.Rows))
		}
		v.Rows = append(v.Rows, row)
		if !p.accept(",") {
			return v, nil
		}
	}
}

func (p *parser) selectBody() (Body, error) {
	s := &Select{Distinct: p.accept("DISTINCT")}
	if !s.Distinct {
		p.accept("ALL")
	}
	var err error
	if s.Items, err = p.items(); err != nil {
		return nil, err
	}
	if p.accept("FROM") {
		if s.From, err = p.relations(); err != nil {
			return nil, err
		}
	}
	for _, clause := range [...]string{"LATERAL", "PIVOT", "UNPIVOT"} {
		if p.is(clause) {
			return nil, Unsupported("%s", clause)
		}
	}
	if p.accept("WHERE") {
		if s.Where, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.accept("GROUP", "BY") {
		if err := p.group(s); err != nil {
			return nil, err
		}
	}
	if p.accept("HAVING") {
		if s.Having, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.accept("QUALIFY") {
		if s.Qualify, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if s.windows, err = p.windowClause(); err == nil {
		p.windows, err = named(p.windows, s.windows)
	}
	return s, err
}

func (p *parser) group(s *Select) error {
	if p.accept("ALL") {
		s.GroupAll = true
		return nil
	}
	for _, word := range [...]string{"ROLLUP", "CUBE", "GROUPING"} {
		if p.is(word, "(") || p.is(word, "SETS") {
			return Unsupported("GROUP BY %s", word)
		}
	}
	var err error
	s.Group, err = p.exprs()
	if err == nil && (p.is("WITH") || p.is("GROUPING", "SETS")) {
		return Unsupported("GROUP BY … %s", upperWord(p.peek()))
	}
	return err
}

func (p *parser) items() ([]Item, error) {
	var out []Item
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		item := Item{X: x}
		if p.accept("AS") {
			if p.is("(") {
				return nil, Unsupported("an alias of several names")
			}
			if item.Alias, err = p.identifier(); err != nil {
				return nil, err
			}
		} else if t := p.peek(); t.Kind == Quoted || t.Kind == Word && !endsItem[strings.ToUpper(t.Value)] {
			p.i++
			item.Alias = t.Value
		}
		out = append(out, item)
		if !p.accept(",") {
			return out, nil
		}
	}
}

// endsItem are words that cannot be an alias without AS.
var endsItem = wordSet(`FROM WHERE GROUP HAVING QUALIFY ORDER SORT CLUSTER DISTRIBUTE LIMIT OFFSET UNION EXCEPT
	MINUS INTERSECT LATERAL WINDOW PIVOT UNPIVOT ON USING JOIN INNER LEFT RIGHT FULL CROSS SEMI ANTI NATURAL
	WHEN THEN ELSE END AND OR NOT IS IN LIKE BETWEEN FILEFORMAT TABLESAMPLE VERSION TIMESTAMP FOR SET AS SELECT VALUES`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

func (p *parser) orderItems() ([]OrderItem, error) {
	var out []OrderItem
	for {
		if p.is("ALL") && len(out) == 0 {
			return nil, Unsupported("ORDER BY ALL")
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		item := OrderItem{X: x, Desc: p.accept("DESC")}
		if !item.Desc {
			p.accept("ASC")
		}
		if p.accept("NULLS") {
			first := p.accept("FIRST")
			if !first && !p.accept("LAST") {
				return nil, p.fail("expected FIRST or LAST")
			}
			item.NullsFirst = &first
		}
		out = append(out, item)
		if !p.accept(",") {
			return out, nil
		}
	}
}

func (p *parser) window() (*Window, error) {
	if !p.is("(") || p.peekAt(2).Value == ")" && p.peekAt(1).Kind != Symbol {
		return p.windowName()
	}
	p.i++
	w := &Window{}
	var err error
	if p.accept("PARTITION", "BY") || p.accept("DISTRIBUTE", "BY") {
		if w.Partition, err = p.exprs(); err != nil {
			return nil, err
		}
	}
	if p.accept("ORDER", "BY") || p.accept("SORT", "BY") {
		if w.Order, err = p.orderItems(); err != nil {
			return nil, err
		}
	}
	if p.is("ROWS") || p.is("RANGE") {
		if w.Frame, err = p.frame(); err != nil {
			return nil, err
		}
	}
	return w, p.expect(")")
}

func (p *parser) frame() (string, error) {
	kind := strings.ToUpper(p.take().Value)
	if !p.accept("BETWEEN") {
		from, err := p.bound()
		return kind + " " + from, err
	}
	from, err := p.bound()
	if err != nil {
		return "", err
	}
	if err := p.expect("AND"); err != nil {
		return "", err
	}
	to, err := p.bound()
	return kind + " BETWEEN " + from + " AND " + to, err
}

func (p *parser) bound() (string, error) {
	if p.accept("CURRENT", "ROW") {
		return "CURRENT ROW", nil
	}
	edge := "UNBOUNDED"
	if !p.accept("UNBOUNDED") {
		t := p.peek()
		if _, err := p.integer(); err != nil {
			return "", err
		}
		edge = t.Value
	}
	for _, way := range [...]string{"PRECEDING", "FOLLOWING"} {
		if p.accept(way) {
			return edge + " " + way, nil
		}
	}
	return "", p.fail("expected PRECEDING or FOLLOWING")
}

// keywordCall takes the functions whose arguments are parted by keywords.
func (p *parser) keywordCall(name string) (Expr, error) {
	start := p.i
	p.i += 2
	switch name {
	case "extract":
		t := p.take()
		if t.Kind != Word && t.Kind != Text {
			return nil, p.fail("expected a field")
		}
		return p.fromCall("date_part", &Literal{String, strings.ToUpper(t.Value)})
	case "trim":
		for word, fn := range map[string]string{"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"} {
			if p.is(word) && p.peekAt(1).Value != ")" && p.peekAt(1).Value != "," {
				p.i++
				name = fn
				break
			}
		}
		if p.accept("FROM") {
			return p.lastArgument(&Call{Name: name})
		}
	}
	operand := p.expr
	if name == "position" {
		operand = p.bits // IN is not an operator here
	}
	x, err := operand()
	if err != nil {
		return nil, err
	}
	switch {
	case name == "position" && p.accept("IN"):
		return p.lastArgument(&Call{Name: name, Args: []Expr{x}})
	case name == "overlay" && p.is("PLACING"):
		return nil, Unsupported("the function overlay")
	case strings.HasSuffix(name, "trim") && p.accept("FROM"):
		// Spark's trim(chars FROM s) has the characters first in the function form too.
		return p.lastArgument(&Call{Name: name, Args: []Expr{x}})
	case strings.HasPrefix(name, "substr") && p.accept("FROM"):
		call := &Call{Name: name, Args: []Expr{x}}
		from, err := p.expr()
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, from)
		if p.accept("FOR") {
			return p.lastArgument(call)
		}
		return call, p.expect(")")
	}
	p.i = start + 2
	return p.call(name)
}

func (p *parser) fromCall(name string, first Expr) (Expr, error) {
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	return p.lastArgument(&Call{Name: name, Args: []Expr{first}})
}

func (p *parser) lastArgument(c *Call) (Expr, error) {
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	c.Args = append(c.Args, x)
	return c, p.expect(")")
}
