package selection

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// selecting is a pipeline of the schema public. Its ledger is empty or has the given state.
func selecting(t *testing.T, patterns ...string) *Selection {
	t.Helper()
	c := config.Default()
	c.Source.Schemas, c.Destination.Catalog, c.Destination.Schema = []string{"public"}, "dev", "bronze"
	for _, text := range patterns {
		c.Source.Tables = append(c.Source.Tables, pattern(t, text))
	}
	return &Selection{Config: c, Log: slog.New(slog.DiscardHandler), State: ledger.NewState()}
}

func pattern(t *testing.T, text string) config.Pattern {
	t.Helper()
	p, err := config.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// check compares a reason with what it must contain; an empty want means no reason.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func relation(name string, oid uint32) postgres.Relation {
	return postgres.Relation{Table: schema.Table{Name: public(name), OID: oid}, Kind: "r", Persistence: "p", Owned: true, Readable: true}
}

// loaded is a ledger of tables, each with a snapshot that left out the column "secret".
func loaded(relations ...postgres.Relation) *ledger.State {
	state := ledger.NewState()
	state.Origin, state.OriginNumber = &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, 1
	for i := range relations {
		r := &relations[i]
		done := &ledger.Done{Table: r.Name, OID: r.OID, Begin: 2, Columns: r.Columns, Excluded: []string{"secret"}}
		state.Tables[r.Name] = &ledger.TableState{Table: r.Name, OID: r.OID, Columns: r.Columns, Snapshot: done}
	}
	return state
}

// Relations whose changes are not in the WAL, or whose names cannot be represented, are skipped.
func TestRelationsThatCannotBeReplicated(t *testing.T) {
	strange := []postgres.Illegible{{Name: "x\uFFFD", Encoding: "WIN1252"}}
	for what, c := range map[string]struct {
		kind        postgres.RelationKind
		persistence postgres.Persistence
		illegible   []postgres.Illegible
		want        string
		renames     int
	}{
		"a table":                          {"r", "p", nil, "", 0},
		"a partitioned one":                {"p", "p", nil, "", 0},
		"a view":                           {"v", "p", nil, "it is a view", 0},
		"a materialized view":              {"m", "p", nil, "it is a materialized view", 0},
		"a foreign table":                  {"f", "p", nil, "it is a foreign table", 0},
		"an unlogged table":                {"r", "u", nil, "it is unlogged", 0},
		"a temporary table":                {"r", "t", nil, "it is temporary", 0},
		"an illegible name":                {"r", "p", strange, "its name", 1},
		"an unlogged one with such a name": {"r", "u", strange, "it is unlogged", 0},
	} {
		r := &postgres.Relation{Kind: c.kind, Persistence: c.persistence, Illegible: c.illegible}
		if check(t, what, Unreplicable(r), c.want); len(Illegible(r)) != c.renames {
			t.Errorf("%s: names %v", what, Illegible(r))
		}
	}
}

