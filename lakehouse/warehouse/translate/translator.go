package translate

import (
	"strconv"
	"strings"

	"github.com/ingest-tool/ingest/lakehouse/warehouse/sparksql"
)

// Column is a column of a relation or of a result.
type Column struct {
	Name string
	Type sparksql.Type
}

// Table is what a name in FROM stands for. SQL is a DuckDB relation whose columns
// have these names; or View is a query to read in its place, in the given space,
// whose columns of the names Selected become Columns in the way that Binding says.
type Table struct {
	Catalog, Schema, Name string
	SQL                   string
	Columns               []Column
	View                  *sparksql.Query
	Selected              []string
	Binding               string
	// Session is set if View, itself temporary, reads temporary views.
	Session bool
	// Stored has the rows of the target of an UPDATE or a MERGE, and those of Dead, if there are any. Both have the column RowID.
	// DuckDB reads Stored faster than SQL.
	Stored, Dead string
}

// Source answers what names stand for, within one transaction.
type Source interface {
	// Table finds a table of one to three parts, unfinished names completed from
	// space. version is below zero for the present.
	Table(space Space, name []string, version int) (Table, error)
	// Files gives the relation that read_files(path, options) reads.
	Files(path string, options map[string]string) (Table, error)
	// Changes gives the relation that table_changes(name, from, to) reads. Without to
	// it ends with the newest version.
	Changes(space Space, name []string, from Constant, to *Constant) (Table, error)
}

// Constant is a translated expression that has one value: a version or a time.
type Constant struct {
	SQL  string
	Type sparksql.Type
}

// Space completes names of fewer than three parts. In a session's own space its
// temporary views are seen, in that of a table's or view's definition they are not.
type Space struct {
	Catalog, Schema string
	Session         bool
}

// Parameter is a statement's parameter; Value is nil for NULL.
type Parameter struct {
	Name, Type string
	Value      *string
}

// Context is what a statement's meaning depends on beside the catalog.
type Context struct {
	Space  Space
	User   string
	Params []Parameter
	Source Source
}

// Result is a translated query: DuckDB's SQL and the columns that it yields.
type Result struct {
	SQL     string
	Columns []Column
}

// Translator translates the parts of one statement. It is not for concurrent use.
type Translator struct {
	ctx   Context
	space Space
	names int
	views int

	types     caster
	operators operators
	relations relations
}

// The parts of a translator that have a subject of their own.
type (
	caster    struct{ *Translator } // types: casts, texts and what a column stores
	operators struct{ *Translator } // operators of one and of two operands
	relations struct{ *Translator } // what stands in FROM
)

// New makes a translator for one statement.
func New(ctx Context) *Translator {
	t := &Translator{ctx: ctx, space: ctx.Space}
	t.types, t.operators, t.relations = caster{t}, operators{t}, relations{t}
	return t
}

// maxSQL bounds what a statement may grow to.
const maxSQL = 8 << 20

// Query translates a query.
func (t *Translator) Query(q *sparksql.Query) (Result, error) { return t.query(q, nil) }

// fresh makes a name that no statement can contain by itself in this place.
func (t *Translator) fresh(prefix string) string {
	t.names++
	return prefix + strconv.Itoa(t.names)
}

// value is a translated expression.
type value struct {
	sql string
	typ sparksql.Type
	// digits is an integer literal's number of digits, which its decimal type takes.
	digits int
	// text is a string literal's value, for functions that need one.
	text *string
}

func quote(name string) string { return sparksql.QuoteDuckDB(name) }

// rel is one relation in a FROM.
type rel struct {
	alias string   // DuckDB's name for it
	names []string // what qualifies its columns: alias, or catalog, schema, table
	cols  []field
}

// field is a visible column. star is false for the second one of a USING pair.
type field struct {
	name string
	val  value
	star bool
	// unlisted keeps a column out of *, though it can be named (_metadata).
	unlisted bool
}

// scope is what names resolve against, inner before outer.
type scope struct {
	rels    []*rel
	outer   *scope
	ctes    *cteScope
	aliases map[string]value // of the SELECT list, by lower-case name
	first   bool             // aliases before columns (ORDER BY)
	lambda  map[string]value
	// captures, of a lambda, is set if a name in it belongs outside.
	captures *bool
}

type cteScope struct {
	name  string
	rel   Table
	outer *cteScope
}

func (s *cteScope) find(name string) (Table, bool) {
	for ; s != nil; s = s.outer {
		if strings.EqualFold(s.name, name) {
			return s.rel, true
		}
	}
	return Table{}, false
}

