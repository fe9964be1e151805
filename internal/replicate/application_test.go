package replicate

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"ingest/internal/config"
	"ingest/internal/ledger"
	"ingest/internal/postgres"
	"ingest/internal/schema"
	"ingest/internal/shape"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// Statements that fail for one reason are told together: so many tables, of which ten
// are named, and their statements, each once.
func TestRefusedStatementsAreToldTogether(t *testing.T) {
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
	refusal := func(i int, publication, fix string) postgres.Refusal {
		return postgres.Refusal{Table: public(fmt.Sprint("t", i)), Publication: publication, Update: true, Delete: true, Why: "it has no identity", Fix: fix}
	}
	var many []postgres.Refusal
	for i := range namedTables + 2 {
		many = append(many, refusal(i, "p", fmt.Sprintf("ALTER TABLE t%d;", i)))
	}
	out := p.refused(many)
	if len(out) != 1 || !out[0].Own || out[0].Count != 12 || len(out[0].Tables) != 10 || !strings.HasSuffix(out[0].Remedy, "ALTER TABLE t9; Then run `ingest check` again, which names the next of the other 2.") {
		t.Errorf("%+v", out)
	}
	if want := "p makes the application's own UPDATE and DELETE fail on 12 tables: public.t0, "; !strings.HasPrefix(out[0].What(), want) || !strings.HasSuffix(out[0].What(), "public.t9 and 2 more") {
		t.Errorf("it is told as %q", out[0].What())
	}
	out = p.refused([]postgres.Refusal{refusal(1, "p", "FIX;"), refusal(2, "p", "FIX;"), refusal(3, "other", "FIX;")})
	if len(out) != 2 || out[0].Remedy != "FIX;" || out[1].Own || out[1].What() != "other makes the application's own UPDATE and DELETE fail on public.t3" {
		t.Errorf("%+v", out)
	}
	if out := p.refused(many[:namedTables]); strings.Contains(out[0].Remedy, "again") || strings.Contains(out[0].What(), "more") {
		t.Errorf("all are named: %+v", out)
	}
	said := &once{}
	if !said.first("a") || said.first("a") || !said.first("b") {
		t.Error("a text is said more than once")
	}
}

// A table goes over into the publication of inserts only where the pipeline may do it, and
// nothing else of what the publications send changes.
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
		"as it should be":                   {func(*given) {}, []string{add, drop}},
		"it is in both":                     {func(g *given) { g.inserts.Tables = []uint32{7} }, []string{drop}},
		"in both, and the rest is not ours": {func(g *given) { g.inserts.Tables, g.inserts.Owned, g.refusal.RootOwned = []uint32{7}, false, false }, []string{drop}},
		"of another publication":            {func(g *given) { g.refusal.Publication = "other" }, nil},
		"the publication is gone":           {func(g *given) { g.all = nil }, nil},
		"the publication is not ours":       {func(g *given) { g.all.Owned = false }, nil},
		"by its schema":                     {func(g *given) { g.refusal.BySchema = true }, nil},
		"listed with its root":              {func(g *given) { g.refusal.Listed = []uint32{7, 8} }, nil},
		"there is no second one":            {func(g *given) { g.inserts = nil }, nil},
		"the second one sends updates":      {func(g *given) { g.inserts.Update = true }, nil},
		"the second one sends deletes":      {func(g *given) { g.inserts.Delete = true }, nil},
		"the second one is not ours":        {func(g *given) { g.inserts.Owned = false }, nil},
		"the table is not ours":             {func(g *given) { g.refusal.RootOwned = false }, nil},
	} {
		g := given{
			&postgres.PublicationInfo{Name: "p", Owned: true, Tables: []uint32{7}}, &postgres.PublicationInfo{Name: "p_inserts", Owned: true},
			&postgres.Refusal{Table: public("t"), Root: public("t"), RootOID: 7, RootKind: "r", RootOwned: true, Publication: "p", Listed: []uint32{7}, Update: true},
		}
		c.change(&g)
		p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
		have := map[string]*postgres.PublicationInfo{}
		if g.all != nil {
			have["p"] = g.all
		}
		if g.inserts != nil {
			have["p_inserts"] = g.inserts
		}
		statements, spared, left := p.spare([]postgres.Refusal{*g.refusal, *g.refusal}, have) // of two partitions
		if diff := cmp.Diff(c.want, statements); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if went := len(c.want) > 0; went && (len(spared) != 1 || len(left) != 0) || !went && (len(spared) != 0 || len(left) != 2) {
			t.Errorf("%s: %d go over, %d stay", name, len(spared), len(left))
		}
	}
}