// A table is new if the ledger has no snapshot of it, under its name or a former one.
func TestTablesThatAreNotLoaded(t *testing.T) {
	with := func(name string, oid uint32, begin int64) *ledger.TableState {
		return &ledger.TableState{Table: public(name), OID: oid, Snapshot: &ledger.Done{Begin: begin, OID: oid}}
	}
	for what, c := range map[string]struct {
		relation postgres.Relation
		tables   []*ledger.TableState
		change   func(*ledger.State)
		want     bool
	}{
		"new":                          {relation("t", 7), nil, nil, true},
		"loaded":                       {relation("t", 7), []*ledger.TableState{with("t", 7, 3)}, nil, false},
		"loaded under a former name":   {relation("t", 7), []*ledger.TableState{with("old", 7, 3)}, nil, false},
		"loaded before the origin":     {relation("t", 7), []*ledger.TableState{with("t", 7, 1)}, nil, true},
		"of the name of one that left": {relation("t", 8), []*ledger.TableState{with("t", 7, 3)}, nil, false},
		"of a log that is of another": {relation("t", 7),
			[]*ledger.TableState{{Table: public("old"), OID: 7, Snapshot: &ledger.Done{Begin: 3, OID: 6}}}, nil, true},
		"not selected":               {relation("other", 7), nil, nil, false},
		"a view":                     {postgres.Relation{Table: schema.Table{Name: public("t")}, Kind: "v"}, nil, nil, false},
		"before the first full load": {relation("t", 7), nil, func(s *ledger.State) { s.Origin = nil }, false},
		"of a pipeline that ended":   {relation("t", 7), nil, func(s *ledger.State) { s.Ended = true }, false},
	} {
		state := ledger.NewState()
		state.Origin, state.OriginNumber = &ledger.Origin{}, 2
		for _, table := range c.tables {
			state.Tables[table.Table] = table
		}
		if c.change != nil {
			c.change(state)
		}
		if got := selecting(t, "t").Unloaded(state, state.ByOIDs(), &c.relation); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// Names of --tables: a missing table is an error with the nearest name. A table that cannot be read is
// an error if it is named, and is left out if a pattern matches it.
func TestTablesThatAreNamed(t *testing.T) {
	elsewhere := relation("t", 9)
	elsewhere.Name.Schema = "sales"
	unlogged, strange := relation("u", 8), relation("s", 6)
	unlogged.Persistence, strange.Illegible = "u", []postgres.Illegible{{Name: "s", Column: 2}}
	all := []postgres.Relation{relation("t", 7), relation("orders", 5), unlogged, strange, elsewhere}
	for what, c := range map[string]struct {
		names      string
		want       string
		said, hint string
	}{
		"one":                          {"t", "public.t", "", ""},
		"two, in order":                {"t orders", "public.orders public.t", "", ""},
		"twice":                        {"t public.t", "public.t", "", ""},
		"of another schema":            {"sales.t", "sales.t", "", ""},
		"a pattern":                    {"*", "public.orders public.s public.t public.u", "", ""},
		"a pattern of another schema":  {"s*.t", "sales.t", "", ""},
		"one that is not there":        {"t order", "", `table "order" is not in the source`, `did you mean "orders"?`},
		"one that is nothing like any": {"xyzzy", "", `table "xyzzy" is not in the source`, "`ingest check` lists"},
		"one that is unlogged":         {"u", "", "public.u cannot be loaded: it is unlogged", "leave it out of --tables"},
		"one with an illegible column": {"s", "", "public.s cannot be loaded: the name of its column", "RENAME COLUMN"},
	} {
		p := selecting(t)
		names := strings.Fields(c.names)
		var patterns []config.Pattern
		for _, n := range names {
			patterns = append(patterns, pattern(t, n))
		}
		chosen, err := p.named(all, names, patterns)
		var got []string
		for _, r := range chosen {
			got = append(got, r.Name.String())
		}
		if c.said == "" && err != nil ||
			c.said != "" && (err == nil || !strings.Contains(err.Error(), c.said) || !strings.Contains(failure.HintOf(err),
				c.hint)) || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v (%s)", what, got, err, failure.HintOf(err))
		}
	}
	p := selecting(t, "sales.t", "public.x", "*.y", "other.z")
	if got := p.Schemas([]config.Pattern{pattern(t, "mine.a"), pattern(t, "a")}); !slices.Equal(got,
		[]string{"public", "mine", "sales", "other"}) {
		t.Errorf("schemas %v", got)
	}
	if argument(`a`) != `"a"` || argument(`"A"`) != `'"A"'` {
		t.Errorf("arguments %s %s", argument(`a`), argument(`"A"`))
	}
}

// Two tables never share a target. The later one is an error, or is reported and left out. A renamed
// table keeps its target.
func TestTablesThatWouldShareATarget(t *testing.T) {
	former := relation("T", 7)
	for what, c := range map[string]struct {
		relations []postgres.Relation
		loaded    *postgres.Relation
		left      string // by a run that goes on
		want      string // error of a run that stops; "" for none
	}{
		"each its own":               {[]postgres.Relation{relation("t", 7), relation("u", 8)}, nil, "", ""},
		"the same in other letters":  {[]postgres.Relation{relation("T", 7), relation("t", 8)}, nil, "public.t", "would both become"},
		"one that is loaded":         {[]postgres.Relation{relation("t", 8)}, &former, "public.t", "would both become"},
		"that one, as it is":         {[]postgres.Relation{relation("T", 7)}, &former, "", ""},
		"that one, renamed":          {[]postgres.Relation{relation("t", 7)}, &former, "public.t", "would both become"},
		"that one, renamed, of more": {[]postgres.Relation{relation("t", 7), relation("u", 8)}, &former, "public.t", ""},
	} {
		p := selecting(t)
		if c.loaded != nil {
			p.State = loaded(*c.loaded)
		}
		var left []string
		out, err := p.usable(c.relations, func(table schema.TableName, err error) {
			left = append(left, table.String())
			if failure.KindOf(err) != failure.Usage {
				t.Errorf("%s: %v", what, err)
			}
		})
		if err != nil || strings.Join(left, " ") != c.left || len(out)+len(left) != len(c.relations) {
			t.Errorf("%s: left %v, %v", what, left, err)
		}
		_, err = p.usable(c.relations, nil)
		said := ""
		if err != nil {
			said = err.Error()
		}
		check(t, what, said, c.want)
	}
	p := selecting(t)
	p.Source = &postgres.Source{}
	view := relation("v", 9)
	view.Kind = "v"
	if out, err := p.usable([]postgres.Relation{view}, func(schema.TableName, error) {}); err != nil || len(out) > 0 {
		t.Errorf("a view: %v, %v", out, err)
	}
}
