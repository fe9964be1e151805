package sparksql

// windowName parses OVER w or OVER (w); the WINDOW clause, which comes later, defines the window. Names of windows are compared
// as they are written, as Spark does.
func (p *parser) windowName() (*Window, error) {
	parens := p.accept("(")
	name, err := p.identifier()
	if err != nil {
		return nil, err
	}
	w := &Window{name: name}
	p.windows = append(p.windows, w)
	if parens {
		return w, p.expect(")")
	}
	return w, nil
}

// windowClause takes WINDOW name AS (…), …; nil when there is none.
func (p *parser) windowClause() (map[string]*Window, error) {
	if !p.accept("WINDOW") {
		return nil, nil
	}
	out := map[string]*Window{}
	for {
		name, err := p.identifier()
		if err != nil {
			return nil, err
		}
		if err := p.expect("AS"); err != nil {
			return nil, err
		}
		if out[name] != nil {
			return nil, Errorf("42000", "INVALID_SQL_SYNTAX.REPETITIVE_WINDOW_DEFINITION",
				"Invalid SQL syntax: The definition of window %s is repetitive.", QuoteSpark(name))
		}
		if out[name], err = p.window(); err != nil {
			return nil, err
		}
		if !p.accept(",") {
			return out, nil
		}
	}
}

// orderedWindows takes the WINDOW clause after ORDER BY, and wants every window that a
// query names to be known.
func (p *parser) orderedWindows(q *Query) error {
	own, err := p.windowClause()
	if err != nil {
		return err
	}
	left := p.windows
	if s, ok := q.Body.(*Select); ok {
		if left, err = named(left, s.windows); err != nil {
			return err
		}
		if left, err = named(left, own); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return Errorf("42P20", "MISSING_WINDOW_SPECIFICATION", "Window specification is not defined in the WINDOW clause for %s.",
			QuoteSpark(left[0].name))
	}
	return nil
}

// named gives windows what their names mean, and returns those of other names.
func named(windows []*Window, defined map[string]*Window) (left []*Window, err error) {
	for _, w := range windows {
		meant := defined[w.name]
		switch {
		case meant == nil:
			left = append(left, w)
		case meant.name != "":
			return nil, Errorf("42000", "INVALID_SQL_SYNTAX.INVALID_WINDOW_REFERENCE",
				"Invalid SQL syntax: Window reference %s is not a window specification.", QuoteSpark(w.name))
		default:
			*w = *meant
		}
	}
	return left, nil
}
