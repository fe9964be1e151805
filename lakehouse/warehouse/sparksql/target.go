package sparksql

// Target is the object that a statement writes to, by its name in the statement.
type Target struct {
	Name []string
	// Parts is how many parts the full name has, the catalog included: two of a
	// schema, three of a table, four of a column.
	Parts int
}

// Catalog is the catalog in the name, or "" for the session's catalog.
func (t Target) Catalog() string {
	if len(t.Name) == t.Parts {
		return t.Name[0]
	}
	return ""
}

// Writer is a statement that writes to an object of one catalog.
type Writer interface {
	Statement
	Writes() Target
}

// RowChange is a statement that changes rows of a table in place, so another statement may have changed them meanwhile.
type RowChange interface {
	Writer
	changesRows()
}

func ofTable(name []string) Target { return Target{name, 3} }

// ofSpace is a target by its kind: SCHEMA or VOLUME.
func ofSpace(what string, name []string) Target {
	if what == "SCHEMA" {
		return Target{name, 2}
	}
	return Target{name, 3}
}

// Writes is the schema or volume that is made.
func (s *CreateSpace) Writes() Target { return ofSpace(s.What, s.Name) }

// Writes is the schema or volume that is dropped.
func (s *DropSpace) Writes() Target { return ofSpace(s.What, s.Name) }

// Writes is the object that the comment is of.
func (s *CommentOn) Writes() Target {
	return Target{s.Name, map[string]int{"SCHEMA": 2, "TABLE": 3, "COLUMN": 4}[s.What]}
}

// Writes is the function.
func (f *CreateFunction) Writes() Target { return ofTable(f.Name) }

// Writes is the table.
func (s *CreateTable) Writes() Target { return ofTable(s.Name) }

// Writes is the view.
func (s *CreateView) Writes() Target { return ofTable(s.Name) }

// Writes is the table or view that the privileges are for.
func (s *Grant) Writes() Target { return ofTable(s.Name) }

// Writes is the table or view.
func (s *DropTable) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *Truncate) Writes() Target { return ofTable(s.Name) }

// Writes is the table or view.
func (s *AlterTable) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *Insert) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *CopyInto) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *Restore) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *Maintain) Writes() Target { return ofTable(s.Name) }

// Writes is the table.
func (s *Update) Writes() Target { return ofTable(s.Target.Name) }

// Writes is the table.
func (s *Delete) Writes() Target { return ofTable(s.Target.Name) }

// Writes is the table.
func (s *Merge) Writes() Target { return ofTable(s.Target.Name) }

func (*Update) changesRows() {}
func (*Delete) changesRows() {}
func (*Merge) changesRows()  {}
