package replicate

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"ingest/internal/config"
	"ingest/internal/failure"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// selecting is a pipeline of the schema public, with a ledger that has nothing or what
// the state says.
func selecting(t *testing.T, patterns ...string) *Pipeline {
	t.Helper()
	c := config.Default()
	c.Source.Schemas, c.Destination.Catalog, c.Destination.Schema = []string{"public"}, "dev", "bronze"
	for _, text := range patterns {
		c.Source.Tables = append(c.Source.Tables, pattern(t, text))
	}
	return &Pipeline{config: c, log: slog.New(slog.DiscardHandler), ledger: ledgerOf(t, nil, false), pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
}

func pattern(t *testing.T, text string) config.Pattern {
	t.Helper()
	p, err := config.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func relation(name string, oid uint32) postgres.Relation {
	return postgres.Relation{Table: schema.Table{Name: public(name), OID: oid}, Kind: "r", Persistence: "p", Owned: true, Readable: true}
}

// loadedLedger is a ledger of tables, each of which has a snapshot that left a column
// "secret" out.
func loadedLedger(t *testing.T, relations ...postgres.Relation) *ledger.Ledger {
	t.Helper()
	l := ledgerOf(t, &ledger.Origin{System: "7", Database: "shop", Slot: "s"}, false)
	begin := &ledger.Begin{Snapshot: schema.Snapshot{Xmin: 5, Xmax: 5}, Fence: 1, Sort: 1, Taken: time.Now()}
	for _, r := range relations {
		begin.Tables = append(begin.Tables, ledger.BeginTable{Table: r.Name, OID: r.OID})
	}
	entry, err := l.Append(t.Context(), l.Head(), begin)
	for i := 0; err == nil && i < len(relations); i++ {
		r := &relations[i]
		_, err = l.Append(t.Context(), l.Head(), &ledger.Done{
			Table: r.Name, OID: r.OID, Begin: entry.Number, Columns: r.Columns, Excluded: []string{"secret"},
			Directory: fmt.Sprintf("segments/run/%s/snapshot-%d", r.Name, entry.Number),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Relations whose changes are not in the WAL, or whose names cannot be said, are not read.
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
		if check(t, what, unreplicable(r), c.want); len(illegible(r)) != c.renames {
			t.Errorf("%s: names %v", what, illegible(r))
		}
	}
}

// A table is new where the ledger has no snapshot of it, by its name or by a former one.
func TestTablesThatAreNotLoaded(t *testing.T) {
	loaded := func(name string, oid uint32, begin int64) *ledger.TableState {
		return &ledger.TableState{Table: public(name), OID: oid, Snapshot: &ledger.Done{Begin: begin, OID: oid}}
	}
	for what, c := range map[string]struct {
		relation postgres.Relation
		tables   []*ledger.TableState
		change   func(*ledger.State)
		want     bool
	}{
		"new":                          {relation("t", 7), nil, nil, true},
		"loaded":                       {relation("t", 7), []*ledger.TableState{loaded("t", 7, 3)}, nil, false},
		"loaded under a former name":   {relation("t", 7), []*ledger.TableState{loaded("old", 7, 3)}, nil, false},
		"loaded before the origin":     {relation("t", 7), []*ledger.TableState{loaded("t", 7, 1)}, nil, true},
		"of the name of one that left": {relation("t", 8), []*ledger.TableState{loaded("t", 7, 3)}, nil, false},
		"not selected":                 {relation("other", 7), nil, nil, false},
		"a view":                       {postgres.Relation{Table: schema.Table{Name: public("t")}, Kind: "v"}, nil, nil, false},
		"before the first full load":   {relation("t", 7), nil, func(s *ledger.State) { s.Origin = nil }, false},
		"of a pipeline that ended":     {relation("t", 7), nil, func(s *ledger.State) { s.Ended = true }, false},
	} {
		state := ledger.NewState()
		state.Origin, state.OriginNumber = &ledger.Origin{}, 2
		for _, table := range c.tables {
			state.Tables[table.Table] = table
		}
		if c.change != nil {
			c.change(state)
		}
		if got := selecting(t, "t").unloaded(state, state.ByOIDs(), &c.relation); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// Names of --tables: one that is not there is an error with the nearest, and one that
// cannot be read is an error where it is named, and left out where a pattern has it.
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
		if c.said == "" && err != nil || c.said != "" && (err == nil || !strings.Contains(err.Error(), c.said) || !strings.Contains(failure.HintOf(err),
			c.hint)) || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v (%s)", what, got, err, failure.HintOf(err))
		}
	}
	p := selecting(t, "sales.t", "public.x", "*.y", "other.z")
	if got := p.schemas([]config.Pattern{pattern(t, "mine.a"), pattern(t, "a")}); !slices.Equal(got, []string{"public", "mine", "sales", "other"}) {
		t.Errorf("schemas %v", got)
	}
	if argument(`a`) != `"a"` || argument(`"A"`) != `'"A"'` {
		t.Errorf("arguments %s %s", argument(`a`), argument(`"A"`))
	}
}

// Two tables never go into one target: who comes later is an error, or is reported and left
// out, and a table that was renamed goes on where it was.
func TestTablesThatWouldShareATarget(t *testing.T) {
	former := relation("T", 7)
	for what, c := range map[string]struct {
		relations []postgres.Relation
		loaded    *postgres.Relation
		left      string // by a run that goes on
		want      string // error of one that does not; "" for none
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
			p.ledger = loadedLedger(t, *c.loaded)
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
	p.source = &postgres.Source{}
	view := relation("v", 9)
	view.Kind = "v"
	if out, err := p.usable([]postgres.Relation{view}, func(schema.TableName, error) {}); err != nil || len(out) > 0 {
		t.Errorf("a view: %v, %v", out, err)
	}
}

// How two tables get targets of their own: a pattern that tells them apart, unless one is
// loaded already, whose name would change.
func TestRemediesForTargets(t *testing.T) {
	sales, other := schema.TableName{Schema: "sales", Name: "t"}, public("t")
	upper := public("T")
	tg := &targets{staged: map[schema.TableName]bool{}}
	check(t, "of two schemas", tg.remedyOfLogs(other, sales), `set load.table_name = "{schema}_{table}", or name = "…" under [tables."sales.t"]`)
	check(t, "of letters alone", tg.remedyOfLogs(other, upper), `give one of them another name (name = "…" under [tables."public.T"]`)
	tg.staged[other] = true
	check(t, "of one that is loaded", tg.remedyOfLogs(other, sales), "public.t was loaded before: give the other another name")
	p := selecting(t)
	both := p.targets()
	both.take(public("t_current"))
	if taken, ok := both.viewTaken(public("t")); !ok || taken.table != public("t_current") {
		t.Errorf("the name of the view of t is that of %+v: %v", taken, ok)
	}
	if _, ok := both.viewTaken(public("u")); ok {
		t.Error("the name of the view of u is taken")
	}
}

// A publication that another made must send what it is for.
func TestPublicationsThatSendTooLittle(t *testing.T) {
	p := selecting(t)
	for what, c := range map[string]struct {
		info *postgres.PublicationInfo
		name string
		want string
	}{
		"all":                      {&postgres.PublicationInfo{Insert: true, Update: true, Delete: true}, "p", ""},
		"none":                     {nil, "p", ""},
		"inserts only":             {&postgres.PublicationInfo{Insert: true}, "p", "insert, update, delete, truncate"},
		"no deletes":               {&postgres.PublicationInfo{Insert: true, Update: true}, "p", "insert, update, delete, truncate"},
		"no updates":               {&postgres.PublicationInfo{Insert: true, Delete: true}, "p", "insert, update, delete, truncate"},
		"inserts, the second one":  {&postgres.PublicationInfo{Insert: true}, "p_inserts", ""},
		"no inserts, of that":      {&postgres.PublicationInfo{Update: true, Delete: true}, "p_inserts", "insert, truncate"},
		"no inserts, of the first": {&postgres.PublicationInfo{Update: true, Delete: true}, "p", "insert, update, delete, truncate"},
	} {
		said, remedy := p.unfit(c.info, c.name)
		if check(t, what, remedy, c.want); (said == "") != (c.want == "") {
			t.Errorf("%s: %q", what, said)
		}
	}
}

// A publication FOR ALL TABLES is the only one, until the ledger's origin names two.
func TestPublicationForAllTablesIsTheOnlyOne(t *testing.T) {
	all, some := &postgres.PublicationInfo{AllTables: true}, &postgres.PublicationInfo{}
	for what, c := range map[string]struct {
		origin *ledger.Origin
		ended  bool
		have   map[string]*postgres.PublicationInfo
		only   bool
	}{
		"for all tables":              {nil, false, map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, after a drop":       {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, true, map[string]*postgres.PublicationInfo{"p": all}, true},
		"for all, of an origin":       {&ledger.Origin{System: "7", Database: "d", Slot: "s"}, false, map[string]*postgres.PublicationInfo{"p": all}, false},
		"for some":                    {nil, false, map[string]*postgres.PublicationInfo{"p": some}, false},
		"none":                        {nil, false, nil, false},
		"for all, and the second one": {nil, false, map[string]*postgres.PublicationInfo{"p": all, "p_inserts": some}, false},
	} {
		p := selecting(t)
		p.ledger = ledgerOf(t, c.origin, c.ended)
		if p.foundAll(c.have); (p.pubs.Inserts == "") != c.only {
			t.Errorf("%s: the second one is %q", what, p.pubs.Inserts)
		}
	}
}

// What a table without a usable identity means, by the publication that has it.
func TestTablesWithoutAnIdentity(t *testing.T) {
	keyed := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	changed := func(change func(*postgres.Relation)) *postgres.Relation {
		r := relation("t", 7)
		r.Identity = schema.Identity{Kind: schema.IdentityDefault}
		change(&r)
		return &r
	}
	bare := changed(func(*postgres.Relation) {})
	with := &postgres.PublicationInfo{Tables: []uint32{7}, Insert: true, Update: true, Delete: true}
	inserts := &postgres.PublicationInfo{Tables: []uint32{7}, Insert: true}
	p := selecting(t)
	for what, c := range map[string]struct {
		r      *postgres.Relation
		have   map[string]*postgres.PublicationInfo
		want   string
		remedy string
	}{
		"with a key": {changed(func(r *postgres.Relation) { r.Identity = keyed }), nil, "", ""},
		"without one": {bare, nil, "it has no primary key and no replica identity: updates and deletes are not replicated",
			"`ingest full-load --tables public.t`"},
		"without one, published for all": {bare, map[string]*postgres.PublicationInfo{"p": with},
			"makes the application's own UPDATE and DELETE on it fail", "ALTER TABLE"},
		"published for inserts": {bare, map[string]*postgres.PublicationInfo{"p": inserts}, "are not replicated", "ALTER TABLE"},
		"NOTHING": {changed(func(r *postgres.Relation) { r.Identity.Kind = schema.IdentityNothing }), nil,
			"its replica identity is NOTHING", "ALTER TABLE"},
		"an index that is gone": {changed(func(r *postgres.Relation) { r.Identity.Kind = schema.IdentityIndex }), nil,
			"the index of its replica identity was dropped", "ALTER TABLE"},
		"a deferrable key": {changed(func(r *postgres.Relation) { r.Deferrable = true }), nil, "its primary key is deferrable", "ALTER TABLE"},
	} {
		said, remedy := p.identity(c.r, c.have)
		check(t, what, said, c.want)
		check(t, what, remedy, c.remedy)
		if had := strings.Contains(remedy, "ADD PRIMARY KEY"); had != (what == "without one" || what == "published for inserts") {
			t.Errorf("%s: remedy %q", what, remedy)
		}
	}
	got := *changed(func(r *postgres.Relation) { r.Identity = keyed })
	for what, c := range map[string]struct {
		have map[string]*postgres.PublicationInfo
		want bool
	}{
		"in both":                {map[string]*postgres.PublicationInfo{"p": with, "p_inserts": inserts}, false},
		"in the second one":      {map[string]*postgres.PublicationInfo{"p_inserts": inserts}, true},
		"in none":                {map[string]*postgres.PublicationInfo{"p_inserts": {}}, false},
		"there is no second one": {nil, false},
	} {
		if is := p.insertsOnly(&got, c.have); is != c.want {
			t.Errorf("%s: %v", what, is)
		}
	}
}

// What keeps a table from being loaded, each by itself.
func TestObstaclesOfTables(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Pipeline, *postgres.Relation, map[string]*postgres.PublicationInfo)
		want   string
	}{
		"none":       {func(*Pipeline, *postgres.Relation, map[string]*postgres.PublicationInfo) {}, ""},
		"unreadable": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) { r.Readable = false }, "may not read it"},
		"some columns": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) {
			r.Readable, r.SomeColumns = false, true
		}, "may read only some of its columns"},
		"policies": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) { r.RowSecurity = true }, "row level security"},
		"partitions under their names": {func(_ *Pipeline, r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
			r.Partitioned, pubs["p"].ViaRoot = true, false
		}, "publish_via_partition_root off"},
		"partitions under their root": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) { r.Partitioned = true }, ""},
		"no partitions": {func(_ *Pipeline, _ *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
			pubs["p"].ViaRoot = false
		}, ""},
		"another's, and not published": {func(_ *Pipeline, r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
			r.Owned, pubs["p"].Tables = false, nil
		}, "it is not published"},
		"another's, and published": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) { r.Owned = false }, ""},
		"its own, and not published": {func(_ *Pipeline, _ *postgres.Relation, pubs map[string]*postgres.PublicationInfo) {
			pubs["p"].Tables = nil
		}, ""},
		"a name that is too long": {func(_ *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) {
			r.Name.Name = strings.Repeat("x", 256)
		}, "is not a name that Unity Catalog takes"},
		"a name that holds a variable": {func(p *Pipeline, r *postgres.Relation, _ map[string]*postgres.PublicationInfo) {
			p.config.Destination.Schema = "${x}"
		}, "holds ${…}"},
	} {
		p := selecting(t)
		p.source = &postgres.Source{Facts: postgres.Facts{User: "ingest"}}
		r := relation("t", 7)
		r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		r.Columns = []schema.Column{{Name: "id", Number: 1, Key: true, Type: schema.Type{Kind: schema.Int32}}}
		r.PrimaryKey = []string{"id"}
		pubs := map[string]*postgres.PublicationInfo{"p": {Tables: []uint32{7}, Insert: true, Update: true, Delete: true, ViaRoot: true}}
		c.change(p, &r, pubs)
		var said []string
		for _, o := range p.obstacles(&r, pubs) {
			said = append(said, o.what)
		}
		if check(t, what, strings.Join(said, "; "), c.want); len(said) > 1 {
			t.Errorf("%s: %v", what, said)
		}
	}
	p := selecting(t)
	p.source = &postgres.Source{Facts: postgres.Facts{User: "ingest"}}
	r := relation("t", 7)
	r.Leaves = []postgres.Leaf{{OID: 7, Name: r.Name}, {OID: 8, Name: schema.TableName{Schema: "parts", Name: "a"}}, {OID: 9,
		Name: schema.TableName{Schema: "parts", Name: "b"}}}
	const want = `GRANT USAGE ON SCHEMA "public", "parts" TO "ingest"; GRANT SELECT ON "public"."t", "parts"."a", "parts"."b" TO "ingest";`
	if got := p.grantSelect(&r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// An error of several lines is one of one line, in which nothing comes twice, and is still
// what it was.
func TestErrorsInOneLine(t *testing.T) {
	one := errors.New("one")
	if inOneLine(one) != one {
		t.Error("an error of one line is another one")
	}
	joined := inOneLine(errors.Join(one, fmt.Errorf("two: %w", fs.ErrNotExist), one))
	if joined.Error() != "one; two: file does not exist" || !errors.Is(joined, fs.ErrNotExist) {
		t.Errorf("%v", joined)
	}
}