func (s *scope) cteList() *cteScope {
	if s == nil {
		return nil
	}
	return s.ctes
}

// resolve finds a name of one or more parts; parts beyond the column are struct fields.
func (s *scope) resolve(parts []string) (value, error) {
	for at := s; at != nil; at = at.outer {
		v, ok, err := at.local(parts)
		if ok || err != nil {
			return v, err
		}
		if at.captures != nil {
			*at.captures = true
		}
	}
	return value{}, s.unresolved(parts)
}

func (s *scope) local(parts []string) (value, bool, error) {
	if v, ok := s.lambda[strings.ToLower(parts[0])]; ok {
		v, err := members(v, parts[1:])
		return v, true, err
	}
	if s.first {
		if v, ok := s.alias(parts); ok {
			v, err := members(v, parts[1:])
			return v, true, err
		}
	}
	for qualifier := min(len(parts)-1, 3); qualifier >= 0; qualifier-- {
		v, found, err := s.column(parts[:qualifier], parts[qualifier])
		if err != nil {
			return value{}, true, err
		}
		if found {
			v, err := members(v, parts[qualifier+1:])
			return v, true, err
		}
	}
	if v, ok := s.alias(parts); ok {
		v, err := members(v, parts[1:])
		return v, true, err
	}
	return value{}, false, nil
}

func (s *scope) alias(parts []string) (value, bool) {
	v, ok := s.aliases[strings.ToLower(parts[0])]
	return v, ok
}

func (s *scope) column(qualifier []string, name string) (value, bool, error) {
	var found *value
	for _, r := range s.rels {
		if !r.answersTo(qualifier) {
			continue
		}
		for i := range r.cols {
			if !strings.EqualFold(r.cols[i].name, name) || len(qualifier) == 0 && !r.cols[i].star {
				continue
			}
			if found != nil {
				return value{}, false, sparksql.Errorf("42704", "AMBIGUOUS_REFERENCE", "Reference %s is ambiguous, could be more than one column.",
					sparksql.QuoteName(append(append([]string{}, qualifier...), name)))
			}
			found = &r.cols[i].val
		}
	}
	if found == nil {
		return value{}, false, nil
	}
	return *found, true, nil
}

// answersTo compares a qualifier with the end of the relation's name.
func (r *rel) answersTo(qualifier []string) bool {
	if len(qualifier) > len(r.names) {
		return false
	}
	tail := r.names[len(r.names)-len(qualifier):]
	for i := range qualifier {
		if !strings.EqualFold(qualifier[i], tail[i]) {
			return false
		}
	}
	return true
}

// members follows struct fields.
func members(v value, names []string) (value, error) {
	for _, name := range names {
		var err error
		if v, err = member(v, name); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

func member(v value, name string) (value, error) {
	switch v.typ.Kind {
	case sparksql.StructType:
		for _, f := range v.typ.Fields {
			if strings.EqualFold(f.Name, name) {
				return value{sql: "struct_extract(" + v.sql + ", " + sparksql.QuoteText(f.Name) + ")", typ: f.Type}, nil
			}
		}
		return value{}, sparksql.Errorf("42704", "FIELD_NOT_FOUND", "No such struct field %s in %s.", sparksql.QuoteSpark(name), v.typ.SQL())
	case sparksql.MapType:
		return value{sql: "(" + v.sql + ")[" + sparksql.QuoteText(name) + "]", typ: *v.typ.Elem}, nil
	default:
		return value{}, sparksql.Errorf("42000", "INVALID_EXTRACT_BASE_FIELD_TYPE",
			"Can't extract a value from %s. Need a complex type [STRUCT, ARRAY, MAP] but got \"%s\".", sparksql.QuoteSpark(name), v.typ.SQL())
	}
}

func (s *scope) unresolved(parts []string) error {
	var near []string
	for at := s; at != nil; at = at.outer {
		for _, r := range at.rels {
			for _, c := range r.cols {
				if len(near) < 5 {
					near = append(near, sparksql.QuoteSpark(c.name))
				}
			}
		}
	}
	name := sparksql.QuoteName(parts)
	if len(near) == 0 {
		return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
			"A column, variable, or function parameter with name %s cannot be resolved.", name)
	}
	return sparksql.Errorf("42703", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "A column, variable, "+
		"or function parameter with name %s cannot be resolved. Did you mean one of the following? [%s].", name, strings.Join(near, ", "))
}
