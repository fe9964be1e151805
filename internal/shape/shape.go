package shape

import (
	"maps"
	"slices"

	"github.com/ingest-tool/ingest/internal/schema"
)

// Naming is how target names are made from the source's names.
type Naming string

// The namings.
const (
	NamingKeep  Naming = "keep"
	NamingSnake Naming = "snake_case" // see SnakeCase
)

// JSON is what json and jsonb columns become.
type JSON string

// What json and jsonb can become.
const (
	JSONString  JSON = "string"
	JSONVariant JSON = "variant"
)

// Options are the configuration's options for one table or for several. Columns have their source
// names.
type Options struct {
	Name    string   // of the target table; empty: made from the source's
	Exclude []string // columns that are not moved
	Rename  map[string]string
	Types   map[string]schema.Type
	Masks   map[string]schema.Mask // without KeyID
	JSON    JSON                   // empty: of less specific options
	Naming  Naming                 // empty: of less specific options
	Tags    map[string]string      // of the target table
}

// Section holds the options for the tables that match a name or a pattern.
type Section struct {
	Label   string                      // how messages name it, such as [tables."public.orders"]
	Exact   bool                        // it names a table, without a wildcard
	Matches func(schema.TableName) bool `json:"-"`
	Options
}

// Rules are the whole configuration of columns. The zero value moves all columns as they are.
type Rules struct {
	Naming   Naming
	JSON     JSON
	Sections []Section // the least specific first: later ones win
	Key      Key       // of HMAC masks
}

// Shape is what the rules make of one table. It is safe for concurrent use.
type Shape struct {
	Options
	table    schema.TableName
	key      Key
	sections []Section // that name the table
}

// Of returns the rules' Shape of a table. A nil Rules is the zero value.
func (r *Rules) Of(table schema.TableName) *Shape {
	s := &Shape{table: table}
	s.Rename, s.Types, s.Masks, s.Tags = map[string]string{}, map[string]schema.Type{}, map[string]schema.Mask{}, map[string]string{}
	if r == nil {
		return s
	}
	s.key, s.Naming, s.JSON = r.Key, r.Naming, r.JSON
	for _, section := range r.Sections {
		if !section.Matches(table) {
			continue
		}
		s.sections = append(s.sections, section)
		o := section.Options
		if o.Name != "" {
			s.Name = o.Name
		}
		if o.JSON != "" {
			s.JSON = o.JSON
		}
		if o.Naming != "" {
			s.Naming = o.Naming
		}
		s.Exclude = append(s.Exclude, o.Exclude...)
		maps.Copy(s.Rename, o.Rename)
		maps.Copy(s.Types, o.Types)
		maps.Copy(s.Masks, o.Masks)
		maps.Copy(s.Tags, o.Tags)
	}
	return s
}

// TargetName is the name of the target table: the configured one, else one made from base.
func (s *Shape) TargetName(base string) string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Naming == NamingSnake:
		return SnakeCase(base)
	}
	return base
}

// Keeps reports whether a column is moved.
func (s *Shape) Keeps(column string) bool { return !slices.Contains(s.Exclude, column) }

// Column returns c as it is moved: with the target's name, mask and type. The caller sets Name and
// Postgres.
func (s *Shape) Column(c schema.Column) schema.Column {
	c.Renamed, c.Mask = s.renamed(c.Name), s.mask(c.Name)
	c.Type, c.Cast = s.typeOf(c)
	return c
}

// Columns returns the columns that are moved, as they are moved.
func (s *Shape) Columns(columns []schema.Column) []schema.Column {
	var out []schema.Column
	for _, c := range columns {
		if s.Keeps(c.Name) {
			out = append(out, s.Column(c))
		}
	}
	return out
}

// Excluded lists the columns that are not moved.
func (s *Shape) Excluded(columns []schema.Column) []string {
	var out []string
	for _, c := range columns {
		if !s.Keeps(c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (s *Shape) renamed(column string) string {
	name := column
	if to, ok := s.Rename[column]; ok {
		name = to
	} else if s.Naming == NamingSnake {
		name = SnakeCase(column)
	}
	if name == column {
		return ""
	}
	return name
}

func (s *Shape) mask(column string) *schema.Mask {
	m, ok := s.Masks[column]
	if !ok {
		return nil
	}
	if m.Kind == schema.MaskHMAC {
		m.KeyID = keyID(s.key)
	}
	return &m
}

func (s *Shape) typeOf(c schema.Column) (t schema.Type, cast bool) {
	if c.Mask != nil && c.Mask.Kind != schema.MaskNull {
		return schema.Type{Kind: schema.String}, false
	}
	if t, ok := s.Types[c.Name]; ok {
		return t, true
	}
	if s.JSON == JSONVariant && isJSON(c.Postgres) {
		return schema.Type{Kind: schema.Variant}, true
	}
	return schema.Map(c.Postgres).Type, false
}

func isJSON(t schema.PostgresType) bool {
	return t.Elem == nil && (t.Base == schema.OIDJSON || t.Base == schema.OIDJSONB)
}
