package publication

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Statements that fail for one reason are reported together: the number of tables, the names of ten of
// them, and their statements, each once.
func TestRefusedStatementsInOneError(t *testing.T) {
	own := postgres.Publications{All: "p", Inserts: "p_inserts"}
	refusal := func(i int, publication, fix string) postgres.Refusal {
		return postgres.Refusal{
			Table: public(fmt.Sprint("t", i)), Publication: publication, Update: true, Delete: true, Why: "it has no identity", Fix: fix,
		}
	}
	var many []postgres.Refusal
	for i := range namedTables + 2 {
		many = append(many, refusal(i, "p", fmt.Sprintf("ALTER TABLE t%d;", i)))
	}
	out := Group(own, many)
	if len(out) != 1 || !out[0].Own || out[0].Count != 12 || len(out[0].Tables) != 10 ||
		!strings.HasSuffix(out[0].Remedy, "ALTER TABLE t9; Then run `ingest check` again, which names the next of the other 2.") {
		t.Errorf("%+v", out)
	}
	if want := "p makes the application's own UPDATE and DELETE fail on 12 tables: public.t0, "; !strings.HasPrefix(out[0].What(), want) ||
		!strings.HasSuffix(out[0].What(), "public.t9 and 2 more") {
		t.Errorf("it is reported as %q", out[0].What())
	}
	out = Group(own, []postgres.Refusal{refusal(1, "p", "FIX;"), refusal(2, "p", "FIX;"), refusal(3, "other", "FIX;")})
	if len(out) != 2 || out[0].Remedy != "FIX;" || out[1].Own ||
		out[1].What() != "other makes the application's own UPDATE and DELETE fail on public.t3" {
		t.Errorf("%+v", out)
	}
	if out := Group(own, many[:namedTables]); strings.Contains(out[0].Remedy, "again") || strings.Contains(out[0].What(), "more") {
		t.Errorf("all are named: %+v", out)
	}
}

// A table moves to the publication of inserts only if the pipeline may do it. Nothing else that the
// publications send changes.
func TestTablesThatGoOverToThePublicationOfInserts(t *testing.T) {
	const drop, add = `ALTER PUBLICATION "p" DROP TABLE ONLY "public"."t"`, `ALTER PUBLICATION "p_inserts" ADD TABLE ONLY "public"."t"`
	type given struct {
		all, inserts *postgres.PublicationInfo
		refusal      *postgres.Refusal
	}
	for name, c := range map[string]struct {
		change func(*given)
		want   []string
	}{
		"as it should be": {func(*given) {}, []string{add, drop}},
		"it is in both":   {func(g *given) { g.inserts.Tables = []uint32{7} }, []string{drop}},
		"in both, and the rest is not ours": {
			func(g *given) { g.inserts.Tables, g.inserts.Owned, g.refusal.RootOwned = []uint32{7}, false, false }, []string{drop},
		},
		"of another publication":       {func(g *given) { g.refusal.Publication = "other" }, nil},
		"the publication is gone":      {func(g *given) { g.all = nil }, nil},
		"the publication is not ours":  {func(g *given) { g.all.Owned = false }, nil},
		"by its schema":                {func(g *given) { g.refusal.BySchema = true }, nil},
		"listed with its root":         {func(g *given) { g.refusal.Listed = []uint32{7, 8} }, nil},
		"there is no second one":       {func(g *given) { g.inserts = nil }, nil},
		"the second one sends updates": {func(g *given) { g.inserts.Update = true }, nil},
		"the second one sends deletes": {func(g *given) { g.inserts.Delete = true }, nil},
		"the second one is not ours":   {func(g *given) { g.inserts.Owned = false }, nil},
		"the table is not ours":        {func(g *given) { g.refusal.RootOwned = false }, nil},
	} {
		g := given{
			&postgres.PublicationInfo{Name: "p", Owned: true, Tables: []uint32{7}}, &postgres.PublicationInfo{Name: "p_inserts", Owned: true},
			&postgres.Refusal{
				Table: public("t"), Root: public("t"), RootOID: 7, RootKind: "r", RootOwned: true, Publication: "p", Listed: []uint32{7}, Update: true,
			},
		}
		c.change(&g)
		have := map[string]*postgres.PublicationInfo{}
		if g.all != nil {
			have["p"] = g.all
		}
		if g.inserts != nil {
			have["p_inserts"] = g.inserts
		}
		statements, spared, left := setOf(have).Spare([]postgres.Refusal{*g.refusal, *g.refusal}) // of two partitions
		if diff := cmp.Diff(c.want, statements); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if went := len(c.want) > 0; went && (len(spared) != 1 || len(left) != 0) || !went && (len(spared) != 0 || len(left) != 2) {
			t.Errorf("%s: %d go over, %d stay", name, len(spared), len(left))
		}
	}
}

// A full load makes the second publication with the tables that the first one must not contain. A
// statement moves a table that is in the first one.
func TestTablesOfTheSecondPublication(t *testing.T) {
	keyed := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	relations := []postgres.Relation{{Table: schema.Table{OID: 7}}, {Table: schema.Table{OID: 8}},
		{Table: schema.Table{OID: 9, Identity: keyed}}}
	have := map[string]*postgres.PublicationInfo{"p": {Name: "p", Owned: true, Tables: []uint32{7}}}
	made := setOf(have).WithInserts(relations).inserts()
	if made == nil || !made.Owned || made.Update || made.Delete || !slices.Equal(made.Tables, []uint32{8}) {
		t.Errorf("it is made as %+v", made)
	}
	if have["p_inserts"] != nil {
		t.Error("what is there was changed")
	}
	there := &postgres.PublicationInfo{Name: "p_inserts"}
	if have["p_inserts"] = there; setOf(have).WithInserts(relations).inserts() != there {
		t.Error("one that is there is made again")
	}
	alone := &Set{Names: postgres.Publications{All: "p"}, Have: map[string]*postgres.PublicationInfo{}}
	if got := alone.WithInserts(relations).Have; len(got) > 0 {
		t.Errorf("a pipeline of one publication makes %v", got)
	}
}

// A table counts as one without updates and deletes while only the second publication contains it, and
// only because it has no usable identity itself.
func TestTablesThatAreInsertedIntoOnly(t *testing.T) {
	keyed := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	of := func(oids ...uint32) *postgres.PublicationInfo { return &postgres.PublicationInfo{Tables: oids} }
	const want = "its updates and deletes are not replicated any more, because it has no primary key"
	for what, c := range map[string]struct {
		identity     schema.Identity
		all, inserts *postgres.PublicationInfo
		want         string
	}{
		"in the second one":          {schema.Identity{}, of(8), of(7), want},
		"the first one is gone":      {schema.Identity{}, nil, of(7), want},
		"in both":                    {schema.Identity{}, of(7), of(7), ""},
		"in the first one":           {schema.Identity{}, of(7), of(8), ""},
		"in none":                    {schema.Identity{}, of(8), of(8), ""},
		"there is no second one":     {schema.Identity{}, of(8), nil, ""},
		"it could be in the first":   {keyed, of(8), of(7), ""},
		"it could, and that is gone": {keyed, nil, of(7), ""},
	} {
		r := &postgres.Relation{Table: schema.Table{OID: 7, Identity: c.identity}}
		check(t, what, setOf(map[string]*postgres.PublicationInfo{"p": c.all, "p_inserts": c.inserts}).WithoutUpdates(r), c.want)
	}
}