// A full load makes the second publication with the tables that the first one must
// not have. A table that is in the first one goes over by a statement.
func TestTablesOfTheSecondPublication(t *testing.T) {
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
	keyed := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	relations := []postgres.Relation{{Table: schema.Table{OID: 7}}, {Table: schema.Table{OID: 8}}, {Table: schema.Table{OID: 9, Identity: keyed}}}
	have := map[string]*postgres.PublicationInfo{"p": {Name: "p", Owned: true, Tables: []uint32{7}}}
	made := p.withInserts(have, relations)["p_inserts"]
	if made == nil || !made.Owned || made.Update || made.Delete || !slices.Equal(made.Tables, []uint32{8}) {
		t.Errorf("it is made as %+v", made)
	}
	if have["p_inserts"] != nil {
		t.Error("what is there was changed")
	}
	there := &postgres.PublicationInfo{Name: "p_inserts"}
	if have["p_inserts"] = there; p.withInserts(have, relations)["p_inserts"] != there {
		t.Error("one that is there is made again")
	}
	alone := &Pipeline{pubs: postgres.Publications{All: "p"}}
	if got := alone.withInserts(map[string]*postgres.PublicationInfo{}, relations); len(got) > 0 {
		t.Errorf("a pipeline of one publication makes %v", got)
	}
}

// A table counts as one without updates and deletes while only the second
// publication has it, and for its own sake.
func TestTablesThatAreInsertedIntoOnly(t *testing.T) {
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
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
		check(t, what, p.insertsOnlyNow(r, map[string]*postgres.PublicationInfo{"p": c.all, "p_inserts": c.inserts}), c.want)
	}
}

// The status has the SQL for a table that waits for a full load without its updates
// and deletes, and for no other one.
func TestRemediesInTheStatus(t *testing.T) {
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}}
	tables := []TableStatus{{Table: "public.bare", Reload: "x"}, {Table: "public.in_both", Reload: "x"},
		{Table: "public.kept", Reload: "x", Quarantine: "y"}, {Table: "public.well"}}
	var relations []postgres.Relation
	for i, name := range []string{"bare", "in_both", "kept", "well", "new"} {
		relations = append(relations, postgres.Relation{Table: schema.Table{Name: public(name), OID: uint32(i)}})
	}
	marked := reloading(tables)
	if len(marked) != 2 {
		t.Errorf("marked are %v", marked)
	}
	p.remedies(marked, relations, map[string]*postgres.PublicationInfo{"p": {Tables: []uint32{1}}, "p_inserts": {Tables: []uint32{0, 1, 2, 3, 4}}})
	for i, want := range []string{"then `ingest full-load --tables public.bare`", "", "", ""} {
		check(t, tables[i].Table, tables[i].Remedy, want)
	}
}

// A publication that the server does not change is left to the next run. A run that
// ends, or whose connection is lost, goes on with nothing.
func TestAnswersOfTheServer(t *testing.T) {
	refused := &pgconn.PgError{Code: "55P03"}
	ended, end := context.WithCancel(t.Context())
	end()
	if !answered(t.Context(), refused) || answered(ended, refused) || answered(t.Context(), io.ErrUnexpectedEOF) {
		t.Error("what is the server's answer?")
	}
}

// Warnings are of the pipeline's own publications, each once.
func TestWarningsOfRefusedStatements(t *testing.T) {
	var said strings.Builder
	p := &Pipeline{pubs: postgres.Publications{All: "p"}, log: slog.New(slog.NewTextHandler(&said, nil))}
	refusals := []postgres.Refusal{{Table: public("mine"), Publication: "p", Update: true}, {Table: public("theirs"), Publication: "other", Update: true}}
	p.warnOfRefused(refusals)
	p.warnOfRefused(refusals)
	if strings.Count(said.String(), "public.mine") != 1 || strings.Contains(said.String(), "public.theirs") {
		t.Error(said.String())
	}
}

// How a table gets into a publication for a role that does not own it.
func TestHowATableIsPublished(t *testing.T) {
	keyed, bare := &postgres.Relation{Table: schema.Table{Name: public("t")}}, &postgres.Relation{Table: schema.Table{Name: public("t")}}
	keyed.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	both := map[string]*postgres.PublicationInfo{"p": {}, "p_inserts": {}}
	for what, c := range map[string]struct {
		r       *postgres.Relation
		inserts string
		have    map[string]*postgres.PublicationInfo
		want    string
	}{
		"with a key":                   {keyed, "p_inserts", both, `ALTER PUBLICATION "p" ADD TABLE`},
		"without one":                  {bare, "p_inserts", both, `ALTER PUBLICATION "p_inserts" ADD TABLE`},
		"without one, one publication": {bare, "", both, `ALTER PUBLICATION "p" ADD TABLE`},
		"it is missing":                {keyed, "p_inserts", nil, "`ingest check`"},
	} {
		p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: c.inserts}}
		check(t, what, p.publishAs(c.r, c.have), c.want)
	}
}

