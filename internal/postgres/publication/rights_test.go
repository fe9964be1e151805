package publication

import (
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// What a role lacks to publish tables is what an administrator does instead. Nothing that belongs to
// another role changes without an administrator.
func TestWhatKeepsARoleFromPublishing(t *testing.T) {
	facts := postgres.Facts{Database: "shop", User: "reader"}
	pub := func(owned bool, oids ...uint32) *postgres.PublicationInfo {
		return &postgres.PublicationInfo{Owned: owned, Tables: oids}
	}
	type pubs = map[string]*postgres.PublicationInfo
	const creates, lacks = "p does not exist, and role reader may not create it", "p lacks tables, and role reader does not own it"
	const owns = "role reader does not own public.t"
	const orGrant, orLater = " Or let the role do it: ", " Or, once the role owns the tables: "
	for name, c := range map[string]struct {
		may, owned bool
		have       pubs
		owners     []string
		what       string
		notes      int
		or         string
	}{
		"it makes them":             {true, true, nil, nil, "", 2, ""},
		"it makes the second one":   {true, true, pubs{"p": pub(true, 7)}, nil, "", 1, ""},
		"it may not make them":      {false, true, nil, nil, creates, 0, orGrant + `GRANT CREATE ON DATABASE "shop" TO "reader";`},
		"it may not make one":       {false, true, pubs{"q": pub(true)}, nil, creates, 0, orGrant},
		"they are there":            {false, true, pubs{"p": pub(false, 7), "q": pub(false)}, nil, "", 0, ""},
		"its own lacks the table":   {false, true, pubs{"p": pub(true), "q": pub(true)}, nil, "", 0, ""},
		"another's lacks the table": {true, true, pubs{"p": pub(false), "q": pub(false)}, nil, lacks, 0, ""},
		"another's table": {true, false, pubs{"p": pub(true), "q": pub(true)}, []string{"app"}, owns, 0,
			orGrant + `GRANT "app" TO "reader";`},
		"another's table, which is published": {true, false, pubs{"p": pub(true, 7), "q": pub(true)}, nil, "", 0, ""},
		"a superuser's table":                 {true, false, pubs{"p": pub(true), "q": pub(true)}, nil, owns, 0, ""},
		"a superuser's, and no publication":   {false, false, nil, nil, creates + "; " + owns, 0, orLater},
		"another's, and no publication":       {false, false, nil, []string{"app"}, creates + "; " + owns, 0, orGrant},
	} {
		r := postgres.Relation{Kind: "r", Persistence: "p", Owned: c.owned}
		r.Table = schema.Table{Name: public("t"), OID: 7, Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}}
		s := &Set{Facts: facts, Names: postgres.Publications{All: "p", Inserts: "q"}, Have: c.have}
		u := s.Unpublished(c.may, []postgres.Relation{r})
		if got := strings.Join(u.what, "; "); got != c.what || len(u.Notes) != c.notes || (len(u.OIDs) > 0) != strings.Contains(c.what, owns) {
			t.Errorf("%s: %+v", name, u)
		}
		found := u.Finding(c.owners)
		if len(found) != min(1, len(c.what)) {
			t.Errorf("%s: %d findings", name, len(found))
		}
		if c.what == "" {
			continue
		}
		remedy := found[0].Remedy
		if !strings.HasPrefix(remedy, "as a superuser: ") || !strings.Contains(remedy, c.or) || c.or == "" && strings.Contains(remedy, " Or ") {
			t.Errorf("%s: %s", name, remedy)
		}
	}
}

// How a role that does not own a table gets it into a publication.
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
		s := &Set{Names: postgres.Publications{All: "p", Inserts: c.inserts}, Have: c.have}
		check(t, what, s.publishAs(c.r), c.want)
	}
}

