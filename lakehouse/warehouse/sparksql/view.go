package sparksql

import "strings"

// How a view follows changes of its tables: Spark's CREATE VIEW … WITH SCHEMA.
const (
	Binding       = "BINDING"
	Compensation  = "COMPENSATION"
	TypeEvolution = "TYPE EVOLUTION"
)

// schemaBinding takes what follows WITH SCHEMA.
func (p *parser) schemaBinding() (string, error) {
	switch {
	case p.accept("BINDING"):
		return Binding, nil
	case p.accept("COMPENSATION"):
		return Compensation, nil
	case p.accept("TYPE", "EVOLUTION"):
		return TypeEvolution, nil
	case p.is("EVOLUTION"):
		return "", Unsupported("a view WITH SCHEMA EVOLUTION")
	}
	return "", p.fail("expected BINDING, COMPENSATION or EVOLUTION")
}

// viewQuery takes a view's query, and its text as written.
func (p *parser) viewQuery() (*Query, string, error) {
	start := p.peek().Start
	q, err := p.query()
	if err != nil {
		return nil, "", err
	}
	if p.params > 0 {
		return nil, "", Unsupported("parameters in a view")
	}
	return q, strings.TrimSpace(p.sql[start:p.peek().Start]), nil
}

// Grant is GRANT or REVOKE of privileges on a table or view.
type Grant struct {
	Privileges []string // in capitals
	Name       []string
	Principal  string
	Revoke     bool
}

func (*Grant) isStatement() {}

func (p *parser) grant() (Statement, error) { return p.grantOrRevoke(&Grant{}, "TO") }

func (p *parser) revoke() (Statement, error) { return p.grantOrRevoke(&Grant{Revoke: true}, "FROM") }

func (p *parser) grantOrRevoke(g *Grant, preposition string) (Statement, error) {
	for {
		var words []string
		for p.peek().Kind == Word && !p.is("ON") {
			words = append(words, upperWord(p.take()))
		}
		if len(words) == 0 {
			return nil, p.fail("expected a privilege")
		}
		g.Privileges = append(g.Privileges, strings.Join(words, " "))
		if !p.accept(",") {
			break
		}
	}
	var err error
	if g.Name, err = p.onTable(); err != nil {
		return nil, err
	}
	if err := p.expect(preposition); err != nil {
		return nil, err
	}
	g.Principal, err = p.identifier()
	return g, err
}

// onTable takes ON and the name of a table or view.
func (p *parser) onTable() ([]string, error) {
	if err := p.expect("ON"); err != nil {
		return nil, err
	}
	for _, other := range []string{"CATALOG", "SCHEMA", "DATABASE", "VOLUME", "FUNCTION", "METASTORE", "EXTERNAL"} {
		if p.is(other) {
			return nil, Unsupported("grants on a %s", other)
		}
	}
	if !p.accept("TABLE") {
		p.accept("VIEW")
	}
	return p.name(3)
}

// showGrants is SHOW GRANTS [principal] ON a table or view.
func (p *parser) showGrants(s *Show) (Statement, error) {
	var err error
	s.What = "GRANTS"
	if !p.is("ON") {
		if s.Key, err = p.identifier(); err != nil {
			return nil, err
		}
	}
	s.Name, err = p.onTable()
	return s, err
}
