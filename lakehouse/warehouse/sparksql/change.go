package sparksql

import "strings"

func (p *parser) alter() (Statement, error) {
	a := &AlterTable{View: p.is("VIEW")}
	if !p.accept("TABLE") && !p.accept("VIEW") {
		return nil, Unsupported("ALTER %s", upperWord(p.peek()))
	}
	var err error
	if a.Name, err = p.name(3); err != nil {
		return nil, err
	}
	switch {
	case p.accept("ADD", "COLUMN"), p.accept("ADD", "COLUMNS"):
		return a, p.addColumns(a)
	case p.accept("ALTER"), p.accept("CHANGE"):
		p.accept("COLUMN")
		return a, p.alterColumn(a)
	case p.accept("SET", "ROW", "FILTER"):
		a.Policy, err = p.rowFilter()
		return a, err
	case p.accept("DROP", "ROW", "FILTER"):
		a.Policy = &Policy{}
		return a, nil
	case p.accept("ADD", "CONSTRAINT"):
		return a, p.addConstraint(a)
	case p.accept("DROP", "CONSTRAINT"):
		a.IfExists = p.accept("IF", "EXISTS")
		a.Release, err = p.identifier()
		return a, err
	case p.accept("RENAME", "COLUMN"):
		from, err := p.identifier()
		if err != nil {
			return nil, err
		}
		if err := p.expect("TO"); err != nil {
			return nil, err
		}
		to, err := p.identifier()
		a.Rename = []string{from, to}
		return a, err
	case p.accept("RENAME", "TO"):
		a.RenameTo, err = p.name(3)
		return a, err
	case p.accept("DROP", "COLUMN"), p.accept("DROP", "COLUMNS"):
		return a, p.dropColumns(a)
	case p.accept("SET", "TBLPROPERTIES"):
		a.Set, err = p.properties()
		return a, err
	case p.accept("UNSET", "TBLPROPERTIES"):
		a.IfExists = p.accept("IF", "EXISTS")
		return a, p.unset(a)
	case p.accept("SET", "TAGS"):
		a.Tags = true
		a.Set, err = p.properties()
		return a, err
	case p.accept("UNSET", "TAGS"):
		a.Tags = true
		return a, p.unset(a)
	case a.View && p.accept("AS"):
		a.Query, a.Text, err = p.viewQuery()
		return a, err
	case a.View && p.accept("WITH", "SCHEMA"):
		a.Binding, err = p.schemaBinding()
		return a, err
	case p.is("AS"), p.is("WITH"):
		return nil, p.fail("")
	case p.accept("CLUSTER"):
		a.ClusterSet = true
		a.Cluster, err = p.clusterBy()
		return a, err
	}
	return nil, Unsupported("ALTER TABLE … %s %s", upperWord(p.peek()), upperWord(p.peekAt(1)))
}

func (p *parser) addColumns(a *AlterTable) error {
	a.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	parens := p.accept("(")
	var err error
	if a.Add, err = p.columnDefs(); err != nil {
		return err
	}
	if parens {
		return p.expect(")")
	}
	return nil
}

func (p *parser) alterColumn(a *AlterTable) error {
	name, err := p.identifier()
	if err != nil {
		return err
	}
	switch {
	case p.accept("TYPE"):
		t, err := p.dataType()
		a.Retype = &ColumnDef{Name: name, Type: t}
		return err
	case p.accept("COMMENT"):
		text, err := p.text()
		a.Recomment = &ColumnDef{Name: name, Comment: text}
		return err
	case p.accept("SET", "MASK"):
		a.Policy, err = p.mask(name)
		return err
	case p.accept("DROP", "MASK"):
		a.Policy = &Policy{Column: name}
		return nil
	case p.accept("SET", "NOT", "NULL"):
		a.NotNull = &NullRule{name, true}
		return nil
	case p.accept("DROP", "NOT", "NULL"):
		a.NotNull = &NullRule{name, false}
		return nil
	}
	return Unsupported("ALTER COLUMN … %s", upperWord(p.peek()))
}