// What keeps a table from being read or published, each case by itself.
func TestObstaclesOfTables(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*postgres.Relation, *postgres.PublicationInfo)
		want   string
	}{
		"none":       {func(*postgres.Relation, *postgres.PublicationInfo) {}, ""},
		"unreadable": {func(r *postgres.Relation, _ *postgres.PublicationInfo) { r.Readable = false }, "may not read it"},
		"some columns": {func(r *postgres.Relation, _ *postgres.PublicationInfo) { r.Readable, r.SomeColumns = false, true },
			"may read only some of its columns"},
		"policies": {func(r *postgres.Relation, _ *postgres.PublicationInfo) { r.RowSecurity = true }, "row level security"},
		"partitions under their names": {func(r *postgres.Relation, p *postgres.PublicationInfo) {
			r.Partitioned, p.ViaRoot = true, false
		}, "publish_via_partition_root off"},
		"partitions under their root": {func(r *postgres.Relation, _ *postgres.PublicationInfo) { r.Partitioned = true }, ""},
		"no partitions":               {func(_ *postgres.Relation, p *postgres.PublicationInfo) { p.ViaRoot = false }, ""},
		"another's, and not published": {func(r *postgres.Relation, p *postgres.PublicationInfo) { r.Owned, p.Tables = false, nil },
			"it is not published"},
		"another's, and published":   {func(r *postgres.Relation, _ *postgres.PublicationInfo) { r.Owned = false }, ""},
		"its own, and not published": {func(_ *postgres.Relation, p *postgres.PublicationInfo) { p.Tables = nil }, ""},
		"sent without a key": {func(r *postgres.Relation, _ *postgres.PublicationInfo) {
			r.Generated, r.Identity.Columns = []schema.Column{{Name: "g"}}, []string{"g"}
		}, "publication p sends updates and deletes that do not identify their row"},
		"updates sent without a key": {func(r *postgres.Relation, p *postgres.PublicationInfo) {
			r.Generated, r.Identity.Columns, p.Delete = []schema.Column{{Name: "g"}}, []string{"g"}, false
		}, "publication p sends updates and deletes that do not identify their row"},
		"deletes sent without a key": {func(r *postgres.Relation, p *postgres.PublicationInfo) {
			r.Generated, r.Identity.Columns, p.Update = []schema.Column{{Name: "g"}}, []string{"g"}, false
		}, "publication p sends updates and deletes that do not identify their row"},
		"inserts of a table whose key is not sent": {func(r *postgres.Relation, p *postgres.PublicationInfo) {
			r.Generated, r.Identity.Columns, p.Update, p.Delete = []schema.Column{{Name: "g"}}, []string{"g"}, false, false
		}, ""},
		"a table whose key is not sent, and it is not published": {func(r *postgres.Relation, p *postgres.PublicationInfo) {
			r.Generated, r.Identity.Columns, p.Tables = []schema.Column{{Name: "g"}}, []string{"g"}, nil
		}, ""},
	} {
		r := relation("t", 7)
		r.Identity = schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}
		r.PrimaryKey = []string{"id"}
		p := &postgres.PublicationInfo{Tables: []uint32{7}, Insert: true, Update: true, Delete: true, ViaRoot: true}
		c.change(&r, p)
		found := setOf(map[string]*postgres.PublicationInfo{"p": p}).Obstacles(&r)
		var said []string
		for _, o := range found {
			said = append(said, o.What+": "+o.Why)
			if o.Level != finding.Problem || o.Kind != failure.Source || o.Subject != "public.t" ||
				o.Shared != (what == "another's, and not published") {
				t.Errorf("%s: %+v", what, o)
			}
		}
		if check(t, what, strings.Join(said, "; "), c.want); len(said) > 1 {
			t.Errorf("%s: %v", what, said)
		}
	}
	s := setOf(nil)
	r := relation("t", 7)
	r.Leaves = []postgres.Leaf{{OID: 7, Name: r.Name}, {OID: 8, Name: schema.TableName{Schema: "parts", Name: "a"}}, {OID: 9,
		Name: schema.TableName{Schema: "parts", Name: "b"}}}
	const want = `GRANT USAGE ON SCHEMA "public", "parts" TO "ingest"; GRANT SELECT ON "public"."t", "parts"."a", "parts"."b" TO "ingest";`
	if got := s.grantSelect(&r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