// What a look at the catalog finds of a loaded table that no message shows.
func TestWhatNoMessageShows(t *testing.T) {
	type given struct {
		table *ledger.TableState
		now   *postgres.Relation
		pub   *postgres.PublicationInfo
		rules *shape.Options
		other *postgres.PublicationInfo // of inserts
	}
	column := func(name string, number int16) schema.Column {
		return schema.Column{Name: name, Number: number, Postgres: schema.PostgresType{OID: 25, Base: 25, Typmod: -1, BaseTypmod: -1, Name: "text", Class: "b"}, Type: schema.Type{Kind: schema.String}}
	}
	number := schema.PostgresType{OID: 23, Base: 23, Typmod: -1, BaseTypmod: -1, Name: "integer", Class: "b"}
	for name, c := range map[string]struct {
		change func(*given)
		want   string
	}{
		"nothing":                      {func(*given) {}, ""},
		"it left the publication":      {func(g *given) { g.pub.Tables = nil }, "the table is not in the publication any more"},
		"it was taken out for a while": {func(g *given) { g.pub.MemberIDs = []uint32{71} }, "the table was taken out of the publication and put back"},
		"it went over": {func(g *given) {
			g.pub.Tables, g.other, g.now.Identity = nil, &postgres.PublicationInfo{Name: "p_inserts", Tables: []uint32{7}}, schema.Identity{}
		}, "its updates and deletes are not replicated any more"},
		"another publication sends it": {func(g *given) {
			g.table.Witness = &ledger.Witness{Publication: schema.Publication{Name: "q"}}
		}, "publication p sends its changes now, and q did"},
		"the key is one that was left out": {func(g *given) {
			g.table.Snapshot.Excluded, g.table.Snapshot.Highest = []string{"w"}, 3
			g.now.Columns, g.now.Identity.Columns = append(g.now.Columns, column("w", 3)), []string{"w"}
		}, `column "w" was excluded, and is not any more`},
		"it became unlogged": {func(g *given) { g.now.Persistence = "u" }, "the table became unlogged"},
		"an illegible column": {func(g *given) {
			g.now.Illegible = []postgres.Illegible{{Column: 2, Name: "n\uFFFD", Encoding: "WIN1252"}}
		}, "the name of its column"},
		"an illegible partition":  {func(g *given) { g.now.Illegible = []postgres.Illegible{{Partition: true}} }, ""},
		"a column was made again": {func(g *given) { g.now.Columns[1].Number = 3 }, `column "v" was dropped and added again`},
		"a column was renamed":    {func(g *given) { g.now.Columns[1].Name = "w" }, ""},
		"renamed, and masked now": {func(g *given) {
			g.now.Columns[1].Name, g.rules.Masks = "w", map[string]schema.Mask{"w": {Kind: schema.MaskNull}}
		}, `column "v" was renamed to "w"`},
		"renamed to what another one was called": {func(g *given) {
			g.now.Columns[1].Name, g.table.Columns = "old", g.table.Columns[:2]
			g.table.Changes = []ledger.StagedChanges{{Entry: 4, TableChanges: ledger.TableChanges{Columns: []schema.Column{column("OLD", 5)}}}}
		}, `column "old" has the name in the target that column "OLD" had before`},
		"a column was renamed and has its first name again": {func(g *given) {
			g.table.Columns = []schema.Column{g.table.Columns[0], column("w", 2)}
		}, ""},
		"the key was renamed":       {func(g *given) { g.now.Columns[0].Name, g.now.Identity.Columns = "ident", []string{"ident"} }, ""},
		"renamed, and left out":     {func(g *given) { g.now.Columns[1].Name = "w"; g.rules.Exclude = []string{"w"} }, ""},
		"a column has another type": {func(g *given) { g.now.Columns[1].Postgres = number }, `column "v" changed its type from text to integer`},
		"one that was left out has another name": {func(g *given) {
			g.table.Snapshot.Excluded, g.table.Snapshot.Highest = []string{"secret"}, 3
			g.now.Columns = append(g.now.Columns, column("w", 3))
		}, `column "w" is one that was left out, under another name`},
		"one that was left out comes": {func(g *given) {
			g.table.Snapshot.Excluded, g.table.Snapshot.Highest = []string{"w"}, 3
			g.now.Columns = append(g.now.Columns, column("w", 3))
		}, `column "w" was excluded, and is not any more`},
		"another key":                      {func(g *given) { g.now.Identity.Columns = []string{"v"} }, "its key changed from (id) to (v)"},
		"another key, which is not staged": {func(g *given) { g.now.Identity.Columns = []string{"gone"} }, "its key changed from (id) to none"},
		"partitions of a plain table":      {func(g *given) { g.table.Partitions = []uint32{70} }, ""},
		"a partition is gone":              {func(g *given) { g.now.Partitioned, g.table.Partitions = true, []uint32{70} }, "a partition was detached or dropped"},
		"a partition is there": {func(g *given) {
			g.now.Partitioned, g.table.Partitions, g.now.Leaves = true, []uint32{70}, []postgres.Leaf{{OID: 70}}
		}, ""},
		"a partition was attached": {func(g *given) {
			g.now.Partitioned, g.now.Leaves = true, []postgres.Leaf{{OID: 70, Name: public("t_1"), Attached: []uint32{70}}}
		}, "partition public.t_1 was attached, and its rows were not sent"},
		"options that do not fit": {func(g *given) { g.rules.Rename = map[string]string{"v": "id"} }, "refused: the configuration does not fit public.t"},
		"it is masked now":        {func(g *given) { g.rules.Masks = map[string]schema.Mask{"v": {Kind: schema.MaskNull}} }, `column "v" is masked in another way`},
	} {
		columns := []schema.Column{column("id", 1), column("v", 2)}
		identity := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		g := given{
			&ledger.TableState{Table: public("t"), OID: 7, Columns: columns, Snapshot: &ledger.Done{Begin: 3, OID: 7, Membership: 70, Columns: columns, Highest: 2, Identity: identity}},
			&postgres.Relation{Table: schema.Table{Name: public("t"), OID: 7, Columns: []schema.Column{column("id", 1), column("v", 2)}, Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}}, Kind: "r", Persistence: "p"},
			&postgres.PublicationInfo{Name: "p", Tables: []uint32{7}, Members: []uint32{7}, MemberIDs: []uint32{70}}, &shape.Options{}, nil,
		}
		c.change(&g)
		p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "p_inserts"}, config: &config.Config{}, source: &postgres.Source{}}
		p.config.Shape = shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: *g.rules}}}
		ahead, got, err := p.hiddenChange(t.Context(), nil, g.table, g.now, map[string]*postgres.PublicationInfo{"p": g.pub, "p_inserts": g.other})
		if err != nil {
			got = "refused: " + err.Error()
		}
		check(t, name, got, c.want)
		var names []string // of the columns of which the ledger is to know before a change shows them
		for i := 0; ahead != nil && i < len(ahead.Columns); i++ {
			names = append(names, ahead.Columns[i].Name)
		}
		check(t, name+", columns", strings.Join(names, ", "), map[string]string{
			"a column was renamed": "id, w", "the key was renamed": "ident, v", "a column was renamed and has its first name again": "id, v",
		}[name])
	}
}