func (p *parser) dropColumns(a *AlterTable) error {
	a.IfExists = p.accept("IF", "EXISTS")
	var err error
	if p.is("(") {
		a.Drop, err = p.nameList()
		return err
	}
	for {
		name, err := p.identifier()
		if err != nil {
			return err
		}
		a.Drop = append(a.Drop, name)
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) unset(a *AlterTable) error {
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		key, err := p.propertyKey()
		if err != nil {
			return err
		}
		a.Unset = append(a.Unset, key)
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}

func (p *parser) insert() (Statement, error) {
	in := &Insert{}
	switch {
	case p.accept("INTO"):
	case p.accept("OVERWRITE"):
		in.Overwrite = true
	default:
		return nil, p.fail("expected INTO")
	}
	p.accept("TABLE")
	var err error
	if in.Name, err = p.name(3); err != nil {
		return nil, err
	}
	if !in.Overwrite && p.accept("REPLACE", "WHERE") {
		if in.Replace, err = p.conditionText(); err != nil {
			return nil, err
		}
		in.Query, err = p.query()
		return in, err
	}
	if p.is("PARTITION") || p.is("REPLACE") {
		return nil, Unsupported("INSERT … %s", upperWord(p.peek()))
	}
	switch {
	case p.is("(") && !p.startsQuery():
		if in.Columns, err = p.nameList(); err != nil {
			return nil, err
		}
	case p.accept("BY", "NAME"):
		in.ByName = true
	}
	in.Query, err = p.query()
	return in, err
}

// target takes the table that a statement changes, with an alias.
func (p *parser) target() (TableRef, error) {
	name, err := p.name(3)
	if err != nil {
		return TableRef{}, err
	}
	r, err := p.aliased(&TableRef{Name: name})
	if err != nil {
		return TableRef{}, err
	}
	return *r.(*TableRef), nil
}

func (p *parser) update() (Statement, error) {
	u := &Update{}
	var err error
	if u.Target, err = p.target(); err != nil {
		return nil, err
	}
	if err := p.expect("SET"); err != nil {
		return nil, err
	}
	if u.Set, err = p.assignments(); err != nil {
		return nil, err
	}
	if p.accept("WHERE") {
		u.Where, err = p.expr()
	}
	return u, err
}

func (p *parser) assignments() ([]Assignment, error) {
	var out []Assignment
	for {
		name, err := p.name(4)
		if err != nil {
			return nil, err
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		a := Assignment{Column: name}
		if !p.accept("DEFAULT") {
			if a.Value, err = p.expr(); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
		if !p.accept(",") {
			return out, nil
		}
	}
}

func (p *parser) deleteFrom() (Statement, error) {
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	d := &Delete{}
	var err error
	if d.Target, err = p.target(); err != nil {
		return nil, err
	}
	if p.accept("WHERE") {
		d.Where, err = p.expr()
	}
	return d, err
}

func (p *parser) merge() (Statement, error) {
	m := &Merge{Evolve: p.accept("WITH", "SCHEMA", "EVOLUTION")}
	if err := p.expect("INTO"); err != nil {
		return nil, err
	}
	var err error
	if m.Target, err = p.target(); err != nil {
		return nil, err
	}
	if err := p.expect("USING"); err != nil {
		return nil, err
	}
	if m.Source, err = p.relationPrimary(); err != nil {
		return nil, err
	}
	if err := p.expect("ON"); err != nil {
		return nil, err
	}
	if m.On, err = p.expr(); err != nil {
		return nil, err
	}
	for p.accept("WHEN") {
		w, err := p.mergeWhen()
		if err != nil {
			return nil, err
		}
		m.Whens = append(m.Whens, w)
	}
	if len(m.Whens) == 0 && p.peek().Kind == End {
		return nil, Errorf("42601", "MERGE_WITHOUT_WHEN", "There must be at least one WHEN clause in a MERGE statement.")
	}
	return m, lastWithoutCondition(m.Whens)
}

// lastWithoutCondition refuses a clause without a condition before others of its kind.
func lastWithoutCondition(whens []MergeWhen) error {
	last := map[string]int{}
	for i, w := range whens {
		last[w.Match] = i
	}
	for i, w := range whens {
		if w.And != nil || last[w.Match] == i {
			continue
		}
		kind := w.Match
		if kind == "NOT MATCHED" {
			kind = "NOT MATCHED BY TARGET"
		}
		return Errorf("42613", "NON_LAST_"+strings.ReplaceAll(kind, " ", "_")+"_CLAUSE_OMIT_CONDITION",
			"When there are more than one %[1]s clauses in a MERGE statement, only the last %[1]s clause can omit the condition.", kind)
	}
	return nil
}

func (p *parser) mergeWhen() (MergeWhen, error) {
	var w MergeWhen
	switch {
	case p.accept("MATCHED"):
		w.Match = "MATCHED"
	case p.accept("NOT", "MATCHED", "BY", "SOURCE"):
		w.Match = "NOT MATCHED BY SOURCE"
	case p.accept("NOT", "MATCHED"):
		w.Match = "NOT MATCHED"
		p.accept("BY", "TARGET")
	default:
		return w, p.fail("expected MATCHED")
	}
	var err error
	if p.accept("AND") {
		if w.And, err = p.expr(); err != nil {
			return w, err
		}
	}
	if err := p.expect("THEN"); err != nil {
		return w, err
	}
	inserts := w.Match == "NOT MATCHED"
	switch {
	case p.accept("DELETE") && !inserts:
		w.Action = "DELETE"
	case !inserts && p.accept("UPDATE", "SET"):
		w.Action = "UPDATE"
		if w.All = w.Match == "MATCHED" && p.accept("*"); !w.All {
			w.Set, err = p.assignments()
		}
	case inserts && p.accept("INSERT"):
		w.Action = "INSERT"
		if w.All = p.accept("*"); !w.All {
			err = p.mergeInsert(&w)
		}
	default:
		return w, p.fail("")
	}
	return w, err
}

func (p *parser) mergeInsert(w *MergeWhen) error {
	var err error
	if p.is("(") {
		if w.Columns, err = p.nameList(); err != nil {
			return err
		}
	}
	if err := p.expect("VALUES", "("); err != nil {
		return err
	}
	if w.Values, err = p.exprs(); err != nil {
		return err
	}
	return p.expect(")")
}

func (p *parser) copyInto() (Statement, error) {
	if err := p.expect("INTO"); err != nil {
		return nil, err
	}
	c := &CopyInto{}
	var err error
	if c.Name, err = p.name(3); err != nil {
		return nil, err
	}
	switch {
	case p.accept("BY", "POSITION"):
		c.ByPosition = true
	case p.is("("):
		if c.Columns, err = p.nameList(); err != nil {
			return nil, err
		}
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	if err := p.copySource(c); err != nil {
		return nil, err
	}
	if err := p.expect("FILEFORMAT", "="); err != nil {
		return nil, err
	}
	format, err := p.identifier()
	if err != nil {
		return nil, err
	}
	c.Format = strings.ToUpper(format)
	return c, p.copyClauses(c)
}

func (p *parser) copySource(c *CopyInto) error {
	var err error
	parens := p.accept("(")
	if parens {
		if err = p.expect("SELECT"); err != nil {
			return err
		}
		if c.Items, err = p.items(); err != nil {
			return err
		}
		if err = p.expect("FROM"); err != nil {
			return err
		}
	}
	if p.peek().Kind == Quoted {
		return Unsupported("a source in backticks; give the path as a string")
	}
	if c.Source, err = p.text(); err != nil {
		return err
	}
	if parens {
		if p.accept("WHERE") {
			return Unsupported("WHERE in COPY INTO")
		}
		err = p.expect(")")
	}
	if p.is("WITH") {
		return Unsupported("credentials in COPY INTO")
	}
	return err
}

func (p *parser) copyClauses(c *CopyInto) error {
	seen := map[string]bool{}
	for {
		word := upperWord(p.peek())
		if seen[word] {
			return Errorf("42614", "DUPLICATE_CLAUSES", "Found duplicate clauses: %s. Please, remove one of them.", word)
		}
		seen[word] = true
		var err error
		switch word {
		case "FILES":
			p.i++
			c.Files, err = p.fileList()
		case "PATTERN":
			p.i++
			if err = p.expect("="); err == nil {
				c.Pattern, err = p.text()
			}
		case "FORMAT_OPTIONS":
			p.i++
			c.Options, err = p.options()
		case "COPY_OPTIONS":
			p.i++
			c.Copy, err = p.options()
		case "VALIDATE":
			return Unsupported("COPY INTO … VALIDATE")
		default:
			if c.Files != nil && c.Pattern != "" {
				return Errorf("42601", "COPY_INTO_SYNTAX_ERROR", "COPY INTO takes FILES or PATTERN, not both.")
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) fileList() ([]string, error) {
	if err := p.expect("=", "("); err != nil {
		return nil, err
	}
	var out []string
	for {
		s, err := p.text()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		if !p.accept(",") {
			return out, p.expect(")")
		}
	}
}

func (p *parser) options() (map[string]string, error) {
	list, err := p.properties()
	out := map[string]string{}
	for _, o := range list {
		out[strings.ToLower(o.Key)] = o.Value
	}
	return out, err
}
