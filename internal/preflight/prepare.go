package preflight

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ingest-tool/ingest/internal/config"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/origin"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/postgres/publication"
	"github.com/ingest-tool/ingest/internal/selection"
)

// Preparation is what a source lacks before a role can replicate the selected tables.
type Preparation struct {
	Role     *postgres.Role
	Tables   []postgres.Relation // selected
	LeftOut  []finding.Finding   // selected relations that cannot be replicated
	SQL      []string            // what an administrator runs, in this order, each with its semicolon
	Settings []finding.Finding   // of the server: warnings, and problems that SQL does not solve
}

// Prepare looks at the relations, of which the configuration selects some. It reads on a session of any
// role; the rights are those of the named role, which need not exist.
func Prepare(ctx context.Context, conn *pgx.Conn, source *postgres.Source, c *config.Config, name string,
	relations []postgres.Relation) (*Preparation, error) {
	p := &Preparation{}
	for i := range relations {
		r := &relations[i]
		if !c.Source.Selects(r.Name) {
			continue
		}
		if why := selection.Unreplicable(r); why != "" {
			p.LeftOut = append(p.LeftOut, leftOut(r, why)...)
			continue
		}
		p.Tables = append(p.Tables, *r)
	}
	facts := source.Facts
	facts.User, facts.MayReplicate = name, true // REPLICATION is among the SQL
	p.Settings = slices.DeleteFunc(source.Needs(&facts), func(f finding.Finding) bool { return f.Level == finding.OK })
	p.Settings = append(p.Settings, defects(&facts, source.Alone())...)

	names := origin.FirstNames(c, facts.Database).Reads()
	set, err := publication.Read(ctx, conn, source, names)
	if err != nil {
		return nil, err
	}
	if set.OnlyForAll() {
		set.Names.Inserts = ""
	}
	set.Facts = facts
	catalog := source.Catalog(conn)
	if p.Role, err = catalog.Role(ctx, name); err != nil {
		return nil, err
	}
	unread, err := catalog.As(ctx, p.Role, p.Tables, set.Have)
	if err != nil {
		return nil, err
	}
	p.SQL = slices.Concat(p.Role.Make(facts.Database, !source.Alone()), p.grants(unread),
		set.Unpublished(p.Role.MayCreate, p.Tables).Statements())
	for _, name := range set.Names.Names() {
		if what, remedy := set.Incomplete(name); what != "" {
			p.SQL = append(p.SQL, remedy)
		}
	}
	return p, nil
}

// grants are the statements that let the role read the tables.
func (p *Preparation) grants(unread *postgres.Unread) (out []string) {
	if slices.ContainsFunc(p.Tables, func(r postgres.Relation) bool { return r.RowSecurity }) {
		out = append(out, postgres.BypassRowSecurity(p.Role.Name))
	}
	return append(out, publication.GrantSelect(p.Role.Name, unread)...)
}