// The status names the tables whose updates and deletes are not sent, also where all that
// is sent is loaded, and the command that changes it.
func TestStatusOfTablesWithoutUpdates(t *testing.T) {
	b := newBed(t, `CREATE TABLE t (id int PRIMARY KEY)`, `CREATE TABLE keyless (a int)`, `CREATE TABLE got_a_key (a int NOT NULL)`)
	b.loaded(b.open(nil))
	b.exec(`ALTER TABLE got_a_key ADD PRIMARY KEY (a)`)
	s, err := b.open(nil).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, x := range s.Tables {
		found[x.Table] = x.State + "; " + x.NotReplicated + "; " + x.Remedy
	}
	check(t, "a key", found["public.t"], "loaded; ; ")
	check(t, "no key", found["public.keyless"], "loaded; it has no primary key and no replica identity: updates and deletes are not replicated; "+
		`ALTER TABLE "public"."keyless" REPLICA IDENTITY FULL; or ALTER TABLE "public"."keyless" ADD PRIMARY KEY (…); then `+"`ingest full-load --tables public.keyless`")
	check(t, "a key since", found["public.got_a_key"], "sends its inserts and truncates: updates and deletes are not replicated; ingest full-load --tables public.got_a_key")
	if s.Err() != nil {
		t.Errorf("a monitor is given an error: %v", s.Err())
	}
}
