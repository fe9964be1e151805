package sparksql

import "strings"

func (p *parser) show() (Statement, error) {
	s := &Show{}
	switch {
	case p.accept("CATALOGS"):
		s.What = "CATALOGS"
	case p.accept("SCHEMAS"), p.accept("DATABASES"):
		s.What = "SCHEMAS"
	case p.accept("TABLES"):
		s.What = "TABLES"
	case p.accept("TABLE", "EXTENDED"):
		s.What = "TABLE EXTENDED"
		return s, p.showTableExtended(s)
	case p.accept("VIEWS"):
		s.What = "VIEWS"
	case p.accept("VOLUMES"):
		s.What = "VOLUMES"
	case p.accept("COLUMNS"):
		s.What = "COLUMNS"
		return s, p.showColumns(s)
	case p.accept("TBLPROPERTIES"):
		s.What = "TBLPROPERTIES"
		return s, p.showProperties(s)
	case p.accept("GRANTS"):
		return p.showGrants(s)
	case p.accept("CREATE", "TABLE"):
		s.What = "CREATE TABLE"
		var err error
		s.Name, err = p.name(3)
		return s, err
	default:
		return nil, Unsupported("SHOW %s", upperWord(p.peek()))
	}
	return s, p.showIn(s)
}

func (p *parser) showIn(s *Show) error {
	var err error
	if p.is("DROPPED") {
		return Unsupported("SHOW %s DROPPED", s.What)
	}
	if p.accept("IN") || p.accept("FROM") {
		if s.Name, err = p.name(2); err != nil {
			return err
		}
	}
	p.accept("LIKE")
	if p.peek().Kind == Text {
		s.HasFilter = true
		s.Pattern, err = p.text()
	}
	return err
}

func (p *parser) showColumns(s *Show) error {
	if !p.accept("IN") && !p.accept("FROM") {
		return p.fail("expected IN")
	}
	var err error
	if s.Name, err = p.name(3); err != nil {
		return err
	}
	if p.accept("IN") || p.accept("FROM") {
		space, err := p.name(2)
		if err != nil {
			return err
		}
		s.Name = append(space, s.Name[len(s.Name)-1])
	}
	return nil
}

func (p *parser) showProperties(s *Show) error {
	var err error
	if s.Name, err = p.name(3); err != nil {
		return err
	}
	if p.accept("(") {
		if s.Key, err = p.propertyKey(); err != nil {
			return err
		}
		return p.expect(")")
	}
	return nil
}

func (p *parser) describe() (Statement, error) {
	d := &Describe{What: "TABLE"}
	var err error
	named := p.peekAt(1).Kind == Word || p.peekAt(1).Kind == Quoted
	switch {
	case p.startsQuery():
		d.What = "QUERY"
		d.Query, err = p.query()
		return d, err
	case p.is("QUERY") && named:
		p.i++
		d.What = "QUERY"
		d.Query, err = p.query()
		return d, err
	case p.is("HISTORY") && named, p.is("DETAIL") && named, p.is("CATALOG") && named, p.is("VOLUME") && named:
		d.What = upperWord(p.take())
	case (p.is("SCHEMA") || p.is("DATABASE")) && named:
		p.i++
		d.What = "SCHEMA"
		d.Extended = p.accept("EXTENDED")
	case describedElsewhere[upperWord(p.peek())] && named:
		return nil, Unsupported("DESCRIBE %s", upperWord(p.peek()))
	default:
		if p.is("TABLE") && named {
			p.i++
		}
		if (p.is("EXTENDED") || p.is("FORMATTED")) && p.peekAt(1).Kind != End && p.peekAt(1).Value != ";" {
			p.i++
			d.Extended = true
		}
	}
	if d.Name, err = p.name(3); err != nil {
		return nil, err
	}
	return d, p.describeTail(d)
}

// describedElsewhere are things that Databricks describes and this warehouse has not.
var describedElsewhere = wordSet(`CONNECTION CREDENTIAL EXTERNAL FUNCTION PROCEDURE PROVIDER RECIPIENT SHARE STORAGE`)

func (p *parser) describeTail(d *Describe) error {
	var err error
	switch {
	case d.What == "HISTORY" && p.accept("LIMIT"):
		d.Limit, err = p.integer()
	case d.What == "TABLE" && p.accept("AS", "JSON"):
		return Unsupported("DESCRIBE … AS JSON")
	case d.What == "TABLE" && p.is("PARTITION"):
		return Unsupported("DESCRIBE … PARTITION")
	case d.What == "TABLE" && (p.peek().Kind == Word || p.peek().Kind == Quoted):
		d.Column, err = p.name(5)
	}
	return err
}

func (p *parser) truncate() (Statement, error) {
	if err := p.expect("TABLE"); err != nil {
		return nil, err
	}
	name, err := p.name(3)
	if err == nil && p.is("PARTITION") {
		return nil, Unsupported("TRUNCATE … PARTITION")
	}
	return &Truncate{name}, err
}

func (p *parser) commentOn() (Statement, error) {
	if err := p.expect("ON"); err != nil {
		return nil, err
	}
	c := &CommentOn{}
	most := 3
	switch what := upperWord(p.peek()); what {
	case "TABLE", "VIEW":
		c.What = "TABLE"
	case "SCHEMA", "DATABASE":
		c.What, most = "SCHEMA", 2
	case "COLUMN":
		c.What, most = "COLUMN", 4
	default:
		return nil, Unsupported("COMMENT ON %s", what)
	}
	p.i++
	var err error
	if c.Name, err = p.name(most); err != nil {
		return nil, err
	}
	if err := p.expect("IS"); err != nil {
		return nil, err
	}
	if p.accept("NULL") {
		return c, nil
	}
	c.Comment, err = p.text()
	return c, err
}

func (p *parser) restore() (Statement, error) {
	p.accept("TABLE")
	name, err := p.name(3)
	if err != nil {
		return nil, err
	}
	p.accept("TO")
	if p.is("TIMESTAMP") {
		return nil, Unsupported("RESTORE … TO TIMESTAMP (VERSION AS OF works)")
	}
	if err := p.expect("VERSION", "AS", "OF"); err != nil {
		return nil, err
	}
	n, err := p.integer()
	return &Restore{name, n}, err
}

func (p *parser) optimize() (Statement, error) {
	m := &Maintain{What: upperWord(p.peekAt(-1))}
	var err error
	if m.Name, err = p.name(3); err != nil {
		return nil, err
	}
	switch {
	case p.accept("FULL"):
	case p.accept("RETAIN"):
		if _, err := p.integer(); err != nil {
			return nil, err
		}
		if err = p.expect("HOURS"); err == nil && p.is("DRY") {
			return nil, Unsupported("DRY in %s", m.What)
		}
	case p.is("WHERE"), p.is("ZORDER"), p.is("DRY"):
		return nil, Unsupported("%s in %s", upperWord(p.peek()), m.What)
	}
	return m, err
}

func (p *parser) analyze() (Statement, error) {
	if err := p.expect("TABLE"); err != nil {
		return nil, err
	}
	name, err := p.name(3)
	if err != nil {
		return nil, err
	}
	for p.peek().Kind == Word && strings.Contains(" COMPUTE DELTA STATISTICS NOSCAN FOR ALL COLUMNS ", " "+upperWord(p.peek())+" ") {
		p.i++
	}
	return &Maintain{"ANALYZE", name}, nil
}
