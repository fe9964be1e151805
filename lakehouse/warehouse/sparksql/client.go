package sparksql

// Statements of clients that do not load anything: files, plans, settings.

type (
	// MoveFile is PUT, GET or REMOVE, which the client carries out: Local is its own
	// file ("" for REMOVE), Path is below /Volumes.
	MoveFile struct {
		Verb, Local, Path string
		Overwrite         bool
	}
	// ListFiles is LIST of a directory; Limit below zero is all.
	ListFiles struct {
		Path  string
		Limit int
	}
	// Explain is EXPLAIN of another statement.
	Explain struct {
		Mode string // "", EXTENDED, CODEGEN, COST or FORMATTED
		Of   Statement
	}
)

func (*MoveFile) isStatement()  {}
func (*ListFiles) isStatement() {}
func (*Explain) isStatement()   {}

func (p *parser) putFile() (Statement, error) {
	m := &MoveFile{Verb: "PUT"}
	var err error
	if m.Local, err = p.text(); err != nil {
		return nil, err
	}
	if err := p.expect("INTO"); err != nil {
		return nil, err
	}
	m.Path, err = p.text()
	m.Overwrite = p.accept("OVERWRITE")
	return m, err
}

func (p *parser) getFile() (Statement, error) {
	m := &MoveFile{Verb: "GET"}
	var err error
	if m.Path, err = p.text(); err != nil {
		return nil, err
	}
	if err := p.expect("TO"); err != nil {
		return nil, err
	}
	m.Local, err = p.text()
	return m, err
}

func (p *parser) removeFile() (Statement, error) {
	path, err := p.text()
	return &MoveFile{Verb: "REMOVE", Path: path}, err
}

func (p *parser) listFiles() (Statement, error) {
	l := &ListFiles{Limit: -1}
	var err error
	if l.Path, err = p.text(); err != nil {
		return nil, err
	}
	if p.is("WITH") {
		return nil, Unsupported("LIST … WITH CREDENTIAL")
	}
	if p.accept("LIMIT") {
		l.Limit, err = p.integer()
	}
	return l, err
}

func (p *parser) explain() (Statement, error) {
	e := &Explain{}
	for _, mode := range []string{"EXTENDED", "CODEGEN", "COST", "FORMATTED"} {
		if p.accept(mode) {
			e.Mode = mode
			break
		}
	}
	if p.peek().Kind == End {
		return nil, p.fail("expected a statement")
	}
	var err error
	e.Of, err = p.statement()
	return e, err
}

// createTemporaryView is CREATE TEMPORARY VIEW.
func (p *parser) createTemporaryView(replace bool) (Statement, error) {
	st, err := p.createView(replace)
	if v, ok := st.(*CreateView); ok {
		v.Temporary = true
		if v.IfNotExists {
			return nil, Errorf("42000", "INVALID_SQL_SYNTAX.CREATE_TEMP_FUNC_WITH_IF_NOT_EXISTS",
				"It is not allowed to define a temporary view with IF NOT EXISTS.")
		}
	}
	return st, err
}

// showTableExtended is SHOW TABLE EXTENDED [IN schema] LIKE pattern.
func (p *parser) showTableExtended(s *Show) error {
	if err := p.showIn(s); err != nil {
		return err
	}
	if p.is("PARTITION") {
		return Unsupported("SHOW TABLE EXTENDED … PARTITION")
	}
	if !s.HasFilter {
		return p.fail("expected LIKE")
	}
	return nil
}
