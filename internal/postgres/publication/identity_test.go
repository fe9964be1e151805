package publication

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

func public(name string) schema.TableName { return schema.TableName{Schema: "public", Name: name} }

// setOf is a set of two publications that a role "ingest" uses.
func setOf(have map[string]*postgres.PublicationInfo) *Set {
	return &Set{Facts: postgres.Facts{User: "ingest"}, Names: postgres.Publications{All: "p", Inserts: "p_inserts"}, Have: have}
}

func relation(name string, oid uint32) postgres.Relation {
	return postgres.Relation{Table: schema.Table{Name: public(name), OID: oid}, Kind: "r", Persistence: "p", Owned: true, Readable: true}
}

// check compares a reason with what it must contain; an empty want means no reason.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// A publication of another owner must send what it is needed for.
func TestPublicationsThatSendTooLittle(t *testing.T) {
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
		said, remedy := setOf(map[string]*postgres.PublicationInfo{c.name: c.info}).Incomplete(c.name)
		if check(t, what, remedy, c.want); (said == "") != (c.want == "") {
			t.Errorf("%s: %q", what, said)
		}
	}
}

// What a table without a usable identity means, by the publication that contains it.
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
	updates, deletes := *inserts, *inserts
	updates.Update, deletes.Delete = true, true
	generated := func(kind schema.IdentityKind) *postgres.Relation { // by a column that no publication of this version sends
		return changed(func(r *postgres.Relation) {
			r.Generated, r.PrimaryKey = []schema.Column{{Name: "g"}}, []string{"g"}
			r.Identity = schema.Identity{Kind: kind, Columns: []string{"g"}}
		})
	}
	const notSent = `its replica identity has the generated column "g", which is not sent: updates and deletes are not replicated`
	deferrable := generated(schema.IdentityIndex)
	deferrable.Deferrable = true
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
		"without one, published for updates": {bare, map[string]*postgres.PublicationInfo{"p": &updates},
			"makes the application's own UPDATE and DELETE on it fail", "ALTER TABLE"},
		"without one, published for deletes": {bare, map[string]*postgres.PublicationInfo{"p": &deletes},
			"makes the application's own UPDATE and DELETE on it fail", "ALTER TABLE"},
		"without one, and others are published": {bare,
			map[string]*postgres.PublicationInfo{"p": {Tables: []uint32{8}, Insert: true, Update: true, Delete: true}},
			"it has no primary key and no replica identity: updates and deletes are not replicated", "ALTER TABLE"},
		"a key that is not sent":               {generated(schema.IdentityDefault), nil, notSent, "ALTER TABLE"},
		"an index that is not sent":            {generated(schema.IdentityIndex), nil, notSent, "ALTER TABLE"},
		"an index that is not sent, and a key": {deferrable, nil, notSent, "ALTER TABLE"},
		"published without its key":            {generated(schema.IdentityDefault), map[string]*postgres.PublicationInfo{"p": with}, "", ""},
		"without one, and the whole row is not sent": {changed(func(r *postgres.Relation) { r.Generated = []schema.Column{{Name: "g"}} }), nil,
			"it has no primary key and no replica identity: updates and deletes are not replicated", "ALTER TABLE"},
		"published for inserts": {bare, map[string]*postgres.PublicationInfo{"p": inserts}, "are not replicated", "ALTER TABLE"},
		"NOTHING": {changed(func(r *postgres.Relation) { r.Identity.Kind = schema.IdentityNothing }), nil,
			"its replica identity is NOTHING", "ALTER TABLE"},
		"an index that is gone": {changed(func(r *postgres.Relation) { r.Identity.Kind = schema.IdentityIndex }), nil,
			"the index of its replica identity was dropped", "ALTER TABLE"},
		"a deferrable key": {changed(func(r *postgres.Relation) { r.Deferrable = true }), nil, "its primary key is deferrable", "ALTER TABLE"},
	} {
		said, remedy := setOf(c.have).Identity(c.r)
		check(t, what, said, c.want)
		check(t, what, remedy, c.remedy)
		keyless := []string{"without one", "without one, and others are published",
			"without one, and the whole row is not sent", "published for inserts"}
		if times := strings.Count(remedy, "ADD PRIMARY KEY"); times > 1 || (times == 1) != slices.Contains(keyless, what) {
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
		if is := setOf(c.have).InsertsOnly(&got); is != c.want {
			t.Errorf("%s: %v", what, is)
		}
	}
}

// The role owns some of the existing publications.
func TestPublicationsThatTheRoleOwns(t *testing.T) {
	pubs := map[string]*postgres.PublicationInfo{
		"p": {Name: "p", Owned: true}, "p_inserts": {Name: "p_inserts"}, "other": {Name: "other", Owned: true},
	}
	if got := setOf(pubs).Owned(); len(got) != 1 || got[0] != "p" {
		t.Errorf("drops publications %v", got)
	}
	if got := setOf(pubs).Anothers(); len(got) != 1 || got[0] != "p_inserts" {
		t.Errorf("leaves publications %v", got)
	}
	if got := setOf(nil).Owned(); len(got) > 0 {
		t.Errorf("drops publications %v, which are not there", got)
	}
}

// A publication FOR ALL TABLES is the only one, unless there is a second one.
func TestPublicationsForAllTables(t *testing.T) {
	all, some := &postgres.PublicationInfo{AllTables: true, Tables: []uint32{7}}, &postgres.PublicationInfo{Tables: []uint32{8}}
	for what, c := range map[string]struct {
		have        map[string]*postgres.PublicationInfo
		only        bool
		seven, nine bool // whether they hold the tables
	}{
		"none":                        {nil, false, false, false},
		"for all":                     {map[string]*postgres.PublicationInfo{"p": all}, true, true, false},
		"for some":                    {map[string]*postgres.PublicationInfo{"p": some}, false, false, false},
		"for all, and the second one": {map[string]*postgres.PublicationInfo{"p": all, "p_inserts": some}, false, true, false},
		"the second one alone":        {map[string]*postgres.PublicationInfo{"p_inserts": all}, false, true, false},
	} {
		s := setOf(c.have)
		if s.OnlyForAll() != c.only || s.Holds(7) != c.seven || s.Holds(9) != c.nine {
			t.Errorf("%s: only %v, holds %v and %v", what, s.OnlyForAll(), s.Holds(7), s.Holds(9))
		}
	}
}
