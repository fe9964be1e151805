package publication

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
	"github.com/ingest-tool/ingest/internal/finding"
	"github.com/ingest-tool/ingest/internal/postgres"
	"github.com/ingest-tool/ingest/internal/schema"
)

// Obstacles are what would make a table's snapshot or its publication fail: missing rights of the
// role, and publications that send the table in an unusable way.
func (s *Set) Obstacles(r *postgres.Relation) []finding.Finding {
	var out []finding.Finding
	add := func(what, why, remedy string) *finding.Finding {
		out = append(out, finding.Finding{
			Level: finding.Problem, Kind: failure.Source, Subject: r.Name.String(), What: what, Why: why, Remedy: remedy,
		})
		return &out[len(out)-1]
	}
	user := s.Facts.User
	switch {
	case r.SomeColumns:
		add(fmt.Sprintf("role %s may read only some of its columns", user),
			"a snapshot takes the lock of the whole table and reads ranges of its pages, which SELECT on columns does not allow", s.grantSelect(r))
	case !r.Readable:
		add(fmt.Sprintf("role %s may not read it", user), "", s.grantSelect(r))
	}
	if r.RowSecurity {
		add(fmt.Sprintf("its row level security applies to role %s", user), "a role under a policy would read only some of the rows",
			postgres.BypassRowSecurity(user))
	}
	if name := s.notViaRoot(); r.Partitioned && name != "" {
		add(fmt.Sprintf("it is partitioned, and publication %s has publish_via_partition_root off", name),
			"changes would be sent under the partitions' names",
			fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true);", schema.QuotePostgres(name)))
	} else if !s.Covers(r) && !r.Owned {
		add(fmt.Sprintf("it is not published, and role %s does not own it", user), "only a table's owner can add it to a publication",
			s.publishAs(r)).Shared = true
	}
	if s.Published(r.OID).Ambiguous {
		add(fmt.Sprintf("publications %s and %s hold it with different row filters", s.Names.All, s.Names.Inserts),
			"inserts would use one filter, updates the other",
			fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE %s;", schema.QuotePostgres(s.Names.Inserts), r.Name.SQL()))
	}
	if s.misleads(r) {
		why, remedy := lacking(r, s.all())
		add(why, fmt.Sprintf("publication %s sends updates and deletes that do not identify their row", s.Names.All), remedy)
	}
	return out
}

// grantSelect is the SQL that lets the role read a table and its partitions, which are read one by
// one.
func (s *Set) grantSelect(r *postgres.Relation) string {
	u := &postgres.Unread{Schemas: []string{r.Name.Schema}, Tables: []schema.TableName{r.Name}}
	for _, l := range r.Leaves {
		if l.OID == r.OID {
			continue
		}
		u.Tables = append(u.Tables, l.Name)
		if !slices.Contains(u.Schemas, l.Name.Schema) {
			u.Schemas = append(u.Schemas, l.Name.Schema)
		}
	}
	return strings.Join(GrantSelect(s.Facts.User, u), " ")
}

// GrantSelect is the SQL that lets a role read what it may not read.
func GrantSelect(role string, u *postgres.Unread) (out []string) {
	if len(u.Schemas) > 0 {
		var schemas []string
		for _, s := range u.Schemas {
			schemas = append(schemas, schema.QuotePostgres(s))
		}
		out = append(out, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", strings.Join(schemas, ", "), schema.QuotePostgres(role)))
	}
	if len(u.Tables) > 0 {
		var tables []string
		for _, t := range u.Tables {
			tables = append(tables, t.SQL())
		}
		out = append(out, fmt.Sprintf("GRANT SELECT ON %s TO %s;", strings.Join(tables, ", "), schema.QuotePostgres(role)))
	}
	return out
}

// publishAs is how a role that does not own a table gets it into a publication.
func (s *Set) publishAs(r *postgres.Relation) string {
	name := s.Names.All
	if !r.CanPublishUpdates(s.all()) && s.Names.Inserts != "" {
		name = s.Names.Inserts
	}
	if s.Have[name] == nil {
		return "run `ingest check`, which prints the CREATE PUBLICATION statements that an administrator runs, for all selected tables"
	}
	return fmt.Sprintf("as a superuser: ALTER PUBLICATION %s ADD TABLE %s;", schema.QuotePostgres(name), postgres.Only(r.Name, r.Partitioned))
}

// Unpublished is what keeps a role from publishing tables, and how to allow it.
type Unpublished struct {
	Notes []string // about what the first full load makes
	OIDs  []uint32 // of tables that the role does not own

	what       []string // is missing
	statements []string // for an administrator to run
	grants     []string // instead of the statements; without those of the owners
	user       string
}

// Unpublished compares the publications with the relations. may means that the role may create a
// publication.
func (s *Set) Unpublished(may bool, relations []postgres.Relation) *Unpublished {
	user := s.Facts.User
	u := &Unpublished{user: user}
	var foreign []string
	wanted := slices.Clone(relations)
	for i := range wanted {
		if r := &wanted[i]; !r.Owned && !s.Covers(r) {
			foreign, u.OIDs = append(foreign, r.Name.String()), append(u.OIDs, r.OID)
		}
		wanted[i].Owned = true // as it is for a superuser
	}
	u.statements = s.Statements(wanted)
	for _, name := range s.Names.Names() {
		switch {
		case s.Have[name] == nil && may:
			u.Notes = append(u.Notes, name+" does not exist yet; the first full load makes it")
		case s.Have[name] == nil && len(u.grants) == 0:
			u.what = append(u.what, fmt.Sprintf("%s does not exist, and role %s may not create it", name, user))
			u.grants = append(u.grants,
				fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s;", schema.QuotePostgres(s.Facts.Database), schema.QuotePostgres(user)))
		case s.Have[name] != nil && !s.Have[name].Owned && slices.ContainsFunc(u.statements, altering(name)):
			u.what = append(u.what, fmt.Sprintf("%s lacks tables, and role %s does not own it", name, user))
		}
	}
	if len(foreign) > 0 {
		u.what = append(u.what, fmt.Sprintf("role %s does not own %s", user, list(foreign[:min(len(foreign), namedTables)], len(foreign))))
	}
	return u
}

// Statements are the statements that an administrator runs, if something is missing.
func (u *Unpublished) Statements() (out []string) {
	if !u.Lacking() {
		return nil
	}
	for _, sql := range u.statements {
		out = append(out, sql+";")
	}
	return out
}

// Lacking reports that something is missing.
func (u *Unpublished) Lacking() bool { return len(u.what) > 0 }

// Finding is the problem, none if nothing is missing. owners are the owners of OIDs, without
// superusers.
//
// The statements name the tables: a publication FOR ALL TABLES would make UPDATE and DELETE fail on
// every table of the database without an identity.
func (u *Unpublished) Finding(owners []string) []finding.Finding {
	if !u.Lacking() {
		return nil
	}
	return []finding.Finding{{
		Level: finding.Problem, Kind: failure.Source, Subject: "publication", What: strings.Join(u.what, "; "),
		Why:    "a publication is made by a role with CREATE on the database, and a table is added to it by its owner",
		Remedy: u.remedy(owners),
	}}
}

// remedy is the SQL for a superuser, and how to let the role do it.
func (u *Unpublished) remedy(owners []string) string {
	grants := slices.Clone(u.grants)
	for _, owner := range owners {
		grants = append(grants, fmt.Sprintf("GRANT %s TO %s;", schema.QuotePostgres(owner), schema.QuotePostgres(u.user)))
	}
	remedy := "as a superuser: " + strings.Join(u.statements, "; ") + ";"
	switch {
	case len(grants) == 0:
	case len(u.OIDs) > 0 && len(owners) == 0: // they belong to a superuser
		remedy += " Or, once the role owns the tables: " + strings.Join(grants, " ")
	default:
		remedy += " Or let the role do it: " + strings.Join(grants, " ")
	}
	return remedy
}
