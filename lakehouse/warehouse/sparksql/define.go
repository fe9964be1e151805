package sparksql

import "strings"

func upperWord(t Token) string {
	if t.Kind != Word {
		return ""
	}
	return strings.ToUpper(t.Value)
}

func (p *parser) use() (Statement, error) {
	u := &Use{}
	most := 2
	switch {
	case p.is("CATALOG") && p.peekAt(1).Kind != End && p.peekAt(1).Value != ";":
		p.i++
		u.Catalog, most = true, 1
	case (p.is("SCHEMA") || p.is("DATABASE")) && p.peekAt(1).Kind != End && p.peekAt(1).Value != ";":
		p.i++
	}
	var err error
	u.Name, err = p.name(most)
	return u, err
}

// setOption takes SET key = value, whatever the value looks like.
func (p *parser) setOption() (Statement, error) {
	s := &SetOption{}
	if p.is("VAR") || p.is("VARIABLE") || p.is("TIME", "ZONE") {
		return nil, Unsupported("SET %s", upperWord(p.peek()))
	}
	if p.accept("-", "v") {
		s.Ask = true
		return s, nil
	}
	for p.peek().Kind != End && !p.is("=") && !p.is(";") {
		s.Key += p.take().Raw(p.sql)
	}
	if !p.accept("=") {
		if strings.EqualFold(s.Key, "QUERY_TAGS") {
			return &Show{What: "QUERY_TAGS"}, nil
		}
		s.Ask = true
		return s, nil
	}
	for p.peek().Kind != End && !p.is(";") {
		t := p.take()
		if t.Kind == Text {
			s.Value += t.Value
		} else {
			s.Value += t.Raw(p.sql)
		}
	}
	return s, nil
}

func (p *parser) create() (Statement, error) {
	replace := p.accept("OR", "REPLACE")
	switch {
	case p.accept("TABLE"):
		return p.createTable(replace)
	case p.accept("VIEW"):
		return p.createView(replace)
	case p.accept("TEMPORARY", "VIEW"), p.accept("TEMP", "VIEW"):
		return p.createTemporaryView(replace)
	case !replace && p.accept("FUNCTION"):
		return p.createFunction()
	case replace && !p.is("FUNCTION") && !p.is("MATERIALIZED") && !p.is("STREAMING") && !p.is("PROCEDURE"):
		return nil, p.fail("expected TABLE or VIEW")
	case replace: // refused below
	case p.accept("SCHEMA"), p.accept("DATABASE"):
		return p.createSpace("SCHEMA", 2)
	case p.accept("VOLUME"):
		return p.createSpace("VOLUME", 3)
	case p.accept("CATALOG"):
		return p.createSpace("CATALOG", 1)
	}
	if t := p.peek(); t.Kind == Word {
		return nil, Unsupported("CREATE %s", strings.ToUpper(t.Value))
	}
	return nil, p.fail("")
}

func (p *parser) createSpace(what string, most int) (Statement, error) {
	c := &CreateSpace{What: what, IfNotExists: p.accept("IF", "NOT", "EXISTS")}
	var err error
	if c.Name, err = p.name(most); err != nil {
		return nil, err
	}
	for {
		switch {
		case p.accept("COMMENT"):
			if c.Comment, err = p.text(); err != nil {
				return nil, err
			}
		case p.is("MANAGED"), p.is("LOCATION"), p.is("WITH"):
			return nil, Unsupported("%s in CREATE %s", upperWord(p.peek()), what)
		default:
			return c, nil
		}
	}
}

func (p *parser) drop() (Statement, error) {
	switch {
	case p.is("TABLE"), p.is("VIEW"):
		d := &DropTable{View: p.is("VIEW")}
		p.i++
		d.IfExists = p.accept("IF", "EXISTS")
		var err error
		d.Name, err = p.name(3)
		p.accept("PURGE")
		return d, err
	case p.accept("SCHEMA"), p.accept("DATABASE"):
		return p.dropSpace("SCHEMA", 2)
	case p.accept("VOLUME"):
		return p.dropSpace("VOLUME", 3)
	}
	if t := p.peek(); t.Kind == Word {
		return nil, Unsupported("DROP %s", strings.ToUpper(t.Value))
	}
	return nil, p.fail("")
}

