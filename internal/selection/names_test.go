package selection

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
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
			named("public", "orders", ""), named("public", "part_1", "part"), named("sales", "x", ""),
			named("sales", "only", ""), named("hr", "staff", ""),
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
		"a table":                     {name("source.tables", "orders"), "", ""},
		"a table of a further schema": {name("source.tables", "sales.x"), "", ""},
		"one of it without its schema": {name("source.tables", "only"), "matches no table",
			"is in a schema that is not in source.schemas"},
		"an exclusion":                      {name("source.exclude", "orders"), "", ""},
		"an exclusion of what is not taken": {name("source.exclude", "hr.staff"), "", ""},
		"an exclusion without its schema": {name("source.exclude", "staff"), "it excludes nothing",
			"is in a schema that is not in source.schemas"},
		"an exclusion of a table that is named in full": {name("source.exclude", "x"), "", ""},
		"almost a partition":                            {name("source.tables", "Part_1"), "matches no table", "correct the name"},
		"almost a table of a schema that is not taken":  {name("source.tables", "Staff"), "matches no table", "correct the name"},
		"a table of a schema that is not taken": {name("source.tables", "hr.staff"),
			"the intended table is not loaded", `put "hr" there`},
		"a partition":          {name("source.tables", "part_1"), "matches no table", "name that"},
		"almost a table":       {name("source.tables", "Orders"), "matches no table", `did you mean "orders"?`},
		"nothing like one":     {name("source.tables", "xyzzy"), "matches no table", "correct the name"},
		"a pattern":            {name("source.tables", "or*"), "", ""},
		"a pattern of nothing": {name("source.tables", "xy*"), "matches no table", "correct the pattern"},
		"a section":            {section("[tables.plain]", "orders"), "", ""},
		"a section of nothing": {section("[tables.plain]", "xyzzy"),
			"a misspelt mask hides nothing", "remove the section"},
		"a section of almost one": {section("[tables.plain]", "ordres"), "a misspelt mask hides nothing",
			`did you mean [tables."orders"]?`},
		"one that the ledger has":              {name("source.tables", "gone"), "", ""},
		"a section of one that the ledger has": {section("[tables.gone]", "gone"), "", ""},
		"one that is renamed":                  {name("source.tables", "moved"), "", ""},
		"a section that hides of one that is": {section("[tables.moved]", "moved"), "a full load under that name would not apply its options",
			`rename the section to [tables."public.now"]`},
		"a section that hides nothing of one": {section("[tables.plain]", "moved"), "", ""},
		"a schema":                            {config.Name{Key: "source.schemas", Text: "sales"}, "", ""},
		"a schema that is not there": {config.Name{Key: "source.schemas", Text: "xyzzy"}, `there is no schema "xyzzy"`,
			"the schemas are public, sales"},
		"almost a schema": {config.Name{Key: "source.schemas", Text: "Sales"},
			`there is no schema "Sales"`, `did you mean "sales"?`},
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
	came, begun := relation("came", 8), relation("begun", 9)
	for _, table := range []postgres.Relation{came, begun} {
		p.State.Tables[table.Name] = &ledger.TableState{Table: table.Name, Columns: []schema.Column{{Name: "new"}}}
	}
	p.State.Tables[came.Name].Snapshot = &ledger.Done{Columns: []schema.Column{{Name: "dropped"}}}
	for what, c := range map[string]struct {
		column, pattern string
		forgetting      bool
		want            bool
	}{
		"a column that is staged":      {"id", "t", false, true},
		"one that was left out":        {"secret", "t", false, true},
		"one of neither":               {"other", "t", false, false},
		"one since the snapshot":       {"new", "came", false, true},
		"one of the snapshot alone":    {"dropped", "came", false, true},
		"one without a snapshot":       {"new", "begun", false, true},
		"none, without a snapshot":     {"other", "begun", false, false},
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

// Mistakes are one usage error. The first one's remedy is the hint.
func TestErrorOfMistakesInTheConfiguration(t *testing.T) {
	one, other := misnamed("a.toml:1", "it is not there", "", "write it"), misnamed("a.toml:2", "nor is this", "", "write that")
	for want, found := range map[string][]finding.Finding{
		"": nil, "a.toml:1: it is not there": {one},
		"2 names in the configuration match nothing: a.toml:1: it is not there; a.toml:2: nor is this": {one, other},
	} {
		err := refusal(found)
		if want == "" {
			if err != nil {
				t.Errorf("no mistake: %v", err)
			}
			continue
		}
		hint, more := failure.HintOf(err), len(found) > 1
		if err == nil || err.Error() != want || failure.KindOf(err) != failure.Usage || !strings.HasPrefix(hint, "write it") ||
			strings.Contains(hint, "has the fix for each") != more {
			t.Errorf("%v (kind %d, hint %q)", err, failure.KindOf(err), hint)
		}
	}
}

// A mask by HMAC needs a key of some length.
func TestMasksThatHaveNoKey(t *testing.T) {
	c := selecting(t).Config
	enough := []byte(strings.Repeat("k", shape.MinKeyBytes))
	if found := withoutKey(c); found != nil {
		t.Errorf("without a mask: %+v", found)
	}
	c.ColumnNames = []config.ColumnName{{Where: "a.toml:3", Label: "[tables.t]", Option: "mask", Column: "mail", HMAC: true}}
	for key, want := range map[string]int{"": 1, string(enough[1:]): 1, string(enough): 0} {
		c.Shape.Key = []byte(key)
		found := withoutKey(c)
		if len(found) != want || want > 0 && !strings.Contains(found[0].What, `a.toml:3: [tables.t]: column "mail" has the mask hmac-sha256`) {
			t.Errorf("a key of %d bytes: %+v", len(key), found)
		}
	}
}

// Tables that have another name by now. One that was dropped has none.
func TestTablesThatWereRenamed(t *testing.T) {
	tables := map[uint32]*ledger.TableState{7: {Table: public("t")}, 8: {Table: public("same")}, 9: {Table: public("gone")}}
	got := renamed(tables, map[uint32]schema.TableName{7: public("u"), 8: public("same"), 10: public("new")})
	if len(got) != 1 || got[public("t")] != public("u") {
		t.Errorf("renamed are %v", got)
	}
}

// An option for a column is a mistake if none of the section's tables has the column. Partitions and
// tables of other schemas are not the section's.
func TestOptionsForColumnsOfNoTable(t *testing.T) {
	p := selecting(t)
	p.State = loaded(relation("had", 9)) // it left out the column "secret"
	n := &naming{s: p, schemas: []string{"public"}, names: &postgres.CatalogNames{}}
	of := map[schema.TableName][]string{}
	table := func(name schema.TableName, root string, columns ...string) {
		n.names.Relations = append(n.names.Relations, postgres.NamedRelation{Name: name, Root: schema.TableName{Schema: name.Schema, Name: root}})
		of[name] = columns
	}
	table(public("t"), "", "id", "note")
	table(public("tu"), "", "id", "city")
	table(public("tp"), "t", "id", "part")
	table(public("had"), "", "id")
	table(schema.TableName{Schema: "hr", Name: "th"}, "", "id", "salary")
	for what, c := range map[string]struct {
		pattern, column string
		want, remedy    string
	}{
		"its column":              {"t", "note", "", ""},
		"a column of one of them": {"t*", "city", "", ""},
		"a column of none of them": {"t*", "zzz", `[tables.x] mask names column "zzz", which it does not have`,
			"its columns are city, id, note"},
		"of one table, in its order":  {"t", "zzz", `names column "zzz"`, "its columns are id, note"},
		"almost a column":             {"t", "Note", `names column "Note"`, `did you mean "note"? its columns are id, note`},
		"of a partition":              {"t*", "part", `names column "part"`, "its columns are city, id, note"},
		"of a schema that is not its": {"t*", "salary", `names column "salary"`, "its columns are city, id, note"},
		"of no table":                 {"zzz", "id", "", ""},
		"one that the ledger knows":   {"had", "secret", "", ""},
	} {
		option := config.ColumnName{Where: "a.toml:3", Label: "[tables.x]", Option: "mask", Column: c.column, Pattern: pattern(t, c.pattern)}
		p.Config.ColumnNames = []config.ColumnName{option, option}
		matched, tables := n.matched()
		found := n.missing(matched, of)
		if c.want == "" {
			if len(found) > 0 {
				t.Errorf("%s: %+v", what, found)
			}
			continue
		}
		if len(found) != 2 {
			t.Errorf("%s: %+v", what, found)
			continue
		}
		check(t, what, found[0].What, c.want)
		if found[0].Remedy != c.remedy {
			t.Errorf("%s: %q, want %q", what, found[0].Remedy, c.remedy)
		}
		if len(tables) != len(matched[option.Pattern]) {
			t.Errorf("%s: %v are read", what, tables)
		}
	}
}
