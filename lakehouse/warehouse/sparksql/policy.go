package sparksql

import "strings"

// CreateFunction is CREATE FUNCTION of SQL. Body is the expression as written.
type CreateFunction struct {
	Name   []string
	Params []ColumnDef
	Body   string
}

func (*CreateFunction) isStatement() {}

// Policy is the action of ALTER TABLE on a row filter or, of Column, a mask. No
// Function drops it.
type Policy struct {
	Column   string
	Function []string
	Args     []string // columns
}

func (p *parser) createFunction() (Statement, error) {
	f := &CreateFunction{}
	var err error
	if f.Name, err = p.name(3); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if !p.is(")") {
		if f.Params, err = p.columnDefs(); err != nil {
			return nil, err
		}
	}
	if err := p.expect(")", "RETURNS"); err != nil {
		return nil, err
	}
	if _, err := p.dataType(); err != nil {
		return nil, err
	}
	if !p.accept("RETURN") {
		return nil, Unsupported("%s in CREATE FUNCTION (only RETURN with an expression)", upperWord(p.peek()))
	}
	f.Body, err = p.conditionText()
	return f, err
}

// rowFilter takes what follows SET ROW FILTER: f ON (columns).
func (p *parser) rowFilter() (*Policy, error) {
	f := &Policy{}
	var err error
	if f.Function, err = p.name(3); err != nil {
		return nil, err
	}
	if err := p.expect("ON"); err != nil {
		return nil, err
	}
	f.Args, err = p.nameList()
	return f, err
}

// mask takes what follows SET MASK: f [USING COLUMNS (columns)].
func (p *parser) mask(column string) (*Policy, error) {
	m := &Policy{Column: column, Args: []string{column}}
	var err error
	if m.Function, err = p.name(3); err != nil {
		return nil, err
	}
	if p.accept("USING", "COLUMNS") {
		more, err := p.nameList()
		if err != nil {
			return nil, err
		}
		m.Args = append(m.Args, more...)
	}
	return m, nil
}

// Applied is a function's body with columns in the place of its parameters.
func (f *CreateFunction) Applied(columns []string) (string, error) {
	if len(columns) != len(f.Params) {
		return "", Errorf("42605", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "The function %s requires %d parameters but %d were given.",
			QuoteName(f.Name), len(f.Params), len(columns))
	}
	p, err := newParser(f.Body)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	end := 0
	for _, t := range p.toks {
		if t.Kind != Word && t.Kind != Quoted {
			continue
		}
		for i, param := range f.Params {
			if strings.EqualFold(t.Value, param.Name) {
				out.WriteString(f.Body[end:t.Start] + QuoteSpark(columns[i]))
				end = t.Stop
			}
		}
	}
	return out.String() + f.Body[end:], nil
}

// ParseItems reads a SELECT list.
func ParseItems(list string) ([]Item, error) {
	p, err := newParser(list)
	if err != nil {
		return nil, err
	}
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	return items, p.end()
}

// ParseName reads a table's name of one to three parts.
func ParseName(text string) ([]string, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	name, err := p.name(3)
	if err != nil {
		return nil, err
	}
	return name, p.end()
}

// addConstraint takes name CHECK (condition).
func (p *parser) addConstraint(a *AlterTable) error {
	name, err := p.identifier()
	if err != nil {
		return err
	}
	if !p.accept("CHECK") {
		return Unsupported("ADD CONSTRAINT … %s (only CHECK)", upperWord(p.peek()))
	}
	if err := p.expect("("); err != nil {
		return err
	}
	condition, err := p.conditionText()
	a.Constrain = &Property{name, condition}
	if err != nil {
		return err
	}
	return p.expect(")")
}

// conditionText takes an expression, and gives it as it was written.
func (p *parser) conditionText() (string, error) {
	start := p.peek().Start
	_, err := p.expr()
	return strings.TrimSpace(p.sql[start:p.peek().Start]), err
}