func (p *parser) dropSpace(what string, most int) (Statement, error) {
	d := &DropSpace{What: what, IfExists: p.accept("IF", "EXISTS")}
	var err error
	if d.Name, err = p.name(most); err != nil {
		return nil, err
	}
	d.Cascade = p.accept("CASCADE")
	if !d.Cascade {
		p.accept("RESTRICT")
	}
	return d, nil
}

func (p *parser) createTable(replace bool) (Statement, error) {
	c := &CreateTable{Replace: replace}
	if !replace {
		c.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	}
	var err error
	if c.Name, err = p.name(3); err != nil {
		return nil, err
	}
	if p.is("(") && !p.startsQuery() {
		p.i++
		if c.Columns, err = p.columnDefs(); err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
	}
	if err := p.tableClauses(c); err != nil {
		return nil, err
	}
	asked := p.accept("AS")
	if asked || p.startsQuery() {
		if c.Query, err = p.query(); err != nil {
			return nil, err
		}
		if c.Columns != nil {
			return nil, Errorf("42601", "UNSUPPORTED_FEATURE.CTAS_WITH_COLUMNS",
				"CREATE TABLE AS SELECT takes no list of columns; cast in the SELECT.")
		}
	}
	if c.Query == nil && c.Columns == nil {
		c.Columns = []ColumnDef{}
	}
	return c, nil
}

