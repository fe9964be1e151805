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
	user := p.source.Facts.User
	var what, notes, grants, foreign []string
	wanted := slices.DeleteFunc(slices.Clone(relations), func(r postgres.Relation) bool { return unreplicable(&r) != "" })
	var oids []uint32
	for i := range wanted {
		if r := &wanted[i]; !r.Owned && !p.published(r, have) {
			foreign, oids = append(foreign, r.Name.String()), append(oids, r.OID)
		}
		wanted[i].Owned = true // as it is for a superuser
	}
	statements := p.source.PublicationStatements(p.pubs, have, wanted)
	for _, name := range p.pubs.Names() {
		switch {
		case have[name] == nil && may:
			notes = append(notes, name+" does not exist yet; the first full load makes it")
		case have[name] == nil && len(grants) == 0:
			what, grants = append(what, fmt.Sprintf("%s does not exist, and role %s may not create it", name, user)), append(grants, p.grantCreate())
		case have[name] != nil && !have[name].Owned && slices.ContainsFunc(statements, altering(name)):
			what = append(what, fmt.Sprintf("%s lacks tables, and role %s does not own it", name, user))
		}
	}
	if len(foreign) > 0 {
		list := Refused{Tables: foreign[:min(len(foreign), namedTables)], Count: len(foreign)}
		what = append(what, fmt.Sprintf("role %s does not own %s", user, list.list()))
	}
	if len(what) == 0 {
		for _, note := range notes {
			c.add(Note, "publication", note, "", "")
		}
		return nil
	}
	owners, err := p.source.Owners(ctx, conn, oids)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		grants = append(grants, fmt.Sprintf("GRANT %s TO %s;", schema.QuotePostgres(owner), schema.QuotePostgres(user)))
	}
	remedy := "as a superuser: " + strings.Join(statements, "; ") + ";"
	switch {
	case len(grants) == 0:
	case len(foreign) > 0 && len(owners) == 0: // they are a superuser's
		remedy += " Or, once the role owns the tables: " + strings.Join(grants, " ")
	default:
		remedy += " Or let the role do it: " + strings.Join(grants, " ")
	}
	c.add(Problem, "publication", strings.Join(what, "; "),
		"a publication is made by a role with CREATE on the database, and a table is added to it by its owner", remedy)
	return nil
}

// altering matches the statements that alter a publication.
func altering(name string) func(sql string) bool {
	return func(sql string) bool {
		return strings.HasPrefix(sql, "ALTER PUBLICATION "+schema.QuotePostgres(name)+" ")
	}
}
