package sparksql

import "strings"

func (p *parser) relations() ([]Relation, error) {
	var out []Relation
	for {
		r, err := p.relation()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
		if !p.accept(",") {
			return out, nil
		}
	}
}

func (p *parser) relation() (Relation, error) {
	if p.is("LATERAL") {
		return nil, Unsupported("LATERAL")
	}
	left, err := p.relationPrimary()
	if err != nil {
		return nil, err
	}
	for {
		join, err := p.joinHead()
		if err != nil || join == nil {
			return left, err
		}
		if join.R, err = p.relationPrimary(); err != nil {
			return nil, err
		}
		switch {
		case p.accept("ON"):
			if join.On, err = p.expr(); err != nil {
				return nil, err
			}
		case p.accept("USING"):
			if join.Using, err = p.nameList(); err != nil {
				return nil, err
			}
		}
		join.L, left = left, join
	}
}

// joinHead parses the keywords of a join; nil if there is none.
func (p *parser) joinHead() (*Join, error) {
	join := &Join{Kind: "INNER"}
	start := p.i
	join.Natural = p.accept("NATURAL")
	for _, form := range [...]struct {
		words []string
		kind  string
	}{
		{[]string{"JOIN"}, "INNER"}, {[]string{"INNER", "JOIN"}, "INNER"}, {[]string{"CROSS", "JOIN"}, "CROSS"},
		{[]string{"LEFT", "OUTER", "JOIN"}, "LEFT"}, {[]string{"LEFT", "SEMI", "JOIN"}, "SEMI"}, {[]string{"LEFT", "ANTI", "JOIN"}, "ANTI"},
		{[]string{"LEFT", "JOIN"}, "LEFT"}, {[]string{"RIGHT", "OUTER", "JOIN"}, "RIGHT"}, {[]string{"RIGHT", "JOIN"}, "RIGHT"},
		{[]string{"FULL", "OUTER", "JOIN"}, "FULL"}, {[]string{"FULL", "JOIN"}, "FULL"}, {[]string{"SEMI", "JOIN"}, "SEMI"},
		{[]string{"ANTI", "JOIN"}, "ANTI"},
	} {
		if p.accept(form.words...) {
			join.Kind = form.kind
			if p.is("LATERAL") {
				return nil, Unsupported("LATERAL")
			}
			return join, nil
		}
	}
	p.i = start
	return nil, nil
}

func (p *parser) relationPrimary() (Relation, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	switch {
	case p.is("VALUES"):
		p.i++
		body, err := p.values()
		if err != nil {
			return nil, err
		}
		return p.aliased(&QueryRef{Query: &Query{Body: body}})
	case p.is("("):
		if p.startsQuery() {
			q, err := p.parenthesisedQuery()
			if err != nil {
				return nil, err
			}
			if q != nil {
				return p.aliased(&QueryRef{Query: q})
			}
		}
		p.i++
		r, err := p.relation()
		if err != nil {
			return nil, err
		}
		return r, p.expect(")")
	}
	if t := p.peek(); t.Kind == Word && p.peekAt(1).Value == "(" && p.peekAt(1).Kind == Symbol {
		p.i += 2
		c, err := p.call(strings.ToLower(t.Value))
		if err != nil {
			return nil, err
		}
		return p.aliased(&FunctionRef{Call: c.(*Call)})
	}
	name, err := p.name(3)
	if err != nil {
		return nil, err
	}
	if len(name) == 2 && fileFormats[strings.ToUpper(name[0])] && strings.Contains(name[1], "/") {
		return nil, Unsupported("a path as a table (read_files works)")
	}
	ref := &TableRef{Name: name}
	if err := p.version(ref); err != nil {
		return nil, err
	}
	return p.aliased(ref)
}

// fileFormats stand in place of a schema before a path.
var fileFormats = wordSet(`AVRO BINARYFILE CSV DELTA JSON ORC PARQUET TEXT`)

// maxAttempts bounds how often a statement's parentheses are read a second time.
const maxAttempts = 64

// parenthesisedQuery distinguishes ((SELECT …) UNION …) from ((SELECT …) a JOIN …). For the latter it returns nil and consumes
// nothing.
func (p *parser) parenthesisedQuery() (*Query, error) {
	certain := !p.is("(", "(")
	start, params, windows := p.i, p.params, p.windows
	p.i++
	q, err := p.query()
	if err == nil {
		if err = p.expect(")"); err == nil {
			return q, nil
		}
	}
	if p.attempts++; certain || p.attempts > maxAttempts {
		return nil, err
	}
	p.i, p.params, p.windows = start, params, windows
	return nil, nil
}

func (p *parser) version(ref *TableRef) error {
	p.accept("FOR")
	switch {
	case p.accept("VERSION", "AS", "OF"):
		x, err := p.primary()
		ref.Version = x
		return err
	case p.is("TIMESTAMP", "AS", "OF"):
		return Unsupported("TIMESTAMP AS OF (VERSION AS OF works)")
	case p.is("SYSTEM_VERSION"), p.is("SYSTEM_TIMESTAMP"):
		return Unsupported("%s AS OF (VERSION AS OF works)", upperWord(p.peek()))
	case p.is("TABLESAMPLE"):
		return Unsupported("TABLESAMPLE")
	}
	return nil
}

// aliased takes AS name (columns) after a relation.
func (p *parser) aliased(r Relation) (Relation, error) {
	var a Alias
	var err error
	t := p.peek()
	switch {
	case p.accept("AS"):
		if a.As, err = p.identifier(); err != nil {
			return nil, err
		}
	case t.Kind == Quoted || t.Kind == Word && !endsItem[strings.ToUpper(t.Value)]:
		p.i++
		a.As = t.Value
	}
	if a.As != "" && p.is("(") {
		if a.Columns, err = p.nameList(); err != nil {
			return nil, err
		}
	}
	switch r := r.(type) {
	case *TableRef:
		r.Alias = a
	case *FunctionRef:
		r.Alias = a
	case *QueryRef:
		r.Alias = a
	}
	return r, nil
}