// tableClauses takes the clauses of CREATE TABLE, in any order, each once.
func (p *parser) tableClauses(c *CreateTable) error {
	seen := map[string]bool{}
	for {
		word := upperWord(p.peek())
		switch word {
		case "USING", "CLUSTER", "COMMENT", "TBLPROPERTIES":
		case "PARTITIONED":
			if seen["CLUSTER"] || p.followedByCluster() {
				return Errorf("42908", "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "Cannot specify both CLUSTER BY and PARTITIONED BY.")
			}
			return Unsupported("%s in CREATE TABLE", word)
		case "LOCATION", "OPTIONS", "WITH", "CLONE", "SHALLOW", "DEEP", "LIKE":
			if word == "WITH" && p.startsQuery() {
				return nil
			}
			return Unsupported("%s in CREATE TABLE", word)
		default:
			return nil
		}
		if seen[word] {
			return Errorf("42614", "DUPLICATE_CLAUSES", "Found duplicate clauses: %s. Please, remove one of them.", word)
		}
		seen[word] = true
		p.i++
		if err := p.tableClause(c, word); err != nil {
			return err
		}
	}
}

// followedByCluster looks for CLUSTER BY among the clauses after PARTITIONED BY (…).
func (p *parser) followedByCluster() bool {
	for n := 1; p.peekAt(n).Kind != End && !p.peekAt(n).Is("AS") && !p.peekAt(n).Is("SELECT"); n++ {
		if p.peekAt(n).Is("CLUSTER") && p.peekAt(n+1).Is("BY") {
			return true
		}
	}
	return false
}

func (p *parser) tableClause(c *CreateTable, word string) error {
	var err error
	switch word {
	case "USING":
		format, err := p.identifier()
		if err != nil {
			return err
		}
		if !strings.EqualFold(format, "delta") {
			return Unsupported("tables USING %s (only DELTA)", strings.ToUpper(format))
		}
	case "CLUSTER":
		c.Cluster, err = p.clusterBy()
	case "COMMENT":
		var s string
		s, err = p.text()
		c.Comment = &s
	case "TBLPROPERTIES":
		c.Properties, err = p.properties()
	}
	return err
}

// clusterBy takes BY (…), BY AUTO or BY NONE.
func (p *parser) clusterBy() ([]string, error) {
	if err := p.expect("BY"); err != nil {
		return nil, err
	}
	if p.accept("AUTO") || p.accept("NONE") {
		return nil, nil
	}
	return p.nameList()
}

// properties takes ('k' = 'v', …); keys may be dotted names, values any literal.
func (p *parser) properties() ([]Property, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []Property
	for {
		key, err := p.propertyKey()
		if err != nil {
			return nil, err
		}
		p.accept("=")
		value, err := p.propertyValue()
		if err != nil {
			return nil, err
		}
		out = append(out, Property{key, value})
		if !p.accept(",") {
			return out, p.expect(")")
		}
	}
}

func (p *parser) propertyKey() (string, error) {
	if p.peek().Kind == Text {
		return p.text()
	}
	parts, err := p.name(100)
	return strings.Join(parts, "."), err
}

func (p *parser) propertyValue() (string, error) {
	if p.peek().Kind == Text {
		return p.text()
	}
	negative := p.accept("-")
	t := p.take()
	switch {
	case t.Kind == Integer, t.Kind == Decimal, t.Kind == Double:
		if negative {
			return "-" + t.Value, nil
		}
		return t.Value, nil
	case (t.Is("TRUE") || t.Is("FALSE")) && !negative:
		return strings.ToLower(t.Value), nil
	}
	return "", syntaxError(t, p.sql, "expected a literal")
}

func (p *parser) columnDefs() ([]ColumnDef, error) {
	var out []ColumnDef
	for {
		if p.is("CONSTRAINT") || p.is("PRIMARY", "KEY") || p.is("FOREIGN", "KEY") {
			return nil, Unsupported("table constraints")
		}
		c, err := p.columnDef()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if !p.accept(",") {
			return out, nil
		}
	}
}

func (p *parser) columnDef() (ColumnDef, error) {
	var c ColumnDef
	var err error
	if c.Name, err = p.identifier(); err != nil {
		return c, err
	}
	p.accept(":")
	if c.Type, err = p.dataType(); err != nil {
		return c, err
	}
	for {
		switch {
		case p.accept("NOT", "NULL"):
			c.NotNull = true
		case p.accept("NULL"):
		case p.accept("COMMENT"):
			if c.Comment, err = p.text(); err != nil {
				return c, err
			}
		case p.is("DEFAULT"), p.is("GENERATED"), p.is("PRIMARY"), p.is("MASK"), p.is("CONSTRAINT"), p.is("FIRST"), p.is("AFTER"), p.is("COLLATE"):
			return c, Unsupported("%s in a column", upperWord(p.peek()))
		default:
			return c, nil
		}
	}
}

func (p *parser) createView(replace bool) (Statement, error) {
	c := &CreateView{Replace: replace}
	if !replace {
		c.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	}
	var err error
	if c.Name, err = p.name(3); err != nil {
		return nil, err
	}
	if p.accept("(") {
		if c.Columns, err = p.viewColumns(); err != nil {
			return nil, err
		}
	}
	for {
		switch {
		case p.accept("COMMENT"):
			s, err := p.text()
			if err != nil {
				return nil, err
			}
			c.Comment = &s
		case p.accept("TBLPROPERTIES"):
			if c.Properties, err = p.properties(); err != nil {
				return nil, err
			}
		case p.accept("WITH", "SCHEMA"):
			if c.Binding, err = p.schemaBinding(); err != nil {
				return nil, err
			}
		case p.is("WITH"), p.is("DEFAULT"):
			return nil, Unsupported("%s in CREATE VIEW", upperWord(p.peekAt(1)))
		case p.accept("AS"):
			c.Query, c.Text, err = p.viewQuery()
			return c, err
		default:
			return nil, p.fail("expected AS")
		}
	}
}

func (p *parser) viewColumns() ([]ColumnDef, error) {
	var out []ColumnDef
	for {
		var c ColumnDef
		var err error
		if c.Name, err = p.identifier(); err != nil {
			return nil, err
		}
		if p.accept("COMMENT") {
			if c.Comment, err = p.text(); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
		if !p.accept(",") {
			return out, p.expect(")")
		}
	}
}
