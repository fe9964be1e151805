package replicate

import (
	"strings"
	"testing"

	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// What a role lacks to publish tables is what an administrator does in its place,
// and nothing is changed that is somebody else's without one.
func TestWhatKeepsARoleFromPublishing(t *testing.T) {
	p := &Pipeline{pubs: postgres.Publications{All: "p", Inserts: "q"}, source: &postgres.Source{Facts: postgres.Facts{Database: "shop", User: "reader"}}}
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
		"it makes them":                       {true, true, nil, nil, "", 2, ""},
		"it makes the second one":             {true, true, pubs{"p": pub(true, 7)}, nil, "", 1, ""},
		"it may not make them":                {false, true, nil, nil, creates, 0, orGrant + `GRANT CREATE ON DATABASE "shop" TO "reader";`},
		"it may not make one":                 {false, true, pubs{"q": pub(true)}, nil, creates, 0, orGrant},
		"they are there":                      {false, true, pubs{"p": pub(false, 7), "q": pub(false)}, nil, "", 0, ""},
		"its own lacks the table":             {false, true, pubs{"p": pub(true), "q": pub(true)}, nil, "", 0, ""},
		"another's lacks the table":           {true, true, pubs{"p": pub(false), "q": pub(false)}, nil, lacks, 0, ""},
		"another's table":                     {true, false, pubs{"p": pub(true), "q": pub(true)}, []string{"app"}, owns, 0, orGrant + `GRANT "app" TO "reader";`},
		"another's table, which is published": {true, false, pubs{"p": pub(true, 7), "q": pub(true)}, nil, "", 0, ""},
		"a superuser's table":                 {true, false, pubs{"p": pub(true), "q": pub(true)}, nil, owns, 0, ""},
		"a superuser's, and no publication":   {false, false, nil, nil, creates + "; " + owns, 0, orLater},
		"another's, and no publication":       {false, false, nil, []string{"app"}, creates + "; " + owns, 0, orGrant},
	} {
		r := postgres.Relation{Kind: "r", Persistence: "p", Owned: c.owned}
		r.Table = schema.Table{Name: public("t"), OID: 7, Identity: schema.Identity{Kind: schema.IdentityDefault, Columns: []string{"id"}}}
		u := p.unpublished(c.may, c.have, []postgres.Relation{r})
		if got := strings.Join(u.what, "; "); got != c.what || len(u.notes) != c.notes || (len(u.oids) > 0) != strings.Contains(c.what, owns) {
			t.Errorf("%s: %+v", name, u)
		}
		if c.what == "" {
			continue
		}
		remedy := u.remedy(c.owners, "reader")
		if !strings.HasPrefix(remedy, "as a superuser: ") || !strings.Contains(remedy, c.or) || c.or == "" && strings.Contains(remedy, " Or ") {
			t.Errorf("%s: %s", name, remedy)
		}
	}
}
