package selection

import (
	"strings"
	"testing"

	"ingest/internal/config"
	"ingest/internal/finding"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/shape"
)

// Names of the configuration that match nothing in the source or in the ledger.
func TestNamesThatStandForNothingInTheSource(t *testing.T) {
	named := func(schemaName, name, root string) postgres.NamedRelation {
		r := postgres.NamedRelation{Name: schema.TableName{Schema: schemaName, Name: name}}
		if root != "" {
			r.Root = schema.TableName{Schema: schemaName, Name: root}
		}
		return r
	}
	gone := relation("gone", 7)
	moved := relation("moved", 8)
	p := selecting(t, "sales.x")
	p.State = loaded(gone, moved)
	p.Config.Shape.Sections = []shape.Section{
		{Label: "[tables.moved]", Options: shape.Options{Exclude: []string{"c"}}}, {Label: "[tables.gone]",
			Options: shape.Options{Masks: map[string]schema.Mask{"c": {}}}},
		{Label: "[tables.plain]"},
	}
	n := &naming{
		s: p, schemas: p.Schemas(nil), moved: map[schema.TableName]schema.TableName{public("moved"): public("now")},
		names: &postgres.CatalogNames{Schemas: []string{"public", "sales"}, Relations: []postgres.NamedRelation{
			named("public", "orders", ""), named("public", "part_1", "part"), named("sales", "x", ""), named("sales", "only", ""), named("hr", "staff", ""),
			named("public", "now", ""),
		}},
	}
	section := func(label, text string) config.Name {
		return config.Name{Key: label, Text: text, Pattern: pattern(t, text), Section: true}
	}
	name := func(key, text string) config.Name {
		return config.Name{Key: key, Text: text, Pattern: pattern(t, text)}
	}
	for what, c := range map[string]struct {
		name       config.Name
		want, hint string
	}{
		"a table":                               {name("source.tables", "orders"), "", ""},
		"a table of a further schema":           {name("source.tables", "sales.x"), "", ""},
		"one of it without its schema":          {name("source.tables", "only"), "matches no table", "is in a schema that is not in source.schemas"},
		"an exclusion":                          {name("source.exclude", "orders"), "", ""},
		"an exclusion of what is not taken":     {name("source.exclude", "hr.staff"), "", ""},
		"an exclusion without its schema":       {name("source.exclude", "staff"), "it excludes nothing", "is in a schema that is not in source.schemas"},
		"a table of a schema that is not taken": {name("source.tables", "hr.staff"), "the intended table is not loaded", `put "hr" there`},
		"a partition":                           {name("source.tables", "part_1"), "matches no table", "name that"},
		"almost a table":                        {name("source.tables", "Orders"), "matches no table", `did you mean "orders"?`},
		"nothing like one":                      {name("source.tables", "xyzzy"), "matches no table", "correct the name"},
		"a pattern":                             {name("source.tables", "or*"), "", ""},
		"a pattern of nothing":                  {name("source.tables", "xy*"), "matches no table", "correct the pattern"},
		"a section":                             {section("[tables.plain]", "orders"), "", ""},
		"a section of nothing":                  {section("[tables.plain]", "xyzzy"), "a misspelt mask hides nothing", "remove the section"},
		"a section of almost one":               {section("[tables.plain]", "ordres"), "a misspelt mask hides nothing", `did you mean [tables."orders"]?`},
		"one that the ledger has":               {name("source.tables", "gone"), "", ""},
		"a section of one that the ledger has":  {section("[tables.gone]", "gone"), "", ""},
		"one that is renamed":                   {name("source.tables", "moved"), "", ""},
		"a section that hides of one that is": {section("[tables.moved]", "moved"), "a full load under that name would not apply its options",
			`rename the section to [tables."public.now"]`},
		"a section that hides nothing of one": {section("[tables.plain]", "moved"), "", ""},
		"a schema":                            {config.Name{Key: "source.schemas", Text: "sales"}, "", ""},
		"a schema that is not there":          {config.Name{Key: "source.schemas", Text: "xyzzy"}, `there is no schema "xyzzy"`, "the schemas are public, sales"},
		"almost a schema":                     {config.Name{Key: "source.schemas", Text: "Sales"}, `there is no schema "Sales"`, `did you mean "sales"?`},
	} {
		m := n.look(c.name)
		if m == nil {
			m = &finding.Finding{}
		}
		check(t, what, strings.TrimSpace(m.What+" "+m.Why), c.want)
		check(t, what, m.Remedy, c.hint)
	}
	n.names.Schemas = nil
	check(t, "a schema of the ledger alone", whatOf(n.look(config.Name{Key: "source.schemas", Text: "public"})), "")
	if got := nearest(`"A b"`, []string{"x", "a B"}); got != "a B" {
		t.Errorf("nearest is %q", got)
	}
}

func whatOf(m *finding.Finding) string {
	if m == nil {
		return ""
	}
	return m.What
}

// A column that the source dropped after it was loaded may keep its option until a full load forgets
// it. An option in a section of one table may stay even then.
func TestOptionsForColumnsThatTheLedgerKnows(t *testing.T) {
	p := selecting(t)
	r := relation("t", 7)
	known := []schema.Column{{Name: "id", Number: 1, Type: schema.Type{Kind: schema.Int32}, Postgres: schema.PostgresType{OID: 23, Typmod: -1,
		Name: "integer", Base: 23, BaseTypmod: -1, Class: "b"}}}
	r.Columns, r.Identity = known, schema.Identity{}
	p.State = loaded(r)
	for what, c := range map[string]struct {
		column, pattern string
		forgetting      bool
		want            bool
	}{
		"a column that is staged":      {"id", "t", false, true},
		"one that was left out":        {"secret", "t", false, true},
		"one of neither":               {"other", "t", false, false},
		"of another table":             {"id", "u", false, false},
		"of a pattern":                 {"secret", "*", false, true},
		"of a pattern, by a full load": {"secret", "*", true, false},
		"of the table, by a full load": {"secret", "t", true, true},
	} {
		n := &naming{s: p, forgetting: c.forgetting}
		if got := n.hadColumn(config.ColumnName{Column: c.column, Pattern: pattern(t, c.pattern)}); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
