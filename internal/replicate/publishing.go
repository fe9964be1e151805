package replicate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ingest/internal/postgres"
	"ingest/internal/schema"
)

// publishAs is how a table gets into a publication for a role that does not own
// it.
func (p *Pipeline) publishAs(r *postgres.Relation, pubs map[string]*postgres.PublicationInfo) string {
	name := p.pubs.All
	if !r.CanPublishUpdates(pubs[p.pubs.All]) && p.pubs.Inserts != "" {
		name = p.pubs.Inserts
	}
	if pubs[name] == nil {
		return "run `ingest check`, which prints the CREATE PUBLICATION statements that an administrator runs, for all selected tables"
	}
	return fmt.Sprintf("as a superuser: ALTER PUBLICATION %s ADD TABLE %s;", schema.QuotePostgres(name), postgres.Only(r.Name, r.Partitioned))
}

// grantCreate is the SQL that lets the role make a publication.
func (p *Pipeline) grantCreate() string {
	return fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;", schema.QuotePostgres(p.source.Facts.Database), schema.QuotePostgres(p.source.Facts.User))
}

// publishing says once, for all tables, what keeps the role from publishing
// them, and the statements that an administrator runs in its place.
//
// They name the tables: a publication FOR ALL TABLES would make UPDATE and
// DELETE fail on every table of the database that has no identity.
func (c *Checker) publishing(ctx context.Context, p *Pipeline, conn *pgx.Conn, have map[string]*postgres.PublicationInfo, relations []postgres.Relation) error {
	may, err := p.source.MayCreatePublication(ctx, conn)
	if err != nil {
		return err
	}
	u := p.unpublished(may, have, relations)
	if len(u.what) == 0 {
		for _, note := range u.notes {
			c.add(Note, "publication", note, "", "")
		}
		return nil
	}
	owners, err := p.source.Owners(ctx, conn, u.oids)
	if err != nil {
		return err
	}
	c.add(Problem, "publication", strings.Join(u.what, "; "),
		"a publication is made by a role with CREATE on the database, and a table is added to it by its owner", u.remedy(owners, p.source.Facts.User))
	return nil
}

// unpublished is what keeps a role from publishing tables, and what lets it.
type unpublished struct {
	what       []string // is missing
	notes      []string // of what the first full load makes
	statements []string // that an administrator runs
	grants     []string // in their place, but for those of the owners
	oids       []uint32 // of tables that the role does not own
}

// unpublished compares the publications with the relations. may says that the role
// may make a publication.
func (p *Pipeline) unpublished(may bool, have map[string]*postgres.PublicationInfo, relations []postgres.Relation) *unpublished {
	u, user := &unpublished{}, p.source.Facts.User
	var foreign []string
	wanted := slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool { return unreplicable(&r) != "" })
	for i := range wanted {
		if r := &wanted[i]; !r.Owned && !p.published(r, have) {
			foreign, u.oids = append(foreign, r.Name.String()), append(u.oids, r.OID)
		}
		wanted[i].Owned = true // as it is for a superuser
	}
	u.statements = p.source.PublicationStatements(p.pubs, have, wanted)
	for _, name := range p.pubs.Names() {
		switch {
		case have[name] == nil && may:
			u.notes = append(u.notes, name+" does not exist yet; the first full load makes it")
		case have[name] == nil && len(u.grants) == 0:
			u.what, u.grants = append(u.what, fmt.Sprintf("%s does not exist, and role %s may not create it", name, user)), append(u.grants, p.grantCreate())
		case have[name] != nil && !have[name].Owned && slices.ContainsFunc(u.statements, altering(name)):
			u.what = append(u.what, fmt.Sprintf("%s lacks tables, and role %s does not own it", name, user))
		}
	}
	if len(foreign) > 0 {
		list := Refused{Tables: foreign[:min(len(foreign), namedTables)], Count: len(foreign)}
		u.what = append(u.what, fmt.Sprintf("role %s does not own %s", user, list.list()))
	}
	return u
}

// remedy is the SQL for a superuser, and what lets the role do it. owners are
// those of the tables that are not the role's, but for superusers.
func (u *unpublished) remedy(owners []string, user string) string {
	grants := slices.Clone(u.grants)
	for _, owner := range owners {
		grants = append(grants, fmt.Sprintf("GRANT %s TO %s;", schema.QuotePostgres(owner), schema.QuotePostgres(user)))
	}
	remedy := "as a superuser: " + strings.Join(u.statements, "; ") + ";"
	switch {
	case len(grants) == 0:
	case len(u.oids) > 0 && len(owners) == 0: // they are a superuser's
		remedy += " Or, once the role owns the tables: " + strings.Join(grants, " ")
	default:
		remedy += " Or let the role do it: " + strings.Join(grants, " ")
	}
	return remedy
}

// altering matches the statements that alter a publication.
func altering(name string) func(sql string) bool {
	return func(sql string) bool {
		return strings.HasPrefix(sql, "ALTER PUBLICATION "+schema.QuotePostgres(name)+" ")
	}
}
