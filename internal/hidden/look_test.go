package hidden

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/failure/failuretest"
	"github.com/ingest-tool/ingest/internal/ledger"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/schema"
	"github.com/ingest-tool/ingest/internal/shape"
	"github.com/ingest-tool/ingest/internal/target"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// What a look at the catalog finds of a loaded table when no message shows it.
func TestWhatNoMessageShows(t *testing.T) {
	type given struct {
		table *ledger.TableState
		now   *postgres.Relation
		pub   *postgres.PublicationInfo
		rules *shape.Options
		other *postgres.PublicationInfo // publication of inserts
	}
	column := func(name string, number int16) schema.Column {
		return schema.Column{Name: name, Number: number, Postgres: schema.PostgresType{
			OID: 25, Base: 25, Typmod: -1, BaseTypmod: -1, Name: "text", Class: "b",
		}, Type: schema.Type{Kind: schema.String}}
	}
	number := schema.PostgresType{OID: 23, Base: 23, Typmod: -1, BaseTypmod: -1, Name: "integer", Class: "b"}
	for name, c := range map[string]struct {
		change func(*given)
		want   string
	}{
		"nothing":                 {func(*given) {}, ""},
		"it left the publication": {func(g *given) { g.pub.Tables = nil }, "the table is no longer in the publication"},
		"it was taken out for a while": {func(g *given) { g.pub.MemberIDs = []uint32{71} },
			"the table was taken out of the publication and put back"},
		"it went over": {func(g *given) {
			g.pub.Tables, g.other, g.now.Identity = nil, &postgres.PublicationInfo{Name: "p_inserts", Tables: []uint32{7}}, schema.Identity{}
		}, "its updates and deletes are not replicated any more"},
		"another publication sends it": {func(g *given) {
			g.table.Witness = &ledger.Witness{Publication: schema.Publication{Name: "q"}}
		}, "publication p sends its changes now, and q did"},
		"the key is one that was left out": {func(g *given) {
			g.table.Snapshot.Excluded, g.table.Snapshot.Highest = []string{"w"}, 3
			g.now.Columns, g.now.Identity.Columns = append(g.now.Columns, column("w", 3)), []string{"w"}
		}, `column "w" was excluded, and no longer is`},
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
		}, `column "w" is an excluded column under another name`},
		"one that was left out comes": {func(g *given) {
			g.table.Snapshot.Excluded, g.table.Snapshot.Highest = []string{"w"}, 3
			g.now.Columns = append(g.now.Columns, column("w", 3))
		}, `column "w" was excluded, and no longer is`},
		"another key":                      {func(g *given) { g.now.Identity.Columns = []string{"v"} }, "its key changed from (id) to (v)"},
		"another key, which is not staged": {func(g *given) { g.now.Identity.Columns = []string{"gone"} }, "its key changed from (id) to none"},
		"partitions of a plain table":      {func(g *given) { g.table.Partitions = []uint32{70} }, ""},
		"a partition is gone": {func(g *given) { g.now.Partitioned, g.table.Partitions = true, []uint32{70} },
			"a partition was detached or dropped"},
		"a partition is there": {func(g *given) {
			g.now.Partitioned, g.table.Partitions, g.now.Leaves = true, []uint32{70}, []postgres.Leaf{{OID: 70}}
		}, ""},
		"a partition was attached": {func(g *given) {
			g.now.Partitioned, g.now.Leaves = true, []postgres.Leaf{{OID: 70, Name: public("t_1"), Attached: []uint32{70}}}
		}, "partition public.t_1 was attached, and its rows were not sent"},
		"options that do not fit": {func(g *given) { g.rules.Rename = map[string]string{"v": "id"} },
			"refused: the configuration does not fit public.t"},
		"it is masked now": {func(g *given) { g.rules.Masks = map[string]schema.Mask{"v": {Kind: schema.MaskNull}} },
			`column "v" has another mask`},
	} {
		columns := []schema.Column{column("id", 1), column("v", 2)}
		identity := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		g := given{
			&ledger.TableState{Table: public("t"), OID: 7, Columns: columns, Snapshot: &ledger.Done{
				Begin: 3, OID: 7, Membership: 70, Columns: columns, Highest: 2, Identity: identity,
			}},
			&postgres.Relation{Table: schema.Table{Name: public("t"), OID: 7, Columns: []schema.Column{column("id", 1),
				column("v", 2)}, Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}}, Kind: "r", Persistence: "p"},
			&postgres.PublicationInfo{Name: "p", Tables: []uint32{7}, Members: []uint32{7}, MemberIDs: []uint32{70}}, &shape.Options{}, nil,
		}
		c.change(&g)
		to := target.Names{Config: &config.Config{}}
		to.Config.Shape = shape.Rules{Sections: []shape.Section{{Matches: func(schema.TableName) bool { return true }, Options: *g.rules}}}
		look := &Look{Source: &postgres.Source{}, Names: to}
		pubs := &publication.Set{Names: postgres.Publications{
			All: "p", Inserts: "p_inserts",
		}, Have: map[string]*postgres.PublicationInfo{"p": g.pub, "p_inserts": g.other}}
		ahead, got, err := look.change(t.Context(), nil, g.table, g.now, pubs)
		if err != nil {
			got = "refused: " + err.Error()
		}
		failuretest.Reason(t, name, got, c.want)
		var names []string // of the columns that the ledger records before a change shows them
		for i := 0; ahead != nil && i < len(ahead.Columns); i++ {
			names = append(names, ahead.Columns[i].Name)
		}
		failuretest.Reason(t, name+", columns", strings.Join(names, ", "), map[string]string{
			"a column was renamed": "id, w", "the key was renamed": "ident, v", "a column was renamed and has its first name again": "id, v",
		}[name])
	}
}

// Of the loaded tables, each that needs a full load gets a mark, and each other one a witness. Those
// that a load has not completed, that were dropped or that have a mark get neither.
func TestTablesThatAreMarked(t *testing.T) {
	column := schema.Column{Name: "id", Number: 1,
		Postgres: schema.PostgresType{OID: 23, Base: 23, Typmod: -1, BaseTypmod: -1, Name: "integer",
			Class: "b"}, Type: schema.Type{Kind: schema.Int32}}
	identity := schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
	state := ledger.NewState()
	state.OriginNumber, state.Position = 2, 90
	byOID := map[uint32]*postgres.Relation{}
	pub := &postgres.PublicationInfo{Name: "p"}
	for i, name := range []string{"well", "unlogged", "dropped", "marked", "stale", "begun", "replaced", "late"} {
		oid := uint32(i + 7)
		table := &ledger.TableState{Table: public(name), OID: oid, Columns: []schema.Column{column}, Begin: &ledger.Begin{Fence: 50}}
		table.Snapshot = &ledger.Done{Begin: 3, OID: oid, Columns: table.Columns, Highest: 1, Identity: identity}
		state.Tables[table.Table] = table
		r := &postgres.Relation{
			Table: schema.Table{Name: table.Table, OID: oid, Columns: []schema.Column{column}, Identity: identity}, Kind: "r", Persistence: "p",
		}
		byOID[oid], pub.Tables = r, append(pub.Tables, oid)
		switch name {
		case "unlogged":
			r.Persistence = "u"
		case "dropped":
			delete(byOID, oid)
		case "marked":
			table.Reload, r.Persistence = &ledger.ReloadMark{}, "u"
		case "stale":
			table.Snapshot.Begin = 1
		case "begun":
			table.Snapshot = nil
		case "late":
			r.Persistence, table.Begin.Fence = "u", 100
		}
	}
	look := &Look{Source: &postgres.Source{}, Names: target.Names{Config: &config.Config{}}}
	pubs := &publication.Set{Names: postgres.Publications{All: "p"}, Have: map[string]*postgres.PublicationInfo{"p": pub}}
	found, err := look.compare(t.Context(), nil, state, byOID,
		map[schema.TableName]string{public("replaced"): "another table has its name"}, pubs)
	if err != nil {
		t.Fatal(err)
	}
	var marks, seen, ahead []string
	for _, m := range found.Marks {
		marks = append(marks, m.Table.Name+" "+m.LSN.String()+" "+m.Reason)
		if m.Generation != 3 {
			t.Errorf("%s: the mark is of generation %d", m.Table, m.Generation)
		}
	}
	for _, w := range found.Seen {
		seen = append(seen, w.Table.Name)
	}
	for _, a := range found.Ahead {
		ahead = append(ahead, a.Table.Name)
	}
	want := []string{"late 0/65 the table became unlogged", "replaced 0/5A another table has its name",
		"unlogged 0/5A the table became unlogged"}
	if !slices.Equal(marks, want) || !slices.Equal(seen, []string{"well"}) || !slices.Equal(ahead, []string{"well"}) {
		t.Errorf("marks %q, witnesses %q, columns %q", marks, seen, ahead)
	}
}
